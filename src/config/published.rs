//! Reads where a check's keys come from, if its sender publishes them.

use std::rc::Rc;
use std::time::Duration;

use super::live::{Outside, Times, read_path};
use super::named_keys;
use super::problem::{Findings, Kind};
use super::reader::{Members, Node};
use super::scheme::{self, Context};
use super::secret;
use super::service::{read_authority, read_cluster};
use crate::live::place::{Differs, Place, Taken, User};
use crate::live::publication::Publication;
use crate::verify::bytes::json::{Json, JsonPath};
use crate::verify::scheme::key_name::KeyName;

/// The time between two fetches of a key set, and how long it may be used, by default. Senders publish a key hours or days
/// before they use it.
const KEY_SET: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(86_400));
/// The longest key set, in bytes: one with certificate chains has up to 30 KiB.
const MAX_KEY_SET: usize = 64 << 10;
/// How keys may be published: in a set, or one by one as JSON Web Keys or certificates.
const KINDS: [&str; 3] = ["jwks", "jwk", "x509"];

/// Keys that a sender publishes.
pub(super) struct Published {
    /// The number of the publication.
    pub(super) number: usize,
    /// The operator's name for all of them.
    pub(super) id: Rc<str>,
    /// How requests name one, unless the kind of proof has its own way.
    pub(super) key_name: Option<KeyName>,
}

/// What a provider's file says of where its sender publishes keys.
#[derive(Clone, Copy)]
pub(super) struct Pinned<'a>(pub(super) Option<&'a Json>);

impl<'a> Pinned<'a> {
    pub(super) fn member(self, path: &str) -> Option<&'a Json> {
        JsonPath::parse(path).and_then(|path| self.0?.at(&path))
    }

    pub(super) fn text(self, path: &str) -> Option<&'a str> {
        self.member(path).and_then(Json::text)
    }
}

/// Whether a list of keys has an entry that is fetched.
pub(super) fn is_in(node: &Node<'_>) -> bool {
    let fetched = |entry: &Json| match entry {
        Json::Object(members) => members.iter().any(|(name, _)| KINDS.contains(&name.as_str())),
        _ => false,
    };
    node.json.elements().is_some_and(|entries| entries.into_iter().any(fetched))
}

/// Reads a list of keys whose one entry is fetched.
pub(super) fn read(
    node: &Node<'_>,
    pinned: Pinned<'_>,
    context: Context<'_>,
    outside: Outside<'_>,
    findings: &mut Findings,
) -> Option<Published> {
    let list = node.list(findings)?;
    let [entry] = list.as_slice() else {
        return findings.refuse(
            &node.path,
            ("has another key beside those that are fetched", "make two checks of it and put them into \"any\""),
        );
    };
    let mut members = entry.object(findings)?;
    let mut written = KINDS.into_iter().filter_map(|kind| members.take(kind).map(|node| (kind, node)));
    let (first, other) = (written.next(), written.next());
    let id = match members.take("id") {
        Some(node) => secret::read_name(&node, findings).map(str::to_owned),
        None => first.as_ref().map(|(kind, _)| (*kind).to_owned()),
    };
    let path = members.path.clone();
    members.finish(findings);
    let (Some((kind, node)), None) = (first, other) else {
        return findings.refuse_of(Kind::MissingKey, &path, "needs exactly one of \"jwks\", \"jwk\" and \"x509\"");
    };
    let user = User { source: outside.source.to_owned(), id: id? };
    match kind {
        "jwks" if pinned.member("x509").is_some() => findings.refuse(
            &node.path,
            ("is not how this sender publishes its keys", "it publishes certificates: write \"x509\""),
        ),
        "jwks" => read_key_set(&node, pinned, user, context, outside, findings),
        "jwk" if pinned.member("jwk").is_none() => {
            findings.refuse(&node.path, ("is only for senders that hand out their keys one by one", "write \"jwks\""))
        }
        "x509" if pinned.member("x509").is_none() => {
            findings.refuse(&node.path, ("is only for senders whose requests name a certificate", "write \"jwks\""))
        }
        _ => named_keys::read(&node, kind, pinned, user, context, outside, findings),
    }
}

fn read_key_set(
    node: &Node<'_>,
    pinned: Pinned<'_>,
    user: User,
    context: Context<'_>,
    outside: Outside<'_>,
    findings: &mut Findings,
) -> Option<Published> {
    let mut members = node.object(findings)?;
    let cluster = members.require("cluster", findings).and_then(|node| read_cluster(&node, findings));
    let authority = read_host(pinned, "jwks.host", &mut members, context, findings);
    let path = own_unless(pinned.text("jwks.path"), &mut members, "path", findings, &read_path);
    let key_name = match (members.take("key_id"), pinned.member("jwks.key_id")) {
        (Some(node), None) => scheme::read_expression(&node, context, findings).map(Some),
        (Some(node), Some(_)) => refuse_pinned(&node, findings),
        (None, Some(json)) => {
            scheme::read_expression(&Node { path: node.path.clone(), json }, context, findings).map(Some)
        }
        (None, None) => Some(None),
    };
    let times = Times::read(&mut members, KEY_SET, findings);
    members.finish(findings);
    let (cluster, authority, path, key_name) = (cluster?, authority?, path?, key_name?);
    let Times { timeout, refresh, max_age } = times?;
    let headers = vec![("accept".to_owned(), "application/jwk-set+json, application/json".to_owned())];
    let id = Rc::from(user.id.as_str());
    let taken = Taken::Body;
    let place = Place { cluster, authority, path, taken, headers, timeout, refresh, max_age, max_bytes: MAX_KEY_SET };
    let number = match outside.live.places.borrow_mut().add(place, user) {
        Ok(number) => publish(Publication::KeySet(number), outside),
        Err(Differs) => {
            return findings.refuse(
                &node.path,
                (
                    "fetches the same as an earlier one at other times",
                    "give both the same \"timeout\", \"refresh\" and \"max_age\"",
                ),
            );
        }
    };
    Some(Published { number, id, key_name: key_name.map(|at| KeyName { at, address: None }) })
}

/// The sender's host. If its file has several, the configuration may choose another one than the first.
pub(super) fn read_host(
    pinned: Pinned<'_>,
    at: &str,
    members: &mut Members<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<String> {
    let path = members.path.clone();
    let mut literal = |json| scheme::read_literal(&Node { path: path.clone(), json }, context, findings);
    let hosts = match pinned.member(at) {
        None => return own_unless(None, members, "authority", findings, &read_authority),
        Some(Json::List(hosts)) => hosts.iter().map(literal).collect::<Option<Vec<_>>>()?,
        Some(json) => {
            let host = literal(json)?;
            return own_unless(Some(&host), members, "authority", findings, &read_authority);
        }
    };
    let Some(node) = members.take("authority") else { return hosts.into_iter().next() };
    let own = node.text(findings)?;
    let found = hosts.iter().find(|host| *host == own).cloned();
    found.or_else(|| {
        findings.refuse(&node.path, ("is no host of this sender's", format!("it has {}", hosts.join(" and "))))
    })
}

/// The number of a publication, which is added unless it is there.
pub(super) fn publish(publication: Publication, outside: Outside<'_>) -> usize {
    let mut all = outside.live.publications.borrow_mut();
    all.iter().position(|other| *other == publication).unwrap_or_else(|| {
        all.push(publication);
        all.len().saturating_sub(1)
    })
}

/// The value that the sender's file has, or the configuration's if it has none.
fn own_unless(
    pinned: Option<&str>,
    members: &mut Members<'_>,
    name: &'static str,
    findings: &mut Findings,
    read: &dyn Fn(&Node<'_>, &mut Findings) -> Option<String>,
) -> Option<String> {
    match pinned {
        Some(text) => match members.take(name) {
            Some(node) => refuse_pinned(&node, findings),
            None => Some(text.to_owned()),
        },
        None => match members.take(name) {
            Some(node) => read(&node, findings),
            None => {
                let message = format!("lacks \"{name}\", which is not in this sender's file");
                findings.refuse_of(Kind::MissingKey, &members.path, message)
            }
        },
    }
}

fn refuse_pinned<T>(node: &Node<'_>, findings: &mut Findings) -> Option<T> {
    findings.refuse(&node.path, ("cannot be changed", "this sender's file has it: leave it out"))
}
