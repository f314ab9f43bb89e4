//! Where a request's live secrets come from.

use std::rc::Rc;

use super::context::Context;
use crate::live::fetchers::Fetchers;
use crate::verify::key::live::LiveValues;

/// The filter state of one request, and the documents of this VM.
pub(super) struct RequestValues<'a> {
    pub fetchers: &'a Fetchers,
    pub context: &'a Context<'a>,
}

impl LiveValues for RequestValues<'_> {
    fn filter_state(&self, key: &str) -> Option<Vec<u8>> {
        self.context.peer.filter_state(key)
    }

    fn document(&self, number: usize) -> Option<(u64, Rc<[u8]>)> {
        let document = self.fetchers.document(number, self.context.now)?;
        Some((document.version, document.body))
    }
}
