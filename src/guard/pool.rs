//! How much memory a VM holds for requests that are not verified yet: one pool for all of them, so that strangers can
//! fill the pool but not the VM.
//!
//! A source may hold as much as is still free. One flooded source ends up with half of the pool, two with a third each,
//! so that there is always room for the others.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::verify::Denial;

/// The memory held in one VM, by all of its configurations, including those that drain.
#[derive(Clone, Debug, Default)]
pub struct Pool(Rc<Ledger>);

#[derive(Debug, Default)]
struct Ledger {
    total: Cell<usize>,
    /// What each source holds, sorted by name. A source keeps its name from one configuration to the next.
    sources: RefCell<Vec<(String, Rc<Cell<usize>>)>>,
}

/// A part of the pool, returned on drop. Nothing else takes from the pool.
#[derive(Debug)]
pub struct Reservation {
    pool: Rc<Ledger>,
    source: Rc<Cell<usize>>,
    limit: usize,
    bytes: usize,
}

impl Pool {
    /// Takes `bytes` for a request of `source` from a pool of `limit` bytes.
    ///
    /// # Errors
    /// [`Denial::MemoryExhausted`] if the source would then hold more than is left for others.
    pub fn reserve(&self, source: &str, bytes: usize, limit: usize) -> Result<Reservation, Denial> {
        let mut reservation = Reservation { pool: Rc::clone(&self.0), source: self.held_by(source), limit, bytes: 0 };
        reservation.resize(bytes)?;
        Ok(reservation)
    }

    /// How many bytes are reserved.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.total.get()
    }

    fn held_by(&self, source: &str) -> Rc<Cell<usize>> {
        let mut sources = self.0.sources.borrow_mut();
        let place = |sources: &[(String, _)]| sources.binary_search_by(|(name, _)| name.as_str().cmp(source));
        if let Some((_, own)) = place(&sources).ok().and_then(|at| sources.get(at)) {
            return Rc::clone(own);
        }
        // Forget sources that hold nothing, including those of former configurations.
        sources.retain(|(_, own)| Rc::strong_count(own) > 1);
        let own = Rc::default();
        let at = place(&sources).unwrap_or_else(|at| at);
        sources.insert(at, (source.to_owned(), Rc::clone(&own)));
        own
    }
}

impl Reservation {
    /// Changes the reservation to `bytes`.
    ///
    /// # Errors
    /// As [`Pool::reserve`]; the reservation is unchanged then.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Denial> {
        let with_this = |held: usize| held.saturating_sub(self.bytes).checked_add(bytes).ok_or(Denial::MemoryExhausted);
        let (total, own) = (with_this(self.pool.total.get())?, with_this(self.source.get())?);
        if bytes > self.bytes && total.checked_add(own).is_none_or(|needed| needed > self.limit) {
            return Err(Denial::MemoryExhausted);
        }
        self.pool.total.set(total);
        self.source.set(own);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.pool.total.set(self.pool.total.get().saturating_sub(self.bytes));
        self.source.set(self.source.get().saturating_sub(self.bytes));
    }
}
