//! The host behind proxy-wasm. Each of its roles is implemented in a file of its own.

/// The host behind proxy-wasm.
pub(super) struct ProxyWasm;
