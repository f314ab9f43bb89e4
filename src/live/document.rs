//! What was fetched, in shared memory and in this thread.

use std::rc::Rc;

use crate::verify::primitives::timestamp::UnixTime;

/// The first byte, so that no other layout is read as this one.
const LAYOUT: u8 = 1;

/// What was fetched. It may be secret: `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// The body. Never empty.
    pub body: Rc<[u8]>,
    /// When the call began that last confirmed it.
    pub fetched: UnixTime,
    /// Changes with the body, and only with it. Never 0.
    pub version: u64,
}

impl Document {
    /// Reads what [`write()`] wrote; `None` if that was the absence of a document.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (&LAYOUT, bytes) = bytes.split_first()? else { return None };
        let (version, bytes) = bytes.split_first_chunk()?;
        let (fetched, body) = bytes.split_first_chunk()?;
        let version = u64::from_le_bytes(*version);
        let fetched = UnixTime::from_millis(u64::from_le_bytes(*fetched));
        (version != 0 && !body.is_empty()).then(|| Self { body: Rc::from(body), fetched, version })
    }
}

/// Writes a document; without a body, its absence.
pub(super) fn write(version: u64, fetched: UnixTime, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len().saturating_add(17));
    bytes.push(LAYOUT);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&fetched.as_millis().to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.body.len())
            .field("fetched", &self.fetched)
            .field("version", &self.version)
            .finish()
    }
}
