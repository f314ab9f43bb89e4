//! Suspects of time: a valid proof that is too old, or from the future.

use std::time::Duration;

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::expression::Facts;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::primitives::timestamp::parse_http_date;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::jwt::JwtScheme;
use hookwarden::verify::{Denial, HeaderLine, Occurrence, Request, borrowed};

use super::{Mistake, Scene};
use crate::cli::explain::trial::{self, Verifier};
use crate::cli::registry::{self, RetryTime};
use crate::cli::{clock, http_request};

/// What to do about a time that cannot be shown.
pub const COMPARE: &str = "Compare both clocks with a time server, and pass the time of arrival with --at.";

/// What is wrong with the time of a request whose proof is valid, if anything is.
pub fn mistake(scene: &Scene<'_>) -> Option<Mistake> {
    let dialects = &scene.dialects;
    let times = dialects.iter().find_map(|dialect| {
        let signed = signed_time(dialect, &scene.head, &scene.captured.body)?;
        Some((signed, dialect.0.tolerance()?))
    });
    let Some((signed, window)) = times else { return dialects.iter().find_map(|dialect| token(scene, dialect)) };
    let (now, signed) = (scene.now.as_millis(), signed.as_millis());
    let off = now.abs_diff(signed);
    // In whole seconds, as most senders count.
    if (now / 1000).abs_diff(signed / 1000) <= window.as_secs() {
        return dialects.iter().find_map(|dialect| token(scene, dialect));
    }
    let is_old = now > signed;
    let way = if is_old { "before" } else { "after" };
    let arrived = clock::written(scene.now);
    let sentence = format!(
        "The signature is valid, but was made at {}, {} {way} the request arrived ({arrived}); {} are allowed.",
        clock::written(UnixTime::from_millis(signed)),
        clock::span(off),
        clock::span(millis(window)),
    );
    let hours = off.saturating_add(450_000) / 3_600_000;
    let is_zone = hours > 0 && hours <= 14 && off.abs_diff(hours.saturating_mul(3_600_000)) < 450_000;
    Some(if is_zone && !is_old {
        Mistake::new(
            "clock_timezone",
            sentence,
            "The difference is whole hours: one of the clocks writes local time for UTC.",
        )
    } else if is_old {
        let advice = "Either a replay, a request that was captured earlier (pass the time of arrival with --at), a sender that retries with the old \
                      signature, or a wrong clock: compare the clocks before you raise \"tolerance\".";
        let zone = " The difference is whole hours: perhaps one of the clocks writes local time for UTC.";
        let advice = match repetition(scene, off) {
            Some(repetition) => format!("{repetition} {advice}"),
            None => format!("{advice}{}", if is_zone { zone } else { "" }),
        };
        Mistake::new("timestamp_stale", sentence, advice)
    } else {
        Mistake::new(
            "timestamp_future",
            sentence,
            "One of the two clocks is wrong: compare both with a time server, and check --at.",
        )
    })
}

/// That a request may be a repetition of its sender, which keeps the time of the first attempt. `age`: in milliseconds.
fn repetition(scene: &Scene<'_>, age: u64) -> Option<String> {
    /// The last attempt has a way to go, too, in milliseconds.
    const SLACK: u64 = 600_000;
    let sender = registry::find(scene.check.provider.as_deref()?)?;
    let retries = sender.retries.as_ref().filter(|retries| retries.time == RetryTime::Kept)?;
    let span = retries.span.filter(|span| age <= millis(*span).saturating_add(SLACK))?;
    Some(format!(
        "This looks like a repetition: {} repeats a delivery that failed for {}, each time with the time of the first \
         attempt, so a \"tolerance\" below that loses the event (leave it out, and set \"replay\").",
        sender.title,
        humantime::format_duration(span)
    ))
}

/// A token that has expired or is not valid yet, according to its own claims.
fn token(scene: &Scene<'_>, (scheme, _): &Dialect) -> Option<Mistake> {
    let Scheme::Jwt(jwt) = scheme else { return None };
    let (_, claims) = token_parts(jwt, &scene.head, &scene.captured.body)?;
    let time = |name: &str| clock::read(claims.at(&JsonPath::parse(name)?)?.text()?);
    let (now, leeway) = (scene.now.as_millis(), millis(jwt.leeway));
    let arrived = clock::written(scene.now);
    if let Some(end) = time("exp").filter(|end| now >= end.as_millis().saturating_add(leeway)) {
        let sentence =
            format!("The token is valid, but expired at {}; the request arrived at {arrived}.", clock::written(end));
        let advice = "Either a replay, a request that was captured earlier (pass the time of arrival with --at), or a wrong clock.";
        return Some(Mistake::new("token_expired", sentence, advice));
    }
    let start = time("nbf").filter(|start| now.saturating_add(leeway) < start.as_millis())?;
    let sentence =
        format!("The token is valid, but only from {} on; the request arrived at {arrived}.", clock::written(start));
    Some(Mistake::new(
        "token_early",
        sentence,
        "One of the two clocks is wrong: compare both with a time server, and check --at.",
    ))
}

/// The same request at a time at which its token holds, if it is refused for something else then.
pub fn within<'a>(scene: &Scene<'a>) -> Option<Scene<'a>> {
    if !matches!(scene.denial, Denial::TokenExpired | Denial::TokenEarly) {
        return None;
    }
    let time = scene.dialects.iter().find_map(|(scheme, _)| {
        let Scheme::Jwt(jwt) = scheme else { return None };
        let (_, claims) = token_parts(jwt, &scene.head, &scene.captured.body)?;
        let time = |name: &str| clock::read(claims.at(&JsonPath::parse(name)?)?.text()?);
        let before_end = || Some(UnixTime::from_millis(time("exp")?.as_millis().saturating_sub(1000)));
        time("iat").or_else(|| time("nbf")).or_else(before_end)
    })?;
    let verifier = Verifier::as_configured(scene.check)?;
    let denial = verifier.matching(&scene.head, &scene.captured.body, time).err()?;
    let is_late = trial::is_late(denial);
    (!is_late)
        .then(|| Scene::new(scene.configuration, scene.source, scene.check, scene.captured, time, denial, scene.effort))
}

/// Header and claims of the token that a request has, not verified.
pub fn token_parts(scheme: &JwtScheme, head: &[HeaderLine], body: &[u8]) -> Option<(Json, Json)> {
    http_request::read(head, body, |facts| scheme.unverified(facts))
}

/// When the sender says that it signed.
pub fn signed_time((scheme, _): &Dialect, head: &[HeaderLine], body: &[u8]) -> Option<UnixTime> {
    let lines = borrowed(head);
    let request = Request::new(&lines);
    match scheme {
        Scheme::Signature(scheme) => http_request::read(head, body, |facts| {
            let rule = scheme.timestamp.as_ref()?;
            let values = scheme.signature.place.values(facts).unwrap_or_default();
            let sets = scheme.signature.sets(&values);
            let entries = sets.first().map(Vec::as_slice).unwrap_or_default();
            let text = rule.at.value(&Facts { entries, ..*facts }).ok()?;
            let date = || parse_http_date(text.trim_ascii()).map(UnixTime::from_secs);
            clock::read(std::str::from_utf8(&text).ok()?).or_else(date)
        }),
        Scheme::Jwt(scheme) => clock::read(token_parts(scheme, head, body)?.1.at(&JsonPath::parse("iat")?)?.text()?),
        Scheme::MessageSignature(_) => {
            let Occurrence::Once(input) = request.header("signature-input") else { return None };
            let text = std::str::from_utf8(input).ok()?;
            let (_, created) = text.split_once("created=")?;
            clock::read(created.split(|char: char| !char.is_ascii_digit()).next()?)
        }
        Scheme::HttpSignature(_) => match request.header("date") {
            Occurrence::Once(date) => parse_http_date(date.trim_ascii()).map(UnixTime::from_secs),
            _ => None,
        },
        Scheme::Credential(_) => None,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
