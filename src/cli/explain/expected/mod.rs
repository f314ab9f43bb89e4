//! What the sender is expected to send, in words, and where the request differs. Never the tag that would be right.

mod differences;
mod template;

use hookwarden::verify::json::Json;

use super::configuration::{WrittenCheck, elements, member, text};
use super::needs::filled;
pub use differences::differences;
pub use template::{template, value};

/// What a check expects, a line each: a word, and what it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The lines.
    pub lines: Vec<(&'static str, String)>,
    /// The signed content as the scheme writes it.
    pub signed: Vec<String>,
}

/// What a dialect of a check expects.
pub fn expected(check: &WrittenCheck, dialect: &Json) -> Expected {
    let mut expected = Expected::default();
    if let Some(credential) = member(dialect, "credential") {
        expected.lines.push(("proof", credential_words(credential, check)));
    } else if let Some(jwt) = member(dialect, "jwt") {
        token(jwt, check, &mut expected);
    } else if let Some(rule) = member(dialect, "message_signature") {
        message_signature(rule, check, &mut expected);
    } else if let Some(rule) = member(dialect, "http_signature") {
        http_signature(rule, check, &mut expected);
    } else {
        signature(dialect, check, &mut expected);
    }
    if let Some(selector) = &check.selector {
        let at = match selector {
            hookwarden::verify::keyring::Selector::Header(name) => format!("the header {name:?}"),
            hookwarden::verify::keyring::Selector::PathSegment(position) => format!("segment {position} of the path"),
        };
        let names: Vec<_> =
            check.lists.iter().filter_map(|list| list.name.as_deref()).map(|name| format!("{name:?}")).collect();
        expected.lines.push(("secret list", format!("chosen by {at}: {}", names.join(", "))));
    }
    expected
}

fn signature(dialect: &Json, check: &WrittenCheck, expected: &mut Expected) {
    let place = member(dialect, "signature").cloned().unwrap_or(Json::Null);
    let algorithm = text(member(dialect, "algorithm")).unwrap_or_default();
    expected
        .lines
        .push(("signature", format!("{}; {}", place_words(&place, check), algorithm_words(&algorithm, &place))));
    let signed: Vec<String> = match member(dialect, "signed") {
        Some(Json::List(list)) => list.iter().filter_map(|one| text(Some(one))).collect(),
        other => text(other).into_iter().collect(),
    };
    let words: Vec<_> = signed.iter().map(|one| template(one)).collect();
    expected.lines.push(("signed", words.join(", or: ")));
    expected.signed = signed;
    if let Some(timestamp) = member(dialect, "timestamp") {
        let at = match (
            text(member(timestamp, "header")),
            text(member(timestamp, "entry")),
            text(member(timestamp, "at")),
        ) {
            (Some(name), ..) => format!("the header {:?}", filled(&name, check)),
            (_, Some(entry), _) => format!("what follows {entry:?} in the signature's header"),
            (.., at) => value(&at.unwrap_or_default()),
        };
        let unit = unit_words(&text(member(timestamp, "unit")).unwrap_or_default());
        let own = text(check.tolerance.as_ref()).or_else(|| text(member(timestamp, "tolerance")));
        let window = own.unwrap_or_else(|| "5m".to_owned());
        expected
            .lines
            .push(("timestamp", format!("{at}, {unit}; at most {window} from the arrival, in both directions")));
    }
    expected.lines.extend(key_line(member(dialect, "key"), check));
    for pair in elements(member(dialect, "require")) {
        let halves: Vec<_> =
            elements(Some(pair)).filter_map(|half| text(Some(half))).map(|half| template(&half)).collect();
        expected.lines.push(("must be equal", halves.join(" and ")));
    }
    if let Some(path) = text(member(dialect, "each")) {
        expected.lines.push(("batch", format!("every element of {path:?} in the JSON body carries its own proof")));
    }
}

fn token(jwt: &Json, check: &WrittenCheck, expected: &mut Expected) {
    let at = value(&text(member(jwt, "at")).unwrap_or_default());
    let prefix =
        text(member(jwt, "prefix")).map(|prefix| format!(" behind {:?}", filled(&prefix, check))).unwrap_or_default();
    let algorithms: Vec<_> = elements(member(jwt, "algorithms")).filter_map(|one| text(Some(one))).collect();
    expected
        .lines
        .push(("token", format!("a JSON Web Token in {at}{prefix}, signed with {}", algorithms.join(" or "))));
    if let Some(Json::Object(claims)) = member(jwt, "claims") {
        for (name, rule) in claims {
            let words = match rule {
                Json::Text(text) => format!("is {}", template(text)),
                Json::Bool(_) => "is there".to_owned(),
                rule => {
                    let one_of: Vec<_> = elements(member(rule, "one_of"))
                        .filter_map(|one| text(Some(one)))
                        .map(|one| template(&one))
                        .collect();
                    match text(member(rule, "equals")) {
                        Some(equals) if member(rule, "when").is_some() => {
                            format!("is {}, if there is a body", template(&equals))
                        }
                        Some(equals) => format!("is {}", template(&equals)),
                        None => format!("is one of {}", one_of.join(", ")),
                    }
                }
            };
            expected.lines.push(("claim", format!("{name:?} {words}")));
        }
    }
    if let Some(age) = text(check.tolerance.as_ref()).or_else(|| text(member(jwt, "max_age"))) {
        expected.lines.push(("timestamp", format!("\"iat\" at most {age} from the arrival")));
    }
    expected.lines.extend(key_line(member(jwt, "key"), check));
}

fn message_signature(rule: &Json, check: &WrittenCheck, expected: &mut Expected) {
    let algorithm = text(member(rule, "algorithm")).unwrap_or_default();
    let components: Vec<_> =
        elements(member(rule, "components")).filter_map(|one| text(Some(one))).map(|one| format!("{one:?}")).collect();
    expected
        .lines
        .push(("signature", format!("the headers \"Signature-Input\" and \"Signature\" (RFC 9421), {algorithm}")));
    expected.lines.push(("signed", format!("at least {}, and \"content-digest\" of a body", components.join(", "))));
    let age =
        text(check.tolerance.as_ref()).or_else(|| text(member(rule, "max_age"))).unwrap_or_else(|| "5m".to_owned());
    expected.lines.push(("timestamp", format!("\"created\" at most {age} from the arrival, in both directions")));
    expected.lines.extend(key_line(member(rule, "key"), check));
}

fn http_signature(rule: &Json, check: &WrittenCheck, expected: &mut Expected) {
    let header = filled(&text(member(rule, "header")).unwrap_or_default(), check);
    let algorithm = text(member(rule, "algorithm")).unwrap_or_default();
    expected.lines.push(("signature", format!("the header {header:?} (draft-cavage-http-signatures), {algorithm}")));
    expected
        .lines
        .push(("signed", "at least (request-target), host, date and digest, the SHA-256 of the body".to_owned()));
    let age =
        text(check.tolerance.as_ref()).or_else(|| text(member(rule, "max_age"))).unwrap_or_else(|| "5m".to_owned());
    expected.lines.push(("timestamp", format!("\"Date\" at most {age} from the arrival, in both directions")));
    expected.lines.extend(key_line(member(rule, "key"), check));
}

fn credential_words(credential: &Json, check: &WrittenCheck) -> String {
    let at = match (text(member(credential, "header")), text(member(credential, "at"))) {
        (Some(name), _) => format!("the header {:?}", filled(&name, check)),
        (_, at) => value(&at.unwrap_or_default()),
    };
    let form = match (text(member(credential, "auth_scheme")), text(member(credential, "prefix"))) {
        (Some(name), _) if name.eq_ignore_ascii_case("basic") => {
            ", as \"Basic\" and the base64 of user:password".to_owned()
        }
        (Some(name), _) => format!(", behind {name:?} and a blank"),
        (_, Some(prefix)) => format!(", behind {:?}", filled(&prefix, check)),
        _ => String::new(),
    };
    format!("the secret itself, in {at}{form}")
}

fn place_words(place: &Json, check: &WrittenCheck) -> String {
    let names: Vec<String> = match member(place, "header") {
        Some(Json::List(list)) => list.iter().filter_map(|name| text(Some(name))).collect(),
        other => text(other).into_iter().collect(),
    };
    let names: Vec<_> = names.iter().map(|name| format!("{:?}", filled(name, check))).collect();
    let at = match names.as_slice() {
        [] => value(&text(member(place, "at")).unwrap_or_default()),
        [one] => format!("the header {one}"),
        several => format!("one of the headers {}", several.join(", ")),
    };
    let prefix = text(member(place, "prefix")).map(|prefix| filled(&prefix, check)).filter(|prefix| !prefix.is_empty());
    let separator = text(member(place, "separator"));
    let is_optional = member(place, "optional_prefix") == Some(&Json::Bool(true));
    let is_rest = text(member(place, "position")).is_some_and(|position| position == "rest");
    match (prefix, separator) {
        (Some(prefix), Some(separator)) => format!(
            "{at}, a list separated by {separator:?}, of which the entries that begin with {prefix:?} are signatures"
        ),
        (None, Some(separator)) if is_rest => {
            format!("{at}, a list separated by {separator:?}, of which all but the first entry are signatures")
        }
        (None, Some(separator)) => format!("{at}, a list separated by {separator:?}"),
        (Some(prefix), None) if is_optional => format!("{at}, with or without {prefix:?} in front"),
        (Some(prefix), None) => format!("{at}, behind {prefix:?}"),
        (None, None) => at,
    }
}

fn algorithm_words(algorithm: &str, place: &Json) -> String {
    let (what, bytes) = match algorithm {
        "hmac-sha256" => ("HMAC-SHA256", 32_usize),
        "hmac-sha1" => ("HMAC-SHA1", 20),
        "hmac-sha384" => ("HMAC-SHA384", 48),
        "hmac-sha512" => ("HMAC-SHA512", 64),
        "hmac-md5" => ("HMAC-MD5", 16),
        "sha256" => ("SHA-256 of a content that holds the secret", 32),
        "sha1" => ("SHA-1 of a content that holds the secret", 20),
        "sha512" => ("SHA-512 of a content that holds the secret", 64),
        "md5" => ("MD5 of a content that holds the secret", 16),
        other => (other, 0),
    };
    let hex = bytes.saturating_mul(2);
    let base64 = bytes.div_ceil(3).saturating_mul(4);
    let encoding = text(member(place, "encoding")).unwrap_or_default();
    match (encoding.as_str(), bytes) {
        ("hex", 1..) => format!("{what} as {hex} hexadecimal digits"),
        ("hex-lower", 1..) => format!("{what} as {hex} hexadecimal digits in lower case"),
        ("hex-upper", 1..) => format!("{what} as {hex} hexadecimal digits in upper case"),
        ("base64", 1..) => format!("{what} as {base64} characters of base64"),
        ("base64url", 1..) => format!("{what} as base64url without padding"),
        ("percent-base64", 1..) => format!("{what} as percent-encoded base64"),
        (encoding, _) => format!("{what}, written as {encoding}"),
    }
}

fn unit_words(unit: &str) -> &'static str {
    match unit {
        "s" => "in seconds since 1970 (10 digits)",
        "ms" => "in milliseconds since 1970 (13 digits)",
        "s-or-ms" => "in seconds or milliseconds since 1970 (10 or 13 digits)",
        "float-s" => "in seconds since 1970, with or without a fraction",
        _ => "as a date such as 2026-11-21T10:00:00Z",
    }
}

fn key_line(key: Option<&Json>, check: &WrittenCheck) -> Option<(&'static str, String)> {
    if check.public_keys {
        return Some(("key", "the sender's public key".to_owned()));
    }
    let prefix = key.and_then(|key| text(member(key, "optional_prefix"))).filter(|prefix| !prefix.is_empty());
    let without = prefix.map(|prefix| format!(", without {prefix:?} in front")).unwrap_or_default();
    let encoding = key.and_then(|key| text(member(key, "encoding"))).unwrap_or_else(|| "text".to_owned());
    let words = match encoding.as_str() {
        "base64" => "decoded as base64",
        "hex" => "decoded as hexadecimal",
        "sha1" => "hashed with SHA-1",
        "sha256" => "hashed with SHA-256",
        _ => "as text, all of it",
    };
    Some(("key", format!("the secret {words}{without}")))
}
