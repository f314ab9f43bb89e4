//! A host without an address, TLS, or shared memory.

use hookwarden::guard::memory::{Memory, NotWritten, Versioned};
use hookwarden::guard::peer::Peer;

/// The host.
pub struct Nothing;

impl Peer for Nothing {
    fn address(&self) -> Option<Vec<u8>> {
        None
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        None
    }

    fn has_client_certificate(&self) -> bool {
        false
    }
}

impl Memory for Nothing {
    fn create(&self, _key: &str, _value: &[u8]) -> Result<(), NotWritten> {
        Err(NotWritten::Failed)
    }

    fn read(&self, _key: &str) -> Option<Versioned> {
        None
    }

    fn replace(&self, _key: &str, _value: &[u8], _version: u32) -> Result<(), NotWritten> {
        Err(NotWritten::Failed)
    }
}
