//! What a draft-cavage signature leaves open.

use std::collections::BTreeSet;

use crate::verify::expression::native::UrlParts;
use crate::verify::key::secret::Key;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::scheme::draft_cavage::HttpSignatureScheme;
use crate::verify::scheme::native::Inspect;
use crate::verify::scheme::native::head::HeadParts;

impl Inspect for HttpSignatureScheme {
    fn openness(&self) -> BTreeSet<&'static str> {
        BTreeSet::new()
    }

    fn signed_head(&self) -> HeadParts {
        // The request's line and the host must be covered.
        HeadParts {
            url: UrlParts { host: true, path: true, query: true, parameters: false },
            method: true,
            request_id: false,
        }
    }

    fn key_of_bytes(&self, bytes: &[u8]) -> Option<Key> {
        Key::of_bytes(bytes, self.algorithm)
    }

    fn public_algorithms(&self) -> Vec<PublicAlgorithm> {
        self.algorithm.public().into_iter().collect()
    }

    fn further_headers(&self) -> Vec<String> {
        vec!["date".to_owned(), "digest".to_owned()]
    }
}
