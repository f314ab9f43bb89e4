//! Secrets that are over, will be soon, or are not valid yet.

use std::time::Duration;

use hookwarden::verify::timestamp::{UnixTime, parse_rfc3339};

use super::super::codes;
use super::super::cursor::Cursor;
use super::super::findings::Findings;
use super::super::sources::Source;

/// How long before its end a secret is worth a warning: time to tell a sender and deploy twice.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

pub fn check(source: &Source<'_>, now: UnixTime, findings: &mut Findings) {
    for list in source.secret_lists() {
        let secrets = list.elements();
        let over = |secret: &Cursor<'_>| time(secret, "not_after").is_some_and(|end| end < now);
        let early = |secret: &Cursor<'_>| time(secret, "not_before").is_some_and(|start| start > now);
        let has = |which: &dyn Fn(&Cursor<'_>) -> bool| !secrets.is_empty() && secrets.iter().all(which);
        if has(&over) {
            let message = format!("every secret of this list is over: source {:?} refuses all requests", source.name);
            findings.add(&codes::SECRET_EXPIRED, &list, message, "add the sender's secret of today");
            continue;
        }
        if has(&|secret| over(secret) || early(secret)) {
            let message = format!("no secret of this list is valid yet: source {:?} refuses all requests", source.name);
            findings.add(
                &codes::SECRET_EARLY,
                &list,
                message,
                "let not_before begin earlier, or keep the old secret beside it",
            );
        }
        for secret in &secrets {
            let Some(at) = secret.get("not_after") else { continue };
            let Some(end) = time(secret, "not_after") else { continue };
            let left = Duration::from_millis(end.as_millis().saturating_sub(now.as_millis()));
            if over(secret) {
                let right = "take it out of the configuration, then out of the environment";
                findings.add(&codes::SECRET_OVER, &at, "is over, so that this secret does nothing any more", right);
            } else if left < SOON && !follows(secret, &secrets, end) {
                let days = left.as_secs() / (24 * 60 * 60);
                let message = format!("ends in {days} days, and no other secret of the list is valid after that");
                findings.add(&codes::SECRET_EXPIRING, &at, message, "add its successor, and let the sender switch");
            } else if left < SOON {
                let days = left.as_secs() / (24 * 60 * 60);
                let message = format!("ends in {days} days");
                let right = "see that the sender uses the other secret by then: the metric \"matches\" tells";
                findings.add(&codes::SECRET_EXPIRING, &at, message, right);
            }
        }
    }
}

/// Whether another secret of the list is valid when this one ends.
fn follows(secret: &Cursor<'_>, secrets: &[Cursor<'_>], end: UnixTime) -> bool {
    secrets.iter().filter(|other| other.path != secret.path).any(|other| {
        time(other, "not_before").is_none_or(|start| start <= end)
            && time(other, "not_after").is_none_or(|over| over > end)
    })
}

fn time(secret: &Cursor<'_>, name: &str) -> Option<UnixTime> {
    secret.text_at(name).and_then(parse_rfc3339)
}
