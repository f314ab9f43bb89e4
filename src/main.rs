//! The `hookwarden` command: checks configurations, signs requests, and explains why a webhook is refused.

// A panic on bad input would not say what is wrong with it. Unlike in the library, unchecked arithmetic is allowed: it
// only counts lines and columns of files.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]

#[cfg(target_family = "wasm")]
compile_error!(
    "the command is not for wasm; the module is the library: cargo build --release --target wasm32-wasip1 --lib"
);

#[cfg(not(target_family = "wasm"))]
mod cli;

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    cli::main()
}
