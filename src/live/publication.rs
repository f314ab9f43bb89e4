//! Where a sender publishes its keys.

use super::certificates::CertificateRule;

/// Where a sender publishes its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publication {
    /// In a key set (RFC 7517, section 5), by the number of its place.
    KeySet(usize),
    /// In certificates, each under an address of its own.
    Certificates(CertificateRule),
}
