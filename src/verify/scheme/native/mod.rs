//! What the command alone asks of a scheme: what it leaves open, what of the request it reads, the keys that it could
//! have.

mod credential;
mod draft_cavage;
mod head;
mod jwt;
mod message_signature;
mod reads;
mod signature;

use std::collections::BTreeSet;

use crate::verify::expression::Expression;
use crate::verify::key::secret::Key;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::scheme::Scheme;
pub use head::HeadPart;
use head::HeadParts;
pub use reads::headers;

/// The words for what is left unprotected by a sender's behaviour, which no scheme shows.
pub const TOLD_BY_THE_SENDER: &[&str] = &["timestamp", "query", "event-type"];

/// What a kind of proof tells the command of itself.
trait Inspect {
    /// What it leaves unprotected by design: see [`Scheme::openness`].
    fn openness(&self) -> BTreeSet<&'static str>;

    /// The signed parts of the head that a proxy could change.
    fn signed_head(&self) -> HeadParts;

    /// The key that these bytes are, whatever is made of a text; `None` for public keys.
    fn key_of_bytes(&self, bytes: &[u8]) -> Option<Key>;

    /// The algorithms whose keys are public.
    fn public_algorithms(&self) -> Vec<PublicAlgorithm>;

    /// Where the proof is, if that is a value of the value language.
    fn proof_value(&self) -> Option<&Expression> {
        None
    }

    /// Every value that it names, that of the proof first.
    fn values(&self) -> Vec<&Expression> {
        self.proof_value().into_iter().collect()
    }

    /// The headers that it reads beside those that hold the proof and those of its values; a numbered family as its
    /// name and `*`.
    fn further_headers(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Scheme {
    fn inspect(&self) -> &dyn Inspect {
        match self {
            Scheme::Signature(scheme) => scheme.as_ref(),
            Scheme::Credential(scheme) => scheme,
            Scheme::Jwt(scheme) => scheme.as_ref(),
            Scheme::MessageSignature(scheme) => scheme.as_ref(),
            Scheme::HttpSignature(scheme) => scheme.as_ref(),
        }
    }

    /// The words for what the scheme leaves unprotected by design, sorted: `algorithm-md5`, `algorithm-sha1`,
    /// `body`, `freshness`, `part-of-body`, `replay-boundary`, `url`. [`TOLD_BY_THE_SENDER`] are never
    /// among them.
    #[must_use]
    pub fn openness(&self) -> BTreeSet<&'static str> {
        let mut open = self.inspect().openness();
        if self.inspect().signed_head().leaves_some_of_url() {
            open.insert("url");
        }
        open
    }

    /// The signed parts of the head that a proxy could change, sorted.
    #[must_use]
    pub fn signed_head(&self) -> Vec<HeadPart> {
        self.inspect().signed_head().list()
    }

    /// The key that these bytes are, whatever the scheme makes of a text; `None` for public keys.
    #[must_use]
    pub fn key_of_bytes(&self, bytes: &[u8]) -> Option<Key> {
        self.inspect().key_of_bytes(bytes)
    }
}
