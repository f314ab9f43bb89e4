//! What is signed, where the signature and its timestamp are, and what follows from that.

use std::time::Duration;

use crate::verify::bytes::json::JsonPath;
use crate::verify::expression::Expression;
use crate::verify::expression::message::Message;
use crate::verify::identity::{IdentityBasis, Unidentified};
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::key::key_form::KeyForm;
use crate::verify::primitives::timestamp::Unit;
use crate::verify::scheme::key_name::KeyName;
use crate::verify::scheme::signature::location::Location;

/// A signature over content that a template describes.
#[derive(Clone, Debug)]
pub struct SignatureScheme {
    /// The algorithm.
    pub algorithm: SignatureAlgorithm,
    /// How a pasted secret becomes the key.
    pub key: KeyForm,
    /// Where the candidates are.
    pub signature: Location,
    /// The signed content; any one of several.
    pub messages: Vec<Message>,
    /// The signed timestamp, if the sender signs one.
    pub timestamp: Option<TimestampRule>,
    /// Pairs that must be equal.
    pub require: Vec<(Message, Message)>,
    /// The event's id; used only if the signature covers it.
    pub event_id: Option<Expression>,
    /// A list in the body, of which every element must verify.
    pub each: Option<JsonPath>,
    /// The shortest RSA key, in bits.
    pub min_key_bits: usize,
    /// Whether a compressed body was signed before it was compressed.
    pub is_signed_decoded: bool,
    /// How a request names its key, if the sender publishes its keys.
    pub key_name: Option<KeyName>,
}

/// Where the signed timestamp is, and how far it may be off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampRule {
    /// Where it is.
    pub at: Expression,
    /// How it is written.
    pub unit: Unit,
    /// How far it may lie from now, in both directions, limits included.
    pub tolerance: Duration,
}

impl SignatureScheme {
    /// All templates: what is signed, and what must be equal.
    pub(in crate::verify::scheme) fn templates(&self) -> impl Iterator<Item = &Message> + Clone {
        self.messages.iter().chain(self.require.iter().flat_map(|(left, right)| [left, right]))
    }

    /// Whether the decision waits for the body.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.each.is_some()
            || self.signature.place.needs_body()
            || self.messages.iter().any(Message::needs_body)
            || self.timestamp.as_ref().is_some_and(|rule| rule.at.needs_body())
            || self.key_name.as_ref().is_some_and(|name| name.at.needs_body())
            || self.require.iter().any(|(left, right)| left.needs_body() || right.needs_body())
    }

    /// Whether the body can stream through the hash, and nothing needs it whole.
    #[must_use]
    pub fn streams(&self) -> bool {
        let algorithm = match self.algorithm {
            SignatureAlgorithm::Hmac(_) => true,
            SignatureAlgorithm::Hash(_) => false,
            SignatureAlgorithm::Public(algorithm) => algorithm.hash().is_some(),
        };
        algorithm
            && self.each.is_none()
            && !self.signature.place.needs_body()
            && self.messages.iter().all(Message::streams)
            && self.timestamp.as_ref().is_none_or(|rule| !rule.at.needs_body())
            && self.key_name.as_ref().is_none_or(|name| !name.at.needs_body())
            && self.require.iter().all(|(left, right)| !left.needs_body() && !right.needs_body())
            && self.event_id.as_ref().is_none_or(|id| !id.needs_body())
    }

    /// What an event can be identified by; see [`Kind`](crate::verify::scheme::kind::Kind).
    pub(super) fn basis(&self, id: Option<&Expression>, alone: bool) -> Result<IdentityBasis, Unidentified> {
        // Elements that are signed one by one can be replayed in another combination.
        if self.each.is_some() {
            return Err(Unidentified::NothingSigned);
        }
        if let Some(id) = id {
            let covered = |message: &Message| message.protects(id) || message.lists_headers();
            if !self.messages.iter().all(covered) {
                return Err(Unidentified::IdNotCovered);
            }
            // An attacker cannot remove a member of a signed body, but can leave out anything else.
            if id.as_json().is_none() || !self.is_protected(id) {
                return Ok(IdentityBasis::Id);
            }
        } else if self.event_id.as_ref().is_some_and(|own| own.as_header().is_some() && self.is_protected(own)) {
            return Ok(IdentityBasis::Id);
        }
        // Without an id, two events must differ in what is signed; two events can have the same time.
        if !self.messages.iter().all(Message::needs_body) {
            return Err(Unidentified::NothingSigned);
        }
        let single = self.signature.is_single();
        match self.algorithm {
            SignatureAlgorithm::Hmac(_) if single && alone => Ok(IdentityBasis::Tag),
            SignatureAlgorithm::Hash(_) if single => Ok(IdentityBasis::Tag),
            SignatureAlgorithm::Hash(_) => Err(Unidentified::NothingSigned),
            SignatureAlgorithm::Hmac(_) | SignatureAlgorithm::Public(_) => Ok(IdentityBasis::Content),
        }
    }

    /// Whether an attacker who changes the request cannot change its id, if it has one.
    pub(super) fn is_protected(&self, id: &Expression) -> bool {
        let is_plain = id.as_header().is_some() || id.as_json().is_some();
        is_plain && self.messages.iter().all(|message| message.protects(id))
    }
}
