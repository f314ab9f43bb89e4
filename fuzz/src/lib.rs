//! The fuzz targets: one module for each, with a function `run` that panics if an invariant does not hold.

#![allow(
    dead_code,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "parts of the tests' code are shared; the clock is not used here"
)]

#[path = "../../tests/core/delivery.rs"]
mod delivery;
#[path = "../../tests/core/invariants.rs"]
mod invariants;
#[path = "../../tests/core/nothing.rs"]
mod nothing;
#[path = "../../tests/core/support.rs"]
mod support;
#[path = "../../tests/core/vector.rs"]
pub mod vector;

pub mod config;
pub mod decision;
mod guards;
mod host;
mod input;
pub mod key;
pub mod message;
mod proof;
pub mod text;
