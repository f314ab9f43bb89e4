//! What a request is made of: an event of the sender, or the operator's own body.

use std::path::Path;

use hookwarden::verify::expression::content::parse_json;
use hookwarden::verify::key::keyring::Selector;
use hookwarden::verify::request::is_header_name;
use hookwarden::verify::scheme::Scheme;

use super::builder::RequestBuilder;
use super::error::Error;
use super::plan::Step;
use super::task::{Match, Task};
use crate::cli::http_request::Url;
use crate::cli::input;
use crate::cli::registry::{self, Sample};
use crate::cli::terminal::Failure;

/// Where senders call whom nobody named a URL.
const EXAMPLE_HOST: &str = "hooks.example.com";
/// The event of a sender that nobody knows.
const EVENT: &str = r#"{"event":"hookwarden.test"}"#;
const EVENT_FORM: &str = "event=hookwarden.test";
const FORM: &str = "application/x-www-form-urlencoded";

/// What a provider's own event calls.
pub fn default_url(provider: &str) -> Option<Url> {
    registry::find(provider)?.sample().and_then(|sample| Url::parse(&sample.url).ok())
}

/// Whether the request has an event id that the operator can choose.
pub fn has_event_id(task: &Task) -> bool {
    let mut schemes = task.groups.iter().flatten().flat_map(|check| &check.dialects).map(|(scheme, _)| scheme);
    task.replay_id.is_some()
        || schemes.any(|scheme| match scheme {
            Scheme::Signature(scheme) => scheme.event_id.is_some(),
            Scheme::Jwt(scheme) => scheme.event_id.is_some(),
            Scheme::MessageSignature(_) => true,
            Scheme::Credential(_) | Scheme::HttpSignature(_) => false,
        })
}

/// The requests that could become the one that is wanted, the likeliest first.
pub fn bases(
    task: &Task,
    url: Option<&Url>,
    to: Option<&Url>,
    body: Option<&Path>,
) -> Result<Vec<RequestBuilder>, Failure> {
    let checks = || task.groups.iter().flatten();
    let is_credential = |scheme: &Scheme| matches!(scheme, Scheme::Credential(_));
    let signing = checks().find(|check| !check.dialects.iter().all(|(scheme, _)| is_credential(scheme)));
    let sender = signing.into_iter().chain(checks()).find_map(|check| registry::find(check.entry.provider.as_deref()?));
    let samples = sender.map(|sender| sender.samples()).unwrap_or_default();
    let mut builders: Vec<_> = samples.iter().filter_map(of_sample).collect();
    if builders.is_empty() {
        builders = vec![plain("application/json", EVENT), plain(FORM, EVENT_FORM)];
    }
    if let Some(path) = body {
        let body = input::read(path)?;
        for builder in &mut builders {
            builder.body.clone_from(&body);
            if samples.is_empty()
                && builder.header("content-type") == Some(b"application/json")
                && parse_json(&body).is_err()
            {
                builder.set_header("Content-Type", b"text/plain")?;
            }
        }
    }
    for builder in &mut builders {
        builder.url = place(builder, task.matches.as_ref(), url, to);
    }
    Ok(builders)
}

/// The URL of a request: what was asked for, else what the source matches, else what the sender's own event calls.
pub fn place(builder: &RequestBuilder, matches: Option<&Match>, url: Option<&Url>, to: Option<&Url>) -> Url {
    if let Some(url) = url {
        return url.clone();
    }
    let mut own = builder.url.clone();
    if let Some(to) = to {
        (own.scheme, own.authority) = (to.scheme.clone(), to.authority.clone());
    }
    if let Some(matches) = matches {
        if let Some(host) = &matches.host {
            own.authority.clone_from(host);
        }
        let below = if matches.is_below { own.path().to_owned() } else { String::new() };
        let query = own.target.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        own.target = format!("{}{below}{query}", matches.path);
    }
    if let Some(to) = to.filter(|to| to.target != "/") {
        own.target.clone_from(&to.target);
    }
    own
}

pub fn of_sample(sample: &Sample) -> Option<RequestBuilder> {
    let headers = sample.headers.iter().map(|(name, value)| (name.clone(), value.as_bytes().to_vec())).collect();
    let url = Url::parse(&sample.url).ok()?;
    let mut builder =
        RequestBuilder { method: sample.method.clone(), url, headers, body: sample.body.as_bytes().to_vec() };
    builder.remove_transport_headers();
    Some(builder)
}

fn plain(media_type: &str, body: &str) -> RequestBuilder {
    RequestBuilder {
        method: "POST".to_owned(),
        url: Url { scheme: "https".to_owned(), authority: EXAMPLE_HOST.to_owned(), target: "/".to_owned() },
        headers: vec![("Content-Type".to_owned(), media_type.as_bytes().to_vec())],
        body: body.as_bytes().to_vec(),
    }
}

/// Gives a request the method and the headers that were asked for.
pub fn dress(builder: &mut RequestBuilder, method: Option<&str>, headers: &[String]) -> Result<(), Failure> {
    if let Some(method) = method {
        builder.method = method.to_owned();
    }
    let mut lines = Vec::new();
    for line in headers {
        let (name, value) = line
            .split_once(':')
            .filter(|(name, _)| is_header_name(name))
            .ok_or_else(|| Failure::Message(format!("--header {line:?}: not NAME: VALUE")))?;
        let value = value.trim();
        if value.chars().any(char::is_control) {
            return Err(Failure::Message(format!("--header {name}: its value has a control character in it")));
        }
        builder.remove_header(name);
        lines.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    builder.headers.extend(lines);
    Ok(())
}

/// Makes the request name the list of secrets that it uses.
pub fn choose_list(builder: &mut RequestBuilder, step: &Step<'_>, has_url: bool) -> Result<(), Error> {
    match step.list {
        None => Ok(()),
        Some((Selector::Header(name), list)) => builder.set_header(name, list.as_bytes()),
        Some((Selector::PathSegment(position), list)) => {
            let path = builder.url.path().to_owned();
            let mut segments: Vec<_> = path.split('/').skip(1).map(str::to_owned).collect();
            if segments.get(*position).is_some_and(|segment| segment == list) {
                return Ok(());
            }
            if has_url {
                return Err(Error::new(format!(
                    "segment {position} of the URL's path names the list of secrets, and is not {list:?}; change --url \
                     or --secrets-of"
                )));
            }
            while segments.len() <= *position {
                segments.push("x".to_owned());
            }
            if let Some(segment) = segments.get_mut(*position) {
                list.clone_into(segment);
            }
            let query = builder.url.target.strip_prefix(path.as_str()).unwrap_or_default();
            builder.url.target = format!("/{}{query}", segments.join("/"));
            Ok(())
        }
    }
}
