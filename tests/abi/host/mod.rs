//! A stateful fake host: tests query its answers, what the upstream saw, the log and the metrics.
//!
//! It is thread-local, as the SDK's contexts are. Like the real host, it drops headers once they are forwarded, and it
//! records every call that would be an error there.

mod absent;
mod answer;
mod buffers;
mod calls;
mod clock;
mod foreign;
mod headers;
mod logging;
mod metrics;
mod properties;
mod request;
mod shared_data;
mod state;
mod streams;
mod vm;
mod wire;

pub use calls::Call;
pub use foreign::Foreign;
pub use request::{Action, Request};
pub use state::Event;
pub use vm::{Level, Reads, Vm, on_a_fresh_vm};
