//! What makes a verified request the same event as another: what a replay store remembers.

use std::time::Duration;

use crate::verify::denial::Denial;
use crate::verify::primitives::mac;

/// What identifies the event of a verified request. The proof covers it, so that only somebody who knows the secret can
/// give one event two identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The sender's id of the event.
    Id(Vec<u8>),
    /// A digest of what was signed.
    Digest([u8; 32]),
}

/// What a verified request's event is identified by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdentityBasis {
    /// Nothing.
    #[default]
    Nothing,
    /// The event's id. A verified request without one is refused.
    Id,
    /// The tag that matched: as unique as the content, and it costs nothing. Used only if a request presents exactly
    /// one candidate, in one way; otherwise leaving a candidate out would make the same content a new event.
    Tag,
    /// A digest of the content. A public-key signature is not an identity: the key's owner, and with some algorithms
    /// anybody, can make several for one content.
    Content,
}

impl Identity {
    /// The identity of a content whose SHA-256 this is.
    pub(in crate::verify) fn of_digest(digest: &[u8]) -> Result<Self, Denial> {
        digest.try_into().map(Identity::Digest).map_err(|_| Denial::HostFailure)
    }

    /// The identity of a content.
    pub(in crate::verify) fn of_content(content: &[u8]) -> Self {
        Identity::Digest(mac::sha256(content))
    }
}

/// A proof that verified.
pub(in crate::verify) struct Found {
    /// The position of the secret that matched.
    pub position: usize,
    /// The event's id, if the signature covers it.
    pub event_id: Option<Vec<u8>>,
    /// The identity of the content, if requested.
    pub identity: Option<Identity>,
    /// How far the signed time is from ours, in either direction, if the scheme has a tolerance.
    pub skew: Option<Duration>,
}

impl Found {
    /// Only the position of a secret that matched.
    pub fn at(position: usize) -> Self {
        Self { position, event_id: None, identity: None, skew: None }
    }
}

/// Why an event id cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unidentified {
    /// Every check has a way to be satisfied in which nothing is signed.
    NothingSigned,
    /// The id is not part of what is signed.
    IdNotCovered,
}
