//! Kubernetes Secrets among the files: the values that a container of the proxy takes from them.

use std::collections::BTreeMap;

use hookwarden::config;
use hookwarden::verify::bytes::encoding;

use super::codes;
use super::findings::{Findings, Spot};
use super::objects::Object;
use super::setup::Variables;
use crate::cli::document::cursor::Cursor;

/// The value of a variable, and where it is written.
pub struct Held {
    pub value: String,
    pub spot: Spot,
}

/// A variable that a container takes from a Secret.
struct Reference<'a> {
    name: &'a str,
    key: String,
    at: Cursor<'a>,
    namespace: &'a str,
    /// Whether the container is a proxy's by its name or kind, and not perhaps the application's.
    is_proxy: bool,
}

/// The values of the variables that a plugin takes from its proxy, as far as the Secrets are among the objects.
pub fn of_variables(
    variables: &Variables<'_>,
    objects: &[Object<'_>],
    findings: &mut Findings,
) -> BTreeMap<String, Held> {
    let mut found = BTreeMap::new();
    for (variable, _, _) in variables.passed.iter().filter(|(_, _, value)| value.is_none()) {
        let mut references: Vec<_> = objects.iter().flat_map(|object| references(object, variable)).collect();
        references.sort_by_key(|reference| !reference.is_proxy);
        let of_secrets = references.iter().filter_map(|reference| {
            let secret = objects.iter().find(|object| reference.is_of(object))?;
            Some((reference, value(secret, reference, findings)))
        });
        // A Secret that is taken as a whole may lack a variable that another one has.
        let (set, unset): (Vec<_>, Vec<_>) = of_secrets.partition(|(_, held)| held.is_some());
        if let (None, Some((reference, _))) = (set.first(), unset.first()) {
            let Reference { name, key, at, .. } = reference;
            let message = format!(
                "the Secret {name:?} has no key {key:?}, so {variable} is not set: the source is closed and answers 503"
            );
            findings.add(&codes::VARIABLE_UNSET, at, message, "add the key to the Secret, or name one that it has");
        }
        let held = set.into_iter().next().and_then(|(_, held)| held);
        found.extend(held.map(|held| ((*variable).to_owned(), held)));
    }
    found
}

/// Where the containers of an object take this variable from a Secret.
fn references<'a>(object: &Object<'a>, variable: &str) -> Vec<Reference<'a>> {
    let mut found = Vec::new();
    walk(&object.at, object, variable, &mut found);
    found
}

fn walk<'a>(cursor: &Cursor<'a>, object: &Object<'a>, variable: &str, found: &mut Vec<Reference<'a>>) {
    let is_proxy = object.kind == "EnvoyProxy" || cursor.text_at("name") == Some("istio-proxy");
    for entry in cursor.list("env").iter().filter(|entry| entry.text_at("name") == Some(variable)) {
        let Some(at) = entry.at(&["valueFrom", "secretKeyRef"]) else { continue };
        if let (Some(name), Some(key)) = (at.text_at("name"), at.text_at("key")) {
            // Envoy Gateway's proxies run in a namespace of their own.
            let namespace = if object.kind == "EnvoyProxy" { "" } else { object.namespace };
            found.push(Reference { name, key: key.to_owned(), at, namespace, is_proxy });
        }
    }
    for entry in cursor.list("envFrom") {
        let prefix = entry.text_at("prefix").unwrap_or_default();
        let Some(at) = entry.get("secretRef") else { continue };
        if let (Some(name), Some(key)) = (at.text_at("name"), variable.strip_prefix(prefix)) {
            found.push(Reference { name, key: key.to_owned(), at, namespace: object.namespace, is_proxy });
        }
    }
    for (_, member) in cursor.members() {
        walk(&member, object, variable, found);
    }
    for element in cursor.elements() {
        walk(&element, object, variable, found);
    }
}

impl Reference<'_> {
    fn is_of(&self, object: &Object<'_>) -> bool {
        let same_namespace =
            self.namespace.is_empty() || object.namespace.is_empty() || object.namespace == self.namespace;
        object.kind == "Secret" && object.name == self.name && same_namespace
    }
}

/// The value of a reference; `None` if the Secret does not have its key.
fn value(secret: &Object<'_>, reference: &Reference<'_>, findings: &mut Findings) -> Option<Held> {
    let member = |map: &str| {
        let members = secret.at.get(map)?.members();
        members.into_iter().find(|(key, _)| **key == *reference.key).map(|(_, value)| value)
    };
    // Where both are there, stringData counts.
    if let Some(text) = member("stringData") {
        return Some(Held { value: text.value.plain().unwrap_or_default().to_owned(), spot: Spot::of(&text) });
    }
    let encoded = member("data")?;
    let text = encoded.value.plain().map(|text| text.replace(['\n', '\r'], ""));
    let bytes = text.and_then(|text| encoding::decode_base64(text.as_bytes()));
    let (message, right) = match bytes.map(String::from_utf8) {
        Some(Ok(value)) => return Some(Held { value, spot: Spot::of(&encoded) }),
        Some(Err(_)) => (
            "is not text, once it is decoded from base64",
            "encode the secret as text; what the sender gives in base64 or hexadecimal stays as it is",
        ),
        None => {
            ("is not base64, so that Kubernetes refuses the Secret", "encode it, or write it as it is under stringData")
        }
    };
    findings.add(&codes::SECRET_UNUSABLE, &encoded, message, right);
    Some(Held { value: config::UNSEEN.to_owned(), spot: Spot::of(&encoded) })
}
