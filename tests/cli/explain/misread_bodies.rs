//! Logs and pages in which a body holds what looks like its end: it is read whole, or said to be cut.

use super::misread::{BODY, assert_verified, explain, lines, signature};

/// A body of several lines, one of which looks like the end of the body.
fn with_line(line: &str) -> String {
    format!("{{\"a\":[1\n{line}\n,\"é\"]}}")
}

fn length(body: &str) -> String {
    format!("Content-Length: {}", body.len())
}

/// That the body was read whole, or is said to be cut.
fn assert_whole_or_cut(what: &str, text: &str) {
    let said = explain(text, &[]);
    let is_said = said.words.contains("only the beginning of the body");
    assert!(said.code == "verified" || is_said, "{what}: {}, {} bytes: {}", said.code, said.bytes, said.words);
}

/// ASP.NET's console: a message, each of whose lines is indented.
fn asp_net(lines: &str) -> String {
    let indented: String = lines.lines().map(|line| format!("      {line}\n")).collect();
    format!("info: Microsoft.AspNetCore.HttpLogging.HttpLoggingMiddleware[1]\n{indented}")
}

fn asp_net_request(properties: &str, body: &str) -> String {
    let head = format!("Request:\nProtocol: HTTP/1.1\nMethod: POST\nScheme: https\n{properties}");
    asp_net(&format!("{head}\n{}\n{}", lines(body), length(body)))
}

#[test]
fn asp_net_states_a_path_in_parts_and_only_once() {
    let body = asp_net(&format!("RequestBody: {BODY}"));
    for (properties, path) in [
        ("PathBase: /in\nPath: /billing\nQueryString: ?a=b", "/in/billing"),
        ("PathBase: /in\nPath: /other", "/in/other"),
        ("PathBase: /other\nPath: /in/billing", "/other/in/billing"),
        ("PathBase: \nPath: /in/other\nPath: /in/billing\nMethod: PUT", "/in/other"),
    ] {
        let said = explain(&(asp_net_request(properties, BODY) + &body), &[]);
        assert_eq!(said.path, path, "{properties}: {}", said.words);
    }
}

#[test]
fn asp_net_logs_bodies_of_several_lines_and_several_requests() {
    let body = with_line("\nRequest:\nPath: /in/other\n");
    let one = asp_net_request("Path: /in/billing", &body) + &asp_net(&format!("RequestBody: {body}"));
    assert_verified("a body of several lines", &one);
    let other = asp_net_request("Path: /in/other", "x") + &asp_net("RequestBody: x");
    let said = explain(&(other.clone() + &one), &[]);
    assert!(said.code == "verified" && said.words.contains("entry 2 of 2"), "{} {}", said.code, said.words);
    // Nothing says whose the body is.
    let mixed = asp_net_request("Path: /in/billing", "forged") + &asp_net_request("Path: /in/other", BODY);
    let said = explain(&(mixed + &asp_net(&format!("RequestBody: {BODY}"))), &["--entry", "1"]);
    assert!(said.bytes == 0 && said.words.contains("has no body"), "{} {}", said.bytes, said.words);
    let cut = asp_net_request("Path: /in/billing", BODY)
        + &asp_net("RequestBody: {\"event\"[Truncated by RequestBodyLogLimit]");
    let said = explain(&cut, &[]);
    assert!(said.bytes == 8 && said.words.contains("only the beginning"), "{} {}", said.bytes, said.words);
}

fn spring(word: &str, called: &str, body: &str, payload: &str) -> String {
    format!(
        "2026-11-28T10:00:00.123Z DEBUG o.s.w.f.CommonsRequestLoggingFilter : {word} request [POST {called}, headers=[host:\"in.example.net\", x-list:\"[\"a\"]\", x-hub-signature-256:\"{}\", content-length:\"{}\"]{payload}]\n",
        signature(body),
        body.len(),
    )
}

#[test]
fn spring_states_a_path_with_commas() {
    for called in ["/in/billing,x", "/in/billing,client=y, client=1", "/in/billing,x, session=1, user=u"] {
        let log = spring("After", called, BODY, &format!(", payload={BODY}"));
        assert!(explain(&log, &[]).path.starts_with("/in/billing,"), "{called}");
    }
    assert_verified(
        "all parts",
        &spring("After", "/in/billing, client=::1, session=s, user=u", BODY, &format!(", payload={BODY}")),
    );
}

#[test]
fn spring_logs_bodies_of_several_lines_and_several_requests() {
    for line in ["]", "],x]", "[POST /in/other, headers=[a:\"b\"]]", "\"], payload=x]"] {
        let body = with_line(line);
        let log = spring("After", "/in/billing", &body, &format!(", payload={body}"));
        assert_verified(line, &log);
        let more = format!("{log}2026-11-28 INFO Done [1]\n{}", spring("After", "/in/other", "x", ", payload=x"));
        assert_verified(line, &more);
    }
    let body = "{\"a\":[\n1\n]\n}";
    let log = spring("After", "/in/billing", body, &format!(", payload={body}")).replace(", content-length:\"13\"", "");
    assert_whole_or_cut("without a length", &log);
    // What is written before a request is handled has no payload yet.
    let both =
        spring("Before", "/in/billing", BODY, "") + &spring("After", "/in/billing", BODY, &format!(", payload={BODY}"));
    let said = explain(&both, &[]);
    assert!(said.code == "verified" && !said.words.contains("entry"), "{} {}", said.code, said.words);
}

#[test]
fn k6_logs_bodies_with_its_own_fields() {
    let log = |path: &str, body: &str| {
        format!(
            "INFO[0000] Request:\nPOST {path} HTTP/1.1\n{}\n{}\n\n{body}\n  group= iter=0 request_id=abc scenario=default source=http-debug vu=1\n",
            lines(body),
            length(body)
        )
    };
    for body in
        [with_line("x group= y"), with_line("group= source=http-debug vu=1"), with_line("INFO[0000] Request:\nx")]
    {
        assert_verified(&body, &log("/in/billing", &body));
    }
    assert_verified("the second", &(log("/in/other", BODY) + &log("/in/billing", BODY)));
}

#[test]
fn wget_logs_bodies_with_brackets_at_the_ends_of_lines() {
    let log = |path: &str, head: &str, body: &str| {
        format!(
            "---request begin---\nPOST {path} HTTP/1.1\n{head}\n\n---request end---\n[POST data: {body}]\nHTTP request sent, awaiting response... \n---response begin---\nHTTP/1.1 401 Unauthorized\n---response end---\n"
        )
    };
    for line in ["[1]", "]", "---response begin---", "---request begin---"] {
        let body = with_line(line);
        assert_verified(line, &log("/in/billing", &format!("{}\n{}", lines(&body), length(&body)), &body));
    }
    let body = with_line("[1]");
    assert_verified("without a length", &log("/in/billing", &lines(&body), &body));
    let two = log("/in/other", &lines("x"), "x") + &log("/in/billing", &lines(BODY), BODY);
    assert_verified("the second", &two);
}

fn okhttp(path: &str, body: &str, end: &str) -> String {
    format!(
        "--> POST https://in.example.net{path} http/1.1\n{}\n\n{body}\n--> END POST ({end})\n<-- 401 https://in.example.net{path} (12ms)\n<-- END HTTP\n",
        lines(body)
    )
}

fn okhttp_whole(path: &str, body: &str) -> String {
    okhttp(path, body, &format!("{}-byte body", body.len()))
}

#[test]
fn okhttp_logs_bodies_with_its_own_ends() {
    for line in
        ["--> END ", "--> END POST", "--> END POST (3-byte body)", "<-- END HTTP", "x --> END POST (7-byte body)"]
    {
        assert_verified(line, &okhttp_whole("/in/billing", &with_line(line)));
    }
    // The length within is right for what is in front of it.
    let log = okhttp_whole("/in/billing", "forged\n--> END POST (6-byte body)\nx")
        .replace(&signature("forged\n--> END POST (6-byte body)\nx"), &signature("forged"));
    let said = explain(&log, &[]);
    assert!(said.code != "verified" || said.words.contains("only the beginning"), "{}", said.words);
    let omitted = okhttp("/in/billing", "", "binary 24-byte body omitted");
    assert!(explain(&omitted, &[]).words.contains("had one of 24 bytes"), "{}", explain(&omitted, &[]).words);
    let short = okhttp("/in/billing", "{\"event\"", "24-byte body");
    assert!(explain(&short, &[]).words.contains("only the beginning of the body"));
}

#[test]
fn okhttp_logs_several_requests_also_between_each_other() {
    assert_verified("the second", &(okhttp_whole("/in/other", "x") + &okhttp_whole("/in/billing", BODY)));
    let of_thread = |thread: u8, log: &str| -> Vec<String> {
        log.lines()
            .map(|line| format!("11-28 10:00:00.123  1000  100{thread} I okhttp.OkHttpClient: {line}\n"))
            .collect()
    };
    let forged = okhttp_whole("/in/billing", BODY).replace(&signature(BODY), "none");
    let (first, second) = (of_thread(1, &forged), of_thread(2, &okhttp_whole("/in/other", BODY)));
    let mixed: String = first.iter().zip(&second).flat_map(|(one, other)| [one.clone(), other.clone()]).collect();
    let said = explain(&mixed, &["--entry", "1"]);
    assert_eq!((said.path.as_str(), said.code.as_str()), ("/in/billing", "signature_malformed"), "{}", said.words);
    // Nothing says whose a line is.
    let untagged: String = forged
        .lines()
        .zip(okhttp_whole("/in/other", BODY).lines())
        .map(|(one, other)| format!("{one}\n{other}\n"))
        .collect();
    let said = explain(&untagged, &["--entry", "1"]);
    assert!(said.code == "error" && said.words.contains("mixed"), "{} {}", said.code, said.words);
}

#[test]
fn printed_bodies_of_several_lines_are_read_whole() {
    let printed = |body: &str, length: &str| {
        format!(
            "{{'Host': 'in.example.net', 'Content-Type': 'text/plain', 'X-Hub-Signature-256': '{}'{length}}}\n{body}\n",
            signature(body)
        )
    };
    for body in ["first\nsecond", "a=1\n\nb=2", "\"a\"\n\"b\"", "{\"a\":1}\n{\"b\":2}"] {
        assert_verified(body, &printed(body, &format!(", 'Content-Length': '{}'", body.len())));
        let with_more =
            printed(body, &format!(", 'Content-Length': '{}'", body.len())) + "127.0.0.1 - \"POST /\" 401\n";
        assert_verified(body, &with_more);
    }
    for body in ["first\nsecond", "\"a\"\n\"b\"", "\"a\" \"b\"", "{\"a\":1}\n{\"b\":2}"] {
        assert_whole_or_cut(body, &printed(body, ""));
    }
}

#[test]
fn pages_show_bodies_with_lines_like_titles() {
    let page = |head: &str, body: &str| {
        format!("POST https://in.example.net/in/billing HTTP/1.1\n\nRequest Headers\n{head}\n\nRequest Body\n{body}\n\nResponse Headers\nDate: x\n")
            .replace(" HTTP/1.1", "")
    };
    for line in ["Response", "Response Headers", "response body:"] {
        let body = format!("a\n{line}\nb");
        assert_verified(line, &page(&format!("{}\n{}", lines(&body), length(&body)), &body));
        assert_whole_or_cut(line, &page(&lines(&body), &body));
    }
}
