//! Warnings about what a scheme does not protect, once for every check that uses it.

use super::problem::{Findings, Kind, Path};
use crate::verify::expression::message::Message;
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::primitives::timestamp::Unit;
use crate::verify::scheme::Scheme;
use crate::verify::scheme::message_signature::Component;
use crate::verify::scheme::signature::SignatureScheme;

/// A weakness: its kind, what it is, and what would be right.
type Weakness = (Kind, &'static str, &'static str);

/// Without a signed timestamp and without `replay`.
const WITHOUT_REPLAY: [Weakness; 2] = [
    (Kind::ReplayMissing, "the sender signs no timestamp: a captured request can be replayed indefinitely", ""),
    (Kind::ReplayMissing, "the token never expires: a captured request can be replayed indefinitely", ""),
];
/// The same with `replay`.
const WITH_REPLAY: [Weakness; 2] = [
    (
        Kind::ReplayEnds,
        "the sender signs no timestamp: a captured request can be replayed once the replay window is over",
        "",
    ),
    (
        Kind::ReplayEnds,
        "the token never expires: a captured request can be replayed once the replay window is over",
        "",
    ),
];

/// Warns of each weakness of the dialects once. `remembers`: whether the source remembers events.
pub(super) fn warn<'a>(
    dialects: impl Iterator<Item = &'a Scheme>,
    remembers: bool,
    path: &Path,
    findings: &mut Findings,
) {
    let [no_time, no_token_time] = if remembers { WITH_REPLAY } else { WITHOUT_REPLAY };
    let mut weaknesses: Vec<_> = dialects
        .flat_map(|scheme| {
            let timeless = match scheme {
                Scheme::Signature(scheme) => scheme.timestamp.is_none().then(|| no_time.clone()),
                Scheme::Jwt(scheme) => scheme.timeless.then(|| no_token_time.clone()),
                // What has no time of its own warns of it in `of_scheme`.
                Scheme::Credential(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => None,
            };
            of_scheme(scheme).into_iter().chain(timeless)
        })
        .collect();
    weaknesses.sort_unstable_by_key(|(_, wrong, _)| *wrong);
    weaknesses.dedup();
    for (kind, wrong, right) in weaknesses {
        findings.warning_of(kind, path, (wrong, right));
    }
}

fn of_scheme(scheme: &Scheme) -> Vec<Weakness> {
    match scheme {
        Scheme::Signature(scheme) => of_signature(scheme),
        Scheme::Credential(_) => {
            vec![(
                Kind::WeakCredential,
                "the credential is the whole proof: anyone who sees one request can send any other, at any time",
                "",
            )]
        }
        Scheme::Jwt(scheme) => {
            let mut weaknesses = Vec::new();
            if !scheme.needs_body() {
                weaknesses.push((
                    Kind::WeakBody,
                    "the token does not cover the body: anyone who captures one can send another body with it",
                    "",
                ));
            }
            weaknesses
        }
        Scheme::MessageSignature(scheme) => {
            let mut weaknesses = Vec::new();
            if scheme.rule.insecure_body_unsigned {
                weaknesses.push((
                    Kind::WeakCoverage,
                    "the signature need not cover the body: anyone can replace it",
                    "",
                ));
            }
            let covered = &scheme.rule.components;
            if !covered.contains(&Component::TargetUri) && !covered.contains(&Component::Query) {
                weaknesses.push((
                    Kind::WeakCoverage,
                    "the signature need not cover the query: anyone can change it",
                    "",
                ));
            }
            weaknesses
        }
        Scheme::HttpSignature(_) => Vec::new(),
    }
}

fn of_signature(scheme: &SignatureScheme) -> Vec<Weakness> {
    let mut weaknesses = Vec::new();
    let digested = scheme.require.iter().any(|(left, right)| left.covers_body() || right.covers_body());
    if !digested && !scheme.messages.iter().all(Message::covers_body) {
        weaknesses.push((
            Kind::WeakBody,
            "the signature does not cover the whole body: anyone can change the rest",
            "",
        ));
    }
    match scheme.algorithm {
        SignatureAlgorithm::Hmac(HashAlgorithm::Sha1 | HashAlgorithm::Md5)
        | SignatureAlgorithm::Hash(HashAlgorithm::Sha1 | HashAlgorithm::Md5)
        | SignatureAlgorithm::Public(PublicAlgorithm::RsaPkcs1Sha1 | PublicAlgorithm::EcdsaP256Sha1Der) => {
            weaknesses.push((
                Kind::WeakAlgorithm,
                "the algorithm is based on SHA-1 or MD5",
                "use the sender's stronger one if it has one",
            ));
        }
        SignatureAlgorithm::Hash(_) => {
            weaknesses.push((Kind::PlainHash, "a plain hash of secret and content is weaker than a keyed one", ""));
        }
        _ => {}
    }
    let varies = |unit| matches!(unit, Unit::SecondsOrMilliseconds | Unit::Fraction);
    let varying_time = scheme.timestamp.as_ref().is_some_and(|rule| varies(rule.unit));
    let open = |message: &Message| message.has_open_boundary() || (varying_time && message.has_timestamp_at_boundary());
    if scheme.messages.iter().any(open) {
        weaknesses.push((
            Kind::OpenBoundary,
            "two signed values are adjacent: bytes can move between them without changing the signature",
            "",
        ));
    }
    weaknesses
}
