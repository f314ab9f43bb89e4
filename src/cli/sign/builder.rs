//! The request while it is built.

use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::bytes::percent;
use hookwarden::verify::expression::Facts;
use hookwarden::verify::expression::content::Content;
use hookwarden::verify::expression::native::Origin;
use hookwarden::verify::{Denial, HeaderLine, Request, borrowed};

use super::body;
use super::error::Error;
use crate::cli::http_request::{self, Url};

/// A request, without what every request has anyway (`Host`, `Content-Length`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestBuilder {
    pub method: String,
    pub url: Url,
    pub headers: Vec<HeaderLine>,
    pub body: Vec<u8>,
}

/// What a scheme's values are read with, beside the request.
#[derive(Clone, Copy, Default)]
pub struct View<'a> {
    /// The way to the element of a list to which `json:` is relative.
    pub element: &'a [String],
    /// The entries of the signature's header.
    pub entries: &'a [Vec<u8>],
    pub timestamp: Option<&'a [u8]>,
    pub secret: Option<&'a [u8]>,
}

/// Headers that the transport writes.
const TRANSPORT: &[&str] = &["host", "content-length", "transfer-encoding", "connection", "expect"];

impl RequestBuilder {
    /// The head as a host gives it to the filter.
    pub fn head(&self) -> Vec<HeaderLine> {
        let url = [&self.url.scheme, &self.url.authority, &self.url.target].map(String::as_str);
        http_request::head(&self.method, url, &self.headers)
    }

    /// Reads something of the request, as the filter would.
    pub fn read<T>(&self, view: View<'_>, read: impl FnOnce(&Facts<'_>) -> Result<T, Denial>) -> Result<T, Denial> {
        let head = self.head();
        let lines = borrowed(&head);
        let request = Request::new(&lines);
        let content = Content::new(&self.body, request.media_type());
        let element = match view.element {
            [] => None,
            steps => JsonPath::parse(&steps.join(".")).and_then(|path| content.json().ok()?.at(&path)),
        };
        let entries: Vec<_> = view.entries.iter().map(Vec::as_slice).collect();
        read(&Facts {
            request: Some(request),
            content: Some(&content),
            element,
            entries: &entries,
            timestamp: view.timestamp,
            secret: view.secret,
        })
    }

    /// The body as JSON, if it is.
    pub fn json(&self) -> Option<Json> {
        hookwarden::verify::expression::content::parse_json(&self.body).ok()
    }

    /// The value of a header that occurs once.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        values.next().filter(|_| values.next().is_none()).map(|(_, value)| value.as_slice())
    }

    /// Sets a header: in the place of the first of its name, if there are any.
    pub fn set_header(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(Error::new(format!("the header {name} would hold a line break, which no header can")));
        }
        let mut is_set = false;
        self.headers.retain_mut(|(other, text)| {
            if !other.eq_ignore_ascii_case(name) {
                return true;
            }
            *text = value.to_vec();
            !std::mem::replace(&mut is_set, true)
        });
        if !is_set {
            self.headers.push((as_usually_written(name), value.to_vec()));
        }
        Ok(())
    }

    pub fn remove_header(&mut self, name: &str) {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    /// Takes away what the transport writes anew.
    pub fn remove_transport_headers(&mut self) {
        self.headers.retain(|(name, _)| !TRANSPORT.iter().any(|other| name.eq_ignore_ascii_case(other)));
    }

    /// Writes a value where a scheme reads it. `element`: the way to the element to which `json:` is relative.
    pub fn write(&mut self, origin: Origin<'_>, value: &[u8], element: &[String]) -> Result<(), Error> {
        match origin {
            Origin::Header(name) => self.set_header(name, value),
            Origin::Query(name) => {
                self.set_query(name, value);
                Ok(())
            }
            Origin::Form(name) => {
                if self.body.is_empty() && self.header("content-type").is_none() {
                    self.set_header("Content-Type", b"application/x-www-form-urlencoded")?;
                }
                let media_type = self.header("content-type").unwrap_or_default().to_vec();
                self.body = body::with_field(&self.body, &media_type, name, value)?;
                Ok(())
            }
            Origin::Json(path) => {
                let steps = [element, path.steps()].concat();
                self.body = body::with_member(&self.body, &steps, value)?;
                Ok(())
            }
            Origin::Entry(_) | Origin::EntryAt(_) | Origin::Body | Origin::Other => {
                Err(Error::new("the scheme reads its proof where a request cannot be made to hold it"))
            }
        }
    }

    /// Sets a parameter of the query: in the place of the first of its name, if there are any.
    pub fn set_query(&mut self, name: &str, value: &[u8]) {
        let keep: fn(u8) -> bool = |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let encode = |bytes: &[u8]| String::from_utf8_lossy(&percent::encode(bytes, keep)).into_owned();
        let written = format!("{}={}", encode(name.as_bytes()), encode(value));
        let (path, query) = self.url.target.split_once('?').unwrap_or((&self.url.target, ""));
        let mut pieces = Vec::new();
        let mut is_set = false;
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            if percent::decode_form(piece.split('=').next().unwrap_or_default().as_bytes()) != name.as_bytes() {
                pieces.push(piece.to_owned());
            } else if !std::mem::replace(&mut is_set, true) {
                pieces.push(written.clone());
            }
        }
        if !is_set {
            pieces.push(written);
        }
        self.url.target = format!("{path}?{}", pieces.join("&"));
    }
}

/// A header's name with its words' first letters in upper case. Schemes know names in lower case only.
fn as_usually_written(name: &str) -> String {
    let mut starts = true;
    name.chars()
        .map(|char| {
            let written = if starts { char.to_ascii_uppercase() } else { char };
            starts = char == '-';
            written
        })
        .collect()
}
