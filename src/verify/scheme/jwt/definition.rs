//! The definition of a token and of the claims that it must have.

use std::time::Duration;

use crate::verify::bytes::json::JsonPath;
use crate::verify::expression::Expression;
use crate::verify::expression::message::Message;
use crate::verify::key::algorithm::JwtAlgorithm;
use crate::verify::key::key_form::KeyForm;

/// A token and the claims that it must have.
#[derive(Clone, Debug)]
pub struct JwtScheme {
    /// Where the token is; `None` if it is the whole body.
    pub token: Option<Expression>,
    /// The text in front of it.
    pub prefix: String,
    /// Whether the prefix may be missing.
    pub optional_prefix: bool,
    /// The algorithms that are taken.
    pub algorithms: Vec<JwtAlgorithm>,
    /// How a pasted secret becomes the key, for the symmetric ones.
    pub key: KeyForm,
    /// The required claims.
    pub claims: Vec<(JsonPath, ClaimRule)>,
    /// How long after `iat` a token is accepted, and how far before.
    pub max_age: Option<Duration>,
    /// Whether the sender's tokens carry no time at all.
    pub timeless: bool,
    /// How far the clocks may be apart where `exp` and `nbf` are compared.
    pub leeway: Duration,
    /// The claim that is the event's id.
    pub event_id: Option<JsonPath>,
}

/// What a claim must be. A claim that is a list satisfies a rule if one of its elements does (RFC 7519,
/// section 4.1.3).
#[derive(Clone, Debug)]
pub enum ClaimRule {
    /// This.
    Equals(Message),
    /// This, if the request has a body; if not, the claim must be absent.
    EqualsWhenBody(Message),
    /// One of these.
    OneOf(Vec<Message>),
    /// It is there.
    Present,
}

impl JwtScheme {
    /// Whether the decision waits for the body.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.token.as_ref().is_none_or(Expression::needs_body)
            || self.claims.iter().any(|(_, rule)| match rule {
                ClaimRule::Equals(message) => message.needs_body(),
                ClaimRule::EqualsWhenBody(_) => true,
                ClaimRule::OneOf(messages) => messages.iter().any(Message::needs_body),
                ClaimRule::Present => false,
            })
    }

    /// The templates that claims are compared with.
    pub(in crate::verify::scheme) fn messages(&self) -> impl Iterator<Item = &Message> + Clone {
        self.claims.iter().flat_map(|(_, rule)| match rule {
            ClaimRule::Equals(message) | ClaimRule::EqualsWhenBody(message) => std::slice::from_ref(message),
            ClaimRule::OneOf(messages) => messages.as_slice(),
            ClaimRule::Present => &[],
        })
    }
}
