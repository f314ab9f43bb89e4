//! The requests that wait for a key. One list for each VM: a configuration that drains has waiting requests too.

use std::cell::RefCell;
use std::rc::Rc;

use super::instance::Instance;
use crate::filter::Exchange;

/// How many may wait for longer than a tick. Their memory is bounded by the pool; this bounds the time that a tick takes.
const MAX_WAITING: usize = 256;

thread_local! {
    static WAITING: RefCell<Vec<Waiting>> = const { RefCell::new(Vec::new()) };
}

/// A request that waits for a key.
#[derive(Clone)]
pub(super) struct Waiting {
    /// Its stream.
    pub(super) id: u32,
    pub(super) instance: Rc<Instance>,
    pub(super) exchange: Rc<RefCell<Exchange>>,
}

/// Adds a request, which must not be there.
pub(super) fn add(id: u32, instance: &Rc<Instance>, exchange: &Rc<RefCell<Exchange>>) {
    let waiting = Waiting { id, instance: Rc::clone(instance), exchange: Rc::clone(exchange) };
    WAITING.with_borrow_mut(|all| all.push(waiting));
}

/// Removes a request.
pub(super) fn forget(exchange: &Rc<RefCell<Exchange>>) {
    // Streams may outlive the list when their thread ends.
    let _ = WAITING.try_with(|all| all.borrow_mut().retain(|waiting| !Rc::ptr_eq(&waiting.exchange, exchange)));
}

/// Takes all of them, the oldest first, and whether each must be decided now.
pub(super) fn take() -> impl Iterator<Item = (Waiting, bool)> {
    let all = WAITING.take();
    all.into_iter().enumerate().map(|(position, waiting)| (waiting, position >= MAX_WAITING))
}

/// Puts those back that wait on, in front of any that came meanwhile.
pub(super) fn put_back(mut waiting: Vec<Waiting>) {
    WAITING.with_borrow_mut(|all| {
        waiting.append(all);
        *all = waiting;
    });
}
