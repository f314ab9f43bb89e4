//! Captures that are easily read as another request than the one that was sent: whose lines, whose headers.

use serde_json::{Value, json};

use crate::scratch::{Scratch, hmac_sha256};
use crate::support::hookwarden;

const SECRET: &str = "a-secret-for-what-is-misread";
pub const BODY: &str = r#"{"event":"invoice.paid"}"#;

/// What was said of a capture.
pub struct Said {
    /// `verified`, the code of a denial, or `error`.
    pub code: String,
    /// The notes, and the error.
    pub words: String,
    pub path: String,
    pub bytes: u64,
}

pub fn signature(body: &str) -> String {
    format!("sha256={}", hex::encode(hmac_sha256(SECRET.as_bytes(), body.as_bytes())))
}

/// Header lines that are right for the body, without its length.
pub fn lines(body: &str) -> String {
    format!("Host: in.example.net\nContent-Type: application/json\nX-Hub-Signature-256: {}", signature(body))
}

/// A source of GitHub with the secret.
pub fn source(name: &str, path: &str) -> Value {
    json!({
        "name": name,
        "match": { "hosts": ["in.example.net"], "path": path },
        "verify": { "provider": "github", "secrets": [{ "id": "main", "value": SECRET }] }
    })
}

pub fn explain(text: &str, more: &[&str]) -> Said {
    let scratch = Scratch::new();
    let config = scratch.config(&json!({ "sources": [source("billing", "/in/billing")] }));
    let capture = scratch.file("request", text);
    let ran = hookwarden(&[&["explain", &config, &capture, "--format", "json"], more].concat(), "");
    let said: Value = serde_json::from_str(&ran.out).unwrap_or_default();
    let notes: Vec<_> = said["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET), "{}", ran.out);
    Said {
        code: if ran.code == 2 { "error".to_owned() } else { said["code"].as_str().unwrap_or_default().to_owned() },
        words: format!("{}\n{}", notes.join("\n"), ran.err),
        path: said["request"]["path"].as_str().unwrap_or_default().to_owned(),
        bytes: said["request"]["body_bytes"].as_u64().unwrap_or_default(),
    }
}

pub fn assert_verified(what: &str, text: &str) {
    let said = explain(text, &[]);
    assert_eq!(said.code, "verified", "{what}, {} bytes of body: {}", said.bytes, said.words);
}

/// Explains a capture that has the body elsewhere.
fn explain_head(text: &str, more: &[&str]) -> Said {
    let scratch = Scratch::new();
    explain(text, &[&["--body", scratch.file("body", BODY).as_str()], more].concat())
}

#[test]
fn lines_of_two_connections_in_a_log_of_nginx_are_two_requests() {
    let line = |connection: u8, text: &str| format!("2026/11/28 10:00:00 [debug] 7#7: *{connection} http {text}\"\n");
    let log = [
        line(1, "request line: \"POST /in/billing HTTP/1.1"),
        line(1, "header: \"Host: in.example.net"),
        line(2, "request line: \"POST /in/other HTTP/1.1"),
        line(2, "header: \"Host: in.example.net"),
        line(2, &format!("header: \"X-Hub-Signature-256: {}", signature(BODY))),
        line(1, "header: \"Content-Type: application/json"),
    ]
    .concat();
    let first = explain_head(&log, &[]);
    assert_eq!((first.code.as_str(), first.path.as_str()), ("signature_missing", "/in/billing"), "{}", first.words);
    assert!(first.words.contains("entry 1 of 2"), "{}", first.words);
    assert_eq!(explain_head(&log, &["--entry", "2"]).path, "/in/other");
    // The same connection, one request behind the other.
    let kept = log.replace("*2", "*1");
    assert_eq!(explain_head(&kept, &["--entry", "1"]).code, "signature_missing");
    assert_eq!(explain_head(&kept, &["--entry", "2"]).path, "/in/other");
    // Connections of two containers have the same numbers.
    let of_container = |line: &str| {
        let name = if line.contains("*2") { "b" } else { "a" };
        format!("nginx-{name}  | {}\n", line.replace("*2", "*1"))
    };
    let merged: String = log.lines().map(of_container).collect();
    assert_eq!(explain_head(&merged, &["--entry", "1"]).code, "signature_missing");
    assert_eq!(explain_head(&merged, &["--entry", "2"]).path, "/in/other");
}

#[test]
fn lines_of_two_containers_in_a_log_of_envoy_are_two_requests() {
    let start = "[2026-11-28 10:00:00.123][18][debug][http] [conn.cc:1] [Tags: \"ConnectionId\":\"4\"] request headers complete (end_stream=false):";
    let log = [
        format!("envoy-a  | {start}"),
        "envoy-a  | ':authority', 'in.example.net'".to_owned(),
        format!("envoy-b  | {start}"),
        "envoy-a  | ':path', '/in/billing'".to_owned(),
        "envoy-a  | ':method', 'POST'".to_owned(),
        "envoy-b  | ':path', '/in/other'".to_owned(),
        format!("envoy-b  | 'x-hub-signature-256', '{}'", signature(BODY)),
        "envoy-a  | 'content-type', 'application/json'".to_owned(),
        "envoy-b  | ".to_owned(),
        "envoy-a  | ".to_owned(),
    ]
    .join("\n");
    let wanted = explain_head(&log, &["--entry", "1"]);
    assert_eq!((wanted.code.as_str(), wanted.path.as_str()), ("signature_missing", "/in/billing"), "{}", wanted.words);
    assert_eq!(explain_head(&log, &["--entry", "2"]).path, "/in/other");
    // The line of a header looks like the beginning of a request.
    let within = format!(
        "{start}\n':path', '/in/other'\n'x-a', 'request headers complete (end_stream=false):'\n':authority', 'in.example.net'\n'x-hub-signature-256', '{}'\n",
        signature(BODY)
    );
    assert_eq!(explain_head(&within, &[]).path, "/in/other");
}

#[test]
fn lines_of_two_connections_in_a_log_of_apache_are_two_requests() {
    let line = |port: u8, text: &str| {
        format!(
            "[Sat Nov 28 10:00:00 2026] [dumpio:trace7] [pid 7:tid {port}] mod_dumpio.c(103): [client 127.0.0.1:{port}] mod_dumpio:  dumpio_in (data-HEAP): {text}\n"
        )
    };
    let log = [
        line(1, r"POST /in/billing HTTP/1.1\r\n"),
        line(1, r"Host: in.example.net\r\n"),
        line(2, r"POST /in/other HTTP/1.1\r\n"),
        line(2, &format!(r"X-Hub-Signature-256: {}\r\n", signature(BODY))),
        line(1, r"Content-Length: 24\r\n"),
        line(1, r"\r\n"),
        line(1, &BODY.replace('"', "\\\"")),
    ];
    assert_eq!(explain(&log.concat(), &[]).code, "signature_missing");
    // A body that reads like the line before the data.
    let log = [
        line(1, r"POST /in/billing HTTP/1.1\r\n"),
        line(1, r"Host: in.example.net\r\n"),
        line(1, &format!(r"X-Hub-Signature-256: {}\r\n", signature("7 bytes"))),
        line(1, r"Content-Length: 7\r\n"),
        line(1, "2 bytes"),
        line(1, r"\r\n"),
        line(1, "7 bytes"),
        line(1, "7 bytes"),
    ];
    assert_verified("a body of seven bytes", &log.concat());
}

#[test]
fn transfers_of_curl_at_the_same_time_are_told_apart() {
    let section = |id: u8, kind: &str, text: &str| {
        let rows: String = text
            .as_bytes()
            .chunks(16)
            .enumerate()
            .map(|(at, row)| {
                let pairs: Vec<_> = row.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{:04x}: {}\n", at * 16, pairs.join(" "))
            })
            .collect();
        format!("10:00:00.123456 [{id}-{id}] => Send {kind}, {} bytes\n{rows}", text.len())
    };
    let head = |path: &str, body: &str| {
        format!("POST {path} HTTP/1.1\n{}\nContent-Length: {}\n\n", lines(body), body.len()).replace('\n', "\r\n")
    };
    let other = BODY.replace("paid", "sent");
    let trace = [
        section(0, "header", &head("/in/billing", &other)),
        section(1, "header", &head("/in/other", BODY)),
        section(0, "data", BODY),
        section(1, "data", &other),
    ];
    assert_eq!(explain(&trace.concat(), &[]).code, "signature_mismatch");
    let right = [trace[0].clone(), trace[1].clone(), section(1, "data", BODY), section(0, "data", &other)];
    assert_verified("each with its own", &right.concat());
}

#[test]
fn every_transaction_of_an_audit_log_is_read() {
    let one = |id: &str, path: &str, body: &str| {
        format!(
            "--{id}-A--\n[28/Nov/2026:10:00:00 +0000]\n--{id}-B--\nPOST {path} HTTP/1.1\n{}\n\n--{id}-C--\n{body}\n--{id}-F--\nHTTP/1.1 200 OK\n\n--{id}-Z--\n\n",
            lines(body)
        )
    };
    let log = one("aa11", "/in/other", BODY) + &one("bb22", "/in/billing", "--cc33-A--\n[]\n--cc33-Z--");
    let said = explain(&log, &[]);
    assert_eq!(said.code, "verified", "{}", said.words);
    assert!(said.words.contains("entry 2 of 2"), "{}", said.words);
}

#[test]
fn two_request_lines_in_a_head_are_no_request() {
    let mixed =
        format!("POST /in/billing HTTP/1.1\nHost: in.example.net\nPOST /in/other HTTP/1.1\n{}\n\n{BODY}", lines(BODY));
    let said = explain(&mixed, &[]);
    assert!(said.code == "error" && said.words.contains("second request line"), "{} {}", said.code, said.words);
}

#[test]
fn a_header_that_begins_as_the_title_of_the_payload_is_a_header() {
    let page = format!(
        "Request URL: https://in.example.net/in/billing\nRequest method: POST\nPayload-Id: 7\n{}\n\nPayload\n{BODY}\n",
        lines(BODY)
    );
    assert_verified("Payload-Id", &page);
}

#[test]
fn what_begins_as_a_page_under_any_title_is_read_as_one() {
    for title in ["Headers", "HTTP Headers", "Request Headers"] {
        let page = format!("POST https://in.example.net/in/billing\n{title}\n{}\nRaw Content\n{BODY}", lines(BODY));
        assert_verified(title, &page);
    }
}

#[test]
fn usual_masks_are_recognised() {
    let masks = "████████ •••••••• … <redacted> [FILTERED] XXXX xxxxxxxx ******** ● ... [MASKED] sha256=██████ \
        sha256=7d81████ sha256=7d81******** sha256=7d8109b8... sha256=XXXXXXXXXXXX sha256=%5BFILTERED%5D";
    for mask in masks.split_whitespace() {
        let request = json!({
            "method": "POST",
            "url": "https://in.example.net/in/billing",
            "headers": { "X-Hub-Signature-256": mask },
            "body": BODY
        });
        let said = explain(&request.to_string(), &[]);
        assert!(said.words.contains("is masked"), "{mask}: {}", said.words);
    }
    let plain = json!({
        "method": "POST",
        "url": "https://in.example.net/in/billing",
        "headers": { "X-Hub-Signature-256": signature(BODY), "Accept": "*/*", "X-GitHub-Event": "x", "X-Title": "and more ..." },
        "body": BODY
    });
    let said = explain(&plain.to_string(), &[]);
    assert!(!said.words.contains("is masked"), "{}", said.words);
}

#[test]
fn no_list_or_note_shows_the_token_of_a_path() {
    let token = "b4dK3y5T0k3n0f4P4th9zQ";
    let entry = |end: &str| json!({ "request": { "method": "POST", "url": format!("https://a.example.com/services/{token}{end}"), "headers": [] } });
    let har = json!({ "log": { "version": "1.2", "entries": [entry("/first"), entry("/second;jsessionid=abc#x")] } });
    let said = explain(&har.to_string(), &[]);
    assert!(said.words.contains("/services/b4dK…/first"), "{}", said.words);
    assert!(!said.words.contains(token) && !said.words.contains("jsessionid"), "{}", said.words);
    let event = json!({
        "path": "/in/billing",
        "httpMethod": "POST",
        "headers": { "Host": "in.example.net", "X-Hub-Signature-256": signature(BODY) },
        "requestContext": { "path": format!("/prod/{token}/in/billing") },
        "body": BODY,
        "isBase64Encoded": false
    });
    let said = explain(&event.to_string(), &[]);
    assert!(said.words.contains("/prod/b4dK…/in/billing, with the stage"), "{}", said.words);
    assert!(!said.words.contains(token), "{}", said.words);
}
