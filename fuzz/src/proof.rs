//! What a request that passes must contain, checked without the code that decides.
//!
//! The fuzzer knows the valid vectors and no secret. So a request that passes must contain what only the sender could
//! compute:
//!
//! - **An unrelated secret verifies nothing.** Under a policy whose secrets signed no vector, nothing passes.
//! - **Signed bodies are unchanged.** If a scheme signs the raw body, the body is that of a valid vector.
//! - **Tags are not invented.** Every token that a valid vector depends on (its tag, its credential, its claims) is in the
//!   request: as it is, percent-encoded or in JSON.
//! - **Stale requests stay stale.** If a sender has vectors that are denied for an old and for a missing timestamp, and all
//!   its valid ones have a timestamp, nothing derived from them passes ten years later.
//!
//! The tokens that a vector depends on are found once, by corrupting each. Only this uses the code under test, and a vector
//! without such tokens stops the run.

use std::collections::BTreeSet;

use hookwarden::step::Outcome;
use hookwarden::verify::primitives::timestamp::UnixTime;
use serde_json::Value;

use crate::delivery::Delivery;
use crate::host::{Client, Plan, Proxy};
use crate::support::Sent;

/// Minimum lengths of tokens, tried in this order: long enough not to be guessed, or shorter for published examples
/// without such a token.
const LENGTHS: [usize; 3] = [8, 4, 2];

pub fn whole() -> Plan {
    Plan { delivery: Delivery::whole(), store: None, abort: None }
}

/// Whether a request passes under a policy without guards.
pub fn passes(proxy: &Proxy, sent: &Sent) -> bool {
    proxy.send(sent, &Client::default(), &whole(), 200).outcome == Some(Outcome::Passed)
}

/// The same request ten years later.
pub fn ten_years_later(sent: &Sent) -> Sent {
    let mut sent = sent.clone();
    sent.now = UnixTime::from_millis(sent.now.as_millis() + 315_360_000_000);
    sent
}

/// The tokens that a valid request depends on.
pub fn required_tokens(proxy: &Proxy, valid: &Sent) -> Vec<Vec<u8>> {
    let found = LENGTHS.iter().map(|least| required(proxy, valid, *least));
    found.into_iter().find(|tokens| !tokens.is_empty()).unwrap_or_default()
}

fn required(proxy: &Proxy, valid: &Sent, least: usize) -> Vec<Vec<u8>> {
    let mut required = Vec::new();
    for at in 0..valid.headers.len() {
        let (name, value) = &valid.headers[at];
        if name == "content-type" || name == "Content-Type" || (name.starts_with(':') && name != ":path") {
            continue;
        }
        let from = if name == ":path" { value.iter().position(|byte| *byte == b'?').unwrap_or(value.len()) } else { 0 };
        for token in tokens(value, from, least) {
            if is_required(proxy, valid, token, |sent| &mut sent.headers[at].1) {
                required.push(stable_part(value, token));
            }
        }
    }
    for token in tokens(&valid.body, 0, least).into_iter().take(24) {
        if is_required(proxy, valid, token, |sent| &mut sent.body) {
            required.push(stable_part(&valid.body, token));
        }
    }
    required.sort();
    required.dedup();
    required
}

/// Whether the request fails wherever the token is corrupted. If it fails at some places only, a part of the token is not
/// read, and may change.
fn is_required(
    proxy: &Proxy,
    valid: &Sent,
    (start, end): (usize, usize),
    text_of: impl Fn(&mut Sent) -> &mut Vec<u8>,
) -> bool {
    let starts = [start, start + (end - start) / 2, end - (end - start).div_ceil(4)];
    starts.into_iter().all(|from| {
        let mut changed = valid.clone();
        corrupt(text_of(&mut changed), (start, end), from);
        !passes(proxy, &changed)
    })
}

/// The text of a request for searches: in lower case, both encoded and without percent-encoding and JSON escapes.
pub fn haystack(sent: &Sent) -> Vec<u8> {
    let mut hay = Vec::new();
    for (_, value) in &sent.headers {
        hay.extend_from_slice(value);
        hay.push(b'\n');
        if value.contains(&b'%') {
            hay.extend(percent_decoded(value));
            hay.push(b'\n');
        }
    }
    hay.extend_from_slice(&sent.body);
    hay.push(b'\n');
    hay.extend(percent_decoded(&sent.body));
    hay.push(b'\n');
    if let Ok(json) = serde_json::from_slice::<Value>(&sent.body) {
        collect_texts(&json, &mut hay);
    }
    hay.make_ascii_lowercase();
    hay
}

pub fn holds(hay: &[u8], token: &[u8]) -> bool {
    hay.windows(token.len()).any(|window| window == token)
}

/// Other secrets of the same form: every letter and digit is replaced.
pub fn altered_secrets(secret: &str) -> Vec<String> {
    let alter = |text: &str| -> String {
        let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        text.chars()
            .map(|letter| match letter {
                '0'..='9' => char::from((letter as u8 - b'0' + 3) % 10 + b'0'),
                'a'..='f' if hex => char::from((letter as u8 - b'a' + 1) % 6 + b'a'),
                'A'..='F' if hex => char::from((letter as u8 - b'A' + 1) % 6 + b'A'),
                'a'..='z' => char::from((letter as u8 - b'a' + 7) % 26 + b'a'),
                'A'..='Z' => char::from((letter as u8 - b'A' + 7) % 26 + b'A'),
                other => other,
            })
            .collect()
    };
    let mut all = vec![alter(secret)];
    // Once with a prefix such as `whsec_` kept.
    if let Some((prefix, rest)) = secret.split_once('_') {
        all.push(format!("{prefix}_{}", alter(rest)));
    }
    all
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/_-.".contains(&byte)
}

fn tokens(text: &[u8], from: usize, least: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = from;
    for at in from..=text.len() {
        if at == text.len() || !is_token_byte(text[at]) {
            if at - start >= least {
                found.push((start, at));
            }
            start = at + 1;
        }
    }
    found
}

/// Changes the first letter or digit of a token from `from` on.
fn corrupt(text: &mut [u8], (start, end): (usize, usize), from: usize) {
    let place = (from..end).chain(start..from).find(|at| text[*at].is_ascii_alphanumeric());
    let Some(byte) = place.and_then(|at| text.get_mut(at)) else { return };
    *byte = match *byte {
        b'9' => b'0',
        b'f' | b'z' => b'a',
        b'F' | b'Z' => b'A',
        other => other + 1,
    };
}

/// The token without its end, which may have other spellings: padding, and the last digits of base64.
fn stable_part(text: &[u8], (start, end): (usize, usize)) -> Vec<u8> {
    let token = &text[start..end];
    let len = token.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let kept = if len > 8 { len - 2 } else { len };
    token[..kept].to_ascii_lowercase()
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let byte = match (text[at], text.get(at + 1..at + 3)) {
            (b'%', Some(digits)) => {
                let digits = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
                at += if digits.is_some() { 2 } else { 0 };
                digits.unwrap_or(b'%')
            }
            (byte, _) => byte,
        };
        out.push(byte);
        at += 1;
    }
    out
}

fn collect_texts(json: &Value, out: &mut Vec<u8>) {
    match json {
        Value::String(text) => {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
        Value::Array(list) => list.iter().for_each(|value| collect_texts(value, out)),
        Value::Object(members) => {
            for (key, value) in members {
                out.extend_from_slice(key.as_bytes());
                out.push(b'\n');
                collect_texts(value, out);
            }
        }
        _ => {}
    }
}

/// The bodies of valid requests.
pub type Bodies = BTreeSet<Vec<u8>>;
