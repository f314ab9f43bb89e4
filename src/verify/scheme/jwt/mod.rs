//! JSON Web Tokens (RFC 7515, RFC 7519) whose claims are bound to the request.
//!
//! The algorithm is one of a closed list, and each has its own kind of key, so that a public key is never used as a
//! shared secret. Unknown critical extensions, numbers written as text, and tokens that never expire are refused.

mod definition;
pub(super) mod token;

use std::time::Duration;

use crate::verify::denial::Denial;
use crate::verify::expression::message::Message;
use crate::verify::expression::{Expression, Facts};
use crate::verify::identity::{Found, IdentityBasis, Unidentified};
use crate::verify::key::key_form::{KeyError, KeyForm};
use crate::verify::key::secret::Key;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::request::{HeadersRead, HeldBody, Request};
use crate::verify::scheme::kind::{AwaitsBody, Begun, Context, Head, Kind, Verifier};
use crate::verify::scheme::whole_body::WholeBody;
pub use definition::{ClaimRule, JwtScheme};
use token::SignedToken;

impl Kind for JwtScheme {
    fn takes_public_keys(&self) -> bool {
        self.algorithms.iter().all(|algorithm| algorithm.public().is_some())
    }

    fn is_known_to_hosts(&self) -> bool {
        self.algorithms.iter().filter_map(|algorithm| algorithm.public()).any(PublicAlgorithm::is_known_to_hosts)
    }

    fn key(&self, text: &str) -> Result<Key, KeyError> {
        Key::parse_jwt(text, &self.algorithms, &self.key)
    }

    fn key_form(&self) -> Option<&KeyForm> {
        Some(&self.key)
    }

    fn proof_headers(&self) -> Vec<&str> {
        self.token.as_ref().and_then(Expression::as_header).into_iter().collect()
    }

    fn is_presented(&self, request: Request<'_>) -> bool {
        self.token.as_ref().is_some_and(|token| token.is_present(request))
    }

    fn needs_body(&self) -> bool {
        JwtScheme::needs_body(self)
    }

    fn headers_read(&self) -> HeadersRead {
        let mut read = HeadersRead::default();
        let values = self.token.iter().chain(self.messages().flat_map(Message::values));
        values.flat_map(Expression::headers).for_each(|name| read.add(name));
        read
    }

    fn identity_basis(&self, id: Option<&Expression>, _alone: bool) -> Result<IdentityBasis, Unidentified> {
        match id {
            Some(_) => Err(Unidentified::IdNotCovered),
            None if self.needs_body() || self.event_id.is_some() => Ok(IdentityBasis::Content),
            None => Err(Unidentified::NothingSigned),
        }
    }

    fn names_key(&self) -> bool {
        true
    }

    fn id_is_protected(&self) -> bool {
        true
    }

    fn tolerance(&self) -> Option<Duration> {
        self.max_age
    }

    fn tolerance_mut(&mut self) -> Option<&mut Duration> {
        self.max_age.as_mut()
    }
}

/// A request whose token or claims depend on the body.
pub struct PendingToken {
    /// `None` if the token is in the body.
    token: Option<SignedToken>,
    body: WholeBody,
}

impl AwaitsBody for PendingToken {
    fn update(&mut self, bytes: &[u8]) {
        self.body.update(bytes);
    }

    fn held_bytes(&self) -> usize {
        self.body.held_bytes().saturating_add(self.token.as_ref().map_or(0, SignedToken::held_bytes))
    }
}

impl Verifier for JwtScheme {
    type Pending = PendingToken;

    fn begin(&self, head: Head<'_>, context: Context<'_>) -> Result<Begun<PendingToken>, Denial> {
        let facts = Facts { request: Some(head.request), ..Facts::default() };
        let token = match self.authenticate(&facts, context) {
            // The key may be published before the body is whole. The token is read again then.
            Err(Denial::KeyUnknown | Denial::KeyUnavailable) => None,
            Ok(Some(token)) if !self.needs_body() => return self.check_claims(token, &facts).map(Begun::Found),
            token => token?,
        };
        Ok(Begun::Pending(PendingToken { token, body: WholeBody::begin(head, Vec::new())? }))
    }

    fn finish(&self, pending: PendingToken, body: &dyn HeldBody, context: Context<'_>) -> Result<Found, Denial> {
        let PendingToken { token, body: whole } = pending;
        whole.decide(body, |facts| {
            let token = match token {
                Some(token) => token,
                None => self.authenticate(facts, context)?.ok_or(Denial::HostFailure)?,
            };
            self.check_claims(token, facts)
        })
    }

    fn named_key(
        &self,
        pending: &PendingToken,
        body: &dyn HeldBody,
        _context: Context<'_>,
    ) -> Result<Option<Vec<u8>>, Denial> {
        match &self.token {
            _ if pending.token.is_some() => Ok(None),
            Some(at) if !at.needs_body() => pending.body.peek_head(|facts| self.key_id(facts)),
            _ => pending.body.peek(body, |facts| self.key_id(facts))?,
        }
    }
}
