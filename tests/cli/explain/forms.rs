//! The forms of captures: a fixture of each as a tool writes it, in `forms/`, all of them of one request.

use std::path::Path;

use serde_json::{Value, json};

use crate::scratch::{Scratch, hmac_sha256};
use crate::support::{Ran, hookwarden};

const SECRET: &str = "a-secret-for-the-forms-of-captures";
const FOLDER: &str = "tests/cli/explain/forms";

/// A fixture, and what is said of it.
struct Case {
    file: &'static str,
    /// `verified`, the code of a denial, or `error`.
    code: &'static str,
    /// What it is recognised as, if it can be read.
    form: &'static str,
    /// A part of the notes, or of the error.
    says: &'static str,
    more: &'static [&'static str],
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { file: "webhook-site-one.json", code: "verified", form: "a request of webhook.site", says: "", more: &[] },
    Case { file: "webhook-site-list.json", code: "verified", form: "a request of webhook.site", says: "entry 2 of 2", more: &[] },
    Case { file: "pipedream.json", code: "verified", form: "an event of Pipedream", says: "", more: &[] },
    Case { file: "pipedream-steps.json", code: "verified", form: "an event of Pipedream", says: "holds the body parsed", more: &[] },
    Case { file: "hookdeck.json", code: "verified", form: "a request of Hookdeck", says: "holds the body parsed", more: &[] },
    Case { file: "hookdeck-list.json", code: "verified", form: "a request of Hookdeck", says: "", more: &[] },
    Case { file: "ngrok-one.json", code: "verified", form: "a request of ngrok's agent API", says: "", more: &[] },
    Case { file: "ngrok-list.json", code: "verified", form: "a request of ngrok's agent API", says: "", more: &["--entry", "2"] },
    Case { file: "smee.json", code: "verified", form: "a request of smee.io", says: "holds the body parsed", more: &["--url", "https://in.example.net/in/billing"] },
    Case { file: "wiremock.json", code: "verified", form: "a journal of a mock server", says: "", more: &[] },
    Case { file: "har-mitmproxy.json", code: "verified", form: "a HAR entry", says: "", more: &[] },
    Case { file: "har-http-toolkit.json", code: "verified", form: "a HAR entry", says: "", more: &[] },
    Case { file: "har-without-body.json", code: "content_length_mismatch", form: "a HAR entry", says: "the tool that saved it left the body out", more: &[] },
    Case { file: "envoy-tap-bytes.json", code: "verified", form: "a trace of Envoy's tap filter", says: "", more: &[] },
    Case { file: "envoy-tap-string.json", code: "verified", form: "a trace of Envoy's tap filter", says: "", more: &[] },
    Case { file: "envoy-tap-truncated.json", code: "signature_mismatch", form: "a trace of Envoy's tap filter", says: "only the beginning of the body", more: &[] },
    Case { file: "envoy-tap-streamed.json", code: "verified", form: "a trace of Envoy's tap filter", says: "", more: &[] },
    Case { file: "charles.chlsj", code: "verified", form: "a session of Charles", says: "", more: &[] },
    Case { file: "mitmproxy-flow.json", code: "content_length_mismatch", form: "a flow of mitmproxy", says: "left the body out", more: &[] },
    Case { file: "burp.xml", code: "verified", form: "Burp's XML", says: "", more: &[] },
    Case { file: "follow-stream.http", code: "verified", form: "raw HTTP", says: "cut off", more: &[] },
    Case { file: "follow-stream-bare-line-feeds.http", code: "verified", form: "raw HTTP", says: "cut off", more: &[] },
    Case { file: "follow-stream-two.http", code: "verified", form: "raw HTTP", says: "", more: &["--entry", "2"] },
    Case { file: "follow-stream-continue.http", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "follow-stream-chunked.http", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "curl-trace.txt", code: "verified", form: "a hexadecimal dump", says: "", more: &[] },
    Case { file: "xxd.txt", code: "verified", form: "a hexadecimal dump", says: "", more: &[] },
    Case { file: "hexdump.txt", code: "verified", form: "a hexadecimal dump", says: "", more: &[] },
    Case { file: "wireshark-hex.txt", code: "verified", form: "a hexadecimal dump", says: "", more: &[] },
    Case { file: "utf-16-le.http", code: "verified", form: "raw HTTP", says: "UTF-16", more: &[] },
    Case { file: "utf-16-be-har.json", code: "verified", form: "a HAR entry", says: "UTF-16", more: &[] },
    Case { file: "byte-order-mark.json", code: "verified", form: "a request of webhook.site", says: "", more: &[] },
    Case { file: "fetch.js", code: "verified", form: "a fetch call", says: "", more: &[] },
    Case { file: "fetch-node.js", code: "verified", form: "a fetch call", says: "", more: &[] },
    Case { file: "powershell.txt", code: "verified", form: "a PowerShell command", says: "", more: &[] },
    Case { file: "powershell-variables.txt", code: "verified", form: "a PowerShell command", says: "", more: &[] },
    Case { file: "powershell-computed.txt", code: "error", form: "", says: "computes a part of the request", more: &[] },
    Case { file: "httpie.txt", code: "verified", form: "an HTTPie command", says: "", more: &[] },
    Case { file: "httpie-fields.txt", code: "verified", form: "an HTTPie command", says: "", more: &[] },
    Case { file: "wget.txt", code: "verified", form: "a wget command", says: "", more: &[] },
    Case { file: "postman.json", code: "verified", form: "a collection of Postman", says: "", more: &[] },
    Case { file: "insomnia.json", code: "verified", form: "an export of Insomnia", says: "", more: &[] },
    Case { file: "bruno.bru", code: "verified", form: "a request of Bruno", says: "", more: &[] },
    Case { file: "github-page.txt", code: "verified", form: "a page of a delivery", says: "holds the body parsed", more: &[] },
    Case { file: "browser-panel.txt", code: "verified", form: "a page of a delivery", says: "", more: &[] },
    Case { file: "github-api.json", code: "verified", form: "a delivery of GitHub's API", says: "holds the body parsed", more: &[] },
    Case { file: "github-api-list.json", code: "error", form: "", says: "Get one of them by its id", more: &[] },
    Case { file: "stripe-event.json", code: "error", form: "", says: "is a Stripe event, which cannot be read", more: &[] },
    Case { file: "svix-attempt.json", code: "error", form: "", says: "is a message or an attempt of Svix, which cannot be read", more: &[] },
    Case { file: "api-gateway-rest.json", code: "verified", form: "an event of API Gateway or an ALB", says: "", more: &[] },
    Case { file: "function-url.json", code: "verified", form: "an event of API Gateway or an ALB", says: "", more: &[] },
    Case { file: "alb.json", code: "verified", form: "an event of API Gateway or an ALB", says: "", more: &[] },
    Case { file: "cloudwatch-lines.txt", code: "verified", form: "an event of API Gateway or an ALB", says: "", more: &[] },
    Case { file: "cloudwatch-events.json", code: "verified", form: "an event of API Gateway or an ALB", says: "", more: &[] },
    Case { file: "cloudfront.json", code: "verified", form: "an event of CloudFront", says: "", more: &[] },
    Case { file: "azure-handler.json", code: "verified", form: "a request of Azure Functions", says: "", more: &[] },
    Case { file: "google-log.json", code: "error", form: "", says: "is an HTTP log of Google Cloud or AWS WAF", more: &[] },
    Case { file: "express.json", code: "verified", form: "JSON", says: r#"left out, for they are not known to say what was sent: "secret_note""#, more: &[] },
    Case { file: "node-raw-headers.json", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "parsed.json", code: "verified", form: "JSON", says: "holds the body parsed", more: &[] },
    Case { file: "parsed-by-python.json", code: "verified", form: "JSON", says: "the way Python writes it", more: &[] },
    Case { file: "parsed-and-changed.json", code: "signature_mismatch", form: "JSON", says: "holds the body parsed", more: &[] },
    Case { file: "console-log.txt", code: "verified", form: "JSON", says: "what a console shows", more: &[] },
    Case { file: "python-print.txt", code: "verified", form: "JSON", says: "what a console shows", more: &[] },
    Case { file: "n8n.json", code: "verified", form: "JSON", says: "holds the body parsed", more: &[] },
    Case { file: "httpbin.json", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "masked.json", code: "signature_malformed", form: "JSON", says: "is masked", more: &[] },
    Case { file: "make.json", code: "verified", form: "a bundle of Make", says: "holds the body parsed", more: &["--url", "https://in.example.net/in/billing"] },
    Case { file: "envoy-socket-tap.json", code: "verified", form: "a trace of Envoy's tap filter", says: "", more: &[] },
    Case { file: "server-variables.json", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "ruby-hash.txt", code: "verified", form: "JSON", says: "what a console shows", more: &[] },
    Case { file: "base64-unsaid.json", code: "verified", form: "JSON", says: "is in base64, which Content-Length proves", more: &[] },
    Case { file: "insomnia-timeline.txt", code: "verified", form: "raw HTTP", says: "timeline", more: &[] },
    Case { file: "mitmproxy-httpie.txt", code: "verified", form: "an HTTPie command", says: "", more: &[] },
    Case { file: "wireshark-arrays.c", code: "verified", form: "a stream that Wireshark or tshark follows", says: "", more: &[] },
    Case { file: "wireshark-follow.yaml", code: "verified", form: "a stream that Wireshark or tshark follows", says: "", more: &[] },
    Case { file: "wireshark-digits.txt", code: "verified", form: "a stream that Wireshark or tshark follows", says: "cut off", more: &[] },
    Case { file: "tshark-follow-raw.txt", code: "verified", form: "a stream that Wireshark or tshark follows", says: "", more: &[] },
    Case { file: "tshark-follow-ascii.txt", code: "error", form: "", says: "a stream that tshark follows as ASCII", more: &[] },
    Case { file: "raw-in-base64.txt", code: "verified", form: "a raw request in base64", says: "", more: &[] },
    Case { file: "express-print.txt", code: "verified", form: "headers and body as a program prints them", says: "that of the source", more: &[] },
    Case { file: "express-print-parsed.txt", code: "verified", form: "headers and body as a program prints them", says: "holds the body parsed", more: &[] },
    Case { file: "json-print.txt", code: "verified", form: "headers and body as a program prints them", says: "that of the source", more: &[] },
    Case { file: "django-print.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "starlette-print.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "flask-print.txt", code: "verified", form: "raw HTTP", says: "printed as a literal", more: &[] },
    Case { file: "flask-print-text.txt", code: "verified", form: "raw HTTP", says: "cut off", more: &[] },
    Case { file: "php-print-r.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "php-server-print-r.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "php-var-dump.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "php-var-export.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "laravel-dump.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "go-print.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "headers-alone.txt", code: "content_length_mismatch", form: "headers and body as a program prints them", says: "shows the headers only", more: &[] },
    Case { file: "envoy-debug.log", code: "content_length_mismatch", form: "Envoy's log at the level debug", says: "never its body", more: &[] },
    Case { file: "istio-debug.log", code: "content_length_mismatch", form: "Envoy's log at the level debug", says: "never its body", more: &[] },
    Case { file: "nginx-debug.log", code: "content_length_mismatch", form: "NGINX's log at the level debug", says: "never its body", more: &[] },
    Case { file: "apache-dumpio.log", code: "verified", form: "a log of Apache's mod_dumpio", says: "", more: &[] },
    Case { file: "modsecurity.log", code: "verified", form: "an audit log of ModSecurity", says: "", more: &[] },
    Case { file: "wget-debug.txt", code: "verified", form: "a debug log of Wget", says: "", more: &[] },
    Case { file: "okhttp.log", code: "verified", form: "a log of OkHttp", says: "", more: &[] },
    Case { file: "k6.log", code: "verified", form: "a log of k6", says: "", more: &[] },
    Case { file: "spring.log", code: "verified", form: "a log of Spring", says: "", more: &[] },
    Case { file: "spring-cut.log", code: "content_length_mismatch", form: "a log of Spring", says: "only the beginning", more: &[] },
    Case { file: "asp-net.log", code: "signature_malformed", form: "a log of ASP.NET", says: "is masked", more: &[] },
    Case { file: "webhook-site-page.txt", code: "verified", form: "a page of an inspector", says: "holds the body parsed", more: &[] },
    Case { file: "postman-console-lines.txt", code: "verified", form: "a page of an inspector", says: "", more: &[] },
    Case { file: "postman-console-raw.txt", code: "verified", form: "raw HTTP", says: "cut off", more: &[] },
    Case { file: "insomnia-5-collection.yaml", code: "verified", form: "YAML of an API client", says: "", more: &[] },
    Case { file: "bruno-open-collection.yml", code: "verified", form: "YAML of an API client", says: "", more: &[] },
    Case { file: "vcr.yaml", code: "verified", form: "YAML of an API client", says: "", more: &[] },
    Case { file: "n8n-raw-body.json", code: "verified", form: "an item of n8n", says: "", more: &[] },
    Case { file: "logic-apps.json", code: "verified", form: "JSON", says: "that of the source", more: &[] },
    Case { file: "gitlab-events.json", code: "verified", form: "JSON", says: "holds the body parsed", more: &[] },
    Case { file: "editor-variables.http", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "editor-scripts.http", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "editor-body-file.http", code: "error", form: "", says: "names a file as body", more: &[] },
    Case { file: "hurl.hurl", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "quoted.txt", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "indented.md", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "carriage-returns.http", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "har-fields.json", code: "verified", form: "a HAR entry", says: "written again here as a form", more: &[] },
    Case { file: "curl-cmd-backslashes.txt", code: "verified", form: "a curl command", says: "", more: &[] },
    Case { file: "laravel.log", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "mitmdump.txt", code: "error", form: "", says: "what mitmdump prints", more: &[] },
    Case { file: "forwarder.txt", code: "error", form: "", says: "what a forwarder of webhooks prints", more: &[] },
    Case { file: "api-gateway-execution.log", code: "error", form: "", says: "an execution log of API Gateway", more: &[] },
    Case { file: "gitlab-page.txt", code: "error", form: "", says: "a page of GitLab's recent events", more: &[] },
    Case { file: "page.html", code: "error", form: "", says: "a web page", more: &[] },
    Case { file: "vercel.json", code: "error", form: "", says: "a log of Vercel", more: &[] },
    Case { file: "span.json", code: "error", form: "", says: "a span of OpenTelemetry", more: &[] },
    Case { file: "har-decompressed.json", code: "content_encoding", form: "a HAR entry", says: "holds the body decompressed", more: &[] },
    Case { file: "nock.json", code: "error", form: "", says: "a recording of nock", more: &[] },
    Case { file: "elixir-print.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "werkzeug-print.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "java-map.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "spring-http-headers.txt", code: "verified", form: "headers and body as a program prints them", says: "", more: &[] },
    Case { file: "zap.txt", code: "verified", form: "raw HTTP", says: "cut off", more: &[] },
    Case { file: "compose.log", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "jmeter.txt", code: "verified", form: "a page of an inspector", says: "", more: &[] },
    Case { file: "ngrok-raw-alone.json", code: "verified", form: "a request of ngrok's agent API", says: "", more: &[] },
    Case { file: "access-log.json", code: "error", form: "", says: "is an access log in JSON", more: &[] },
    Case { file: "tap-text.txt", code: "error", form: "", says: "have Envoy write it as JSON", more: &[] },
    Case { file: "stripe-listen.txt", code: "error", form: "", says: "what stripe listen prints", more: &[] },
    Case { file: "tcpdump.txt", code: "error", form: "", says: "what tcpdump or ngrep prints", more: &[] },
    Case { file: "nginx-log.json", code: "error", form: "", says: "is an access log in JSON", more: &[] },
    Case { file: "envoy-access.log", code: "error", form: "", says: "a line of an access log", more: &[] },
    Case { file: "caddy.json", code: "content_length_mismatch", form: "JSON", says: "left the body out", more: &[] },
    Case { file: "container-log.json", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "answer-first.http", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "python-bytes.txt", code: "verified", form: "a raw request as a program prints it", says: "", more: &[] },
    Case { file: "python-debuglevel.txt", code: "verified", form: "a raw request as a program prints it", says: "", more: &[] },
    Case { file: "go-quoted.txt", code: "verified", form: "a raw request as a program prints it", says: "", more: &[] },
    Case { file: "bruno-export.json", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "thunder-client.json", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "hoppscotch.json", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "raw-hook-of-variables.json", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "log-insights.json", code: "verified", form: "an event of API Gateway or an ALB", says: "", more: &[] },
    Case { file: "apps-script.json", code: "error", form: "", says: "an event of Google Apps Script", more: &[] },
    Case { file: "webhook-site.csv", code: "error", form: "", says: "a table of webhook.site", more: &[] },
    Case { file: "charles.xml", code: "error", form: "", says: "a session of Charles in XML", more: &[] },
    Case { file: "rails.log", code: "error", form: "", says: "a log of Rails", more: &[] },
    Case { file: "editor-file.http", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "commented-curl.txt", code: "verified", form: "a curl command", says: "", more: &[] },
    Case { file: "incoming-message.txt", code: "verified", form: "JSON", says: "what a console shows", more: &[] },
    Case { file: "console-log-nested.txt", code: "signature_mismatch", form: "JSON", says: "[Object] in place of what is nested", more: &[] },
    Case { file: "powershell-splatted.txt", code: "verified", form: "a PowerShell command", says: "", more: &[] },
    Case { file: "echo-curl.txt", code: "verified", form: "a curl command", says: "", more: &[] },
    Case { file: "echo-httpie.txt", code: "verified", form: "an HTTPie command", says: "", more: &[] },
    Case { file: "here-document.txt", code: "verified", form: "a curl command", says: "", more: &[] },
    Case { file: "fenced.md", code: "verified", form: "raw HTTP", says: "", more: &[] },
    Case { file: "page-without-payload.txt", code: "signature_mismatch", form: "a page of a delivery", says: "it shows the headers only", more: &[] },
    Case { file: "unknown-wrapper.json", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "google-payload.json", code: "verified", form: "JSON", says: "", more: &[] },
    Case { file: "api-gateway-stage.json", code: "verified", form: "an event of API Gateway or an ALB", says: "/prod/in/billing, with the stage", more: &[] },
    Case { file: "flows.mitm", code: "error", form: "", says: "set hardump=flows.har", more: &[] },
    Case { file: "packets.pcap", code: "error", form: "", says: "tshark -r FILE", more: &[] },
    Case { file: "session.saz", code: "error", form: "", says: "Export the request as HAR", more: &[] },
    Case { file: "trace-ascii.txt", code: "error", form: "", says: "Use curl --trace", more: &[] },
    Case { file: "tshark.json", code: "error", form: "", says: "follow,http,raw,0", more: &[] },
    Case { file: "insomnia-5.yaml", code: "error", form: "", says: "export from the client as JSON", more: &[] },
    Case { file: "access.log", code: "error", form: "", says: "a line of an access log", more: &[] },
    Case { file: "requests.py", code: "error", form: "", says: "source code", more: &[] },
    Case { file: "body-alone.json", code: "error", form: "", says: "if this is the body alone", more: &[] },
];

fn config(scratch: &Scratch) -> String {
    scratch.config(&json!({ "sources": [{
        "name": "billing",
        "match": { "hosts": ["in.example.net"], "path": "/in/billing" },
        "verify": { "provider": "github", "secrets": [{ "id": "main", "value": SECRET }] }
    }] }))
}

fn explain(capture: &str, more: &[&str]) -> (Ran, Value) {
    let scratch = Scratch::new();
    let ran = hookwarden(&[&["explain", &config(&scratch), capture, "--format", "json"], more].concat(), "");
    let said = serde_json::from_str(&ran.out).unwrap_or_default();
    (ran, said)
}

fn explain_text(text: &str, more: &[&str]) -> (Ran, Value) {
    let scratch = Scratch::new();
    explain(&scratch.file("request", text), more)
}

#[test]
fn each_is_read_or_named() {
    let mut wrong = Vec::new();
    for case in CASES {
        let (ran, said) = explain(&format!("{FOLDER}/{}", case.file), case.more);
        let code = if ran.code == 2 { "error" } else { said["code"].as_str().unwrap_or_default() };
        let form = said["request"]["form"].as_str().unwrap_or_default();
        let notes: Vec<_> = said["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let words = format!("{}\n{}", notes.join("\n"), ran.err);
        if code != case.code || form != case.form || !words.contains(case.says) {
            wrong.push(format!("{}: {code}, {form:?}, {words}", case.file));
        }
        assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET), "{}", case.file);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fixture_has_a_case() {
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER)).expect("the folder is there");
    let mut found: Vec<_> =
        files.map(|file| file.expect("it is read").file_name().into_string().expect("text")).collect();
    let mut known: Vec<_> = CASES.iter().map(|case| case.file).collect();
    found.sort_unstable();
    known.sort_unstable();
    assert_eq!(found, known);
}

#[test]
fn every_form_that_is_listed_has_a_fixture() {
    let ran = hookwarden(&["explain", "--forms", "--format", "json"], "");
    let forms: Value = serde_json::from_str(&ran.out).expect("it is JSON");
    // These are in `captures`, or are only a name for many files.
    let elsewhere = [
        "a curl command",
        "an archive",
        "compressed with gzip",
        "a binary session of Charles",
        "a network log of Chrome",
    ];
    for form in forms.as_array().expect("a list") {
        let name = form["name"].as_str().expect("a name");
        let how = form["how"].as_str().expect("a way");
        let is_tried = CASES.iter().any(|case| {
            case.form == name
                || (case.code == "error"
                    && !case.says.is_empty()
                    && (how.contains(case.says) || case.says.contains(name)))
        });
        assert!(is_tried || elsewhere.contains(&name), "{name}");
    }
}

#[test]
fn a_loss_is_the_first_note_and_the_first_finding() {
    for (file, code) in [
        ("har-without-body.json", "capture_without_body"),
        ("mitmproxy-flow.json", "capture_without_body"),
        ("envoy-tap-truncated.json", "capture_truncated"),
        ("parsed-and-changed.json", "capture_reencoded"),
        ("masked.json", "capture_masked"),
    ] {
        let (ran, said) = explain(&format!("{FOLDER}/{file}"), &[]);
        assert_eq!(
            (ran.code, said["findings"][0]["mistakes"][0]["code"].as_str()),
            (1, Some(code)),
            "{file}: {}",
            ran.out
        );
        assert_eq!(said["notes"][0], said["findings"][0]["mistakes"][0]["sentence"], "{file}");
        assert!(!ran.out.contains("body_missing"), "{file}: {}", ran.out);
    }
}

#[test]
fn a_path_that_is_not_captured_is_that_of_the_only_source_with_its_proof() {
    let scratch = Scratch::new();
    let source = |name: &str, provider: &str| {
        json!({
            "name": name,
            "match": { "path": format!("/in/{name}") },
            "verify": { "provider": provider, "secrets": [{ "id": "main", "value": SECRET }] }
        })
    };
    let file = format!("{FOLDER}/django-print.txt");
    let explained = |others: &str| {
        let config = json!({ "sources": [source("billing", "github"), source("other", others)] });
        hookwarden(&["explain", &scratch.config(&config), &file, "--format", "json"], "")
    };
    let ran = explained("gitlab-token");
    assert!(
        ran.code == 0 && ran.out.contains("that of the source \\\"billing\\\" was taken"),
        "{}{}",
        ran.out,
        ran.err
    );
    // Two that the request can be for: nobody but the user knows.
    let ran = explained("github");
    assert!(ran.code == 2 && ran.err.contains("give --url"), "{}{}", ran.out, ran.err);
}

#[test]
fn what_is_masked_is_not_called_missing() {
    let scratch = Scratch::new();
    let config = json!({ "sources": [{
        "name": "billing",
        "match": { "path": "/in/billing" },
        "verify": { "provider": "svix", "secrets": [{ "id": "main", "value": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" }] }
    }] });
    let request = "POST /in/billing HTTP/1.1\nHost: in.example.net\nSvix-Id: [Redacted]\nSvix-Timestamp: [Redacted]\n\
                   Svix-Signature: [Redacted]\n\n{}";
    let (config, request) = (scratch.config(&config), scratch.file("request", request));
    let ran = hookwarden(&["explain", &config, &request, "--format", "json"], "");
    let said: Value = serde_json::from_str(&ran.out).expect("it is JSON");
    assert_eq!(said["finding"], json!("capture_masked"), "{said}");
    assert!(!ran.out.contains("proof_missing"), "{said}");
}

#[test]
fn a_secret_that_was_encoded_twice_is_named() {
    let scratch = Scratch::new();
    let body = "{\"a\":1}";
    let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), body.as_bytes()));
    // base64 of the base64 of SECRET.
    let twice = "WVMxelpXTnlaWFF0Wm05eUxYUm9aUzFtYjNKdGN5MXZaaTFqWVhCMGRYSmxjdz09";
    let config = json!({ "sources": [{
        "name": "billing",
        "match": { "path": "/in/billing" },
        "verify": { "provider": "github", "secrets": [{ "id": "main", "value": twice }] }
    }] });
    let request = format!("POST /in/billing HTTP/1.1\nX-Hub-Signature-256: sha256={tag}\n\n{body}");
    let (config, request) = (scratch.config(&config), scratch.file("request", &request));
    let ran = hookwarden(&["explain", &config, &request, "--format", "json"], "");
    assert!(ran.out.contains("\"finding\": \"secret_base64_encoded\""), "{}", ran.out);
    assert!(ran.out.contains("is in base64 twice") && !ran.out.contains(twice), "{}", ran.out);
}

#[test]
fn a_body_that_is_given_makes_up_for_a_loss() {
    let scratch = Scratch::new();
    let body = "{\"event\":\"invoice.paid\",\"note\":\"Grüße, \\\"Zoë\\\" 🙂\",\"path\":\"a/b\",\"n\":[1,2]}";
    let body = scratch.file("body", body);
    for file in ["har-without-body.json", "mitmproxy-flow.json", "envoy-tap-truncated.json"] {
        let (ran, said) = explain(&format!("{FOLDER}/{file}"), &["--body", &body]);
        assert_eq!(ran.code, 0, "{file}: {}", ran.out);
        assert_eq!(said["notes"].to_string().matches("the tool that saved it").count(), 0, "{file}: {said}");
    }
}

#[test]
fn several_requests_are_listed_and_one_is_chosen() {
    let list = "ngrok-list.json";
    let (ran, _) = explain(&format!("{FOLDER}/{list}"), &[]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("choose one with --entry:\n  1  POST in.example.net/in/billing\n  2  POST"),
        "{}",
        ran.err
    );
    let (ran, _) = explain(&format!("{FOLDER}/{list}"), &["--entry", "3"]);
    assert!(ran.code == 2 && ran.err.contains("has no entry 3: 2 requests is all that it has"), "{}", ran.err);
    // On one connection the first is meant, and the note says that there are more.
    let (ran, said) = explain(&format!("{FOLDER}/follow-stream-two.http"), &[]);
    assert_eq!((ran.code, &said["code"]), (1, &json!("signature_mismatch")));
    assert!(said["notes"].to_string().contains("entry 1 of 2 was taken; --entry chooses another"), "{said}");
}

#[test]
fn an_answer_inside_a_body_stays_in_it() {
    let body = "{\"log\":\"POST /x HTTP/1.1\\nHTTP/1.1 200 OK\"}\nHTTP/1.1 200 OK";
    let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), body.as_bytes()));
    let request = format!(
        "POST /in/billing HTTP/1.1\r\nHost: in.example.net\r\nX-Hub-Signature-256: sha256={tag}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(explain_text(&request, &[]).0.code, 0);
    let without_length = request.replace(&format!("Content-Length: {}\r\n", body.len()), "");
    assert_eq!(explain_text(&without_length, &[]).0.code, 0);
}

#[test]
fn members_are_left_out_in_one_note_without_their_values() {
    let request = json!({ "url": "https://in.example.net/in/billing", "headers": {}, "body": "{}", "alpha": 1, "beta": "value-of-beta", "gamma": {} });
    let (_, said) = explain_text(&request.to_string(), &[]);
    let notes = said["notes"].to_string();
    assert_eq!(notes.matches("left out").count(), 1, "{notes}");
    assert!(notes.contains("alpha") && notes.contains("beta") && notes.contains("gamma"), "{notes}");
    assert!(!notes.contains("value-of-beta"), "{notes}");
}

#[test]
fn the_body_s_own_names_are_read() {
    let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), b"{\"a\": 1}"));
    for name in ["body", "content", "rawBody", "raw_body", "bodyRaw", "payload", "data"] {
        let mut request = json!({ "url": "https://in.example.net/in/billing", "headers": { "X-Hub-Signature-256": format!("sha256={tag}") } });
        request[name] = json!("{\"a\": 1}");
        let (ran, said) = explain_text(&request.to_string(), &[]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.out);
        assert_eq!(said["notes"].as_array().map(Vec::len), Some(1), "{name}: {said}");
    }
}

#[test]
fn the_documentation_lists_every_form() {
    let ran = hookwarden(&["explain", "--forms", "--format", "json"], "");
    let forms: Value = serde_json::from_str(&ran.out).expect("it is JSON");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/command.md");
    let document = std::fs::read_to_string(path).expect("docs/command.md is there");
    let (_, section) = document.split_once("### The capture\n").expect("it has the section");
    let (section, _) = section.split_once("Save the body byte for byte").expect("the section goes on");
    let mut rows: Vec<_> =
        section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Form")).collect();
    rows.retain(|line| !line.starts_with("| ---"));
    let expected: Vec<_> = forms
        .as_array()
        .expect("a list")
        .iter()
        .map(|form| {
            format!("| {} | {} |", form["name"].as_str().unwrap_or_default(), form["how"].as_str().unwrap_or_default())
        })
        .collect();
    let mut sorted: Vec<&str> = expected.iter().map(String::as_str).collect();
    rows.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(rows, sorted, "docs/command.md: the forms of `explain --forms`");
}

#[test]
fn no_damaged_fixture_panics() {
    let scratch = Scratch::new();
    let mut lines = String::new();
    for case in CASES {
        let Ok(text) = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join(case.file))
        else {
            continue;
        };
        let step = (text.len() / 12).max(7);
        for at in (0..text.len()).step_by(step).filter(|at| text.is_char_boundary(*at)) {
            let (before, after) = text.split_at(at);
            let shorter: String = after.chars().skip(1).collect();
            for damaged in [
                before.to_owned(),
                format!("{before}{shorter}"),
                format!("{before}\"{after}"),
                format!("{before}[{after}"),
            ] {
                lines.push_str(&json!({ "request": damaged }).to_string());
                lines.push('\n');
            }
        }
    }
    let ran = hookwarden(&["explain", "--config", &config(&scratch), "--batch", &scratch.file("lines", &lines)], "");
    assert_eq!(ran.out.lines().count(), lines.lines().count(), "{}", ran.err);
}
