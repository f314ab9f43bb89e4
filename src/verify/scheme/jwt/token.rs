//! One token: its signature, its times, and its claims.

use std::time::Duration;

use crate::verify::bytes::encoding;
use crate::verify::bytes::json::{Json, JsonPath};
use crate::verify::denial::Denial;
use crate::verify::expression::Facts;
use crate::verify::expression::content::{self, Content};
use crate::verify::identity::{Found, Identity};
use crate::verify::key::algorithm::JwtAlgorithm;
use crate::verify::key::secret::Key;
use crate::verify::primitives::public_key::SignedContent;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::scheme::jwt::definition::{ClaimRule, JwtScheme};
use crate::verify::scheme::kind::Context;

/// The longest token that is read, in bytes, if it is not the body.
const MAX_TOKEN: usize = 16 * 1024;

/// A token whose signature and times are valid. Its claims about the body are not checked yet.
pub struct SignedToken {
    position: usize,
    /// The claim of each rule. No other part of the token is kept.
    claims: Vec<Option<Json>>,
    event_id: Option<Vec<u8>>,
    identity: Identity,
}

/// The parts of a token.
struct Parts<'a> {
    signed: &'a [u8],
    payload: &'a [u8],
    algorithm: JwtAlgorithm,
    key_id: Option<String>,
    tag: Vec<u8>,
}

impl SignedToken {
    /// How much heap memory it holds, in bytes.
    pub fn held_bytes(&self) -> usize {
        let id = self.event_id.as_ref().map_or(0, Vec::capacity);
        let own = self.claims.capacity().saturating_mul(size_of::<Option<Json>>()).saturating_add(id);
        self.claims.iter().flatten().map(Json::held_bytes).fold(own, usize::saturating_add)
    }
}

impl JwtScheme {
    /// Checks the token's signature and times. `None` if the token is in the body and the body is not there yet.
    pub(super) fn authenticate(&self, facts: &Facts<'_>, context: Context<'_>) -> Result<Option<SignedToken>, Denial> {
        let Some(token) = self.presented(facts)? else { return Ok(None) };
        let Parts { signed, payload, algorithm, key_id, tag } = self.parts(&token)?;
        let key_id = key_id.as_ref().map(String::as_bytes);
        let position = matching(context, algorithm, key_id, signed, tag)?.ok_or(Denial::SignatureMismatch)?;
        let claims = decode_json(payload)?;
        self.check_times(&claims, context.now)?;
        let id = self.event_id.as_ref().and_then(|path| claims.at(path)).and_then(Json::text);
        let event_id = id.map(|id| id.as_bytes().to_vec());
        let claims = self.claims.iter().map(|(path, _)| claims.at(path).cloned()).collect();
        Ok(Some(SignedToken { position, claims, event_id, identity: Identity::of_content(signed) }))
    }

    /// The id of the key that the token names.
    pub(super) fn key_id(&self, facts: &Facts<'_>) -> Result<Option<Vec<u8>>, Denial> {
        let token = self.presented(facts)?.ok_or(Denial::HostFailure)?;
        let parts = self.parts(&token)?;
        decode_json(parts.payload)?;
        Ok(parts.key_id.map(String::into_bytes))
    }

    fn parts<'a>(&self, token: &'a [u8]) -> Result<Parts<'a>, Denial> {
        if token.len() > MAX_TOKEN && self.token.is_some() {
            return Err(Denial::SignatureExcess);
        }
        let token = self.without_prefix(token)?;
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Denial::TokenMalformed);
        };
        let signed = token.get(..header.len().saturating_add(payload.len()).saturating_add(1)).unwrap_or_default();
        let header = decode_json(header)?;
        let algorithm = self.algorithm(&header)?;
        let key_id = JsonPath::parse("kid").and_then(|path| header.at(&path)).and_then(Json::text).map(str::to_owned);
        let tag = encoding::decode_base64_url(tag).ok_or(Denial::TokenMalformed)?;
        Ok(Parts { signed, payload, algorithm, key_id, tag })
    }

    /// Checks the claims, and returns the position of the secret and the event's id.
    pub(super) fn check_claims(&self, token: SignedToken, facts: &Facts<'_>) -> Result<Found, Denial> {
        if token.claims.len() != self.claims.len() {
            return Err(Denial::HostFailure);
        }
        for ((_, rule), claim) in self.claims.iter().zip(&token.claims) {
            if !rule.holds(claim.as_ref(), facts)? {
                return Err(Denial::TokenClaim);
            }
        }
        Ok(Found { position: token.position, event_id: token.event_id, identity: Some(token.identity), skew: None })
    }

    /// The token as the request has it. `None` if it is in the body and the body is not there yet.
    pub(in crate::verify::scheme) fn presented(&self, facts: &Facts<'_>) -> Result<Option<Vec<u8>>, Denial> {
        match (&self.token, facts.content) {
            (Some(at), None) if at.needs_body() => Ok(None),
            (None, None) => Ok(None),
            (None, Some(content)) if content.body().is_empty() => Err(Denial::SignatureMissing),
            (None, Some(content)) => Ok(Some(content.body().trim_ascii_end().to_vec())),
            (Some(at), _) => at.value(facts).map(Some).map_err(Denial::as_signature),
        }
    }

    pub(in crate::verify::scheme) fn without_prefix<'a>(&self, token: &'a [u8]) -> Result<&'a [u8], Denial> {
        let prefix = self.prefix.trim_ascii_end();
        if prefix.is_empty() {
            return Ok(token);
        }
        match encoding::after_auth_scheme(token, prefix) {
            Some(rest) => Ok(rest),
            None if self.optional_prefix => Ok(token),
            None => Err(Denial::TokenMalformed),
        }
    }

    fn algorithm(&self, header: &Json) -> Result<JwtAlgorithm, Denial> {
        let Json::Object(members) = header else { return Err(Denial::TokenMalformed) };
        let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        // RFC 7515, section 4.1.11: a token with a critical extension that is not understood is invalid, and none is
        // understood here. The member's value, even null, does not matter.
        if member("crit").is_some() || member("b64").is_some() {
            return Err(Denial::TokenMalformed);
        }
        let Some(Json::Text(name)) = member("alg") else { return Err(Denial::TokenMalformed) };
        let known = JwtAlgorithm::NAMES.iter().find(|(known, _)| known == name).map(|(_, algorithm)| *algorithm);
        known.filter(|algorithm| self.algorithms.contains(algorithm)).ok_or(Denial::TokenAlgorithm)
    }

    fn check_times(&self, claims: &Json, now: UnixTime) -> Result<(), Denial> {
        let (issued, expires, starts) = (time(claims, "iat")?, time(claims, "exp")?, time(claims, "nbf")?);
        let now = now.as_millis();
        let leeway = millis(self.leeway);
        if expires.is_some_and(|end| now >= end.saturating_add(leeway)) {
            return Err(Denial::TokenExpired);
        }
        if starts.is_some_and(|start| now.saturating_add(leeway) < start) {
            return Err(Denial::TokenEarly);
        }
        match (self.max_age.map(millis), issued) {
            (Some(_), None) => return Err(Denial::TokenClaim),
            // The difference is taken in seconds, the unit of the claim.
            (Some(age), Some(issued)) if (now / 1000).saturating_sub(issued / 1000) > age / 1000 => {
                return Err(Denial::TokenExpired);
            }
            (Some(age), Some(issued)) if (issued / 1000).saturating_sub(now / 1000) > age / 1000 => {
                return Err(Denial::TokenEarly);
            }
            _ => {}
        }
        let bounded = expires.is_some() || self.max_age.is_some() || self.timeless;
        if bounded { Ok(()) } else { Err(Denial::TokenClaim) }
    }
}

fn matching(
    context: Context<'_>,
    algorithm: JwtAlgorithm,
    key_id: Option<&[u8]>,
    signed: &[u8],
    tag: Vec<u8>,
) -> Result<Option<usize>, Denial> {
    let candidates = [tag];
    let content = algorithm.public().map(|public| SignedContent::of_text(public, signed, context.delegate));
    let verifies = |key: &Key| match key {
        Key::Mac(key) => {
            let mut mac = key.begin();
            mac.update(signed);
            mac.matches_any(&candidates)
        }
        Key::Public(key) => {
            content.as_ref().is_some_and(|content| candidates.iter().any(|tag| content.is_signed_by(key, tag)))
        }
        _ => false,
    };
    Ok(context.secrets.named(key_id, context.now)?.into_iter().find_map(|(position, secret)| match &secret.key {
        Key::Jwt(keys) => keys.iter().any(|(own, key)| *own == algorithm && verifies(key)).then_some(position),
        _ => None,
    }))
}

/// The JSON object in a part of a token.
pub fn decode_json(part: &[u8]) -> Result<Json, Denial> {
    let text = encoding::decode_base64_url(part).ok_or(Denial::TokenMalformed)?;
    match content::parse_json(&text) {
        Ok(json @ Json::Object(_)) => Ok(json),
        _ => Err(Denial::TokenMalformed),
    }
}

/// A time claim in milliseconds (RFC 7519, section 2: `NumericDate` is a number, not text).
fn time(claims: &Json, name: &str) -> Result<Option<u64>, Denial> {
    let Some(claim) = JsonPath::parse(name).and_then(|path| claims.at(&path)) else { return Ok(None) };
    let Json::Number(text) = claim else { return Err(Denial::TokenMalformed) };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = whole.len() <= 12 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: u64 = whole.parse().ok().filter(|_| plain).ok_or(Denial::TokenMalformed)?;
    Ok(Some(seconds.saturating_mul(1000)))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl ClaimRule {
    /// Whether a claim satisfies its rule.
    ///
    /// # Errors
    /// A denial if the request lacks the value that the claim is compared with.
    pub fn holds(&self, claim: Option<&Json>, facts: &Facts<'_>) -> Result<bool, Denial> {
        Ok(match self {
            ClaimRule::Present => claim.is_some(),
            ClaimRule::Equals(message) => is_text(claim, &message.render(facts)?),
            ClaimRule::EqualsWhenBody(message) => match facts.content.map(Content::body) {
                Some([]) | None => claim.is_none(),
                Some(_) => is_text(claim, &message.render(facts)?),
            },
            ClaimRule::OneOf(messages) => {
                let texts = messages.iter().map(|message| message.render(facts)).collect::<Result<Vec<_>, _>>()?;
                texts.iter().any(|text| is_text(claim, text))
            }
        })
    }
}

/// Whether a claim, or one of its elements, is `text`.
fn is_text(claim: Option<&Json>, text: &[u8]) -> bool {
    match claim {
        Some(Json::List(list)) => list.iter().any(|element| element.text().is_some_and(|own| own.as_bytes() == text)),
        Some(claim) => claim.text().is_some_and(|own| own.as_bytes() == text),
        None => false,
    }
}
