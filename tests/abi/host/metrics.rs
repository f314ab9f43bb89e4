//! Metrics.

use super::state::{INTERNAL_FAILURE, NOT_FOUND, OK, host, refuses};
use super::wire::bytes;

#[unsafe(no_mangle)]
extern "C" fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32 {
    // SAFETY: the SDK passes a valid pointer with its length.
    let name = String::from_utf8_lossy(&unsafe { bytes(name, size) }).into_owned();
    if refuses("proxy_define_metric", &name) {
        return INTERNAL_FAILURE;
    }
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

/// The name of a metric, for the trace.
fn name_of(id: u32) -> String {
    let known = |(name, _): &(String, u64)| name.clone();
    host(|host| host.metrics.get((id as usize).wrapping_sub(1)).map(known)).unwrap_or_else(|| "undefined".to_owned())
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
    if refuses("proxy_record_metric", name_of(id)) {
        return INTERNAL_FAILURE;
    }
    set_metric(id, |_| value)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_increment_metric(id: u32, by: i64) -> u32 {
    if refuses("proxy_increment_metric", name_of(id)) {
        return INTERNAL_FAILURE;
    }
    set_metric(id, |value| value.saturating_add_signed(by))
}
