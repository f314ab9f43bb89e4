//! Every way in which the text of a secret is pasted wrongly.

use hookwarden::verify::bytes::{encoding, form, percent};
use hookwarden::verify::key::key_form::KeyEncoding;
use hookwarden::verify::primitives::mac::HashAlgorithm;
use hookwarden::verify::scheme::Scheme;

use super::Mistake;

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
    Hex,
    Lf,
    CrLf,
    Blank,
    Trimmed,
    Unquoted,
    Quoted,
    Lower,
    Upper,
    Base64Of,
    HexOf,
    PercentDecoded,
    PercentEncoded,
    Dollars,
    Escapes,
    Sha256,
    Sha256Hex,
    Md5Hex,
    Password,
    Swapped,
    AsBearer,
}

impl Form {
    /// Every form beside the configured one, the likeliest first.
    pub const OTHERS: &'static [Form] = &[
        Form::Lf,
        Form::CrLf,
        Form::Blank,
        Form::Trimmed,
        Form::Text,
        Form::WithoutPrefix,
        Form::WithoutPrefixBase64,
        Form::WithoutPrefixHex,
        Form::WithWhsec,
        Form::Base64,
        Form::Base64Url,
        Form::Hex,
        Form::Unquoted,
        Form::Quoted,
        Form::Lower,
        Form::Upper,
        Form::Base64Of,
        Form::HexOf,
        Form::PercentDecoded,
        Form::PercentEncoded,
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
        let glued = |end: &str| Some([text, end].concat().into_bytes());
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
            Form::Hex => encoding::decode_hex(text.as_bytes()),
            Form::Lf => glued("\n"),
            Form::CrLf => glued("\r\n"),
            Form::Blank => glued(" "),
            Form::Trimmed => changed(text.trim().to_owned()),
            Form::Unquoted => changed(text.trim_matches(['"', '\'', '`']).to_owned()),
            Form::Quoted => Some(format!("\"{text}\"").into_bytes()),
            Form::Lower => changed(text.to_lowercase()),
            Form::Upper => changed(text.to_uppercase()),
            Form::Base64Of => Some(encoding::encode_base64(text.as_bytes())),
            Form::HexOf => Some(encoding::encode_hex(text.as_bytes())),
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
                "The sender takes the text of the secret for the key; the scheme decodes it as base64 first.",
                "Look at how the secret is shown and used at the sender; a scheme of your own can say \
                 \"key\": {\"encoding\": \"text\"}.",
            ),
            Form::Text if decodes(KeyEncoding::Hex) => (
                "secret_hex_not_decoded",
                "The sender takes the text of the secret for the key; the scheme decodes it as hexadecimal first.",
                "Look at how the secret is shown and used at the sender; a scheme of your own can say \
                 \"key\": {\"encoding\": \"text\"}.",
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
                "The sender takes the secret without its prefix, decodes it as base64, and signs with the bytes; the \
                 scheme uses it as text.",
                "The sender signs as Standard Webhooks do: look for a provider such as \"standard-webhooks\" or \"svix\", or \
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
                "If the value comes from a Kubernetes manifest, decode it once. Else say \"key\": {\"encoding\": \"base64\"} \
                 in a scheme of your own.",
            ),
            Form::Hex => (
                "secret_hex_decoded",
                "The sender decodes the secret as hexadecimal and signs with the bytes; the scheme uses it as text.",
                "Say \"key\": {\"encoding\": \"hex\"} in a scheme of your own.",
            ),
            Form::Lf | Form::CrLf => (
                "secret_trailing_newline",
                "The sender's copy of the secret ends in a line end: it was pasted or piped with one (echo without -n).",
                "Set the secret again at the sender, without the line end (printf %s, echo -n).",
            ),
            Form::Blank => (
                "secret_whitespace",
                "The sender's copy of the secret ends in a blank.",
                "Set the secret again at the sender, without white space.",
            ),
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

/// The text without the scheme's prefix, or without a word and `_` in front, as in `whsec_…`.
fn without_prefix<'a>(text: &'a str, scheme: &Scheme) -> Option<&'a str> {
    let own = scheme.key_form().map(|form| form.optional_prefix.as_str()).filter(|prefix| !prefix.is_empty());
    own.and_then(|prefix| text.strip_prefix(prefix)).or_else(|| {
        let (prefix, rest) = text.split_once('_')?;
        let is_word = (1..=10).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_word && !rest.is_empty()).then_some(rest)
    })
}

fn base64(text: &str) -> Option<Vec<u8>> {
    encoding::decode_pasted_base64(text.as_bytes())
}
