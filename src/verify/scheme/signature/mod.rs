//! A signature over content that a template describes: a keyed hash, a public-key signature, or a hash of content that
//! includes the secret.
//!
//! If the content is the body with text around it, the body streams through the hash and is never stored. If a part of
//! the body must be parsed, the body is read once, at its end.

mod definition;
mod location;
mod reading;
mod streaming;
mod whole;

use std::time::Duration;

use crate::verify::denial::Denial;
use crate::verify::expression::content::Content;
use crate::verify::expression::message::Message;
use crate::verify::expression::{Expression, Facts};
use crate::verify::identity::{Found, IdentityBasis, Unidentified};
use crate::verify::key::key_form::{KeyError, KeyForm};
use crate::verify::key::secret::Key;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::request::{HeadersRead, HeldBody, Request};
use crate::verify::scheme::key_name::KeyName;
use crate::verify::scheme::kind::{AwaitsBody, Begun, Context, EventIdentity, Head, Kind, Verifier};
use crate::verify::scheme::whole_body::WholeBody;
pub use definition::{SignatureScheme, TimestampRule};
pub use location::{Entries, Location, Place};
use reading::MAX_SETS;
use streaming::Streaming;

/// The most names that are taken from one list of headers. A list of more than 64 is refused when it is read.
const MAX_LISTED: usize = 64;

impl Kind for SignatureScheme {
    fn takes_public_keys(&self) -> bool {
        self.algorithm.is_public()
    }

    fn is_known_to_hosts(&self) -> bool {
        self.algorithm.public().is_some_and(PublicAlgorithm::is_known_to_hosts)
    }

    fn key(&self, text: &str) -> Result<Key, KeyError> {
        Key::parse(text, self.algorithm, &self.key, self.min_key_bits)
    }

    fn key_form(&self) -> Option<&KeyForm> {
        Some(&self.key)
    }

    fn proof_headers(&self) -> Vec<&str> {
        self.signature.place.header_names()
    }

    fn is_presented(&self, request: Request<'_>) -> bool {
        self.signature.place.is_present(request)
    }

    fn entries(&self, request: Request<'_>) -> Vec<Vec<u8>> {
        if self.signature.place.needs_body() {
            return Vec::new();
        }
        let facts = Facts { request: Some(request), ..Facts::default() };
        let values = self.signature.place.values(&facts).unwrap_or_default();
        let first = self.signature.sets(&values).into_iter().next().unwrap_or_default();
        first.into_iter().map(<[u8]>::to_vec).collect()
    }

    fn needs_body(&self) -> bool {
        SignatureScheme::needs_body(self)
    }

    fn is_signed_decoded(&self) -> bool {
        self.is_signed_decoded
    }

    fn headers_read(&self) -> HeadersRead {
        let mut read = HeadersRead::default();
        match &self.signature.place {
            Place::Headers(names) => names.iter().for_each(|name| read.add(name)),
            Place::Family(name) => read.add_numbered(name),
            Place::Value(value) => value.headers().into_iter().for_each(|name| read.add(name)),
        }
        let values = self.templates().flat_map(Message::values);
        let values = values.chain(self.timestamp.iter().map(|rule| &rule.at)).chain(&self.event_id);
        let values = values.chain(self.key_name.iter().map(|name| &name.at));
        values.flat_map(Expression::headers).for_each(|name| read.add(name));
        read
    }

    fn identity_basis(&self, id: Option<&Expression>, alone: bool) -> Result<IdentityBasis, Unidentified> {
        self.basis(id, alone)
    }

    fn set_event_id(&mut self, id: &Expression) {
        self.event_id = Some(id.clone());
    }

    fn names_key(&self) -> bool {
        self.key_name.is_some()
    }

    fn set_key_name(&mut self, name: KeyName) -> bool {
        self.key_name = Some(name);
        true
    }

    fn id_is_protected(&self) -> bool {
        self.event_id.as_ref().is_some_and(|id| self.is_protected(id))
    }

    fn event_identity(&self) -> Option<EventIdentity<'_>> {
        Some(match &self.event_id {
            Some(_) => EventIdentity::Id,
            None => EventIdentity::Content(&self.messages),
        })
    }

    fn tolerance(&self) -> Option<Duration> {
        self.timestamp.as_ref().map(|rule| rule.tolerance)
    }

    fn tolerance_mut(&mut self) -> Option<&mut Duration> {
        self.timestamp.as_mut().map(|rule| &mut rule.tolerance)
    }
}

/// A signature whose content depends on the body.
pub enum PendingSignature {
    /// The body streams through hashes. Boxed: what is pending is moved on through several layers.
    Streaming(Box<Streaming>),
    /// The body is needed whole.
    Whole(WholeBody),
}

impl AwaitsBody for PendingSignature {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            PendingSignature::Streaming(streaming) => streaming.update(bytes),
            PendingSignature::Whole(whole) => whole.update(bytes),
        }
    }

    fn held_bytes(&self) -> usize {
        match self {
            PendingSignature::Streaming(streaming) => size_of::<Streaming>().saturating_add(streaming.held_bytes()),
            PendingSignature::Whole(whole) => whole.held_bytes(),
        }
    }
}

impl Verifier for SignatureScheme {
    type Pending = PendingSignature;

    fn begin(&self, head: Head<'_>, context: Context<'_>) -> Result<Begun<PendingSignature>, Denial> {
        if self.streams() {
            let streaming = self.begin_streaming(head, context)?;
            if !self.needs_body() {
                return self.finish_streaming(streaming, &[].as_slice(), context).map(Begun::Found);
            }
            return Ok(Begun::Pending(PendingSignature::Streaming(Box::new(streaming))));
        }
        let facts = Facts { request: Some(head.request), ..Facts::default() };
        if !self.signature.place.needs_body() {
            // A value missing from the head is refused before the body arrives.
            self.signature.place.values(&facts)?;
        }
        if !self.needs_body() {
            let content = Content::new(b"", b"");
            return self.verify_whole(&Facts { content: Some(&content), ..facts }, context).map(Begun::Found);
        }
        WholeBody::begin(head, self.listed_names(head.request))
            .map(|whole| Begun::Pending(PendingSignature::Whole(whole)))
    }

    fn finish(&self, pending: PendingSignature, body: &dyn HeldBody, context: Context<'_>) -> Result<Found, Denial> {
        match pending {
            PendingSignature::Streaming(streaming) => self.finish_streaming(*streaming, body, context),
            PendingSignature::Whole(whole) => whole.decide(body, |facts| self.verify_whole(facts, context)),
        }
    }

    fn named_key(
        &self,
        pending: &PendingSignature,
        body: &dyn HeldBody,
        context: Context<'_>,
    ) -> Result<Option<Vec<u8>>, Denial> {
        match pending {
            PendingSignature::Streaming(streaming) => self.key_of_streaming(streaming, context.now),
            PendingSignature::Whole(whole) => whole.peek(body, |facts| self.key_of_whole(facts, context.now))?,
        }
    }
}

impl SignatureScheme {
    /// The headers that the lists in a request name; all headers, if the lists may be in the body.
    fn listed_names(&self, request: Request<'_>) -> Vec<String> {
        if !self.templates().any(Message::lists_headers) {
            return Vec::new();
        }
        let lists = || self.templates().flat_map(Message::values).filter(|value| value.lists_headers());
        let location = &self.signature;
        if location.place.needs_body() || lists().any(Expression::needs_body) {
            return request.headers().iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        }
        let facts = Facts { request: Some(request), ..Facts::default() };
        let values = location.place.values(&facts).unwrap_or_default();
        let mut names = Vec::new();
        for entries in location.sets(&values).iter().take(MAX_SETS) {
            let facts = Facts { entries, ..facts };
            lists().for_each(|list| names.extend(list.listed_names(&facts).into_iter().take(MAX_LISTED)));
        }
        names
    }
}
