//! What a credential leaves open.

use std::collections::BTreeSet;

use crate::verify::expression::Expression;
use crate::verify::key::secret::Key;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::primitives::token::TokenDigest;
use crate::verify::scheme::credential::{CredentialPlace, CredentialScheme};
use crate::verify::scheme::native::Inspect;
use crate::verify::scheme::native::head::HeadParts;

impl Inspect for CredentialScheme {
    fn openness(&self) -> BTreeSet<&'static str> {
        BTreeSet::from(["body", "freshness"])
    }

    fn signed_head(&self) -> HeadParts {
        HeadParts::default()
    }

    fn key_of_bytes(&self, bytes: &[u8]) -> Option<Key> {
        Some(Key::Token(TokenDigest::new(bytes)))
    }

    fn public_algorithms(&self) -> Vec<PublicAlgorithm> {
        Vec::new()
    }

    fn proof_value(&self) -> Option<&Expression> {
        match &self.place {
            CredentialPlace::Value(value) => Some(value),
            CredentialPlace::Header(_) | CredentialPlace::Every(_) => None,
        }
    }
}
