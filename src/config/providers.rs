//! The schemes that we ship. `build.rs` takes them out of `providers/*.json`; their vectors and notes stay behind.

use crate::verify::json::{Json, JsonPath};

include!(concat!(env!("OUT_DIR"), "/providers.rs"));

/// What a provider file says about checking its sender's requests.
pub struct Provider {
    /// The scheme, as JSON.
    pub scheme: Json,
    /// What the sender's secrets look like.
    pub shape: Shape,
    /// What the sender understands when it is refused.
    pub refusal: Refusal,
    /// The networks that the sender says it sends from; none if it does not say.
    pub networks: Vec<String>,
}

/// The statuses that a sender understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// For a lack of proof.
    pub status: Option<u16>,
    /// Where the fault is ours and the sender should try again.
    pub unavailable: Option<u16>,
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
        json.elements().unwrap_or_default().into_iter().filter_map(Json::text).map(str::to_owned).collect::<Vec<_>>()
    };
    let status = |name: &str| member(name).and_then(Json::text).and_then(|status| status.parse().ok());
    Some(Provider {
        networks: member("networks").map(texts).unwrap_or_default(),
        refusal: Refusal { status: status("status"), unavailable: status("unavailable") },
        scheme: member("scheme")?.clone(),
        shape: Shape {
            prefix: member("secret.prefix").and_then(Json::text).map(str::to_owned),
            not: member("secret.not").map(texts).unwrap_or_default(),
        },
    })
}

/// What is shipped of a provider's file, as JSON: `scheme`, what is known of the shape of its `secret`, the statuses
/// that it understands, the `networks` that it sends from.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    let position = PROVIDERS.binary_search_by(|(provider, _)| (*provider).cmp(name)).ok()?;
    PROVIDERS.get(position).map(|(_, text)| *text)
}

/// The names of all providers, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|(name, _)| *name)
}
