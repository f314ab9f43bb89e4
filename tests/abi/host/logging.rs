//! The log.

use super::state::{INTERNAL_FAILURE, OK, host, refuses};
use super::wire::bytes;

const CRITICAL: u32 = 5;

#[unsafe(no_mangle)]
extern "C" fn proxy_log(level: u32, data: *const u8, size: usize) -> u32 {
    if refuses("proxy_log", format!("level {level}")) {
        return INTERNAL_FAILURE;
    }
    // SAFETY: the SDK passes a valid pointer with its length.
    let line = String::from_utf8_lossy(&unsafe { bytes(data, size) }).into_owned();
    if level == CRITICAL {
        // The SDK logs a panic, which ends this process if a callback of the host is on the stack.
        eprintln!("{line}");
    }
    host(|host| host.log.push((level, line)));
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_log_level(level: *mut u32) -> u32 {
    if refuses("proxy_get_log_level", "") {
        return INTERNAL_FAILURE;
    }
    // SAFETY: the SDK passes a valid pointer for the result.
    unsafe { *level = 2 };
    OK
}
