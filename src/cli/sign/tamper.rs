//! Requests with exactly one deliberate mistake.

use std::time::Duration;

use hookwarden::verify::Denial;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::scheme::Scheme;

use super::builder::RequestBuilder;
use super::error::Error;
use super::verifier::Verifier;

/// The mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Tamper {
    /// One character of the body is changed after signing
    Body,
    /// One bit of the signature, or one character of the credential, is flipped
    Signature,
    /// The signature is valid, but older than the tolerance
    Timestamp,
    /// It is signed with a different secret of the same form
    Secret,
}

/// How far beyond its window a request lies.
const LATE_BY: Duration = Duration::from_secs(60);
/// How many characters of the body are tried; the sender may sign only a few of them.
const MOST_TRIES: usize = 400;
/// How many characters are tried to see whether some are not signed.
const PROBES: usize = 24;

impl Tamper {
    /// Its name, as it is given.
    pub fn name(self) -> &'static str {
        match self {
            Tamper::Body => "body",
            Tamper::Signature => "signature",
            Tamper::Timestamp => "timestamp",
            Tamper::Secret => "secret",
        }
    }

    /// Whether a check of this scheme can be wrong in this way.
    pub fn fits(self, scheme: &Scheme) -> bool {
        let (covers_content, has_time) = match scheme {
            Scheme::Credential(_) => (false, false),
            Scheme::Jwt(_) => (true, true),
            Scheme::Signature(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => {
                (true, scheme.tolerance().is_some())
            }
        };
        match self {
            Tamper::Body => covers_content,
            Tamper::Timestamp => has_time,
            Tamper::Signature | Tamper::Secret => true,
        }
    }

    /// Whether a denial is the one that this was made for.
    pub fn explains(self, denial: Denial) -> bool {
        match self {
            Tamper::Body => matches!(
                denial,
                Denial::SignatureMismatch | Denial::DigestMismatch | Denial::TokenClaim | Denial::RequireMismatch
            ),
            Tamper::Signature | Tamper::Secret => {
                matches!(denial, Denial::SignatureMismatch | Denial::CredentialMismatch)
            }
            Tamper::Timestamp => matches!(denial, Denial::TimestampStale | Denial::TokenExpired),
        }
    }
}

/// When a request was signed that is too old at `now`.
pub fn too_long_ago(scheme: &Scheme, now: UnixTime) -> UnixTime {
    let age = scheme
        .tolerance()
        .map_or(0, |tolerance| u64::try_from(tolerance.saturating_add(LATE_BY).as_millis()).unwrap_or(u64::MAX));
    UnixTime::from_millis(now.as_millis().saturating_sub(age))
}

/// A request whose body was changed.
pub struct Changed {
    pub builder: RequestBuilder,
    pub denial: Denial,
    /// Whether other changes would have been taken.
    pub is_partly_open: bool,
}

/// The request with one character of its body changed, so that it no longer verifies. The body stays of the same form:
/// a digit becomes another digit, a letter another letter. Of `signatures`, which stand in it, nothing is changed.
pub fn with_other_body(
    builder: &RequestBuilder,
    signatures: &[Vec<u8>],
    verifier: &Verifier,
    now: UnixTime,
) -> Result<Changed, Error> {
    // Refused for its body, refused for something else, or taken.
    let judged = |body: Vec<u8>| {
        let builder = RequestBuilder { body, ..builder.clone() };
        match verifier.verify(&builder, now) {
            Err(denial) if Tamper::Body.explains(denial) => Some(Ok((builder, denial))),
            Err(_) => None,
            Ok(_) => Some(Err(())),
        }
    };
    if builder.body.is_empty()
        && let Some(Ok((builder, denial))) = judged(b"x".to_vec())
    {
        return Ok(Changed { builder, denial, is_partly_open: false });
    }
    let in_signature: Vec<_> = signatures
        .iter()
        .filter(|signature| !signature.is_empty())
        .flat_map(|signature| {
            let found = builder.body.windows(signature.len()).enumerate().filter(|(_, window)| window == signature);
            found.map(|(at, _)| at..at.saturating_add(signature.len())).collect::<Vec<_>>()
        })
        .collect();
    let places: Vec<_> = builder
        .body
        .iter()
        .enumerate()
        .filter(|(at, byte)| byte.is_ascii_alphanumeric() && !in_signature.iter().any(|range| range.contains(at)))
        .map(|(at, _)| at)
        .collect();
    let changed_at = |position: &usize| {
        let mut body = builder.body.clone();
        if let Some(byte) = body.get_mut(*position) {
            *byte = another(*byte);
        }
        judged(body)
    };
    // From the end: what is in front is names more often than values.
    let step = places.len().div_ceil(MOST_TRIES).max(1);
    let found = places.iter().rev().step_by(step).find_map(|position| changed_at(position)?.ok());
    let Some((builder, denial)) = found else {
        return Err(Error::new(
            "the proof does not cover the body: a request with a changed body would still be accepted",
        ));
    };
    let step = places.len().div_ceil(PROBES).max(1);
    let is_partly_open = places.iter().step_by(step).any(|position| matches!(changed_at(position), Some(Err(()))));
    Ok(Changed { builder, denial, is_partly_open })
}

/// A different character of the same kind.
fn another(byte: u8) -> u8 {
    match byte {
        b'0'..=b'8' | b'a'..=b'y' | b'A'..=b'Y' => byte.saturating_add(1),
        b'9' => b'0',
        b'z' => b'a',
        b'Z' => b'A',
        other => other,
    }
}
