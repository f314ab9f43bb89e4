//! A connection that is reopened when Envoy closes it, and does not panic: a request without a response is only counted.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::client;

pub struct ReusedConnection {
    to: SocketAddr,
    stream: Option<TcpStream>,
    used: usize,
}

pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// How many requests use one connection, so that connections move to the latest configuration.
const MAX_REQUESTS: usize = 200;

impl ReusedConnection {
    pub fn new(to: SocketAddr) -> Self {
        Self { to, stream: None, used: 0 }
    }

    /// Sends a request; `None` without a complete response, so that its outcome is unknown.
    pub fn round_trip(&mut self, wire: &[u8]) -> Option<Reply> {
        let stream = match self.stream.take() {
            Some(stream) if self.used < MAX_REQUESTS => Some(stream),
            _ => {
                self.used = 0;
                client::tcp(self.to)
            }
        };
        let mut stream = stream?;
        self.used += 1;
        // A denied request may be answered before all of it is sent.
        let _ = stream.write_all(wire);
        let (reply, closes) = read(&mut stream)?;
        if !closes {
            self.stream = Some(stream);
        }
        Some(reply)
    }

    /// Sends on a new connection and closes it.
    pub fn send_and_abort(&self, wire: &[u8]) {
        if let Some(mut stream) = client::tcp(self.to) {
            let _ = stream.write_all(wire);
        }
    }

    /// Sends on a new connection, which Envoy may close with or without a response.
    pub fn round_trip_alone(&self, wire: &[u8]) -> Option<Reply> {
        let mut stream = client::tcp(self.to)?;
        let _ = stream.set_read_timeout(Some(Duration::from_secs(3)));
        let _ = stream.write_all(wire);
        read(&mut stream).map(|(reply, _)| reply)
    }
}

fn read(stream: &mut TcpStream) -> Option<(Reply, bool)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let mut fill = |bytes: &mut Vec<u8>| match stream.read(&mut chunk) {
        Ok(0) | Err(_) => None,
        Ok(count) => {
            bytes.extend_from_slice(&chunk[..count]);
            Some(())
        }
    };
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        fill(&mut bytes)?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let length: usize = value("content-length:").and_then(|text| text.parse().ok()).unwrap_or(0);
    while bytes.len() < head + length {
        fill(&mut bytes)?;
    }
    let closes = value("connection:") == Some("close") || value("transfer-encoding:").is_some();
    Some((Reply { status, body: bytes[head..head + length].to_vec() }, closes))
}
