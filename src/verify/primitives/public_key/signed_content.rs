//! Content that a public key may have signed.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::verify::primitives::public_key::algorithm::PublicAlgorithm;
use crate::verify::primitives::public_key::delegate::Delegate;
use crate::verify::primitives::public_key::key::PublicKey;

/// Content that a public key may have signed. It is hashed when the first key needs its digest, and once.
pub struct SignedContent<'a> {
    algorithm: PublicAlgorithm,
    /// The content, if it is in memory.
    text: Option<&'a [u8]>,
    digest: OnceCell<Vec<u8>>,
    delegate: Option<&'a Delegate>,
}

impl<'a> SignedContent<'a> {
    /// Content that is in memory. `delegate`: who verifies; without one, this crate does.
    #[must_use]
    pub fn of_text(algorithm: PublicAlgorithm, text: &'a [u8], delegate: Option<&'a Delegate>) -> Self {
        Self { algorithm, text: Some(text), digest: OnceCell::new(), delegate }
    }

    /// Content that was hashed as it arrived. `text`: the same content, if it is in memory after all.
    #[must_use]
    pub fn of_digest(
        algorithm: PublicAlgorithm,
        digest: Vec<u8>,
        text: Option<&'a [u8]>,
        delegate: Option<&'a Delegate>,
    ) -> Self {
        Self { algorithm, text, digest: OnceCell::from(digest), delegate }
    }

    /// Whether `signature` is one of this key over the content; as [`PublicKey::verifies`].
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey, signature: &[u8]) -> bool {
        let own = || key.verifies(self.algorithm, &self.hashed(), signature);
        match self.delegate.filter(|_| self.algorithm.is_known_to_hosts()) {
            Some(delegate) => {
                let question = self.text.and_then(|text| key.question(self.algorithm, text, signature));
                delegate.verify(question.as_ref(), key.is_proven(), own)
            }
            None => own(),
        }
    }

    /// The digest, or the whole message if the algorithm takes no digest.
    fn hashed(&self) -> Cow<'_, [u8]> {
        let text = self.text.unwrap_or_default();
        match self.algorithm.hash() {
            Some(hash) => Cow::Borrowed(self.digest.get_or_init(|| hash.digest(text))),
            None => Cow::Borrowed(text),
        }
    }
}
