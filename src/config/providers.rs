//! The schemes that we ship. `build.rs` takes them out of `providers/*.json`; their vectors and notes stay behind.

use crate::verify::json::{Json, JsonPath};

include!(concat!(env!("OUT_DIR"), "/providers.rs"));

/// What a provider file says about checking its sender's requests.
pub struct Provider {
    /// The scheme, as JSON.
    pub scheme: Json,
    /// What the sender's secrets look like.
    pub shape: Shape,
}

/// What a sender's secrets look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// What they begin with.
    pub prefix: Option<String>,
    /// What other keys of the sender begin with, which people paste by mistake.
    pub not: Vec<String>,
}

/// The provider of this name, if we ship it.
#[must_use]
pub fn find(name: &str) -> Option<Provider> {
    let file = Json::parse(text(name)?.as_bytes()).ok()?;
    let member = |path: &str| JsonPath::parse(path).and_then(|path| file.at(&path));
    let texts = |json: &Json| {
        json.elements().unwrap_or_default().into_iter().filter_map(Json::text).map(str::to_owned).collect()
    };
    Some(Provider {
        scheme: member("scheme")?.clone(),
        shape: Shape {
            prefix: member("secret.prefix").and_then(Json::text).map(str::to_owned),
            not: member("secret.not").map(texts).unwrap_or_default(),
        },
    })
}

/// What is shipped of a provider's file, as JSON: `scheme`, and what is known of the shape of its `secret`.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    let position = PROVIDERS.binary_search_by(|(provider, _)| (*provider).cmp(name)).ok()?;
    PROVIDERS.get(position).map(|(_, text)| *text)
}

/// The names of all providers, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|(name, _)| *name)
}
