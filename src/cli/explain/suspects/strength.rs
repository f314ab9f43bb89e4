//! How much of a request a check proves, so that no advice ever leads to one that proves less.
//!
//! A request whose body was changed still verifies under a scheme that does not look at the body. That scheme is not the
//! sender's; it only fails to notice. So a suspect that is another scheme must prove at least what the configured one
//! does: as much of the body, the time, with a key of the same kind, and with every value that the configured one binds.

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::Denial;
use hookwarden::verify::expression::message::Message;
use hookwarden::verify::key::algorithm::SignatureAlgorithm;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::jwt::ClaimRule;

use crate::cli::config_file::{CheckEntry, SourceEntry};
use crate::cli::explain::trial;

/// What a check proves. Of several dialects, what each of them proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strength {
    body: Body,
    /// Whether it proves when the request was made.
    has_time: bool,
    key: Kind,
    /// Whether its hashes are stronger than SHA-1 and MD5.
    has_strong_hash: bool,
    /// What must have a certain value: claims of a token, and pairs that must be equal.
    bound: Vec<Bound>,
}

/// How much of the body is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Body {
    Nothing,
    Part,
    Whole,
}

/// What the proof is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The secret itself, which everybody learns who sees a request.
    Credential,
    /// A hash of the secret and the content.
    Hash,
    /// A code or a signature under a key.
    Keyed,
}

/// A value that a scheme compares.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    Claim(Vec<String>),
    Pair(Box<(Message, Message)>),
}

impl Strength {
    /// What the dialects of a check prove; `None` if there are none.
    pub fn of(dialects: &[Dialect]) -> Option<Self> {
        dialects.iter().map(|(scheme, _)| Self::of_scheme(scheme)).reduce(Self::least)
    }

    /// What a source proves: all of its checks, and of alternatives what each of them proves.
    pub fn of_source(source: &SourceEntry) -> Option<Self> {
        let group = |checks: &[CheckEntry]| {
            let dialects = checks.iter().filter_map(trial::schemes);
            dialects.filter_map(|dialects| Self::of(&dialects)).reduce(Self::least)
        };
        source.groups.iter().filter_map(|checks| group(checks)).reduce(Self::most)
    }

    fn of_scheme(scheme: &Scheme) -> Self {
        let open = scheme.openness();
        let key = match scheme {
            Scheme::Credential(_) => Kind::Credential,
            Scheme::Signature(own) if matches!(own.algorithm, SignatureAlgorithm::Hash(_)) => Kind::Hash,
            Scheme::Signature(_) | Scheme::Jwt(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => {
                Kind::Keyed
            }
        };
        let bound = match scheme {
            Scheme::Signature(own) => own.require.iter().map(|pair| Bound::Pair(Box::new(pair.clone()))).collect(),
            Scheme::Jwt(own) => {
                let is_compared = |rule: &ClaimRule| !matches!(rule, ClaimRule::Present);
                let claims = own.claims.iter().filter(|(_, rule)| is_compared(rule));
                claims.map(|(path, _)| Bound::Claim(path.steps().to_vec())).collect()
            }
            Scheme::Credential(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => Vec::new(),
        };
        Self {
            body: match () {
                () if open.contains("body") => Body::Nothing,
                () if open.contains("part-of-body") => Body::Part,
                () => Body::Whole,
            },
            has_time: !open.contains("freshness"),
            key,
            has_strong_hash: !open.contains("algorithm-sha1") && !open.contains("algorithm-md5"),
            bound,
        }
    }

    /// Whether this proves less than `other` in anything.
    pub fn is_less_than(&self, other: &Self) -> bool {
        self.proves_less_than(other)
            || (other.has_strong_hash && !self.has_strong_hash)
            || other.bound.iter().any(|bound| !self.bound.contains(bound))
    }

    /// Whether this proves less of the body or the time than `other`, or with a weaker kind of key.
    pub fn proves_less_than(&self, other: &Self) -> bool {
        self.proves_less_content_than(other) || (other.has_time && !self.has_time)
    }

    /// Whether this proves less of the body than `other`, or with a weaker kind of key.
    pub fn proves_less_content_than(&self, other: &Self) -> bool {
        self.body < other.body || self.key < other.key
    }

    /// What both prove.
    fn least(self, other: Self) -> Self {
        Self {
            body: self.body.min(other.body),
            has_time: self.has_time && other.has_time,
            key: self.key.min(other.key),
            has_strong_hash: self.has_strong_hash && other.has_strong_hash,
            bound: self.bound.into_iter().filter(|bound| other.bound.contains(bound)).collect(),
        }
    }

    /// What both together prove.
    fn most(self, other: Self) -> Self {
        Self {
            body: self.body.max(other.body),
            has_time: self.has_time || other.has_time,
            key: self.key.max(other.key),
            has_strong_hash: self.has_strong_hash || other.has_strong_hash,
            bound: self.bound.into_iter().chain(other.bound).collect(),
        }
    }
}

/// Whether a denial says what is wrong by itself: the proof was read, and a value in it is not this request's.
pub fn is_known_from_proof(denial: Denial) -> bool {
    matches!(denial, Denial::DigestMismatch | Denial::TokenClaim | Denial::RequireMismatch)
}
