//! What only the surroundings of a plugin can tell: a rule each.

mod address;
mod buffer;
mod capabilities;
mod chain;
mod clusters;
mod compose;
mod discovery;
mod document;
mod environment;
mod expiry;
mod fields;
mod handshake;
mod hold;
mod keys;
mod live;
mod managers;
mod path;
mod per_route;
mod proxy;
mod recovery;
mod replicas;
mod request_id;
mod routing;
mod secrets;
mod signed_header;
mod signed_host;
mod sources;
mod strength;
mod tls;
mod transport;

pub use environment::collect as variables;
use hookwarden::verify::primitives::timestamp::UnixTime;

use super::envoy::Proxies;
use super::findings::Findings;
use super::objects::Object;
use super::setup::Setup;
use crate::cli::document::Document;

/// All that the files hold beside one plugin.
pub struct Surroundings<'a> {
    pub documents: &'a [Document],
    pub proxies: &'a Proxies<'a>,
    pub objects: &'a [Object<'a>],
    pub now: UnixTime,
}

/// Applies every rule to a plugin.
pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, findings: &mut Findings) {
    hold::check(setup, findings);
    fields::check(setup, findings);
    capabilities::check(setup, findings);
    buffer::check(setup, surroundings, findings);
    chain::check(setup, findings);
    recovery::check(setup, findings);
    environment::check(setup, findings);
    compose::check(setup, surroundings, findings);
    let Some(configuration) = &setup.configuration else { return };
    let sources = super::sources::sources(&configuration.root());
    for source in &sources {
        expiry::check(source, surroundings.now, findings);
        secrets::check(source, findings);
        strength::check(source, findings);
        handshake::check(source, findings);
    }
    sources::check(&configuration.root(), &sources, findings);
    path::check(setup, surroundings, &sources, findings);
    request_id::check(setup, surroundings, &sources, findings);
    signed_header::check(setup, surroundings, &sources, findings);
    signed_host::check(setup, surroundings, &sources, findings);
    address::check(setup, surroundings, &sources, findings);
    transport::check(setup, &sources, findings);
    routing::check(setup, &sources, findings);
    live::check(setup, surroundings, &sources, findings);
    keys::check(setup, surroundings, &sources, findings);
    clusters::check(setup, surroundings, &sources, findings);
    replicas::check(setup, surroundings, &sources, findings);
    proxy::check(setup, surroundings, &sources, findings);
}

/// Applies the rules that are about a proxy as a whole.
pub fn check_proxies(surroundings: &Surroundings<'_>, setups: &[Setup<'_>], findings: &mut Findings) {
    discovery::check(surroundings, setups, findings);
    for document in surroundings.documents {
        document::check(document, findings);
    }
    if !setups.is_empty() {
        per_route::check(surroundings, findings);
    }
    proxy::check_all(surroundings, findings);
    recovery::check_heaps(surroundings, findings);
}
