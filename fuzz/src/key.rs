//! Keys and signatures: malformed keys are rejected without a panic, and no signature verifies that no key made.

use hookwarden::private_key::PrivateKey;
use hookwarden::verify::primitives::public_key::PublicKey;

use crate::input::Input;
use crate::invariants::PUBLIC_ALGORITHMS;

/// The fuzzer has no private key for it.
const MESSAGE: &[u8] = b"an unsigned message";

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.byte();
    let algorithm = *input.pick(&PUBLIC_ALGORITHMS);
    let content = algorithm.hash().map_or_else(|| MESSAGE.to_vec(), |hash| hash.digest(MESSAGE));
    match kind % 3 {
        // A key in any form, then a zero byte and a signature.
        0 => {
            let text = input.rest();
            let (key, signature) = text.split_at(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
            let key = String::from_utf8_lossy(key);
            if let Ok(key) = PublicKey::parse(&key, algorithm, 2048) {
                // With a small modulus or the neutral curve point, anything would verify.
                assert!(!key.verifies(algorithm, &content, signature.get(1..).unwrap_or_default()));
                let _ = format!("{key:?}");
            }
        }
        1 => {
            let text = input.rest();
            let _ = PrivateKey::parse(&String::from_utf8_lossy(text), algorithm).map(|key| key.public_key());
        }
        // A signature for a valid key.
        _ => {
            let mut number = 7_u8;
            let mut rng = |bytes: &mut [u8]| {
                for byte in bytes {
                    number = number.wrapping_mul(31).wrapping_add(11);
                    *byte = number;
                }
            };
            let Some(private) = PrivateKey::random(algorithm, &mut rng) else { return };
            let public = PublicKey::parse(&private.public_key(), algorithm, 2048).expect("a valid key");
            let valid = private.sign(algorithm, MESSAGE, &mut rng).expect("a signature");
            assert!(public.verifies(algorithm, &content, &valid));
            let signature = input.rest();
            let mut changed = valid.clone();
            for pair in signature.chunks_exact(2) {
                let at = usize::from(pair[0]) % changed.len();
                changed[at] ^= pair[1];
            }
            assert!(
                changed == valid || !public.verifies(algorithm, &content, &changed),
                "a changed signature verifies"
            );
            // The fuzzer may learn the valid signature from the comparison above.
            assert!(
                signature == valid.as_slice() || !public.verifies(algorithm, &content, signature),
                "an invented signature verifies"
            );
        }
    }
}
