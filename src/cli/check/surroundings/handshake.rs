//! Senders that check their endpoint, where the source does not answer them.

use hookwarden::config::providers;
use hookwarden::verify::bytes::json::{Json, JsonPath};

use super::super::codes;
use super::super::findings::Findings;
use super::super::sources::Source;

pub fn check(source: &Source<'_>, findings: &mut Findings) {
    if source.at.get("handshake").is_some() {
        return;
    }
    for (check, _) in source.checks() {
        if let Some(provider) = check.get("provider")
            && provider.text().is_some_and(has_unsigned_handshake)
        {
            let message = "checks its endpoint with requests that it does not sign, and this source refuses them";
            let right = "add \"handshake\": true, or the values that the sender's page names; false if you registered it \
                         another way";
            findings.add(&codes::HANDSHAKE_UNANSWERED, &provider, message, right);
        }
    }
}

/// Whether a request that this sender makes before events is not a verified event.
fn has_unsigned_handshake(provider: &str) -> bool {
    let Some(handshake) = providers::find(provider).and_then(|provider| provider.handshake) else { return false };
    let rules = handshake.elements().unwrap_or_else(|| vec![&handshake]);
    let is_signed = |rule: &&Json| {
        let proof = JsonPath::parse("proof").and_then(|path| rule.at(&path));
        proof.and_then(Json::text) == Some("first")
    };
    !rules.iter().all(is_signed)
}
