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
    /// How often the proxy closed the connection after a response.
    pub closed: usize,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, answer: Vec::new(), closed: 0 }
    }

    /// Sends a request; returns the status of the response once its last byte has arrived.
    pub fn exchange(&mut self, wire: &[u8]) -> Result<u16, String> {
        if let Some(stream) = self.stream.take() {
            match self.exchange_on(stream, wire) {
                // It was idle for so long that the proxy closed it.
                Err(_) if self.answer.is_empty() => self.closed += 1,
                other => return other,
            }
        }
        let stream = connect(self.address);
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        self.exchange_on(stream, wire)
    }

    fn exchange_on(&mut self, mut stream: TcpStream, wire: &[u8]) -> Result<u16, String> {
        self.answer.clear();
        stream.write_all(wire).map_err(|error| format!("the request could not be sent: {error}"))?;
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
        if stays_open {
            self.stream = Some(stream);
        } else {
            self.closed += 1;
        }
        Ok(status)
    }
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
