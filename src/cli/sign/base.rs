//! What a request is made of: an event of the sender, or the operator's own body.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use hookwarden::verify::content::parse_json;
use hookwarden::verify::request::is_header_name;
use hookwarden::verify::scheme::Scheme;

use super::draft::{Draft, Url};
use super::plan::Step;
use super::task::{Match, Selector, Task};
use super::trouble::Trouble;
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
pub fn bases(task: &Task, url: Option<&Url>, to: Option<&Url>, body: Option<&Path>) -> Result<Vec<Draft>, Failure> {
    let checks = || task.groups.iter().flatten();
    let is_credential = |scheme: &Scheme| matches!(scheme, Scheme::Credential(_));
    let signing = checks().find(|check| !check.dialects.iter().all(|(scheme, _)| is_credential(scheme)));
    let sender = signing.into_iter().chain(checks()).find_map(|check| registry::find(check.provider.as_deref()?));
    let samples = sender.map(|sender| sender.samples()).unwrap_or_default();
    let mut drafts: Vec<_> = samples.iter().filter_map(of_sample).collect();
    if drafts.is_empty() {
        drafts = vec![plain("application/json", EVENT), plain(FORM, EVENT_FORM)];
    }
    if let Some(path) = body {
        let body = read_body(path)?;
        for draft in &mut drafts {
            draft.body.clone_from(&body);
            if samples.is_empty()
                && draft.header("content-type") == Some(b"application/json")
                && parse_json(&body).is_err()
            {
                draft.set_header("Content-Type", b"text/plain")?;
            }
        }
    }
    for draft in &mut drafts {
        draft.url = place(draft, task.matches.as_ref(), url, to);
    }
    Ok(drafts)
}

/// The URL of a request: what was asked for, else what the source matches, else what the sender's own event calls.
fn place(draft: &Draft, matches: Option<&Match>, url: Option<&Url>, to: Option<&Url>) -> Url {
    if let Some(url) = url {
        return url.clone();
    }
    let mut own = draft.url.clone();
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

fn of_sample(sample: &Sample) -> Option<Draft> {
    let headers = sample.headers.iter().map(|(name, value)| (name.clone(), value.as_bytes().to_vec())).collect();
    let url = Url::parse(&sample.url).ok()?;
    let mut draft = Draft { method: sample.method.clone(), url, headers, body: sample.body.as_bytes().to_vec() };
    draft.remove_transport_headers();
    Some(draft)
}

fn plain(media_type: &str, body: &str) -> Draft {
    Draft {
        method: "POST".to_owned(),
        url: Url { scheme: "https".to_owned(), authority: EXAMPLE_HOST.to_owned(), target: "/".to_owned() },
        headers: vec![("Content-Type".to_owned(), media_type.as_bytes().to_vec())],
        body: body.as_bytes().to_vec(),
    }
}

fn read_body(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = match path.to_str() {
        Some("-") => io::stdin().read_to_end(&mut body).map(|_| body),
        _ => fs::read(path),
    };
    read.map_err(|error| Failure::Told(format!("--body {}: {error}", path.display())))
}

/// Gives a request the method and the headers that were asked for.
pub fn dress(draft: &mut Draft, method: Option<&str>, headers: &[String]) -> Result<(), Failure> {
    if let Some(method) = method {
        if !is_header_name(method) {
            return Err(Failure::Told(format!("--method {method}: is no method")));
        }
        draft.method = method.to_owned();
    }
    let mut lines = Vec::new();
    for line in headers {
        let (name, value) = line
            .split_once(':')
            .filter(|(name, _)| is_header_name(name))
            .ok_or_else(|| Failure::Told(format!("--header {line:?}: is no NAME: VALUE")))?;
        let value = value.trim();
        if value.chars().any(char::is_control) {
            return Err(Failure::Told(format!("--header {name}: its value has a control character in it")));
        }
        draft.remove_header(name);
        lines.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    draft.headers.extend(lines);
    Ok(())
}

/// Makes the request name the list of secrets that it uses.
pub fn choose_list(draft: &mut Draft, step: &Step<'_>, has_url: bool) -> Result<(), Trouble> {
    match step.list {
        None => Ok(()),
        Some((Selector::Header(name), list)) => draft.set_header(name, list.as_bytes()),
        Some((Selector::PathSegment(position), list)) => {
            let path = draft.url.path().to_owned();
            let mut segments: Vec<_> = path.split('/').skip(1).map(str::to_owned).collect();
            if segments.get(*position).is_some_and(|segment| segment == list) {
                return Ok(());
            }
            if has_url {
                return Err(Trouble::new(format!(
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
            let query = draft.url.target.strip_prefix(path.as_str()).unwrap_or_default();
            draft.url.target = format!("/{}{query}", segments.join("/"));
            Ok(())
        }
    }
}
