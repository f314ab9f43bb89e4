//! What of a request a scheme reads.

use crate::verify::expression::Expression;
use crate::verify::expression::message::Message;
use crate::verify::expression::native::Origin;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::scheme::Scheme;
use crate::verify::scheme::message_signature::Component;
use crate::verify::scheme::native::head::HeadPart;
use crate::verify::scheme::signature::SignatureScheme;

/// The headers that schemes read, in lower case, each once; a numbered family as its name and `*`.
pub fn headers<'a>(schemes: impl IntoIterator<Item = &'a Scheme>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for scheme in schemes {
        let of_proof = scheme.proof_headers().into_iter().map(str::to_ascii_lowercase);
        let of_values =
            scheme.inspect().values().into_iter().flat_map(Expression::headers).map(str::to_ascii_lowercase);
        for name in of_proof.chain(scheme.inspect().further_headers()).chain(of_values) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

impl Scheme {
    /// Where the proof is, if that is a value of the value language.
    #[must_use]
    pub fn proof_value(&self) -> Option<&Expression> {
        self.inspect().proof_value()
    }

    /// Whether it reads the URL that was called, or parts of it.
    #[must_use]
    pub fn reads_url(&self) -> bool {
        let is_url = |part: &HeadPart| matches!(part, HeadPart::Host | HeadPart::Path | HeadPart::Query);
        let reads = |value: &Expression| !value.url_parts().is_empty();
        self.signed_head().iter().any(is_url) || self.inspect().values().into_iter().any(reads)
    }

    /// Whether it reads the host as it is in the request. That of a URL is configured.
    #[must_use]
    pub fn reads_authority(&self) -> bool {
        match self {
            Scheme::HttpSignature(_) => true,
            Scheme::MessageSignature(scheme) => {
                let covered = &scheme.rule.components;
                covered.contains(&Component::Authority)
                    || (covered.contains(&Component::TargetUri) && scheme.public_url.is_none())
            }
            Scheme::Signature(_) | Scheme::Credential(_) | Scheme::Jwt(_) => false,
        }
    }

    /// Whether it reads the method.
    #[must_use]
    pub fn reads_method(&self) -> bool {
        let values = self.inspect().values();
        self.signed_head().contains(&HeadPart::Method) || values.into_iter().any(Expression::covers_method)
    }

    /// The algorithms whose keys are public.
    #[must_use]
    pub fn public_algorithms(&self) -> Vec<PublicAlgorithm> {
        self.inspect().public_algorithms()
    }
}

impl SignatureScheme {
    /// Every value that it names, but for the signature itself.
    pub fn values_beside_signature(&self) -> impl Iterator<Item = &Expression> {
        let pairs = self.require.iter().flat_map(|(left, right)| left.values().chain(right.values()));
        let timestamp = self.timestamp.iter().map(|rule| &rule.at);
        self.messages.iter().flat_map(Message::values).chain(timestamp).chain(&self.event_id).chain(pairs)
    }

    /// Whether it reads other entries of the signature's list than the candidates.
    #[must_use]
    pub fn reads_entries(&self) -> bool {
        self.values_beside_signature().any(|value| matches!(value.origin(), Origin::Entry(_) | Origin::EntryAt(_)))
    }
}
