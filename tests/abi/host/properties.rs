//! Properties and filter state.

use super::state::{INTERNAL_FAILURE, NOT_FOUND, OK, current, host, refuses};
use super::wire::{bytes, give};

/// A property's path, for the trace.
fn name_of(path: &[u8]) -> String {
    String::from_utf8_lossy(path).replace('\0', ".")
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32 {
    // SAFETY: the SDK passes a valid pointer with its length.
    let path = unsafe { bytes(path, path_size) };
    if refuses("proxy_get_property", name_of(&path)) {
        return INTERNAL_FAILURE;
    }
    let answered = current(|stream| stream.from_upstream).unwrap_or(false);
    let of_filter_state = path.strip_prefix(b"filter_state\0").and_then(|key| {
        let key = std::str::from_utf8(key).ok()?;
        host(|host| host.filter_state.get(key).cloned())
    });
    let value: &[u8] = match path.as_slice() {
        _ if of_filter_state.is_some() => of_filter_state.as_deref().unwrap_or_default().as_bytes(),
        b"source\0address" => b"192.0.2.7:4711",
        // All requests arrive on one connection.
        b"connection_id" if host(|host| host.has_no_connection_ids) => return NOT_FOUND,
        b"connection_id" => &[1, 0, 0, 0, 0, 0, 0, 0],
        b"response\0code_details" if answered => b"via_upstream",
        b"response\0code_details" => b"request_rate_limited",
        _ => return NOT_FOUND,
    };
    // SAFETY: the SDK passes valid pointers for the result.
    unsafe { give(value.to_vec(), data, size) };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32 {
    // SAFETY: the SDK passes valid pointers with their lengths.
    let (path, value) = unsafe { (bytes(path, path_size), bytes(value, value_size)) };
    if refuses("proxy_set_property", name_of(&path)) {
        return INTERNAL_FAILURE;
    }
    current(|stream| drop(stream.filter_state.insert(path, value)));
    OK
}
