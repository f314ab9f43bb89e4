//! What a token leaves open.

use std::collections::BTreeSet;

use crate::verify::bytes::json::Json;
use crate::verify::expression::message::Message;
use crate::verify::expression::{Expression, Facts};
use crate::verify::key::algorithm::{JwtAlgorithm, SignatureAlgorithm};
use crate::verify::key::secret::Key;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::scheme::jwt::token::decode_json;
use crate::verify::scheme::jwt::{ClaimRule, JwtScheme};
use crate::verify::scheme::native::Inspect;
use crate::verify::scheme::native::head::{HeadParts, covers_content};

impl Inspect for JwtScheme {
    fn openness(&self) -> BTreeSet<&'static str> {
        let mut open = BTreeSet::new();
        if self.token.is_some() && !self.messages().any(covers_content) {
            open.insert("body");
        }
        if self.timeless {
            open.insert("freshness");
        }
        // Any of a claim's forms is enough, and some cover less of the URL than others.
        let is_narrow = |message: &Message| HeadParts::of(std::iter::once(message)).leaves_some_of_url();
        let has_narrow_form =
            |rule: &ClaimRule| matches!(rule, ClaimRule::OneOf(messages) if messages.iter().any(is_narrow));
        if self.claims.iter().any(|(_, rule)| has_narrow_form(rule)) {
            open.insert("url");
        }
        open
    }

    fn signed_head(&self) -> HeadParts {
        HeadParts::of(self.messages())
    }

    fn key_of_bytes(&self, bytes: &[u8]) -> Option<Key> {
        let key = |algorithm: &JwtAlgorithm| Key::of_bytes(bytes, SignatureAlgorithm::Hmac(algorithm.hmac()?));
        let keys: Vec<_> = self.algorithms.iter().filter_map(|name| Some((*name, key(name)?))).collect();
        (!keys.is_empty()).then_some(Key::Jwt(keys))
    }

    fn public_algorithms(&self) -> Vec<PublicAlgorithm> {
        self.algorithms.iter().filter_map(|algorithm| algorithm.public()).collect()
    }

    fn proof_value(&self) -> Option<&Expression> {
        self.token.as_ref()
    }

    fn values(&self) -> Vec<&Expression> {
        self.token.iter().chain(self.messages().flat_map(Message::values)).collect()
    }
}

impl JwtScheme {
    /// Header and claims of the token that a request presents. Nothing of it is verified.
    #[must_use]
    pub fn unverified(&self, facts: &Facts<'_>) -> Option<(Json, Json)> {
        let token = self.presented(facts).ok()??;
        Self::decode_unverified(self.without_prefix(&token).ok()?)
    }

    /// Header and claims of a token without its prefix. Nothing of it is verified.
    #[must_use]
    pub fn decode_unverified(token: &[u8]) -> Option<(Json, Json)> {
        let mut parts = token.split(|byte| *byte == b'.');
        Some((decode_json(parts.next()?).ok()?, decode_json(parts.next()?).ok()?))
    }

    /// A token without its prefix, as far as it has one.
    #[must_use]
    pub fn strip_prefix<'a>(&self, token: &'a [u8]) -> &'a [u8] {
        self.without_prefix(token).unwrap_or(token)
    }
}
