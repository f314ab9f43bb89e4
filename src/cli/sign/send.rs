//! The request, sent, and its answer.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hookwarden::step::DUPLICATE_MARK;
use serde_json::{Value, json};
use ureq::http::Request;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

use super::builder::RequestBuilder;
use crate::cli::http_request::Url;
use crate::cli::terminal::Failure;

/// The most of an answer that is read, in bytes. Receivers answer with a word or nothing.
const MAX_ANSWER: u64 = 64 * 1024;

/// How the request goes out.
pub struct SendOptions<'a> {
    /// Where to: scheme, host and port. The path and the query are the request's own.
    pub to: &'a Url,
    pub timeout: Duration,
    /// Certificates in PEM that are trusted instead of the usual ones.
    pub authorities: Option<&'a Path>,
    /// Whether any certificate is taken.
    pub trusts_anybody: bool,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Sends the request. Redirects are an answer like others: a webhook's sender does not follow them.
pub fn send(builder: &RequestBuilder, options: &SendOptions<'_>) -> Result<Answer, Failure> {
    let mut tls = TlsConfig::builder().disable_verification(options.trusts_anybody);
    if let Some(path) = options.authorities {
        tls = tls.root_certs(RootCerts::new_with_certs(&certificates(path)?));
    }
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .timeout_global(Some(options.timeout))
        .user_agent(concat!("hookwarden/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build())
        .build()
        .new_agent();
    let uri = format!("{}{}", options.to.origin(), builder.url.target);
    let mut request = Request::builder().method(builder.method.as_str()).uri(&uri);
    if builder.url.authority != options.to.authority {
        request = request.header("host", &builder.url.authority);
    }
    for (name, value) in builder.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")) {
        request = request.header(name, value.as_slice());
    }
    let cannot =
        |what: &dyn std::fmt::Display| Failure::Message(format!("the request to {uri} cannot be sent: {what}"));
    let sent = match builder.body.as_slice() {
        [] if matches!(builder.method.as_str(), "GET" | "HEAD" | "DELETE" | "OPTIONS") => {
            agent.run(request.body(()).map_err(|error| cannot(&error))?)
        }
        body => agent.run(request.body(body).map_err(|error| cannot(&error))?),
    };
    let mut response = sent.map_err(|error| unanswered(&uri, &error, options))?;
    let reader = response.body_mut().with_config().limit(MAX_ANSWER);
    let body = match reader.read_to_vec() {
        Ok(body) => body,
        Err(ureq::Error::BodyExceedsLimit(_)) => b"(a longer body than is shown)".to_vec(),
        Err(error) => return Err(unanswered(&uri, &error, options)),
    };
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    Ok(Answer {
        status: response.status().as_u16(),
        reason: response.status().canonical_reason().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body,
    })
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let wrong = |what: &dyn std::fmt::Display| Failure::Message(format!("{}: {what}", path.display()));
    let text = fs::read(path).map_err(|error| wrong(&error))?;
    let items: Result<Vec<_>, _> = ureq::tls::parse_pem(&text).collect();
    let certificates: Vec<_> = items
        .map_err(|error| wrong(&error))?
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { Err(wrong(&"has no certificate in PEM")) } else { Ok(certificates) }
}

/// What to do where nothing came back.
fn unanswered(uri: &str, error: &ureq::Error, options: &SendOptions<'_>) -> Failure {
    let hint = match error {
        ureq::Error::Timeout(_) => {
            let seconds = options.timeout.as_secs();
            format!(
                "no answer within {seconds} seconds; a filter that holds headers without its flag \
                 (allow_on_headers_stop_iteration) hangs like this; --timeout waits longer"
            )
        }
        error if is_of_tls(error) => format!("{error}; --ca names the file of your own authority's certificates"),
        _ => error.to_string(),
    };
    Failure::Message(format!("{uri}: {hint}"))
}

/// Whether TLS failed. A certificate that is not trusted comes as an error of input: ureq passes on what rustls says.
fn is_of_tls(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => true,
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}

impl Answer {
    /// Whether the receiver took the request.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status) && !self.is_duplicate()
    }

    /// Whether the filter answered instead of the receiver, because it has seen the event before.
    pub fn is_duplicate(&self) -> bool {
        let (mark, marked) = DUPLICATE_MARK;
        self.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case(mark) && value == marked)
    }

    /// The answer as people read it.
    pub fn text(&self) -> String {
        let mut text = format!("HTTP {} {}\n", self.status, self.reason).replace(" \n", "\n");
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {}\n", printable(value)));
        }
        let body = printable(&String::from_utf8_lossy(&self.body));
        if !body.is_empty() {
            text.push_str(&format!("\n{body}{}", if body.ends_with('\n') { "" } else { "\n" }));
        }
        text
    }

    /// The answer as a JSON object.
    pub fn json(&self) -> Value {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| json!([name, value])).collect();
        json!({
            "status": self.status,
            "headers": headers,
            "body": String::from_utf8_lossy(&self.body),
            "duplicate": self.is_duplicate(),
        })
    }
}

/// A text without what a terminal would take for a command: the receiver chose it.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() && !matches!(char, '\n' | '\t') { '\u{fffd}' } else { char }).collect()
}
