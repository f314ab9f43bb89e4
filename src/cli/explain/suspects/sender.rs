//! Suspects among the senders: the request is another sender's, or is signed as another sender signs.

use std::cell::OnceCell;

use hookwarden::config::dialects::{self, Dialect};
use hookwarden::config::providers;
use hookwarden::verify::Request;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::expression::Expression;

use super::key::Keys;
use super::{Bench, Change, Effort, Mistake, Scene, Search};
use crate::cli::explain::trial;

/// A provider, and its scheme as it is written.
struct Shipped {
    name: &'static str,
    scheme: Json,
    /// Its dialects for secrets, where they need no configured values.
    plain: Option<Vec<Dialect>>,
}

thread_local! {
    static SHIPPED: OnceCell<Vec<Shipped>> = const { OnceCell::new() };
}

/// Tries the schemes of all providers.
pub fn look(search: &mut Search<'_>, _dialects: &[Dialect], keys: &Keys<'_>) {
    let scene = search.scene;
    let mut matching = Vec::new();
    let base = format!("{}://{}", scene.captured.scheme.as_deref().unwrap_or("https"), scene.captured.authority);
    let mut with = scene.check.with.clone();
    if !with.iter().any(|(name, _)| name == "public_url") {
        with.push(("public_url".to_owned(), base));
    }
    with_shipped(|all| {
        for shipped in all.iter().filter(|shipped| Some(shipped.name) != scene.check.provider.as_deref()) {
            let made;
            let dialects = match (&shipped.plain, scene.effort, scene.check.public_keys) {
                (Some(plain), _, false) => plain,
                (_, Effort::Quick, _) => continue,
                _ => {
                    let Some(mut dialects) = dialects::read(&shipped.scheme, &with, None, scene.check.public_keys)
                    else {
                        continue;
                    };
                    dialects.iter_mut().for_each(|(scheme, _)| trial::forget_time(scheme));
                    made = dialects;
                    &made
                }
            };
            let request = Request::new(&scene.head);
            let is_presented = dialects.iter().any(|(scheme, _)| scheme.is_presented(request));
            if !is_presented
                && !dialects.iter().any(|(scheme, _)| scheme.proof_value().is_some_and(Expression::needs_body))
            {
                continue;
            }
            let Some(verifier) = keys.verifier(dialects) else { continue };
            if let Some(result) = scene.try_change(&verifier, keys.len(), None) {
                matching.push((shipped.name, verifier, result.key, dialects.first().map(|(scheme, _)| scheme.clone())));
            }
            if scene.is_spent() {
                break;
            }
        }
    });
    // The one that the request's own words name, and else the first.
    let hints = naming_text(scene);
    matching.sort_by_key(|(name, ..)| (!hints.contains(name.split('-').next().unwrap_or(name)), name.len()));
    let names: Vec<_> = matching.iter().map(|(name, ..)| format!("\"{name}\"")).collect();
    let Some((name, verifier, _, Some(scheme))) = matching.first() else { return };
    let also = match names.len() {
        0 | 1 => String::new(),
        count => {
            format!(
                " ({count} providers sign the same way: {})",
                names.iter().take(6).cloned().collect::<Vec<_>>().join(", ")
            )
        }
    };
    let sentence = format!("The request verifies as a request of \"{name}\"{also}, not of {}.", scene.check.title());
    let advice = format!("Set \"provider\": \"{name}\" in this check; or the sender calls the URL of another source.");
    let change = Change { head: None, body: None, mistakes: vec![Mistake::new("another_sender", sentence, advice)] };
    search.look(Bench { verifier, keys, scheme }, Some(&change));
}

/// The providers whose proof this request has in its head, other than the check's own: names, those first that the
/// request's own words name.
pub fn presented(scene: &Scene<'_>) -> Vec<&'static str> {
    let request = Request::new(&scene.head);
    let mut names = with_shipped(|all| {
        all.iter()
            .filter(|shipped| {
                let Some(dialects) = &shipped.plain else { return false };
                dialects.iter().any(|(scheme, _)| {
                    let headers = scheme.proof_headers();
                    let is_telling =
                        headers.iter().all(|name| !matches!(*name, "authorization" | "signature" | "x-signature"));
                    !headers.is_empty()
                        && is_telling
                        && !headers.iter().any(|name| scene.needed.iter().any(|other| other == name))
                        && scheme.is_presented(request)
                })
            })
            .map(|shipped| shipped.name)
            .collect::<Vec<_>>()
    });
    let hints = naming_text(scene);
    names.sort_by_key(|name| (!hints.contains(name.split('-').next().unwrap_or(name)), name.len()));
    names
}

/// The text of the head in which a sender may name itself, in lower case.
fn naming_text(scene: &Scene<'_>) -> String {
    let lines = scene.head.iter().filter(|(name, _)| {
        let name = name.to_ascii_lowercase();
        name == "user-agent" || name.starts_with("x-") || name == ":path"
    });
    let named = lines.map(|(name, value)| format!("{name} {}", String::from_utf8_lossy(value)));
    named.collect::<Vec<_>>().join(" ").to_lowercase()
}

fn with_shipped<T>(read: impl FnOnce(&[Shipped]) -> T) -> T {
    SHIPPED.with(|shipped| {
        read(shipped.get_or_init(|| {
            let all = providers::names().filter_map(|name| {
                let scheme = providers::find(name)?.scheme;
                let mut plain = dialects::read(&scheme, &[], None, false);
                for (scheme, _) in plain.iter_mut().flatten() {
                    trial::forget_time(scheme);
                }
                Some(Shipped { name, scheme, plain })
            });
            all.collect()
        }))
    })
}
