//! Schemes and windows that are weaker than they need be.

use std::time::Duration;

use hookwarden::config::providers;
use hookwarden::verify::scheme::Scheme;

use super::super::codes;
use super::super::findings::Findings;
use super::super::sources::Source;
use crate::cli::config_file::CheckEntry;
use crate::cli::document::cursor::Cursor;
use crate::cli::registry::{self, Retries, RetryTime, Sender};

/// Longer windows give whoever captured a request a long time.
const WIDE: Duration = Duration::from_secs(60 * 60);
/// How the names of a sender's older schemes end.
const OLDER: [&str; 5] = ["-sha1", "-legacy", "-classic", "-v0", "-v1"];

pub fn check(source: &Source<'_>, findings: &mut Findings) {
    for (check, _) in source.checks() {
        if let Some(provider) = check.get("provider")
            && let Some(stronger) = provider.text().and_then(stronger)
        {
            let message = "is the older scheme of a sender that has a stronger one";
            findings.add(
                &codes::STRONGER_PROVIDER,
                &provider,
                message,
                format!("use \"{stronger}\" once the sender signs that way"),
            );
        }
        if let Some(tolerance) = check.get("tolerance")
            && tolerance
                .text()
                .and_then(duration)
                .is_some_and(|duration| duration > WIDE && !is_needed(&check, duration))
        {
            let message = "a captured request can be replayed for that long";
            let right = "5m is what most senders take; compare the clocks before widening it";
            findings.add(&codes::TOLERANCE_WIDE, &tolerance, message, right);
        }
        repetitions(source, &check, findings);
    }
    for group in &source.entry.groups {
        let (credentials, signatures): (Vec<_>, Vec<_>) = group.iter().partition(|check| is_credential(check));
        let credential = credentials.first().and_then(|check| source.at.find(&check.path));
        if let (Some(credential), false) = (credential, signatures.is_empty()) {
            let message = "a password or token is enough here, beside a signature: \"any\" is only as strong as its weakest check";
            findings.add(&codes::WEAKEST_OF_ANY, &credential, message, "take it out once every request is signed");
        }
    }
}

/// Whether the sender's repetitions, which keep the time of the first attempt, need as much.
fn is_needed(check: &Cursor<'_>, tolerance: Duration) -> bool {
    retries(check).is_some_and(|(_, retries)| {
        // The last attempt has a way to go, too.
        let slack = Duration::from_secs(60 * 60);
        retries.time == RetryTime::Kept && retries.span.is_some_and(|span| tolerance <= span.saturating_add(slack))
    })
}

fn retries(check: &Cursor<'_>) -> Option<(Sender, Retries)> {
    let sender = registry::find(check.text_at("provider")?)?;
    let retries = sender.retries.clone()?;
    Some((sender, retries))
}

/// What of the sender's repetitions is lost, or taken for new.
fn repetitions(source: &Source<'_>, check: &Cursor<'_>, findings: &mut Findings) {
    let Some((sender, Retries { span: Some(span), time, .. })) = retries(check) else { return };
    let words = humantime::format_duration(span);
    if let (RetryTime::Kept, Some(tolerance)) = (time, check.get("tolerance"))
        && tolerance.text().and_then(duration).is_some_and(|tolerance| tolerance < span)
    {
        let message = format!(
            "{} repeats a delivery that failed for {words}, each time with the time of the first attempt: what comes \
             later than the tolerance is refused, and the event is lost",
            sender.title
        );
        findings.add(&codes::RETRIES_LOST, &tolerance, message, format!("make it {words} or more, or leave it out"));
    }
    let window = source.at.at(&["replay", "window"]);
    if let Some(window) = window.filter(|window| window.text().and_then(duration).is_some_and(|window| window < span)) {
        let message = format!(
            "{} repeats a delivery that failed for {words}: a repetition that comes later than this is taken for a new \
             event",
            sender.title
        );
        findings.add(
            &codes::RETRIES_AGAIN,
            &window,
            message,
            format!("make it {words} or more, if the receiver minds"),
        );
    }
}

fn is_credential(check: &CheckEntry) -> bool {
    check.dialects().is_ok_and(|dialects| dialects.iter().any(|(scheme, _)| matches!(scheme, Scheme::Credential(_))))
}

/// The newer scheme of the same sender.
fn stronger(name: &str) -> Option<&str> {
    let base = OLDER.iter().find_map(|end| name.strip_suffix(end))?;
    let rests_on_old_hash = providers::text(name).is_some_and(|text| text.contains("sha1") || text.contains("md5"));
    (providers::text(base).is_some() && rests_on_old_hash).then_some(base)
}

fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}
