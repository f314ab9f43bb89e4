//! Handshakes as they are configured: what a sender's file says of them, and what the source says.

mod option;
mod rule;
mod template;
mod value;

pub(super) use option::HandshakeOption;
pub(super) use rule::{read, read_acknowledgement};
