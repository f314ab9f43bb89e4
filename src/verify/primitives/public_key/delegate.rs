//! Decides who verifies a signature: the host, or this crate.

use std::cell::Cell;
use std::rc::Rc;

use crate::verify::primitives::public_key::host::Question;
use crate::verify::primitives::public_key::tested_host::TestedHost;

/// The longest text that a host is asked about, in bytes. A body is hashed as it arrives and then read a second time for the
/// host; above this length that costs more than it saves, and the VM would hold more of a body than it does otherwise.
const MAX_TEXT: usize = 64 * 1024;

/// Decides who verifies a signature, and counts.
///
/// The verdict never depends on it. A key is on probation until the host and this crate have both found one of its
/// signatures valid: until then this crate decides, and a host that contradicts it is not asked again. From then on the
/// host's answer is the verdict. That `false` refuses is right: the host takes keys of this kind and size, as it has shown;
/// key and signature reach it in their one encoding; and whether a signature is valid is not a matter of opinion. To have
/// every `false` checked would let strangers buy a slow verification with each forged request.
#[derive(Debug, Default)]
pub struct Delegate {
    host: Option<Rc<TestedHost>>,
    by_host: Cell<u64>,
    own: Cell<u64>,
}

/// How many signatures were verified, valid or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By the host.
    pub by_host: u64,
    /// By this crate, where a host could have done it.
    pub own: u64,
}

impl Delegate {
    /// Lets this host verify what it can; without one, this crate verifies everything.
    #[must_use]
    pub fn new(host: Option<Rc<TestedHost>>) -> Self {
        Self { host, ..Self::default() }
    }

    /// The host, as long as it is fit.
    fn fit_host(&self) -> Option<&TestedHost> {
        self.host.as_deref().filter(|host| host.is_fit())
    }

    /// Whether a host would be asked about a text of `len` bytes.
    pub(in crate::verify) fn asks_about(&self, len: usize) -> bool {
        len <= MAX_TEXT && self.fit_host().is_some()
    }

    /// Whether a signature is valid. `question`: `None` if only `own`, which is this crate's verification, may decide.
    /// `is_proven`: whether the key's probation is over.
    pub(super) fn verify(
        &self,
        question: Option<&Question<'_>>,
        is_proven: &Cell<bool>,
        own: impl FnOnce() -> bool,
    ) -> bool {
        let asked = self.fit_host().zip(question.filter(|question| question.text.len() <= MAX_TEXT));
        let answer = asked.and_then(|(host, question)| Some((host, host.ask(question)?)));
        if let (Some((_, answer)), true) = (answer, is_proven.get()) {
            self.by_host.set(self.by_host.get().saturating_add(1));
            return answer;
        }
        self.own.set(self.own.get().saturating_add(1));
        let verdict = own();
        match answer {
            Some((host, answer)) if answer != verdict => host.dismiss(),
            Some(_) if verdict => is_proven.set(true),
            _ => {}
        }
        verdict
    }

    /// How many signatures were verified since this was last called.
    #[must_use]
    pub fn take_counts(&self) -> Counts {
        Counts { by_host: self.by_host.take(), own: self.own.take() }
    }
}
