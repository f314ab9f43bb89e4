//! A copy of the module that counts what its functions and branches do.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, MemArg, MemorySection, MemoryType,
    Module, TypeSection, ValType,
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, ExportSectionReader, FunctionBody, FunctionSectionReader,
    ImportSectionReader, MemorySectionReader, Parser, TypeSectionReader,
};

use crate::code::{Branch, Imports, functions, is_branch};

/// The memory of the copy that has the counts: for each place how often the condition there was 0 and how often it was not,
/// as two little-endian numbers of eight bytes.
pub const COUNTS: &str = "counts";

/// The bytes of the two counts of a place.
pub const COUNTS_SIZE: usize = 16;

/// The bytes of a page of memory.
const PAGE: u64 = 65536;

/// Where the copy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The beginning of the function with this index; as if its condition were never 0.
    Entry(u32),
    /// A branch.
    Branch(Branch),
}

/// A module that counts.
pub struct Instrumented {
    /// What runs.
    pub module: Vec<u8>,
    /// The places in the order of their counts.
    pub places: Vec<Place>,
}

/// Adds the counts and a function that increments them, and calls that at each place. Both come after those that the module
/// has, so that no index in it changes.
pub fn instrument(plain: &[u8]) -> Result<Instrumented, Error<Infallible>> {
    let places = places(plain)?;
    let mut module = Module::new();
    let size = (places.len() * COUNTS_SIZE) as u64;
    let mut counter = Counter { pages: size.div_ceil(PAGE), ..Counter::default() };
    counter.parse_core_module(&mut module, Parser::new(0), plain)?;
    Ok(Instrumented { module: module.finish(), places })
}

/// Every place, in the order of the code.
fn places(plain: &[u8]) -> Result<Vec<Place>, Error<Infallible>> {
    let mut places = Vec::new();
    for function in functions(plain)? {
        places.push(Place::Entry(function.index));
        places.extend(function.branches.keys().copied().map(Place::Branch));
    }
    Ok(places)
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
    /// How many places have been seen.
    places: usize,
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
        self.imports = Imports::count(section.clone())?;
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
        function.instruction(&Instruction::I32Const(1));
        self.call_counter(&mut function);
        function.instruction(&Instruction::Drop);
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            if is_branch(&operator) {
                self.call_counter(&mut function);
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
    /// Counts the condition on the stack, which stays there, at the next place.
    fn call_counter(&mut self, function: &mut Function) {
        function.instruction(&Instruction::I32Const((self.places * COUNTS_SIZE) as i32));
        function.instruction(&Instruction::Call(self.function));
        self.places += 1;
    }

    /// `(condition, address of the place's counts) -> condition`
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
