//! Every vector of every provider, by name and as a written-out scheme, delivered in every way: the verdict is always
//! the same. If the filter holds, every cut is tried; the other modes get a sample.

use hookwarden::step::Outcome;
use hookwarden::verify::bytes::inflate::Inflater;
use hookwarden::verify::{HeaderLine, Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::{Delivery, Verdict, deliver, is_decided_by_headers};
use crate::support::{self, Sent};
use crate::vector::{Form, Vector, providers};

#[test]
fn every_vector_gets_its_verdict_if_the_filter_holds() {
    every_vector(
        Delivery::all,
        |config| config,
        |vector, verdict, delivery| {
            assert_eq!(verdict.released, vector.is_valid());
            assert_eq!(verdict.edits.is_some(), vector.is_valid(), "headers go on with the verdict, if it is good");
            let expected: &[u8] = if vector.is_valid() { &vector.sent.body } else { b"" };
            assert_eq!(verdict.forwarded, expected, "the body is forwarded unchanged, or not at all");
            if vector.is_valid() {
                let set = verdict.edits.as_ref().map(|edits| edits.set.clone()).unwrap_or_default();
                assert!(set.contains(&("x-hookwarden-source", b"tested".to_vec())), "{set:?} as {delivery:?}");
                assert!(set.iter().any(|(name, _)| *name == "x-hookwarden-key-id"), "{set:?} as {delivery:?}");
            }
        },
    );
}

#[test]
fn every_vector_gets_its_verdict_if_the_chain_holds() {
    every_vector(
        Delivery::some,
        |config| support::with(config, "body_hold", json!("chain")),
        |vector, verdict, _| {
            assert_eq!(verdict.released, vector.is_valid());
            let expected: &[u8] = if vector.is_valid() { &vector.sent.body } else { b"" };
            assert_eq!(verdict.forwarded, expected, "the body is forwarded unchanged, or not at all");
        },
    );
}

#[test]
fn every_vector_gets_its_verdict_if_the_source_observes() {
    every_vector(
        Delivery::some,
        |mut config| {
            config["sources"][0]["mode"] = json!("observe");
            config
        },
        |vector, verdict, _| {
            assert_eq!(matches!(verdict.record.outcome, Outcome::Observed(_)), !vector.is_valid());
            assert_eq!(verdict.forwarded, vector.sent.body, "everything is forwarded unchanged");
            let set = verdict.edits.as_ref().map(|edits| edits.set.clone()).unwrap_or_default();
            if !vector.is_valid() {
                assert!(set.is_empty(), "an unverified request is marked as verified: {set:?}");
            }
        },
    );
}

/// If a byte of a valid vector's body can be changed without a denial, it was not covered.
#[test]
fn no_changed_byte_of_a_signed_body_passes() {
    for provider in providers() {
        if !provider.signs_whole_body() {
            continue;
        }
        for vector in provider.vectors.iter().filter(|vector| vector.is_valid()) {
            let policy = support::policy(&provider.config(vector, Form::ByName));
            let bodies = (0..vector.sent.body.len()).flat_map(|at| {
                [0x01, 0x20, 0x80].map(|bit| {
                    let mut body = vector.sent.body.clone();
                    body[at] ^= bit;
                    body
                })
            });
            for body in bodies {
                let sent = vector.sent.clone().body(&body);
                let verdict = deliver(&policy, &sent, &Delivery::whole());
                // A text can be compressed in many ways, and the signature covers the text.
                let is_same_text = || text_in(&sent).is_some_and(|text| text_in(&vector.sent) == Some(text));
                let passes = verdict.code == "verified";
                assert!(!passes || is_same_text(), "{}: {}: {body:?}", provider.name, vector.case);
            }
        }
    }
}

/// The text of a compressed body; `None` for any other.
fn text_in(sent: &Sent) -> Option<Vec<u8>> {
    let mut inflater = Inflater::new(Request::new(&borrowed(&sent.headers)).content_coding().ok()??);
    let mut text = Vec::new();
    inflater.update(&sent.body, &mut |piece| text.extend_from_slice(piece));
    inflater.finish().ok().map(|()| text)
}

/// Every header that a scheme names and the verdict depends on: removed, emptied and repeated.
#[test]
fn no_valid_vector_passes_when_a_header_that_it_needs_is_touched() {
    for provider in providers() {
        let named = provider.named_headers();
        for vector in provider.vectors.iter().filter(|vector| vector.is_valid()) {
            let policy = support::policy(&provider.config(vector, Form::ByName));
            for at in (0..vector.sent.headers.len())
                .filter(|at| named.contains(&vector.sent.headers[*at].0.to_ascii_lowercase()))
            {
                let code = |change: &dyn Fn(&mut Vec<HeaderLine>)| {
                    let mut sent = vector.sent.clone();
                    change(&mut sent.headers);
                    deliver(&policy, &sent, &Delivery::whole()).code
                };
                let missing = code(&|headers| drop(headers.remove(at)));
                if missing == "verified" {
                    continue;
                }
                let what = format!("{}: {}: {}", provider.name, vector.case, vector.sent.headers[at].0);
                // A sender with two dialects, or two headers for its signature, falls back to the other one, which may be
                // wrong in another way.
                let has_several = provider.scheme.get("dialects").is_some()
                    || provider.scheme.pointer("/signature/header").is_some_and(Value::is_array);
                assert!(missing.ends_with("_missing") || has_several, "{what}: {missing}");
                let twice = code(&|headers| headers.push(headers[at].clone()));
                assert!(twice.ends_with("_duplicated"), "{what}: {twice}");
                let empty = code(&|headers| headers[at].1.clear());
                assert_ne!(empty, "verified", "{what}");
                let not_text = code(&|headers| headers[at].1.fill(0xff));
                assert_ne!(not_text, "verified", "{what}");
            }
        }
    }
}

fn every_vector(
    splits: fn(usize) -> Vec<Delivery>,
    mode: impl Fn(Value) -> Value,
    holds: impl Fn(&Vector, &Verdict, &Delivery),
) {
    let mut wrong = Vec::new();
    let mut verdicts = 0_usize;
    for provider in providers() {
        for vector in &provider.vectors {
            for form in [Form::ByName, Form::WrittenOut] {
                let policy = support::policy(&mode(provider.config(vector, form)));
                let len = vector.sent.body.len();
                // The written-out scheme is the same policy, as `providers.rs` checks.
                let deliveries = match (form, is_decided_by_headers(&policy, &vector.sent)) {
                    (Form::WrittenOut, _) | (_, true) => Delivery::few(len),
                    (Form::ByName, false) => splits(len),
                };
                for delivery in deliveries {
                    let verdict = deliver(&policy, &vector.sent, &delivery);
                    verdicts += 1;
                    if verdict.code == vector.expect {
                        holds(vector, &verdict, &delivery);
                    } else {
                        wrong.push(format!(
                            "{}: {}: expected {}, got {} ({form:?}, {delivery:?})",
                            provider.name, vector.case, vector.expect, verdict.code
                        ));
                        break;
                    }
                }
            }
        }
    }
    println!("{verdicts} verdicts");
    assert!(wrong.is_empty(), "{} wrong verdicts:\n{}", wrong.len(), wrong.join("\n"));
}
