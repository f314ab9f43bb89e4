//! YAML in which clients and recorders keep requests, as the JSON that it stands for.

use hookwarden::verify::bytes::json::Json;

use crate::cli::document::text::Text;
use crate::cli::document::value::{Kind, Value};
use crate::cli::document::yaml;

/// The first document of a text.
pub fn parse(text: &str) -> Option<Json> {
    let documents = yaml::parse(&Text::of_file(text.to_owned())).ok()?;
    documents.first().map(json)
}

/// Whether a text begins as a file whose first key is one of these.
pub fn begins_with_key(text: &str, names: &[&str]) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let first = lines.find(|line| line.trim_end() != "---").unwrap_or_default();
    first.split_once(':').is_some_and(|(name, _)| names.contains(&name))
}

fn json(value: &Value) -> Json {
    match &value.kind {
        Kind::Null => Json::Null,
        Kind::Bool(value) => Json::Bool(*value),
        Kind::Number(text) => Json::Number(text.clone()),
        Kind::Text(text) => Json::Text(text.clone()),
        Kind::List(items) => Json::List(items.iter().map(json).collect()),
        Kind::Map(members) => {
            Json::Object(members.iter().map(|member| (member.key.clone(), json(&member.value))).collect())
        }
    }
}
