//! A host that verifies signatures itself, natively and so in a small part of the time that it takes in a VM.

use std::borrow::Cow;

use crate::verify::primitives::mac::HashAlgorithm;

/// A host that may verify RSASSA-PKCS1-v1_5 and ECDSA signatures.
pub trait SignatureHost {
    /// Whether the signature is one over the text; `None` if the host does not say so in the one form that it should.
    fn verify_signature(&self, question: &Question<'_>) -> Option<bool>;
}

/// What a host is asked. Key and signature are always in the one encoding that they have: what is malformed is refused before.
pub struct Question<'a> {
    /// The hash, as part of the algorithm.
    pub hash: HashAlgorithm,
    /// The key: the DER of a `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
    pub key: &'a [u8],
    /// The text that is signed.
    pub text: &'a [u8],
    /// The signature; for ECDSA, the DER of `ECDSA-Sig-Value` (RFC 3279, section 2.2.3).
    pub signature: Cow<'a, [u8]>,
}
