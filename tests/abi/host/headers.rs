//! Maps of headers and trailers.

use super::state::{BAD_ARGUMENT, INTERNAL_FAILURE, NOT_FOUND, OK, current, host, refuses};
use super::wire::{bytes, give, serialize};

const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const CALL_RESPONSE_HEADERS: u32 = 6;

/// The name of a map, for the trace.
fn name_of(kind: u32) -> &'static str {
    match kind {
        REQUEST_HEADERS => "request headers",
        REQUEST_TRAILERS => "request trailers",
        RESPONSE_HEADERS => "response headers",
        CALL_RESPONSE_HEADERS => "call response headers",
        _ => "unknown",
    }
}

/// What a call is about: a header in a map.
fn header(kind: u32, name: &[u8]) -> String {
    format!("{}, {}", name_of(kind), String::from_utf8_lossy(name))
}

/// A map of headers, if the plugin may access it at this point.
fn map<T>(kind: u32, what: impl FnOnce(&mut Vec<(String, Vec<u8>)>) -> T) -> Option<T> {
    let gone = current(|stream| stream.upstream.headers.is_some() || stream.is_over).unwrap_or(true);
    if kind == REQUEST_HEADERS && gone {
        host(|host| host.misuse.push("headers are changed after they were forwarded".to_owned()));
    }
    current(|stream| what(if kind == REQUEST_TRAILERS { &mut stream.trailers } else { &mut stream.headers }))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_pairs(kind: u32, data: *mut *mut u8, size: *mut usize) -> u32 {
    if refuses("proxy_get_header_map_pairs", name_of(kind)) {
        return INTERNAL_FAILURE;
    }
    match host(|host| host.map_bytes.clone()).or_else(|| map(kind, |map| serialize(map))) {
        Some(pairs) => {
            // SAFETY: the SDK passes valid pointers for the result.
            unsafe { give(pairs, data, size) };
            OK
        }
        None => BAD_ARGUMENT,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_remove_header_map_value(kind: u32, name: *const u8, size: usize) -> u32 {
    // SAFETY: the SDK passes a valid pointer with its length.
    let name = unsafe { bytes(name, size) };
    if refuses("proxy_remove_header_map_value", header(kind, &name)) {
        return INTERNAL_FAILURE;
    }
    match map(kind, |map| map.retain(|(other, _)| !other.as_bytes().eq_ignore_ascii_case(&name))) {
        Some(()) => OK,
        None => BAD_ARGUMENT,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_replace_header_map_value(
    kind: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    // SAFETY: the SDK passes valid pointers with their lengths.
    let (name, value) = unsafe { (bytes(name, name_size), bytes(value, value_size)) };
    if refuses("proxy_replace_header_map_value", header(kind, &name)) {
        return INTERNAL_FAILURE;
    }
    let name = String::from_utf8_lossy(&name).into_owned();
    let replace = |map: &mut Vec<(String, Vec<u8>)>| {
        map.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        map.push((name, value));
    };
    map(kind, replace).map_or(BAD_ARGUMENT, |()| OK)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_value(
    kind: u32,
    name: *const u8,
    name_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    // SAFETY: the SDK passes a valid pointer with its length.
    let name = unsafe { bytes(name, name_size) };
    if refuses("proxy_get_header_map_value", header(kind, &name)) {
        return INTERNAL_FAILURE;
    }
    let status = match kind {
        RESPONSE_HEADERS => current(|stream| stream.response_status).flatten(),
        CALL_RESPONSE_HEADERS => host(|host| host.answer.as_ref().map(|(status, _)| *status)),
        _ => None,
    };
    match status.filter(|_| name == b":status") {
        Some(status) => {
            // SAFETY: the SDK passes valid pointers for the result.
            unsafe { give(status.to_string().into_bytes(), data, size) };
            OK
        }
        None => NOT_FOUND,
    }
}
