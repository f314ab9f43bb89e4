//! A head with a valid signature, while the body is compared with its digests.

use crate::verify::denial::Denial;
use crate::verify::identity::Found;
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::key::secret::Key;
use crate::verify::primitives::mac::Hasher;
use crate::verify::primitives::public_key::SignedContent;
use crate::verify::scheme::kind::{AwaitsBody, Context};

/// A head with a valid signature, whose digests of the body are not checked yet.
pub struct SignedHead<T> {
    /// What matched.
    pub found: Found,
    /// The claim, without the bytes that were signed.
    pub claim: T,
    /// The running digests of the body, for those that the head has.
    pub sha256: Option<Hasher>,
    /// As [`sha256`](Self::sha256).
    pub sha512: Option<Hasher>,
    /// Whether any of the body has arrived.
    pub has_body: bool,
}

impl<T> AwaitsBody for Box<SignedHead<T>> {
    fn update(&mut self, bytes: &[u8]) {
        let SignedHead { sha256, sha512, has_body, .. } = &mut **self;
        *has_body |= !bytes.is_empty();
        sha256.iter_mut().chain(sha512).for_each(|hasher| hasher.update(bytes));
    }

    fn held_bytes(&self) -> usize {
        let digests = self.sha256.iter().chain(&self.sha512).map(Hasher::held_bytes).fold(0, usize::saturating_add);
        let id = self.found.event_id.as_ref().map_or(0, Vec::capacity);
        size_of::<SignedHead<T>>().saturating_add(digests).saturating_add(id)
    }
}

/// A digest of the body; zeros if the head has none to compare it with.
///
/// # Errors
/// [`Denial::HostFailure`] if its length is another.
pub fn digest<const N: usize>(hasher: Option<Hasher>) -> Result<[u8; N], Denial> {
    match hasher {
        Some(hasher) => hasher.finish().try_into().map_err(|_| Denial::HostFailure),
        None => Ok([0; N]),
    }
}

/// The position of the secret under which `signature` is one of `base`.
///
/// # Errors
/// [`Denial::SignatureMismatch`], or [`Denial::SecretInactive`].
pub fn matching(
    context: Context<'_>,
    algorithm: SignatureAlgorithm,
    base: &[u8],
    signature: &[u8],
) -> Result<usize, Denial> {
    let candidates = [signature.to_vec()];
    let content = algorithm.public().map(|public| SignedContent::of_text(public, base, context.delegate));
    let verifies = |key: &Key| match (algorithm, key) {
        (SignatureAlgorithm::Hmac(_), Key::Mac(key)) => {
            let mut mac = key.begin();
            mac.update(base);
            mac.matches_any(&candidates)
        }
        (SignatureAlgorithm::Public(_), Key::Public(key)) => {
            content.as_ref().is_some_and(|content| content.is_signed_by(key, signature))
        }
        _ => false,
    };
    let active = context.secrets.active(context.now)?;
    let found = active.into_iter().find(|(_, secret)| verifies(&secret.key));
    found.map(|(position, _)| position).ok_or(Denial::SignatureMismatch)
}
