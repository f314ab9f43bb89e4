//! What is not authentication: which source a request is for, what shape it must have, where it may come from, how
//! often, and only once.

pub mod address;
pub mod body_size;
mod buckets;
pub mod budget;
pub mod fleet;
pub mod flood;
pub mod memory;
pub mod path;
pub mod peer;
pub mod rate;
pub mod replay;
pub mod route;
pub mod shape;
pub mod table;
pub mod transport;
