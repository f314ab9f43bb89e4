//! What is done to a value.

use crate::verify::bytes::json::{Json, JsonPath};
use crate::verify::bytes::{checksum, encoding, form};
use crate::verify::denial::Denial;
use crate::verify::expression::context::{ExpressionError, Facts, Operand};
use crate::verify::expression::root::{json_text, listed_headers};
use crate::verify::expression::{builtin, content};
use crate::verify::primitives::mac::HashAlgorithm;

/// A transformation of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Lower,
    Upper,
    Trim,
    /// Nothing but letters, digits, `-`, `_` and `.`.
    Word,
    Hash(HashAlgorithm),
    Crc32,
    Hex,
    Base64,
    Base64Url,
    Base64UrlPadded,
    Base64Decode,
    Base64UrlDecode,
    PercentDecode,
    /// The protected header of a JSON Web Signature.
    JoseHeader(B64),
    /// Refuses a value that could be Braintree's challenge.
    BraintreePayload,
    Json(JsonPath),
    Sorted,
    SortedQuery,
    WithoutQuery,
    WithPort,
    WithoutPort,
    HeaderValues,
    HeaderPairs,
    HubspotDecode,
    MediaType,
    DotnetJson,
}

/// Whether `crit` must list `b64` if a header has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum B64 {
    Critical,
    /// PyJWT leaves it out (jpadilla/pyjwt, `jwt/api_jws.py`), against RFC 7797, section 6.
    Uncritical,
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, ExpressionError> {
        if let Some(path) = text.strip_prefix("json:") {
            return JsonPath::parse(path).map(Filter::Json).ok_or(ExpressionError::BadName);
        }
        Ok(match text {
            "lower" => Filter::Lower,
            "upper" => Filter::Upper,
            "trim" => Filter::Trim,
            "word" => Filter::Word,
            "md5" => Filter::Hash(HashAlgorithm::Md5),
            "sha1" => Filter::Hash(HashAlgorithm::Sha1),
            "sha256" => Filter::Hash(HashAlgorithm::Sha256),
            "sha512" => Filter::Hash(HashAlgorithm::Sha512),
            "crc32" => Filter::Crc32,
            "hex" => Filter::Hex,
            "base64" => Filter::Base64,
            "base64url" => Filter::Base64Url,
            "base64url_padded" => Filter::Base64UrlPadded,
            "base64_decode" => Filter::Base64Decode,
            "base64url_decode" => Filter::Base64UrlDecode,
            "percent_decode" => Filter::PercentDecode,
            "jose_header" => Filter::JoseHeader(B64::Critical),
            "jose_header_uncritical" => Filter::JoseHeader(B64::Uncritical),
            "braintree_payload" => Filter::BraintreePayload,
            "sorted" => Filter::Sorted,
            "sorted_query" => Filter::SortedQuery,
            "without_query" => Filter::WithoutQuery,
            "with_port" => Filter::WithPort,
            "without_port" => Filter::WithoutPort,
            "header_values" => Filter::HeaderValues,
            "header_pairs" => Filter::HeaderPairs,
            "hubspot_decode" => Filter::HubspotDecode,
            "media_type" => Filter::MediaType,
            "dotnet_json" => Filter::DotnetJson,
            _ => return Err(ExpressionError::UnknownFilter),
        })
    }

    pub(super) fn apply(&self, value: Operand, facts: &Facts<'_>) -> Result<Operand, Denial> {
        let bytes = match (self, value) {
            (Filter::Sorted, Operand::Fields(fields)) => {
                return Ok(Operand::Bytes(form::sorted_and_concatenated(&fields)));
            }
            (Filter::SortedQuery, Operand::Fields(fields)) => {
                return form::sorted_query(&fields).map(Operand::Bytes).ok_or(Denial::BodyMalformed);
            }
            (_, Operand::Fields(_)) => return Err(Denial::BodyMalformed),
            (_, Operand::Bytes(bytes)) => bytes,
        };
        Ok(Operand::Bytes(match self {
            Filter::Lower => bytes.to_ascii_lowercase(),
            Filter::Upper => bytes.to_ascii_uppercase(),
            Filter::Trim => bytes.trim_ascii().to_vec(),
            Filter::Word if bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)) => bytes,
            Filter::Word => return Err(Denial::FieldMalformed),
            Filter::Hash(algorithm) => algorithm.digest(&bytes),
            Filter::Crc32 => checksum::crc32(&bytes).to_string().into_bytes(),
            Filter::Hex => encoding::encode_hex(&bytes),
            Filter::Base64 => encoding::encode_base64(&bytes),
            Filter::Base64Url => encoding::encode_base64_url(&bytes),
            Filter::Base64UrlPadded => encoding::encode_base64_url_padded(&bytes),
            Filter::Base64Decode => encoding::decode_base64(&bytes).ok_or(Denial::FieldMalformed)?,
            Filter::Base64UrlDecode => encoding::decode_base64_url(&bytes).ok_or(Denial::FieldMalformed)?,
            Filter::JoseHeader(b64) => jose_header(&bytes, *b64).ok_or(Denial::TokenMalformed)?,
            Filter::BraintreePayload if is_braintree_challenge(&bytes) => return Err(Denial::FieldMalformed),
            Filter::BraintreePayload => bytes,
            Filter::PercentDecode => form::decode(&bytes, false).ok_or(Denial::FieldMalformed)?,
            Filter::Json(path) => json_text(&content::parse_json(&bytes)?, path)?,
            Filter::WithoutQuery => bytes.split(|byte| *byte == b'?').next().unwrap_or_default().to_vec(),
            Filter::WithPort => with_port(&bytes),
            Filter::WithoutPort => without_port(&bytes),
            Filter::HeaderValues => listed_headers(&bytes, b' ', facts, |_, value| value.to_vec())?.join(&b'.'),
            Filter::HeaderPairs => {
                listed_headers(&bytes, b',', facts, |name, value| [name, b":", value].concat())?.join(&b';')
            }
            Filter::HubspotDecode => hubspot_decode(&bytes),
            Filter::MediaType => {
                bytes.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase()
            }
            Filter::DotnetJson => builtin::dotnet_json(&bytes).ok_or(Denial::BodyMalformed)?,
            Filter::Sorted | Filter::SortedQuery => return Err(Denial::BodyMalformed),
        }))
    }
}

/// The protected header of a JSON Web Signature (RFC 7515, section 4), decoded: an object without duplicate keys. The one extension
/// that is understood is `b64` (RFC 7797), which must be critical wherever it occurs, unless its sender leaves that out;
/// the scheme checks whether it is `false`, and which `alg` is used.
fn jose_header(text: &[u8], b64: B64) -> Option<Vec<u8>> {
    let header = encoding::decode_base64_url(text)?;
    let json = content::parse_json(&header).ok()?;
    let Json::Object(members) = &json else { return None };
    let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let understood = match (member("crit"), member("b64")) {
        (None, None) => true,
        (None, Some(Json::Bool(_))) => b64 == B64::Uncritical,
        (Some(Json::List(critical)), Some(Json::Bool(_))) => {
            matches!(critical.as_slice(), [Json::Text(only)] if only == "b64")
        }
        _ => false,
    };
    understood.then_some(header)
}

/// Braintree's challenge to a new endpoint is 20 to 32 lower-case hexadecimal digits, and the answer is computed like
/// the signature of an event (braintree/braintree_python, `webhook_notification_gateway.py`). Anybody can make an
/// endpoint sign a challenge, so that signature must not pass for an event's.
fn is_braintree_challenge(payload: &[u8]) -> bool {
    let payload = payload.trim_ascii();
    (20..=32).contains(&payload.len()) && payload.iter().all(u8::is_ascii_hexdigit)
}

/// Resolves the escapes that HubSpot resolves before it signs a URL, and no others.
pub(super) fn hubspot_decode(url: &[u8]) -> Vec<u8> {
    const RESOLVED: &[(&[u8], u8)] = &[
        (b"3A", b':'),
        (b"2F", b'/'),
        (b"3F", b'?'),
        (b"40", b'@'),
        (b"21", b'!'),
        (b"24", b'$'),
        (b"27", b'\''),
        (b"28", b'('),
        (b"29", b')'),
        (b"2A", b'*'),
        (b"2C", b','),
        (b"3B", b';'),
    ];
    let mut resolved = Vec::with_capacity(url.len());
    let mut rest = url;
    while let Some((first, tail)) = rest.split_first() {
        let escape = tail.split_at_checked(2).filter(|_| *first == b'%');
        let found = escape.and_then(|(digits, behind)| {
            let (_, byte) = RESOLVED.iter().find(|(code, _)| digits.eq_ignore_ascii_case(code))?;
            Some((*byte, behind))
        });
        let (byte, behind) = found.unwrap_or((*first, tail));
        resolved.push(byte);
        rest = behind;
    }
    resolved
}

/// The scheme and authority of a URL, and the rest.
pub(super) fn split_url(url: &[u8]) -> Option<(&[u8], &[u8])> {
    let scheme = url.windows(3).position(|window| window == b"://")?.checked_add(3)?;
    let path =
        url.iter().skip(scheme).position(|byte| matches!(*byte, b'/' | b'?')).map(|at| at.saturating_add(scheme));
    url.split_at_checked(path.unwrap_or(url.len()))
}

pub(super) fn has_port(origin: &[u8]) -> bool {
    let host = origin.rsplit(|byte| matches!(*byte, b'/' | b'@')).next().unwrap_or_default();
    host.rsplit(|byte| *byte == b']').next().unwrap_or_default().contains(&b':')
}

/// A URL with the standard port of its scheme, if it has none.
pub(super) fn with_port(url: &[u8]) -> Vec<u8> {
    match split_url(url) {
        Some((origin, rest)) if !has_port(origin) => {
            let port: &[u8] = if origin.starts_with(b"https:") { b":443" } else { b":80" };
            [origin, port, rest].concat()
        }
        _ => url.to_vec(),
    }
}

/// A URL without its port.
pub(super) fn without_port(url: &[u8]) -> Vec<u8> {
    match split_url(url) {
        Some((origin, rest)) if has_port(origin) => {
            let end = origin.iter().rposition(|byte| *byte == b':').unwrap_or(origin.len());
            [origin.get(..end).unwrap_or(origin), rest].concat()
        }
        _ => url.to_vec(),
    }
}
