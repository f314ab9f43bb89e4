//! HTTP signatures as they were before RFC 9421 (draft-cavage-http-signatures-08), the way Keygen signs webhooks.
//!
//! `Keygen-Signature: keyid="…", algorithm="ed25519", signature="…", headers="(request-target) host date digest"`
//!
//! The sender chooses what it covers, and a signature over little is as right as one over all. So these four have
//! to be covered: the request's line, the host, the date and the digest of the body. Whoever calls [`begin`] checks
//! the signature, then [`HttpSigned::within`] and, once the body was hashed, [`HttpSigned::check_digest`].
//!
//! Source: <https://keygen.sh/docs/api/signatures/>; keygen-sh/keygen-api, `app/workers/webhook_worker.rb` and
//! `app/controllers/concerns/signature_methods.rb`.

use std::time::Duration;

use super::message_signature::{MessageSignatureError as Error, check_age};
use super::request::is_header_name;
use super::timestamp::UnixTime;
use super::{Occurrence, Request, encoding};

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

/// What the request line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpFacts<'a> {
    /// The method, as sent.
    pub method: &'a [u8],
    /// Path and query, as sent.
    pub target: &'a [u8],
    /// Host and port, as sent.
    pub authority: &'a [u8],
}

/// What a request says that it signed. Not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSigned {
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

/// Takes from the head what the signature covers.
///
/// # Errors
/// [`MessageSignatureError`](super::message_signature::MessageSignatureError).
pub fn begin(request: Request<'_>, facts: HttpFacts<'_>, rule: &HttpSignatureRule) -> Result<HttpSigned, Error> {
    let value = match request.header(&rule.header) {
        Occurrence::Once(value) if value.len() > MAX_HEADER_BYTES => return Err(Error::Excess),
        Occurrence::Once(value) => std::str::from_utf8(value).map_err(|_| Error::Malformed)?,
        Occurrence::Missing => return Err(Error::Missing),
        Occurrence::Repeated => return Err(Error::Duplicated),
    };
    let parameters = Parameters::parse(value).ok_or(Error::Malformed)?;
    if parameters.algorithm != Some(rule.algorithm.as_str()) {
        return Err(Error::AlgorithmMismatch);
    }
    let signature = parameters.signature.ok_or(Error::Malformed)?;
    let signature = encoding::decode_base64(signature.as_bytes()).ok_or(Error::Malformed)?;
    let covered = covered(parameters.headers.ok_or(Error::CoverageMissing)?)?;
    let date = parse_date(once(request, "date")?).ok_or(Error::TimestampMalformed)?;
    let digest = parse_digest(once(request, "digest")?).ok_or(Error::DigestMalformed)?;
    let base = base(&covered, request, facts)?;
    Ok(HttpSigned { base, signature, key_id: parameters.key_id.map(str::to_owned), date, digest })
}

impl HttpSigned {
    /// Whether the request was signed within `max_age` of `now`, in both directions, limits included.
    ///
    /// # Errors
    /// [`Error::TimestampStale`] or [`Error::TimestampFuture`].
    pub fn within(&self, max_age: Duration, now: UnixTime) -> Result<(), Error> {
        check_age(self.date, max_age, now.as_millis().checked_div(1000).unwrap_or_default())
    }

    /// Whether the body is the one that was signed. The digest is no secret.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`].
    pub fn check_digest(&self, sha256: &[u8; 32]) -> Result<(), Error> {
        if self.digest == *sha256 { Ok(()) } else { Err(Error::DigestMismatch) }
    }
}

/// The parameters of a signature header, none of them twice.
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

/// The names of what is covered, in order: single blanks between them, none twice, no required one missing.
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
fn base(covered: &[&str], request: Request<'_>, facts: HttpFacts<'_>) -> Result<Vec<u8>, Error> {
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

/// A covered header. One that stands twice is refused, where the draft would join the values: the sender sends none.
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

/// Seconds since the epoch of a date such as `Tue, 20 Apr 2021 02:07:55 GMT`, the only form that is still sent
/// (RFC 9110, section 5.6.7). Nothing before the epoch, and no leap second.
#[must_use]
pub fn parse_date(value: &[u8]) -> Option<u64> {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [(&str, u64); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let text = std::str::from_utf8(value.trim_ascii()).ok()?;
    let mut words = text.split(' ');
    let weekday = words.next()?.strip_suffix(',')?;
    let day = number(words.next()?, 2)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|(name, _)| *name == month)?;
    let year = number(words.next()?, 4)?;
    let mut clock = words.next()?.split(':');
    let (hour, minute, second) = (number(clock.next()?, 2)?, number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let is_whole = clock.next().is_none() && words.next() == Some("GMT") && words.next().is_none();
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let leap_day = u64::from(month == 1 && is_leap(year));
    let days_in_month = MONTHS.get(month)?.1.checked_add(leap_day)?;
    if !is_whole || year < 1970 || !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }

    let in_years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let in_months: u64 = MONTHS.iter().take(month).map(|(_, days)| days).sum();
    let leap_day_passed = u64::from(month > 1 && is_leap(year));
    let days = in_years.checked_add(in_months)?.checked_add(leap_day_passed)?.checked_add(day)?.checked_sub(1)?;
    let on_weekday = DAYS.get(usize::try_from(days.checked_rem(7)?).ok()?)?;
    let hours = days.checked_mul(24)?.checked_add(hour)?;
    let seconds = hours.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)?;
    (weekday == *on_weekday).then_some(seconds)
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let is_plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}
