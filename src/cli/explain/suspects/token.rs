//! Words of the head that could be a signature.

use hookwarden::verify::bytes::encoding::{self, Encoding};

use super::Search;
use super::header::is_pseudo;

/// The most candidates that are looked at.
const MOST: usize = 24;
/// The longest that a code is written, in bytes: 64 bytes in hexadecimal digits, and some for what pads them.
const LONGEST: usize = 144;
/// Headers that hold long random words and never a proof.
const NO_PROOF: &[&str] = &["cookie", "traceparent", "x-request-id", "x-amzn-trace-id", "if-none-match", "etag"];

/// Bytes that could be a signature, and how they stand in the request.
#[derive(Clone, Debug)]
pub struct Token {
    pub header: String,
    pub prefix: String,
    pub spelling: Spelling,
    pub bytes: Vec<u8>,
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Hex,
    HexUpper,
    Base64,
    Base64Unpadded,
    Base64Url,
    Base64UrlPadded,
}

impl Spelling {
    /// What it is, for people.
    pub fn words(self) -> &'static str {
        match self {
            Spelling::Hex => "hexadecimal digits",
            Spelling::HexUpper => "hexadecimal digits in upper case",
            Spelling::Base64 => "base64",
            Spelling::Base64Unpadded => "base64 without its padding",
            Spelling::Base64Url => "base64url",
            Spelling::Base64UrlPadded => "base64url with padding",
        }
    }

    /// Whether a scheme reads it so.
    pub fn is_read_by(self, encoding: Encoding) -> bool {
        match encoding {
            Encoding::Hex => matches!(self, Spelling::Hex | Spelling::HexUpper),
            Encoding::HexLower => self == Spelling::Hex,
            Encoding::HexUpper => self == Spelling::HexUpper,
            Encoding::Base64 | Encoding::PercentBase64 => self == Spelling::Base64,
            Encoding::Base64Url => self == Spelling::Base64Url,
            Encoding::Base64UrlPaddingOptional => matches!(self, Spelling::Base64Url | Spelling::Base64UrlPadded),
        }
    }

    /// The encoding of the scheme language that reads it.
    pub fn encoding(self) -> Encoding {
        match self {
            Spelling::Hex | Spelling::HexUpper => Encoding::Hex,
            Spelling::Base64 | Spelling::Base64Unpadded => Encoding::Base64,
            Spelling::Base64Url => Encoding::Base64Url,
            Spelling::Base64UrlPadded => Encoding::Base64UrlPaddingOptional,
        }
    }
}

/// Everything in the headers that could be a signature.
pub fn tokens(search: &Search<'_>) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let needed = &search.scene.needed;
    let mut lines: Vec<_> = search
        .scene
        .head
        .iter()
        .filter(|(name, _)| !is_pseudo(name) && !NO_PROOF.contains(&name.to_ascii_lowercase().as_str()))
        .collect();
    lines.sort_by_key(|(name, _)| !needed.contains(&name.to_ascii_lowercase()));
    for (name, value) in lines {
        let Ok(text) = std::str::from_utf8(value) else { continue };
        for entry in text.split([',', ';', ' ', '\t', '|']) {
            let entry = entry.trim_matches(['"', '\'', '<', '>']);
            let starts = entry.match_indices(['=', ':']).map(|(at, _)| at.saturating_add(1));
            for start in std::iter::once(0).chain(starts) {
                let (prefix, rest) = entry.split_at_checked(start).unwrap_or_default();
                let rest = rest.trim_matches('"');
                if rest.len() > LONGEST || tokens.len() >= MOST {
                    continue;
                }
                if let Some((spelling, bytes)) = decoded(rest) {
                    tokens.push(Token { header: name.clone(), prefix: prefix.to_owned(), spelling, bytes });
                }
            }
        }
        if tokens.len() >= MOST {
            break;
        }
    }
    tokens.truncate(MOST);
    tokens
}

/// The bytes of a word, if they have the length of a code.
fn decoded(text: &str) -> Option<(Spelling, Vec<u8>)> {
    let fits = |bytes: &Vec<u8>| matches!(bytes.len(), 16 | 20 | 32 | 48 | 64);
    if let Some(bytes) = encoding::decode_hex(text.as_bytes()).filter(fits) {
        let is_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        return Some((if is_upper { Spelling::HexUpper } else { Spelling::Hex }, bytes));
    }
    let bare = text.trim_end_matches('=');
    let is_url = bare.contains(['-', '_']);
    let is_padded = bare.len() < text.len();
    let (spelling, bytes) = if is_url {
        let spelling = if is_padded { Spelling::Base64UrlPadded } else { Spelling::Base64Url };
        (spelling, encoding::decode_base64_url(bare.as_bytes())?)
    } else {
        let needs_padding = !bare.len().is_multiple_of(4);
        let spelling = if needs_padding && !is_padded { Spelling::Base64Unpadded } else { Spelling::Base64 };
        (spelling, encoding::decode_pasted_base64(text.as_bytes())?)
    };
    fits(&bytes).then_some((spelling, bytes))
}
