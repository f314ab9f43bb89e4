//! One check of a source, made to hold.

use hookwarden::verify::check::Condition;
use hookwarden::verify::scheme::{CredentialPlace, Scheme};

use super::draft::Draft;
use super::making::{Making, Order};
use super::trouble::Trouble;
use super::{credential, http, signature, token};

/// A way to prove a request, and when it is the one that counts.
pub type Dialect = (Scheme, Option<Condition>);

/// Makes `draft` prove itself in this dialect.
pub fn make(dialect: &Dialect, draft: &mut Draft, order: &mut Order<'_>) -> Result<(), Trouble> {
    let (scheme, when) = dialect;
    if let Some(when) = when {
        Making::new(draft).speak(when, order)?;
    }
    match scheme {
        Scheme::Signature(scheme) => signature::make(scheme, draft, order),
        Scheme::Credential(scheme) => credential::make(scheme, draft, order),
        Scheme::Jwt(scheme) => token::make(scheme, draft, order),
        Scheme::MessageSignature(scheme) => http::make_message_signature(scheme, draft, order),
        Scheme::HttpSignature(scheme) => http::make_http_signature(scheme, draft, order),
    }
}

/// Whether the proof, or something that it needs, is written into the body: what covers the body comes later.
pub fn writes_body(scheme: &Scheme) -> bool {
    match scheme {
        Scheme::Signature(scheme) => {
            scheme.each.is_some()
                || scheme.signature.place.needs_body()
                || scheme.timestamp.as_ref().is_some_and(|rule| rule.at.needs_body())
                || scheme.event_id.as_ref().is_some_and(|id| id.needs_body())
        }
        Scheme::Credential(scheme) => match &scheme.place {
            CredentialPlace::Header(_) => false,
            CredentialPlace::Value(value) => value.needs_body(),
            CredentialPlace::Every(_) => true,
        },
        Scheme::Jwt(scheme) => scheme.token.as_ref().is_none_or(|at| at.needs_body()),
        Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => false,
    }
}

/// Whether the proof is of the whole message, so that everything else must stand before it is made.
pub fn covers_head(scheme: &Scheme) -> bool {
    matches!(scheme, Scheme::MessageSignature(_) | Scheme::HttpSignature(_))
}
