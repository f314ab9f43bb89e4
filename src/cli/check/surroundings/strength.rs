//! Schemes and windows that are weaker than they need be.

use std::time::Duration;

use hookwarden::config::providers;

use super::super::codes;
use super::super::cursor::Cursor;
use super::super::findings::Findings;
use super::super::sources::{Source, scheme};

/// Longer windows give whoever captured a request a long time.
const WIDE: Duration = Duration::from_secs(60 * 60);
/// How the names of a sender's older schemes end.
const OLDER: [&str; 5] = ["-sha1", "-legacy", "-classic", "-v0", "-v1"];

pub fn check(source: &Source<'_>, findings: &mut Findings) {
    for check in source.checks() {
        if let Some(provider) = check.get("provider")
            && let Some(stronger) = provider.text().and_then(stronger)
        {
            let message = "is the older scheme of a sender that has a stronger one";
            findings.add(
                &codes::STRONGER_PROVIDER,
                &provider,
                message,
                format!("say \"{stronger}\", once the sender signs so"),
            );
        }
        if let Some(tolerance) = check.get("tolerance")
            && tolerance.text().and_then(duration).is_some_and(|duration| duration > WIDE)
        {
            let message = "a captured request can be sent again for all that time";
            let right = "5m is what most senders take; compare the clocks before widening it";
            findings.add(&codes::TOLERANCE_WIDE, &tolerance, message, right);
        }
    }
    for any in source.any() {
        let checks = any.elements();
        let (credentials, signatures): (Vec<_>, Vec<_>) = checks.iter().partition(|check| is_credential(check));
        if let (Some(credential), false) = (credentials.first(), signatures.is_empty()) {
            let message =
                "a password or token is enough here, beside a signature: \"any\" is as strong as its weakest check";
            findings.add(&codes::WEAKEST_OF_ANY, credential, message, "take it out once every request is signed");
        }
    }
}

fn is_credential(check: &Cursor<'_>) -> bool {
    scheme(check).is_some_and(|scheme| scheme.contains("\"credential\":"))
}

/// The newer scheme of the same sender.
fn stronger(name: &str) -> Option<&str> {
    let base = OLDER.iter().find_map(|end| name.strip_suffix(end))?;
    let rests_on_old_hash = providers::text(name).is_some_and(|text| text.contains("sha1") || text.contains("md5"));
    (providers::text(base).is_some() && rests_on_old_hash).then_some(base)
}

/// A duration such as `90s` or `1h 30m`; the filter's own reader says whether it is one.
fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for part in text.split_whitespace() {
        let end = part.find(|char: char| !char.is_ascii_digit()).unwrap_or(part.len());
        let (digits, unit) = part.split_at(end);
        let seconds = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hr" | "hrs" | "hour" | "hours" => 60 * 60,
            "d" | "day" | "days" => 24 * 60 * 60,
            "w" | "week" | "weeks" => 7 * 24 * 60 * 60,
            _ => return None,
        };
        total += Duration::from_secs(digits.parse::<u64>().ok()?.checked_mul(seconds)?);
    }
    Some(total)
}
