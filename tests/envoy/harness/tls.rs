//! Generated certificates, and TLS clients.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned, SupportedProtocolVersion};

use crate::harness::client::{Connection, Transport, tcp};

pub use rustls::version::{TLS12, TLS13};

/// The name in server certificates.
const SERVER: &str = "hooks.example";

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM for the bootstrap and in DER for clients.
pub struct Identity {
    pub certificate: String,
    pub key: String,
    /// The certificate of its authority.
    pub authority: String,
    chain: CertificateDer<'static>,
    private: PrivatePkcs8KeyDer<'static>,
    root: CertificateDer<'static>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub fn server(&self) -> Identity {
        self.issue(CertificateParams::new([SERVER.to_owned()]).expect("a name"))
    }

    /// A server that is called by these names.
    pub fn server_named(&self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.issue(CertificateParams::new(names).expect("names"))
    }

    pub fn client(&self, name: &str) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            authority: self.0.pem(),
            chain: certificate.der().clone(),
            private: PrivatePkcs8KeyDer::from(key.serialize_der()),
            root: self.0.der().clone(),
        }
    }
}

impl Identity {
    /// For a server in this process.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("supported versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.chain.clone()], PrivateKeyDer::from(self.private.clone_key()));
        Arc::new(config.expect("a certificate and its key"))
    }
}

/// A TLS connection to a server with this identity. A rejected client certificate shows as a closed connection on the
/// first read, because a TLS 1.3 client completes the handshake before the server verifies the certificate.
pub fn connect(
    to: SocketAddr,
    server: &Identity,
    version: &'static SupportedProtocolVersion,
    client: Option<&Identity>,
) -> Connection {
    let mut roots = RootCertStore::empty();
    roots.add(server.root.clone()).expect("the authority's certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a supported version")
        .with_root_certificates(roots);
    let config = match client {
        Some(client) => {
            let key = PrivateKeyDer::from(client.private.clone_key());
            config.with_client_auth_cert(vec![client.chain.clone()], key).expect("a certificate and its key")
        }
        None => config.with_no_client_auth(),
    };
    let name = ServerName::try_from(SERVER).expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    Connection::over(StreamOwned::new(session, tcp(to).expect("the proxy accepts connections")))
}

impl Transport for StreamOwned<ClientConnection, TcpStream> {
    fn close_sending_side(&mut self) {
        self.conn.send_close_notify();
        let _ = self.conn.write_tls(&mut self.sock);
        self.sock.close_sending_side();
    }
}
