//! A source for a sender, ready to be copied into a configuration.

use std::time::Duration;

use hookwarden::config;
use serde_json::{Value, json};

use crate::cli::clock;
use crate::cli::registry::Sender;

/// How long an event is remembered, where the sender's own window of time does not ask for longer.
const REPLAY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// The source, as JSON that is laid out as the documentation does it.
pub fn text(sender: &Sender) -> String {
    let once = with_guards(sender, Some(replay_window(sender)));
    // Whether anything tells one event of this sender from another, the filter knows.
    let configuration = format!("{{ \"sources\": [{once}] }}");
    if config::load(configuration.as_bytes(), &|_| None).is_ok() { once } else { with_guards(sender, None) }
}

fn with_guards(sender: &Sender, replay: Option<Duration>) -> String {
    let mut members = vec![
        format!(r#""name": "{}""#, sender.name),
        format!(r#""match": {{ "path": "/hooks/{}" }}"#, sender.name),
        format!(r#""verify": {}"#, check(sender)),
    ];
    members.extend(guards(sender));
    if let Some(window) = replay {
        members.push(format!(r#""replay": {{ "window": "{}h" }}"#, window.as_secs().div_ceil(60 * 60)));
    }
    format!("{{\n  {}\n}}", members.join(",\n  "))
}

fn check(sender: &Sender) -> String {
    let list = if takes_public_keys(sender) { "keys" } else { "secrets" };
    let mut members = vec![
        format!(r#""provider": "{}""#, sender.name),
        format!(r#""{list}": [{{ "id": "{}", "env": "{}" }}]"#, clock::month(), variable(sender)),
    ];
    let with = sender.sample().map(|sample| sample.with).unwrap_or_default();
    if !with.is_empty() {
        let values: Vec<_> = with.iter().map(|(name, value)| format!("{}: {}", json!(name), json!(value))).collect();
        members.push(format!(r#""with": {{ {} }}"#, values.join(", ")));
    }
    format!("{{\n    {}\n  }}", members.join(",\n    "))
}

/// What keeps away what the sender never sends, and tells its events apart.
fn guards(sender: &Sender) -> Vec<String> {
    let mut guards = Vec::new();
    if sender.samples().iter().all(|sample| sample.method == "POST") {
        guards.push(r#""methods": ["POST"]"#.to_owned());
    }
    // What Envoy buffers unless it is told otherwise.
    guards.push(r#""max_body_bytes": 1048576"#.to_owned());
    // A list of networks grows old, and then refuses genuine events: only a credential, which proves nothing about the
    // request, is worth that. Published networks are clouds', whose addresses strangers share: a limit by address would
    // count their failures.
    let proves_nothing = sender.unprotected.iter().any(|what| what == "body");
    guards.push(if proves_nothing && sender.networks.is_some() {
        r#""allow_from": "provider""#.to_owned()
    } else {
        r#""flood_limit": { "failures": 20, "per": "1m" }"#.to_owned()
    });
    guards
}

/// How long an event must be remembered so that it cannot come again: a signed time is taken for twice its tolerance.
fn replay_window(sender: &Sender) -> Duration {
    let places = ["/timestamp/tolerance", "/jwt/max_age", "/message_signature/max_age", "/http_signature/max_age"];
    let dialects = sender.dialects();
    let written =
        dialects.iter().flat_map(|dialect| places.map(|place| dialect.pointer(place).and_then(Value::as_str)));
    let tolerances = written.flatten().filter_map(|text| humantime::parse_duration(text).ok());
    let fresh = tolerances.max().unwrap_or_default().saturating_mul(2);
    // A repetition that comes later would be a new event.
    let repeated = sender.retries.as_ref().and_then(|retries| retries.span).unwrap_or_default();
    fresh.max(repeated).max(REPLAY_WINDOW)
}

/// Whether the sender's keys are public.
pub fn takes_public_keys(sender: &Sender) -> bool {
    sender.sample().is_some_and(|sample| sample.are_public_keys)
}

/// The variable of the environment that holds the secret.
pub fn variable(sender: &Sender) -> String {
    let name = sender.name.to_uppercase().replace('-', "_");
    // A variable's name begins with a letter.
    let name = if name.starts_with(|first: char| first.is_ascii_digit()) { format!("HOOK_{name}") } else { name };
    format!("{name}_{}", if takes_public_keys(sender) { "PUBLIC_KEY" } else { "WEBHOOK_SECRET" })
}
