//! Reads where a live secret comes from.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::problem::{self, Findings};
use super::reader::{Members, Node};
use super::secret_text::Environment;
use super::service::{is_plain, read_authority, read_cluster};
use crate::live::place::{Differs, Place, Places, Taken, User};
use crate::live::publication::Publication;
use crate::verify::bytes::json::JsonPath;
use crate::verify::key::live::{Origin, Part};
use crate::verify::request::is_header_name;

/// How long an answer may take, by default, at least and at most.
const TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// The time between two fetches, by default, at least and at most.
const REFRESH: Duration = Duration::from_secs(300);
const REFRESHES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));
/// How long a document may be used, by default, at least and at most.
const MAX_AGE: Duration = Duration::from_secs(86_400);
const MAX_AGES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30 * 86_400));
/// The longest document, in bytes: many secrets of many versions fit.
const MAX_BYTES: usize = 64 << 10;
/// The longest key of filter state, in bytes.
const MAX_KEY: usize = 128;

/// What lies outside of the configuration: where its secrets come from.
#[derive(Clone, Copy)]
pub(super) struct Outside<'a> {
    /// The variables of the VM.
    pub environment: Environment<'a>,
    /// What is fetched while the filter runs.
    pub live: Live<'a>,
    /// The name of the source that is read.
    pub source: &'a str,
}

/// What is fetched while the filter runs, as it is gathered.
#[derive(Clone, Copy)]
pub(super) struct Live<'a> {
    pub places: &'a RefCell<Places>,
    pub publications: &'a RefCell<Vec<Publication>>,
}

/// Reads the key of filter state that holds a secret.
pub(super) fn read_filter_state(node: &Node<'_>, findings: &mut Findings) -> Option<Origin> {
    let key = node.text(findings)?;
    let fits = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if !fits || key.is_empty() || key.len() > MAX_KEY {
        return findings.refuse(
            &node.path,
            "must be the key of filter state that holds the secret, 1 to 128 letters, digits, \".\", \"_\" and \"-\": \"hw.github\"",
        );
    }
    Some(Origin::FilterState(Rc::from(key)))
}

/// Reads a document to fetch, and which part of it is the secret `id`.
pub(super) fn read_http(node: &Node<'_>, id: &str, outside: Outside<'_>, findings: &mut Findings) -> Option<Origin> {
    let mut members = node.object(findings)?;
    let cluster = members.require("cluster", findings).and_then(|node| read_cluster(&node, findings));
    let path = members.require("path", findings).and_then(|node| read_path(&node, findings));
    let authority = match members.take("authority") {
        Some(node) => read_authority(&node, findings).map(Some),
        None => Some(None),
    };
    let part = read_part(&mut members, findings);
    let times = Times::read(&mut members, (REFRESH, MAX_AGE), findings);
    let path_of_it = members.path.clone();
    members.finish(findings);
    let (cluster, path, authority, (taken, part)) = (cluster?, path?, authority?, part?);
    let Times { timeout, refresh, max_age } = times?;
    let authority = authority.unwrap_or_else(|| cluster.clone());
    let headers = vec![("accept".to_owned(), "application/json, text/plain;q=0.5".to_owned())];
    let place = Place { cluster, authority, path, taken, headers, timeout, refresh, max_age, max_bytes: MAX_BYTES };
    let user = User { source: outside.source.to_owned(), id: id.to_owned() };
    match outside.live.places.borrow_mut().add(place, user) {
        Ok(number) => Some(Origin::Document(number, part)),
        Err(Differs) => findings.refuse(
            &path_of_it,
            (
                "fetches the same as an earlier one at other times",
                "give both the same \"timeout\", \"refresh\" and \"max_age\"",
            ),
        ),
    }
}

/// When a document is fetched, and how long it may be used.
pub(super) struct Times {
    pub timeout: Duration,
    pub refresh: Duration,
    pub max_age: Duration,
}

impl Times {
    /// Reads them, with the usual time between two fetches, and the usual age.
    pub(super) fn read(
        members: &mut Members<'_>,
        (refresh, max_age): (Duration, Duration),
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut read = |name, default, (least, most)| match members.take(name) {
            Some(node) => node.duration(least, most, findings).map(|time| (time, Some(node.path))),
            None => Some((default, None)),
        };
        let timeout = read("timeout", TIMEOUT, TIMEOUTS);
        let refresh = read("refresh", refresh, REFRESHES);
        let max_age = read("max_age", max_age, MAX_AGES);
        let ((timeout, _), (refresh, refresh_path), (max_age, max_age_path)) = (timeout?, refresh?, max_age?);
        if max_age < refresh {
            let path = max_age_path.or(refresh_path).unwrap_or_else(|| members.path.clone());
            return findings.refuse(
                &path,
                (
                    "lets what is fetched grow too old before it is fetched again, so that its source closes in between",
                    "\"max_age\" must be longer than \"refresh\", by as long as an outage may last",
                ),
            );
        }
        Some(Self { timeout, refresh, max_age })
    }
}

/// Reads a path.
pub(super) fn read_path(node: &Node<'_>, findings: &mut Findings) -> Option<String> {
    let path = node.text(findings)?;
    if !is_plain(path) || !path.starts_with('/') || path.contains('#') {
        return findings.refuse(&node.path, "must be a path, such as \"/v1/secret/data/github\"");
    }
    Some(path.to_owned())
}

/// Which part of the answer is the document, and which part of the document is the secret.
fn read_part(members: &mut Members<'_>, findings: &mut Findings) -> Option<(Taken, Part)> {
    match (members.take("header"), members.take("pointer"), members.take("body")) {
        (Some(node), None, None) => {
            let name = node.text(findings)?;
            if !is_header_name(name) {
                return findings.refuse(&node.path, "must be the name of a header, such as \"X-Secret\"");
            }
            Some((Taken::Header(name.to_ascii_lowercase()), Part::Whole))
        }
        (None, Some(node), None) => {
            let text = node.text(findings)?;
            let path = JsonPath::of_pointer(text).filter(|_| !text.is_empty());
            let Some(path) = path else {
                return findings
                    .refuse(&node.path, "must be a JSON Pointer (RFC 6901), such as \"/data/data/current\"");
            };
            Some((Taken::Body, Part::Json(path)))
        }
        (None, None, Some(node)) => {
            if !node.bool(findings)? {
                return findings.refuse(&node.path, ("has no effect", "leave it out"));
            }
            Some((Taken::Body, Part::Whole))
        }
        _ => findings.refuse_of(
            problem::Kind::MissingKey,
            &members.path,
            "needs exactly one of \"pointer\", \"header\" and \"body\"",
        ),
    }
}
