//! What made and captured requests have in common: the URL, the head as a proxy gives it to the filter, and the values
//! that schemes read.

use std::fmt;

use hookwarden::verify::expression::Facts;
use hookwarden::verify::expression::content::Content;
use hookwarden::verify::{HeaderLine, Request, borrowed};

/// The parts of an absolute URL that a request has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `https` or `http`.
    pub scheme: String,
    /// Host and port.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

impl Url {
    /// Reads `https://host:port/path?query`, as an argument.
    ///
    /// # Errors
    /// What is wrong, with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("the URL {text:?} {what}"));
        let Some((scheme, rest)) = text.split_once("://") else {
            return wrong("has no scheme; write it out, such as https://hooks.example.com/hooks/stripe");
        };
        let url = Self::split(scheme, rest);
        if !url.is_http() {
            return wrong("is neither https nor http");
        }
        if url.authority.is_empty() || url.authority.contains('@') {
            return wrong("needs a host, and no user or password before it; those go into --secret-env");
        }
        if text.contains('#') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong("has a fragment, a blank or a letter beyond ASCII; percent-encode it");
        }
        Ok(url)
    }

    /// Reads a URL as captures have it, and its `user:password`. `curl` takes one without a scheme for `http`.
    ///
    /// # Errors
    /// What is wrong. The text may hold a password.
    pub fn parse_captured(text: &str) -> Result<(Self, Option<String>), String> {
        let text = text.split('#').next().unwrap_or_default();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let mut url = Self::split(scheme, rest);
        if !url.is_http() {
            return Err("the URL begins with neither https:// nor http://".to_owned());
        }
        let user = url.authority.rsplit_once('@').map(|(user, host)| (user.to_owned(), host.to_owned()));
        let user = user.map(|(user, host)| {
            url.authority = host;
            user
        });
        if url.authority.is_empty() {
            return Err("the URL has no host".to_owned());
        }
        Ok((url, user))
    }

    fn split(scheme: &str, rest: &str) -> Self {
        let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let slash = if target.starts_with('/') { "" } else { "/" };
        Self {
            scheme: scheme.to_ascii_lowercase(),
            authority: authority.to_owned(),
            target: format!("{slash}{target}"),
        }
    }

    fn is_http(&self) -> bool {
        matches!(self.scheme.as_str(), "https" | "http")
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        path(&self.target)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.target)
    }
}

/// The path without the query, which may hold a token.
pub fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

/// The head as a proxy gives it to the filter: pseudo headers in front.
pub fn head(method: &str, [scheme, authority, target]: [&str; 3], headers: &[HeaderLine]) -> Vec<HeaderLine> {
    let pseudo = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", target)];
    let pseudo = pseudo.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    pseudo.chain(headers.iter().cloned()).collect()
}

/// Reads values of a request, as a scheme does.
pub fn read<T>(head: &[HeaderLine], body: &[u8], read: impl FnOnce(&Facts<'_>) -> T) -> T {
    let lines = borrowed(head);
    let request = Request::new(&lines);
    let content = Content::new(body, request.media_type());
    read(&Facts { request: Some(request), content: Some(&content), ..Facts::default() })
}
