//! The digests of a body (RFC 9530).

use crate::verify::bytes::structured_field::{BareItem, Dictionary, Value};
use crate::verify::scheme::http::HttpSignatureError as Error;

/// The digests of the body that a signature covers (RFC 9530, section 2). Both are `None` if it covers none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// `sha-256`
    pub sha256: Option<[u8; 32]>,
    /// `sha-512`
    pub sha512: Option<[u8; 64]>,
}

impl Digests {
    /// Reads the value of a `Content-Digest` field. Algorithms other than SHA-256 and SHA-512 are ignored, since RFC
    /// 9530, section 5, lists no other that is secure; one of the two must be there.
    ///
    /// # Errors
    /// [`Error::DigestMalformed`].
    pub fn parse(field: &[u8]) -> Result<Self, Error> {
        let dictionary = Dictionary::parse(field).map_err(|_| Error::DigestMalformed)?;
        let mut digests = Self::default();
        for member in dictionary.members() {
            match (member.key, &member.value) {
                ("sha-256", Value::Item(BareItem::Bytes(bytes))) => {
                    digests.sha256 = Some(bytes.as_slice().try_into().map_err(|_| Error::DigestMalformed)?);
                }
                ("sha-512", Value::Item(BareItem::Bytes(bytes))) => {
                    digests.sha512 = Some(bytes.as_slice().try_into().map_err(|_| Error::DigestMalformed)?);
                }
                ("sha-256" | "sha-512", _) => return Err(Error::DigestMalformed),
                _ => {}
            }
        }
        if digests == Self::default() { Err(Error::DigestMalformed) } else { Ok(digests) }
    }
}
