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
    String::from_utf8(read(name)?).map_err(|_| failure(name, "not UTF-8"))
}

fn failure(name: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::Message(format!("{}: {error}", name.display()))
}
