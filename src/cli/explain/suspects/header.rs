//! Suspects of the head: headers that a proxy renamed, doubled, quoted or dropped the ends of.

use std::collections::{BTreeSet, HashSet};

use hookwarden::verify::HeaderLine;
use hookwarden::verify::bytes::form;

use super::head_change::HeadChange;
use super::{Change, Mistake, Scene};

/// What proxies and gateways put in front of a header's name.
const PREFIXES: &[&str] = &[
    "x-original-",
    "x-forwarded-",
    "x-amzn-remapped-",
    "x-envoy-original-",
    "x-proxy-",
    "x-orig-",
    "x-real-",
    "http-",
    "x-",
    "original-",
    "forwarded-",
];

const IN_FRONT: &str =
    "Check the proxies in front: each must forward the header once, with its name and value unchanged.";

/// The changes of this file.
pub fn changes(scene: &Scene<'_>) -> Vec<Change> {
    let needed = scene.needed.as_slice();
    let mut changes = Vec::new();
    renamed(scene, needed, &mut changes);
    repeated(scene, needed, &mut changes);
    rewritten(scene, needed, &mut changes);
    methods(scene, &mut changes);
    let mut seen = HashSet::from([HeadChange::Whole(scene.head.clone())]);
    changes.retain(|change| change.head.as_ref().is_none_or(|head| seen.insert(head.clone())));
    changes
}

/// Adds a value in place of another, with the code of a mistake, what happened, and what to do.
type With<'a> = &'a mut dyn FnMut(Option<Vec<u8>>, &'static str, &str, &str);

fn changed(head: HeadChange, mistake: Mistake) -> Change {
    Change { head: Some(head), body: None, mistakes: vec![mistake] }
}

/// Whether a name is that of a pseudo header.
pub fn is_pseudo(name: &str) -> bool {
    name.starts_with(':')
}

/// How often a header is in a head.
fn count(head: &[HeaderLine], name: &str) -> usize {
    head.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).count()
}

/// A name as it is compared when a proxy may have changed it.
fn bare(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let stripped = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(&name);
    stripped.strip_prefix("x-").unwrap_or(stripped).to_owned()
}

fn renamed(scene: &Scene<'_>, needed: &[String], changes: &mut Vec<Change>) {
    let missing: Vec<&String> = needed.iter().filter(|name| count(&scene.head, name) == 0).collect();
    // All of them, where their names differ as proxies change names.
    let mut head = scene.head.clone();
    let mut pairs = Vec::new();
    for name in &missing {
        if let Some((own, _)) = head.iter_mut().find(|(own, _)| !is_pseudo(own) && bare(own) == bare(name)) {
            pairs.push(format!("\"{name}\" is in the request as \"{own}\""));
            (*name).clone_into(own);
        }
    }
    if !pairs.is_empty() {
        let underscores = scene
            .head
            .iter()
            .any(|(name, _)| name.contains('_') && missing.iter().any(|other| bare(name) == bare(other)));
        let why = if underscores {
            ": something in front replaces \"-\" by \"_\""
        } else {
            ": something in front renames headers"
        };
        changes.push(Change::of_head(
            head,
            Mistake::new("header_renamed", format!("{}{why}.", pairs.join(", ")), IN_FRONT),
        ));
    }
    // One of them, whatever it is called now.
    for name in &missing {
        for (at, (own, _)) in scene.head.iter().enumerate().filter(|(_, (own, _))| !is_pseudo(own)) {
            let head = HeadChange::Name(at, (*name).clone());
            let sentence = format!("What the scheme reads from the header \"{name}\" is in the header \"{own}\".");
            let advice = format!(
                "If the sender writes \"{own}\", describe it so in a scheme of your own, or look for another \
                                  provider. If a proxy renames it, turn that off."
            );
            changes.push(changed(head, Mistake::new("header_renamed", sentence, advice)));
        }
    }
    // Where both are there, the one that a proxy kept aside.
    for name in needed {
        for prefix in PREFIXES {
            let aside = format!("{prefix}{name}");
            if let Some((_, value)) = scene.head.iter().find(|(own, _)| own.eq_ignore_ascii_case(&aside)) {
                let head = HeadChange::Only((name.clone(), value.clone()));
                let sentence =
                    format!("Something in front replaced the header \"{name}\" and kept the sender's as \"{aside}\".");
                changes.push(changed(head, Mistake::new("header_replaced", sentence, IN_FRONT)));
            }
        }
    }
}

fn repeated(scene: &Scene<'_>, needed: &[String], changes: &mut Vec<Change>) {
    for name in needed {
        let values: Vec<_> =
            scene.head.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect();
        let mut once = |value: &[u8], code: &'static str, sentence: String| {
            let head = HeadChange::Only((name.clone(), value.to_vec()));
            changes.push(changed(head, Mistake::new(code, sentence, IN_FRONT)));
        };
        if values.len() > 1 {
            let different: BTreeSet<_> = values.iter().collect();
            let what = if different.len() == 1 { "with the same value" } else { "with several values" };
            let mut seen = BTreeSet::new();
            for value in values.iter().filter(|value| seen.insert(**value)) {
                let sentence = format!(
                    "The header \"{name}\" occurs {} times in the request, {what}: a proxy adds or copies it.",
                    values.len()
                );
                once(value, "header_repeated", sentence);
            }
        }
        if let [value] = values.as_slice() {
            for separator in [b", ".as_slice(), b","] {
                let halves = value.windows(separator.len()).enumerate().filter(|(_, window)| *window == separator);
                for (at, _) in halves {
                    let (front, back) = value.split_at_checked(at).unwrap_or_default();
                    let back = back.strip_prefix(separator).unwrap_or(back);
                    if front == back {
                        let sentence = format!(
                            "The header \"{name}\" has its value twice, joined by a comma: a proxy added it a second time."
                        );
                        once(front, "header_repeated", sentence);
                    }
                }
            }
        }
    }
}

fn rewritten(scene: &Scene<'_>, needed: &[String], changes: &mut Vec<Change>) {
    for (at, (name, value)) in scene.head.iter().enumerate() {
        if !needed.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            continue;
        }
        let own = value;
        let mut with = |value: Option<Vec<u8>>, code: &'static str, what: &str, advice: &str| {
            let Some(other) = value.filter(|other| other != own) else { return };
            changes.push(changed(
                HeadChange::Value(at, other),
                Mistake::new(code, format!("The value of the header \"{name}\" {what}."), advice),
            ));
        };
        let unquoted =
            value.trim_ascii().strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).map(<[u8]>::to_vec);
        with(unquoted, "header_quoted", "has quotes around it that the sender does not write", IN_FRONT);
        with(
            form::decode(value, false),
            "header_percent_encoded",
            "is percent-encoded, and the sender's is not",
            IN_FRONT,
        );
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        let squeezed: Vec<u8> = value.iter().copied().filter(|byte| !blank(byte)).collect();
        with(
            Some(squeezed),
            "header_whitespace",
            "has white space in it that the sender does not write: it was wrapped",
            IN_FRONT,
        );
        let plus = value.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect();
        with(
            Some(plus),
            "header_percent_encoded",
            "has blanks where the sender has \"+\": it was decoded as a form",
            IN_FRONT,
        );
        timestamp(value, &mut with);
    }
}

/// Seconds for milliseconds, and the other way around.
fn timestamp(value: &[u8], with: With<'_>) {
    let advice = "Set the unit that the sender writes in a scheme of your own (\"unit\": \"s\", \"ms\" or \"s-or-ms\"), or have the sender write \
                  the other.";
    if !value.iter().all(u8::is_ascii_digit) {
        return;
    }
    match value.len() {
        13 => {
            let what = "is in milliseconds, and the sender signed seconds";
            with(value.get(..10).map(<[u8]>::to_vec), "timestamp_unit", what, advice);
        }
        10 => {
            let what = "is in seconds, and the sender signed milliseconds";
            with(Some([value, b"000"].concat()), "timestamp_unit", what, advice);
        }
        _ => {}
    }
}

fn methods(scene: &Scene<'_>, changes: &mut Vec<Change>) {
    if !scene.dialects.iter().any(|(scheme, _)| scheme.reads_method()) {
        return;
    }
    for method in ["POST", "GET", "PUT", "PATCH"] {
        let mut head = scene.head.clone();
        if let Some((_, value)) = head.iter_mut().find(|(name, _)| name == ":method") {
            *value = method.as_bytes().to_vec();
        }
        let sentence = format!("The sender signed the method {method}; the request has another.");
        let advice = "Look at what changes the method on the way, such as a redirect that turns POST into GET.";
        changes.push(Change::of_head(head, Mistake::new("method_changed", sentence, advice)));
    }
}
