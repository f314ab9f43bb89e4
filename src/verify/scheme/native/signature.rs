//! What a signature leaves open.

use std::collections::BTreeSet;

use crate::verify::expression::Expression;
use crate::verify::expression::message::Message;
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::key::secret::Key;
use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::scheme::native::Inspect;
use crate::verify::scheme::native::head::{HeadParts, covers_content};
use crate::verify::scheme::signature::{Place, SignatureScheme};

impl Inspect for SignatureScheme {
    fn openness(&self) -> BTreeSet<&'static str> {
        let mut open = BTreeSet::new();
        if self.timestamp.is_none() {
            open.insert("freshness");
        }
        let bound = self.require.iter().flat_map(|(left, right)| [left, right]).any(covers_content);
        if !bound && !self.messages.iter().all(covers_content) {
            // The id and the time of an event are not its content.
            let is_name = |value: &Expression| {
                value.is_timestamp()
                    || self.event_id.as_ref() == Some(value)
                    || self.timestamp.as_ref().is_some_and(|rule| &rule.at == value)
            };
            let signs_content = |message: &Message| message.values().any(|value| value.needs_body() && !is_name(value));
            open.insert(if self.messages.iter().all(signs_content) { "part-of-body" } else { "body" });
        }
        let mut hashes: Vec<_> = self.templates().flat_map(Message::values).filter_map(Expression::body_hash).collect();
        match self.algorithm {
            SignatureAlgorithm::Hmac(hash) | SignatureAlgorithm::Hash(hash) => hashes.push(hash),
            SignatureAlgorithm::Public(PublicAlgorithm::RsaPkcs1Sha1 | PublicAlgorithm::EcdsaP256Sha1Der) => {
                hashes.push(HashAlgorithm::Sha1);
            }
            SignatureAlgorithm::Public(_) => {}
        }
        if hashes.contains(&HashAlgorithm::Sha1) {
            open.insert("algorithm-sha1");
        }
        if hashes.contains(&HashAlgorithm::Md5) {
            open.insert("algorithm-md5");
        }
        let unit = self.timestamp.as_ref().map(|rule| rule.unit);
        if self.messages.iter().any(|message| message.lets_bytes_move(unit)) {
            open.insert("replay-boundary");
        }
        open
    }

    fn signed_head(&self) -> HeadParts {
        HeadParts::of(self.messages.iter())
    }

    fn key_of_bytes(&self, bytes: &[u8]) -> Option<Key> {
        Key::of_bytes(bytes, self.algorithm)
    }

    fn public_algorithms(&self) -> Vec<PublicAlgorithm> {
        self.algorithm.public().into_iter().collect()
    }

    fn proof_value(&self) -> Option<&Expression> {
        match &self.signature.place {
            Place::Value(value) => Some(value),
            Place::Headers(_) | Place::Family(_) => None,
        }
    }

    fn values(&self) -> Vec<&Expression> {
        self.proof_value().into_iter().chain(self.values_beside_signature()).collect()
    }

    fn further_headers(&self) -> Vec<String> {
        match &self.signature.place {
            Place::Family(family) => vec![format!("{}*", family.to_ascii_lowercase())],
            Place::Headers(_) | Place::Value(_) => Vec::new(),
        }
    }
}
