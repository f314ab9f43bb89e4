//! Kubernetes objects: their kind, name and labels.

use crate::cli::document::Document;
use crate::cli::document::cursor::Cursor;

/// An object.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    pub kind: &'a str,
    pub name: &'a str,
    pub namespace: &'a str,
    pub at: Cursor<'a>,
    /// Its `spec`, or the object itself where it has none.
    pub spec: Cursor<'a>,
}

/// The kind of what a `ConfigMap` adds to a workload that somebody else makes: it has none of its own.
pub const OVERLAY: &str = "(overlay)";

impl Object<'_> {
    /// Whether it runs containers.
    pub fn is_workload(&self) -> bool {
        matches!(self.kind, "Deployment" | "DaemonSet" | "StatefulSet" | OVERLAY)
    }
}

/// The objects among documents.
pub fn objects(documents: &[Document]) -> Vec<Object<'_>> {
    documents.iter().filter_map(object).collect()
}

fn object(document: &Document) -> Option<Object<'_>> {
    let at = Cursor::root(document);
    if at.get("apiVersion").is_none() && at.at(&["spec", "template", "spec", "containers"]).is_some() {
        let spec = at.get("spec")?;
        return Some(Object { kind: OVERLAY, name: "", namespace: "", spec, at });
    }
    at.get("apiVersion")?;
    let kind = at.text_at("kind")?;
    let metadata = at.get("metadata");
    let of_metadata = |name| metadata.as_ref().and_then(|metadata| metadata.text_at(name)).unwrap_or_default();
    let spec = at.get("spec").unwrap_or_else(|| at.clone());
    Some(Object { kind, name: of_metadata("name"), namespace: of_metadata("namespace"), spec, at: at.clone() })
}

/// The labels of a map, in the order in which they are there.
pub fn labels<'a>(map: Option<Cursor<'a>>) -> Vec<(&'a str, &'a str)> {
    let members = map.map(|map| map.members()).unwrap_or_default();
    members.into_iter().filter_map(|(name, value)| Some((name, value.value.plain()?))).collect()
}

/// Whether whatever has all labels of `narrow` is chosen by `wide`.
pub fn covers(wide: &[(&str, &str)], narrow: &[(&str, &str)]) -> bool {
    wide.iter().all(|label| narrow.contains(label))
}

/// The number of bytes of a Kubernetes quantity, such as `4Mi`.
pub fn quantity(text: &str) -> Option<u64> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// The variables that a container sets.
pub fn variables<'a>(container: &Cursor<'a>) -> Vec<&'a str> {
    container.list("env").iter().filter_map(|variable| variable.text_at("name")).collect()
}
