//! The other end of the connection, as the command line tells it; and memory that forgets from request to request.

use std::cell::RefCell;
use std::collections::HashMap;

use hookwarden::guard::memory::{Memory, NotWritten, Versioned};
use hookwarden::guard::peer;
use hookwarden::guard::transport::TlsVersion;

use super::configuration::Unjudged;
use crate::cli::arguments;

/// Who called, and how, as far as it was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The client's address.
    pub address: Option<String>,
    /// The version of TLS.
    pub tls: Option<Tls>,
    /// Whether it presented a certificate that the proxy verified.
    pub has_certificate: bool,
}

/// What the command line says of the other end.
#[derive(clap::Args)]
pub struct PeerArguments {
    /// The client address as the proxy sees it, for sources with allow_from or deny_from
    #[arg(long, value_name = "ADDRESS", value_parser = arguments::client_address)]
    client_address: Option<String>,
    /// The TLS version of the connection, for sources with transport: none, 1.0, 1.1, 1.2 or 1.3
    #[arg(long, value_name = "VERSION", value_parser = Tls::parse)]
    tls: Option<Tls>,
    /// The client presented a certificate that the proxy verified
    #[arg(long)]
    client_certificate: bool,
}

impl PeerArguments {
    /// The other end, as far as it was said.
    pub fn peer(&self) -> Peer {
        Peer { address: self.client_address.clone(), tls: self.tls, has_certificate: self.client_certificate }
    }
}

impl Peer {
    /// What cannot be judged of a request that comes from it.
    pub fn unjudged(&self) -> Unjudged {
        Unjudged { transport: self.tls.is_none(), address: self.address.is_none() }
    }
}

/// How the connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// In plain text.
    None,
    /// Over TLS.
    Version(&'static str),
}

impl Tls {
    /// Reads `none`, `1.2` or `TLSv1.2`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number = text.trim().trim_start_matches(['T', 'L', 'S', 'v', 't', 'l', 's', 'V', ' ']);
        match number {
            "1.0" | "1" => Ok(Tls::Version("TLSv1.0")),
            "1.1" => Ok(Tls::Version("TLSv1.1")),
            "1.2" => Ok(Tls::Version("TLSv1.2")),
            "1.3" => Ok(Tls::Version("TLSv1.3")),
            _ if text.eq_ignore_ascii_case("none") => Ok(Tls::None),
            _ => {
                let names: Vec<_> = TlsVersion::NAMES.iter().map(|(name, _)| *name).collect();
                Err(format!("must be none, {}", names.join(", ")))
            }
        }
    }
}

impl peer::Peer for Peer {
    fn address(&self) -> Option<Vec<u8>> {
        self.address.as_ref().map(|address| address.as_bytes().to_vec())
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        match self.tls {
            Some(Tls::Version(version)) => Some(version.as_bytes().to_vec()),
            Some(Tls::None) | None => None,
        }
    }

    fn has_client_certificate(&self) -> bool {
        self.has_certificate
    }
}

/// Memory of one process: what a configuration made room for stays, what a request wrote is forgotten.
#[derive(Default)]
pub struct Forgetful {
    made: RefCell<HashMap<String, Vec<u8>>>,
    written: RefCell<HashMap<String, Versioned>>,
}

impl Forgetful {
    /// Forgets what the last request wrote.
    pub fn forget(&self) {
        self.written.borrow_mut().clear();
    }
}

impl Memory for Forgetful {
    fn create(&self, key: &str, value: &[u8]) -> Result<(), NotWritten> {
        self.made.borrow_mut().entry(key.to_owned()).or_insert_with(|| value.to_vec());
        Ok(())
    }

    fn read(&self, key: &str) -> Option<Versioned> {
        let written = self.written.borrow().get(key).cloned();
        written.or_else(|| self.made.borrow().get(key).map(|value| Versioned { value: value.clone(), version: 1 }))
    }

    fn replace(&self, key: &str, value: &[u8], version: u32) -> Result<(), NotWritten> {
        let current = self.read(key).ok_or(NotWritten::Failed)?.version;
        if current != version {
            return Err(NotWritten::Contended);
        }
        let changed = Versioned { value: value.to_vec(), version: version.saturating_add(1) };
        self.written.borrow_mut().insert(key.to_owned(), changed);
        Ok(())
    }
}
