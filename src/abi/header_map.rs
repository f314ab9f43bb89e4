//! A map of headers, as the host hands it over: in one piece of memory.
//!
//! The SDK copies each name and each value of a map, and stops the VM if it cannot read one. Here the lines are borrowed from
//! the one piece, and a map that cannot be read is an error.

use proxy_wasm::types::MapType;

use super::host::Refused;
use crate::verify::Line;

/// The lengths of a line's name and value take this many bytes.
const LENGTHS: usize = 8;

/// A map of headers.
pub(super) struct HeaderMap {
    /// In the format of proxy-wasm: the number of lines; the lengths of each name and value; then each name and each value
    /// with a NUL behind it. Numbers have 32 bits, the least significant byte first.
    bytes: Vec<u8>,
}

impl HeaderMap {
    /// All lines of a map of the current stream or call.
    ///
    /// # Errors
    /// The host refused, or has no such map.
    pub(super) fn read(map: MapType) -> Result<Self, Refused> {
        Ok(Self { bytes: call::header_map_pairs(map)? })
    }

    /// The lines, in order.
    ///
    /// # Errors
    /// The host's map breaks the format, or a name is no UTF-8.
    pub(super) fn lines(&self) -> Result<Vec<Line<'_>>, Refused> {
        if self.bytes.is_empty() {
            return Ok(Vec::new());
        }
        let (count, rest) = self.bytes.split_first_chunk().ok_or(Refused)?;
        let size = length(*count)?.checked_mul(LENGTHS).ok_or(Refused)?;
        let (lengths, mut rest) = rest.split_at_checked(size).ok_or(Refused)?;
        let (lengths, _) = lengths.as_chunks().0.as_chunks();
        let mut lines = Vec::with_capacity(lengths.len());
        for [name, value] in lengths {
            let name = take(&mut rest, length(*name)?)?;
            let value = take(&mut rest, length(*value)?)?;
            lines.push((std::str::from_utf8(name).map_err(|_| Refused)?, value));
        }
        Ok(lines)
    }
}

fn length(bytes: [u8; 4]) -> Result<usize, Refused> {
    usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| Refused)
}

/// The next `len` bytes; skips the NUL behind them.
fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], Refused> {
    let (taken, behind) = rest.split_at_checked(len).ok_or(Refused)?;
    *rest = behind.split_first().ok_or(Refused)?.1;
    Ok(taken)
}

#[allow(unsafe_code, reason = "the SDK has no function that gives the bytes of a map")]
mod call {
    use std::ptr::null_mut;

    use proxy_wasm::types::MapType;

    use super::Refused;

    const OK: u32 = 0;

    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        fn proxy_get_header_map_pairs(map: MapType, data: *mut *mut u8, size: *mut usize) -> u32;
    }

    /// The bytes of a map.
    pub(super) fn header_map_pairs(map: MapType) -> Result<Vec<u8>, Refused> {
        let (mut data, mut size) = (null_mut(), 0);
        // SAFETY: both pointers are valid for the call, which only writes to them.
        let status = unsafe { proxy_get_header_map_pairs(map, &raw mut data, &raw mut size) };
        if status != OK {
            return Err(Refused);
        }
        if data.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: the host had the SDK allocate `size` bytes (`proxy_on_memory_allocate`), filled them, and passes them to us:
        // nobody else frees them.
        Ok(unsafe { Vec::from_raw_parts(data, size, size) })
    }
}
