//! Credentials that are the secret itself: basic authentication, bearer tokens, tokens in headers and values.

use std::borrow::Cow;
use std::time::Duration;

use crate::verify::bytes::encoding::{self, Encoding};
use crate::verify::bytes::json::JsonPath;
use crate::verify::denial::Denial;
use crate::verify::expression::content::Content;
use crate::verify::expression::{Expression, Facts};
use crate::verify::identity::{Found, IdentityBasis, Unidentified};
use crate::verify::key::key_form::{KeyError, KeyForm};
use crate::verify::key::secret::Key;
use crate::verify::primitives::token::{self, TokenDigest};
use crate::verify::request::{HeadersRead, HeldBody, Occurrence, Request};
use crate::verify::scheme::kind::{Begun, Context, Head, Kind, Verifier};
use crate::verify::scheme::whole_body::WholeBody;

/// A credential that is the secret itself.
#[derive(Clone, Debug)]
pub struct CredentialScheme {
    /// Where it is.
    pub place: CredentialPlace,
    /// How it is written there.
    pub form: CredentialForm,
}

/// Where a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialPlace {
    /// In a header.
    Header(String),
    /// In a value of the query or the body.
    Value(Expression),
    /// In every value of the body's JSON at this path, all of which must be there.
    Every(JsonPath),
}

/// How a credential is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialForm {
    /// As it is.
    Plain,
    /// After this prefix.
    Prefixed(String),
    /// An authentication scheme's name in any case, one or more blanks, the credential (RFC 9110, section 11.4).
    AuthScheme(String),
    /// `Basic` and the base64 of `user:password` (RFC 7617).
    Basic,
}

impl Kind for CredentialScheme {
    fn takes_public_keys(&self) -> bool {
        false
    }

    fn key(&self, text: &str) -> Result<Key, KeyError> {
        match self.form {
            CredentialForm::Basic if !text.contains(':') => Err(KeyError::NotUserAndPassword),
            _ => Ok(Key::Token(TokenDigest::new(text.as_bytes()))),
        }
    }

    fn key_form(&self) -> Option<&KeyForm> {
        None
    }

    fn proof_headers(&self) -> Vec<&str> {
        match &self.place {
            CredentialPlace::Header(name) => vec![name],
            CredentialPlace::Value(_) | CredentialPlace::Every(_) => Vec::new(),
        }
    }

    fn is_presented(&self, request: Request<'_>) -> bool {
        match &self.place {
            CredentialPlace::Header(name) => request.header(name) != Occurrence::Missing,
            CredentialPlace::Value(value) => value.is_present(request),
            CredentialPlace::Every(_) => false,
        }
    }

    fn needs_body(&self) -> bool {
        CredentialScheme::needs_body(self)
    }

    fn headers_read(&self) -> HeadersRead {
        let mut read = HeadersRead::default();
        match &self.place {
            CredentialPlace::Header(name) => read.add(name),
            CredentialPlace::Value(value) => value.headers().into_iter().for_each(|name| read.add(name)),
            CredentialPlace::Every(_) => {}
        }
        read
    }

    fn identity_basis(&self, _id: Option<&Expression>, _alone: bool) -> Result<IdentityBasis, Unidentified> {
        Err(Unidentified::NothingSigned)
    }

    fn wants_basic_challenge(&self) -> bool {
        self.form == CredentialForm::Basic
    }

    fn tolerance(&self) -> Option<Duration> {
        None
    }

    fn tolerance_mut(&mut self) -> Option<&mut Duration> {
        None
    }
}

impl Verifier for CredentialScheme {
    type Pending = WholeBody;

    fn begin(&self, head: Head<'_>, context: Context<'_>) -> Result<Begun<WholeBody>, Denial> {
        if self.needs_body() {
            return WholeBody::begin(head, Vec::new()).map(Begun::Pending);
        }
        let facts = Facts { request: Some(head.request), ..Facts::default() };
        self.verify(&facts, context).map(Begun::Found)
    }

    fn finish(&self, pending: WholeBody, body: &dyn HeldBody, context: Context<'_>) -> Result<Found, Denial> {
        pending.decide(body, |facts| self.verify(facts, context))
    }
}

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
    fn verify(&self, facts: &Facts<'_>, context: Context<'_>) -> Result<Found, Denial> {
        let presented = self.presented(facts)?;
        let active = context.secrets.active(context.now)?;
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
        found.map(Found::at).ok_or(Denial::CredentialMissing)
    }

    fn presented<'a>(&self, facts: &Facts<'a>) -> Result<Vec<Cow<'a, [u8]>>, Denial> {
        match &self.place {
            CredentialPlace::Header(name) => match facts.request.ok_or(Denial::HostFailure)?.header(name) {
                Occurrence::Missing => Err(Denial::CredentialMissing),
                Occurrence::Repeated => Err(Denial::CredentialDuplicated),
                Occurrence::Once(value) => Ok(vec![Cow::Borrowed(value)]),
            },
            CredentialPlace::Value(value) => match value.value(facts) {
                Ok(value) => Ok(vec![Cow::Owned(value)]),
                Err(Denial::HeaderMissing | Denial::FieldMissing) => Err(Denial::CredentialMissing),
                Err(Denial::HeaderDuplicated | Denial::FieldDuplicated) => Err(Denial::CredentialDuplicated),
                Err(other) => Err(other),
            },
            CredentialPlace::Every(path) => {
                let json = facts.content.map(Content::json).ok_or(Denial::HostFailure)??;
                let values = json.all_at(path);
                let texts: Option<Vec<_>> =
                    values.iter().map(|json| json.text().map(|text| Cow::Owned(text.as_bytes().to_vec()))).collect();
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
            CredentialForm::AuthScheme(name) => encoding::after_auth_scheme(value, name).map(<[u8]>::to_vec),
            CredentialForm::Basic => {
                encoding::after_auth_scheme(value, "Basic").and_then(|text| Encoding::Base64.decode(text))
            }
        }
        .filter(|credential| !credential.is_empty())
    }
}
