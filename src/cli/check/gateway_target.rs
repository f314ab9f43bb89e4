//! What a policy of Envoy Gateway is for: the Gateways and routes that it names or chooses by their labels, always in its
//! own namespace.

use super::objects::{Object, covers, labels};

/// A Gateway, a listener of it, or a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    pub kind: &'a str,
    pub name: &'a str,
    pub namespace: &'a str,
    section: Option<&'a str>,
}

/// What a policy is for, as far as it names it or the files have it.
pub fn targets<'a>(policy: &Object<'a>, objects: &[Object<'a>]) -> Vec<Target<'a>> {
    let namespace = policy.namespace;
    let named = policy.spec.list("targetRefs").into_iter().chain(policy.spec.get("targetRef"));
    let named = named.filter_map(|at| {
        Some(Target {
            kind: at.text_at("kind")?,
            name: at.text_at("name")?,
            namespace,
            section: at.text_at("sectionName"),
        })
    });
    let mut targets: Vec<_> = named.collect();
    for selector in policy.spec.list("targetSelectors") {
        let wanted = labels(selector.get("matchLabels"));
        let chosen = objects.iter().filter(|object| {
            selector.text_at("kind") == Some(object.kind)
                && is_same_namespace(object.namespace, namespace)
                && covers(&wanted, &labels(object.at.at(&["metadata", "labels"])))
        });
        targets.extend(chosen.map(|object| Target { kind: object.kind, name: object.name, namespace, section: None }));
    }
    targets
}

/// Whether a policy chooses by labels among objects that are not in the files.
pub fn chooses_unseen(policy: &Object<'_>, objects: &[Object<'_>]) -> bool {
    let is_unseen = |kind: Option<&str>| !objects.iter().any(|object| Some(object.kind) == kind);
    policy.spec.list("targetSelectors").iter().any(|selector| is_unseen(selector.text_at("kind")))
}

/// The Gateways of the files in which these targets are.
pub fn gateways<'o, 'a>(targets: &[Target<'_>], objects: &'o [Object<'a>]) -> Vec<&'o Object<'a>> {
    let contains = |gateway: &Object<'_>| {
        targets.iter().any(|target| match target.route(objects) {
            Some(route) => parents(route).iter().any(|parent| parent.is(gateway)),
            None => target.is(gateway),
        })
    };
    objects.iter().filter(|object| is_gateway(object) && contains(object)).collect()
}

/// Istio's own Gateway has no class.
fn is_gateway(object: &Object<'_>) -> bool {
    object.kind == "Gateway" && object.spec.get("gatewayClassName").is_some()
}

/// The Gateways that a route is attached to.
fn parents<'a>(route: &Object<'a>) -> Vec<Target<'a>> {
    let parents = route.spec.list("parentRefs").into_iter().filter_map(|at| {
        Some(Target {
            kind: at.text_at("kind").unwrap_or("Gateway"),
            name: at.text_at("name")?,
            namespace: at.text_at("namespace").unwrap_or(route.namespace),
            section: at.text_at("sectionName"),
        })
    });
    parents.collect()
}

/// Objects without a namespace go where `kubectl` is told to put them.
pub fn is_same_namespace(one: &str, other: &str) -> bool {
    one == other || one.is_empty() || other.is_empty()
}

impl Target<'_> {
    pub fn is(&self, object: &Object<'_>) -> bool {
        object.kind == self.kind && object.name == self.name && is_same_namespace(object.namespace, self.namespace)
    }

    /// The route that this is, if it is one of the files'.
    fn route<'o, 'a>(&self, objects: &'o [Object<'a>]) -> Option<&'o Object<'a>> {
        objects.iter().find(|object| object.kind.ends_with("Route") && self.is(object))
    }

    /// Whether all of this is among `others`. Where the files do not have a route, it may be on any Gateway.
    pub fn is_within(&self, others: &[Target<'_>], objects: &[Object<'_>]) -> bool {
        if others.iter().any(|other| other.has(self)) {
            return true;
        }
        if self.kind != "Gateway" {
            return match self.route(objects) {
                Some(route) => parents(route).iter().all(|parent| others.iter().any(|other| other.has(parent))),
                None => others.iter().any(|other| other.kind == "Gateway"),
            };
        }
        let is_attached = |object: &&Object<'_>| {
            object.kind.ends_with("Route") && parents(object).iter().any(|parent| self.has(parent))
        };
        let mut routes = objects.iter().filter(is_attached).peekable();
        match routes.peek() {
            Some(_) => routes.all(|route| others.iter().any(|other| other.is(route))),
            None => others.iter().any(|other| other.kind != "Gateway" && other.route(objects).is_none()),
        }
    }

    fn has(&self, other: &Target<'_>) -> bool {
        let is_other_section = self.section.zip(other.section).is_some_and(|(one, other)| one != other);
        self.kind == other.kind
            && self.name == other.name
            && is_same_namespace(self.namespace, other.namespace)
            && !is_other_section
    }
}
