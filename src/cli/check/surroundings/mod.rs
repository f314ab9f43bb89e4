//! What only the surroundings of a plugin can tell: a rule each.

mod address;
mod buffer;
mod chain;
mod compose;
mod environment;
mod expiry;
mod hold;
mod path;
mod proxy;
mod routing;
mod secrets;
mod sources;
mod strength;
mod transport;

pub use environment::collect as variables;
use hookwarden::verify::timestamp::UnixTime;

use super::documents::Document;
use super::envoy::Proxies;
use super::findings::Findings;
use super::objects::Object;
use super::setup::Setup;

/// All that the files hold beside one plugin.
pub struct Around<'a> {
    pub documents: &'a [Document],
    pub proxies: &'a Proxies<'a>,
    pub objects: &'a [Object<'a>],
    pub now: UnixTime,
}

/// Applies every rule to a plugin.
pub fn check(setup: &Setup<'_>, around: &Around<'_>, findings: &mut Findings) {
    hold::check(setup, findings);
    buffer::check(setup, around, findings);
    chain::check(setup, findings);
    environment::check(setup, findings);
    compose::check(setup, around, findings);
    let Some(configuration) = &setup.configuration else { return };
    let sources = super::sources::sources(&configuration.root());
    for source in &sources {
        expiry::check(source, around.now, findings);
        secrets::check(source, findings);
        strength::check(source, findings);
    }
    sources::check(&configuration.root(), &sources, findings);
    path::check(setup, around, &sources, findings);
    address::check(setup, around, &sources, findings);
    transport::check(setup, &sources, findings);
    routing::check(setup, &sources, findings);
    proxy::check(setup, around, &sources, findings);
}

/// Applies the rules that are about a proxy as a whole.
pub fn check_proxies(around: &Around<'_>, findings: &mut Findings) {
    proxy::check_all(around, findings);
}
