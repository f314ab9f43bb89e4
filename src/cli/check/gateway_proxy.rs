//! The `EnvoyProxy` by which Envoy Gateway configures the proxies of a Gateway: the Gateway refers to it, or its class does.

use super::codes;
use super::gateway_target::is_same_namespace;
use super::objects::Object;
use super::setup::Astray;
use crate::cli::document::cursor::Cursor;

/// A reference to an `EnvoyProxy`.
struct Reference<'a> {
    at: Cursor<'a>,
    name: &'a str,
    namespace: &'a str,
    is_of_gateway: bool,
}

/// The proxies of these Gateways; all that there are if the files have none of the Gateways.
pub fn proxies<'o, 'a>(gateways: &[&Object<'a>], objects: &'o [Object<'a>]) -> Vec<&'o Object<'a>> {
    if gateways.is_empty() {
        return objects.iter().filter(|object| object.kind == "EnvoyProxy").collect();
    }
    gateways.iter().filter_map(|gateway| proxy(&reference(gateway, objects)?, objects)).collect()
}

/// Whether the proxies of these Gateways put the buffer filter behind wasm.
pub fn buffer_behind_wasm(gateways: &[&Object<'_>], objects: &[Object<'_>]) -> bool {
    if gateways.is_empty() {
        return objects.iter().any(orders_buffer);
    }
    gateways.iter().all(|gateway| is_ordered(gateway, objects))
}

/// The references because of which an `EnvoyProxy` that orders the buffer filter does not do so for these Gateways.
pub fn astray<'a>(gateways: &[&Object<'a>], objects: &[Object<'a>]) -> Vec<Astray<'a>> {
    let unordered = gateways.iter().filter(|gateway| !is_ordered(gateway, objects));
    let wrong = unordered.filter_map(|gateway| {
        // One that an ordered Gateway has is right for that one; this one may still want it.
        let right = objects.iter().filter(|object| orders_buffer(object));
        let right = right.max_by_key(|proxy| is_same_namespace(proxy.namespace, gateway.namespace))?;
        Some(wrong_reference(gateway, right, objects))
    });
    wrong.collect()
}

fn is_ordered(gateway: &Object<'_>, objects: &[Object<'_>]) -> bool {
    reference(gateway, objects).and_then(|reference| proxy(&reference, objects)).is_some_and(orders_buffer)
}

fn wrong_reference<'a>(gateway: &Object<'a>, ordering: &Object<'a>, objects: &[Object<'a>]) -> Astray<'a> {
    let why = "the buffer filter comes before hookwarden, and the upstream sees the headers of requests that are \
               refused later";
    let (name, namespace) = (ordering.name, ordering.namespace);
    let is_local = is_same_namespace(namespace, gateway.namespace);
    let elsewhere = match is_local {
        true => String::new(),
        false => format!(", and put that EnvoyProxy into namespace {:?}: the reference is local", gateway.namespace),
    };
    let Some(found) = reference(gateway, objects) else {
        let class = match class(gateway, objects) {
            Some(_) => "",
            None => "; if its GatewayClass refers to it, check that at once",
        };
        return Astray {
            code: &codes::BUFFER_BEFORE,
            message: format!(
                "refers to no EnvoyProxy, while the order of the filters is in EnvoyProxy {name:?}: {why}"
            ),
            right: format!(
                "add infrastructure.parametersRef: {{ group: gateway.envoyproxy.io, kind: EnvoyProxy, name: {name} }}\
                 {elsewhere}{class}"
            ),
            at: gateway.spec.clone(),
        };
    };
    let message = format!(
        "refers to EnvoyProxy {:?} in namespace {:?}, while the order of the filters is in EnvoyProxy {name:?} in namespace \
         {namespace:?}: {why}",
        found.name, found.namespace
    );
    let right = match (proxy(&found, objects).is_some(), found.is_of_gateway) {
        (true, _) => {
            "add to the EnvoyProxy that is referred to: filterOrder: [{ name: envoy.filters.http.buffer, after: \
             envoy.filters.http.wasm }]"
                .to_owned()
        }
        (false, true) if found.name == name => {
            format!("put the EnvoyProxy into namespace {:?}: the reference is local", gateway.namespace)
        }
        (false, true) => format!("refer to that one: name: {name}{elsewhere}"),
        (false, false) => format!("refer to that one: name: {name}, namespace: {namespace}"),
    };
    Astray { code: &codes::BUFFER_BEFORE, at: found.at, message, right }
}

/// What a Gateway says goes before what its class says.
fn reference<'a>(gateway: &Object<'a>, objects: &[Object<'a>]) -> Option<Reference<'a>> {
    let reference = |at: Cursor<'a>, of_gateway: Option<&'a str>| {
        let name = at.text_at("name").filter(|_| at.text_at("kind") == Some("EnvoyProxy"))?;
        let namespace = of_gateway.or_else(|| at.text_at("namespace")).unwrap_or_default();
        Some(Reference { name, namespace, is_of_gateway: of_gateway.is_some(), at })
    };
    let own = gateway.spec.at(&["infrastructure", "parametersRef"]);
    own.and_then(|at| reference(at, Some(gateway.namespace))).or_else(|| {
        let of_class = class(gateway, objects)?.spec.get("parametersRef")?;
        reference(of_class, None)
    })
}

fn class<'o, 'a>(gateway: &Object<'a>, objects: &'o [Object<'a>]) -> Option<&'o Object<'a>> {
    let name = gateway.spec.text_at("gatewayClassName")?;
    objects.iter().find(|object| object.kind == "GatewayClass" && object.name == name)
}

fn proxy<'o, 'a>(reference: &Reference<'_>, objects: &'o [Object<'a>]) -> Option<&'o Object<'a>> {
    objects.iter().find(|object| {
        object.kind == "EnvoyProxy"
            && object.name == reference.name
            && is_same_namespace(object.namespace, reference.namespace)
    })
}

fn orders_buffer(proxy: &Object<'_>) -> bool {
    proxy.kind == "EnvoyProxy"
        && proxy.spec.list("filterOrder").iter().any(|position| {
            let says = |name, what| position.text_at(name) == Some(what);
            let (buffer, wasm) = ("envoy.filters.http.buffer", "envoy.filters.http.wasm");
            (says("name", buffer) && says("after", wasm)) || (says("name", wasm) && says("before", buffer))
        })
}
