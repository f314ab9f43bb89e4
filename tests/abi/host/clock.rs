//! The time and the tick.

use super::state::{INTERNAL_FAILURE, OK, host, refuses};

#[unsafe(no_mangle)]
extern "C" fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32 {
    if refuses("proxy_get_current_time_nanoseconds", "") {
        return INTERNAL_FAILURE;
    }
    // SAFETY: the SDK passes a valid pointer for the result.
    unsafe { *time = host(|host| host.seconds) * 1_000_000_000 };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_tick_period_milliseconds(period: u32) -> u32 {
    if refuses("proxy_set_tick_period_milliseconds", "") {
        return INTERNAL_FAILURE;
    }
    host(|host| host.tick = Some(period));
    OK
}
