//! Secrets that are over, will be soon, or are not valid yet.

use std::time::Duration;

use hookwarden::verify::primitives::timestamp::UnixTime;

use super::super::codes;
use super::super::findings::Findings;
use super::super::sources::Source;
use crate::cli::config_file::SecretEntry;

/// How long before its end a secret is worth a warning: time to tell a sender and deploy twice.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

pub fn check(source: &Source<'_>, now: UnixTime, findings: &mut Findings) {
    for (_, list) in source.entry.lists() {
        let Some(at) = source.at.find(&list.path) else { continue };
        let secrets = list.secrets.as_slice();
        let has = |which: &dyn Fn(&SecretEntry) -> bool| !secrets.is_empty() && secrets.iter().all(which);
        if has(&|secret| secret.is_expired(now)) {
            let message =
                format!("every secret of this list has expired: source {:?} denies all requests", source.name);
            findings.add(&codes::ALL_SECRETS_EXPIRED, &at, message, "add the sender's current secret");
            continue;
        }
        if has(&|secret| !secret.validity.contains(now)) {
            let message = format!("no secret of this list is valid yet: source {:?} denies all requests", source.name);
            let right = "set an earlier not_before, or keep the old secret beside it";
            findings.add(&codes::SECRET_EARLY, &at, message, right);
        }
        for secret in secrets {
            let Some(at) = source.at.find(&secret.path.member("not_after")) else { continue };
            let Some(end) = secret.validity.not_after else { continue };
            let left = Duration::from_millis(end.as_millis().saturating_sub(now.as_millis()));
            let days = left.as_secs() / (24 * 60 * 60);
            if secret.is_expired(now) {
                let right = "take it out of the configuration, then out of the environment";
                findings.add(&codes::SECRET_EXPIRED, &at, "is past: this secret has expired and has no effect", right);
            } else if left < SOON && !follows(secret, secrets, end) {
                let message = format!("ends in {days} days, and no other secret of the list is valid after that");
                findings.add(&codes::SECRET_EXPIRING, &at, message, "add its successor, and have the sender switch");
            } else if left < SOON {
                let right = "see that the sender uses the other secret by then: the metric \"matches\" tells";
                findings.add(&codes::SECRET_EXPIRING, &at, format!("ends in {days} days"), right);
            }
        }
    }
}

/// Whether another secret of the list is valid when this one ends.
fn follows(secret: &SecretEntry, secrets: &[SecretEntry], end: UnixTime) -> bool {
    secrets
        .iter()
        .filter(|other| other.path != secret.path)
        .map(|other| other.validity)
        .any(|other| other.not_before.is_none_or(|start| start <= end) && other.not_after.is_none_or(|over| over > end))
}
