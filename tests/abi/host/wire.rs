//! Bytes and maps as host and plugin exchange them.

use std::{ptr, slice};

/// Text or bytes that the plugin passes.
///
/// # Safety
/// `data` is null, or points to `size` bytes.
pub(super) unsafe fn bytes(data: *const u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: guaranteed by the caller.
    unsafe { slice::from_raw_parts(data, size) }.to_vec()
}

/// Transfers ownership of memory; the SDK rebuilds a `Vec` whose capacity is its length.
///
/// # Safety
/// Both pointers can be written to.
pub(super) unsafe fn give(bytes: Vec<u8>, data: *mut *mut u8, size: *mut usize) {
    let len = bytes.len();
    let bytes = if bytes.is_empty() { ptr::null_mut() } else { Box::into_raw(bytes.into_boxed_slice()).cast::<u8>() };
    // SAFETY: guaranteed by the caller.
    unsafe {
        *data = bytes;
        *size = len;
    }
}

pub(super) fn serialize(map: &[(String, Vec<u8>)]) -> Vec<u8> {
    let word = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = word(map.len()).to_vec();
    for (name, value) in map {
        bytes.extend(word(name.len()));
        bytes.extend(word(value.len()));
    }
    for (name, value) in map {
        bytes.extend([name.as_bytes(), &[0], value, &[0]].concat());
    }
    bytes
}

pub(super) fn deserialize(bytes: &[u8]) -> Vec<(String, String)> {
    let word =
        |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    let count = word(0);
    let mut at = 4 + 8 * count;
    let mut text = |len: usize| {
        let text = String::from_utf8_lossy(bytes.get(at..at + len).unwrap_or_default()).into_owned();
        at += len + 1;
        text
    };
    (0..count).map(|pair| (text(word(4 + 8 * pair)), text(word(8 + 8 * pair)))).collect()
}
