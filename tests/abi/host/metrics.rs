//! Metrics.

use super::state::{INTERNAL_FAILURE, NOT_FOUND, OK, host, refuses};
use super::wire::bytes;

#[unsafe(no_mangle)]
extern "C" fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32 {
    if refuses("proxy_define_metric") {
        return INTERNAL_FAILURE;
    }
    // SAFETY: the SDK passes a valid pointer with its length.
    let name = String::from_utf8_lossy(&unsafe { bytes(name, size) }).into_owned();
    let number = host(|host| {
        const COUNTER: u32 = 0;
        if kind == COUNTER {
            host.definitions.push(name.clone());
        }
        let known = host.metrics.iter().position(|(other, _)| *other == name);
        known.unwrap_or_else(|| {
            host.metrics.push((name, 0));
            host.metrics.len() - 1
        }) + 1
    });
    // SAFETY: the SDK passes a valid pointer for the result.
    unsafe { *id = u32::try_from(number).unwrap_or(u32::MAX) };
    OK
}

fn set_metric(id: u32, change: impl FnOnce(u64) -> u64) -> u32 {
    host(|host| match host.metrics.get_mut((id as usize).wrapping_sub(1)) {
        Some((_, value)) => {
            *value = change(*value);
            OK
        }
        None => NOT_FOUND,
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_record_metric(id: u32, value: u64) -> u32 {
    if refuses("proxy_record_metric") {
        return INTERNAL_FAILURE;
    }
    set_metric(id, |_| value)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_increment_metric(id: u32, by: i64) -> u32 {
    if refuses("proxy_increment_metric") {
        return INTERNAL_FAILURE;
    }
    set_metric(id, |value| value.saturating_add_signed(by))
}
