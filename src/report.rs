//! How a decision shows outside: the response to the caller, the log line, the access log, the metrics.

pub mod current;
mod gauges;
pub mod histograms;
pub mod initial;
mod live;
mod log_budget;
mod metrics;
mod signatures;

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::config::Source;
use crate::guard::address::AddressWarning;
use crate::guard::replay::OnDuplicate;
use crate::handshake::Response;
use crate::step::{DUPLICATE_MARK, Outcome, Record, Refusal};
use crate::verify::Denial;
pub use gauges::{CONFIG_HASH, CONFIG_SINCE, Gauges, SECRETS_EXPIRING, SOURCES_CLOSED, Standing, gauges, standing};
pub use live::{Weight, fetch_failed, live_age, live_available, live_change, live_failures, live_unavailable};
pub use log_budget::LogBudget;
pub use metrics::{BYTES_HASHED, Change, Counter, HashedBytes, Meter, Metric, SourceCounters, changes, counters};
pub use signatures::{SIGNATURES_BY_FILTER, SIGNATURES_BY_HOST, SignatureCounters};

/// The body of every refusal that says so.
pub const REFUSAL_BODY: &[u8] = b"request denied\n";
/// How long a sender should wait before it retries, if the failure is not its own, in seconds.
const RETRY_AFTER: &str = "30";
/// The source's name in logs and metrics if none matched. No configured name begins with `_`.
const NO_SOURCE: &str = "_none";

/// The response to a refused request. It tells the caller nothing but the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, without the status.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body.
    pub body: Cow<'static, [u8]>,
}

/// The response to a refused request. All failed verifications get the same one, whatever failed.
#[must_use]
pub fn reply(refusal: impl Into<Refusal>, source: Option<&Source>) -> Reply {
    let Refusal { denial, status: own_status, retry_after } = refusal.into();
    let mut headers = vec![("content-type".into(), "text/plain".to_owned())];
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
            headers.extend(source.map(|source| ("allow".into(), source.shape.allow())));
            405
        }
        Denial::ContentEncoding => 415,
        Denial::FloodLimited | Denial::RateLimited => {
            headers.push(("retry-after".into(), retry_after.unwrap_or(1).to_string()));
            429
        }
        Denial::Duplicate => {
            // Whoever reads this holds a verified request. A test of the deployment sees that the upstream got nothing.
            let mark = (Cow::Borrowed(DUPLICATE_MARK.0), DUPLICATE_MARK.1.to_owned());
            let status = source.and_then(duplicate_status).unwrap_or(409);
            if status < 300 {
                // To the sender it looks like any successful delivery.
                let mut reply = match source.and_then(|source| source.acknowledgement.as_ref()) {
                    Some(response) => answer(response),
                    None => Reply { status, headers: Vec::new(), body: Cow::Borrowed(b"") },
                };
                reply.headers.push(mark);
                return reply;
            }
            headers.push(mark);
            status
        }
        Denial::TooManyHeaders => 431,
        Denial::BodyTooLarge | Denial::BodyInflation => 413,
        Denial::BodyTimeout => 408,
        Denial::SourceDisabled
        | Denial::SourceClosed
        | Denial::SecretUnavailable
        | Denial::HoldUnsupported
        | Denial::HostFailure
        | Denial::MemoryExhausted
        | Denial::ReplayFull
        | Denial::ReplayUnavailable
        | Denial::KeyUnavailable
        | Denial::HandshakeUnconfirmed => {
            headers.push(("retry-after".into(), RETRY_AFTER.to_owned()));
            source.map_or(503, |source| source.unavailable_status)
        }
        Denial::SecretUnknown
        | Denial::SecretInactive
        | Denial::KeyUnknown
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
        | Denial::HandshakeMalformed
        | Denial::HandshakeMismatch
        | Denial::EventIdMissing => {
            let status = own_status.unwrap_or_else(|| source.map_or(401, |source| source.deny_status));
            // RFC 9110, section 15.5.2: a 401 names a challenge.
            if status == 401 && source.is_some_and(|source| source.basic_challenge) {
                headers.push(("www-authenticate".into(), "Basic realm=\"hookwarden\"".to_owned()));
            }
            status
        }
    };
    Reply { status, headers, body: Cow::Borrowed(REFUSAL_BODY) }
}

/// The answer to a handshake, or the response that a sender wants to every event.
#[must_use]
pub fn answer(response: &Response) -> Reply {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = response.headers.iter().map(|(name, value)| (Cow::Owned(name.clone()), text(value))).collect();
    Reply { status: response.status, headers, body: Cow::Owned(response.body.clone()) }
}

fn duplicate_status(source: &Source) -> Option<u16> {
    match source.replay.as_ref()?.duplicate {
        OnDuplicate::Answer(status) => Some(status),
        OnDuplicate::Pass => None,
    }
}

/// The value of filter state `wasm.hookwarden`, for the access log. `source`: the one that matched.
#[must_use]
pub fn filter_state(record: &Record, source: Option<&Source>) -> String {
    let mut text = String::with_capacity(96);
    for piece in ["source=", source_name(source), " outcome=", outcome_name(record.outcome)] {
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

/// What a log line says of a request in its own words: reduced, or escaped, to characters that cannot break the line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outside<'a> {
    /// The client's address.
    pub client: &'a [u8],
    /// The request's id.
    pub request_id: &'a [u8],
    /// The path, if the line has one.
    pub path: Option<&'a [u8]>,
}

/// The log line of a refusal: one JSON object. `source`: the one that matched.
#[must_use]
pub fn log_line(record: &Record, source: Option<&Source>, outside: Outside<'_>, suppressed: u64) -> Option<String> {
    let denial = record.denial()?;
    let mut line = format!(
        r#"{{"event":"{}","source":"{}","code":"{denial}","status":{},"client":"{}","request_id":"{}""#,
        outcome_name(record.outcome),
        source_name(source),
        if matches!(record.outcome, Outcome::Observed(_)) { 0 } else { reply(record.refusal(denial), source).status },
        sanitized(outside.client),
        sanitized(outside.request_id),
    );
    if let Some(path) = outside.path {
        let _ = write!(line, r#","path":"{}""#, escaped(path));
    }
    if let Some(hint) = hint(denial) {
        let _ = write!(line, r#","hint":"{hint}""#);
    }
    if suppressed > 0 {
        let _ = write!(line, r#","suppressed":{suppressed}"#);
    }
    line.push('}');
    Some(line)
}

/// What the operator should check, where the code alone does not say it.
fn hint(denial: Denial) -> Option<&'static str> {
    match denial {
        Denial::HoldUnsupported => Some(
            "no body came while headers were held: set allow_on_headers_stop_iteration: true on the plugin, \
             or put envoy.filters.http.buffer after it and set body_hold: chain",
        ),
        Denial::SourceClosed => Some(
            "a secret is not in the VM's environment (vm_config.environment_variables.host_env_keys), or unusable: the warnings \
                  of the configuration say which",
        ),
        Denial::KeyUnavailable => Some(
            "the sender's keys were not fetched: earlier lines of this log say why; check the cluster that \"keys\" names, and \
             its TLS",
        ),
        Denial::SecretUnavailable => Some(
            "a live secret is absent, unusable or could not be fetched: earlier lines of this log say which; is the filter that \
             puts it into filter state in front of this one?",
        ),
        Denial::ReplayUnavailable => Some(
            "the shared store did not answer in time, or gave an invalid answer: check its cluster's health and the \
             timeout",
        ),
        Denial::ReplayFull => Some("more events arrived within the window than replay.entries has room for"),
        Denial::AddressMissing => Some("the host reports no client address on this listener"),
        Denial::MemoryExhausted => Some(
            "requests that are not verified yet hold too much memory: find out who sends them before you raise \
             max_held_bytes",
        ),
        Denial::AddressDenied => Some(
            "compare client with allow_from and deny_from; if it is a proxy's address, check use_remote_address and \
             xff_num_trusted_hops",
        ),
        Denial::TimestampStale | Denial::TimestampFuture => {
            Some("either a replay, or one of the two clocks is wrong: compare them before you widen the tolerance")
        }
        _ => None,
    }
}

/// The log line about a client address that may be wrong, written once for each kind.
#[must_use]
pub fn address_warning_line(warning: AddressWarning) -> &'static str {
    match warning {
        AddressWarning::Shared => {
            "every client seems to have the address of a proxy in front, so all clients share limits and the result of \
             allow_from: set xff_num_trusted_hops to the number of proxies in front; if it is right already, one of \
             them writes something into X-Forwarded-For that Envoy cannot read, such as an address with a port"
        }
        AddressWarning::Forgeable => {
            "the client's address is the last one in X-Forwarded-For, as the caller wrote it, so a stranger can choose \
             any: set use_remote_address: true, unless only a proxy that sets this header can connect here"
        }
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Denied(_) => "denied",
        Outcome::Observed(_) => "observed",
        Outcome::Handshake => "handshake",
        Outcome::Unmatched => "unmatched",
    }
}

fn source_name(source: Option<&Source>) -> &str {
    source.map_or(NO_SOURCE, |source| &source.name)
}

/// The longest path in a log line, in bytes.
const MAX_PATH: usize = 128;

/// The beginning of a path, without its query, as the inside of a JSON string. What is not printable ASCII is escaped byte by
/// byte.
fn escaped(path: &[u8]) -> String {
    let bytes = path.iter().take_while(|byte| !b"?#".contains(byte)).take(MAX_PATH);
    bytes.fold(String::new(), |mut text, byte| {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            byte => drop(write!(text, "\\u{byte:04x}")),
        }
        text
    })
}

/// The first 64 bytes, without those that would need an escape in JSON or could break a log line.
fn sanitized(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take(64)
        .map(|byte| char::from(*byte))
        .filter(|char| char.is_ascii_alphanumeric() || "-_.:[]".contains(*char))
        .collect()
}
