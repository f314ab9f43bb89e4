//! Requests that are sent: what arrives, and how the response is handled.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::{fs, io};

use serde_json::{Value, json};

use super::filter::Made;
use crate::support::{Ran, hookwarden_with};

const SECRET: &str = "a-secret-of-this-test";

/// A receiver that accepts one request and sends one response.
struct Receiver {
    address: String,
    thread: JoinHandle<Vec<u8>>,
}

impl Receiver {
    fn new(answer: &'static str) -> Self {
        Self::serving(move |stream| converse(stream, answer))
    }

    fn serving(serve: impl FnOnce(&mut TcpStream) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody calls");
            serve(&mut stream)
        });
        Self { address, thread }
    }

    fn received(self) -> String {
        String::from_utf8(self.thread.join().expect("it served")).expect("text")
    }
}

/// Reads a request with a length, and answers.
fn converse(stream: &mut (impl io::Read + io::Write), answer: &str) -> Vec<u8> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("a request") == 1 {
        request.push(byte[0]);
    }
    let head = String::from_utf8(request.clone()).expect("a head is text").to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().expect("a number")];
    stream.read_exact(&mut body).expect("a body");
    request.extend(body);
    stream.write_all(answer.as_bytes()).expect("it listens");
    stream.flush().expect("it listens");
    request
}

fn send(arguments: &[&str]) -> Ran {
    let mut all = vec!["sign", "--secret-env", "S"];
    all.extend(arguments);
    hookwarden_with(&all, "", &[("S", SECRET)])
}

const GOOD: &str = "HTTP/1.1 200 OK\r\nX-Word: hello\r\nContent-Length: 5\r\n\r\nthere";

#[test]
fn the_sent_request_verifies_and_the_response_is_shown() {
    let receiver = Receiver::new(GOOD);
    let url = format!("http://{}/hooks/slack?a=%20b", receiver.address);
    let ran = send(&["--provider", "slack", "--send", &url, "--as", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(shown["answer"]["status"], 200);
    assert_eq!(shown["answer"]["body"], "there");
    let made = Made::read(&shown["request"]);
    let received = receiver.received();
    let (head, body) = received.split_once("\r\n\r\n").expect("a head ends");
    assert!(head.starts_with("POST /hooks/slack?a=%20b HTTP/1.1\r\n"), "{head}");
    assert_eq!(body.as_bytes(), made.body);
    for (name, value) in &made.headers {
        let line = format!("\r\n{}: {}", name.to_ascii_lowercase(), String::from_utf8_lossy(value));
        assert!(head.to_ascii_lowercase().contains(&line.to_ascii_lowercase()), "{line} in {head}");
    }
    let check = json!({ "provider": "slack", "secrets": [{ "value": SECRET }] });
    assert_eq!(made.verdict(&check), "verified");
}

#[test]
fn the_response_decides_the_exit_code() {
    let answers = [
        ("HTTP/1.1 204 No Content\r\n\r\n", 0),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 1),
        // Senders of webhooks do not follow redirects.
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", 1),
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy", 1),
    ];
    for (answer, code) in answers {
        let receiver = Receiver::new(answer);
        let ran = send(&["--provider", "github", "--send", &format!("http://{}/", receiver.address)]);
        assert_eq!(ran.code, code, "{answer:?}: {ran:?}");
        let status = &answer[9..12];
        assert!(ran.out.starts_with(&format!("HTTP {status}")), "{ran:?}");
        receiver.received();
    }
}

#[test]
fn an_answer_to_a_duplicate_is_no_success() {
    let marked = "HTTP/1.1 200 OK\r\nX-Hookwarden-Duplicate: true\r\nContent-Length: 0\r\n\r\n";
    let unmarked = "HTTP/1.1 200 OK\r\nX-Hookwarden-Duplicate: false\r\nContent-Length: 0\r\n\r\n";
    for (answer, code) in [(marked, 1), (unmarked, 0)] {
        for form in [&["--as", "json"][..], &[]] {
            let receiver = Receiver::new(answer);
            let url = format!("http://{}/", receiver.address);
            let ran = send(&[&["--provider", "github", "--send", &url], form].concat());
            receiver.received();
            assert_eq!(ran.code, code, "{ran:?}");
            assert_eq!(ran.err.contains("duplicate: the filter verified the request"), code == 1, "{ran:?}");
            if !form.is_empty() {
                let shown: Value = serde_json::from_str(&ran.out).expect("JSON");
                assert_eq!(shown["answer"]["duplicate"], code == 1, "{ran:?}");
            }
        }
    }
}

#[test]
fn a_response_cannot_control_the_terminal() {
    let receiver = Receiver::new("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n\x1b[2J\x07wiped\x1b");
    let ran = send(&["--provider", "github", "--send", &format!("http://{}/", receiver.address)]);
    receiver.received();
    assert!(!ran.out.contains(['\x1b', '\x07']) && ran.out.contains("wiped"), "{ran:?}");
}

#[test]
fn a_receiver_that_does_not_answer_causes_a_timeout() {
    let (gone, wait) = std::sync::mpsc::channel::<()>();
    let receiver = Receiver::serving(move |_| {
        let _ = wait.recv();
        Vec::new()
    });
    let ran = send(&["--provider", "github", "--send", &format!("http://{}/", receiver.address), "--timeout", "1"]);
    drop(gone);
    receiver.received();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("no answer within 1 seconds"), "{ran:?}");
}

#[test]
fn an_unreachable_receiver_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let ran = send(&["--provider", "github", "--send", &format!("http://{address}/")]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains(&address.to_string()), "{ran:?}");
}

#[test]
fn https_trusts_only_the_given_authority() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate and its key");
    let config = Arc::new(config);
    let receiver = || {
        let config = Arc::clone(&config);
        Receiver::serving(move |stream| {
            let mut connection = rustls::ServerConnection::new(config).expect("a connection");
            match connection.complete_io(stream) {
                Ok(_) => {
                    let mut stream = rustls::Stream::new(&mut connection, stream);
                    converse(&mut stream, GOOD)
                }
                Err(_) => Vec::new(),
            }
        })
    };
    let authority = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sign-authority.pem");
    fs::write(&authority, made.cert.pem()).expect("it can be written");
    let url =
        |receiver: &Receiver| format!("https://localhost:{}/", receiver.address.rsplit(':').next().expect("a port"));

    let stranger = receiver();
    let ran = send(&["--provider", "github", "--send", &url(&stranger)]);
    assert_eq!(stranger.received(), "", "nothing is sent to a stranger");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("--ca"), "{ran:?}");
    for trust in [&["--ca", authority.to_str().expect("a path")][..], &["--insecure-tls"]] {
        let receiver = receiver();
        let url = url(&receiver);
        let ran = send(&[&["--provider", "github", "--send", &url], trust].concat());
        assert_eq!(ran.code, 0, "{trust:?}: {ran:?}");
        assert!(receiver.received().starts_with("POST /github HTTP/1.1\r\n"), "{trust:?}");
    }
}

#[test]
fn the_host_header_is_the_configured_one_whatever_the_target() {
    let receiver = Receiver::new(GOOD);
    let configuration = json!({ "sources": [{
        "name": "github",
        "match": { "hosts": ["hooks.example.org"], "path": "/in/github" },
        "verify": { "provider": "github", "secrets": [{ "env": "S" }] },
    }] });
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sign-send.json");
    fs::write(&path, configuration.to_string()).expect("it can be written");
    let to = format!("http://{}", receiver.address);
    let ran = hookwarden_with(
        &["sign", "--config", path.to_str().expect("a path"), "--send", &to],
        "",
        &[("S", "a-secret-of-this-test")],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.err, "", "no remarks");
    let received = receiver.received();
    assert!(received.starts_with("POST /in/github HTTP/1.1\r\n"), "{received}");
    let hosts: Vec<_> = received.lines().filter(|line| line.to_ascii_lowercase().starts_with("host:")).collect();
    assert_eq!(hosts, ["host: hooks.example.org"], "{received}");
}
