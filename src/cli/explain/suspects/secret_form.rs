//! Every way in which the text of a secret is pasted wrongly.

use hookwarden::verify::bytes::{encoding, form, percent};
use hookwarden::verify::key::key_form::KeyEncoding;
use hookwarden::verify::primitives::mac::HashAlgorithm;
use hookwarden::verify::scheme::Scheme;

use super::{Mistake, charset, letters};

/// What may have become of the text of a secret on its way into a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    AsConfigured,
    Text,
    WithoutPrefix,
    WithoutPrefixBase64,
    WithoutPrefixHex,
    WithWhsec,
    Base64,
    Base64Url,
    /// Decoded from base64 twice.
    Base64Twice,
    Hex,
    /// With these around it, which no eye sees.
    Around(&'static str, &'static str),
    Trimmed,
    Unquoted,
    Quoted,
    Lower,
    Upper,
    Base64Of,
    /// The base64 of the text and a line feed: `echo` without `-n`.
    Base64OfLine,
    /// The base64 of the text, and a line feed behind it.
    Base64Line,
    /// The base64 of the text with what is behind it, in lines of 76 characters, as `base64` writes them.
    Base64Lines(&'static str),
    HexOf,
    PercentDecoded,
    PercentEncoded,
    PlusDecoded,
    HtmlEscaped,
    HtmlNumbers,
    HtmlUnescaped,
    Latin1,
    Decomposed,
    Composed,
    OfUrl,
    Dollars,
    Escapes,
    Sha256,
    Sha256Hex,
    Md5Hex,
    Password,
    Swapped,
    AsBearer,
}

/// How many characters `base64` writes in a line (RFC 2045, section 6.8).
const LINE: usize = 76;

impl Form {
    /// Every form beside the configured one, the likeliest first.
    pub const OTHERS: &'static [Form] = &[
        Form::Around("", "\n"),
        Form::Around("", "\r\n"),
        Form::Around("", " "),
        Form::Around(" ", ""),
        Form::Around(" ", " "),
        Form::Around("", "\t"),
        Form::Around("\t", ""),
        Form::Around("\n", ""),
        Form::Around("", "\u{a0}"),
        Form::Around("\u{a0}", ""),
        Form::Around("\u{feff}", ""),
        Form::Around("", "\u{feff}"),
        Form::Around("\u{200e}", ""),
        Form::Around("\u{202a}", ""),
        Form::Around("", "\u{200b}"),
        Form::Around("\u{200b}", ""),
        Form::Trimmed,
        Form::Text,
        Form::WithoutPrefix,
        Form::WithoutPrefixBase64,
        Form::WithoutPrefixHex,
        Form::WithWhsec,
        Form::Base64,
        Form::Base64Url,
        Form::Base64Twice,
        Form::Hex,
        Form::Unquoted,
        Form::Quoted,
        Form::Lower,
        Form::Upper,
        Form::Base64Of,
        Form::Base64OfLine,
        Form::Base64Line,
        Form::Base64Lines(""),
        Form::Base64Lines("\n"),
        Form::HexOf,
        Form::PercentDecoded,
        Form::PercentEncoded,
        Form::PlusDecoded,
        Form::HtmlEscaped,
        Form::HtmlNumbers,
        Form::HtmlUnescaped,
        Form::Latin1,
        Form::Decomposed,
        Form::Composed,
        Form::OfUrl,
        Form::Dollars,
        Form::Escapes,
        Form::Sha256,
        Form::Sha256Hex,
        Form::Md5Hex,
        Form::Password,
        Form::Swapped,
        Form::AsBearer,
    ];
    /// Those that are tried of other sources' secrets.
    pub const OF_OTHERS: &'static [Form] =
        &[Form::Text, Form::WithoutPrefix, Form::WithoutPrefixBase64, Form::Base64, Form::Hex];

    /// The bytes of the key; `None` if the form cannot be, or is the text itself.
    pub fn bytes(self, text: &str, scheme: &Scheme) -> Option<Vec<u8>> {
        let bare = || without_prefix(text, scheme);
        let changed = |other: String| (other != text).then(|| other.into_bytes());
        match self {
            Form::AsConfigured => None,
            Form::Text => Some(text.as_bytes().to_vec()),
            Form::WithoutPrefix => bare().map(|text| text.as_bytes().to_vec()),
            Form::WithoutPrefixBase64 => bare().and_then(base64),
            Form::WithoutPrefixHex => bare().and_then(|text| encoding::decode_hex(text.as_bytes())),
            Form::WithWhsec => (!text.contains('_')).then(|| format!("whsec_{text}").into_bytes()),
            Form::Base64 => base64(text),
            Form::Base64Url => encoding::decode_base64_url(text.trim_end_matches('=').as_bytes()),
            Form::Base64Twice => twice(bare().unwrap_or(text)),
            Form::Hex => encoding::decode_hex(text.as_bytes()),
            Form::Around(before, after) => Some([before, text, after].concat().into_bytes()),
            Form::Trimmed => changed(text.trim_matches(is_invisible).to_owned()),
            Form::Unquoted => changed(text.trim_matches(['"', '\'', '`']).to_owned()),
            Form::Quoted => Some(format!("\"{text}\"").into_bytes()),
            Form::Lower => changed(text.to_lowercase()),
            Form::Upper => changed(text.to_uppercase()),
            Form::Base64Of => Some(encoding::encode_base64(text.as_bytes())),
            Form::Base64OfLine => Some(encoding::encode_base64([text, "\n"].concat().as_bytes())),
            Form::Base64Line => Some([encoding::encode_base64(text.as_bytes()).as_slice(), b"\n"].concat()),
            Form::Base64Lines(end) => {
                let encoded = encoding::encode_base64([text, end].concat().as_bytes());
                (encoded.len() > LINE).then(|| encoded.chunks(LINE).collect::<Vec<_>>().join(&b'\n'))
            }
            Form::HexOf => Some(encoding::encode_hex(text.as_bytes())),
            Form::PlusDecoded => changed(text.replace('+', " ")),
            Form::HtmlEscaped => changed(letters::html_escaped(text, false)),
            Form::HtmlNumbers => changed(letters::html_escaped(text, true)),
            Form::HtmlUnescaped => changed(letters::html_unescaped(text)),
            Form::Latin1 => charset::single_bytes(text).filter(|bytes| bytes != text.as_bytes()),
            Form::Decomposed => changed(letters::decomposed(text)),
            Form::Composed => changed(letters::composed(text)),
            Form::OfUrl => letters::user_of_url(text),
            Form::PercentDecoded => form::decode(text.as_bytes(), false).filter(|bytes| bytes != text.as_bytes()),
            Form::PercentEncoded => {
                let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
                Some(percent::encode(text.as_bytes(), keep)).filter(|bytes| bytes != text.as_bytes())
            }
            Form::Dollars => changed(text.replace("$$", "$")),
            Form::Escapes => changed(text.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\")),
            Form::Sha256 => Some(HashAlgorithm::Sha256.digest(text.as_bytes())),
            Form::Sha256Hex => Some(encoding::encode_hex(&HashAlgorithm::Sha256.digest(text.as_bytes()))),
            Form::Md5Hex => Some(encoding::encode_hex(&HashAlgorithm::Md5.digest(text.as_bytes()))),
            Form::Password => text.split_once(':').map(|(_, password)| password.as_bytes().to_vec()),
            Form::Swapped => text.split_once(':').map(|(user, password)| format!("{password}:{user}").into_bytes()),
            Form::AsBearer => Some(format!("Bearer {text}").into_bytes()),
        }
        .filter(|bytes| !bytes.is_empty())
    }

    /// What went wrong where this form is the right one.
    pub fn mistake(self, scheme: &Scheme) -> Option<Mistake> {
        let key_form = scheme.key_form();
        let decodes = |encoding| key_form.is_some_and(|form| form.encoding == encoding);
        let strips = key_form.is_some_and(|form| !form.optional_prefix.is_empty());
        let (code, sentence, advice) = match self {
            Form::AsConfigured => return None,
            Form::Text if decodes(KeyEncoding::Base64) => (
                "secret_base64_not_decoded",
                "The sender uses the secret as text; the scheme decodes it as base64 first.",
                "Look at how the secret is shown and used at the sender; a scheme of your own can set \"key\": {\"encoding\": \"text\"}.",
            ),
            Form::Text if decodes(KeyEncoding::Hex) => (
                "secret_hex_not_decoded",
                "The sender takes the text of the secret for the key; the scheme decodes it as hexadecimal first.",
                "Look at how the secret is shown and used at the sender; a scheme of your own can set \"key\": {\"encoding\": \"text\"}.",
            ),
            Form::Text if strips => (
                "secret_prefix_kept",
                "The sender signs with the whole secret, its prefix included; the scheme takes the prefix off.",
                "Look at how the sender uses the secret; a scheme of your own can leave out \"optional_prefix\".",
            ),
            Form::Text => (
                "secret_text",
                "The sender takes the text of the secret for the key; the scheme makes another key of it.",
                "Look at \"key\" of the scheme.",
            ),
            Form::WithoutPrefix => (
                "secret_prefix_stripped",
                "The sender signs with the secret without the prefix that precedes its \"_\"; the scheme signs with \
                 all of it.",
                "Configure the secret without its prefix, or the provider whose scheme takes it off.",
            ),
            Form::WithoutPrefixBase64 => (
                "secret_base64_decoded",
                "The sender removes the secret's prefix, decodes the rest as base64, and signs with the bytes; the \
                 scheme uses it as text.",
                "The sender signs as Standard Webhooks do: try a provider such as \"standard-webhooks\" or \"svix\", or \
                 say \"key\": {\"encoding\": \"base64\", \"optional_prefix\": \"whsec_\"} in a scheme of your own.",
            ),
            Form::WithoutPrefixHex => (
                "secret_hex_decoded",
                "The sender takes the secret without its prefix and decodes it as hexadecimal; the scheme uses it as text.",
                "Say \"key\": {\"encoding\": \"hex\"} in a scheme of your own.",
            ),
            Form::WithWhsec => (
                "secret_prefix_missing",
                "The secret lacks its prefix \"whsec_\", which the sender signs with.",
                "Paste the secret as the sender shows it, with \"whsec_\".",
            ),
            Form::Base64 | Form::Base64Url => (
                "secret_base64_decoded",
                "The sender decodes the secret as base64 and signs with the bytes; the scheme uses it as text. Or the \
                 secret was pasted in the base64 of a Kubernetes Secret.",
                "If the value comes from a Kubernetes manifest, decode it once. Otherwise set \"key\": {\"encoding\": \"base64\"} \
                 in a scheme of your own.",
            ),
            Form::Base64Twice => (
                "secret_base64_encoded",
                "The configured secret is in base64 twice: what the sender shows was encoded once more.",
                "Decode the value once. In a Kubernetes Secret \"data\" holds base64 and \"stringData\" the text; a secret that is \
                 encoded already goes into \"data\" encoded again only once.",
            ),
            Form::Hex => (
                "secret_hex_decoded",
                "The sender decodes the secret as hexadecimal and signs with the bytes; the scheme uses it as text.",
                "Say \"key\": {\"encoding\": \"hex\"} in a scheme of your own.",
            ),
            Form::Around("", "\n" | "\r\n") => (
                "secret_trailing_newline",
                "The sender's copy of the secret ends with a line break: it was pasted or piped with one (echo without -n).",
                "Set the secret again at the sender, without the line break (printf %s, echo -n).",
            ),
            Form::Around(before, after) => {
                let sentence = format!("The sender's copy of the secret {}.", around(before, after));
                let advice = "Set the secret again at the sender, without white space.";
                return Some(Mistake::new("secret_whitespace", sentence, advice));
            }
            Form::Trimmed => (
                "secret_whitespace",
                "The configured secret has white space around it that the sender's does not have.",
                "Paste the secret again without.",
            ),
            Form::Unquoted => (
                "secret_quoted",
                "The configured secret has quotes around it that are not part of it.",
                "Take the quotes out of the value: docker's --env-file and many tools keep them.",
            ),
            Form::Quoted => (
                "secret_quoted",
                "The sender's copy of the secret has quotes around it.",
                "Set the secret again at the sender, without quotes.",
            ),
            Form::Lower | Form::Upper => (
                "secret_case",
                "The secret is right but for the case of its letters.",
                "Paste the secret as the sender shows it.",
            ),
            Form::Base64Of => (
                "secret_base64_encoded",
                "The sender signs with the base64 of the configured secret.",
                "Configure the secret in encoded form, as the sender uses it.",
            ),
            Form::Base64OfLine => (
                "secret_base64_encoded",
                "The sender signs with the base64 of the configured secret and a line feed: it was encoded with echo \
                 secret | base64, which encodes the line feed, too.",
                "Set the secret again at the sender, encoded without the line feed (printf %s secret | base64), or as text.",
            ),
            Form::Base64Line | Form::Base64Lines(_) => (
                "secret_base64_encoded",
                "The sender signs with the base64 of the configured secret, with line feeds in it or behind it.",
                "Set the secret again at the sender, as text, or encoded in one line (base64 -w0) without a line feed.",
            ),
            Form::HexOf => (
                "secret_hex_encoded",
                "The sender signs with the hexadecimal digits of the configured secret.",
                "Configure the secret in encoded form, as the sender uses it.",
            ),
            Form::PercentDecoded => (
                "secret_percent_encoded",
                "The configured secret is percent-encoded (as in a URL); the sender's is not.",
                "Decode the escapes (%2F and such) in the configured secret.",
            ),
            Form::PercentEncoded => (
                "secret_percent_encoded",
                "The sender uses the secret percent-encoded, as it is in the URL that it calls.",
                "Choose a secret of letters and digits, which needs no escapes.",
            ),
            Form::PlusDecoded => (
                "secret_percent_encoded",
                "The configured secret has \"+\" where a blank arrives: the sender writes it into the URL as it is, and a \
                 \"+\" of a query stands for a blank.",
                "Have the sender write %2B for \"+\", or choose a secret of letters and digits.",
            ),
            Form::HtmlEscaped | Form::HtmlNumbers => (
                "secret_html_escaped",
                "The sender uses the secret with HTML entities in it (&amp; or &#38; for &): its form or database escaped it.",
                "Choose a secret of letters and digits: nothing of it is escaped.",
            ),
            Form::HtmlUnescaped => (
                "secret_html_escaped",
                "The configured secret has HTML entities in it (such as &amp;) that the sender's does not have: it was \
                 copied out of a page's source.",
                "Write the characters themselves (& for &amp;).",
            ),
            Form::Latin1 => (
                "secret_charset",
                "The sender writes the secret in Latin-1, and the configuration in UTF-8: letters beyond ASCII are other \
                 bytes (Python's requests and many others do so for users and passwords).",
                "Choose a secret of ASCII letters and digits, which is the same in every character set.",
            ),
            Form::Decomposed | Form::Composed => (
                "secret_charset",
                "The sender's letters with accents are in the other form of Unicode: as one character, or as a letter \
                 and a mark (macOS writes the latter).",
                "Choose a secret of ASCII letters and digits, which is the same everywhere.",
            ),
            Form::OfUrl => (
                "secret_of_url",
                "The configured secret is a URL, and the sender uses the user and password in it.",
                "Configure user:password, as they are before the @ of the URL, with their escapes (%40 and such) decoded.",
            ),
            Form::Dollars => (
                "secret_dollar_doubled",
                "The configured secret has \"$$\" where the sender's has \"$\".",
                "Doubling is for docker compose files only; write one \"$\" here.",
            ),
            Form::Escapes => (
                "secret_escapes",
                "The configured secret has backslash escapes in it that stand for other characters at the sender.",
                "Write the characters themselves.",
            ),
            Form::Sha256 | Form::Sha256Hex | Form::Md5Hex => (
                "secret_hashed",
                "The sender signs with a hash of the configured secret.",
                "Configure what the sender signs with; \"key\": {\"encoding\": \"sha256\"} is for raw SHA-256.",
            ),
            Form::Password => (
                "secret_password_only",
                "The sender uses only what follows the colon of the configured secret.",
                "Configure what the sender sends.",
            ),
            Form::Swapped => (
                "secret_swapped",
                "User and password are the other way around in the configuration.",
                "Write the secret as user:password.",
            ),
            Form::AsBearer => (
                "secret_with_scheme",
                "The sender writes the authentication scheme in front of the secret and the configuration does not.",
                "Use the provider \"bearer\".",
            ),
        };
        Some(Mistake::new(code, sentence, advice))
    }
}

/// What is around the text of a secret, for people.
fn around(before: &str, after: &str) -> String {
    let name = |text: &str| match text {
        " " => "a blank",
        "\t" => "a tab",
        "\n" => "a line feed",
        "\u{a0}" => "a no-break space (U+00A0)",
        "\u{feff}" => "a byte order mark (U+FEFF)",
        "\u{200b}" => "a zero-width space (U+200B)",
        _ => "an invisible character",
    };
    match (before, after) {
        ("", after) => format!("ends in {}", name(after)),
        (before, "") => format!("begins with {}", name(before)),
        (before, _) => format!("has {} on both sides", name(before)),
    }
}

/// Whether nobody sees a character at the end of a text.
fn is_invisible(char: char) -> bool {
    char.is_whitespace() || char.is_control() || matches!(char, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}')
}

/// The text without the scheme's prefix, or without a word and `_` in front, as in `whsec_…`.
fn without_prefix<'a>(text: &'a str, scheme: &Scheme) -> Option<&'a str> {
    // As Supabase shows it.
    let text = text.strip_prefix("v1,").unwrap_or(text);
    let own = scheme.key_form().map(|form| form.optional_prefix.as_str()).filter(|prefix| !prefix.is_empty());
    own.and_then(|prefix| text.strip_prefix(prefix)).or_else(|| {
        let (prefix, rest) = text.split_once('_')?;
        let is_word = (1..=10).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_word && !rest.is_empty()).then_some(rest)
    })
}

fn twice(text: &str) -> Option<Vec<u8>> {
    encoding::decode_pasted_base64(base64(text)?.trim_ascii())
}

fn base64(text: &str) -> Option<Vec<u8>> {
    encoding::decode_pasted_base64(text.as_bytes())
}
