//! Credentials that are the secret itself: basic authentication, bearer tokens, tokens in headers and values.

use super::content::Content;
use super::encoding::Encoding;
use super::expression::Facts;
use super::keyring::Secrets;
use super::scheme::{CredentialForm, CredentialPlace, CredentialScheme};
use super::secret::Key;
use super::timestamp::UnixTime;
use super::token;
use super::{Denial, Occurrence};

impl CredentialScheme {
    /// Whether the credential is in the body.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        match &self.place {
            CredentialPlace::Header(_) => false,
            CredentialPlace::Value(value) => value.needs_body(),
            CredentialPlace::Every(_) => true,
        }
    }

    /// The position of the secret that the request presents.
    pub(super) fn verify(&self, secrets: &Secrets, facts: &Facts<'_>, now: UnixTime) -> Result<usize, Denial> {
        let presented = self.presented(facts)?;
        let active = secrets.active(now)?;
        let mut found = None;
        for value in &presented {
            let credential = self.form.credential(value).ok_or(Denial::CredentialMalformed)?;
            let tokens = active.iter().filter_map(|(_, secret)| match &secret.key {
                Key::Token(digest) => Some(digest),
                _ => None,
            });
            let position = token::position_of(&credential, tokens).ok_or(Denial::CredentialMismatch)?;
            found = active.get(position).map(|(position, _)| *position);
        }
        found.ok_or(Denial::CredentialMissing)
    }

    fn presented(&self, facts: &Facts<'_>) -> Result<Vec<Vec<u8>>, Denial> {
        match &self.place {
            CredentialPlace::Header(name) => match facts.request.ok_or(Denial::HostFailure)?.header(name) {
                Occurrence::Missing => Err(Denial::CredentialMissing),
                Occurrence::Repeated => Err(Denial::CredentialDuplicated),
                Occurrence::Once(value) => Ok(vec![value.to_vec()]),
            },
            CredentialPlace::Value(value) => match value.value(facts) {
                Ok(value) => Ok(vec![value]),
                Err(Denial::HeaderMissing | Denial::FieldMissing) => Err(Denial::CredentialMissing),
                Err(Denial::HeaderDuplicated | Denial::FieldDuplicated) => Err(Denial::CredentialDuplicated),
                Err(other) => Err(other),
            },
            CredentialPlace::Every(path) => {
                let json = facts.content.map(Content::json).ok_or(Denial::HostFailure)??;
                let values = json.all_at(path);
                let texts: Option<Vec<_>> =
                    values.iter().map(|json| json.text().map(|text| text.as_bytes().to_vec())).collect();
                texts.filter(|texts| !texts.is_empty()).ok_or(Denial::CredentialMissing)
            }
        }
    }
}

impl CredentialForm {
    /// The credential in a value, if it is written in this form.
    #[must_use]
    pub fn credential(&self, value: &[u8]) -> Option<Vec<u8>> {
        match self {
            CredentialForm::Plain => Some(value.to_vec()),
            CredentialForm::Prefixed(prefix) => value.strip_prefix(prefix.as_bytes()).map(<[u8]>::to_vec),
            CredentialForm::AuthScheme(name) => after_auth_scheme(value, name).map(<[u8]>::to_vec),
            CredentialForm::Basic => after_auth_scheme(value, "Basic").and_then(|text| Encoding::Base64.decode(text)),
        }
        .filter(|credential| !credential.is_empty())
    }
}

/// What stands behind the name of an authentication scheme and its blanks, if nothing but one word does.
pub(super) fn after_auth_scheme<'a>(value: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let is_blank = |byte: &u8| matches!(*byte, b' ' | b'\t');
    let (scheme, rest) = value.split_at_checked(name.len())?;
    let credential = rest.trim_ascii_start();
    let separated = credential.len() < rest.len() && !credential.is_empty() && !credential.iter().any(is_blank);
    (scheme.eq_ignore_ascii_case(name.as_bytes()) && separated).then_some(credential)
}
