//! Requests in what servers and proxies write when they debug: Envoy, NGINX, Apache.

use std::collections::HashMap;

use super::entries::Requests;
use super::lost::Lost;
use super::{Captured, http};

/// Envoy's log at the level debug: the head of each request, and no body.
pub fn envoy(text: &str) -> Option<Requests> {
    let mut found: Vec<Captured> = Vec::new();
    // In the log of several containers, their lines stand between each other.
    let mut open: HashMap<&str, usize> = HashMap::new();
    for line in text.lines() {
        let (container, line) = of_container(line);
        if let Some(captured) = open.get(container).and_then(|at| found.get_mut(*at)) {
            match line.trim().strip_prefix('\'').and_then(|line| line.split_once("', '")) {
                Some((name, value)) => {
                    captured.add_header(name, value.strip_suffix('\'').unwrap_or(value).as_bytes());
                    continue;
                }
                None => drop(open.remove(container)),
            }
        }
        if line.contains("request headers complete (end_stream=") {
            let mut captured = Captured::default();
            if line.contains("end_stream=false") {
                captured.lost.push(no_body(
                    "Envoy's log has the head of a request and never its body.",
                    "Capture the request with Envoy's tap filter, or save the body in a file of its own and give it with --body.",
                ));
            }
            open.insert(container, found.len());
            found.push(captured);
        }
    }
    (!found.is_empty()).then(|| found.into_iter().map(Ok).collect())
}

/// The name of a container that Compose or kubectl put in front of a line, and the line.
fn of_container(line: &str) -> (&str, &str) {
    let end = match line.starts_with("[pod/") {
        true => line.find("] "),
        false => {
            line.find(['|', '\'']).filter(|at| *at < 100 && line.get(*at..).is_some_and(|rest| rest.starts_with("| ")))
        }
    };
    end.and_then(|at| line.split_at_checked(at.saturating_add(2))).unwrap_or(("", line))
}

/// NGINX's log at the level debug.
pub fn nginx(text: &str) -> Option<Requests> {
    if !text.contains("[debug]") {
        return None;
    }
    let mut found: Vec<Captured> = Vec::new();
    // The lines of several connections stand between each other.
    let mut open: HashMap<String, usize> = HashMap::new();
    for line in text.lines() {
        let Some((stamp, event)) = line.split_once(" http ") else { continue };
        let Some(connection) = connection(stamp) else { continue };
        let inside = |text: &str| text.strip_suffix('"').unwrap_or(text).to_owned();
        if let Some(called) = event.strip_prefix("request line: \"").map(inside) {
            let mut captured = Captured::default();
            if let Some((method, target)) = http::request_line(called.as_bytes()) {
                method.clone_into(&mut captured.method);
                target.clone_into(&mut captured.target);
            }
            open.insert(connection, found.len());
            found.push(captured);
        } else if let Some(header) = event.strip_prefix("header: \"").map(inside) {
            let at = *open.entry(connection).or_insert(found.len());
            if at == found.len() {
                found.push(Captured::default());
            }
            if let Some(captured) = found.get_mut(at) {
                let _ = http::add_line(captured, header.as_bytes());
            }
        }
    }
    for captured in &mut found {
        captured.lost.push(no_body(
            "NGINX's log has the head of a request and never its body.",
            "Log $request_body, capture the request in front of NGINX, or give the body with --body.",
        ));
    }
    let has_headers = found.iter().any(|captured| !captured.headers.is_empty());
    has_headers.then(|| found.into_iter().map(Ok).collect())
}

/// What tells a connection from others in front of `http`: the container, the process and the number, without the time.
fn connection(stamp: &str) -> Option<String> {
    let (time, number) = stamp.split_once("[debug] ")?;
    let names = time.split(' ').filter(|word| !word.starts_with(|first: char| first.is_ascii_digit()));
    Some(names.chain([number]).collect::<Vec<_>>().join(" "))
}

/// Apache's mod_dumpio: the bytes line by line, with escapes.
pub fn apache(text: &str) -> Option<Requests> {
    let mut connections: Vec<Received> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for line in text.lines() {
        let Some((stamp, data)) = line.split_once("mod_dumpio:  dumpio_in (data-HEAP): ") else { continue };
        let at = *known.entry(client(stamp)).or_insert(connections.len());
        if at == connections.len() {
            connections.push(Received::default());
        }
        if let Some(received) = connections.get_mut(at) {
            received.take(data);
        }
    }
    let found: Requests = connections
        .iter()
        .filter(|received| !received.bytes.is_empty())
        .flat_map(|received| http::requests(&received.bytes))
        .collect();
    (!found.is_empty()).then_some(found)
}

/// Whose bytes a line of Apache's log has: those of a client's port, or else of a thread.
fn client(stamp: &str) -> &str {
    let at = stamp.rfind("[client ").or_else(|| stamp.find("[pid ")).unwrap_or(stamp.len());
    let name = stamp.get(at..).unwrap_or_default();
    name.split(']').next().unwrap_or_default()
}

/// What Apache read from one connection.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    /// How many bytes the line before says that the next has.
    announced: Option<usize>,
}

impl Received {
    /// A line before the data says how many bytes they are.
    fn take(&mut self, data: &str) {
        let bytes = unescaped(data);
        let count = data.trim_end().strip_suffix(" bytes").and_then(|count| count.parse().ok());
        let announced = self.announced.take();
        match count {
            Some(count) if announced != Some(bytes.len()) => self.announced = Some(count),
            _ => self.bytes.extend(bytes),
        }
    }
}

/// Undoes the escapes of Apache's log.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(rest.get(..at).unwrap_or_default().as_bytes());
        let escape = rest.get(at.saturating_add(1)..).unwrap_or_default();
        let hex = || u8::from_str_radix(escape.strip_prefix('x')?.get(..2)?, 16).ok();
        let (byte, length) = match (escape.bytes().next(), hex()) {
            (Some(b'x'), Some(byte)) => (byte, 3),
            (Some(b'r'), _) => (b'\r', 1),
            (Some(b'n'), _) => (b'\n', 1),
            (Some(b't'), _) => (b'\t', 1),
            (Some(byte @ (b'\\' | b'"')), _) => (byte, 1),
            _ => (b'\\', 0),
        };
        bytes.push(byte);
        rest = escape.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// That a log never has the body.
pub fn no_body(sentence: &str, advice: &str) -> Lost {
    Lost::new("capture_without_body", format!("The capture has no body: {sentence}"), advice)
}
