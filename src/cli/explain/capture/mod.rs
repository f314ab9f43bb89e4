//! A request as somebody saved it: raw HTTP text, an entry of a HAR file, a `curl` command line, JSON, or two files.

mod chunked;
mod curl;
mod curl_options;
mod files;
mod framing;
mod har;
mod http;
mod json;
mod shell;

use std::path::Path;

use hookwarden::verify::HeaderLine;

use crate::cli::http_request::{self, Url};
pub use files::from_files;
pub use framing::{trim_line_ends, with_crlf, with_lf};
pub use json::{from_value, stated_time};

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
    /// What had to be done to read it, for people.
    pub notes: Vec<String>,
    /// Other bodies that the same capture may stand for.
    pub other_bodies: Vec<OtherBody>,
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
    /// Which entry of a HAR file, from 1.
    pub entry: Option<usize>,
    /// Whether a source wants this authority and target.
    pub is_wanted: Option<IsWanted<'a>>,
}

impl Captured {
    /// Reads a capture, whatever its form is.
    ///
    /// # Errors
    /// What it is not, and what to do.
    pub fn read(text: &[u8], reading: Reading<'_>) -> Result<Self, String> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let start = text.trim_ascii_start();
        if start.is_empty() {
            return Err("the capture is empty".to_owned());
        }
        if curl::is_command(start) {
            let text = std::str::from_utf8(start).map_err(|_| "the curl command is not UTF-8".to_owned())?;
            return curl::read(text, reading.folder);
        }
        if start.starts_with(b"{") || start.starts_with(b"[") {
            let value: serde_json::Value = serde_json::from_slice(start)
                .map_err(|error| format!("begins as JSON and is none: line {}: {error}", error.line()))?;
            return match har::entries(&value) {
                Some(entries) => har::choose(entries, reading),
                None => from_value(&value),
            };
        }
        http::read(text)
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
        }
        if let Some(method) = method {
            method.clone_into(&mut self.method);
        }
        if self.method.is_empty() {
            "POST".clone_into(&mut self.method);
            self.notes.push("the capture does not say the method; POST was taken".to_owned());
        }
        if self.target.is_empty() {
            return Err("the capture does not say which path was called; give --url".to_owned());
        }
        if self.authority.is_empty() {
            self.notes
                .push("the capture does not say which host was called; give --url if a source wants one".to_owned());
        }
        Ok(())
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
                self.notes.push("names two hosts; the first is used".to_owned());
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
