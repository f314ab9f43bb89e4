//! Captures that a stranger made to keep the command busy: each ended the command by a crash, or did not end in minutes.
//! A case passes by ending. None is large.

use serde_json::json;

use crate::scratch::Scratch;
use crate::support::{Ran, hookwarden};

/// How much of a part there is.
const SIZE: usize = 600_000;

fn explain(capture: impl AsRef<[u8]>) -> Ran {
    let scratch = Scratch::new();
    let config = scratch.config(&json!({ "sources": [{
        "name": "billing",
        "match": { "hosts": ["in.example.net"], "path": "/in/billing" },
        "verify": { "provider": "github", "secrets": [{ "id": "main", "value": "a-secret-for-hostile-captures" }] }
    }] }));
    hookwarden(&["explain", &config, &scratch.file("capture", capture), "--format", "json"], "")
}

/// It is refused, or cannot be read, and the command says so.
fn ends(name: &str, capture: impl AsRef<[u8]>) {
    let ran = explain(capture);
    let start: String = ran.err.chars().take(400).collect();
    assert!(matches!(ran.code, 1 | 2) && !ran.err.contains("panicked"), "{name}: {}, {start}", ran.code);
}

fn much(part: &str) -> String {
    part.repeat(SIZE / part.len())
}

/// A request with something behind its header lines.
fn posted(lines: &str, body: &str) -> String {
    format!("POST /in/billing HTTP/1.1\nHost: in.example.net\n{lines}\n{body}")
}

#[test]
fn texts_inside_of_texts_are_read_to_a_limit() {
    let nested = |depth: usize| {
        let lines = (0..depth).map(|depth| format!("{}request: |\n", " ".repeat(depth)));
        format!("{}{}headers: x\n", lines.collect::<String>(), " ".repeat(depth))
    };
    ends("request", nested(2900));
    let ran = explain(nested(20));
    assert!(ran.code == 2 && ran.err.contains("give the innermost alone"), "{}", ran.err);
}

#[test]
fn many_messages_in_one_file_are_told_apart() {
    ends("requests", much("GET / HTTP/1.1\n\n"));
    ends("requests with a mark at the end", format!("{}\n###\n", much("GET / HTTP/1.1\nContent-Length: 0\n\n")));
    ends("beginnings of answers", posted("", &much("HTTP/")));
    ends("lines that begin as answers", posted("", &much("HTTP/1\n")));
    ends("beginnings of requests", posted("", &much("POST ")));
    ends("a timeline of timelines", format!("{}\n{}\n", "> ".repeat(100_000), "| ".repeat(100_000)));
}

#[test]
fn many_lines_of_a_log_are_read_once() {
    let tag = format!("{}y: ", "x".repeat(SIZE / 2));
    let line = "a: b\n".repeat(SIZE / 10);
    ends("okhttp", format!("{tag}--> POST https://in.example.net/in/billing\n{line}--> END POST\n"));
    ends("page", format!("Request URL: https://in.example.net/in/billing\n{}", much("General\n")));
    ends("echo", format!("echo {} curl https://in.example.net", much("|")));
    ends("computed", format!("{}Invoke-RestMethod -Uri https://in.example.net", much("$data = Get-Content x.json\n")));
    ends("here-strings", format!("{}Invoke-RestMethod -Uri https://in.example.net", much("$a = @\"\n")));
    ends("tables", format!("{}\nInvoke-RestMethod -Uri https://in.example.net", much("$a=@{a=")));
    let value = "x".repeat(SIZE / 2);
    let copies: String = (0..SIZE / 20).map(|number| format!("$b{number}=$a\n")).collect();
    ends("copies", format!("$a=\"{value}\"\n{copies}Invoke-RestMethod -Uri https://in.example.net"));
}

#[test]
fn printed_arrays_are_read_once() {
    let member = "[\"a\"]=>string(1) \"b\"";
    ends("var_dump", format!("array(2) {{\n{}\n}}", much(member).repeat(10)));
}

#[test]
fn segments_of_many_streams_are_put_together() {
    let segments = (0..SIZE / 60).map(|id| json!({ "http_streamed_trace_segment": { "trace_id": id.to_string() } }));
    ends("tap", json!(segments.collect::<Vec<_>>()).to_string());
}

#[test]
fn variables_made_of_each_other_have_a_limit() {
    let lines: String = (0..499).map(|at| format!("@a{at} = {{{{a{}}}}}{{{{a{}}}}}\n", at + 1, at + 1)).collect();
    ends("editor", format!("{lines}\nPOST https://in.example.net/in/billing\n\n{}", much("{{a0}} ")));
    let others: String = (0..499).map(|at| format!("@b{at} = x\n")).collect();
    let value = "x".repeat(SIZE / 2);
    ends(
        "editor, long",
        format!("@a = {value}\n{others}\nPOST https://in.example.net/in/billing\n\n{} {{{{", "{{a}}".repeat(50)),
    );
    let body = json!({ "mode": "raw", "raw": "{{a}} ".repeat(SIZE / 12) });
    let request = json!({ "request": { "method": "POST", "url": "https://in.example.net/in/billing", "header": [], "body": body } });
    let variables: Vec<_> = (0..500).map(|at| json!({ "key": format!("b{at}"), "value": "{{a}}" })).collect();
    let long = json!({ "key": "a", "value": value });
    let all = [vec![long], variables].concat();
    ends("postman", json!({ "item": vec![request; 20], "variable": all }).to_string());
}

#[test]
fn more_header_lines_than_the_filter_reads_are_refused_as_there() {
    let lines: String = (0..20_000).map(|number| format!("X-A{number}: {number}\n")).collect();
    let ran = explain(posted(&lines, "{}"));
    assert!(ran.code == 1 && ran.out.contains("\"code\": \"too_many_headers\""), "{}", ran.out);
    assert!(ran.out.contains("\"finding\": \"too_many_headers\""), "{}", ran.out);
}

#[test]
fn many_header_lines_are_each_tried_by_themselves() {
    let lines: String = (0..900).map(|number| format!("X-A{number}: {number:064}\n")).collect();
    ends("headers", posted(&lines, "{}"));
    let signatures: String = (0..900).map(|_| format!("X-Hub-Signature-256: sha256={:064}\n", 7)).collect();
    ends("signatures", posted(&signatures, "{}"));
}

#[test]
fn a_long_value_is_searched_once_for_a_signature() {
    ends("with marks", posted(&format!("X-Hub-Signature-256: sha256{}\n", much("=7")), "{}"));
    ends(
        "as printed",
        format!("[host:\"in.example.net\", accept:\"x\", x-hub-signature-256:\"sha256{}\"]\n{{}}", much("=ab")),
    );
}
