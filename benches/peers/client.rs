//! A keep-alive client that reads whole responses.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::measure::connect;

/// Longer than any response takes.
const TIMEOUT: Duration = Duration::from_secs(20);

pub struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    answer: Vec<u8>,
    /// How often the proxy closed the connection.
    pub closed: usize,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, answer: Vec::new(), closed: 0 }
    }

    /// Ends the connection. The next request opens another one.
    pub fn disconnect(&mut self) {
        self.stream = None;
    }

    /// Sends a request; returns the status of the response once its last byte has arrived.
    pub fn exchange(&mut self, wire: &[u8]) -> Result<u16, String> {
        let sent = self.send(wire);
        self.receive(wire, sent)
    }

    /// Sends a request, whose response [`receive`](Self::receive) reads.
    pub fn send(&mut self, wire: &[u8]) -> Sent {
        let is_new = self.stream.is_none();
        let stream = self.stream.get_or_insert_with(|| {
            let stream = connect(self.address);
            stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
            stream
        });
        Sent {
            is_new,
            result: stream.write_all(wire).map_err(|error| format!("the request could not be sent: {error}")),
        }
    }

    /// Waits for the last byte of the response; returns its status.
    pub fn receive(&mut self, wire: &[u8], sent: Sent) -> Result<u16, String> {
        self.answer.clear();
        match sent.result.and_then(|()| self.read()) {
            // It was idle for so long that the proxy closed it.
            Err(_) if self.answer.is_empty() && !sent.is_new => {
                self.stream = None;
                self.closed += 1;
                self.exchange(wire)
            }
            other => other,
        }
    }

    fn read(&mut self) -> Result<u16, String> {
        let stream = self.stream.as_mut().ok_or("no connection")?;
        let mut chunk = [0; 4096];
        let (status, stays_open) = loop {
            let count = stream.read(&mut chunk).map_err(|error| format!("no response: {error}"))?;
            if count == 0 {
                return Err(format!("the connection was closed after {:?}", String::from_utf8_lossy(&self.answer)));
            }
            self.answer.extend_from_slice(&chunk[..count]);
            if let Some(found) = complete(&self.answer) {
                break found;
            }
        };
        if !stays_open {
            self.stream = None;
            self.closed += 1;
        }
        Ok(status)
    }
}

/// A request that was sent, or could not be.
pub struct Sent {
    is_new: bool,
    result: Result<(), String>,
}

/// The status of a complete response, and whether the connection stays open.
fn complete(answer: &[u8]) -> Option<(u16, bool)> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let length: usize = header("content-length:").and_then(|value| value.parse().ok()).unwrap_or(0);
    (answer.len() >= head + length).then_some((status, header("connection:") != Some("close")))
}
