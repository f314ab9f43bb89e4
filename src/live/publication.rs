//! Where a sender publishes its keys.

use super::named_key_rule::NamedKeyRule;

/// Where a sender publishes its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publication {
    /// In a key set (RFC 7517, section 5), by the number of its place.
    KeySet(usize),
    /// One by one, each under the id that requests name.
    Named(NamedKeyRule),
}
