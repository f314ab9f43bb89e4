//! Suspects among the secrets: another source's, an older one, and every way in which a secret is pasted wrongly.

use std::collections::HashSet;

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::mac::HashAlgorithm;
use hookwarden::verify::scheme::{KeyEncoding, KeyForm, Scheme};
use hookwarden::verify::secret::Key;
use hookwarden::verify::{encoding, form, percent};

use super::{Mistake, Scene};
use crate::cli::explain::configuration::WrittenSecret;
use crate::cli::explain::trial::{Prover, key_of_bytes};

/// Keys to try, and whose they are.
pub struct Keys<'a> {
    tries: Vec<Try<'a>>,
}

/// A secret in a form. No `Debug`: it holds the text.
struct Try<'a> {
    text: &'a str,
    form: Form,
    whose: Whose,
}

/// Whose secret it is.
#[derive(Clone, Debug)]
enum Whose {
    /// The check's own.
    Own { id: String },
    /// The check's own, and not valid now.
    Inactive { id: String, is_over: bool },
    /// The check's own, under another name than the request's.
    OtherList { id: String, list: String },
    /// Another check's.
    Other { id: String, source: String, is_same_source: bool },
    /// Nobody's: what a program signs with that has none.
    Nobody,
}

/// What may have become of the text of a secret on its way into a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
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
    const OTHERS: &'static [Form] = &[
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
    const OF_OTHERS: &'static [Form] =
        &[Form::Text, Form::WithoutPrefix, Form::WithoutPrefixBase64, Form::Base64, Form::Hex];

    /// The bytes of the key; `None` if the form cannot be, or is the text itself.
    fn bytes(self, text: &str, scheme: &Scheme) -> Option<Vec<u8>> {
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
    fn mistake(self, scheme: &Scheme) -> Option<Mistake> {
        let key_form = key_form(scheme);
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
                "The sender signs with the secret without the prefix that stands before its \"_\"; the scheme signs with \
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
                "The secret lacks the \"whsec_\" in front, which the sender signs with.",
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
                "Configure the secret as the sender has it: encoded.",
            ),
            Form::HexOf => (
                "secret_hex_encoded",
                "The sender signs with the hexadecimal digits of the configured secret.",
                "Configure the secret as the sender has it: encoded.",
            ),
            Form::PercentDecoded => (
                "secret_percent_encoded",
                "The configured secret is percent-encoded (as in a URL); the sender's is not.",
                "Decode the escapes (%2F and such) in the configured secret.",
            ),
            Form::PercentEncoded => (
                "secret_percent_encoded",
                "The sender uses the secret percent-encoded, as it stands in the URL that it calls.",
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
                "The sender uses what stands behind the colon of the configured secret alone.",
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

/// What programs sign with that have no secret.
const NOBODYS: &[&str] = &["", "undefined", "null", "None", "nil", "secret", "changeme", "test"];

impl<'a> Keys<'a> {
    /// The check's own secrets, as they are configured.
    pub fn configured(scene: &Scene<'a>) -> Self {
        let own = scene.check.secrets().filter_map(|(_, secret)| {
            let text = secret.text.as_deref()?;
            Some(Try { text, form: Form::AsConfigured, whose: Whose::Own { id: secret.id.clone() } })
        });
        Self { tries: own.collect() }
    }

    /// Everything that may have been meant.
    pub fn all(scene: &Scene<'a>) -> Self {
        let mut own = Vec::new();
        let selected = scene.selected_list();
        for (list, secret) in scene.check.secrets() {
            let id = secret.id.clone();
            let whose = match (&list.name, &selected) {
                (Some(list), Some(selected)) if list != selected => Whose::OtherList { id, list: list.clone() },
                (Some(list), None) => Whose::OtherList { id, list: list.clone() },
                _ if !secret.validity.contains(scene.now) => {
                    Whose::Inactive { id, is_over: secret.validity.not_after.is_some_and(|end| end < scene.now) }
                }
                _ => Whose::Own { id },
            };
            own.push((secret, whose));
        }
        let mut others = Vec::new();
        for (position, check) in scene.configuration.checks() {
            if std::ptr::eq(check, scene.check) || check.public_keys != scene.check.public_keys {
                continue;
            }
            let name = scene.configuration.sources.get(position).map(|source| source.name.clone()).unwrap_or_default();
            for (_, secret) in check.secrets() {
                let is_same_source = position == scene.source;
                others.push((secret, Whose::Other { id: secret.id.clone(), source: name.clone(), is_same_source }));
            }
        }
        let mut tries = Vec::new();
        let mut add = |secrets: &[(&'a WrittenSecret, Whose)], form: Form| {
            let texts = secrets.iter().filter_map(|(secret, whose)| Some((secret.text.as_deref()?, whose)));
            tries.extend(texts.map(|(text, whose)| Try { text, form, whose: whose.clone() }));
        };
        add(&own, Form::AsConfigured);
        add(&others, Form::AsConfigured);
        if !scene.check.public_keys {
            Form::OTHERS.iter().for_each(|form| add(&own, *form));
            Form::OF_OTHERS.iter().for_each(|form| add(&others, *form));
            tries.extend(NOBODYS.iter().map(|text| Try { text, form: Form::Text, whose: Whose::Nobody }));
        }
        Self { tries }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tries.len()
    }

    /// A prover that tries them all, each once.
    pub fn prover(&self, dialects: &[Dialect]) -> Option<Prover> {
        Prover::new(dialects, |scheme| {
            let mut seen = HashSet::new();
            self.tries.iter().map(|one| one.key(scheme, &mut seen)).collect()
        })
    }

    /// The position of the only one, if there is but one.
    pub fn only(&self) -> Option<usize> {
        (self.tries.len() == 1).then_some(0)
    }

    /// What was wrong if the one at this position is right.
    pub fn mistakes(&self, position: usize, scheme: &Scheme) -> Vec<Mistake> {
        let Some(one) = self.tries.get(position) else { return Vec::new() };
        let whose = match &one.whose {
            Whose::Own { .. } => None,
            Whose::Inactive { id, is_over: true } => Some(Mistake::new(
                "secret_expired",
                format!(
                    "The request is signed with the secret \"{id}\", which was not valid any more when it arrived \
                         (not_after)."
                ),
                "The sender still uses the old secret: change it there, or let not_after be later.",
            )),
            Whose::Inactive { id, is_over: false } => Some(Mistake::new(
                "secret_not_yet_valid",
                format!(
                    "The request is signed with the secret \"{id}\", which was not valid yet when it arrived \
                         (not_before)."
                ),
                "The sender uses the new secret already: let not_before be earlier.",
            )),
            Whose::OtherList { id, list } => Some(Mistake::new(
                "secret_of_another_name",
                format!("The request is signed with the secret \"{id}\" that secrets_by lists for \"{list}\"."),
                "Compare what the request names with the names under secrets_by.",
            )),
            Whose::Other { id, source, is_same_source: false } => Some(Mistake::new(
                "secret_of_another_source",
                format!("The request is signed with the secret \"{id}\" of the source \"{source}\"."),
                format!(
                    "The sender has the secret of \"{source}\", or calls the wrong URL, or two variables were mixed up."
                ),
            )),
            Whose::Other { id, is_same_source: true, .. } => Some(Mistake::new(
                "secret_of_another_check",
                format!("The request is signed with the secret \"{id}\" of another check of this source."),
                "Two secrets were mixed up: compare them with the sender's.",
            )),
            Whose::Nobody => {
                let what =
                    if one.text.is_empty() { "an empty key".to_owned() } else { format!("the word \"{}\"", one.text) };
                return vec![Mistake::new(
                    "sender_has_no_secret",
                    format!("The request is signed with {what}: the sender's secret is not set."),
                    "Set the secret at the sender.",
                )];
            }
        };
        whose.into_iter().chain(one.form.mistake(scheme)).collect()
    }

    /// Which secret the one at this position is, for people.
    pub fn label(&self, position: usize) -> String {
        match self.tries.get(position).map(|one| &one.whose) {
            Some(Whose::Own { id } | Whose::Inactive { id, .. }) => format!("\"{id}\""),
            Some(Whose::OtherList { id, list }) => format!("\"{id}\" of \"{list}\""),
            Some(Whose::Other { id, source, .. }) => format!("\"{id}\" of the source \"{source}\""),
            Some(Whose::Nobody) | None => "none that is configured".to_owned(),
        }
    }
}

impl Try<'_> {
    /// The key under a scheme; `None` if it cannot be, or was there before.
    fn key(&self, scheme: &Scheme, seen: &mut HashSet<Vec<u8>>) -> Option<Key> {
        let is_nobodys = matches!(self.whose, Whose::Nobody);
        match self.form {
            Form::AsConfigured => {
                if let Some(bytes) = configured_bytes(self.text, scheme)
                    && !seen.insert(bytes)
                {
                    return None;
                }
                scheme.key(self.text).ok()
            }
            _ if is_nobodys && matches!(scheme, Scheme::Credential(_)) => None,
            _ if is_nobodys => {
                let bytes = self.text.as_bytes().to_vec();
                if seen.insert(bytes.clone()) { key_of_bytes(scheme, &bytes) } else { None }
            }
            form => {
                let bytes = form.bytes(self.text, scheme)?;
                if seen.insert(bytes.clone()) { key_of_bytes(scheme, &bytes) } else { None }
            }
        }
    }
}

/// How a scheme makes a key of a text.
fn key_form(scheme: &Scheme) -> Option<&KeyForm> {
    match scheme {
        Scheme::Signature(scheme) => Some(&scheme.key),
        Scheme::Jwt(scheme) => Some(&scheme.key),
        Scheme::MessageSignature(scheme) => Some(&scheme.key),
        Scheme::HttpSignature(scheme) => Some(&scheme.key),
        Scheme::Credential(_) => None,
    }
}

fn configured_bytes(text: &str, scheme: &Scheme) -> Option<Vec<u8>> {
    match key_form(scheme) {
        _ if scheme.takes_public_keys() => Some(text.as_bytes().to_vec()),
        Some(form) => form.bytes(text).ok(),
        None => Some(text.as_bytes().to_vec()),
    }
}

/// The text without the scheme's prefix, or without a word and `_` in front, as in `whsec_…`.
fn without_prefix<'a>(text: &'a str, scheme: &Scheme) -> Option<&'a str> {
    let own = key_form(scheme).map(|form| form.optional_prefix.as_str()).filter(|prefix| !prefix.is_empty());
    own.and_then(|prefix| text.strip_prefix(prefix)).or_else(|| {
        let (prefix, rest) = text.split_once('_')?;
        let is_word = (1..=10).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_word && !rest.is_empty()).then_some(rest)
    })
}

fn base64(text: &str) -> Option<Vec<u8>> {
    encoding::decode_pasted_base64(text.as_bytes())
}
