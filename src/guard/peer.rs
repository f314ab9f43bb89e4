//! Who is at the other end of the connection, as the host tells it.

/// What the host knows of the connection. Asked only where a source needs it, for every question costs a host call.
pub trait Peer {
    /// The client address that the host trusts, as `ip:port`; `None` if the host has none.
    fn address(&self) -> Option<Vec<u8>>;

    /// The TLS version of this hop, such as `TLSv1.3`; `None` on plaintext.
    fn tls_version(&self) -> Option<Vec<u8>>;

    /// Whether the client presented a certificate that the host verified.
    fn has_client_certificate(&self) -> bool;
}
