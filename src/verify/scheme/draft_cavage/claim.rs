//! HTTP signatures as they were before RFC 9421 (draft-cavage-http-signatures-08), the way Keygen signs webhooks.
//!
//! `Keygen-Signature: keyid="…", algorithm="ed25519", signature="…", headers="(request-target) host date digest"`
//!
//! In `Authorization`, the parameters follow the word `Signature`: the draft's first form.
//!
//! The sender chooses what to cover, and a signature over little is as valid as one over everything. So four parts are
//! required: the request's line, the host, the date and the digest of the body. The caller of [`begin`] verifies the
//! signature, then checks [`ClaimedHttpSignature::within`] and, once the body was hashed,
//! [`ClaimedHttpSignature::check_digest`].
//!
//! Source: <https://keygen.sh/docs/api/signatures/>; keygen-sh/keygen-api, `app/workers/webhook_worker.rb` and
//! `app/controllers/concerns/signature_methods.rb`.

use std::time::Duration;

use crate::verify::bytes::encoding;
use crate::verify::primitives::timestamp::{UnixTime, parse_http_date};
use crate::verify::request::{Occurrence, Request, is_header_name};
use crate::verify::scheme::http::{HttpSignatureError as Error, check_age};

/// What a signature has to cover. It may cover more headers.
const REQUIRED: [&str; 4] = ["(request-target)", "host", "date", "digest"];
/// The longest signature header that is read, in bytes, as with other proof headers. Keygen's longest takes 520: an
/// RSA signature of 2048 bits.
const MAX_HEADER_BYTES: usize = 8 * 1024;
/// The most parts that a signature may cover. Keygen covers four.
const MAX_PARTS: usize = 16;

/// What the operator wants of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSignatureRule {
    /// The header that the signature is in.
    pub header: String,
    /// The sender's name of the algorithm, which the signature has to give.
    pub algorithm: String,
}

/// The request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// The method, as sent.
    pub method: &'a [u8],
    /// Path and query, as sent.
    pub target: &'a [u8],
    /// Host and port, as sent.
    pub authority: &'a [u8],
}

/// What a request says that it signed. Not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedHttpSignature {
    /// The bytes that are signed.
    pub base: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The sender's name of the key.
    pub key_id: Option<String>,
    /// When it was signed, in seconds since the epoch.
    date: u64,
    /// The SHA-256 of the body.
    digest: [u8; 32],
}

/// Reads from the head what the signature covers.
///
/// # Errors
/// [`HttpSignatureError`](Error).
pub fn begin(
    request: Request<'_>,
    facts: RequestLine<'_>,
    rule: &HttpSignatureRule,
) -> Result<ClaimedHttpSignature, Error> {
    let value = match request.header(&rule.header) {
        Occurrence::Once(value) if value.len() > MAX_HEADER_BYTES => return Err(Error::Excess),
        Occurrence::Once(value) => std::str::from_utf8(value).map_err(|_| Error::Malformed)?,
        Occurrence::Missing => return Err(Error::Missing),
        Occurrence::Repeated => return Err(Error::Duplicated),
    };
    let parameters = credentials(&rule.header, value).and_then(Parameters::parse).ok_or(Error::Malformed)?;
    if parameters.algorithm != Some(rule.algorithm.as_str()) {
        return Err(Error::AlgorithmMismatch);
    }
    let signature = parameters.signature.ok_or(Error::Malformed)?;
    let signature = encoding::decode_base64(signature.as_bytes()).ok_or(Error::Malformed)?;
    let covered = covered(parameters.headers.ok_or(Error::CoverageMissing)?)?;
    let date = parse_http_date(once(request, "date")?.trim_ascii()).ok_or(Error::TimestampMalformed)?;
    let digest = parse_digest(once(request, "digest")?).ok_or(Error::DigestMalformed)?;
    let base = base(&covered, request, facts)?;
    Ok(ClaimedHttpSignature { base, signature, key_id: parameters.key_id.map(str::to_owned), date, digest })
}

impl ClaimedHttpSignature {
    /// Whether the request was signed within `max_age` of `now`, in both directions, limits included.
    ///
    /// # Errors
    /// [`Error::TimestampStale`] or [`Error::TimestampFuture`].
    pub fn within(&self, max_age: Duration, now: UnixTime) -> Result<(), Error> {
        check_age(self.date, max_age, now.as_millis().checked_div(1000).unwrap_or_default())
    }

    /// Whether the body is the one that was signed. The digest is not a secret.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`].
    pub fn check_digest(&self, sha256: &[u8; 32]) -> Result<(), Error> {
        if self.digest == *sha256 { Ok(()) } else { Err(Error::DigestMismatch) }
    }
}

/// What follows the authentication scheme, in any case, if the header is `Authorization`
/// (draft-cavage-http-signatures-08, section 3.1); the value itself elsewhere.
fn credentials<'a>(header: &str, value: &'a str) -> Option<&'a str> {
    if !header.eq_ignore_ascii_case("authorization") {
        return Some(value);
    }
    let (scheme, rest) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("signature").then_some(rest)
}

/// The parameters of a signature header, without duplicates.
#[derive(Default)]
struct Parameters<'a> {
    key_id: Option<&'a str>,
    algorithm: Option<&'a str>,
    headers: Option<&'a str>,
    signature: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    /// `name="value"`, with commas between them. A value has no quote and no backslash in it. `created` and
    /// `expires`, which newer drafts have and Keygen does not send, are refused with every other name.
    fn parse(value: &'a str) -> Option<Self> {
        let mut parameters = Self::default();
        let mut rest = value;
        loop {
            let (name, text) = rest.trim_ascii_start().split_once("=\"")?;
            let (value, behind) = text.split_once('"')?;
            let place = match name.to_ascii_lowercase().as_str() {
                "keyid" => &mut parameters.key_id,
                "algorithm" => &mut parameters.algorithm,
                "headers" => &mut parameters.headers,
                "signature" => &mut parameters.signature,
                _ => return None,
            };
            if value.contains('\\') || place.replace(value).is_some() {
                return None;
            }
            let behind = behind.trim_ascii_start();
            if behind.is_empty() {
                return Some(parameters);
            }
            rest = behind.strip_prefix(',')?;
        }
    }
}

/// The names of what is covered, in order: single blanks between them, no duplicate, no required one missing.
fn covered(headers: &str) -> Result<Vec<&str>, Error> {
    let mut covered = Vec::new();
    for name in headers.split(' ') {
        let is_known = name == "(request-target)" || is_header_name(name);
        if !is_known || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Error::ComponentUnsupported);
        }
        if covered.contains(&name) {
            return Err(Error::ComponentDuplicated);
        }
        if covered.len() >= MAX_PARTS {
            return Err(Error::Excess);
        }
        covered.push(name);
    }
    if REQUIRED.iter().all(|name| covered.contains(name)) { Ok(covered) } else { Err(Error::CoverageMissing) }
}

/// A line for each covered part, with a line feed between them (draft-cavage-http-signatures-08, section 2.3).
fn base(covered: &[&str], request: Request<'_>, facts: RequestLine<'_>) -> Result<Vec<u8>, Error> {
    let mut lines = Vec::with_capacity(covered.len());
    for name in covered {
        let value = match *name {
            "(request-target)" => [facts.method.to_ascii_lowercase().as_slice(), b" ", facts.target].concat(),
            "host" => without_port(facts.authority).to_vec(),
            name => once(request, name)?.trim_ascii().to_vec(),
        };
        if value.iter().any(u8::is_ascii_control) {
            return Err(Error::FieldMalformed);
        }
        lines.push([name.as_bytes(), b": ", &value].concat());
    }
    Ok(lines.join(&b'\n'))
}

/// A covered header. A repeated one is refused, although the draft joins the values: the sender never repeats one.
fn once<'a>(request: Request<'a>, name: &str) -> Result<&'a [u8], Error> {
    match request.header(name) {
        Occurrence::Once(value) => Ok(value),
        Occurrence::Missing => Err(Error::FieldMissing),
        Occurrence::Repeated => Err(Error::FieldMalformed),
    }
}

/// Keygen signs the host of the URL and leaves out its port.
fn without_port(authority: &[u8]) -> &[u8] {
    let Some(colon) = authority.iter().rposition(|byte| *byte == b':') else { return authority };
    match authority.split_at_checked(colon) {
        Some((host, [_, port @ ..])) if port.iter().all(u8::is_ascii_digit) => host,
        _ => authority,
    }
}

/// One SHA-256 (RFC 3230, section 4.3.2), its name in any case.
fn parse_digest(value: &[u8]) -> Option<[u8; 32]> {
    let (name, digest) = value.trim_ascii().split_at_checked(b"sha-256=".len())?;
    let digest = encoding::decode_base64(digest).filter(|_| name.eq_ignore_ascii_case(b"sha-256="))?;
    digest.try_into().ok()
}
