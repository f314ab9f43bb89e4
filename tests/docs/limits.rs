//! Limits, margins and waits that the documents state, and the constants that hold them.

use crate::documents::{documents, prose};
use crate::support::{assert_none, read};

/// A document, a phrase of it with `{}` for the number, the constant, and how many of it make one of the number.
type Place = (&'static str, &'static str, &'static str, u64);

const K: u64 = 1 << 10;
const M: u64 = 1 << 20;
/// Durations are counted in milliseconds.
const S: u64 = 1000;

#[rustfmt::skip]
const PLACES: &[Place] = &[
    // How far Envoy's limit is above the largest body.
    ("docs/configuration.md", "`per_connection_buffer_limit_bytes` plus {}", "src/cli/body_margin.rs ONE_READ", 1),
    ("docs/configuration.md", "keep it {} above", "src/cli/body_margin.rs ONE_READ", 1),
    ("docs/configuration.md", "`per_connection_buffer_limit_bytes` of the listener ({} MiB unless set)", "src/cli/body_margin.rs CONNECTION_DEFAULT", M),
    ("envoy/envoy.yaml", "per_connection_buffer_limit_bytes and {} KiB", "src/cli/body_margin.rs ONE_READ", K),
    ("envoy/envoy.yaml", "(default {} MiB)", "src/cli/body_margin.rs CONNECTION_DEFAULT", M),
    ("envoy/envoy-chain.yaml", "per_connection_buffer_limit_bytes and {} KiB", "src/cli/body_margin.rs ONE_READ", K),
    ("tests/envoy/shape.rs", "usize = {};", "src/cli/body_margin.rs ONE_READ", 1),
    ("docs/istio.md", "Istio gives the listeners of a gateway {} KiB", "src/cli/check/surroundings/buffer.rs GATEWAY_DEFAULT", K),
    ("docs/command.md", "{} MiB, Envoy's default buffer; raise both together", "src/cli/body_margin.rs CONNECTION_DEFAULT", M),
    // What is held.
    ("docs/configuration.md", "The default, {} MiB, is enough", "src/config/mod.rs DEFAULT_MAX_HELD_BYTES", M),
    ("docs/configuration.md", "(at most {} KiB per request, otherwise `too_many_headers`)", "src/verify/request/kept.rs MAX_KEPT", K),
    ("docs/configuration.md", "and {} KiB for the request itself", "src/filter/verification.rs HELD_REQUEST", K),
    ("docs/configuration.md", "reads it ({} MiB at most)", "src/verify/scheme/whole_body.rs MAX_WHOLE_BODY", M),
    ("docs/limits.md", "a copy of up to {} MiB", "src/verify/scheme/whole_body.rs MAX_WHOLE_BODY", M),
    ("SECURITY.md", "a copy of at most {} MiB", "src/verify/scheme/whole_body.rs MAX_WHOLE_BODY", M),
    ("docs/schemes.md", "a body that must be read whole | {} MiB", "src/verify/scheme/whole_body.rs MAX_WHOLE_BODY", M),
    ("docs/schemes.md", "{} MiB if nothing is held (`observe`)", "src/verify/scheme/whole_body.rs MAX_COPY", M),
    ("docs/schemes.md", "until the body arrives | {} bytes of names and values", "src/verify/request/kept.rs MAX_KEPT", 1),
    ("docs/denials.md", "or {} KiB in those that a signature covers", "src/verify/request/kept.rs MAX_KEPT", K),
    ("docs/denials.md", "more than {} lines", "src/verify/request/head.rs MAX_HEADERS", 1),
    ("SECURITY.md", "{} header lines", "src/verify/request/head.rs MAX_HEADERS", 1),
    // Compressed bodies.
    ("docs/schemes.md", "the text of a compressed body | {} MiB", "src/verify/bytes/inflate.rs MAX_TEXT", M),
    ("docs/schemes.md", "above {} MiB, 100 times the body", "src/verify/bytes/inflate.rs ALWAYS_ALLOWED", M),
    ("docs/schemes.md", "MiB, {} times the body", "src/verify/bytes/inflate.rs MAX_RATIO", 1),
    ("docs/schemes.md", "At most {} MiB may come out", "src/verify/bytes/inflate.rs MAX_TEXT", M),
    ("docs/schemes.md", "above {} MiB no more than a hundred times", "src/verify/bytes/inflate.rs ALWAYS_ALLOWED", M),
    ("docs/denials.md", "The text is over {} MiB", "src/verify/bytes/inflate.rs MAX_TEXT", M),
    ("docs/denials.md", "reads {} MiB", "src/verify/scheme/whole_body.rs MAX_WHOLE_BODY", M),
    ("docs/denials.md", "or over {} MiB and a hundred times", "src/verify/bytes/inflate.rs ALWAYS_ALLOWED", M),
    // Parsers.
    ("docs/schemes.md", "a signature's header or value | {} bytes", "src/verify/scheme/signature/location.rs MAX_BYTES", 1),
    ("docs/schemes.md", "a token that is not the body | {} bytes", "src/verify/scheme/jwt/token.rs MAX_TOKEN", 1),
    ("docs/schemes.md", "candidates in a request | {}; 8", "src/verify/scheme/signature/location.rs MAX_CANDIDATES", 1),
    ("docs/schemes.md", "{} for public keys;", "src/verify/scheme/signature/reading.rs MAX_PUBLIC_TRIES", 1),
    ("docs/schemes.md", "{} numbered headers", "src/verify/scheme/signature/location.rs MAX_NUMBERED", 1),
    ("docs/schemes.md", "the first {} are read", "src/verify/scheme/signature/reading.rs MAX_SETS", 1),
    ("docs/schemes.md", "headers that a request lists as signed | {} |", "src/verify/scheme/signature/mod.rs MAX_LISTED", 1),
    ("docs/schemes.md", "fields of a form or a query | {} |", "src/verify/bytes/percent.rs MAX_PAIRS", 1),
    ("docs/schemes.md", "query has at most {} pairs", "src/verify/bytes/percent.rs MAX_PAIRS", 1),
    ("docs/schemes.md", "parts of a multipart form | {};", "src/verify/bytes/multipart.rs MAX_PARTS", 1),
    ("docs/schemes.md", "head of a part {} bytes", "src/verify/bytes/multipart.rs MAX_HEAD_BYTES", 1),
    ("docs/schemes.md", "boundary {} |", "src/verify/bytes/multipart.rs MAX_BOUNDARY_BYTES", 1),
    ("docs/schemes.md", "a JSON body | depth {},", "src/verify/bytes/json.rs MAX_DEPTH", 1),
    ("docs/schemes.md", "{} values | `body_malformed`", "src/verify/bytes/json.rs MAX_VALUES", 1),
    ("docs/schemes.md", "`Content-Digest` | {};", "src/verify/bytes/structured_field.rs MAX_MEMBERS", 1),
    ("docs/schemes.md", "{} components;", "src/verify/bytes/structured_field.rs MAX_ITEMS", 1),
    ("docs/schemes.md", "{} parameters | `signature_excess`", "src/verify/bytes/structured_field.rs MAX_PARAMETERS", 1),
    ("docs/schemes.md", "parts that an `http_signature` covers | {} |", "src/verify/scheme/draft_cavage/claim.rs MAX_PARTS", 1),
    ("docs/schemes.md", "{} KiB are read. A handshake", "src/handshake/exchange.rs MAX_PROBE_BODY", K),
    ("SECURITY.md", "{} bytes and 16 candidates of a signature", "src/verify/scheme/signature/location.rs MAX_BYTES", 1),
    ("SECURITY.md", "bytes and {} candidates of a signature", "src/verify/scheme/signature/location.rs MAX_CANDIDATES", 1),
    ("SECURITY.md", "{} of a public-key signature", "src/verify/scheme/signature/reading.rs MAX_PUBLIC_TRIES", 1),
    ("docs/configuration.md", "signed texts of {} KiB at most", "src/verify/primitives/public_key/delegate.rs MAX_TEXT", K),
    ("docs/configuration.md", "longer than {} bytes, not a valid host", "src/guard/host.rs MAX_HOST", 1),
    ("docs/configuration.md", "A path of more than {} bytes is ambiguous", "src/guard/route.rs MAX_READ", 1),
    ("docs/configuration.md", "more than {} readings", "src/guard/path.rs MAX_READINGS", 1),
    // Secrets and keys.
    ("docs/configuration.md", "or ends with a typographic one; is shorter than {} bytes", "src/verify/key/text_rule.rs MIN_BYTES", 1),
    ("docs/configuration.md", "**Accepts a secret shorter than {} bytes", "src/verify/key/text_rule.rs MIN_BYTES", 1),
    ("docs/configuration.md", "**Shorter than {} bytes**: a warning", "src/config/secret_text.rs GOOD_BYTES", 1),
    ("docs/command.md", "A secret has fewer than {} bytes", "src/config/secret_text.rs GOOD_BYTES", 1),
    ("docs/command.md", "A secret expires within {} days", "src/cli/check/surroundings/expiry.rs SOON", 86_400 * S),
    ("docs/command.md", "| `replay` | {} hours", "src/cli/senders/source.rs REPLAY_WINDOW", 3600 * S),
    ("docs/live-secrets.md", "has at most {} KiB", "src/config/live.rs MAX_BYTES", K),
    ("docs/live-keys.md", "up to {} entries", "src/verify/key/key_set.rs MAX_KEYS", 1),
    ("docs/live-keys.md", "entries and {} KiB", "src/config/published.rs MAX_KEY_SET", K),
    ("docs/live-keys.md", "confirmed within {} seconds", "src/filter/publications.rs FRESH", 1),
    // Waits, memory and the log.
    ("docs/configuration.md", "first byte of a body within {} seconds", "src/guard/stall.rs BODY_TIMEOUT", S),
    ("docs/denials.md", "no byte of its body within {} seconds", "src/guard/stall.rs BODY_TIMEOUT", S),
    ("docs/configuration.md", "verified within the last {} hours", "src/guard/lane.rs RECENT_SECONDS", 3600),
    ("docs/operations.md", "without its query, at most {} bytes", "src/report.rs MAX_PATH", 1),
    ("docs/command.md", "`--timeout SECONDS` defaults to {}", "src/cli/sign/arguments.rs TIMEOUT", 1),
];

/// Sizes that are not ours: measured, or set by others.
const OTHERS: &[&str] = &[
    "Over HTTP/2 at most one frame of 16 KiB",
    "needs more than 1 GiB,",
    "of 512 MiB",
    "need about 2 KiB",
    "µs | 1 KiB | 64 KiB |",
];

#[test]
fn limits_are_documented_as_they_are() {
    let mut wrong = Vec::new();
    for (path, phrase, constant, unit) in PLACES {
        let value = constant_of(constant);
        let said = phrase.replace("{}", &(value / unit).to_string());
        let text = words(&read(path)).replace("# ", "");
        // A number of thousands may be written with separators.
        let is_said = text.contains(&said) || text.replace('_', "").contains(&said);
        if !value.is_multiple_of(*unit) || !is_said {
            wrong.push(format!("{path} lacks {said:?}; {constant} is {value}"));
        }
    }
    assert_none(&wrong);
}

/// The row of the README that states the module's size, which every change of it changes.
const MODULE_SIZE: &str = "| the module, with all providers |";

#[test]
fn every_size_in_the_documents_is_compared_with_its_constant() {
    let mut unknown = Vec::new();
    for document in documents() {
        let is_measured = ["performance.md", "testing.md", "releases.md", "CHANGELOG.md"];
        if is_measured.iter().any(|name| document.path.ends_with(name)) || document.path.contains("senders/") {
            continue;
        }
        let lines: Vec<_> = document.text.lines().filter(|line| !line.starts_with(MODULE_SIZE)).collect();
        let mut text = words(&prose(&lines.join("\n")));
        let own = PLACES.iter().filter(|(path, ..)| *path == document.path);
        let said =
            own.map(|(_, phrase, constant, unit)| phrase.replace("{}", &(constant_of(constant) / unit).to_string()));
        for phrase in said.chain(OTHERS.iter().map(ToString::to_string)) {
            // The words around a number stay, for another phrase may begin with them.
            let hidden = phrase.replace(" KiB", " ").replace(" MiB", " ").replace(" GiB", " ");
            text = text.replace(&phrase, &hidden);
        }
        for unit in ["KiB", "MiB", "GiB"] {
            for (at, _) in text.match_indices(&format!(" {unit}")) {
                let before: String = text[..at].chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
                if before.ends_with(|char: char| char.is_ascii_digit()) {
                    unknown.push(format!("{}: …{before} {unit}", document.path));
                }
            }
        }
    }
    assert_none(&unknown);
}

/// The text with one blank between its words.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The value of `src/file.rs NAME`. Durations are in milliseconds.
fn constant_of(place: &str) -> u64 {
    let (path, name) = place.split_once(' ').expect("a file and a name");
    let text = read(path);
    let line = text.lines().find(|line| line.contains(&format!("const {name}:")));
    let line = line.unwrap_or_else(|| panic!("{path} has no constant {name}"));
    let (_, expression) = line.split_once(" = ").unwrap_or_else(|| panic!("{line}"));
    value(expression.trim_end_matches(';').trim()).unwrap_or_else(|| panic!("{place}: {expression} cannot be read"))
}

/// Products, shifts and sums of whole numbers, in the order in which Rust reads them.
fn value(expression: &str) -> Option<u64> {
    for (call, unit) in [("Duration::from_secs(", S), ("Duration::from_millis(", 1)] {
        if let Some(inner) = expression.strip_prefix(call).and_then(|rest| rest.strip_suffix(')')) {
            return value(inner).map(|number| number * unit);
        }
    }
    if let Some((left, right)) = expression.split_once(" << ") {
        return Some(value(left)? << value(right)?);
    }
    if let Some((left, right)) = expression.split_once(" + ") {
        return Some(value(left)? + value(right)?);
    }
    if let Some((left, right)) = expression.split_once(" * ") {
        return Some(value(left)? * value(right)?);
    }
    expression.replace('_', "").parse().ok()
}
