//! The sections of a module, and the one with the hints: `metadata.code.branch_hint` of the WebAssembly branch-hinting
//! specification.

use std::collections::BTreeMap;
use std::ops::Range;

use wasm_encoder::{BranchHint, BranchHints, Section as _};
use wasmparser::{BinaryReader, BinaryReaderError};

use crate::code::{Branch, Function, functions};

/// The name of the section.
const NAME: &str = "metadata.code.branch_hint";

/// The number of custom sections, and that of the code section.
const CUSTOM: u8 = 0;
const CODE: u8 = 10;

/// The magic number and the version, before the first section.
const PREAMBLE: usize = 8;

/// A section, where it begins and ends with its own head.
struct Section {
    id: u8,
    range: Range<usize>,
    /// Whether it has hints.
    hints: bool,
}

/// The module without hints, if it has any.
pub fn without_hints(module: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut plain = module.get(..PREAMBLE).unwrap_or(module).to_vec();
    for section in sections(module)?.into_iter().filter(|section| !section.hints) {
        plain.extend_from_slice(&module[section.range]);
    }
    Ok(plain)
}

/// A module that has no hints, with these before its code. Nothing else changes.
pub fn with_hints(plain: &[u8], hints: &BTreeMap<Branch, bool>) -> Result<Vec<u8>, BinaryReaderError> {
    let code = sections(plain)?.into_iter().find(|section| section.id == CODE);
    let code = code.map_or(plain.len(), |code| code.range.start);
    let mut hinted = plain[..code].to_vec();
    encode(&functions(plain)?, hints).append_to(&mut hinted);
    hinted.extend_from_slice(&plain[code..]);
    Ok(hinted)
}

fn encode(functions: &[Function], hints: &BTreeMap<Branch, bool>) -> BranchHints {
    let mut section = BranchHints::new();
    for function in functions {
        let hint = |(branch, offset): (&Branch, &u32)| {
            let taken = hints.get(branch)?;
            Some(BranchHint { branch_func_offset: *offset, branch_hint_value: u32::from(*taken) })
        };
        let hints: Vec<_> = function.branches.iter().filter_map(hint).collect();
        if !hints.is_empty() {
            section.function_hints(function.index, hints);
        }
    }
    section
}

fn sections(module: &[u8]) -> Result<Vec<Section>, BinaryReaderError> {
    let mut reader = BinaryReader::new(module, 0);
    reader.read_bytes(PREAMBLE)?;
    let mut sections = Vec::new();
    while !reader.eof() {
        let start = reader.original_position();
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()? as usize;
        let content = reader.read_bytes(size)?;
        let hints = id == CUSTOM && BinaryReader::new(content, 0).read_string()? == NAME;
        sections.push(Section { id, range: start..reader.original_position(), hints });
    }
    Ok(sections)
}
