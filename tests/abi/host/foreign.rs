//! Foreign functions: `verify_signature`, as Envoy has it, and as a host may fail at it.

use super::state::{BAD_ARGUMENT, INTERNAL_FAILURE, NOT_FOUND, OK, host, refuses};
use super::wire::{bytes, give};
use crate::second_opinion::is_valid;

/// How the host verifies signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    /// Not at all, as most hosts.
    #[default]
    Absent,
    /// As Envoy does.
    Verifies,
    /// With this status.
    Fails(u32),
    /// With these bytes as a result.
    Says(&'static [u8]),
}

#[unsafe(no_mangle)]
extern "C" fn proxy_call_foreign_function(
    name: *const u8,
    name_size: usize,
    arguments: *const u8,
    arguments_size: usize,
    results: *mut *mut u8,
    results_size: *mut usize,
) -> u32 {
    // SAFETY: the SDK passes valid pointers with their lengths.
    let (name, arguments) = unsafe { (bytes(name, name_size), bytes(arguments, arguments_size)) };
    if refuses("proxy_call_foreign_function", String::from_utf8_lossy(&name)) {
        return INTERNAL_FAILURE;
    }
    let foreign = host(|host| {
        host.foreign_calls += 1;
        host.foreign.clone()
    });
    let result = match foreign {
        Foreign::Absent => return NOT_FOUND,
        Foreign::Fails(status) => return status,
        Foreign::Says(result) => result.to_vec(),
        Foreign::Verifies if name != b"verify_signature" => return NOT_FOUND,
        Foreign::Verifies => match fields(&arguments).as_deref() {
            Some([(1, hash), (2, key), (3, signature), (4, text)]) => {
                let hash = String::from_utf8_lossy(hash);
                let is_valid = is_valid(&hash, key, text, signature);
                if is_valid { vec![0x08, 1] } else { [&[0x12, 24], &b"Failed to verify digest."[..]].concat() }
            }
            _ => return BAD_ARGUMENT,
        },
    };
    // SAFETY: the SDK passes valid pointers for the result.
    unsafe { give(result, results, results_size) };
    OK
}

/// The fields of a protocol buffer that has nothing but texts.
fn fields(mut message: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut fields = Vec::new();
    while let [tag, rest @ ..] = message {
        let (mut length, mut shift, mut rest) = (0_usize, 0, rest);
        loop {
            let [byte, more @ ..] = rest else { return None };
            (length, shift, rest) = (length | usize::from(byte & 0x7f) << shift, shift + 7, more);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (bytes, more) = rest.split_at_checked(length).filter(|_| tag & 7 == 2)?;
        fields.push((tag >> 3, bytes.to_vec()));
        message = more;
    }
    Some(fields)
}
