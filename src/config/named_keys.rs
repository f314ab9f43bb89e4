//! Reads how keys are fetched that a sender hands out one by one.

use std::rc::Rc;
use std::time::Duration;

use super::live::{Outside, Times};
use super::problem::Findings;
use super::published::{Pinned, Published, publish, read_host};
use super::reader::Node;
use super::scheme::{self, Context};
use super::service::read_cluster;
use crate::live::named_key_rule::{IdIn, NamedKeyRule};
use crate::live::place::{Place, Taken, User};
use crate::live::publication::Publication;
use crate::verify::bytes::json::JsonPath;
use crate::verify::key::key_answer::{JwkAnswer, JwkRefusal, KeyAnswer};
use crate::verify::key::key_id::IdForm;
use crate::verify::scheme::key_name::{Address, KeyName};

/// The time between two fetches of a certificate, and how long it may be used, by default. It never changes and may only be
/// withdrawn.
const CERTIFICATE: (Duration, Duration) = (Duration::from_secs(86_400), Duration::from_secs(7 * 86_400));
/// The same of a JSON Web Key, of which the sender says that it has expired.
const JWK: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(86_400));
/// The longest certificate, in bytes, with its chain.
const MAX_CERTIFICATE: usize = 16 << 10;
/// The longest JSON with one key, in bytes. Known ones have some 350.
const MAX_JWK: usize = 8 << 10;

/// Reads them. `kind`: `jwk` or `x509`, which the sender's file has.
pub(super) fn read(
    node: &Node<'_>,
    kind: &str,
    pinned: Pinned<'_>,
    user: User,
    context: Context<'_>,
    outside: Outside<'_>,
    findings: &mut Findings,
) -> Option<Published> {
    let mut members = node.object(findings)?;
    let is_certificate = kind == "x509";
    let cluster = members.require("cluster", findings).and_then(|node| read_cluster(&node, findings));
    let authority = read_host(pinned, &format!("{kind}.host"), &mut members, context, findings);
    let times = Times::read(&mut members, if is_certificate { CERTIFICATE } else { JWK }, findings);
    members.finish(findings);
    let file = |name: &str| pinned.member(&format!("{kind}.{name}")).map(|json| Node { path: node.path.clone(), json });
    let path = file("path").and_then(|node| node.text(findings));
    let forms = [("hex", IdForm::Hex), ("word", IdForm::Word)];
    let form = file("id").and_then(|node| node.keyword(&forms, findings));
    let at = match file("at") {
        Some(node) => scheme::read_expression(&node, context, findings).map(Some),
        None => Some(None),
    };
    let (cluster, authority, path, form, at) = (cluster?, authority?, path?, form?, at?);
    let Times { timeout, refresh, max_age } = times?;
    let (path, id_in, answer, max_bytes) = match path.split_once("{id}") {
        Some((before, after)) => (before, IdIn::Path(after.to_owned()), KeyAnswer::Certificate, MAX_CERTIFICATE),
        None => (path, IdIn::Body(pinned.text("jwk.body")?.to_owned()), read_answer(pinned)?, MAX_JWK),
    };
    let address = match &id_in {
        IdIn::Path(after) => Some(Address { before: format!("https://{authority}{path}"), after: after.clone(), form }),
        IdIn::Body(_) => None,
    };
    let key_name = at.map(|at| KeyName { at, address });
    let id = Rc::from(user.id.as_str());
    let (path, taken, headers) = (path.to_owned(), Taken::Body, Vec::new());
    let place = Rc::new(Place { cluster, authority, path, taken, headers, timeout, refresh, max_age, max_bytes });
    let rule = NamedKeyRule { place, id_in, form, answer, user };
    Some(Published { number: publish(Publication::Named(rule), outside), id, key_name })
}

/// How the answer with a JSON Web Key is read.
fn read_answer(pinned: Pinned<'_>) -> Option<KeyAnswer> {
    let path = |name: &str| pinned.text(&format!("jwk.{name}")).and_then(JsonPath::parse);
    let refusal = JwkRefusal {
        status: pinned.text("jwk.unknown.status")?.parse().ok()?,
        at: path("unknown.at")?,
        text: pinned.text("jwk.unknown.text")?.to_owned(),
    };
    Some(KeyAnswer::Jwk(JwkAnswer { key: path("key")?, expired: path("expired")?, refusal }))
}
