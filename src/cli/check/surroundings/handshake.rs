//! Senders that check their endpoint, where the source does not answer them.

use super::super::codes;
use super::super::findings::Findings;
use super::super::sources::Source;
use crate::cli::handshake;

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
    let handshake = handshake::of_provider(provider);
    handshake.is_some_and(|handshake| !handshake::rules(&handshake).into_iter().all(handshake::is_signed))
}
