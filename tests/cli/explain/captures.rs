//! One valid request in every capture format: each verifies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::scratch::{Scratch, hmac_sha256};
use crate::support::{Ran, hookwarden};

const SECRET: &str = "a-github-secret-of-many-letters";
const BODY: &str = "{\r\n \"name\": \"Zoë's\",\r\n \"ok\": true\r\n}";

fn config() -> Value {
    json!({ "sources": [{
        "name": "github",
        "match": { "hosts": ["hooks.example.com"], "path": "/hooks/github" },
        "verify": { "provider": "github", "secrets": [{ "id": "main", "value": SECRET }] }
    }] })
}

fn signature(body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac_sha256(SECRET.as_bytes(), body)))
}

fn head() -> String {
    format!(
        "POST /hooks/github?x=1 HTTP/1.1\r\nHost: hooks.example.com\r\nContent-Type: application/json\r\nX-Hub-Signature-256: {}\r\n",
        signature(BODY.as_bytes())
    )
}

fn explain(capture: impl AsRef<[u8]>) -> Ran {
    let scratch = Scratch::new();
    let request = scratch.file("request", capture);
    hookwarden(&["explain", "--config", &scratch.config(&config()), &request, "--format", "json"], "")
}

fn assert_verified(what: &str, ran: &Ran) {
    assert_eq!(ran.code, 0, "{what}: {}{}", ran.out, ran.err);
    let said: Value = serde_json::from_str(&ran.out).expect("it is JSON");
    assert_eq!((&said["code"], &said["secrets"][0]), (&json!("verified"), &json!("main")), "{what}");
}

#[test]
fn words_that_yaml_1_1_takes_for_booleans_are_text_in_a_capture() {
    for word in ["on", "no", "y"] {
        let signature = signature(word.as_bytes());
        let capture = format!(
            "request:\n  method: POST\n  url: https://hooks.example.com/hooks/github\n  headers:\n    \
             X-Hub-Signature-256: {signature}\n  body: {word}\n"
        );
        assert_verified(word, &explain(capture));
    }
}

#[test]
fn raw_http_with_and_without_its_carriage_returns() {
    let length = BODY.len();
    assert_verified("unchanged", &explain(format!("{}\r\n{BODY}", head())));
    let whole = format!("{}Content-Length: {length}\r\n\r\n{BODY}", head());
    assert_verified("with its length", &explain(&whole));
    assert_verified("with bare line feeds", &explain(whole.replace("\r\n", "\n")));
    assert_verified("with an editor's line end", &explain(format!("{whole}\n")));
    let without_host = head()
        .replace("POST /hooks", "POST https://hooks.example.com/hooks")
        .replace("Host: hooks.example.com\r\n", "");
    assert_verified("with a whole URL", &explain(format!("{without_host}\r\n{BODY}")));
    let pseudo = head().replace(
        "POST /hooks/github?x=1 HTTP/1.1\r\nHost: hooks.example.com",
        ":method: POST\r\n:path: /hooks/github\r\n:authority: hooks.example.com",
    );
    assert_verified("with the pseudo headers of HTTP/2", &explain(format!("{pseudo}\r\n{BODY}")));
}

#[test]
fn raw_chunked_http() {
    let (first, second) = BODY.split_at(7);
    let chunks = format!("{:x}\r\n{first}\r\n{:X};extension=1\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
    assert_verified("in chunks", &explain(format!("{}Transfer-Encoding: chunked\r\n\r\n{chunks}", head())));
    assert_verified("without its chunks", &explain(format!("{}Transfer-Encoding: chunked\r\n\r\n{BODY}", head())));
}

fn har(text: &str, encoding: Option<&str>) -> Value {
    let mut data = json!({ "mimeType": "application/json", "text": text });
    if let Some(encoding) = encoding {
        data["encoding"] = json!(encoding);
    }
    json!({
        "startedDateTime": "2023-11-14T22:13:20.500Z",
        "request": {
            "method": "POST",
            "url": "https://hooks.example.com/hooks/github?x=1",
            "headers": [
                { "name": ":authority", "value": "hooks.example.com" },
                { "name": "x-hub-signature-256", "value": signature(BODY.as_bytes()) },
            ],
            "postData": data,
        }
    })
}

#[test]
fn a_har_entry_and_a_whole_har() {
    let entry = har(BODY, None);
    assert_verified("an entry", &explain(entry.to_string()));
    assert_verified("base64", &explain(har(&STANDARD.encode(BODY), Some("base64")).to_string()));
    let other = json!({ "startedDateTime": "2023-11-14T22:13:19Z", "request": { "method": "POST", "url": "https://a.example.com/", "headers": [], "postData": { "text": "x" } } });
    let whole = json!({ "log": { "version": "1.2", "entries": [other, entry, other] } });
    let ran = explain(whole.to_string());
    assert_verified("the entry that matches a source", &ran);
    let said: Value = serde_json::from_str(&ran.out).expect("it is JSON");
    assert_eq!(
        (&said["time"], &said["time_from"]),
        (&json!("2023-11-14T22:13:20.500Z"), &json!("startedDateTime of the HAR entry"))
    );
    let ambiguous = json!({ "log": { "entries": [entry, entry] } });
    let ran = explain(ambiguous.to_string());
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("choose one with --entry") && ran.err.contains("  2  POST hooks.example.com/hooks/github\n"),
        "{}",
        ran.err
    );
}

#[test]
fn curl_commands_of_every_shell() {
    let signature = signature(BODY.as_bytes());
    let posix = format!(
        "curl -sS 'https://hooks.example.com/hooks/github?x=1' \\\n  -H 'Content-Type: application/json' \\\n  -H \"X-Hub-Signature-256: {signature}\" \\\n  --data-raw '{}' | jq .",
        BODY.replace('\'', "'\\''").replace("\r\n", "\n")
    );
    // A copied command has the line ends of its own file, not those of the body.
    let lines = BODY.replace("\r\n", "\n");
    let with_lines = posix.replace(&signature, &self::signature(lines.as_bytes()));
    assert_verified("in single quotes", &explain(with_lines));
    let escaped = BODY.replace('\'', "\\'").replace("\r\n", "\\r\\n").replace('ë', "\\u00eb");
    let ansi = format!(
        "$ curl -XPOST --url https://hooks.example.com/hooks/github -HX-Hub-Signature-256:{signature} --data-binary $'{escaped}'"
    );
    assert_verified("in $'…'", &explain(ansi));
    let flat = "{\"a\":1,\"b\":\"x & y\"}";
    let windows = format!(
        "curl ^\"https://hooks.example.com/hooks/github?x=1^\" ^\r\n  -H ^\"X-Hub-Signature-256: {}^\" ^\r\n  --data-raw ^\"{}^\"",
        self::signature(flat.as_bytes()),
        flat.replace('"', "^\\^\"").replace('&', "^&").replace('{', "^{").replace('}', "^}")
    );
    assert_verified("for cmd", &explain(windows));
    let signed = |body: &str| format!("X-Hub-Signature-256: {}", self::signature(body.as_bytes()));
    let percent = "{\"a\":\"50%\"}";
    let batch = format!(
        "curl \"https://hooks.example.com/hooks/github\" ^\r\n -H \"{}\" ^\r\n -d \"{}\"",
        signed(percent),
        percent.replace('"', "\\\"").replace('%', "%%")
    );
    assert_verified("in a batch file", &explain(batch));
    for (what, line_end, body) in [
        ("for PowerShell", "`\r\n", flat.to_owned()),
        ("for PowerShell with Unix's line ends", "`\n", flat.to_owned()),
        ("for an old PowerShell", "`\r\n", flat.replace('"', "\\\"")),
    ] {
        let command = format!(
            "curl.exe -X POST https://hooks.example.com/hooks/github {line_end}  -H \"{}\" {line_end}  -d '{body}'\r\n",
            signed(flat)
        );
        assert_verified(what, &explain(command));
    }
}

#[test]
fn no_other_word_of_a_curl_command_becomes_its_url() {
    let url = "https://hooks.example.com/hooks/github";
    let signature = signature(b"{}");
    for (command, expected) in [
        (
            format!("curl {url} -H X-Hub-Signature-256: {signature} -d '{{}}'"),
            "word 5 of the curl command belongs to no",
        ),
        (
            format!("curl -H X-Hub-Signature-256: {signature} {url} -d '{{}}'"),
            "word 4 of the curl command belongs to no",
        ),
        (format!("curl --url {url} {signature}"), "word 4 of the curl command belongs to no"),
        (format!("curl {url} https://other.example.com/{signature}"), "word 3 of the curl command belongs to no"),
        (format!("curl --bogus https://other.example.com/{signature} {url}"), "word 3 of the curl command follows"),
        (format!("curl --url {url} --url {url}"), "has two URLs"),
        (format!("curl {url} -H “X-Hub-Signature-256: {signature}”"), "curly quotes"),
        (format!("curl {url} -H \"X-Hub-Signature-256: sha256=$(openssl dgst)\""), "has $(…)"),
        (format!("curl {url} -H @head.txt"), "-H @file"),
        (format!("curl {url} --next {url}"), "--next"),
    ] {
        let ran = explain(&command);
        assert_eq!(ran.code, 2, "{command}: {ran:?}");
        assert!(ran.err.contains(expected) && ran.out.is_empty(), "{command}: {}", ran.err);
        assert!(!ran.err.contains(&signature), "{command}: {}", ran.err);
    }
    let inside = "{\"a\":\"“x” $(y)\"}";
    let command = format!(
        "curl {url} --bogus 7 --compressed -K file -H 'X-Hub-Signature-256: {}' -d '{inside}'",
        self::signature(inside.as_bytes())
    );
    let ran = explain(command);
    assert_verified("unknown options are ignored", &ran);
    let said: Value = serde_json::from_str(&ran.out).expect("it is JSON");
    let notes = said["notes"].to_string();
    assert!(notes.contains("--bogus of the curl command is not known") && notes.contains("--config"), "{notes}");
    assert!(!notes.contains("--compressed"), "{notes}");
}

#[test]
fn curl_with_files_and_a_user() {
    let scratch = Scratch::new();
    scratch.file("event.json", BODY);
    let curl = format!(
        "curl https://hooks.example.com/hooks/github -H 'X-Hub-Signature-256: {}' --data-binary @event.json",
        signature(BODY.as_bytes())
    );
    let request = scratch.file("request.curl", curl);
    let ran = hookwarden(&["explain", &scratch.config(&config()), &request, "--format", "json"], "");
    assert_verified("with a file", &ran);
    let basic = json!({ "sources": [{
        "name": "mail", "match": { "path": "/mail" },
        "verify": { "provider": "basic", "secrets": [{ "id": "main", "value": "user:a-password-of-letters" }] }
    }] });
    let request =
        scratch.file("request.curl", "curl -u 'user:a-password-of-letters' -d a=b https://hooks.example.com/mail");
    let ran = hookwarden(&["explain", &scratch.config(&basic), &request, "--format", "json"], "");
    assert_verified("with a user", &ran);
}

#[test]
fn headers_and_body_in_files() {
    let scratch = Scratch::new();
    let config = scratch.config(&config());
    let body = scratch.file("body", BODY);
    let whole = scratch.file("head", head());
    let ran = hookwarden(&["explain", &config, "--headers", &whole, "--body", &body, "--format", "json"], "");
    assert_verified("with a request line", &ran);
    let bare = scratch.file("bare", head().lines().skip(2).collect::<Vec<_>>().join("\n"));
    let url = "https://hooks.example.com/hooks/github";
    let ran =
        hookwarden(&["explain", &config, "--headers", &bare, "--body", &body, "--url", url, "--format", "json"], "");
    assert_verified("without", &ran);
}

#[test]
fn json_and_standard_input() {
    let request = json!({
        "method": "POST",
        "url": "https://hooks.example.com/hooks/github?x=1",
        "headers": { "x-hub-signature-256": signature(BODY.as_bytes()) },
        "body": BODY,
        "time": 1_700_000_000,
    });
    assert_verified("JSON", &explain(request.to_string()));
    let pairs = json!({ "method": "POST", "target": "/hooks/github", "host": "hooks.example.com",
        "headers": [["X-Hub-Signature-256", signature(BODY.as_bytes())]], "body_base64": STANDARD.encode(BODY) });
    assert_verified("pairs and base64", &explain(pairs.to_string()));
    let event = json!({ "httpMethod": "POST", "path": "/hooks/github", "isBase64Encoded": true, "body": STANDARD.encode(BODY),
        "headers": { "Host": "hooks.example.com", "X-Hub-Signature-256": signature(BODY.as_bytes()) } });
    assert_verified("a serverless event", &explain(event.to_string()));
    let scratch = Scratch::new();
    let config = scratch.config(&config());
    let ran = hookwarden(&["explain", &config, "-", "--format", "json"], &request.to_string());
    assert_verified("standard input", &ran);
}

#[test]
fn every_invalid_capture_gets_a_fitting_error() {
    for (capture, expected) in [
        ("", "the capture is empty"),
        ("HTTP/1.1 200 OK\r\n\r\n", "this is a response"),
        ("hello", "is neither a request line"),
        ("{\"method\":", "begins as JSON and is none"),
        ("{\"sources\": []}", "this is a configuration"),
        ("{\"method\": \"POST\"}", "lacks \"url\""),
        ("curl 'https://a/b", "a quote of the command is not closed"),
        ("curl -F a=b https://a/b", "chooses the boundary"),
        ("curl -H 'A: b'", "has no URL"),
    ] {
        let ran = explain(capture);
        assert_eq!(ran.code, 2, "{capture}: {ran:?}");
        assert!(ran.err.contains(expected) && ran.out.is_empty(), "{capture}: {}", ran.err);
    }
}

#[test]
fn no_damaged_capture_panics() {
    let captures = [
        format!("{}Content-Length: 40\r\n\r\n{BODY}", head()),
        har(BODY, None).to_string(),
        "curl $'https://hooks.example.com/\\x41' -H 'A: b' -d '@nowhere'".to_owned(),
    ];
    let scratch = Scratch::new();
    let mut lines = String::new();
    for capture in captures {
        for at in (0..capture.len()).step_by(5).filter(|at| capture.is_char_boundary(*at)) {
            for damage in ["", "\0", "\"", "\\", "'", "^", "\n\n"] {
                let damaged = format!("{}{damage}", &capture[..at]);
                lines.push_str(&json!({ "request": damaged }).to_string());
                lines.push('\n');
            }
        }
    }
    let arguments = ["explain", &scratch.config(&config()), "--batch", &scratch.file("lines", &lines)];
    let ran = hookwarden(&arguments, "");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(ran.out.lines().count(), lines.lines().count(), "{}", ran.err);
}

#[test]
fn a_captured_handshake_is_recognised_and_its_answer_shown() {
    let request = "GET /hooks/meta?hub.mode=subscribe&hub.verify_token=our-verify-token&hub.challenge=1158201444 HTTP/1.1\r\n\
                   Host: hooks.example.com\r\n\r\n";
    let config = |token: &str| {
        json!({ "sources": [{
            "name": "meta",
            "match": { "path": "/hooks/meta" },
            "verify": { "provider": "meta", "secrets": [{ "value": "an-app-secret-of-meta" }] },
            "handshake": { "verify_token": token },
        }] })
    };
    let explain = |token: &str| {
        let scratch = Scratch::new();
        let request = scratch.file("request", request);
        hookwarden(&["explain", "--config", &scratch.config(&config(token)), &request], "")
    };
    let ran = explain("our-verify-token");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("answers it with 200 and 1158201444"), "{}", ran.out);
    assert!(ran.out.contains("the sender does not sign this handshake"), "{}", ran.out);
    assert!(!ran.out.contains("What went wrong"), "{}", ran.out);
    let ran = explain("another-verify-token");
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("handshake_mismatch"), "{}", ran.out);
}
