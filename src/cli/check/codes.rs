//! Every code that a finding can have. Codes stay the same in every version, so that a silenced one stays silenced.

use hookwarden::config::problem::Kind;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does not work, or does not protect.
    Error,
    /// It works, but is weaker or more fragile than necessary.
    Warning,
    /// Information; nothing has to be done.
    Note,
}

/// A kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    pub severity: Severity,
    /// What it is about, in a few words.
    pub about: &'static str,
    /// The section of the documents that says more.
    pub docs: &'static str,
}

impl Severity {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// The code of a problem that the filter's own parser reports.
pub fn of(kind: &Kind) -> &'static Code {
    match kind {
        Kind::NotJson => &NOT_JSON,
        Kind::UnknownKey => &UNKNOWN_KEY,
        Kind::RepeatedKey => &REPEATED_KEY,
        Kind::MissingKey => &MISSING_KEY,
        Kind::WrongType => &WRONG_KIND,
        Kind::InvalidValue => &INVALID_VALUE,
        Kind::UnknownProvider => &UNKNOWN_PROVIDER,
        Kind::SourceTaken => &SOURCE_TAKEN,
        Kind::NameTaken => &NAME_TAKEN,
        Kind::SchemeValue | Kind::SchemeValueMissing { .. } => &SCHEME_VALUE,
        Kind::SecretUnusable => &SECRET_UNUSABLE,
        Kind::SecretForm => &SECRET_FORM,
        Kind::VariableUnset => &VARIABLE_UNSET,
        Kind::SecretShort => &SECRET_SHORT,
        Kind::SecretPrefix => &SECRET_PREFIX,
        Kind::WeakCredential => &WEAK_CREDENTIAL,
        Kind::WeakBody | Kind::WeakCoverage => &WEAK_BODY,
        Kind::WeakAlgorithm | Kind::PlainHash | Kind::OpenBoundary => &WEAK_ALGORITHM,
        Kind::ReplayMissing => &REPLAY_MISSING,
        Kind::ReplayEnds => &REPLAY_ENDS,
        Kind::ReplayShort => &REPLAY_SHORT,
        Kind::PrivateAddresses => &ADDRESS_PRIVATE,
        Kind::Advice => &ADVICE,
    }
}

macro_rules! codes {
    ($($name:ident $severity:ident $word:literal $docs:literal $about:literal)*) => {
        $(pub static $name: Code =
            Code { name: $word, severity: Severity::$severity, about: $about, docs: $docs };)*

        /// All of them.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    // The files.
    NOT_TEXT Error "not-text" "docs/configuration.md#when-it-is-refused" "A file is not text in UTF-8."
    NOT_YAML Error "not-yaml" "docs/configuration.md#when-it-is-refused" "A file is not YAML."
    NOT_JSON Error "not-json" "docs/configuration.md#when-it-is-refused" "A file, or the text of a plugin's configuration, is not JSON."
    NO_PLUGIN Error "no-plugin" "docs/envoy.md#plain-envoy" "No file has a hookwarden plugin."
    NOTHING_HERE Note "nothing-here" "docs/envoy.md#plain-envoy" "This file has no hookwarden plugin; it is used as context for the others."
    CONFIGURATION_MISSING Error "configuration-missing" "docs/envoy.md#plain-envoy" "A plugin has no configuration."
    UNKNOWN_FIELD Error "unknown-field" "docs/envoy.md#plain-envoy" "A field is misspelt or in the wrong place: the proxy refuses or ignores it."
    CONFIGURATION_KIND Error "configuration-kind" "docs/envoy.md#plain-envoy" "A plugin's configuration has a form that the proxy does not pass on."

    // The plugin's configuration.
    INVALID_VALUE Error "invalid-value" "docs/configuration.md#every-key" "A key does not accept this value."
    UNKNOWN_KEY Error "unknown-key" "docs/configuration.md#every-key" "A key is not known."
    REPEATED_KEY Error "repeated-key" "docs/configuration.md#every-key" "Duplicate key."
    MISSING_KEY Error "missing-key" "docs/configuration.md#every-key" "A key is missing."
    WRONG_KIND Error "wrong-kind" "docs/configuration.md#every-key" "A value has the wrong type, such as text for a number."
    UNKNOWN_PROVIDER Error "unknown-provider" "docs/configuration.md#checks" "There is no built-in provider of this name."
    SOURCE_TAKEN Error "source-taken" "docs/configuration.md#sources-and-matching" "Two sources have the same host and path, or paths that routers may treat as equal."
    NAME_TAKEN Error "name-taken" "docs/configuration.md#every-key" "Two sources, or two secrets of a list, have the same name."
    SCHEME_VALUE Error "scheme-value" "docs/configuration.md#values-in-with" "A value in `with` is missing, unused, or malformed."
    SECRET_UNUSABLE Error "secret-unusable" "docs/configuration.md#secrets" "A secret is empty, a placeholder, too short, or badly pasted."
    SECRET_FORM Error "secret-form" "docs/configuration.md#secrets" "A secret does not have its sender's format: not base64, another kind of key, not a public key."
    SECRET_SHORT Warning "secret-short" "docs/configuration.md#secrets" "A secret has fewer than 16 bytes."
    SECRET_PREFIX Warning "secret-prefix" "docs/configuration.md#secrets" "A secret lacks the prefix of its sender's secrets."
    ALL_SECRETS_EXPIRED Error "all-secrets-expired" "docs/operations.md#rotating-a-secret" "Every secret of a list has expired, so nothing can be verified."
    SECRET_EXPIRED Warning "secret-expired" "docs/operations.md#rotating-a-secret" "A secret has expired and has no effect."
    SECRET_EXPIRING Warning "secret-expiring" "docs/operations.md#rotating-a-secret" "A secret expires within 14 days."
    SECRET_EARLY Warning "secret-early" "docs/operations.md#rotating-a-secret" "No secret of a list is valid yet."
    SECRET_IN_FILE Warning "secret-in-file" "docs/configuration.md#secrets" "A secret is written in the file itself."
    ADVICE Warning "advice" "docs/configuration.md#every-key" "Works, but should be changed."
    WEAK_CREDENTIAL Note "weak-credential" "docs/configuration.md#weak-schemes" "The proof is a password or token: anyone who sees it can use it."
    WEAK_BODY Note "weak-body" "docs/configuration.md#weak-schemes" "The signature does not cover the whole body or query."
    WEAK_ALGORITHM Note "weak-algorithm" "docs/configuration.md#weak-schemes" "The algorithm is outdated, or bytes can move between signed values."
    STRONGER_PROVIDER Warning "stronger-provider" "docs/configuration.md#weak-schemes" "The same sender has a stronger scheme."
    WEAKEST_OF_ANY Note "weakest-of-any" "docs/configuration.md#checks" "`any` lists a signature and a credential, so the credential alone is enough."
    REPLAY_MISSING Warning "replay-missing" "docs/configuration.md#weak-schemes" "The sender signs no timestamp and no events are remembered: a request can be replayed indefinitely."
    REPLAY_SHORT Warning "replay-short" "docs/configuration.md#every-key" "The replay window is too short to refuse every replay."
    REPLAY_ENDS Note "replay-ends" "docs/configuration.md#weak-schemes" "The sender signs no timestamp: a request can be replayed after the replay window."
    RETRIES_LOST Warning "retries-lost" "docs/configuration.md#window-and-tolerance" "The sender retries for longer than the tolerance, with the timestamp of the first attempt: late retries are refused."
    RETRIES_AGAIN Note "retries-again" "docs/configuration.md#window-and-tolerance" "The sender retries for longer than the replay window: a late retry is treated as a new event."
    TOLERANCE_WIDE Warning "tolerance-wide" "docs/operations.md#finding-out-why-a-sender-gets-401" "A captured request can be replayed for more than an hour."
    HANDSHAKE_UNANSWERED Warning "handshake-unanswered" "docs/handshakes.md#in-two-minutes" "The sender checks the endpoint, but the source does not answer."
    OBSERVES Warning "observes" "docs/configuration.md#modes" "A source only observes and protects nothing."
    DISABLED Note "disabled" "docs/operations.md#in-an-incident" "A source is switched off."
    SOURCES_OVERLAP Warning "sources-overlap" "docs/configuration.md#sources-and-matching" "A source matches requests that another source seems to be meant for."
    UNMATCHED_HOST Warning "unmatched-host" "docs/configuration.md#requests-that-no-source-matches" "A source's path is unprotected on every host that the source does not name."

    // Who holds a request.
    HOLD_MISSING Error "hold-missing" "docs/configuration.md#what-is-held-and-by-whom" "Nothing holds requests: neither the flag nor a buffer filter after hookwarden."
    HOLD_CONTRADICTS Error "hold-contradicts" "docs/configuration.md#what-is-held-and-by-whom" "`body_hold` contradicts the rest of the set-up."
    HOLD_TWICE Warning "hold-twice" "docs/configuration.md#what-is-held-and-by-whom" "Both the flag and a buffer filter hold requests."
    HOLD_UNSEEN Warning "hold-unseen" "docs/configuration.md#what-is-held-and-by-whom" "`body_hold` is `chain`, but the filter chain is not in these files."
    BUFFER_BEFORE Error "buffer-before" "docs/configuration.md#what-is-held-and-by-whom" "The buffer filter comes before hookwarden, where it does not protect the upstream."
    BUFFER_OFF Error "buffer-off" "docs/configuration.md#what-is-held-and-by-whom" "The buffer filter is switched off, for all or for a route."
    BODY_LIMIT Warning "body-limit" "docs/configuration.md#body-size" "`max_body_bytes` exceeds what Envoy buffers, so Envoy refuses such requests first."

    // The filters around ours.
    FAILS_OPEN Error "fails-open" "docs/decision.md#the-decision" "If the module cannot run, or before its configuration arrives, every request passes."
    STAYS_STOPPED Warning "stays-stopped" "docs/operations.md#when-the-vm-stops" "A VM that has stopped stays stopped, with all its sources, until Envoy is restarted."
    PER_ROUTE Error "per-route-config" "docs/configuration.md#sources-and-matching" "A route gives the plugin a configuration of its own, which Envoy refuses or ignores."
    CAPABILITY_MISSING Error "capability-missing" "docs/hosts.md#restricting-the-modules-capabilities" "Envoy's list of capabilities lacks a function that the configuration needs: requests pass unverified or are refused, or events are lost."
    FILTER_OFF Error "filter-off" "docs/decision.md#the-decision" "The plugin is off, for all requests or for some."
    BEHIND_ROUTER Error "behind-router" "docs/envoy.md#plain-envoy" "The plugin comes after the router, which must be the last filter."
    BODY_CHANGED Warning "body-changed" "docs/decision.md#the-decision" "A filter before hookwarden can change the body."
    HEADERS_CHANGED Warning "headers-changed" "docs/decision.md#the-decision" "A filter before hookwarden can change headers."
    PLUGINS_IN_CHAIN Warning "plugins-in-chain" "docs/configuration.md#what-the-upstream-gets" "One filter chain has several hookwarden plugins."
    WAY_AROUND Warning "way-around" "docs/decision.md#the-decision" "A listener without the plugin routes to the same cluster."

    // What Envoy makes of a request.
    PATH_NORMALIZED Warning "path-normalized" "docs/configuration.md#ambiguous-paths" "Paths are changed before the plugin sees them."
    PATH_TIDIED Note "path-tidied" "docs/configuration.md#ambiguous-paths" "Signed paths that need to be normalised will not match here."
    PATH_RAW Warning "path-raw" "docs/configuration.md#ambiguous-paths" "Path normalisation is off, and unmatched requests are forwarded unchanged."
    PATH_UNSET Note "path-unset" "docs/configuration.md#ambiguous-paths" "Path normalisation is neither on nor off explicitly."
    REQUEST_ID_REPLACED Error "request-id-replaced" "docs/configuration.md#what-must-come-through" "Envoy replaces or changes the `x-request-id` that a sender signs."
    SIGNED_HEADER_LOST Error "signed-header-lost" "docs/configuration.md#what-must-come-through" "The proxy removes or rewrites a header that a sender signs."
    SIGNED_HOST_CHANGED Warning "signed-host-changed" "docs/configuration.md#what-must-come-through" "The proxy changes the host that a sender signs."
    ADDRESS_FORGEABLE Error "address-forgeable" "docs/operations.md#log-lines" "An address rule relies on a header that clients can forge."
    ADDRESS_UNTRUSTED Note "address-untrusted" "docs/operations.md#log-lines" "The address in the log comes from a header that clients can forge."
    ADDRESS_PRIVATE Warning "address-private" "docs/operations.md#log-lines" "An address rule lists a load balancer's addresses, which every client appears to have."
    NETWORKS_OLD Warning "networks-old" "docs/configuration.md#addresses" "The list of the sender's networks is more than half a year old."
    FLOOD_SHARED Warning "flood-shared" "docs/configuration.md#failed-proofs" "The flood limit counts addresses that the sender shares with others."
    INTERNAL_CALLERS Warning "internal-callers" "docs/operations.md#headers-that-steer-envoy" "Callers that Envoy treats as internal can make it retry or abort requests."
    TLS_MISSING Error "tls-missing" "docs/limits.md#what-it-does-not-do" "A source requires TLS, but the listener has none."
    HOST_UNROUTED Warning "host-unrouted" "docs/configuration.md#sources-and-matching" "No virtual host serves the host of a source."
    QUERY_LOGGED Warning "query-logged" "docs/operations.md#access-log" "The access log contains a secret from the query."
    TIMEOUT_OFF Warning "timeout-off" "docs/limits.md#what-it-does-not-do" "A timeout that limits how long requests are held is off."

    // The environment.
    VARIABLE_NOT_PASSED Error "variable-not-passed" "docs/configuration.md#secrets" "The plugin does not get the variable of a secret."
    VARIABLE_UNSET Error "variable-unset" "docs/configuration.md#secrets" "A variable is not set, so its source is closed."
    LIVE_SECRET_UNSET Error "live-secret-unset" "docs/live-secrets.md#from-a-file-or-a-kubernetes-secret" "No filter before the plugin puts a live secret into filter state."
    LIVE_SECRET_LOGGED Error "live-secret-logged" "docs/live-secrets.md#what-is-trusted" "The access log contains a live secret."
    VARIABLE_UNUSED Note "variable-unused" "docs/configuration.md#secrets" "The plugin gets a variable that no secret uses."

    // The rest of the proxy.
    STORE_CLUSTER Error "store-cluster" "docs/configuration.md#every-key" "The cluster of a replay store is not defined."
    KEY_CLUSTER Error "key-cluster" "docs/live-keys.md#what-is-trusted" "The cluster of a sender's keys is not defined."
    KEY_TLS Error "key-tls" "docs/live-keys.md#what-is-trusted" "A sender's keys are fetched without TLS or without checking the server's name: whoever answers in its place can sign any event."
    KEY_CREDENTIAL Warning "key-credential" "docs/live-keys.md#plaid" "A sender hands out its keys to those with a credential only, and the cluster adds none."
    LIVE_CLUSTER Error "live-cluster" "docs/live-secrets.md#fetched-from-a-service" "The cluster of a live secret is not defined."
    LIVE_TLS Error "live-tls" "docs/live-secrets.md#what-is-trusted" "A live secret is fetched from elsewhere without TLS or without checking the server's name: whoever answers in its place can sign any event."
    HANDSHAKE_CLUSTER Error "handshake-cluster" "docs/handshakes.md#subscriptions-of-amazon-sns" "The cluster that confirms subscriptions is not defined."
    MODULE_CLUSTER Error "module-cluster" "docs/envoy.md#plain-envoy" "The cluster that the module is fetched from is not defined."
    REPLAY_ALONE Warning "replay-alone" "docs/fleet.md#do-you-need-it" "Several proxies remember events, each alone: an event passes once for each."
    HEAP_UNBOUNDED Warning "heap-unbounded" "docs/operations.md#memory" "Nothing sheds load before memory runs out."
    ADMIN_PUBLIC Warning "admin-public" "docs/envoy.md#plain-envoy" "The admin port can be reached from outside."
    STATS_TAGS Note "stats-tags" "docs/operations.md#metrics" "Metrics will have no labels."
    MODULE_UNPINNED Note "module-unpinned" "docs/istio.md#istio" "The module is not pinned by its checksum."

    // Istio and Envoy Gateway.
    SELECTOR_MISSING Warning "selector-missing" "docs/istio.md#istio" "The plugin applies to every workload of its namespace."
    SELECTOR_DIFFERS Error "selector-differs" "docs/istio.md#istio" "The buffer filter applies to other workloads than the plugin."
    BOOTSTRAP_PATCH Warning "bootstrap-patch" "docs/istio.md#metrics-and-alerts" "An EnvoyFilter patches the bootstrap, which has done nothing since Istio 1.21."
    TRAFFIC_MODE Warning "traffic-mode" "docs/istio.md#istio" "The plugin sees no traffic, or more than it should."
    PHASE Note "phase" "docs/istio.md#istio" "Other filters see requests before they are verified."
}
