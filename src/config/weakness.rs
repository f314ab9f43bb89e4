//! What a scheme does not protect. The configuration says so once, for every check that uses it.

use super::problem::{Findings, Path};
use crate::verify::mac::HashAlgorithm;
use crate::verify::message::Message;
use crate::verify::message_signature::Component;
use crate::verify::public_key::PublicAlgorithm;
use crate::verify::scheme::{Scheme, SignatureAlgorithm, SignatureScheme};
use crate::verify::timestamp::Unit;

/// Without a signed time, and nothing that remembers events.
const FOR_EVER: [&str; 2] = [
    "the sender signs no time: a request can be sent again for ever",
    "the token has no time: a request can be sent again for ever",
];
/// The same where events are remembered.
const AFTER_THE_WINDOW: [&str; 2] = [
    "the sender signs no time: a request can be sent again when the replay window is over",
    "the token has no time: a request can be sent again when the replay window is over",
];

/// Warns of every weakness of the dialects, each once. `remembers`: whether the source remembers events.
pub(super) fn warn<'a>(
    dialects: impl Iterator<Item = &'a Scheme>,
    remembers: bool,
    path: &Path,
    findings: &mut Findings,
) {
    let [no_time, no_token_time] = if remembers { AFTER_THE_WINDOW } else { FOR_EVER };
    let mut weaknesses: Vec<_> = dialects
        .flat_map(|scheme| {
            let timeless = match scheme {
                Scheme::Signature(scheme) => scheme.timestamp.is_none().then_some(no_time),
                Scheme::Jwt(scheme) => scheme.timeless.then_some(no_token_time),
                _ => None,
            };
            of_scheme(scheme).into_iter().chain(timeless)
        })
        .collect();
    weaknesses.sort_unstable();
    weaknesses.dedup();
    for weakness in weaknesses {
        findings.warning(path, weakness);
    }
}

fn of_scheme(scheme: &Scheme) -> Vec<&'static str> {
    match scheme {
        Scheme::Signature(scheme) => of_signature(scheme),
        Scheme::Credential(_) => {
            vec!["the credential is all there is: whoever sees one request can send any other, at any time"]
        }
        Scheme::Jwt(scheme) => {
            let mut weaknesses = Vec::new();
            if !scheme.needs_body() {
                weaknesses.push("the token does not cover the body: whoever sees one can send another body with it");
            }
            weaknesses
        }
        Scheme::MessageSignature(scheme) => {
            let mut weaknesses = Vec::new();
            if scheme.rule.insecure_body_unsigned {
                weaknesses.push("the signature need not cover the body: anybody can send another with it");
            }
            let covered = &scheme.rule.components;
            if !covered.contains(&Component::TargetUri) && !covered.contains(&Component::Query) {
                weaknesses.push("the signature need not cover the query: anybody can change it");
            }
            weaknesses
        }
        Scheme::HttpSignature(_) => Vec::new(),
    }
}

fn of_signature(scheme: &SignatureScheme) -> Vec<&'static str> {
    let mut weaknesses = Vec::new();
    let digested = scheme.require.iter().any(|(left, right)| left.covers_body() || right.covers_body());
    if !digested && !scheme.messages.iter().all(Message::covers_body) {
        weaknesses.push("the signature does not cover the whole body: what it leaves out, anybody can change");
    }
    match scheme.algorithm {
        SignatureAlgorithm::Hmac(HashAlgorithm::Sha1 | HashAlgorithm::Md5)
        | SignatureAlgorithm::Hash(HashAlgorithm::Sha1 | HashAlgorithm::Md5)
        | SignatureAlgorithm::Public(PublicAlgorithm::RsaPkcs1Sha1 | PublicAlgorithm::EcdsaP256Sha1Der) => {
            weaknesses.push("the algorithm rests on SHA-1 or MD5; use the sender's stronger one if it has one");
        }
        SignatureAlgorithm::Hash(_) => {
            weaknesses.push("a plain hash of secret and content is weaker than a keyed one");
        }
        _ => {}
    }
    let varies = |unit| matches!(unit, Unit::SecondsOrMilliseconds | Unit::Fraction);
    let varying_time = scheme.timestamp.as_ref().is_some_and(|rule| varies(rule.unit));
    let open = |message: &Message| message.has_open_boundary() || (varying_time && message.has_timestamp_at_boundary());
    if scheme.messages.iter().any(open) {
        weaknesses.push("two signed values stand side by side: bytes can move between them under one signature");
    }
    weaknesses
}
