//! Files that the command line names; `-` is standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::terminal::Failure;

/// Opens a file, or standard input for `-`.
///
/// # Errors
/// It cannot be opened.
pub fn open(name: impl AsRef<Path>) -> Result<Box<dyn Read>, Failure> {
    let name = name.as_ref();
    if name == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(name).map_err(|error| failure(name, error))?;
    Ok(Box::new(file))
}

/// Reads a whole file, or standard input for `-`.
///
/// # Errors
/// It cannot be read.
pub fn read(name: impl AsRef<Path>) -> Result<Vec<u8>, Failure> {
    let name = name.as_ref();
    let mut bytes = Vec::new();
    open(name)?.read_to_end(&mut bytes).map_err(|error| failure(name, error))?;
    Ok(bytes)
}

/// Reads a whole file, or standard input for `-`, as UTF-8.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_text(name: impl AsRef<Path>) -> Result<String, Failure> {
    let name = name.as_ref();
    let bytes = read(name)?;
    let decoded = decoded(&bytes).map_err(|error| failure(name, error))?;
    String::from_utf8(decoded.unwrap_or(bytes)).map_err(|_| failure(name, "not UTF-8"))
}

/// Reads a configuration, or standard input for `-`: UTF-8 without a byte order mark, for a proxy reads nothing else.
///
/// # Errors
/// It cannot be read, or is in another encoding.
pub fn read_configuration(name: impl AsRef<Path>) -> Result<Vec<u8>, Failure> {
    let name = name.as_ref();
    let bytes = read(name)?;
    match mark(&bytes) {
        Some(encoding) => Err(failure(name, format!("{encoding}; save it as UTF-8 without a byte order mark"))),
        None => Ok(bytes),
    }
}

/// What a file begins with that UTF-8 without a byte order mark does not, in words.
pub fn mark(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Some("begins with a byte order mark");
    }
    byte_order(bytes).map(|_| "is in UTF-16, as PowerShell's > and other programs of Windows write it")
}

/// How UTF-16 is read; `None` if the bytes are no UTF-16.
fn byte_order(bytes: &[u8]) -> Option<fn([u8; 2]) -> u16> {
    match bytes {
        [0xff, 0xfe, ..] => Some(u16::from_le_bytes),
        [0xfe, 0xff, ..] => Some(u16::from_be_bytes),
        // ASCII without a mark has a zero in every second byte.
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Some(u16::from_le_bytes),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => Some(u16::from_be_bytes),
        _ => None,
    }
}

/// The text of bytes in UTF-16, as UTF-8 without a byte order mark; `None` if they are no UTF-16.
///
/// # Errors
/// A character is not whole.
pub fn decoded(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let Some(read) = byte_order(bytes) else { return Ok(None) };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| read(*pair))).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(Some(text.trim_start_matches('\u{feff}').as_bytes().to_vec())),
        _ => Err("is in UTF-16, and a character of it is not whole; save it as UTF-8".to_owned()),
    }
}

fn failure(name: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::Message(format!("{}: {error}", name.display()))
}
