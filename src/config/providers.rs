//! The schemes that we ship. `build.rs` takes them out of `providers/*.json`; their vectors and notes stay behind.

include!(concat!(env!("OUT_DIR"), "/providers.rs"));

/// The scheme of a provider, as JSON, or `None` if we ship none of that name.
#[must_use]
pub fn scheme(name: &str) -> Option<&'static str> {
    let position = PROVIDERS.binary_search_by(|(provider, _)| (*provider).cmp(name)).ok()?;
    PROVIDERS.get(position).map(|(_, scheme)| *scheme)
}

/// The names of all providers, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|(name, _)| *name)
}
