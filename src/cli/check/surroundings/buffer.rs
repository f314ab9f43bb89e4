//! Whether a source takes larger bodies than Envoy buffers.

use super::super::codes;
use super::super::findings::Findings;
use super::super::objects::quantity;
use super::super::setup::{Flag, Host, Setup};
use super::super::sources::{Source, sources};
use super::{Surroundings, routing};
use crate::cli::document::cursor::Cursor;

/// Envoy's default buffer limit (`per_connection_buffer_limit_bytes`), in bytes.
const ENVOY_DEFAULT: u64 = 1 << 20;
/// Envoy Gateway's default for the same, in bytes.
const GATEWAY_DEFAULT: u64 = 32 << 10;
/// How much the limit should lie above the largest body: what Envoy has buffered when it looks at its limit can be a
/// read or two more than the body that the filter saw.
const MARGIN: u64 = 64 << 10;

/// A limit, and where it is set; nowhere if it is the default.
struct Limit<'a> {
    bytes: u64,
    at: Option<Cursor<'a>>,
    name: &'static str,
}

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, findings: &mut Findings) {
    let Some(configuration) = &setup.configuration else { return };
    let root = configuration.root();
    let by_chain = root.text_at("body_hold") == Some("chain");
    for source in sources(&root).iter().filter(|source| source.is_enforced()) {
        let Some(at) = source.at.get("max_body_bytes") else { continue };
        let Some(bytes) = at.value.whole() else { continue };
        let limit = if by_chain { of_chain(setup) } else { of_filter(setup, surroundings, source) };
        let Some(limit) = limit.filter(|limit| bytes.saturating_add(MARGIN) > limit.bytes) else { continue };
        let Limit { bytes: limit, at: set_at, name } = limit;
        let wanted = bytes.saturating_add(MARGIN).div_ceil(1 << 20) << 20;
        let set = match &set_at {
            Some(set) => format!("set in line {}", set.place().line),
            None => "unless set".to_owned(),
        };
        let message = format!(
            "source {:?} takes bodies of {bytes} bytes, and Envoy buffers {limit} ({name}, {set}): beyond that it \
             answers 413 itself, without a code or a count",
            source.name
        );
        let right = format!("set {name} to {wanted} or more (64 KiB above the body at least), or take smaller bodies");
        findings.add(&codes::BODY_LIMIT, &at, message, right);
    }
}

/// The limit of the buffer filters behind the plugin.
fn of_chain<'a>(setup: &Setup<'a>) -> Option<Limit<'a>> {
    let limits = setup.chain.after("buffer").filter_map(|filter| {
        let config = filter.config.as_ref()?;
        let bytes = config.get("max_request_bytes").map(|at| (at.value.whole(), at, "max_request_bytes"));
        let quantity = config.get("limit").map(|at| (at.value.plain().and_then(quantity), at, "requestBuffer.limit"));
        let (bytes, at, name) = bytes.or(quantity)?;
        Some(Limit { bytes: bytes?, at: Some(at), name })
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
    let routes = routing::routes(setup);
    if !routes.is_empty() && !routes.iter().any(|route| route.serves(source)) {
        return None;
    }
    let limits = routes.iter().filter(|route| route.serves(source)).filter_map(|route| {
        let named = |name: &'static str| {
            let at = route.at.get(name)?;
            Some(Limit { bytes: at.value.whole()?, at: Some(at), name })
        };
        named("request_body_buffer_limit").or_else(|| named("per_request_buffer_limit_bytes"))
    });
    limits.min_by_key(|limit| limit.bytes).or_else(|| {
        let name = "per_connection_buffer_limit_bytes";
        match listener?.get(name) {
            Some(at) => Some(Limit { bytes: at.value.whole()?, at: Some(at), name }),
            None => Some(Limit { bytes: ENVOY_DEFAULT, at: None, name: "request_body_buffer_limit" }),
        }
    })
}

fn of_gateway<'a>(surroundings: &Surroundings<'a>) -> Option<Limit<'a>> {
    let policies = surroundings.objects.iter().filter(|object| object.kind == "ClientTrafficPolicy");
    let limits = policies.filter_map(|policy| {
        let at = policy.spec.at(&["connection", "bufferLimit"])?;
        Some(Limit { bytes: at.value.plain().and_then(quantity)?, at: Some(at), name: "connection.bufferLimit" })
    });
    let default = Limit { bytes: GATEWAY_DEFAULT, at: None, name: "connection.bufferLimit of a ClientTrafficPolicy" };
    limits.min_by_key(|limit| limit.bytes).or(Some(default))
}
