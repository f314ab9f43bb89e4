//! The functions of a module, and the branches in them.

use std::collections::BTreeMap;

use wasmparser::{BinaryReaderError, ImportSectionReader, Operator, Parser, Payload, TypeRef};

/// An `if` or a `br_if`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Branch {
    /// The index of its function, imported ones included.
    pub function: u32,
    /// How many branches the function has before it.
    pub number: u32,
}

/// A function that is not imported.
pub struct Function {
    /// Its index, imported ones included.
    pub index: u32,
    /// Its branches, and where they are, from the first byte of the function's body, the declaration of its locals.
    pub branches: BTreeMap<Branch, u32>,
}

/// How many of a kind are imported, and come first.
#[derive(Default)]
pub struct Imports {
    /// Functions.
    pub functions: u32,
    /// Memories.
    pub memories: u32,
}

impl Imports {
    /// Counts what the section imports.
    pub fn count(section: ImportSectionReader<'_>) -> Result<Self, BinaryReaderError> {
        let mut imports = Self::default();
        for import in section {
            match import?.ty {
                TypeRef::Func(_) => imports.functions += 1,
                TypeRef::Memory(_) => imports.memories += 1,
                _ => {}
            }
        }
        Ok(imports)
    }
}

/// Whether hints are about it.
pub fn is_branch(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::If { .. } | Operator::BrIf { .. })
}

/// All functions, in the order of the code.
pub fn functions(module: &[u8]) -> Result<Vec<Function>, BinaryReaderError> {
    let (mut functions, mut index) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => index = Imports::count(imports)?.functions,
            Payload::CodeSectionEntry(body) => {
                let mut function = Function { index, branches: BTreeMap::new() };
                for operator in body.get_operators_reader()?.into_iter_with_offsets() {
                    let (operator, at) = operator?;
                    if is_branch(&operator) {
                        let branch = Branch { function: index, number: function.branches.len() as u32 };
                        function.branches.insert(branch, (at - body.range().start) as u32);
                    }
                }
                functions.push(function);
                index += 1;
            }
            _ => {}
        }
    }
    Ok(functions)
}
