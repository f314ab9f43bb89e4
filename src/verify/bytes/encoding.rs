//! How a sender writes bytes as text, read strictly. The only file that names `base64` and `hex`.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::verify::bytes::percent;

/// Padded, canonical: no stray bits, no white space, nothing missing (RFC 4648, sections 3.2 to 3.5).
const STRICT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(false)
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
/// For secrets that the operator pastes, which are not attacker-controlled: padding may be missing, and trailing bits
/// may be set.
const PASTED: GeneralPurposeConfig =
    STRICT.with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);

const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, STRICT);
const BASE64_PASTED: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PASTED);

/// Without padding, canonical.
const UNPADDED: GeneralPurposeConfig =
    STRICT.with_decode_padding_mode(DecodePaddingMode::RequireNone).with_encode_padding(false);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, UNPADDED);
const BASE64_URL_PADDED: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, STRICT);

/// The text form of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal digits, either case.
    Hex,
    /// Hexadecimal digits, lower case only: for senders whose receivers compare text.
    HexLower,
    /// Hexadecimal digits, upper case only.
    HexUpper,
    /// Base64 of the standard alphabet, padded and canonical.
    Base64,
    /// Base64, URL-safe alphabet, without padding, canonical.
    Base64Url,
    /// [`Base64Url`](Self::Base64Url), or the same with all of its padding, canonical either way: for senders whose
    /// libraries differ.
    Base64UrlPaddingOptional,
    /// [`Base64`](Self::Base64) with `+`, `/` and `=` percent-encoded.
    PercentBase64,
}

impl Encoding {
    /// Encodes `bytes` as the sender does; the inverse of [`decode`](Self::decode).
    #[must_use]
    pub fn encode(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Encoding::Hex | Encoding::HexLower => encode_hex(bytes),
            Encoding::HexUpper => encode_hex(bytes).to_ascii_uppercase(),
            Encoding::Base64 => encode_base64(bytes),
            Encoding::Base64Url => encode_base64_url(bytes),
            Encoding::Base64UrlPaddingOptional => encode_base64_url_padded(bytes),
            Encoding::PercentBase64 => percent::encode(&encode_base64(bytes), |byte| byte.is_ascii_alphanumeric()),
        }
    }

    /// Decodes `text`, or `None` if it is not canonical.
    ///
    /// Not constant-time: it reads what the request presents, which is not a secret.
    #[must_use]
    pub fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Encoding::HexLower if text.iter().any(u8::is_ascii_uppercase) => None,
            Encoding::HexUpper if text.iter().any(u8::is_ascii_lowercase) => None,
            Encoding::Hex | Encoding::HexLower | Encoding::HexUpper => decode_hex(text),
            Encoding::Base64 => decode_base64(text),
            Encoding::Base64Url => decode_base64_url(text),
            Encoding::Base64UrlPaddingOptional if text.ends_with(b"=") => BASE64_URL_PADDED.decode(text).ok(),
            Encoding::Base64UrlPaddingOptional => decode_base64_url(text),
            Encoding::PercentBase64 => {
                crate::verify::bytes::form::decode(text, false).and_then(|text| decode_base64(&text))
            }
        }
    }
}

/// Decodes unpadded, canonical base64 of the URL-safe alphabet (RFC 7515, section 2).
#[must_use]
pub fn decode_base64_url(text: &[u8]) -> Option<Vec<u8>> {
    BASE64_URL.decode(text).ok()
}

/// Encodes as unpadded base64 of the URL-safe alphabet.
#[must_use]
pub fn encode_base64_url(bytes: &[u8]) -> Vec<u8> {
    BASE64_URL.encode(bytes).into_bytes()
}

/// Encodes as padded base64 of the URL-safe alphabet.
#[must_use]
pub fn encode_base64_url_padded(bytes: &[u8]) -> Vec<u8> {
    BASE64_URL_PADDED.encode(bytes).into_bytes()
}

/// Encodes as padded base64 of the standard alphabet.
#[must_use]
pub fn encode_base64(bytes: &[u8]) -> Vec<u8> {
    BASE64.encode(bytes).into_bytes()
}

/// Encodes as lower-case hexadecimal digits.
#[must_use]
pub fn encode_hex(bytes: &[u8]) -> Vec<u8> {
    hex::encode(bytes).into_bytes()
}

/// Decodes padded, canonical base64 of the standard alphabet.
#[must_use]
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// Decodes base64 of the standard alphabet whose padding may have been lost in pasting.
#[must_use]
pub fn decode_pasted_base64(text: &[u8]) -> Option<Vec<u8>> {
    BASE64_PASTED.decode(text).ok()
}

/// Reads a pasted key: hexadecimal digits if it could be, else base64 as [`decode_pasted_base64`] reads it; white space
/// is skipped. No key that is read here can be taken for the other form: base64 of 32 and 65 bytes has an odd number of
/// digits, the second digit of a compressed point is beyond `f`, and DER begins with `M`.
#[must_use]
pub fn decode_pasted_key(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit) {
        decode_hex(&text)
    } else {
        decode_pasted_base64(&text)
    }
}

/// Decodes hexadecimal digits of either case.
#[must_use]
pub fn decode_hex(text: &[u8]) -> Option<Vec<u8>> {
    // Into a buffer of the right size: `hex::decode` grows its own several times.
    let mut bytes = vec![0; text.len().checked_div(2).unwrap_or_default()];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

/// The one word after the name of an authentication scheme and its blanks; `None` if there is more or less.
#[must_use]
pub fn after_auth_scheme<'a>(value: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let is_blank = |byte: &u8| matches!(*byte, b' ' | b'\t');
    let (scheme, rest) = value.split_at_checked(name.len())?;
    let credential = rest.trim_ascii_start();
    let separated = credential.len() < rest.len() && !credential.is_empty() && !credential.iter().any(is_blank);
    (scheme.eq_ignore_ascii_case(name.as_bytes()) && separated).then_some(credential)
}
