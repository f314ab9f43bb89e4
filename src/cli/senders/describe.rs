//! How a sender signs, in words.

use hookwarden::verify::scheme::SchemeKind;
use hookwarden::verify::scheme::native::HeadPart;
use serde_json::Value;

use crate::cli::description::{kind, list, text};
use crate::cli::registry::{Retries, RetryTime, Sender, ToleranceBy};
use crate::cli::runtime_changes::REQUEST_ID;

/// The algorithms in short, for a table.
pub fn algorithms(sender: &Sender) -> String {
    let mut short: Vec<_> = sender.dialects().into_iter().map(short).collect();
    short.dedup();
    short.join(", ")
}

fn short(dialect: &Value) -> String {
    let kind = kind(dialect);
    let own = dialect.get(kind.key()).unwrap_or(&Value::Null);
    let algorithm = |scheme| text(scheme, "/algorithm").unwrap_or_default();
    match kind {
        SchemeKind::Credential => text(own, "/auth_scheme").unwrap_or("token").to_lowercase(),
        SchemeKind::Jwt => format!("jwt {}", list(own.get("algorithms"), " ")),
        SchemeKind::MessageSignature => format!("rfc 9421 {}", algorithm(own)),
        SchemeKind::HttpSignature => format!("http signature {}", algorithm(own)),
        SchemeKind::Signature => algorithm(dialect).to_owned(),
    }
}

/// Whether the body is verified.
pub fn body(sender: &Sender) -> &'static str {
    let open = |word: &str| sender.unprotected.iter().any(|open| open == word);
    if open("body") {
        "no"
    } else if open("part-of-body") {
        "in part"
    } else {
        "yes"
    }
}

/// Whether the time is verified.
pub fn time(sender: &Sender) -> &'static str {
    let open = |word: &str| sender.unprotected.iter().any(|open| open == word);
    if open("freshness") || open("timestamp") { "no" } else { "yes" }
}

/// What a scheme leaves open.
pub fn unprotected(word: &str) -> &str {
    match word {
        "body" => "the body: anyone who sees one request can send another body with its proof",
        "part-of-body" => "part of the body: anyone can change what the signature does not cover",
        "timestamp" => "the time: the timestamp is not signed",
        "freshness" => "freshness: a recorded request can be replayed until the secret changes",
        "replay-boundary" => "the boundary between two adjacent signed values: bytes can move across it",
        "url" => "the rest of the URL, of which only a part is signed: a request can be redirected to another URL",
        "query" => "the query, for senders that put data into it",
        "event-type" => "the event's type, if it is in a header",
        "algorithm-sha1" => "against attacks on SHA-1, on which the algorithm is based",
        "algorithm-md5" => "against attacks on MD5, on which the algorithm is based",
        other => other,
    }
}

/// A kind of evidence.
pub fn evidence(kind: &str) -> &str {
    match kind {
        "vector" => "a published vector, which the tests verify",
        "document" => "the sender's documentation",
        "sender-code" => "the sender's own code",
        "delivery" => "a recorded delivery",
        "independent-code" => "independent code",
        "registry" => "a single registry; try a real delivery before you rely on it",
        "memory" => "from memory; try a real delivery before you rely on it",
        other => other,
    }
}

/// Who says how far the time may be off.
pub fn tolerance_by(by: ToleranceBy) -> &'static str {
    match by {
        ToleranceBy::Sender => "the sender's own, or that of the specification that it follows",
        ToleranceBy::Us => "our default, because the sender names none; change it with \"tolerance\"",
    }
}

/// How the sender repeats what failed.
pub fn retries(retries: &Retries) -> String {
    let mut text = match retries.span {
        Some(span) => format!("for up to {}", humantime::format_duration(span)),
        None => "for an unknown time".to_owned(),
    };
    text.push_str(match retries.time {
        RetryTime::Kept => ", with the time of the first attempt: retries after the window are refused",
        RetryTime::Renewed => ", each attempt signed anew with the current time",
        RetryTime::Unknown => "; unknown whether with a new time",
    });
    if let Some(source) = &retries.source {
        text.push_str(&format!(" ({source})"));
    }
    text
}

/// What a proxy in front must leave as it is.
pub fn must_stay(parts: &[HeadPart]) -> String {
    let words: Vec<_> = parts.iter().map(|part| part.word()).collect();
    let mut text = format!("{}: the signature covers it, so nothing in front may change it", words.join(", "));
    if parts.contains(&HeadPart::RequestId) {
        text.push_str(&format!(
            ". An edge Envoy replaces x-request-id unless {} is true; `hookwarden manifest` sets it",
            REQUEST_ID.cause()
        ));
    }
    text
}

/// Where the sender publishes its keys.
pub fn keys_from(keys: &Value) -> String {
    let part = |name: &str| keys.pointer(name).and_then(Value::as_str);
    let kind = kind_of(keys);
    let host = part(&format!("/{kind}/host")).or_else(|| part(&format!("/{kind}/host/0")));
    let [path, hint] = ["path", "hint"].map(|name| part(&format!("/{kind}/{name}")));
    let mut text = match (host, path) {
        (None, None) => "a place of your tenant's".to_owned(),
        (host, path) => format!("https://{}{}", host.unwrap_or("AUTHORITY"), path.unwrap_or("/PATH")),
    };
    text = text.replace("{with:region}", "REGION").replace("{id}", "ID");
    text.push_str(match kind {
        "x509" => ", a certificate that the request names",
        "jwk" => ", a key for each id that a request names",
        _ => ", a key set",
    });
    text.push_str(&hint.map(|hint| format!(". {hint}")).unwrap_or_default());
    text
}

/// How a sender publishes its keys.
fn kind_of(keys: &Value) -> &'static str {
    ["x509", "jwk"].into_iter().find(|kind| keys.get(kind).is_some()).unwrap_or("jwks")
}

/// How the keys are fetched.
pub fn fetched(keys: &Value) -> String {
    let (kind, mut members) = (kind_of(keys), vec!["\"cluster\": …"]);
    if kind == "jwks" {
        let is_open = |name: &str| keys.pointer(&format!("/jwks/{name}")).is_none();
        members.extend(is_open("host").then_some("\"authority\": …"));
        members.extend(is_open("path").then_some("\"path\": …"));
    }
    let example = match kind {
        "jwk" => "envoy/live-keys/plaid.yaml",
        _ => "envoy/envoy-live-keys.yaml",
    };
    format!("\"keys\": [{{ \"{kind}\": {{ {} }} }}], with a cluster as in {example}.", members.join(", "))
}
