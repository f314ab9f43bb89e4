//! Values of options. A wrong one is an error of use, with what it got, before anything is said of a request.

use hookwarden::guard::address;
use hookwarden::verify::request;

use super::http_request::Url;

/// An address, with or without a port, as a proxy tells it.
///
/// # Errors
/// What would be right.
pub fn client_address(text: &str) -> Result<String, String> {
    if address::client_address(text.as_bytes()).is_some() {
        return Ok(text.trim().to_owned());
    }
    let hint = if text.contains(',') {
        "; of a list such as X-Forwarded-For give the one that the proxy takes for the client"
    } else if text.contains('%') {
        "; leave out the zone behind %"
    } else if text.contains('/') {
        "; that is a network"
    } else {
        ""
    };
    Err(format!("is no address such as 192.0.2.7 or 2001:db8::7{hint}"))
}

/// A method of HTTP, in whatever letters: the methods that senders use are in capital ones.
///
/// # Errors
/// What would be right.
pub fn method(text: &str) -> Result<String, String> {
    if request::is_header_name(text) {
        Ok(text.to_ascii_uppercase())
    } else {
        Err("is no method such as POST".to_owned())
    }
}

/// A whole URL.
///
/// # Errors
/// What is wrong with it.
pub fn url(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        return Err("has no host; write it out, such as https://hooks.example.com/hooks/stripe".to_owned());
    }
    Url::parse_captured(text).map(|_| text.to_owned())
}

/// The number of an entry.
///
/// # Errors
/// It is none.
pub fn entry(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "is no number from 1".to_owned())
}
