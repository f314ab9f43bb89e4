//! Bodies and the configuration.

use super::state::{INTERNAL_FAILURE, NOT_FOUND, OK, current, host, refuses};
use super::vm::Reads;
use super::wire::give;

const REQUEST_BODY: u32 = 0;
const CALL_RESPONSE_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;

#[unsafe(no_mangle)]
extern "C" fn proxy_get_buffer_bytes(kind: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize) -> u32 {
    let (name, buffer, reads) = match kind {
        PLUGIN_CONFIGURATION => ("configuration", host(|host| host.configuration.clone()), Reads::All),
        CALL_RESPONSE_BODY => ("call response", host(|host| host.answer.clone()).unwrap_or_default().1, Reads::All),
        REQUEST_BODY => {
            ("request body", current(|stream| stream.body.clone()).unwrap_or_default(), host(|host| host.reads))
        }
        _ => ("unknown", Vec::new(), Reads::Nothing),
    };
    if refuses("proxy_get_buffer_bytes", format!("{name}, {max} bytes from {start}")) {
        return INTERNAL_FAILURE;
    }
    let end = start.saturating_add(max).min(buffer.len());
    let found = buffer.get(start..end).unwrap_or_default();
    let found = match reads {
        Reads::All => found,
        Reads::Half => &found[..found.len() / 2],
        Reads::Empty => &[],
        Reads::Nothing => return NOT_FOUND,
    };
    // SAFETY: the SDK passes valid pointers for the result.
    unsafe { give(found.to_vec(), data, size) };
    OK
}
