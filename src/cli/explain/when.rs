//! When the request arrived: what freshness is judged by.

use hookwarden::verify::primitives::timestamp::{UnixTime, parse_http_date};
use hookwarden::verify::scheme::Scheme;

use super::capture::Captured;
use super::configuration::Configuration;
use super::{suspects, trial};
use crate::cli::clock;

/// A time, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The time.
    pub time: UnixTime,
    /// Where it is from, for people.
    pub place: &'static str,
    /// Whether nobody said it.
    pub is_guessed: bool,
}

impl Arrival {
    /// The time that is asked for, or else the capture's, or else that of the sender's `Date`, or else now.
    ///
    /// # Errors
    /// Which of them cannot be read.
    pub fn of(asked: Option<&str>, captured: &Captured, configuration: &Configuration) -> Result<Self, String> {
        let known = |time, place| Ok(Self { time, place, is_guessed: false });
        if let Some(text) = asked {
            return known(self::asked(text)?, "--at");
        }
        if let Some(stated) = &captured.time {
            return known(clock::read(&stated.text).ok_or(format!("{}: {UNREADABLE}", stated.place))?, stated.place);
        }
        if let Some(seconds) = captured.header("date").and_then(|date| parse_http_date(date.trim_ascii()))
            && !is_signed_time(captured, configuration)
        {
            return known(UnixTime::from_secs(seconds), "the request's Date header");
        }
        Ok(Self {
            time: clock::now(),
            place: "the current time, since the arrival time is unknown; set --at",
            is_guessed: true,
        })
    }
}

/// The time that is asked for.
///
/// # Errors
/// It cannot be read.
pub fn asked(text: &str) -> Result<UnixTime, String> {
    clock::read(text).ok_or_else(|| format!("--at: {UNREADABLE}"))
}

/// Whether the sender signs `Date` as its time: freshness cannot be judged by what is to be judged.
fn is_signed_time(captured: &Captured, configuration: &Configuration) -> bool {
    let sources = configuration.sources.iter().filter(|source| suspects::reason(source, captured).is_none());
    let schemes = sources.flat_map(|source| source.checks()).filter_map(trial::schemes).flatten();
    schemes.into_iter().any(|(scheme, _)| match &scheme {
        Scheme::Signature(own) => own.timestamp.as_ref().is_some_and(|rule| rule.at.as_header() == Some("date")),
        Scheme::HttpSignature(_) => true,
        Scheme::Credential(_) | Scheme::Jwt(_) | Scheme::MessageSignature(_) => false,
    })
}

const UNREADABLE: &str = "must be a time such as 2026-11-21T10:00:00Z, or seconds or milliseconds since 1970";
