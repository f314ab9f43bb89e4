//! The evidence for each scheme: cited precisely, replayed if possible, and more than a single registry.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::vector::{Provider, all_providers};

/// What the sender itself published or sent.
const OF_THE_SENDER: &[&str] = &["vector", "delivery"];
/// Evidence that nothing outside of a registry confirms.
const UNCONFIRMED: &[&str] = &["registry", "memory"];

#[test]
fn every_published_vector_is_evidence_and_every_claimed_vector_is_replayed() {
    let mut wrong = Vec::new();
    for provider in all_providers() {
        let (evidence, published) = (evidence(&provider), published(&provider));
        let mut demand = |holds: bool, what: String| {
            if !holds {
                wrong.push(format!("{}: {what}", provider.name));
            }
        };
        for source in &published {
            let is_named = evidence.iter().any(|(kind, place)| place == source && !UNCONFIRMED.contains(kind));
            demand(is_named, format!("replays {source}, which is no part of its evidence"));
        }
        for (kind, source) in &evidence {
            demand(*kind != "vector" || published.contains(source), format!("claims a vector of {source}"));
        }
        let places: BTreeSet<_> = evidence.iter().map(|(_, source)| source).collect();
        demand(places.len() == evidence.len(), "names a piece of evidence twice".to_owned());
        let is_alone = evidence.len() == 1 || !evidence.iter().any(|(kind, _)| UNCONFIRMED.contains(kind));
        demand(is_alone, "names a registry or memory beside better evidence".to_owned());
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn more_than_eighty_providers_replay_what_their_sender_published_or_sent() {
    let replaying = all_providers().iter().filter(|provider| replays_its_sender(provider)).count();
    assert!(replaying >= 97, "{replaying} providers replay their sender");
}

#[test]
fn at_least_nineteen_of_twenty_schemes_have_more_evidence_than_a_registry() {
    let providers = all_providers();
    let unconfirmed: Vec<_> = providers
        .iter()
        .filter(|provider| evidence(provider).iter().all(|(kind, _)| UNCONFIRMED.contains(kind)))
        .map(|provider| provider.name.as_str())
        .collect();
    assert!(unconfirmed.len() * 20 <= providers.len(), "{} of {}: {unconfirmed:?}", unconfirmed.len(), providers.len());
}

fn replays_its_sender(provider: &Provider) -> bool {
    let published = published(provider);
    evidence(provider).iter().any(|(kind, source)| OF_THE_SENDER.contains(kind) && published.contains(source))
}

/// The kind and the source of each piece of evidence.
fn evidence(provider: &Provider) -> Vec<(&str, &str)> {
    let list = provider.file.get("evidence").and_then(Value::as_array).into_iter().flatten();
    list.map(|entry| (entry["kind"].as_str().unwrap_or_default(), entry["source"].as_str().unwrap_or_default()))
        .collect()
}

/// The sources of the vectors that somebody published.
fn published(provider: &Provider) -> Vec<&str> {
    let vectors = provider.file.get("vectors").and_then(Value::as_array).into_iter().flatten();
    vectors.filter_map(|vector| vector.get("source")).filter_map(Value::as_str).collect()
}
