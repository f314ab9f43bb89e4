//! Suspects among the senders: the request is another sender's, or is signed as another sender signs.

use std::cell::OnceCell;

use hookwarden::config::dialects::{self, Dialect};
use hookwarden::config::providers;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::expression::Expression;
use hookwarden::verify::{Request, borrowed};

use super::key::Keys;
use super::{Bench, Change, Effort, Mistake, Scene, Search, Strength};
use crate::cli::explain::trial;

/// A provider, and its scheme as it is written.
struct Shipped {
    name: &'static str,
    scheme: Json,
    /// Its dialects for secrets, where they need no configured values.
    plain: Option<Vec<Dialect>>,
    /// What those prove.
    strength: Option<Strength>,
}

impl Shipped {
    /// Whether it proves less than the check at hand, as far as it needs no configured values.
    fn is_weaker_than_check(&self, scene: &Scene<'_>) -> bool {
        self.strength.as_ref().is_some_and(|strength| Weakness::of(strength, scene) != Weakness::None)
    }
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
            let lines = borrowed(&scene.head);
            let request = Request::new(&lines);
            let is_presented = dialects.iter().any(|(scheme, _)| scheme.is_presented(request));
            if !is_presented
                && !dialects.iter().any(|(scheme, _)| scheme.proof_value().is_some_and(Expression::needs_body))
            {
                continue;
            }
            // Another check of the source reads that proof.
            if scene.siblings.have_proof_of(dialects) {
                continue;
            }
            let weakness = match &shipped.strength {
                Some(strength) => Weakness::of(strength, scene),
                None => Strength::of(dialects).map_or(Weakness::None, |strength| Weakness::of(&strength, scene)),
            };
            if weakness == Weakness::Hidden {
                continue;
            }
            let Some(verifier) = keys.verifier(dialects) else { continue };
            if scene.try_change(&verifier, keys.len(), None).is_some() {
                matching.push((shipped.name, verifier, weakness, dialects.first().map(|(scheme, _)| scheme.clone())));
            }
            if scene.is_spent() {
                break;
            }
        }
    });
    // The one that the request's own words name, and else the first.
    let hints = naming_text(scene);
    let is_named = |name: &str| hints.contains(name.split('-').next().unwrap_or(name));
    matching.sort_by_key(|(name, _, weakness, _)| (*weakness == Weakness::Told, !is_named(name), name.len()));
    if let Some((_, _, first, _)) = matching.first() {
        let first = *first;
        matching.retain(|(_, _, weakness, _)| *weakness == first);
    }
    let names: Vec<_> = matching.iter().map(|(name, ..)| format!("\"{name}\"")).collect();
    let Some((name, verifier, weakness, Some(scheme))) = matching.first() else { return };
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
    let advice = match weakness {
        Weakness::None => {
            format!("Set \"provider\": \"{name}\" in this check; or the sender calls the URL of another source.")
        }
        _ => format!(
            "\"{name}\" proves less than {}: do not put it in the place of this check. If the sender really is one of \
             \"{name}\", it calls the wrong URL: have it call a source of its own.",
            scene.check.title()
        ),
    };
    let change = Change { head: None, body: None, mistakes: vec![Mistake::new("another_sender", sentence, advice)] };
    search.look(Bench { verifier, keys, scheme }, Some(&change));
}

/// Whether another scheme proves less than the check at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weakness {
    /// It proves as much.
    None,
    /// It does, and the request has no proof of the check's own: its sender may be the other, and this may be said.
    Told,
    /// It does, and would hide that the check's own proof is wrong.
    Hidden,
}

impl Weakness {
    fn of(other: &Strength, scene: &Scene<'_>) -> Self {
        let Some(own) = &scene.strength else { return Weakness::None };
        match other.is_less_than(own) {
            false => Weakness::None,
            true if scene.is_presented() || other.proves_less_content_than(own) => Weakness::Hidden,
            true => Weakness::Told,
        }
    }
}

/// A provider whose proof a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Its name.
    pub name: &'static str,
    /// Whether it proves less than the check at hand.
    pub is_weaker: bool,
}

/// The providers whose proof this request has in its head, other than the check's own: names, those first that the
/// request's own words name.
pub fn presented(scene: &Scene<'_>) -> Vec<Presented> {
    let lines = borrowed(&scene.head);
    let request = Request::new(&lines);
    let mut names = with_shipped(|all| {
        all.iter()
            .filter(|shipped| {
                let Some(dialects) = &shipped.plain else { return false };
                let is_there = dialects.iter().any(|(scheme, _)| {
                    let headers = scheme.proof_headers();
                    let is_telling =
                        headers.iter().all(|name| !matches!(*name, "authorization" | "signature" | "x-signature"));
                    !headers.is_empty()
                        && is_telling
                        && !headers.iter().any(|name| scene.needed.iter().any(|other| other == name))
                        && scheme.is_presented(request)
                });
                is_there
                    && !scene.siblings.have_proof_of(dialects)
                    && !(shipped.is_weaker_than_check(scene) && scene.is_presented())
            })
            .map(|shipped| Presented { name: shipped.name, is_weaker: shipped.is_weaker_than_check(scene) })
            .collect::<Vec<_>>()
    });
    let hints = naming_text(scene);
    names.sort_by_key(|one| (!hints.contains(one.name.split('-').next().unwrap_or(one.name)), one.name.len()));
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
                let strength = plain.as_ref().and_then(|dialects| Strength::of(dialects));
                Some(Shipped { name, scheme, plain, strength })
            });
            all.collect()
        }))
    })
}
