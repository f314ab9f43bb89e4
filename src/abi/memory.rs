//! The data that the host keeps for all VMs of a process.

use proxy_wasm::hostcalls;
use proxy_wasm::types::Status;

use super::proxy::ProxyWasm;
use crate::guard::memory::{Memory, NotWritten, Versioned};

impl Memory for ProxyWasm {
    fn create(&self, key: &str, value: &[u8]) -> Result<(), NotWritten> {
        // A version that no value ever has: the write succeeds if the key is absent, and is a mismatch if it exists. The
        // lookup is for hosts that number versions differently.
        if self.read(key).is_some() {
            return Ok(());
        }
        match hostcalls::set_shared_data(key, Some(value), Some(u32::MAX)) {
            Ok(()) | Err(Status::CasMismatch) => Ok(()),
            Err(_) => Err(NotWritten::Failed),
        }
    }

    fn read(&self, key: &str) -> Option<Versioned> {
        match hostcalls::get_shared_data(key) {
            Ok((Some(value), Some(version))) => Some(Versioned { value, version }),
            _ => None,
        }
    }

    fn replace(&self, key: &str, value: &[u8], version: u32) -> Result<(), NotWritten> {
        match hostcalls::set_shared_data(key, Some(value), Some(version)) {
            Ok(()) => Ok(()),
            Err(Status::CasMismatch) => Err(NotWritten::Contended),
            Err(_) => Err(NotWritten::Failed),
        }
    }
}
