//! Calls that the filter makes through the host, and what comes back.

use std::time::Duration;

/// A request for the host to send to one of its clusters.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The host's name of the cluster.
    pub cluster: String,
    /// Pseudo headers and headers. `Debug` shows their names only: `authorization` may be among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// What came back from a call.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    /// The status.
    pub status: u16,
    /// The body, perhaps cut off.
    pub body: &'a [u8],
}

impl Call {
    /// The same as a `POST` with this JSON.
    #[must_use]
    pub fn post(mut self, body: Vec<u8>) -> Self {
        for (name, value) in &mut self.headers {
            if name == ":method" {
                *value = b"POST".to_vec();
            }
        }
        self.headers.push(("content-type".to_owned(), b"application/json".to_vec()));
        Self { body, ..self }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Call")
            .field("cluster", &self.cluster)
            .field("headers", &names)
            .field("body", &self.body.len())
            .field("timeout", &self.timeout)
            .finish()
    }
}
