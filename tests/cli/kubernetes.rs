//! Resources of Kubernetes, checked as a strict API server does: no field that the resource does not have, the right types,
//! what is required. The schemas are the CRDs of Istio and Envoy Gateway in the folder that `HOOKWARDEN_CRDS` names, or in
//! `../shared/crds`; without them, resources with a CRD are skipped, and a line says so. What Kubernetes itself and the
//! Gateway API bring is in `kubernetes/core.yaml`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Map, Value, json};

/// The schemas of resources.
pub struct Resources {
    schemas: Schemas,
    /// By `apiVersion` and `kind`.
    of: BTreeMap<(String, String), SchemaIndex>,
    core: Value,
    /// Whether there are CRDs.
    pub are_there: bool,
}

/// The groups whose resources have a CRD in the folder.
const WITH_CRD: [&str; 6] = [
    "extensions.istio.io",
    "gateway.envoyproxy.io",
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "",
];

/// Resources of these groups of which the folder has no CRD.
const WITHOUT_CRD: [&str; 2] = ["ClientTrafficPolicy", "Backend"];

impl Resources {
    /// Reads the CRDs; says so on standard error if there are none.
    pub fn read() -> Self {
        let mut resources = Self {
            schemas: Schemas::new(),
            of: BTreeMap::new(),
            core: yaml(include_str!("kubernetes/core.yaml")).remove(0),
            are_there: false,
        };
        let Some(folder) = folder() else {
            // Not `eprintln!`, which is captured if a test succeeds.
            let line = b"SKIPPED the CRDs of Istio and Envoy Gateway: HOOKWARDEN_CRDS names no folder with them\n";
            let _ = std::io::stderr().write_all(line);
            return resources;
        };
        let mut compiler = Compiler::new();
        let mut found = Vec::new();
        let entries = fs::read_dir(&folder).expect("the folder can be read");
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
            let text = if is_yaml { fs::read_to_string(&path).expect("a CRD is text") } else { String::new() };
            for crd in yaml(&text).iter().filter(|document| document["kind"] == "CustomResourceDefinition") {
                let (group, kind) = (text_of(&crd["spec"]["group"]), text_of(&crd["spec"]["names"]["kind"]));
                for version in crd["spec"]["versions"].as_array().expect("versions") {
                    let api = format!("{group}/{}", text_of(&version["name"]));
                    let mut schema = version["schema"]["openAPIV3Schema"].clone();
                    close(&mut schema);
                    // The server adds them to every schema.
                    for name in ["apiVersion", "kind", "metadata"] {
                        schema["properties"][name] = json!({});
                    }
                    let name = format!("{}-{kind}.json", api.replace('/', "-"));
                    compiler.add_resource(&name, schema).expect("a schema can be added");
                    found.push(((api, kind.clone()), name));
                }
            }
        }
        for (key, name) in found {
            let index = compiler.compile(&name, &mut resources.schemas);
            resources.of.insert(key, index.unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        resources.are_there = !resources.of.is_empty();
        resources
    }

    /// What is wrong with the resources in a text; empty if nothing is.
    pub fn problems_in(&self, text: &str) -> Vec<String> {
        yaml(text)
            .iter()
            .filter(|resource| resource.get("apiVersion").is_some())
            .flat_map(|one| self.problems(one))
            .collect()
    }

    fn problems(&self, resource: &Value) -> Vec<String> {
        let (api, kind) = (text_of(&resource["apiVersion"]), text_of(&resource["kind"]));
        let name = text_of(&resource["metadata"]["name"]);
        let place = format!("{kind} {name}");
        let mut problems = Vec::new();
        // Not in the schemas of CRDs, which leave it to the server.
        let core = &self.core;
        walk(&core["metadata"], &resource["metadata"], &format!("{place}: metadata"), &mut problems);
        let group = api.split_once('/').map_or("", |(group, _)| group);
        let has_crd = WITH_CRD.contains(&group) && !group.is_empty() && !WITHOUT_CRD.contains(&kind.as_str());
        if has_crd {
            if let Some(index) = self.of.get(&(api.clone(), kind.clone())) {
                if let Err(error) = self.schemas.validate(resource, *index) {
                    problems.push(format!("{place}: {error:#}"));
                }
            } else if self.are_there {
                problems.push(format!("{place}: {api} has no such kind"));
            }
            return problems;
        }
        match core["kinds"].get(format!("{api} {kind}")) {
            Some(fields) => {
                let mut body = resource.as_object().cloned().unwrap_or_default();
                for name in ["apiVersion", "kind", "metadata"] {
                    body.remove(name);
                }
                walk(fields, &Value::Object(body), &place, &mut problems);
            }
            None => problems.push(format!("{place}: {api} {kind} is not in tests/cli/kubernetes/core.yaml")),
        }
        problems
    }
}

/// The folder with the CRDs, if there is one.
pub fn folder() -> Option<PathBuf> {
    match std::env::var_os("HOOKWARDEN_CRDS").filter(|path| !path.is_empty()) {
        Some(path) => Some(PathBuf::from(path)),
        None => Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/crds")).filter(|path| path.is_dir()),
    }
}

/// Closes the objects of a schema as a strict server does, and makes JSON Schema of what OpenAPI 3.0 has in its place.
fn close(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    let is_open = members.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    let has_fields = members.contains_key("properties");
    if has_fields && !is_open && !members.contains_key("additionalProperties") {
        members.insert("additionalProperties".to_owned(), json!(false));
    }
    if members.remove("x-kubernetes-int-or-string") == Some(json!(true)) {
        members.remove("type");
    }
    // `format` and messages of the server's own have no meaning here, and the server's own members of objects are open.
    members.remove("format");
    for name in ["properties", "patternProperties"] {
        if let Some(Value::Object(properties)) = members.get_mut(name) {
            properties.values_mut().for_each(close);
        }
    }
    for name in ["items", "additionalProperties", "not"] {
        if let Some(inner) = members.get_mut(name) {
            close(inner);
        }
    }
}

/// Compares a value with the fields that it may have: a map of fields, in which `"*"` is any name, a list with the shape of
/// its elements, or the name of a type.
fn walk(shape: &Value, value: &Value, place: &str, problems: &mut Vec<String>) {
    match (shape, value) {
        (Value::Object(fields), Value::Object(members)) => {
            for (name, value) in members {
                match fields.get(name).or_else(|| fields.get(&format!("{name}!"))).or_else(|| fields.get("*")) {
                    Some(shape) => walk(shape, value, &format!("{place}.{name}"), problems),
                    None => problems.push(format!("{place}: has no field {name}")),
                }
            }
            let required = fields.keys().filter_map(|name| name.strip_suffix('!'));
            let missing = required.filter(|name| !members.contains_key(*name));
            problems.extend(missing.map(|name| format!("{place}: lacks {name}")));
        }
        (Value::Array(shapes), Value::Array(elements)) => {
            for (position, element) in elements.iter().enumerate() {
                walk(&shapes[0], element, &format!("{place}[{position}]"), problems);
            }
        }
        (Value::String(kind), value) => {
            let fits = match kind.as_str() {
                "text" => value.is_string(),
                "number" => value.is_u64(),
                "bool" => value.is_boolean(),
                "any" => true,
                other => panic!("{other} is no type"),
            };
            if !fits {
                problems.push(format!("{place}: must be {kind}"));
            }
        }
        _ => problems.push(format!("{place}: has the wrong type")),
    }
}

/// The documents of a text, without empty ones.
pub fn yaml(text: &str) -> Vec<Value> {
    use serde::Deserialize as _;
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap_or_else(|error| panic!("{error}\n{text}")))
        .filter(|document| !document.is_null())
        .collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A resource with a field that it does not have, at a path of names.
pub fn with_unknown_field(resource: &Value, path: &[&str]) -> Value {
    let mut changed = resource.clone();
    let mut at = &mut changed;
    for name in path {
        at = match name.parse::<usize>() {
            Ok(position) => &mut at[position],
            Err(_) => &mut at[*name],
        };
    }
    let members: &mut Map<String, Value> = at.as_object_mut().expect("an object");
    members.insert("plantedField".to_owned(), json!(true));
    changed
}
