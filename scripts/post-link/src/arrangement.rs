//! The order of the functions in the module.
//!
//! Engines lay out the code of functions in this order, or nearly so. What accepted requests run comes first, so that it lies on
//! few pages of memory instead of being scattered among what they do not run.

use std::collections::BTreeSet;
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, FunctionSection, ImportSection, Module, NameMap, NameSection};
use wasmparser::{CodeSectionReader, FunctionSectionReader, ImportSectionReader, Name, Parser};

use crate::code::{Branch, Imports};

/// A module with another order of its functions.
pub struct Arranged {
    /// The module. Only its order differs, and numbers in it are as short as they can be.
    pub module: Vec<u8>,
    order: Order,
}

#[derive(Default)]
struct Order {
    /// How many functions are imported. They stay where they are.
    imported: u32,
    /// The functions that come first, as their indexes were.
    first: Vec<u32>,
    /// All functions that are not imported, as their indexes were less the number of the imported ones.
    all: Vec<u32>,
    /// For each of them its place in the new order.
    places: Vec<u32>,
}

impl Arranged {
    /// Puts these functions first. Those behind them stay in the order that they have.
    pub fn of(plain: &[u8], first: Vec<u32>) -> Result<Self, Error<Infallible>> {
        let mut order = Order { first, ..Order::default() };
        let mut module = Module::new();
        order.parse_core_module(&mut module, Parser::new(0), plain)?;
        Ok(Self { module: module.finish(), order })
    }

    /// Where a branch of the plain module is now.
    pub fn branch(&mut self, plain: Branch) -> Branch {
        Branch { function: self.order.function_index(plain.function), ..plain }
    }
}

impl Reencode for Order {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> u32 {
        match function.checked_sub(self.imported) {
            Some(own) => self.imported + self.places[own as usize],
            None => function,
        }
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        self.imported = Imports::count(section.clone())?.functions;
        utils::parse_import_section(self, imports, section)
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let types: Vec<u32> = section.into_iter().collect::<Result<_, _>>()?;
        self.all = self.first.iter().map(|function| function - self.imported).collect();
        let first: BTreeSet<u32> = self.all.iter().copied().collect();
        self.all.extend((0..types.len() as u32).filter(|function| !first.contains(function)));
        self.places = vec![0; types.len()];
        for (place, function) in self.all.iter().enumerate() {
            self.places[*function as usize] = place as u32;
            functions.function(types[*function as usize]);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let bodies: Vec<_> = section.into_iter().collect::<Result<_, _>>()?;
        for place in 0..self.all.len() {
            self.parse_function_body(code, bodies[self.all[place] as usize].clone())?;
        }
        Ok(())
    }

    /// Names have to be in the order of the functions too. A release has none.
    fn parse_custom_name_subsection(
        &mut self,
        names: &mut NameSection,
        section: Name<'_>,
    ) -> Result<(), Error<Infallible>> {
        let Name::Function(functions) = section else {
            return utils::parse_custom_name_subsection(self, names, section);
        };
        let mut named = Vec::new();
        for function in functions {
            let function = function?;
            named.push((self.function_index(function.index), function.name));
        }
        named.sort_unstable();
        let mut sorted = NameMap::new();
        for (index, name) in named {
            sorted.append(index, name);
        }
        names.functions(&sorted);
        Ok(())
    }
}
