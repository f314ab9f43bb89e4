//! A way in which a sender signs, and the request signed that way.

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::credential::CredentialPlace;

use super::builder::RequestBuilder;
use super::error::Error;
use super::writer::{SchemeWriter, SigningContext};
use super::{credential, http, signature, token};

/// Signs the request in this dialect.
pub fn make(dialect: &Dialect, builder: &mut RequestBuilder, context: &mut SigningContext<'_>) -> Result<(), Error> {
    let (scheme, when) = dialect;
    if let Some(when) = when {
        SchemeWriter::new(builder).satisfy(when, context)?;
    }
    match scheme {
        Scheme::Signature(scheme) => signature::make(scheme, builder, context),
        Scheme::Credential(scheme) => credential::make(scheme, builder, context),
        Scheme::Jwt(scheme) => token::make(scheme, builder, context),
        Scheme::MessageSignature(scheme) => http::make_message_signature(scheme, builder, context),
        Scheme::HttpSignature(scheme) => http::make_http_signature(scheme, builder, context),
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

/// Whether the proof is of the whole message, so that everything else must be before it is made.
pub fn covers_head(scheme: &Scheme) -> bool {
    match scheme {
        Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => true,
        Scheme::Signature(_) | Scheme::Credential(_) | Scheme::Jwt(_) => false,
    }
}
