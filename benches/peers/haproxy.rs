//! HAProxy with its own converter: the body is buffered, and `hmac` of it compared with the header in constant time.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::check::{Check, PASSWORD, SIGNED, USER};
use crate::peer::{Absent, Peer};
use crate::program::{find, folder, free_addresses, start};

pub fn start_haproxy(upstream: SocketAddr) -> Result<Peer, Absent> {
    let program = find("haproxy")?;
    let folder = folder("haproxy");
    let addresses = free_addresses::<5>();
    let checks = [Check::Off, Check::Basic, SIGNED[0], SIGNED[1], SIGNED[2]];
    let endpoints: Vec<_> = checks.into_iter().zip(addresses).collect();
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, configuration(upstream, &endpoints)).expect("the configuration can be written");
    // -db: no process in the background.
    let process = start(Command::new(program).arg("-db").arg("-f").arg(&file), &folder, addresses[0])?;
    Ok(Peer {
        id: "haproxy",
        baseline: "haproxy",
        title: "HAProxy, `hmac`",
        about: "option http-buffer-request, req.body,hmac(sha256,key), secure_memcmp with the header; one thread",
        endpoints,
        pids: vec![process.envoy.id()],
        processes: vec![Box::new(process)],
    })
}

fn configuration(upstream: SocketAddr, endpoints: &[(Check, SocketAddr)]) -> String {
    // The body has to fit into one buffer.
    let mut text = format!(
        "global
    maxconn 1000
    nbthread 1
    tune.bufsize 2097152
defaults
    mode http
    timeout client 600s
    timeout server 600s
    timeout connect 5s
    timeout http-keep-alive 600s
    option http-keep-alive
    http-reuse always
userlist senders
    user {USER} insecure-password {PASSWORD}
backend receiver
    server receiver {upstream}
"
    );
    for (check, address) in endpoints {
        let _ = writeln!(text, "frontend {}\n    bind {address}\n    default_backend receiver", check.name());
        let refusal = "http-request return status 401 content-type text/plain string \"request denied\"";
        match check {
            Check::Off => {}
            Check::Basic => {
                let _ = writeln!(text, "    {refusal} unless {{ http_auth(senders) }}");
            }
            Check::One | Check::Two | Check::Eight => {
                text.push_str("    option http-buffer-request\n");
                text.push_str("    http-request set-var(txn.given) req.hdr(x-hub-signature-256)\n");
                let passed = "{ var(txn.passed) -m bool }";
                for (number, secret) in check.secrets().iter().enumerate() {
                    let key = STANDARD.encode(secret);
                    let unless = if number == 0 { String::new() } else { format!(" unless {passed}") };
                    let _ = writeln!(
                        text,
                        "    http-request set-var(txn.tag) req.body,hmac(sha256,{key}),hex,lower{unless}
    http-request set-var(txn.tag) str(sha256=),concat(,txn.tag,){unless}
    http-request set-var(txn.passed) bool(true) if {{ var(txn.tag),secure_memcmp(txn.given) }}"
                    );
                }
                let _ = writeln!(text, "    {refusal} unless {passed}");
            }
        }
    }
    text
}
