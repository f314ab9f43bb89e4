//! The tests of `hookwarden sign`: its output is passed to the filter, a shell, a server or a parser.

#[path = "sign/arguments.rs"]
mod arguments;
#[path = "sign/filter.rs"]
mod filter;
#[path = "sign/fresh.rs"]
mod fresh;
#[path = "sign/handshakes.rs"]
mod handshakes;
#[path = "sign/keys.rs"]
mod keys;
#[path = "sign/limits.rs"]
mod limits;
#[path = "sign/output.rs"]
mod output;
#[path = "sign/send.rs"]
mod send;
#[path = "sign/senders.rs"]
mod senders;
#[path = "sign/sources.rs"]
mod sources;
