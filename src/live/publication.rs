//! Where a sender publishes its keys.

/// Where a sender publishes its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publication {
    /// In a key set, by the number of its place.
    KeySet(usize),
}
