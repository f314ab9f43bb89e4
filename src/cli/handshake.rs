//! Handshakes as they are written: what a sender's file says about them, and what a source needs to take part.

use hookwarden::config::providers;
use hookwarden::verify::bytes::json::Json;

use super::config_file::{CheckEntry, SourceEntry, member};

/// What stands in for a configured value that nobody gave.
const ANY_VALUE: &str = "any-value";
/// The same for a topic of Amazon SNS.
const ANY_TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:any";

/// The handshakes of a check's sender, as written: in the provider's file, or beside the check's own scheme.
pub fn of_check(check: &CheckEntry) -> Option<Json> {
    match &check.provider {
        Some(provider) => of_provider(provider),
        None => member(&check.json, "handshake").cloned(),
    }
}

/// The handshakes of a provider, as written.
pub fn of_provider(name: &str) -> Option<Json> {
    providers::find(name)?.handshake
}

/// The handshakes one by one, in their order.
pub fn rules(handshake: &Json) -> Vec<&Json> {
    handshake.elements().unwrap_or_else(|| vec![handshake])
}

/// Whether the sender signs a handshake like an event.
pub fn is_signed(rule: &Json) -> bool {
    member(rule, "proof").and_then(Json::text) == Some("first")
}

/// The key that everybody knows, if a handshake is signed with one.
pub fn known_key(rule: &Json) -> Option<&str> {
    member(rule, "proof.key").and_then(Json::text)
}

/// Whether hookwarden can respond to all of them. Otherwise the application has to.
pub fn has_answer(handshake: &Json) -> bool {
    rules(handshake).iter().all(|rule| member(rule, "answer").or_else(|| member(rule, "confirm")).is_some())
}

/// Whether a call confirms one of them.
pub fn confirms(handshake: &Json) -> bool {
    rules(handshake).iter().any(|rule| member(rule, "confirm").is_some())
}

/// The names of the configured values in a text of the scheme language, such as `verify_token` in
/// `{with:verify_token}`; each once.
pub fn value_names(json: &Json) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let text = json.to_string();
    for name in text.split("{with:").skip(1).filter_map(|rest| rest.split('}').next()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The names of the values that a source has to give under `handshake`: those that the check itself does not have.
pub fn needed_values(handshake: &Json, check: &CheckEntry) -> Vec<String> {
    value_names(handshake).into_iter().filter(|name| check.with(name).is_none()).collect()
}

/// The same for a provider whose check has the values of its scheme.
pub fn needed_values_of(provider: &str, handshake: &Json) -> Vec<String> {
    let scheme = providers::find(provider).map(|provider| value_names(&provider.scheme)).unwrap_or_default();
    value_names(handshake).into_iter().filter(|name| !scheme.contains(name)).collect()
}

/// A source's `handshake` with which every handshake of the sender is recognised. `value`: what is known of a value.
pub fn option(handshake: &Json, names: &[String], value: impl Fn(&str) -> Option<String>) -> Json {
    if !has_answer(handshake) {
        return Json::Text("forward".to_owned());
    }
    let mut members: Vec<_> = names
        .iter()
        .map(|name| (name.clone(), Json::Text(value(name).unwrap_or_else(|| ANY_VALUE.to_owned()))))
        .collect();
    if confirms(handshake) {
        members.push(("topics".to_owned(), Json::List(vec![Json::Text(ANY_TOPIC.to_owned())])));
        members.push(("cluster".to_owned(), Json::Text("sns".to_owned())));
    }
    if members.is_empty() { Json::Bool(true) } else { Json::Object(members) }
}

/// The member that a source needs to take part, as text.
pub fn written_option(handshake: &Json, names: &[String]) -> String {
    if !has_answer(handshake) {
        return "\"handshake\": \"forward\"".to_owned();
    }
    let mut members: Vec<_> = names.iter().map(|name| format!("\"{name}\": {{ \"env\": … }}")).collect();
    if confirms(handshake) {
        members.extend(["\"topics\": [ … ]".to_owned(), "\"cluster\": …".to_owned()]);
    }
    if members.is_empty() {
        "\"handshake\": true".to_owned()
    } else {
        format!("\"handshake\": {{ {} }}", members.join(", "))
    }
}

/// How a sender makes one handshake, in words: the method, whether it is signed, and what it wants to see.
pub fn described(rule: &Json) -> String {
    let methods = member(rule, "method").map(|method| match method.elements() {
        Some(list) => list.into_iter().filter_map(Json::text).collect::<Vec<_>>().join(" or "),
        None => method.text().unwrap_or_default().to_owned(),
    });
    let proof = match (is_signed(rule), known_key(rule)) {
        (true, _) => "signed like an event",
        (false, Some(_)) => "signed with a key that everybody knows",
        (false, None) => "not signed",
    };
    let has = |name: &str| member(rule, name).is_some();
    let answer = if has("confirm") {
        "confirmed by a call"
    } else if !has("answer") {
        "hands over a secret, so the application has to respond"
    } else if has("mac") {
        "answered with a MAC of its token"
    } else if has("digest") {
        "answered with a hash"
    } else if member(rule, "answer").is_some_and(|answer| answer.to_string().contains("{token}")) {
        "answered with its token"
    } else {
        "answered with a fixed response"
    };
    format!("{}, {proof}, {answer}", methods.unwrap_or_default())
}

/// Whether a source takes part in handshakes.
pub fn takes_part(source: &SourceEntry) -> bool {
    source.member("handshake").is_some_and(|option| *option != Json::Bool(false))
}
