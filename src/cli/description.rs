//! A scheme in words, from how it is written.

use hookwarden::verify::scheme::SchemeKind;
use serde_json::Value;

/// How far a signed time may be off.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    /// The tolerance that overrides the scheme's own.
    pub tolerance: Option<&'a str>,
    /// What it is counted from.
    pub from: &'a str,
}

impl Window<'_> {
    fn words(self, own: Option<&str>) -> String {
        format!("at most {} from {}, before or after", self.tolerance.or(own).unwrap_or("5m"), self.from)
    }
}

/// One dialect: labels, and what to say of each.
pub fn dialect(dialect: &Value, window: Window<'_>) -> Vec<(&'static str, String)> {
    let kind = kind(dialect);
    let own = dialect.get(kind.key()).unwrap_or(&Value::Null);
    let mut lines = match kind {
        SchemeKind::Credential => of_credential(own),
        SchemeKind::Jwt => of_jwt(own, window),
        SchemeKind::MessageSignature => of_message_signature(own, window),
        SchemeKind::HttpSignature => of_http_signature(own, window),
        SchemeKind::Signature => of_signature(dialect, window),
    };
    if let Some(id) = dialect.get("event_id") {
        let id = text(id, "/claim").map_or_else(|| place(id), |claim| format!("the claim {claim}"));
        lines.push(("Event id", id));
    }
    with_when(dialect, lines)
}

/// The kind of a scheme, from how it is written.
pub fn kind(dialect: &Value) -> SchemeKind {
    SchemeKind::of(|key| dialect.get(key).is_some())
}

fn with_when(dialect: &Value, mut lines: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    if let Some(when) = dialect.get("when") {
        let when = match (text(when, "/present"), when.get("equal").and_then(Value::as_array).map(Vec::as_slice)) {
            (Some(value), _) => format!("the request has {}", expression(value)),
            (_, Some([left, right])) => {
                let texts = [left, right].map(|side| side.as_str().unwrap_or_default());
                texts.join(" = ")
            }
            _ => return lines,
        };
        lines.insert(0, ("Used when", when));
    }
    lines
}

fn of_credential(credential: &Value) -> Vec<(&'static str, String)> {
    let place = place(credential);
    let proof = match (text(credential, "/auth_scheme"), text(credential, "/prefix")) {
        (Some(scheme), _) if scheme.eq_ignore_ascii_case("basic") => {
            format!("{place}: Basic, and the base64 of user:password")
        }
        (Some(scheme), _) => format!("{place}: {scheme}, and the secret itself"),
        (None, Some(prefix)) => format!("{place}: {prefix:?}, and the secret itself"),
        (None, None) => format!("{place}: the secret itself"),
    };
    vec![("Proof", proof), ("Signed", "nothing: anyone who sees one request can send any other".to_owned())]
}

fn of_jwt(jwt: &Value, window: Window<'_>) -> Vec<(&'static str, String)> {
    let at = text(jwt, "/at").unwrap_or_default();
    let behind = text(jwt, "/prefix").map(|prefix| format!(", after {prefix:?}")).unwrap_or_default();
    let mut lines = vec![
        ("Proof", format!("a JSON Web Token in {}{behind}", expression(at))),
        ("Algorithm", list(jwt.get("algorithms"), ", ")),
    ];
    for (claim, rule) in jwt.get("claims").and_then(Value::as_object).into_iter().flatten() {
        let must = match rule {
            Value::String(template) => format!("must be {template}"),
            Value::Bool(_) => "must be there".to_owned(),
            rule => match (text(rule, "/equals"), rule.get("one_of")) {
                (Some(template), _) if rule.get("when").is_some() => {
                    format!("must be {template} where there is a body, and missing where there is none")
                }
                (Some(template), _) => format!("must be {template}"),
                (None, one_of) => format!("must be one of {}", list(one_of, ", ")),
            },
        };
        lines.push(("Claim", format!("{claim} {must}")));
    }
    lines.extend(key(jwt));
    let time = if jwt.get("timeless").is_some() {
        "not in the token".to_owned()
    } else {
        match text(jwt, "/max_age") {
            Some(age) => format!("the token's exp and nbf; its iat {}", window.words(Some(age))),
            None => "the token's exp and nbf".to_owned(),
        }
    };
    lines.push(("Time", time));
    lines
}

fn of_message_signature(message: &Value, window: Window<'_>) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("Proof", "HTTP Message Signatures (RFC 9421): the headers Signature-Input and Signature".to_owned()),
        ("Algorithm", algorithm(text(message, "/algorithm").unwrap_or_default())),
        ("Signed", format!("at least {}", list(message.get("components"), ", "))),
    ];
    for (member, label) in [("label", "Label"), ("tag", "Tag")] {
        if let Some(value) = message.get(member).and_then(Value::as_str) {
            lines.push((label, value.to_owned()));
        }
    }
    lines.extend(key(message));
    lines.push(("Time", format!("the parameter created; {}", window.words(text(message, "/max_age")))));
    lines
}

fn of_http_signature(http: &Value, window: Window<'_>) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("Proof", format!("HTTP signature (draft-cavage) in {}", place(http))),
        ("Algorithm", algorithm(text(http, "/algorithm").unwrap_or_default())),
        ("Signed", "method, path, host, date and a digest of the body".to_owned()),
    ];
    lines.extend(key(http));
    lines.push(("Time", format!("the header Date; {}", window.words(text(http, "/max_age")))));
    lines
}

fn of_signature(dialect: &Value, window: Window<'_>) -> Vec<(&'static str, String)> {
    let signature = dialect.get("signature").cloned().unwrap_or_default();
    let mut proof = place(&signature);
    let separators = [("separator", "entries"), ("sets", "several lists")];
    for (member, what) in separators {
        if let Some(separator) = signature.get(member).and_then(Value::as_str) {
            proof.push_str(&format!(", {what} separated by {separator:?}"));
        }
    }
    if text(&signature, "/position") == Some("rest") {
        proof.push_str(", all but the first");
    }
    if let Some(prefix) = text(&signature, "/prefix") {
        let may = if signature.get("optional_prefix").is_some() { ", which may be missing" } else { "" };
        proof.push_str(&format!(", after {prefix:?}{may}"));
    }
    let encoding = text(&signature, "/encoding").unwrap_or_default();
    let mut lines = vec![
        ("Proof", proof),
        (
            "Algorithm",
            format!(
                "{}, written as {}",
                algorithm(text(dialect, "/algorithm").unwrap_or_default()),
                in_encoding(encoding)
            ),
        ),
    ];
    let signed = match dialect.get("signed") {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    for (number, template) in signed.iter().filter_map(Value::as_str).enumerate() {
        lines.push((if number == 0 { "Signed" } else { "or" }, visible(template)));
    }
    if let Some(each) = text(dialect, "/each") {
        lines.push(("For each", format!("element of the body's list {each}")));
    }
    lines.extend(key(dialect));
    for pair in dialect.get("require").and_then(Value::as_array).into_iter().flatten() {
        if let Some([left, right]) = pair.as_array().map(Vec::as_slice) {
            let texts = [left, right].map(|side| side.as_str().map(visible).unwrap_or_default());
            lines.push(("Must agree", texts.join(" = ")));
        }
    }
    if let Some(time) = dialect.get("timestamp") {
        let at = match text(time, "/entry") {
            Some(entry) => format!("the entry after {entry:?} of the same header"),
            None => place(time),
        };
        let unit = in_unit(text(time, "/unit").unwrap_or_default());
        lines.push(("Time", format!("{at}, {unit}; {}", window.words(text(time, "/tolerance")))));
    }
    lines
}

/// How the secret becomes the key, where it is more than its text.
fn key(scheme: &Value) -> Option<(&'static str, String)> {
    let key = scheme.get("key")?;
    let off = text(key, "/optional_prefix").map(|prefix| format!(", without {prefix:?}")).unwrap_or_default();
    let how = match text(key, "/encoding").unwrap_or_default() {
        "base64" => "base64, which is decoded",
        "base64-or-text" => "base64, which is decoded, if the secret has its prefix, and else the secret's text",
        "hex" => "hexadecimal digits, which are decoded",
        "sha1" => "the SHA-1 of the secret's text",
        "sha256" => "the SHA-256 of the secret's text",
        "text-nfkd" => "the secret's text, decomposed (NFKD)",
        _ => "the secret's text",
    };
    Some(("Key", format!("{how}{off}")))
}

fn place(value: &Value) -> String {
    match (value.get("header"), text(value, "/at")) {
        (Some(Value::String(header)), _) => header_name(header),
        (Some(Value::Array(headers)), _) => {
            headers.iter().filter_map(Value::as_str).map(header_name).collect::<Vec<_>>().join(" or ")
        }
        (_, Some(at)) => expression(at),
        _ => String::new(),
    }
}

fn header_name(header: &str) -> String {
    match header.strip_suffix('*') {
        Some(family) => format!("the headers {family}1, {family}2 …"),
        None => format!("the header {header}"),
    }
}

/// A value of the language in words, as far as they are shorter than an explanation of the language.
fn expression(value: &str) -> String {
    let (root, filters) = value.split_once('|').map_or((value, ""), |(root, filters)| (root, filters));
    let words = match root.split_once(':') {
        Some(("header", name)) => header_name(name),
        Some(("query", name)) => format!("the query's {name}"),
        Some(("form", name)) => format!("the form's field {name}"),
        Some(("json", path)) => format!("the body's {path}"),
        Some(("entry", prefix)) => match prefix.strip_prefix('@') {
            Some(number) => format!("entry {number} of the same header"),
            None => format!("an entry after {prefix:?}"),
        },
        _ if root == "body" => "the body".to_owned(),
        _ => root.to_owned(),
    };
    if filters.is_empty() { words } else { format!("{words} ({})", filters.replace('|', ", ")) }
}

/// An algorithm, by its name in a scheme.
pub fn algorithm(name: &str) -> String {
    let words = match name {
        "hmac-sha256" => "HMAC-SHA-256",
        "hmac-sha384" => "HMAC-SHA-384",
        "hmac-sha512" => "HMAC-SHA-512",
        "hmac-sha1" => "HMAC-SHA-1",
        "hmac-md5" => "HMAC-MD5",
        "sha256" => "plain SHA-256 of secret and content",
        "sha512" => "plain SHA-512 of secret and content",
        "sha1" => "plain SHA-1 of secret and content",
        "md5" => "plain MD5 of secret and content",
        "ed25519" => "Ed25519",
        "ecdsa-p256-sha256" => "ECDSA on P-256 with SHA-256",
        "ecdsa-p256-sha256-raw" => "ECDSA on P-256 with SHA-256 (64 raw bytes)",
        "ecdsa-p256-sha1" => "ECDSA on P-256 with SHA-1",
        "rsa-sha256" | "rsa-v1_5-sha256" => "RSA (PKCS #1 v1.5) with SHA-256",
        "rsa-sha512" => "RSA (PKCS #1 v1.5) with SHA-512",
        "rsa-sha1" => "RSA (PKCS #1 v1.5) with SHA-1",
        "rsa-pss-sha256" => "RSA-PSS with SHA-256",
        "rsa-pss-sha512" => "RSA-PSS with SHA-512",
        other => other,
    };
    words.to_owned()
}

fn in_encoding(name: &str) -> &str {
    match name {
        "hex" => "hexadecimal digits",
        "hex-lower" => "hexadecimal digits in lower case",
        "hex-upper" => "hexadecimal digits in upper case",
        "base64url" => "base64url without padding",
        "base64url-padding-optional" => "base64url, with its padding or without",
        "percent-base64" => "percent-encoded base64",
        other => other,
    }
}

fn in_unit(name: &str) -> &str {
    match name {
        "s" => "in seconds since 1970",
        "ms" => "in milliseconds since 1970",
        "s-or-ms" => "in seconds or milliseconds since 1970",
        "float-s" => "in seconds since 1970, with a fraction",
        "iso8601" => "as a date (RFC 3339)",
        "http-date" => "as a date as HTTP writes it (RFC 9110)",
        other => other,
    }
}

/// A template with its line breaks as they would be typed.
fn visible(template: &str) -> String {
    template.replace('\n', "\\n")
}

/// The text at a pointer.
pub fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The texts of a list.
pub fn list(list: Option<&Value>, between: &str) -> String {
    let list = list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    list.collect::<Vec<_>>().join(between)
}
