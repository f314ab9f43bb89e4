//! HTTP Message Signatures (RFC 9421) with digests of the content (RFC 9530): which key verifies what a request
//! [claims](begin) to have signed.

mod claim;
mod component;
mod digests;

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
pub use claim::{ClaimedSignature, MessageSignatureRule, begin};
pub use component::{Component, RequestFacts};
pub use digests::Digests;

/// HTTP Message Signatures (RFC 9421) with digests of the content (RFC 9530).
#[derive(Clone, Debug)]
pub struct MessageSignatureScheme {
    /// What the signature must be and cover.
    pub rule: MessageSignatureRule,
    /// The algorithm that the rule names.
    pub algorithm: SignatureAlgorithm,
    /// How a pasted secret becomes the key, for a keyed hash.
    pub key: KeyForm,
    /// What precedes the path in the URL that the sender calls, if the signature covers it.
    pub public_url: Option<String>,
    /// How far `created` may lie from now, in both directions.
    pub max_age: Option<Duration>,
    /// The covered header that is the event's id; without one, the nonce is.
    pub event_id_header: Option<String>,
}

impl Kind for MessageSignatureScheme {
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
        vec!["signature", "signature-input"]
    }

    fn needs_body(&self) -> bool {
        true
    }

    fn headers_read(&self) -> HeadersRead {
        // Everything needed from the head is read before the body arrives.
        HeadersRead::default()
    }

    fn identity_basis(&self, id: Option<&Expression>, _alone: bool) -> Result<IdentityBasis, Unidentified> {
        let Some(id) = id else { return Ok(IdentityBasis::Content) };
        let name = id.as_header().map(str::to_ascii_lowercase).ok_or(Unidentified::IdNotCovered)?;
        if self.rule.components.contains(&Component::Field(name)) {
            Ok(IdentityBasis::Id)
        } else {
            Err(Unidentified::IdNotCovered)
        }
    }

    fn set_event_id(&mut self, id: &Expression) {
        self.event_id_header = id.as_header().map(str::to_ascii_lowercase);
    }

    fn id_is_protected(&self) -> bool {
        true
    }

    fn tolerance(&self) -> Option<Duration> {
        self.max_age
    }

    fn tolerance_mut(&mut self) -> Option<&mut Duration> {
        self.max_age.as_mut()
    }
}

impl Verifier for MessageSignatureScheme {
    type Pending = Box<SignedHead<ClaimedSignature>>;

    /// Verifies the signature, all of which is in the head.
    fn begin(&self, head: Head<'_>, context: Context<'_>) -> Result<Begun<Self::Pending>, Denial> {
        let request = head.request;
        let facts = RequestFacts {
            method: request.method(),
            target: request.target(),
            authority: request.authority(),
            scheme: if self.public_url.as_deref().is_some_and(|url| url.starts_with("http:")) {
                "http"
            } else {
                "https"
            },
            public_url: self.public_url.as_deref(),
            // Only its end shows whether there is one; `finish` checks it.
            has_body: false,
        };
        let mut claim = begin(request, facts, &self.rule)?;
        let position = matching(context, self.algorithm, &claim.base, &claim.signature)?;
        let event_id = match &self.event_id_header {
            Some(name) => claim.covered_field(name).map(<[u8]>::to_vec),
            None => claim.nonce.take().map(String::into_bytes),
        };
        let identity = Some(Identity::of_content(&claim.base));
        (claim.base, claim.signature) = (Vec::new(), Vec::new());
        (claim.key_id, claim.algorithm, claim.nonce, claim.tag) = (None, None, None, None);
        Ok(Begun::Pending(Box::new(SignedHead {
            found: Found { position, event_id, identity, skew: None },
            sha256: claim.digests.sha256.map(|_| Hasher::new(HashAlgorithm::Sha256)),
            sha512: claim.digests.sha512.map(|_| Hasher::new(HashAlgorithm::Sha512)),
            claim,
            has_body: false,
        })))
    }

    fn finish(&self, pending: Self::Pending, _body: &dyn HeldBody, context: Context<'_>) -> Result<Found, Denial> {
        let SignedHead { found, claim, sha256, sha512, has_body } = *pending;
        if has_body && !self.rule.insecure_body_unsigned && !claim.covers_body() {
            return Err(Denial::CoverageMissing);
        }
        claim.check_digest(&digest(sha256)?, &digest(sha512)?)?;
        claim.within(self.max_age, context.now)?;
        Ok(found)
    }
}
