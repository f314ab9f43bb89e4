//! A copy of the module that counts what its branches do.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, MemArg, MemorySection, MemoryType,
    Module, TypeSection, ValType,
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, ExportSectionReader, FunctionBody, FunctionSectionReader,
    ImportSectionReader, MemorySectionReader, Operator, Parser, Payload, TypeRef, TypeSectionReader,
};

/// The memory of the copy that has the counts: for each branch how often it was not taken and how often it was, as two
/// little-endian numbers of eight bytes.
pub const COUNTS: &str = "branch_counts";

/// The bytes of the two counts of a branch.
pub const COUNTS_SIZE: usize = 16;

/// The bytes of a page of memory.
const PAGE: u64 = 65536;

/// An `if` or a `br_if`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Branch {
    /// The index of its function, imported ones included.
    pub function: u32,
    /// Where it is, from the first byte of the function's body, the declaration of its locals.
    pub offset: u32,
}

/// A module that counts.
pub struct Instrumented {
    /// What runs.
    pub module: Vec<u8>,
    /// The branches in the order of their counts.
    pub branches: Vec<Branch>,
}

/// Adds the counts and a function that increments them, and calls that before each branch. Both come after those that the
/// module has, so that no index in it changes.
pub fn instrument(plain: &[u8]) -> Result<Instrumented, Error<Infallible>> {
    let branches = branches(plain)?;
    let mut module = Module::new();
    let size = (branches.len() * COUNTS_SIZE) as u64;
    let mut counter = Counter { pages: size.div_ceil(PAGE), ..Counter::default() };
    counter.parse_core_module(&mut module, Parser::new(0), plain)?;
    Ok(Instrumented { module: module.finish(), branches })
}

fn is_branch(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::If { .. } | Operator::BrIf { .. })
}

/// Every branch, in the order of the code.
fn branches(module: &[u8]) -> Result<Vec<Branch>, Error<Infallible>> {
    let (mut branches, mut function) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => function = count_imports(imports)?.functions,
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()?.into_iter_with_offsets() {
                    let (operator, at) = operator?;
                    if is_branch(&operator) {
                        branches.push(Branch { function, offset: (at - body.range().start) as u32 });
                    }
                }
                function += 1;
            }
            _ => {}
        }
    }
    Ok(branches)
}

/// How many of a kind are imported, and come first.
#[derive(Default)]
struct Imports {
    functions: u32,
    memories: u32,
}

fn count_imports(section: ImportSectionReader<'_>) -> Result<Imports, Error<Infallible>> {
    let mut imports = Imports::default();
    for import in section {
        match import?.ty {
            TypeRef::Func(_) => imports.functions += 1,
            TypeRef::Memory(_) => imports.memories += 1,
            _ => {}
        }
    }
    Ok(imports)
}

#[derive(Default)]
struct Counter {
    /// The size of the counts.
    pages: u64,
    imports: Imports,
    /// The indexes of what is added: the function's type, the function, the memory.
    ty: u32,
    function: u32,
    memory: u32,
    /// How many branches have been seen.
    branches: usize,
}

impl Reencode for Counter {
    type Error = Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_type_section(self, types, section)?;
        self.ty = types.len();
        types.ty().function([ValType::I32, ValType::I32], [ValType::I32]);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut wasm_encoder::ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        self.imports = count_imports(section.clone())?;
        utils::parse_import_section(self, imports, section)
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        self.function = self.imports.functions + section.count();
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.ty);
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: MemorySectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        self.memory = self.imports.memories + section.count();
        utils::parse_memory_section(self, memories, section)?;
        memories.memory(MemoryType {
            minimum: self.pages,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_export_section(self, exports, section)?;
        exports.export(COUNTS, ExportKind::Memory, self.memory);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_code_section(self, code, section)?;
        code.function(&self.count());
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), Error<Infallible>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            if is_branch(&operator) {
                function.instruction(&Instruction::I32Const((self.branches * COUNTS_SIZE) as i32));
                function.instruction(&Instruction::Call(self.function));
                self.branches += 1;
            }
            function.instruction(&self.instruction(operator)?);
        }
        code.function(&function);
        Ok(())
    }

    /// What names the functions of the module is of no use in the copy.
    fn parse_custom_section(&mut self, _: &mut Module, _: CustomSectionReader<'_>) -> Result<(), Error<Infallible>> {
        Ok(())
    }
}

impl Counter {
    /// `(condition, address of the branch's counts) -> condition`
    fn count(&self) -> Function {
        const CONDITION: u32 = 0;
        const ADDRESS: u32 = 1;
        let number = MemArg { offset: 0, align: 3, memory_index: self.memory };
        let mut function = Function::new([]);
        let mut code = function.instructions();
        // The second count if the condition is not 0.
        code.local_get(CONDITION).i32_eqz().i32_eqz().i32_const(3).i32_shl();
        code.local_get(ADDRESS).i32_add().local_tee(ADDRESS);
        code.local_get(ADDRESS).i64_load(number).i64_const(1).i64_add().i64_store(number);
        code.local_get(CONDITION).end();
        function
    }
}
