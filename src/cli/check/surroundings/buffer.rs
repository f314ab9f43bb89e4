//! Whether a source takes larger bodies than Envoy buffers.

use super::super::codes;
use super::super::findings::Findings;
use super::super::objects::quantity;
use super::super::setup::{Flag, Host, Setup};
use super::super::sources::{Source, sources};
use super::{Surroundings, routing};
use crate::cli::body_margin::{self, CONNECTION_DEFAULT, ONE_READ};
use crate::cli::document::cursor::Cursor;

/// Envoy Gateway's default for the same, in bytes.
const GATEWAY_DEFAULT: u64 = 32 << 10;
/// A limit, and where it is set; nowhere if it is the default.
struct Limit<'a> {
    bytes: u64,
    at: Option<Cursor<'a>>,
    name: &'static str,
    /// How far it should lie above the largest body.
    margin: u64,
}

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, findings: &mut Findings) {
    let Some(configuration) = &setup.configuration else { return };
    let root = configuration.root();
    let by_chain = root.text_at("body_hold") == Some("chain");
    for source in sources(&root).iter().filter(|source| source.is_enforced()) {
        let Some(at) = source.at.get("max_body_bytes") else { continue };
        let Some(bytes) = at.value.whole() else { continue };
        let limit = if by_chain { of_chain(setup) } else { of_filter(setup, surroundings, source) };
        let Some(limit) = limit.filter(|limit| bytes.saturating_add(limit.margin) > limit.bytes) else { continue };
        let Limit { bytes: limit, at: set_at, name, margin } = limit;
        // What is not set is set anew, beside the connection's own limit.
        let margin = if set_at.is_none() && setup.host != Host::EnvoyGateway {
            body_margin::above(connection(setup))
        } else {
            margin
        };
        let wanted = bytes.saturating_add(margin).div_ceil(1 << 20) << 20;
        let set = match &set_at {
            Some(set) => format!("set in line {}", set.place().line),
            None => "unless set".to_owned(),
        };
        let then = if bytes > limit { "beyond that it answers" } else { "so near its limit it may answer" };
        let message = format!(
            "source {:?} takes bodies of {bytes} bytes, and Envoy buffers {limit} ({name}, {set}): {then} 413 itself, \
             without a code or a count",
            source.name
        );
        let right = format!(
            "set {name} to {wanted} or more ({} KiB above the body at least), or take smaller bodies",
            margin >> 10
        );
        findings.add(&codes::BODY_LIMIT, &at, message, right);
    }
}

/// What the connection itself may hold.
fn connection(setup: &Setup<'_>) -> u64 {
    let listener = setup.manager.as_ref().and_then(|manager| manager.listener.clone());
    let set = listener.and_then(|listener| listener.get("per_connection_buffer_limit_bytes")?.value.whole());
    set.unwrap_or(CONNECTION_DEFAULT)
}

/// The limit of the buffer filters behind the plugin.
fn of_chain<'a>(setup: &Setup<'a>) -> Option<Limit<'a>> {
    let margin = body_margin::above(connection(setup));
    let limits = setup.chain.after("buffer").filter_map(|filter| {
        let config = filter.config.as_ref()?;
        let bytes = config.get("max_request_bytes").map(|at| (at.value.whole(), at, "max_request_bytes"));
        let quantity = config.get("limit").map(|at| (at.value.plain().and_then(quantity), at, "requestBuffer.limit"));
        let (bytes, at, name) = bytes.or(quantity)?;
        Some(Limit { bytes: bytes?, at: Some(at), name, margin })
    });
    limits.min_by_key(|limit| limit.bytes)
}

/// The limit of what is held for the plugin: that of the route, or else that of the virtual host, or else that of the
/// listener.
fn of_filter<'a>(setup: &Setup<'a>, surroundings: &Surroundings<'a>, source: &Source<'_>) -> Option<Limit<'a>> {
    if setup.flag != Flag::Set {
        return None;
    }
    if setup.host == Host::EnvoyGateway {
        return of_gateway(surroundings);
    }
    let listener = setup.manager.as_ref()?.listener.clone();
    let mut routes = routing::routes(setup);
    routes.retain(|route| route.at.get("virtual_hosts").is_none());
    if !routes.is_empty() && !routes.iter().any(|route| route.serves(source)) {
        return None;
    }
    let margin = body_margin::above(connection(setup));
    let limits = routes.iter().filter(|route| route.serves(source)).filter_map(|route| {
        let named = |name: &'static str| {
            let at = route.at.get(name)?;
            Some(Limit { bytes: at.value.whole()?, at: Some(at), name, margin })
        };
        named("request_body_buffer_limit").or_else(|| named("per_request_buffer_limit_bytes"))
    });
    limits.min_by_key(|limit| limit.bytes).or_else(|| {
        let (name, margin) = ("per_connection_buffer_limit_bytes", ONE_READ);
        match listener?.get(name) {
            Some(at) => Some(Limit { bytes: at.value.whole()?, at: Some(at), name, margin }),
            None => Some(Limit { bytes: CONNECTION_DEFAULT, at: None, name: "request_body_buffer_limit", margin }),
        }
    })
}

fn of_gateway<'a>(surroundings: &Surroundings<'a>) -> Option<Limit<'a>> {
    let policies = surroundings.objects.iter().filter(|object| object.kind == "ClientTrafficPolicy");
    let limits = policies.filter_map(|policy| {
        let at = policy.spec.at(&["connection", "bufferLimit"])?;
        Some(Limit {
            bytes: at.value.plain().and_then(quantity)?,
            at: Some(at),
            name: "connection.bufferLimit",
            margin: ONE_READ,
        })
    });
    let name = "connection.bufferLimit of a ClientTrafficPolicy";
    let default = Limit { bytes: GATEWAY_DEFAULT, at: None, name, margin: ONE_READ };
    limits.min_by_key(|limit| limit.bytes).or(Some(default))
}
