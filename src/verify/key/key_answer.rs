//! What a sender answers when it is asked for one key by its id.

use crate::verify::bytes::json::{Json, JsonPath};
use crate::verify::key::key_set::{self, PublishedKey};

/// How the answer is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// A PEM certificate.
    Certificate,
    /// JSON with a JSON Web Key (RFC 7517, section 4) in it.
    Jwk(JwkAnswer),
}

/// JSON with a JSON Web Key in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwkAnswer {
    /// Where the key is. It must have the id that was asked for.
    pub key: JsonPath,
    /// What is set as soon as the key must not be used any more.
    pub expired: JsonPath,
    /// How the sender says that it has no such key.
    pub refusal: JwkRefusal,
}

/// How a sender says that it has no key under an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwkRefusal {
    /// The status.
    pub status: u16,
    /// Where the reason is in the JSON.
    pub at: JsonPath,
    /// The reason.
    pub text: String,
}

/// What an answer says of the key that was asked for.
pub enum Reading {
    /// This is the key.
    Key(PublishedKey),
    /// It must not be used any more.
    Withdrawn,
    /// Nothing that is of use.
    Nothing,
}

impl KeyAnswer {
    /// Whether it is the sender's own word that there is no key under the id that was asked for.
    #[must_use]
    pub fn is_refusal(&self, status: u16, body: &[u8]) -> bool {
        match self {
            KeyAnswer::Certificate => matches!(status, 404 | 410),
            KeyAnswer::Jwk(JwkAnswer { refusal, .. }) => {
                let says = |json: &Json| json.at(&refusal.at).and_then(Json::text) == Some(refusal.text.as_str());
                status == refusal.status && parse(body).is_some_and(|json| says(&json))
            }
        }
    }

    /// What a body says of the key under `id`.
    #[must_use]
    pub fn read(&self, id: &str, body: &[u8]) -> Reading {
        let key = match self {
            KeyAnswer::Certificate => key_set::read_certificate(id, body),
            KeyAnswer::Jwk(answer) => match parse(body) {
                Some(json) => {
                    let key = json.at(&answer.key).and_then(key_set::read_jwk);
                    match key.filter(|key| key.id.as_deref() == Some(id)) {
                        Some(_) if json.at(&answer.expired).is_some() => return Reading::Withdrawn,
                        key => key,
                    }
                }
                None => None,
            },
        };
        key.map_or(Reading::Nothing, Reading::Key)
    }
}

fn parse(body: &[u8]) -> Option<Json> {
    Json::parse(body).ok().filter(|json| !json.has_duplicate_keys())
}
