//! Shared tokens and credentials, compared in constant time. The only file that names `subtle`.

use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::verify::primitives::mac;

/// The SHA-256 of a token. The token itself is not kept, and since two digests always have the same length, a
/// comparison reveals nothing about the token's length.
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Digests a token.
    #[must_use]
    pub fn new(token: &[u8]) -> Self {
        Self(mac::sha256(token))
    }
}

impl std::fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// The position of the accepted token that `presented` equals, if any.
///
/// Constant-time in the tokens: every one is compared, whether or not an earlier one matched. The time depends on
/// the length of `presented` and on the number of tokens.
#[must_use]
pub fn position_of<'a>(presented: &[u8], accepted: impl Iterator<Item = &'a TokenDigest>) -> Option<usize> {
    let presented = mac::sha256(presented);
    let mut found = u32::MAX;
    for (position, token) in (0_u32..).zip(accepted) {
        found.conditional_assign(&position, presented.ct_eq(&token.0));
    }
    (found != u32::MAX).then(|| usize::try_from(found).ok()).flatten()
}

/// Whether `tag` is any of `candidates`.
///
/// Constant-time in the content of both; the time depends on their number and lengths.
#[must_use]
pub fn is_any_of(tag: &[u8], candidates: &[Vec<u8>]) -> bool {
    candidates.iter().fold(false, |found, candidate| bool::from(tag.ct_eq(candidate)) | found)
}
