//! Shared data.

use super::state::{CAS_MISMATCH, INTERNAL_FAILURE, NOT_FOUND, OK, host, refuses};
use super::wire::{bytes, give};

#[unsafe(no_mangle)]
extern "C" fn proxy_get_shared_data(
    key: *const u8,
    key_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
    version: *mut u32,
) -> u32 {
    // SAFETY: the SDK passes a valid pointer with its length.
    let key = unsafe { bytes(key, key_size) };
    if refuses("proxy_get_shared_data", String::from_utf8_lossy(&key)) {
        return INTERNAL_FAILURE;
    }
    match host(|host| host.shared.get(&key).cloned()) {
        Some((value, at)) => {
            // SAFETY: the SDK passes valid pointers for the result.
            unsafe {
                give(value, data, size);
                *version = at;
            }
            OK
        }
        None => NOT_FOUND,
    }
}

/// As in Envoy, the version matters only if the key exists.
#[unsafe(no_mangle)]
extern "C" fn proxy_set_shared_data(
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
    version: u32,
) -> u32 {
    // SAFETY: the SDK passes valid pointers with their lengths.
    let (key, value) = unsafe { (bytes(key, key_size), bytes(value, value_size)) };
    if refuses("proxy_set_shared_data", String::from_utf8_lossy(&key)) {
        return INTERNAL_FAILURE;
    }
    host(|host| {
        let next = host.shared.get(&key).map_or(1, |(_, at)| at + 1);
        if version != 0 && host.shared.get(&key).is_some_and(|(_, at)| *at != version) {
            return CAS_MISMATCH;
        }
        host.shared.insert(key, (value, next));
        OK
    })
}
