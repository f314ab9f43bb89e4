//! The two schemes that sign parts of the HTTP message and a digest of the body: who checks what, with which key.

use std::time::Duration;

use super::content::Content;
use super::http_signature::{self, HttpFacts, HttpSignatureRule};
use super::identity::Identity;
use super::keyring::Secrets;
use super::mac::HashAlgorithm;
use super::message_signature::{self, Facts, MessageSignatureError, MessageSignatureRule};
use super::scheme::{KeyForm, SignatureAlgorithm};
use super::secret::Key;
use super::signed::Found;
use super::timestamp::UnixTime;
use super::{Denial, Request};

/// HTTP Message Signatures (RFC 9421) with digests of the content (RFC 9530).
#[derive(Clone, Debug)]
pub struct MessageSignatureScheme {
    /// What the signature must be and cover.
    pub rule: MessageSignatureRule,
    /// The algorithm that the rule names.
    pub algorithm: SignatureAlgorithm,
    /// How a pasted secret becomes the key, for a keyed hash.
    pub key: KeyForm,
    /// What stands before the path in the URL that the sender calls, where the signature covers it.
    pub public_url: Option<String>,
    /// How far `created` may lie from now, in both directions.
    pub max_age: Option<Duration>,
    /// The covered header that is the event's id; without one, the nonce is.
    pub event_id_header: Option<String>,
}

/// Signing HTTP Messages (draft-cavage-http-signatures), as its last senders use it.
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

impl MessageSignatureScheme {
    /// Decides with the whole request at hand.
    pub(super) fn verify(
        &self,
        secrets: &Secrets,
        request: Request<'_>,
        content: &Content<'_>,
        now: UnixTime,
    ) -> Result<Found, Denial> {
        let facts = Facts {
            method: request.method(),
            target: request.target(),
            authority: request.authority(),
            scheme: if self.public_url.as_deref().is_some_and(|url| url.starts_with("http:")) {
                "http"
            } else {
                "https"
            },
            public_url: self.public_url.as_deref(),
            has_body: !content.body().is_empty(),
        };
        let signed = message_signature::begin(request, facts, &self.rule).map_err(denial)?;
        let position = matching(self.algorithm, secrets, &signed.base, &signed.signature, now)?;
        let (sha256, sha512) =
            (HashAlgorithm::Sha256.digest(content.body()), HashAlgorithm::Sha512.digest(content.body()));
        match (sha256.as_slice().try_into(), sha512.as_slice().try_into()) {
            (Ok(sha256), Ok(sha512)) => signed.check_digest(sha256, sha512).map_err(denial)?,
            _ => return Err(Denial::HostFailure),
        }
        signed.within(self.max_age, now).map_err(denial)?;
        let event_id = match &self.event_id_header {
            Some(name) => request.header(name).once().map(<[u8]>::to_vec),
            None => signed.nonce.map(String::into_bytes),
        };
        Ok(Found { position, event_id, material: Some(Identity::of_content(&signed.base)) })
    }
}

impl HttpSignatureScheme {
    /// Decides with the whole request at hand.
    pub(super) fn verify(
        &self,
        secrets: &Secrets,
        request: Request<'_>,
        content: &Content<'_>,
        now: UnixTime,
    ) -> Result<Found, Denial> {
        let facts = HttpFacts { method: request.method(), target: request.target(), authority: request.authority() };
        let signed = http_signature::begin(request, facts, &self.rule).map_err(denial)?;
        let position = matching(self.algorithm, secrets, &signed.base, &signed.signature, now)?;
        let sha256 = HashAlgorithm::Sha256.digest(content.body());
        signed.check_digest(sha256.as_slice().try_into().map_err(|_| Denial::HostFailure)?).map_err(denial)?;
        signed.within(self.max_age, now).map_err(denial)?;
        Ok(Found { position, event_id: None, material: Some(Identity::of_content(&signed.base)) })
    }
}

fn matching(
    algorithm: SignatureAlgorithm,
    secrets: &Secrets,
    base: &[u8],
    signature: &[u8],
    now: UnixTime,
) -> Result<usize, Denial> {
    let candidates = [signature.to_vec()];
    let verifies = |key: &Key| match (algorithm, key) {
        (SignatureAlgorithm::Hmac(_), Key::Mac(key)) => {
            let mut mac = key.begin();
            mac.update(base);
            mac.matches_any(&candidates)
        }
        (SignatureAlgorithm::Public(algorithm), Key::Public(key)) => {
            let content = algorithm.hash().map_or_else(|| base.to_vec(), |hash| hash.digest(base));
            key.verifies(algorithm, &content, signature)
        }
        _ => false,
    };
    let active = secrets.active(now)?;
    let found = active.into_iter().find(|(_, secret)| verifies(&secret.key));
    found.map(|(position, _)| position).ok_or(Denial::SignatureMismatch)
}

fn denial(error: MessageSignatureError) -> Denial {
    match error {
        MessageSignatureError::Missing => Denial::SignatureMissing,
        MessageSignatureError::Duplicated => Denial::SignatureDuplicated,
        MessageSignatureError::Malformed | MessageSignatureError::ComponentUnsupported => Denial::SignatureMalformed,
        MessageSignatureError::ComponentDuplicated => Denial::SignatureMalformed,
        MessageSignatureError::Excess => Denial::SignatureExcess,
        MessageSignatureError::AlgorithmMismatch => Denial::TokenAlgorithm,
        MessageSignatureError::CoverageMissing => Denial::CoverageMissing,
        MessageSignatureError::FieldMissing => Denial::HeaderMissing,
        MessageSignatureError::FieldMalformed => Denial::HeaderMalformed,
        MessageSignatureError::QueryParamMissing => Denial::FieldMissing,
        MessageSignatureError::QueryParamDuplicated => Denial::FieldDuplicated,
        MessageSignatureError::TimestampMissing => Denial::TimestampMissing,
        MessageSignatureError::TimestampMalformed => Denial::TimestampMalformed,
        MessageSignatureError::TimestampStale => Denial::TimestampStale,
        MessageSignatureError::TimestampFuture => Denial::TimestampFuture,
        MessageSignatureError::DigestMalformed => Denial::HeaderMalformed,
        MessageSignatureError::DigestMismatch => Denial::DigestMismatch,
    }
}
