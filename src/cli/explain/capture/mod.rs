//! A request as somebody saved it, in one of the forms of [`forms`], or as two files.

mod asp_net;
mod audit_log;
mod body;
mod browser;
mod cgi;
mod chunked;
mod client_logs;
mod collections;
mod commands;
mod curl;
mod curl_options;
mod deliveries;
mod dump;
mod editor_file;
mod entries;
mod files;
mod forms;
mod framing;
mod har;
mod headers;
mod http;
mod inspectors;
mod json;
mod literal;
mod lost;
mod okhttp;
mod pages;
mod pasted;
mod php;
mod powershell;
mod printed;
mod printed_headers;
mod proxies;
mod query;
mod server_logs;
mod serverless;
mod shell;
mod spring;
mod stated_path;
mod stream;
mod value;
mod variables;
mod wireshark;
mod within;
mod writing;
mod yaml;

use std::path::Path;

use hookwarden::verify::HeaderLine;
use hookwarden::verify::bytes::json::Json;

use crate::cli::http_request::{self, Url};
use crate::cli::input;
use entries::Requests;
pub use files::from_files;
pub use forms::ALL as FORMS;
pub use framing::{trim_line_ends, with_crlf, with_lf};
pub use json::stated_time;
pub use lost::{Lost, is_masked};

/// How many texts may be inside of each other, as a log has a request in its lines.
const DEEPEST: u8 = 4;

/// A captured request.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    /// What it was captured as, for people.
    pub form: &'static str,
    /// The method.
    pub method: String,
    /// `https` or `http`, where the capture says it.
    pub scheme: Option<String>,
    /// Host and port, as the client asked for them.
    pub authority: String,
    /// Path and query.
    pub target: String,
    /// The header lines, in order, without `Host` and without pseudo headers.
    pub headers: Vec<HeaderLine>,
    /// The body.
    pub body: Vec<u8>,
    /// The text of the time at which it arrived, where the capture says it.
    pub time: Option<Stated>,
    /// What it no longer has.
    pub lost: Vec<Lost>,
    /// What had to be done to read it, for people.
    pub notes: Vec<String>,
    /// Other bodies that the same capture may stand for.
    pub other_bodies: Vec<OtherBody>,
    /// Whether it states a path that cannot be read, so that none is assumed.
    pub has_unread_path: bool,
}

/// A time that a capture states, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The text.
    pub text: String,
    /// Where it is, for people.
    pub place: &'static str,
}

/// Another body that a capture may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherBody {
    /// The stable code of the mistake, if it is that one.
    pub code: &'static str,
    /// What happened.
    pub sentence: &'static str,
    /// What to do.
    pub advice: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Whether a source wants an authority and a target.
pub type IsWanted<'a> = &'a dyn Fn(&str, &str) -> bool;

/// How a capture is to be read where the text alone does not say it.
#[derive(Clone, Copy, Default)]
pub struct Reading<'a> {
    /// Where files that a `curl` command line names are.
    pub folder: Option<&'a Path>,
    /// The number of the request, counted from 1, where a capture has several.
    pub entry: Option<usize>,
    /// Whether a source wants this authority and target.
    pub is_wanted: Option<IsWanted<'a>>,
    /// How many texts this one is inside of.
    pub depth: u8,
}

impl Captured {
    /// Reads a capture, whatever its form is.
    ///
    /// # Errors
    /// What it is not, and what to do.
    pub fn read(bytes: &[u8], reading: Reading<'_>) -> Result<Self, String> {
        if reading.depth > DEEPEST {
            return Err("has a request in a text, and that in a text, and so on: give the innermost alone".to_owned());
        }
        let decoded = input::decoded(bytes)?;
        let is_decoded = decoded.is_some();
        let text = decoded.as_deref().unwrap_or(bytes);
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        if text.trim_ascii().is_empty() {
            return Err("the capture is empty".to_owned());
        }
        let text = pasted::bare(unfenced(text));
        let mut captured = entries::choose(requests(&text, reading), reading)?;
        if is_decoded {
            captured.notes.push("the capture is in UTF-16, as Windows writes it, and was read as UTF-8".to_owned());
        }
        Ok(captured)
    }

    /// Reads a request that is JSON already.
    ///
    /// # Errors
    /// As [`Captured::read`].
    pub fn of_json(value: &Json, reading: Reading<'_>) -> Result<Self, String> {
        entries::choose(json_requests(value, reading), reading)
    }

    /// Takes another body, which has lost nothing.
    pub fn replace_body(&mut self, body: Vec<u8>) {
        self.body = body;
        self.other_bodies.clear();
        self.lost.retain(|lost| !lost.is_of_body());
    }

    /// Puts in what the capture does not say.
    ///
    /// # Errors
    /// What it still lacks.
    pub fn complete(&mut self, method: Option<&str>, url: Option<&str>) -> Result<(), String> {
        if let Some(url) = url {
            let (url, _) = Url::parse_captured(url)?;
            self.scheme = Some(url.scheme);
            self.authority = url.authority;
            self.target = url.target;
            self.lost.retain(|lost| !lost.is_of_url());
        }
        if let Some(method) = method {
            method.clone_into(&mut self.method);
        }
        if self.method.is_empty() {
            "POST".clone_into(&mut self.method);
            self.notes.push("the capture does not say the method; POST was taken".to_owned());
        }
        self.check_path()?;
        if self.target.is_empty() {
            return Err("the capture does not say which path was called; give --url".to_owned());
        }
        if self.authority.is_empty() {
            self.notes
                .push("the capture does not say which host was called; give --url if a source wants one".to_owned());
        }
        self.say_losses();
        Ok(())
    }

    /// Finds what every form can have lost: the body, its coding, and values of headers.
    fn say_losses(&mut self) {
        // Raw HTTP is what went over the wire: there something else decompressed it.
        if self.form != http::FORM && self.is_decompressed() && !self.lost.iter().any(Lost::is_of_body) {
            self.lost.push(Lost::decompressed());
        }
        let declared = self.declared_length().filter(|length| *length > 0);
        if let Some(declared) = declared.filter(|_| self.body.is_empty() && self.lost.is_empty()) {
            self.lost.push(Lost::body(declared));
        }
        let masked = self.headers.iter().filter(|(_, value)| is_masked(value));
        let names: Vec<_> = masked.map(|(name, _)| format!("\"{}\"", name.to_ascii_lowercase())).collect();
        if !names.is_empty() {
            self.lost.push(Lost::masked(&names.join(" and ")));
        }
    }

    /// The head as a proxy gives it to a filter: pseudo headers in front.
    #[must_use]
    pub fn head(&self) -> Vec<HeaderLine> {
        let scheme = self.scheme.as_deref().unwrap_or("https");
        http_request::head(&self.method, [scheme, &self.authority, &self.target], &self.headers)
    }

    /// The value of a header that occurs once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// What `Content-Length` says.
    fn declared_length(&self) -> Option<usize> {
        self.header("content-length").and_then(|value| std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok())
    }

    /// Whether the body is text, and `Content-Encoding` says that it is compressed.
    fn is_decompressed(&self) -> bool {
        let coding = self.header("content-encoding").unwrap_or_default().to_ascii_lowercase();
        let is_coded = [&b"gzip"[..], b"x-gzip", b"deflate", b"br", b"zstd"].contains(&coding.as_slice());
        let is_text = std::str::from_utf8(&self.body).is_ok_and(|text| !text.contains('\0'));
        is_coded && is_text && !self.body.is_empty()
    }

    /// Whether the body goes over the wire in chunks.
    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().ends_with(b"chunked"))
    }

    /// The path without its query, which may hold a token and is shown nowhere.
    #[must_use]
    pub fn path(&self) -> &str {
        http_request::path(&self.target)
    }

    /// Adds a header line; `Host` and pseudo headers become what they stand for.
    fn add_header(&mut self, name: &str, value: &[u8]) {
        let text = || String::from_utf8_lossy(value).into_owned();
        match name.to_ascii_lowercase().as_str() {
            "host" | ":authority" if self.authority.is_empty() => self.authority = text(),
            "host" | ":authority" if self.authority.as_bytes() != value => {
                let note = "names two hosts; the first is used";
                if !self.notes.iter().any(|own| own == note) {
                    self.notes.push(note.to_owned());
                }
            }
            "host" | ":authority" => {}
            ":method" => self.method = text(),
            ":path" => self.target = text(),
            ":scheme" => self.scheme = Some(text()),
            _ => self.headers.push((name.to_owned(), value.to_vec())),
        }
    }

    /// Takes method, scheme, host and target from a URL; what is already there stays.
    fn add_url(&mut self, text: &str) -> Result<(), String> {
        let (url, _) = Url::parse_captured(text)?;
        if self.authority.is_empty() {
            self.authority = url.authority;
        }
        if self.target.is_empty() {
            self.target = url.target;
        }
        self.scheme = self.scheme.take().or(Some(url.scheme));
        Ok(())
    }
}

/// What is between the fences of Markdown, as issues and chats have them.
fn unfenced(text: &[u8]) -> &[u8] {
    let Some(rest) = text.trim_ascii_start().strip_prefix(b"```") else { return text };
    let start = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at.saturating_add(1));
    let inside = rest.get(start..).unwrap_or_default();
    let end = inside.windows(4).rposition(|bytes| bytes == b"\n```").unwrap_or(inside.len());
    inside.get(..end).unwrap_or_default()
}

/// Every request of a capture.
fn requests(text: &[u8], reading: Reading<'_>) -> Requests {
    let start = text.trim_ascii_start();
    let is_json = [&b"{"[..], b"[", b"%{"].iter().any(|sign| start.starts_with(sign));
    if is_json {
        let shown = || std::str::from_utf8(start).ok();
        if let Some(found) = shown().and_then(forms::read_headers) {
            return found;
        }
        let error = match documents(start) {
            Ok(value) => return json_requests(&value, reading),
            Err(error) => error,
        };
        let log = || forms::read_text(shown()?, reading).or_else(|| logged(shown()?, reading));
        // A line of a log begins with its time in brackets.
        let found = if start.starts_with(b"[") { log() } else { None };
        return found
            .or_else(|| of_console(start, reading))
            .or_else(|| forms::named(start))
            .unwrap_or_else(|| vec![Err(error)]);
    }
    // A script's first line tells more than a comment.
    let start = if start.starts_with(b"#!") { start } else { stream::without_comments(start) };
    let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_raw = http::request_line(first.trim_ascii_end()).is_some();
    let as_text = std::str::from_utf8(start).ok().filter(|text| !is_raw || pages::begins(text));
    if let Some(found) = as_text.and_then(|text| forms::read_text(text, reading)) {
        return found;
    }
    if curl::is_command(start) {
        return vec![Err("the curl command is not UTF-8".to_owned())];
    }
    let prepared = std::str::from_utf8(text).ok().and_then(|text| {
        let filled = editor_file::with_variables(text);
        let own = filled.as_deref().unwrap_or(text).as_bytes();
        let request = std::str::from_utf8(stream::without_comments(own.trim_ascii_start())).unwrap_or_default();
        editor_file::of_hurl(request).or(filled)
    });
    let found = http::requests(prepared.as_deref().map_or(text, str::as_bytes));
    // A line with a colon may be a header, and much else.
    let (is_doubtful, is_bare) = match found.as_slice() {
        [Ok(captured)] => {
            let is_doubtful = captured.method.is_empty() && captured.target.is_empty();
            (is_doubtful, is_doubtful && captured.authority.is_empty())
        }
        [one] => (one.is_err(), one.is_err()),
        _ => (false, false),
    };
    let named = || forms::named(start).filter(|_| is_doubtful);
    let logged = || logged(as_text.filter(|_| is_bare)?, reading);
    named().or_else(logged).unwrap_or(found)
}

/// One document, or several in lines, as a list.
fn documents(text: &[u8]) -> Result<Json, String> {
    let wrong = match Json::parse_file(text) {
        Ok(value) => return Ok(value),
        Err(error) => {
            format!("begins as JSON and is none: line {}, column {}: {}", error.line, error.column, error.message)
        }
    };
    let mut all = Vec::new();
    let mut stream = serde_json::Deserializer::from_slice(text).into_iter::<serde_json::Value>();
    let mut last = 0;
    while let Some(document) = stream.next() {
        let end = stream.byte_offset();
        let part = text.get(last..end).unwrap_or_default();
        match (document, Json::parse_file(part)) {
            (Ok(_), Ok(value)) => all.push(value),
            _ => return Err(wrong),
        }
        last = end;
    }
    if all.len() < 2 { Err(wrong) } else { Ok(Json::List(all)) }
}

fn json_requests(value: &Json, reading: Reading<'_>) -> Requests {
    within::find(value, reading, 0).map_or_else(
        || vec![json::read(value).map(as_json)],
        |found| found.into_iter().map(|one| one.map(as_json)).collect(),
    )
}

/// Where no other form was recognised, it is JSON.
fn as_json(captured: Captured) -> Captured {
    let form = if captured.form.is_empty() { "JSON" } else { captured.form };
    Captured { form, ..captured }
}

/// An object as a console shows it.
fn of_console(text: &[u8], reading: Reading<'_>) -> Option<Requests> {
    let text = std::str::from_utf8(text).ok()?;
    let (value, _) = literal::parse(text)?;
    Some(json_requests(&value, reading).into_iter().map(|one| one.map(|captured| shown(captured, text))).collect())
}

/// Says what a console makes of an object.
fn shown(mut captured: Captured, text: &str) -> Captured {
    let holds_body = !captured.body.is_empty() && captured.lost.is_empty();
    if !holds_body && (text.contains("[Object]") || text.contains("[Array]")) {
        captured.lost.insert(0, Lost::nested());
    }
    captured.notes.push("the capture is what a console shows, and was read as JSON".to_owned());
    captured
}

/// A request in JSON behind the words of a line of a log.
fn logged(text: &str, reading: Reading<'_>) -> Option<Requests> {
    let at = text.find('{').filter(|at| *at < 400)?;
    let inside = text.get(at..)?;
    let document = documents(inside.trim_end().as_bytes()).ok();
    let is_shown = document.is_none();
    let value = document.or_else(|| Some(literal::parse(inside)?.0))?;
    let found = within::find(&value, reading, 0)?.into_iter().map(|one| one.map(as_json));
    Some(found.map(|one| one.map(|captured| if is_shown { shown(captured, inside) } else { captured })).collect())
}
