//! One sender in full, for people.

use hookwarden::config::dialects;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::scheme::native::HeadPart;
use serde_json::json;

use super::{describe, source};
use crate::cli::description::{self, Window};
use crate::cli::handshake;
use crate::cli::layout::{labelled, point};
use crate::cli::registry::{MadeBy, Sender};
use crate::cli::terminal::{FAINT, GOOD, HEADING, STRONG, WARNING};

/// What a sender's own window is counted from.
const WINDOW: Window<'_> = Window { tolerance: None, from: "now" };

/// Everything that is known of a sender. `all` is for those that are alike.
pub fn of(sender: &Sender, all: &[Sender]) -> String {
    let mut page = format!("{STRONG}{}{STRONG:#} {FAINT}({}){FAINT:#}\n\n", sender.title, sender.name);
    let dialects = sender.dialects();
    for (number, dialect) in (1_usize..).zip(&dialects) {
        if dialects.len() > 1 {
            page.push_str(&format!("{HEADING}Dialect {number} of {}{HEADING:#}\n", dialects.len()));
        }
        for (label, text) in description::dialect(dialect, WINDOW) {
            page.push_str(&labelled(label, &text));
        }
        page.push('\n');
    }
    if let Some(by) = sender.tolerance_by {
        page.push_str(&labelled("Window", describe::tolerance_by(by)));
    }
    if let Some(retries) = &sender.retries {
        page.push_str(&labelled("Repeats", &describe::retries(retries)));
    }
    let signed = signed_of_head(sender);
    if !signed.is_empty() {
        page.push_str(&labelled("Must stay", &describe::must_stay(&signed)));
    }
    page.push_str(&open(sender));
    page.push_str(&labelled("Secret", &secret(sender)));
    if let Some(keys) = &sender.keys_from {
        page.push_str(&labelled("Keys from", &describe::keys_from(keys)));
    }
    page.push_str(&labelled("When refused", &format!("{} The answer is {}.", sender.refusal, sender.refusal_status)));
    if let Some(written) = handshake::of_provider(sender.name) {
        for (number, rule) in handshake::rules(&written).into_iter().enumerate() {
            page.push_str(&labelled(if number == 0 { "Handshake" } else { "" }, &handshake::described(rule)));
        }
        let option = handshake::written_option(&written, &handshake::needed_values_of(sender.name, &written));
        page.push_str(&labelled("", &format!("the source needs {option}")));
    }
    if let Some(networks) = &sender.networks {
        page.push_str(&labelled("Sends from", &format!("{} (read {})", networks.list.join(", "), networks.read)));
    }
    for (number, evidence) in sender.evidence.iter().enumerate() {
        let label = if number == 0 { "Evidence" } else { "" };
        let what = describe::evidence(&evidence.kind);
        page.push_str(&labelled(label, &format!("{what}: {} (read {})", evidence.source, evidence.seen)));
    }
    page.push_str(&labelled("Documentation", &sender.documentation));
    if let Some(alias) = &sender.alias {
        page.push_str(&labelled("Scheme of", alias));
    }
    let others: Vec<_> = others(sender, all);
    if !others.is_empty() {
        page.push_str(&labelled("See also", &others.join(", ")));
    }
    if !sender.notes.is_empty() {
        page.push_str(&format!("\n{HEADING}Notes{HEADING:#}\n"));
        page.extend(sender.notes.iter().map(|note| point(note)));
    }
    page.push_str(&format!("\n{HEADING}A source to copy{HEADING:#}\n{}\n\n", source::text(sender)));
    page.push_str(&format!("{HEADING}What to do{HEADING:#}\n"));
    page.extend(steps(sender).iter().map(|step| point(step)));
    page
}

/// What of the head the sender signs, in any of its ways.
pub fn signed_of_head(sender: &Sender) -> Vec<HeadPart> {
    let with = sender.sample().map(|sample| sample.with).unwrap_or_default();
    let with: serde_json::Map<_, _> = with.into_iter().map(|(name, value)| (name, json!(value))).collect();
    let check = match with.is_empty() {
        true => json!({ "provider": sender.name }),
        false => json!({ "provider": sender.name, "with": with }),
    };
    let dialects = Json::parse(check.to_string().as_bytes()).ok().and_then(|check| dialects::of_check(&check).ok());
    let mut parts: Vec<_> = dialects.unwrap_or_default().iter().flat_map(|(scheme, _)| scheme.signed_head()).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

fn open(sender: &Sender) -> String {
    if sender.unprotected.is_empty() {
        return labelled("Not protected", &format!("{GOOD}nothing{GOOD:#} that a signature could"));
    }
    let mut page = String::new();
    for (number, word) in sender.unprotected.iter().enumerate() {
        let label = if number == 0 { "Not protected" } else { "" };
        let (name, rest) = describe::unprotected(word).split_once(':').unwrap_or((describe::unprotected(word), ""));
        let rest = if rest.is_empty() { String::new() } else { format!(":{rest}") };
        page.push_str(&labelled(label, &format!("{WARNING}{name}{WARNING:#}{rest}")));
    }
    page
}

/// What the secret is, and whose it is to make.
pub fn secret(sender: &Sender) -> String {
    let mut text = sender.secret.hint.clone();
    match sender.secret.made_by {
        Some(MadeBy::Sender) => text.push_str(" The sender makes it; copy it from there."),
        Some(MadeBy::You) => {
            text.push_str(&format!(" You make it: `hookwarden secret new --for {}`.", sender.name));
        }
        Some(MadeBy::Either) => text
            .push_str(&format!(" Copy the sender's, or give it one of `hookwarden secret new --for {}`.", sender.name)),
        None => {}
    }
    if !sender.secret.prefixes.is_empty() {
        text.push_str(&format!(" It begins with {}.", sender.secret.prefixes.join(" or ")));
    }
    if let Some(longest) = sender.secret.longest {
        text.push_str(&format!(" It has at most {longest} characters."));
    }
    if let [first, others @ ..] = sender.secret.not.as_slice() {
        let others: String = others.iter().map(|other| format!(" or {other}")).collect();
        text.push_str(&format!(" What begins with {first}{others} is another kind of key."));
    }
    text
}

/// The other schemes of the same sender.
fn others(sender: &Sender, all: &[Sender]) -> Vec<&'static str> {
    let same = all.iter().filter(|other| other.sender == sender.sender && other.name != sender.name);
    same.map(|other| other.name).collect()
}

/// What is left to be done with the source.
fn steps(sender: &Sender) -> Vec<String> {
    let variable = source::variable(sender);
    let what = match sender.secret.made_by {
        Some(MadeBy::You | MadeBy::Either) => format!("Make a secret, give it to {}", sender.title),
        Some(MadeBy::Sender) => format!("Copy the secret from {}", sender.title),
        None => format!("Get the public key of {}", sender.title),
    };
    let mut steps = vec![
        format!("{what}, and set {variable} to it in Envoy's environment: {}", sender.secret.hint),
        format!("Name {variable} in vm_config.environment_variables.host_env_keys, or the source stays closed (503)."),
        format!("Let {} call https://your-host/hooks/{}.", sender.title, sender.name),
    ];
    if sender.sample().is_some_and(|sample| !sample.with.is_empty()) {
        steps.push("Put your own values into \"with\".".to_owned());
    }
    if let Some(keys) = &sender.keys_from {
        steps.push(format!(
            "Or have the keys fetched, so that nothing is to be done when they change: {}",
            describe::fetched(keys)
        ));
    }
    steps.push(format!(
        "Try it: `hookwarden sign --provider {} --help` makes a request that is signed as the sender's are.",
        sender.name
    ));
    steps
}
