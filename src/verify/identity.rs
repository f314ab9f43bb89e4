//! What makes a proved request the same event as another: what a replay store remembers.

use super::{Denial, mac};

/// What identifies a proved request. Only what the proof covers can be one, so nobody but who knows the secret can make
/// two of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The sender's id of the event.
    Id(Vec<u8>),
    /// A digest of what was signed.
    Material([u8; 32]),
}

/// What a check keeps of the signed content, besides proving it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    #[default]
    Nothing,
    /// The event's id, which is there in every request that is proved, or the request is refused.
    Id,
    /// The code that matched: as unique as the content, and it costs nothing. Only where a request presents one
    /// candidate, and in one way, or leaving one out would make another event of the same content.
    Code,
    /// A digest of the content. A signature of a public key is no identity: its owner, and with some algorithms
    /// anybody, can write several for one content.
    Content,
}

impl Identity {
    /// The identity of a content whose SHA-256 this is.
    pub(super) fn of_digest(digest: &[u8]) -> Result<Self, Denial> {
        digest.try_into().map(Identity::Material).map_err(|_| Denial::HostFailure)
    }

    /// The identity of a content.
    pub(super) fn of_content(content: &[u8]) -> Self {
        Identity::Material(mac::sha256(content))
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
