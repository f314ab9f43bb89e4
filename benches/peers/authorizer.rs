//! The service behind Envoy's `ext_authz`: HTTP/1.1, a thread for each connection, native SHA-256, nothing else. It is this
//! very program, started again, so that its CPU time can be told from that of the client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::check::SIGNED;
use crate::harness::launch::Process;
use crate::peer::Absent;
use crate::program::{folder, free_addresses, start};

const VARIABLE: &str = "HOOKWARDEN_BENCH_AUTHORIZER";

pub fn start_authorizer() -> Result<(Process, SocketAddr), Absent> {
    let program = std::env::current_exe().map_err(|error| Absent::Broken(error.to_string()))?;
    let [address] = free_addresses();
    let mut command = Command::new(program);
    Ok((start(command.env(VARIABLE, address.to_string()), &folder("authorizer"), address)?, address))
}

/// Whether this process is the service; if so, it serves until it is killed.
pub fn serve_if_asked() -> bool {
    let Ok(address) = std::env::var(VARIABLE) else { return false };
    let listener = TcpListener::bind(&address).expect("the address is free");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer_all(stream));
    }
    true
}

fn answer_all(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut pending = Vec::new();
    let mut chunk = vec![0; 1 << 17];
    loop {
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        pending.extend_from_slice(&chunk[..count]);
        while let Some((head, length)) = request(&pending) {
            if pending.len() < head.len() + length {
                // Room for the rest at once.
                pending.reserve(head.len() + length - pending.len());
                break;
            }
            let end = head.len() + length;
            let passes = verify(&head, &pending[head.len()..end]);
            pending.drain(..end);
            let answer: &[u8] = if passes {
                b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            } else {
                b"HTTP/1.1 401 Unauthorized\r\ncontent-type: text/plain\r\ncontent-length: 15\r\n\r\nrequest denied\n"
            };
            stream.write_all(answer).ok()?;
        }
    }
}

/// The head up to the empty line, and the length of the body.
fn request(bytes: &[u8]) -> Option<(String, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let length = header(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    Some((head, length))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn verify(head: &str, body: &[u8]) -> bool {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let Some(check) = SIGNED.iter().find(|check| check.path() == path) else { return false };
    let digits = header(head, "x-hub-signature-256").and_then(|value| value.strip_prefix("sha256="));
    let Some(tag) = digits.and_then(|digits| hex::decode(digits).ok()) else { return false };
    check.secrets().iter().any(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("keys of any length");
        mac.update(body);
        mac.verify_slice(&tag).is_ok()
    })
}
