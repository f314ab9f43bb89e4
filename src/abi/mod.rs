//! The adapter: the only module that knows a host. It turns callbacks into events and performs [`Step`]s; it decides
//! nothing.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`host`] | what an adapter needs from its host |
//! | [`instance`] | one configuration at work in one VM |
//! | [`waiting`] | the requests that wait for a key |
//! | [`stopwatch`] | how long one request waits and is worked on |
//! | [`session`] | one request, and how its steps are performed |
//! | [`header_map`] | a map of headers as the host hands it over |
//! | [`proxy`], [`log`], [`memory`], [`metrics`], [`peer`], [`signatures`], [`http`] | the host behind proxy-wasm, as [`Host`] |
//! | [`stream`], [`plugin`] | the callbacks of proxy-wasm: of a request, of the plugin (configure, tick) |
//! | [`entry`] | the module's entry point |
//!
//! A file uses only those above it in this table.
//!
//! # Another adapter
//!
//! The first four know no SDK. An adapter for another host implements [`Host`], creates an [`instance::Instance`] for each
//! configuration and a [`session::Session`] for each request, and passes the host's callbacks on to them; whenever time has
//! passed, it calls [`session::refuse_stalled`], [`session::decide_waiting`] and then [`instance::Instance::on_tick`]. What is forwarded, counted and
//! logged, and in which order, is the same with every adapter.
//!
//! # A host that fails
//!
//! If the host misbehaves nothing is forwarded: the SDK stops the VM on an unexpected status, and a stopped VM fails
//! closed.
//!
//! [`Step`]: crate::step::Step
//! [`Host`]: host::Host

// The macro that the entry point is made with needs both.
#[allow(unsafe_code, missing_docs)]
mod entry;
mod header_map;
mod host;
mod http;
mod instance;
mod log;
mod memory;
mod metrics;
mod peer;
mod plugin;
mod proxy;
mod session;
mod signatures;
mod stopwatch;
mod stream;
mod waiting;
