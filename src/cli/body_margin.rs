//! How far Envoy's limit on a held body must lie above the largest body that a source takes, for the filter to be the one
//! that says 413.
//!
//! Envoy counts what one read brings before the filter sees it: up to `per_connection_buffer_limit_bytes`, and a part of the
//! next. `tests/envoy/shape.rs` shows that this is enough.

/// Envoy's default of `per_connection_buffer_limit_bytes`, in bytes.
pub const CONNECTION_DEFAULT: u64 = 1 << 20;
/// The most that one read of Envoy brings beyond its limit, in bytes.
pub const ONE_READ: u64 = 128 << 10;

/// The margin, where the connection's own limit is this.
pub fn above(connection: u64) -> u64 {
    connection.saturating_add(ONE_READ)
}
