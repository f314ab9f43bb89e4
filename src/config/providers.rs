//! The built-in providers. `build.rs` takes them from `providers/*.json`, without their vectors and notes.

use std::sync::OnceLock;

use crate::verify::bytes::inflate;
use crate::verify::bytes::json::{Json, JsonPath};

/// A line for each provider, sorted: its name, a space, and its shipped JSON. Compressed as raw DEFLATE.
static DEFLATED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/providers.deflate"));

/// The lines, inflated when the first provider is looked up. An unreadable table is empty.
fn table() -> &'static [(&'static str, &'static str)] {
    static TEXT: OnceLock<String> = OnceLock::new();
    static TABLE: OnceLock<Vec<(&'static str, &'static str)>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let text = TEXT.get_or_init(|| inflate::own_text(DEFLATED).unwrap_or_default());
        text.lines().filter_map(|line| line.split_once(' ')).collect()
    })
}

/// What a provider file says about checking its sender's requests.
pub struct Provider {
    /// The scheme, as JSON.
    pub scheme: Json,
    /// What the sender's secrets look like.
    pub shape: Shape,
    /// The statuses that the sender understands when it is refused.
    pub refusal: Refusal,
    /// The networks that the sender publishes; empty if it publishes none.
    pub networks: Vec<String>,
    /// Whether the scheme comes only from a single unofficial source or from memory.
    pub is_unconfirmed: bool,
    /// Its handshakes, as JSON.
    pub handshake: Option<Json>,
    /// The response that the sender wants to every event, as JSON.
    pub acknowledgement: Option<Json>,
    /// Where the sender publishes its keys, as JSON.
    pub keys_from: Option<Json>,
}

/// The statuses that a sender understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// After failed verification.
    pub status: Option<u16>,
    /// If the filter is at fault and the sender should retry.
    pub unavailable: Option<u16>,
}

/// What a sender's secrets look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Their possible prefixes, if known.
    pub prefixes: Vec<String>,
    /// The prefixes of the sender's other keys, which people paste by mistake.
    pub not: Vec<String>,
}

/// The built-in provider of this name.
#[must_use]
pub fn find(name: &str) -> Option<Provider> {
    let file = Json::parse(text(name)?.as_bytes()).ok()?;
    let member = |path: &str| JsonPath::parse(path).and_then(|path| file.at(&path));
    let texts = |json: &Json| {
        json.elements().unwrap_or_default().into_iter().filter_map(Json::text).map(str::to_owned).collect::<Vec<_>>()
    };
    let one_or_more = |json: &Json| json.text().map_or_else(|| texts(json), |text| vec![text.to_owned()]);
    let status = |name: &str| member(name).and_then(Json::text).and_then(|status| status.parse().ok());
    Some(Provider {
        acknowledgement: member("acknowledgement").cloned(),
        handshake: member("handshake").cloned(),
        keys_from: member("keys_from").cloned(),
        is_unconfirmed: member("unconfirmed").is_some(),
        networks: member("networks").map(texts).unwrap_or_default(),
        refusal: Refusal { status: status("status"), unavailable: status("unavailable") },
        scheme: member("scheme")?.clone(),
        shape: Shape {
            prefixes: member("secret.prefix").map(one_or_more).unwrap_or_default(),
            not: member("secret.not").map(texts).unwrap_or_default(),
        },
    })
}

/// The shipped part of a provider's file, as JSON: `scheme`, the known form of its `secret`, the statuses that it
/// understands, the `networks` that it sends from.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    let position = table().binary_search_by(|(provider, _)| (*provider).cmp(name)).ok()?;
    table().get(position).map(|(_, text)| *text)
}

/// The names of all providers, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    table().iter().map(|(name, _)| *name)
}
