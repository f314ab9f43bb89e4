//! HTTP calls of the plugin.

use super::state::{BAD_ARGUMENT, INTERNAL_FAILURE, OK, host, refuses};
use super::wire::{bytes, deserialize};

/// An HTTP call of the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub(super) stream: u32,
    pub cluster: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub timeout: u32,
}

#[unsafe(no_mangle)]
extern "C" fn proxy_http_call(
    cluster: *const u8,
    cluster_size: usize,
    headers: *const u8,
    headers_size: usize,
    body: *const u8,
    body_size: usize,
    _trailers: *const u8,
    _trailers_size: usize,
    timeout: u32,
    token: *mut u32,
) -> u32 {
    // SAFETY: the SDK passes valid pointers with their lengths.
    let (cluster, headers, body) =
        unsafe { (bytes(cluster, cluster_size), bytes(headers, headers_size), bytes(body, body_size)) };
    let cluster = String::from_utf8_lossy(&cluster).into_owned();
    if refuses("proxy_http_call", &cluster) {
        return INTERNAL_FAILURE;
    }
    if host(|host| host.has_no_cluster) {
        return BAD_ARGUMENT;
    }
    let number = host(|host| {
        host.calls.push(Call { stream: host.current, cluster, headers: deserialize(&headers), body, timeout });
        host.calls.len()
    });
    // SAFETY: the SDK passes a valid pointer for the result.
    unsafe { *token = u32::try_from(number).unwrap_or(0) };
    OK
}
