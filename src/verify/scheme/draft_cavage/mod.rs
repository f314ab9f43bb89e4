//! Signing HTTP Messages (draft-cavage-http-signatures), as its remaining senders use it: which key verifies what a
//! request [claims](begin) to have signed.

mod claim;

use std::time::Duration;

use crate::verify::denial::Denial;
use crate::verify::expression::Expression;
use crate::verify::identity::{Found, Identity, IdentityBasis, Unidentified};
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::key::key_form::{KeyError, KeyForm, MIN_RSA_BITS};
use crate::verify::key::secret::Key;
use crate::verify::primitives::mac::{HashAlgorithm, Hasher};
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::request::{HeadersRead, HeldBody};
use crate::verify::scheme::http::{SignedHead, digest, matching};
use crate::verify::scheme::kind::{Begun, Context, Head, Kind, Verifier};
pub use claim::{ClaimedHttpSignature, HttpSignatureRule, RequestLine, begin};

/// Signing HTTP Messages (draft-cavage-http-signatures).
#[derive(Clone, Debug)]
pub struct HttpSignatureScheme {
    /// What the signature must be and cover.
    pub rule: HttpSignatureRule,
    /// The algorithm that the rule names.
    pub algorithm: SignatureAlgorithm,
    /// How a pasted secret becomes the key, for a keyed hash.
    pub key: KeyForm,
    /// How far `Date` may lie from now, in both directions.
    pub max_age: Duration,
}

impl Kind for HttpSignatureScheme {
    fn takes_public_keys(&self) -> bool {
        self.algorithm.is_public()
    }

    fn is_known_to_hosts(&self) -> bool {
        self.algorithm.public().is_some_and(PublicAlgorithm::is_known_to_hosts)
    }

    fn key(&self, text: &str) -> Result<Key, KeyError> {
        Key::parse(text, self.algorithm, &self.key, MIN_RSA_BITS)
    }

    fn key_form(&self) -> Option<&KeyForm> {
        Some(&self.key)
    }

    fn proof_headers(&self) -> Vec<&str> {
        vec![&self.rule.header]
    }

    fn needs_body(&self) -> bool {
        true
    }

    fn headers_read(&self) -> HeadersRead {
        // Everything needed from the head is read before the body arrives.
        HeadersRead::default()
    }

    fn identity_basis(&self, id: Option<&Expression>, _alone: bool) -> Result<IdentityBasis, Unidentified> {
        if id.is_some() { Err(Unidentified::IdNotCovered) } else { Ok(IdentityBasis::Content) }
    }

    fn tolerance(&self) -> Option<Duration> {
        Some(self.max_age)
    }

    fn tolerance_mut(&mut self) -> Option<&mut Duration> {
        Some(&mut self.max_age)
    }
}

impl Verifier for HttpSignatureScheme {
    type Pending = Box<SignedHead<ClaimedHttpSignature>>;

    /// Verifies the signature, all of which is in the head.
    fn begin(&self, head: Head<'_>, context: Context<'_>) -> Result<Begun<Self::Pending>, Denial> {
        let request = head.request;
        let line = RequestLine { method: request.method(), target: request.target(), authority: request.authority() };
        let mut claim = begin(request, line, &self.rule)?;
        let position = matching(context, self.algorithm, &claim.base, &claim.signature)?;
        let identity = Some(Identity::of_content(&claim.base));
        (claim.base, claim.signature, claim.key_id) = (Vec::new(), Vec::new(), None);
        Ok(Begun::Pending(Box::new(SignedHead {
            found: Found { position, event_id: None, identity, skew: None },
            claim,
            sha256: Some(Hasher::new(HashAlgorithm::Sha256)),
            sha512: None,
            has_body: false,
        })))
    }

    fn finish(&self, pending: Self::Pending, _body: &dyn HeldBody, context: Context<'_>) -> Result<Found, Denial> {
        let SignedHead { found, claim, sha256, .. } = *pending;
        claim.check_digest(&digest(sha256)?)?;
        claim.within(self.max_age, context.now)?;
        Ok(found)
    }
}
