//! Limits the size of a body, as declared and as it arrives.

use crate::verify::{Denial, Occurrence, Request};

/// The body's length, checked against the declared length and the source's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodySize {
    declared: Option<u64>,
    limit: Option<u64>,
}

impl BodySize {
    /// Reads `Content-Length`. `limit` is the source's `max_body_bytes`.
    ///
    /// # Errors
    /// A denial if the length is repeated, not a number (RFC 9110, section 8.6: digits only), or over the limit.
    pub fn declared_by(request: Request<'_>, limit: Option<u64>) -> Result<Self, Denial> {
        let declared = match request.header("content-length") {
            Occurrence::Missing => None,
            Occurrence::Repeated => return Err(Denial::ContentLengthInvalid),
            Occurrence::Once(value) => Some(
                std::str::from_utf8(value)
                    .ok()
                    .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|digits| digits.parse::<u64>().ok())
                    .ok_or(Denial::ContentLengthInvalid)?,
            ),
        };
        let size = Self { declared, limit };
        size.admits(declared.unwrap_or_default())?;
        Ok(size)
    }

    /// Whether a body of which `so_far` bytes have arrived can still be acceptable.
    ///
    /// # Errors
    /// [`Denial::BodyTooLarge`] or [`Denial::ContentLengthMismatch`].
    pub fn admits(self, so_far: u64) -> Result<(), Denial> {
        if self.limit.is_some_and(|limit| so_far > limit) {
            Err(Denial::BodyTooLarge)
        } else if self.declared.is_some_and(|declared| so_far > declared) {
            Err(Denial::ContentLengthMismatch)
        } else {
            Ok(())
        }
    }

    /// Whether a body that ended after `total` bytes is acceptable.
    ///
    /// # Errors
    /// As [`admits`](Self::admits).
    pub fn ends_at(self, total: u64) -> Result<(), Denial> {
        self.admits(total)?;
        match self.declared {
            Some(declared) if declared != total => Err(Denial::ContentLengthMismatch),
            _ => Ok(()),
        }
    }

    /// Whether the headers alone guarantee the limit: there is none, or the length is declared, which the host's framing
    /// enforces.
    #[must_use]
    pub fn is_settled(self) -> bool {
        self.limit.is_none() || self.declared.is_some()
    }
}
