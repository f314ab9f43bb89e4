//! A host that was tested.

use std::cell::Cell;

use crate::verify::primitives::public_key::host::{Question, SignatureHost};
use crate::verify::primitives::public_key::known_signatures::KNOWN;

/// A host that was tested. One that ever failed is not asked again.
pub struct TestedHost {
    host: &'static dyn SignatureHost,
    is_fit: Cell<bool>,
    is_loss_unreported: Cell<bool>,
}

impl TestedHost {
    /// Asks the host about signatures that are known to be valid, and about others that are known not to be: another text,
    /// another signature, another hash.
    #[must_use]
    pub fn test(host: &'static dyn SignatureHost) -> Self {
        let is_fit = KNOWN.iter().all(|known| known.is_verified_by(host));
        Self { host, is_fit: Cell::new(is_fit), is_loss_unreported: Cell::new(false) }
    }

    /// Whether it has answered rightly so far.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        self.is_fit.get()
    }

    /// Whether it was found unfit after the test since this was last called.
    #[must_use]
    pub fn take_loss(&self) -> bool {
        self.is_loss_unreported.take()
    }

    /// The host's answer; `None` if it is not fit, or has just shown that it is not.
    pub(super) fn ask(&self, question: &Question<'_>) -> Option<bool> {
        if !self.is_fit() {
            return None;
        }
        let answer = self.host.verify_signature(question);
        if answer.is_none() {
            self.dismiss();
        }
        answer
    }

    /// Never asks it again.
    pub(super) fn dismiss(&self) {
        self.is_fit.set(false);
        self.is_loss_unreported.set(true);
    }
}

impl std::fmt::Debug for TestedHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestedHost(is_fit: {})", self.is_fit())
    }
}
