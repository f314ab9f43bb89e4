//! Why a signature of the HTTP message is refused.

use crate::verify::bytes::structured_field::FieldError;
use crate::verify::denial::Denial;

/// Why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpSignatureError {
    /// `Signature-Input` or `Signature` is missing, or has no member of the wanted label and tag.
    Missing,
    /// `Signature-Input` or `Signature` is repeated.
    Duplicated,
    /// `Signature-Input` or `Signature` cannot be read.
    Malformed,
    /// More than one signature could be the right one, or a field or the query is too large.
    Excess,
    /// The `alg` parameter names another algorithm than the rule.
    AlgorithmMismatch,
    /// A component is of a kind that is not understood.
    ComponentUnsupported,
    /// A component is listed twice.
    ComponentDuplicated,
    /// A required component is not covered.
    CoverageMissing,
    /// A covered header is missing.
    FieldMissing,
    /// A covered part of the request has bytes that would let signed lines move.
    FieldMalformed,
    /// A covered parameter of the query is missing.
    QueryParamMissing,
    /// A covered parameter of the query is repeated.
    QueryParamDuplicated,
    /// `created` is missing, and the rule has a maximum age.
    TimestampMissing,
    /// `created` or `expires` is not a whole number of seconds since the epoch.
    TimestampMalformed,
    /// The signature is older than it may be, or expired.
    TimestampStale,
    /// The signature is from the future.
    TimestampFuture,
    /// The digest cannot be read, or has no algorithm that is still safe.
    DigestMalformed,
    /// The body is not the one whose digest is covered.
    DigestMismatch,
}

impl From<FieldError> for HttpSignatureError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::TooLarge => Self::Excess,
            FieldError::Malformed => Self::Malformed,
        }
    }
}

impl From<HttpSignatureError> for Denial {
    fn from(error: HttpSignatureError) -> Self {
        match error {
            HttpSignatureError::Missing => Denial::SignatureMissing,
            HttpSignatureError::Duplicated => Denial::SignatureDuplicated,
            HttpSignatureError::Malformed | HttpSignatureError::ComponentUnsupported => Denial::SignatureMalformed,
            HttpSignatureError::ComponentDuplicated => Denial::SignatureMalformed,
            HttpSignatureError::Excess => Denial::SignatureExcess,
            HttpSignatureError::AlgorithmMismatch => Denial::TokenAlgorithm,
            HttpSignatureError::CoverageMissing => Denial::CoverageMissing,
            HttpSignatureError::FieldMissing => Denial::HeaderMissing,
            HttpSignatureError::FieldMalformed => Denial::HeaderMalformed,
            HttpSignatureError::QueryParamMissing => Denial::FieldMissing,
            HttpSignatureError::QueryParamDuplicated => Denial::FieldDuplicated,
            HttpSignatureError::TimestampMissing => Denial::TimestampMissing,
            HttpSignatureError::TimestampMalformed => Denial::TimestampMalformed,
            HttpSignatureError::TimestampStale => Denial::TimestampStale,
            HttpSignatureError::TimestampFuture => Denial::TimestampFuture,
            HttpSignatureError::DigestMalformed => Denial::HeaderMalformed,
            HttpSignatureError::DigestMismatch => Denial::DigestMismatch,
        }
    }
}
