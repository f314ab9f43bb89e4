//! The host's verification of signatures: Envoy's foreign function `verify_signature`, whose arguments and result are protocol
//! buffers (`source/extensions/common/wasm/ext/verify_signature.proto`).

use proxy_wasm::hostcalls;

use super::proxy::ProxyWasm;
use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::primitives::public_key::{Question, SignatureHost};

/// The wire type of texts and bytes (protobuf.dev, "Encoding").
const LENGTH_DELIMITED: u8 = 2;

impl SignatureHost for ProxyWasm {
    fn verify_signature(&self, question: &Question<'_>) -> Option<bool> {
        let arguments = arguments(question)?;
        read_result(&hostcalls::call_foreign_function("verify_signature", Some(&arguments)).ok()??)
    }
}

/// The arguments: hash, key, signature, text.
fn arguments(question: &Question<'_>) -> Option<Vec<u8>> {
    let Question { hash, key, text, signature } = question;
    let hash = match hash {
        HashAlgorithm::Sha1 => "sha1",
        HashAlgorithm::Sha256 => "sha256",
        HashAlgorithm::Sha384 => "sha384",
        HashAlgorithm::Sha512 => "sha512",
        HashAlgorithm::Md5 => return None,
    };
    let fields: [(u8, &[u8]); 4] = [(1, hash.as_bytes()), (2, key), (3, signature), (4, text)];
    // A number and a length in front of each.
    let size = fields.iter().fold(0, |size: usize, (_, bytes)| size.saturating_add(bytes.len()).saturating_add(6));
    let mut message = Vec::with_capacity(size);
    for (number, bytes) in fields {
        message.push(number << 3 | LENGTH_DELIMITED);
        write_varint(&mut message, bytes.len());
        message.extend_from_slice(bytes);
    }
    Some(message)
}

fn write_varint(message: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            message.push(low);
            return;
        }
        message.push(low | 0x80);
    }
}

/// The result: a boolean, or a text that says what is wrong. Anything but one of the two, in its one encoding, is no answer.
fn read_result(message: &[u8]) -> Option<bool> {
    match message {
        [0x08, 0x01] => Some(true),
        // The text has fewer than 128 bytes in every version; a length of two bytes is read nonetheless.
        [0x12, length, text @ ..] if (1..0x80).contains(length) => {
            (text.len() == usize::from(*length)).then_some(false)
        }
        [0x12, low, high, text @ ..] if *low >= 0x80 && (1..0x80).contains(high) => {
            let length = usize::from(*high) << 7 | usize::from(low & 0x7f);
            (text.len() == length).then_some(false)
        }
        _ => None,
    }
}
