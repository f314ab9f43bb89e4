//! How much an explanation may cost.

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// For one of very many: each mistake by itself.
    Quick,
    /// Everything, and two mistakes at once.
    Thorough,
}

impl Effort {
    /// The most bytes that are hashed for one request.
    pub(super) fn budget(self) -> u64 {
        match self {
            Effort::Quick => 16 << 20,
            Effort::Thorough => 320 << 20,
        }
    }

    /// What a signature under a public key costs beside its content, in bytes; it takes as long as the hash of many.
    pub(super) fn public_cost(self) -> usize {
        match self {
            Effort::Quick => 1 << 20,
            Effort::Thorough => 320 << 10,
        }
    }

    /// The most bytes of bodies that are made for one request.
    pub(super) fn body_bytes(self) -> usize {
        match self {
            Effort::Quick => 2 << 20,
            Effort::Thorough => 56 << 20,
        }
    }
}
