//! What the log and the metrics say of live values: never a value, only that it is there, and how old it is.

use crate::live::fetcher::Failure;
use crate::live::place::User;
use crate::verify::key::live::{LiveChange, LiveFault};

/// How bad a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Something is right again.
    Good,
    /// Something is wrong that stops nothing.
    Bearable,
    /// Requests are refused with 503.
    Closed,
}

/// The line about a live secret of `source` that is not what it was; `None` if another line says it.
#[must_use]
pub fn live_change(source: &str, change: &LiveChange) -> Option<(Weight, String)> {
    let LiveChange { id, list, fault, was_there, is_first } = change;
    let list = if list.is_empty() { String::new() } else { format!(" of the list {list}") };
    let (weight, text) = match fault {
        None if *is_first => return None,
        None if *was_there => (Weight::Good, "has changed"),
        None => (Weight::Good, "is there again"),
        // The line about its document has said it.
        Some(LiveFault::NoDocument) => return None,
        Some(LiveFault::Absent) => (
            Weight::Bearable,
            "is absent, so what is signed with it is refused; if no other secret is there, the source answers 503",
        ),
        Some(fault) => {
            let text = format!(
                "source {source}: the live secret {id}{list} cannot be used: it {fault}; what matches no other secret is \
                 answered with 503"
            );
            return Some((Weight::Closed, text));
        }
    };
    Some((weight, format!("source {source}: the live secret {id}{list} {text}")))
}

/// The line about the first of several fetches that fail.
#[must_use]
pub fn fetch_failed(user: &User, cluster: &str, failure: Failure, has_document: bool) -> String {
    let User { source, id } = user;
    let why = match failure {
        Failure::NoAnswer => "no complete answer came: does the cluster exist?".to_owned(),
        Failure::Status(504) => "the status was 504, which is also Envoy's when no answer came in time".to_owned(),
        Failure::Status(status) => format!("the status was {status}, not 200"),
        Failure::TooLarge => "the answer is too large".to_owned(),
        Failure::Empty => "the answer has no such header or body".to_owned(),
        Failure::Unusable => "nothing usable is at its place in the answer".to_owned(),
    };
    let what = if has_document { "; the last good one stays in use up to its max_age" } else { "" };
    format!("source {source}: fetching {id} from the cluster {cluster} failed: {why}{what}")
}

/// The line, written once for all workers, about a place without a document.
#[must_use]
pub fn live_unavailable(user: &User) -> String {
    let User { source, id } = user;
    format!("source {source}: {id} is not there or too old, and cannot be fetched; what needs it is answered with 503")
}

/// The line, written once for all workers, about a place that has a document again.
#[must_use]
pub fn live_available(user: &User) -> String {
    let User { source, id } = user;
    format!("source {source}: {id} is there again")
}

/// The name of the gauge of a document's age, in seconds.
#[must_use]
pub fn live_age(user: &User) -> String {
    format!("hookwarden.source.{}.live_age_seconds.{}", user.source, user.id)
}

/// The name of the counter of fetches that failed.
#[must_use]
pub fn live_failures(user: &User) -> String {
    format!("hookwarden.source.{}.live_failures.{}", user.source, user.id)
}
