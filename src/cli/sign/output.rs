//! The request, written for people and for other programs.

use std::fmt::Write as _;

use hookwarden::verify::primitives::native::write_rfc3339;
use hookwarden::verify::primitives::timestamp::UnixTime;
use serde_json::{Value, json};

use super::builder::RequestBuilder;

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// A curl command line, safe to paste into sh, bash or zsh
    Curl,
    /// HTTP/1.1, as it goes over the wire
    Http,
    /// One JSON object
    Json,
    /// An HTTP Archive with one entry
    Har,
}

/// What is known of a request beside itself.
pub struct Metadata {
    /// The provider or the source that it is for.
    pub of: (&'static str, String),
    /// The time for which it is made.
    pub now: UnixTime,
    /// `verified`, or the code of the denial that it is made for.
    pub expect: &'static str,
    pub event_id: Option<String>,
    pub public_keys: Vec<String>,
}

/// The longest argument of a command on Linux is 128 KiB.
const MAX_ARGUMENT: usize = 100_000;

/// The request in this form.
pub fn render(form: Form, builder: &RequestBuilder, metadata: &Metadata) -> Vec<u8> {
    match form {
        Form::Curl => curl(builder).into_bytes(),
        Form::Http => http(builder),
        Form::Json => format!("{:#}\n", json(builder, metadata)).into_bytes(),
        Form::Har => format!("{:#}\n", har(builder, metadata)).into_bytes(),
    }
}

/// The request as a JSON object, as the vectors in `providers/` have them.
pub fn json(builder: &RequestBuilder, metadata: &Metadata) -> Value {
    let (kind, name) = &metadata.of;
    let headers: Vec<_> =
        builder.headers.iter().map(|(name, value)| json!([name, String::from_utf8_lossy(value)])).collect();
    let mut object = json!({
        "method": builder.method,
        "url": builder.url.to_string(),
        "headers": headers,
        "now": seconds(metadata.now),
        "expect": metadata.expect,
    });
    let mut add = |name: &str, value: Value| {
        if let Some(members) = object.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    add(kind, json!(name));
    match std::str::from_utf8(&builder.body) {
        Ok(body) => add("body", json!(body)),
        Err(_) => add("body_base64", json!(base64(&builder.body))),
    }
    if let Some(id) = &metadata.event_id {
        add("event_id", json!(id));
    }
    if !metadata.public_keys.is_empty() {
        add("public_keys", json!(metadata.public_keys));
    }
    object
}

/// HTTP/1.1 (RFC 9112).
fn http(builder: &RequestBuilder) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", builder.method, builder.url.target, builder.url.authority)
        .into_bytes();
    for (name, value) in &builder.headers {
        head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    let has_length = builder.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if !has_length && (!builder.body.is_empty() || builder.method != "GET") {
        head.extend(format!("Content-Length: {}\r\n", builder.body.len()).into_bytes());
    }
    [head.as_slice(), b"\r\n", &builder.body].concat()
}

/// HTTP Archive 1.2.
fn har(builder: &RequestBuilder, metadata: &Metadata) -> Value {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pair = |name: &str, value: &[u8]| json!({ "name": name, "value": lossy(value) });
    let host = pair("Host", builder.url.authority.as_bytes());
    let headers: Vec<_> =
        std::iter::once(host).chain(builder.headers.iter().map(|(name, value)| pair(name, value))).collect();
    let query = builder.url.target.split_once('?').map_or("", |(_, query)| query);
    let query: Vec<_> = hookwarden::verify::bytes::percent::pairs(query.as_bytes())
        .map(|(name, value)| pair(&lossy(&name), &value))
        .collect();
    let mut request = json!({
        "method": builder.method,
        "url": builder.url.to_string(),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers,
        "queryString": query,
        "headersSize": -1,
        "bodySize": builder.body.len(),
    });
    if !builder.body.is_empty() {
        let media_type = lossy(builder.header("content-type").unwrap_or_default());
        let data = match std::str::from_utf8(&builder.body) {
            Ok(text) => json!({ "mimeType": media_type, "text": text }),
            Err(_) => json!({ "mimeType": media_type, "text": base64(&builder.body), "encoding": "base64" }),
        };
        if let Some(members) = request.as_object_mut() {
            members.insert("postData".to_owned(), data);
        }
    }
    let response = json!({
        "status": 0,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "content": { "size": 0, "mimeType": "" },
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    });
    json!({
        "log": {
            "version": "1.2",
            "creator": { "name": "hookwarden", "version": env!("CARGO_PKG_VERSION") },
            "entries": [{
                "startedDateTime": write_rfc3339(metadata.now, 3),
                "time": 0,
                "request": request,
                "response": response,
                "cache": {},
                "timings": { "send": 0, "wait": 0, "receive": 0 },
            }],
        },
    })
}

/// A command line that sends exactly this.
fn curl(builder: &RequestBuilder) -> String {
    let mut lines =
        vec![format!("--request {} {}", quoted(builder.method.as_bytes()), quoted(builder.url.to_string().as_bytes()))];
    if builder.url.target.contains(['[', ']', '{', '}']) {
        lines.push("--globoff".to_owned());
    }
    if builder.url.path().split('/').any(|step| matches!(step, "." | "..")) {
        lines.push("--path-as-is".to_owned());
    }
    for (name, value) in &builder.headers {
        // What has a semicolon in place of the colon is sent although it is empty.
        let line = match value.as_slice() {
            [] => [name.as_bytes(), b";"].concat(),
            value => [name.as_bytes(), b": ", value].concat(),
        };
        lines.push(format!("--header {}", quoted(&line)));
    }
    let has_body = !builder.body.is_empty() || !matches!(builder.method.as_str(), "GET" | "HEAD");
    if has_body && !builder.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        // Or curl says that it is a form.
        lines.push("--header 'Content-Type:'".to_owned());
    }
    let mut before = String::new();
    if has_body && is_argument(&builder.body) {
        lines.push(format!("--data-binary {}", quoted(&builder.body)));
    } else if has_body {
        let _ = write!(before, "printf %s '{}' | base64 --decode | ", base64(&builder.body));
        lines.push("--data-binary @-".to_owned());
    }
    format!("{before}curl {}\n", lines.join(" \\\n  "))
}

/// Whether a body can be in a command line, and curl does not take it for the name of a file.
fn is_argument(body: &[u8]) -> bool {
    body.len() <= MAX_ARGUMENT && !body.contains(&0) && !body.starts_with(b"@") && std::str::from_utf8(body).is_ok()
}

/// A word of a shell. What a terminal could take for a command of its own is written as an escape.
fn quoted(text: &[u8]) -> String {
    let is_plain = |char: char| !char.is_control() || char == '\n';
    match std::str::from_utf8(text) {
        Ok(text) if text.chars().all(is_plain) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let mut word = String::from("$'");
            for byte in text {
                match byte {
                    b'\'' => word.push_str(r"\'"),
                    b'\\' => word.push_str(r"\\"),
                    b'\n' => word.push_str(r"\n"),
                    b'\r' => word.push_str(r"\r"),
                    b'\t' => word.push_str(r"\t"),
                    b' '..=b'~' => word.push(char::from(*byte)),
                    // Three digits always, so that none behind it is taken for a fourth.
                    other => {
                        let _ = write!(word, r"\{other:03o}");
                    }
                }
            }
            word.push('\'');
            word
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&hookwarden::verify::bytes::encoding::encode_base64(bytes)).into_owned()
}

fn seconds(time: UnixTime) -> u64 {
    time.as_millis().checked_div(1000).unwrap_or_default()
}
