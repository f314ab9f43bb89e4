//! What an HTTP Message Signature leaves open.

use std::collections::BTreeSet;

use crate::verify::expression::native::UrlParts;
use crate::verify::key::secret::Key;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::scheme::message_signature::{Component, MessageSignatureScheme};
use crate::verify::scheme::native::Inspect;
use crate::verify::scheme::native::head::HeadParts;

impl Inspect for MessageSignatureScheme {
    fn openness(&self) -> BTreeSet<&'static str> {
        self.rule.insecure_body_unsigned.then_some("body").into_iter().collect()
    }

    fn signed_head(&self) -> HeadParts {
        let covered = &self.rule.components;
        let whole_url = covered.contains(&Component::TargetUri);
        let covers = |component| whole_url || covered.contains(&component);
        HeadParts {
            url: UrlParts {
                host: covers(Component::Authority),
                path: covers(Component::Path),
                query: covers(Component::Query),
                parameters: covered.iter().any(|component| matches!(component, Component::QueryParam(_))),
            },
            method: covered.contains(&Component::Method),
            request_id: covered.contains(&Component::Field("x-request-id".to_owned())),
        }
    }

    fn key_of_bytes(&self, bytes: &[u8]) -> Option<Key> {
        Key::of_bytes(bytes, self.algorithm)
    }

    fn public_algorithms(&self) -> Vec<PublicAlgorithm> {
        self.algorithm.public().into_iter().collect()
    }

    fn further_headers(&self) -> Vec<String> {
        let field = |component: &Component| match component {
            Component::Field(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        };
        self.rule.components.iter().filter_map(field).collect()
    }
}
