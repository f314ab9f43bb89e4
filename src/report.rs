//! A denial's other faces: the answer to the caller, the log line, the metric, the access log. One table.

use std::fmt::Write as _;

use crate::config::{Policy, Source};
use crate::guard::address::Doubt;
use crate::guard::replay::OnDuplicate;
use crate::step::{Outcome, Record, Tally};
use crate::verify::{Denial, check::Match};

/// The body of every refusal that says so.
pub const REFUSAL_BODY: &[u8] = b"request denied\n";
/// How long a sender should wait when the fault is not its own, in seconds.
const RETRY_AFTER: &str = "30";
/// The source's name in logs and metrics where none matched. No configured name begins with `_`.
const NO_SOURCE: &str = "_none";

/// The answer to a refused request. It tells the caller nothing but the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers beside the status.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: &'static [u8],
}

/// The answer to `denial`. A lack of proof is answered alike, whatever was lacking. `retry_after`: the seconds that a
/// limit tells.
#[must_use]
pub fn reply(denial: Denial, source: Option<&Source>, retry_after: Option<u64>) -> Reply {
    let mut headers = vec![("content-type", "text/plain".to_owned())];
    let status = match denial {
        Denial::Unmatched => 404,
        Denial::AmbiguousPath
        | Denial::QueryNotAllowed
        | Denial::ContentLengthInvalid
        | Denial::ContentLengthMismatch => 400,
        Denial::TransportInsecure
        | Denial::TlsVersion
        | Denial::ClientCertificateMissing
        | Denial::AddressMissing
        | Denial::AddressDenied => 403,
        Denial::MethodNotAllowed => {
            // RFC 9110, section 15.5.6: a 405 names what is allowed.
            headers.extend(source.map(|source| ("allow", source.shape.allow())));
            405
        }
        Denial::ContentEncoding => 415,
        Denial::FloodLimited | Denial::RateLimited => {
            headers.push(("retry-after", retry_after.unwrap_or(1).to_string()));
            429
        }
        Denial::Duplicate => {
            let status = source.and_then(duplicate_status).unwrap_or(409);
            if status < 300 {
                // To the sender it is a delivery like any other.
                return Reply { status, headers: Vec::new(), body: b"" };
            }
            status
        }
        Denial::TooManyHeaders => 431,
        Denial::BodyTooLarge => 413,
        Denial::BodyTimeout => 408,
        Denial::SourceDisabled
        | Denial::SourceClosed
        | Denial::HoldUnsupported
        | Denial::HostFailure
        | Denial::ReplayFull
        | Denial::ReplayUnavailable => {
            headers.push(("retry-after", RETRY_AFTER.to_owned()));
            source.map_or(503, |source| source.unavailable_status)
        }
        Denial::SecretUnknown
        | Denial::SecretInactive
        | Denial::CredentialMissing
        | Denial::CredentialDuplicated
        | Denial::CredentialMalformed
        | Denial::CredentialMismatch
        | Denial::SignatureMissing
        | Denial::SignatureDuplicated
        | Denial::SignatureMalformed
        | Denial::SignatureExcess
        | Denial::HeaderMissing
        | Denial::HeaderDuplicated
        | Denial::HeaderMalformed
        | Denial::FieldMissing
        | Denial::FieldDuplicated
        | Denial::FieldMalformed
        | Denial::ContentType
        | Denial::BodyMalformed
        | Denial::TokenMalformed
        | Denial::TokenAlgorithm
        | Denial::CoverageMissing
        | Denial::RequireMismatch
        | Denial::DigestMismatch
        | Denial::TokenClaim
        | Denial::TokenExpired
        | Denial::TokenEarly
        | Denial::TimestampMissing
        | Denial::TimestampDuplicated
        | Denial::TimestampMalformed
        | Denial::SignatureMismatch
        | Denial::TimestampStale
        | Denial::TimestampFuture
        | Denial::EventIdMissing => {
            let status = source.map_or(401, |source| source.deny_status);
            // RFC 9110, section 15.5.2: a 401 names a challenge.
            if status == 401 && source.is_some_and(|source| source.basic_challenge) {
                headers.push(("www-authenticate", "Basic realm=\"hookwarden\"".to_owned()));
            }
            status
        }
    };
    Reply { status, headers, body: REFUSAL_BODY }
}

fn duplicate_status(source: &Source) -> Option<u16> {
    match source.replay.as_ref()?.duplicate {
        OnDuplicate::Answer(status) => Some(status),
        OnDuplicate::Pass => None,
    }
}

/// The value of filter state `wasm.hookwarden`, for the access log.
#[must_use]
pub fn filter_state(record: &Record, policy: &Policy) -> String {
    let mut text = String::with_capacity(96);
    for piece in ["source=", source_name(record.source, policy), " outcome=", outcome_word(record.outcome)] {
        text.push_str(piece);
    }
    if let Some(denial) = record.denial() {
        text.push_str(" code=");
        text.push_str(denial.code());
    }
    for (position, found) in record.matches.iter().enumerate() {
        text.push_str(if position == 0 { " key_id=" } else { "," });
        text.push_str(found.secret_id());
    }
    text
}

/// The log line of a refusal: one JSON object. `client` and `request_id` come from outside and are cut down to
/// what cannot break a line.
#[must_use]
pub fn log_line(record: &Record, policy: &Policy, client: &[u8], request_id: &[u8], suppressed: u64) -> Option<String> {
    let denial = record.denial()?;
    let source = record.source.and_then(|position| policy.sources.get(position));
    let mut line = format!(
        r#"{{"event":"{}","source":"{}","code":"{denial}","status":{},"client":"{}","request_id":"{}""#,
        outcome_word(record.outcome),
        source_name(record.source, policy),
        if matches!(record.outcome, Outcome::Observed(_)) { 0 } else { reply(denial, source, None).status },
        harmless(client),
        harmless(request_id),
    );
    if let Some(hint) = hint(denial) {
        let _ = write!(line, r#","hint":"{hint}""#);
    }
    if suppressed > 0 {
        let _ = write!(line, r#","suppressed":{suppressed}"#);
    }
    line.push('}');
    Some(line)
}

/// What the operator should look at, where the code alone does not say it.
fn hint(denial: Denial) -> Option<&'static str> {
    match denial {
        Denial::HoldUnsupported => Some(
            "no body came while headers were held: set allow_on_headers_stop_iteration: true on the plugin, \
             or put envoy.filters.http.buffer after it and say body_hold: chain",
        ),
        Denial::SourceClosed => {
            Some("a secret is not in the VM's environment: see vm_config.environment_variables.host_env_keys")
        }
        Denial::ReplayUnavailable => {
            Some("the shared store did not answer in time, or not as one: see its cluster's health and the time-out")
        }
        Denial::ReplayFull => Some("more events within the window than replay.entries has room for"),
        Denial::AddressMissing => Some("the host tells no client address for this listener"),
        Denial::TimestampStale | Denial::TimestampFuture => {
            Some("a replay, or one of the two clocks is wrong: compare them before the tolerance is widened")
        }
        _ => None,
    }
}

/// The counters of one record.
pub fn counters(record: &Record, policy: &Policy) -> Vec<Counter> {
    let mut counters = vec![Counter::Requests(outcome_word(record.outcome))];
    counters.extend(record.denial().map(Counter::Denials));
    counters.extend(record.matches.iter().map(|found| Counter::Matches(found.clone())));
    debug_assert!(record.source.is_none_or(|source| source < policy.sources.len()));
    counters
}

/// A counter of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Requests by outcome.
    Requests(&'static str),
    /// Denials by code; those that were only observed are among them.
    Denials(Denial),
    /// Matches by the secret's id: is the old one still in use?
    Matches(Match),
}

impl Counter {
    /// The counter's name below a source: `requests.passed`.
    #[must_use]
    pub fn name(&self, source: Option<usize>, policy: &Policy) -> String {
        let source = source_name(source, policy);
        match self {
            Counter::Requests(outcome) => format!("hookwarden.source.{source}.requests.{outcome}"),
            Counter::Denials(denial) => format!("hookwarden.source.{source}.denials.{denial}"),
            Counter::Matches(found) => format!("hookwarden.source.{source}.matches.{}", found.secret_id()),
        }
    }
}

/// What is logged, once, of a doubtful client address.
#[must_use]
pub fn doubt_line(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Shared => {
            "every client seems to have the address of a proxy in front, so that they share limits and pass or fail \
             allow_from together: say in xff_num_trusted_hops how many proxies stand in front"
        }
        Doubt::Forgeable => {
            "the client's address is the last of X-Forwarded-For as the caller wrote it, so that a stranger may choose \
             his: set use_remote_address: true, unless nobody but a proxy that writes this header can call here"
        }
    }
}

/// What a tally adds to the metrics of its source: names, whether it is a gauge, and by how much.
pub fn memory_metrics(tally: &Tally, policy: &Policy) -> Vec<(String, Metric, i64)> {
    let source = source_name(tally.source, policy);
    let count = |by: u64| i64::try_from(by).unwrap_or(i64::MAX);
    [
        ("remembered", Metric::Gauge, tally.remembered),
        ("dropped", Metric::Counter, count(tally.dropped)),
        ("given_back", Metric::Counter, count(tally.given_back)),
        ("stuck", Metric::Counter, count(tally.stuck)),
        ("store_failures", Metric::Counter, count(tally.store_failures)),
        ("duplicates_passed", Metric::Counter, count(tally.duplicates_passed)),
    ]
    .into_iter()
    .filter(|(_, _, by)| *by != 0)
    .map(|(name, metric, by)| (format!("hookwarden.source.{source}.replay.{name}"), metric, by))
    .collect()
}

/// A kind of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// It only grows.
    Counter,
    /// It comes and goes.
    Gauge,
}

/// The name of the counter of all bytes of body that were hashed.
pub const BYTES_HASHED: &str = "hookwarden.bytes_hashed";
/// The name of the gauge of sources that are closed for want of a secret.
pub const SOURCES_CLOSED: &str = "hookwarden.sources_closed";
/// The name of the gauge of secrets whose `not_after` comes within a week.
pub const SECRETS_EXPIRING: &str = "hookwarden.secrets_expiring";

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Denied(_) => "denied",
        Outcome::Observed(_) => "observed",
        Outcome::Unmatched => "unmatched",
    }
}

fn source_name(source: Option<usize>, policy: &Policy) -> &str {
    source.and_then(|position| policy.sources.get(position)).map_or(NO_SOURCE, |source| &source.name)
}

/// The first 64 characters that can stand in a JSON string and a log line as they are.
fn harmless(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take(64)
        .map(|byte| char::from(*byte))
        .filter(|char| char.is_ascii_alphanumeric() || "-_.:[]".contains(*char))
        .collect()
}
