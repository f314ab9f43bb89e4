//! How a sender writes bytes as text, read strictly. The only file that names `base64` and `hex`.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Padded, canonical: no stray bits, no white space, nothing missing (RFC 4648, sections 3.2 to 3.5).
const STRICT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(false)
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
/// For secrets that people paste, where nobody attacks: padding may be missing, and bits that do not count be set.
const PASTED: GeneralPurposeConfig =
    STRICT.with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);

const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, STRICT);
const BASE64_PASTED: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PASTED);

/// Without padding, canonical.
const UNPADDED: GeneralPurposeConfig =
    STRICT.with_decode_padding_mode(DecodePaddingMode::RequireNone).with_encode_padding(false);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, UNPADDED);

/// The text form of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal digits, either case.
    Hex,
    /// Hexadecimal digits, lower case only: for senders whose receivers compare text.
    HexLower,
    /// Hexadecimal digits, upper case only.
    HexUpper,
    /// Base64, standard alphabet, padded and canonical.
    Base64,
    /// Base64, URL-safe alphabet, without padding, canonical.
    Base64Url,
    /// [`Base64`](Self::Base64) with its signs percent-encoded.
    PercentBase64,
}

impl Encoding {
    /// Decodes `text`, or `None` if it is not canonical.
    ///
    /// Not constant-time: it reads what the request presents, which is no secret.
    #[must_use]
    pub fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Encoding::HexLower if text.iter().any(u8::is_ascii_uppercase) => None,
            Encoding::HexUpper if text.iter().any(u8::is_ascii_lowercase) => None,
            Encoding::Hex | Encoding::HexLower | Encoding::HexUpper => decode_hex(text),
            Encoding::Base64 => decode_base64(text),
            Encoding::Base64Url => decode_base64_url(text),
            Encoding::PercentBase64 => super::form::decode(text, false).and_then(|text| decode_base64(&text)),
        }
    }

    /// Encodes `bytes` as the sender does: [`decode`](Self::decode) gives them back.
    #[cfg(not(target_family = "wasm"))]
    #[must_use]
    pub fn encode(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Encoding::Hex | Encoding::HexLower => encode_hex(bytes),
            Encoding::HexUpper => encode_hex(bytes).to_ascii_uppercase(),
            Encoding::Base64 => encode_base64(bytes),
            Encoding::Base64Url => encode_base64_url(bytes),
            Encoding::PercentBase64 => {
                super::percent::encode(&encode_base64(bytes), |byte| byte.is_ascii_alphanumeric())
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
#[cfg(not(target_family = "wasm"))]
#[must_use]
pub fn encode_base64_url(bytes: &[u8]) -> Vec<u8> {
    BASE64_URL.encode(bytes).into_bytes()
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

/// Decodes hexadecimal digits of either case.
#[must_use]
pub fn decode_hex(text: &[u8]) -> Option<Vec<u8>> {
    hex::decode(text).ok()
}
