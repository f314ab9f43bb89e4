//! The tests' shared memory, at the path where their code expects it.

#[path = "../../tests/core/guards/memory.rs"]
pub mod memory;
