//! Properties and filter state.

use super::state::{INTERNAL_FAILURE, NOT_FOUND, OK, current, host, refuses};
use super::wire::{bytes, give};

#[unsafe(no_mangle)]
extern "C" fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32 {
    if refuses("proxy_get_property") {
        return INTERNAL_FAILURE;
    }
    // SAFETY: the SDK passes a valid pointer with its length.
    let path = unsafe { bytes(path, path_size) };
    let answered = current(|stream| stream.from_upstream).unwrap_or(false);
    let of_filter_state = path.strip_prefix(b"filter_state\0").and_then(|key| {
        let key = std::str::from_utf8(key).ok()?;
        host(|host| host.filter_state.get(key).cloned())
    });
    let value = match path.as_slice() {
        _ if of_filter_state.is_some() => of_filter_state.as_deref().unwrap_or_default(),
        b"source\0address" => "192.0.2.7:4711",
        b"response\0code_details" if answered => "via_upstream",
        b"response\0code_details" => "request_rate_limited",
        _ => return NOT_FOUND,
    };
    // SAFETY: the SDK passes valid pointers for the result.
    unsafe { give(value.as_bytes().to_vec(), data, size) };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32 {
    if refuses("proxy_set_property") {
        return INTERNAL_FAILURE;
    }
    // SAFETY: the SDK passes valid pointers with their lengths.
    let (path, value) = unsafe { (bytes(path, path_size), bytes(value, value_size)) };
    current(|stream| drop(stream.filter_state.insert(path, value)));
    OK
}
