//! The output formats: all represent the same request, whatever it contains.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, str};

use serde_json::{Value, json};

use super::filter::Made;
use crate::support::{Ran, hookwarden_with};

const SECRET: &str = "It's a \"secret\" with $signs `and` \\ all";

/// Bodies that a shell, a terminal or a parser could misinterpret.
const BODIES: &[(&str, &[u8])] = &[
    ("empty", b""),
    ("plain", br#"{"id":1,"text":"a b"}"#),
    ("quotes", br#"it's "quoted" \' \\ and \n"#),
    ("shell", b"$(touch /tmp/never) `id` ${HOME} !! ; & | > < * ? ~ #"),
    ("line-breaks", b"a\nb\r\nc\n\n"),
    ("file-name", b"@/etc/passwd"),
    ("control", b"\x1b]0;title\x07 \x08\x7f\t"),
    ("unicode", "ünïcödé \u{202e}txt.exe \u{85}\u{feff}".as_bytes()),
    ("nul", b"a\0b"),
    ("binary", b"\xff\xfe\x80\x00\x01"),
    ("digits-behind-escapes", b"\x01\x32\x011"),
];

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sign-output");
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

fn sign(body: &Path, form: &str, more: &[&str]) -> Ran {
    let path = body.to_str().expect("a path");
    let mut arguments = vec!["sign", "--provider", "github", "--secret-env", "S", "--body", path, "--as", form];
    arguments.extend(["--at", "1700000000", "--url", "https://hooks.example.com/a%20b?x=[1]&y={2}'"]);
    arguments.extend(more);
    hookwarden_with(&arguments, "", &[("S", SECRET)])
}

const HEADERS: &[&str] =
    &["--header", "X-Quotes: it's \"so\" $HOME", "--header", "X-Twice: a", "--header", "X-Twice: b", "-H", "X-Empty:"];

#[test]
fn every_form_is_the_same_request() {
    for (name, body) in BODIES {
        let path = folder().join(name);
        fs::write(&path, body).expect("it can be written");
        let made: Value = serde_json::from_str(&sign(&path, "json", HEADERS).out).expect("JSON");
        let made = Made::read(&made);
        assert_eq!(made.body, *body, "{name}");
        assert_eq!(made.headers.iter().filter(|(name, _)| name == "X-Twice").count(), 2, "{name}");
        let check = json!({ "provider": "github", "secrets": [{ "value": SECRET }] });
        assert_eq!(made.verdict(&check), "verified", "{name}");

        let http = sign(&path, "http", HEADERS);
        assert_eq!(http.code, 0, "{name}: {http:?}");
        if str::from_utf8(body).is_ok() {
            assert_eq!(from_http(http.out.as_bytes(), &made), made, "{name}");
        }
        let har: Value = serde_json::from_str(&sign(&path, "har", HEADERS).out).expect("JSON");
        assert_eq!(from_har(&har, &made), made, "{name}");
        let curl = sign(&path, "curl", HEADERS);
        assert_eq!(from_curl(&curl.out, &made), made, "{name}:\n{}", curl.out);
        let harmless = |byte: u8| byte == b'\n' || !byte.is_ascii_control();
        assert!(curl.out.bytes().all(harmless), "{name}: a control character in {:?}", curl.out);
    }
}

#[test]
fn a_long_body_is_not_an_argument_of_curl() {
    let path = folder().join("long");
    fs::write(&path, "x".repeat(200_000)).expect("it can be written");
    let made: Value = serde_json::from_str(&sign(&path, "json", &[]).out).expect("JSON");
    let made = Made::read(&made);
    let curl = sign(&path, "curl", &[]);
    assert!(curl.out.contains("--data-binary @-"), "{}", curl.out);
    assert_eq!(from_curl(&curl.out, &made), made);
}

#[test]
fn a_request_without_a_body_has_no_body_in_any_form() {
    let path = folder().join("none");
    fs::write(&path, "").expect("it can be written");
    let curl = sign(&path, "curl", &["--method", "GET"]);
    assert!(!curl.out.contains("--data"), "{}", curl.out);
    let http = sign(&path, "http", &["--method", "GET"]);
    assert!(!http.out.to_ascii_lowercase().contains("content-length"), "{}", http.out);
    assert!(http.out.ends_with("\r\n\r\n"), "{:?}", http.out);
}

/// Parses the raw HTTP request.
fn from_http(text: &[u8], made: &Made) -> Made {
    let end = text.windows(4).position(|window| window == b"\r\n\r\n").expect("a head ends");
    let head = str::from_utf8(&text[..end]).expect("a head is text");
    let body = text[end + 4..].to_vec();
    let mut lines = head.split("\r\n");
    let mut words = lines.next().expect("a request line").split(' ');
    let (method, target) = (words.next().expect("a method"), words.next().expect("a target"));
    assert_eq!(words.next(), Some("HTTP/1.1"));
    let mut headers: Vec<(String, Vec<u8>)> = lines
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .collect();
    let authority = headers.remove(0);
    assert_eq!(authority.0, "Host");
    if headers.last().is_some_and(|(name, _)| name == "Content-Length") {
        let length = headers.pop().expect("it is there").1;
        assert_eq!(str::from_utf8(&length).expect("a number"), body.len().to_string());
    }
    let authority = String::from_utf8(authority.1).expect("a host is text");
    Made { method: method.to_owned(), authority, target: target.to_owned(), headers, body, now: made.now }
}

fn from_har(har: &Value, made: &Made) -> Made {
    let request = &har["log"]["entries"][0]["request"];
    let mut as_json = request.clone();
    let pairs: Vec<_> = request["headers"].as_array().expect("a list").iter().skip(1).collect();
    as_json["headers"] = pairs.iter().map(|pair| json!([pair["name"], pair["value"]])).collect();
    as_json["now"] = json!(made.now);
    match request["postData"]["encoding"].as_str() {
        Some("base64") => as_json["body_base64"] = request["postData"]["text"].clone(),
        _ => as_json["body"] = json!(request["postData"]["text"].as_str().unwrap_or_default()),
    }
    Made::read(&as_json)
}

/// Marks the end of a command line.
const END: &str = "all words were read";

/// Runs the command line in a shell, with a `curl` that prints its arguments.
fn from_curl(text: &str, made: &Made) -> Made {
    let script = format!(
        "curl() {{ for word in \"$@\"; do printf '%s\\0' \"$word\"; done; printf '{END}\\0'; \
         case \"$*\" in *--data-binary\\ @-*) cat ;; esac; }}\n{text}"
    );
    let mut shell =
        Command::new("bash").arg("-s").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a bash");
    shell.stdin.take().expect("it is piped").write_all(script.as_bytes()).expect("it reads");
    let output = shell.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{text}");
    let mark = format!("{END}\0").into_bytes();
    let end = output.stdout.windows(mark.len()).position(|window| window == mark).expect("the words end");
    let words = output.stdout[..end].strip_suffix(&[0]).expect("a word ends").split(|byte| *byte == 0);
    let piped = output.stdout[end + mark.len()..].to_vec();

    let mut read = Made { method: String::new(), headers: Vec::new(), body: Vec::new(), ..made.clone() };
    let mut words = words;
    while let Some(word) = words.next() {
        let mut next = || words.next().expect("an option has a value").to_vec();
        match str::from_utf8(word).expect("an option is text") {
            "--request" => read.method = String::from_utf8(next()).expect("text"),
            "--globoff" => {}
            "--header" => {
                let line = String::from_utf8(next()).expect("text");
                match line.split_once(": ") {
                    Some((name, value)) => read.headers.push((name.to_owned(), value.as_bytes().to_vec())),
                    None if line == "Content-Type:" => {}
                    None => {
                        read.headers.push((line.strip_suffix(';').expect("an empty header").to_owned(), Vec::new()))
                    }
                }
            }
            "--data-binary" => {
                let body = next();
                read.body = if body == b"@-" { piped.clone() } else { body };
            }
            url => assert_eq!(url, format!("https://{}{}", made.authority, made.target)),
        }
    }
    read
}
