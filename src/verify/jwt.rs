//! JSON Web Tokens (RFC 7515, RFC 7519) whose claims are bound to the request.
//!
//! The algorithm is one of a closed list, and each has its own kind of key, so that a public key is never a
//! shared secret. Unknown critical extensions, numbers written as text, and tokens that are good for ever are
//! refused.

use std::time::Duration;

use super::Denial;
use super::content::{self, Content};
use super::encoding;
use super::expression::{Expression, Facts};
use super::identity::Identity;
use super::json::{Json, JsonPath};
use super::keyring::Secrets;
use super::mac::HashAlgorithm;
use super::message::Message;
use super::public_key::PublicAlgorithm;
use super::scheme::KeyForm;
use super::secret::Key;
use super::signature;
use super::signed::Found;
use super::timestamp::UnixTime;

/// The longest token that is read, in bytes, where it is not the body.
const MAX_TOKEN: usize = 16 * 1024;

/// A token and what its claims must say.
#[derive(Clone, Debug)]
pub struct JwtScheme {
    /// Where the token is; `None` if it is the whole body.
    pub token: Option<Expression>,
    /// What stands in front of it.
    pub prefix: String,
    /// Whether the prefix may be missing.
    pub optional_prefix: bool,
    /// The algorithms that are taken.
    pub algorithms: Vec<JwtAlgorithm>,
    /// How a pasted secret becomes the key, for the symmetric ones.
    pub key: KeyForm,
    /// What claims must say.
    pub claims: Vec<(JsonPath, ClaimRule)>,
    /// How long after `iat` a token is taken, and how far before.
    pub max_age: Option<Duration>,
    /// Whether the sender gives its tokens no time at all.
    pub timeless: bool,
    /// How far the clocks may be apart where `exp` and `nbf` are compared.
    pub leeway: Duration,
    /// The claim that is the event's id.
    pub event_id: Option<JsonPath>,
}

/// What a claim must say. A claim that is a list satisfies a rule if one of its elements does (RFC 7519,
/// section 4.1.3).
#[derive(Clone, Debug)]
pub enum ClaimRule {
    /// This.
    Equals(Message),
    /// This, if the request has a body; nothing, and no claim, if it has none.
    EqualsWhenBody(Message),
    /// One of these.
    OneOf(Vec<Message>),
    /// It is there.
    Present,
}

/// An algorithm of RFC 7518 or RFC 8037. `none` is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC-SHA256.
    Hs256,
    /// HMAC-SHA384.
    Hs384,
    /// HMAC-SHA512.
    Hs512,
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA P-256 with SHA-256, raw.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// A token whose signature and times are right. What its claims say of the body is still open.
pub(super) struct SignedToken {
    position: usize,
    claims: Json,
    identity: Identity,
}

impl JwtAlgorithm {
    /// Every algorithm and its name.
    pub const NAMES: &'static [(&'static str, JwtAlgorithm)] = &[
        ("HS256", JwtAlgorithm::Hs256),
        ("HS384", JwtAlgorithm::Hs384),
        ("HS512", JwtAlgorithm::Hs512),
        ("RS256", JwtAlgorithm::Rs256),
        ("ES256", JwtAlgorithm::Es256),
        ("EdDSA", JwtAlgorithm::EdDsa),
    ];

    /// The hash, if it is a keyed hash.
    #[must_use]
    pub fn hmac(self) -> Option<HashAlgorithm> {
        match self {
            JwtAlgorithm::Hs256 => Some(HashAlgorithm::Sha256),
            JwtAlgorithm::Hs384 => Some(HashAlgorithm::Sha384),
            JwtAlgorithm::Hs512 => Some(HashAlgorithm::Sha512),
            JwtAlgorithm::Rs256 | JwtAlgorithm::Es256 | JwtAlgorithm::EdDsa => None,
        }
    }

    /// The algorithm, if it is a public key's.
    #[must_use]
    pub fn public(self) -> Option<PublicAlgorithm> {
        match self {
            JwtAlgorithm::Hs256 | JwtAlgorithm::Hs384 | JwtAlgorithm::Hs512 => None,
            JwtAlgorithm::Rs256 => Some(PublicAlgorithm::RsaPkcs1Sha256),
            JwtAlgorithm::Es256 => Some(PublicAlgorithm::EcdsaP256Sha256Raw),
            JwtAlgorithm::EdDsa => Some(PublicAlgorithm::Ed25519),
        }
    }
}

impl JwtScheme {
    /// Whether the decision waits for the body.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.token.as_ref().is_none_or(Expression::needs_body)
            || self.claims.iter().any(|(_, rule)| match rule {
                ClaimRule::Equals(message) => message.needs_body(),
                ClaimRule::EqualsWhenBody(_) => true,
                ClaimRule::OneOf(messages) => messages.iter().any(Message::needs_body),
                ClaimRule::Present => false,
            })
    }

    /// Checks the token's signature and times. `None` if the token is in the body and the body is not there yet.
    pub(super) fn authenticate(
        &self,
        secrets: &Secrets,
        facts: &Facts<'_>,
        now: UnixTime,
    ) -> Result<Option<SignedToken>, Denial> {
        let token = match (&self.token, facts.content) {
            (Some(at), None) if at.needs_body() => return Ok(None),
            (None, None) => return Ok(None),
            (None, Some(content)) if content.body().is_empty() => return Err(Denial::SignatureMissing),
            (None, Some(content)) => content.body().trim_ascii_end().to_vec(),
            (Some(at), _) => at.value(facts).map_err(signature::as_signature)?,
        };
        if token.len() > MAX_TOKEN && self.token.is_some() {
            return Err(Denial::SignatureExcess);
        }
        let token = self.without_prefix(&token)?;
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Denial::TokenMalformed);
        };
        let signed = token.get(..header.len().saturating_add(payload.len()).saturating_add(1)).unwrap_or_default();
        let algorithm = self.algorithm(&decode_json(header)?)?;
        let tag = encoding::decode_base64_url(tag).ok_or(Denial::TokenMalformed)?;
        let position = matching(secrets, algorithm, signed, tag, now)?.ok_or(Denial::SignatureMismatch)?;
        let claims = decode_json(payload)?;
        self.check_times(&claims, now)?;
        Ok(Some(SignedToken { position, claims, identity: Identity::of_content(signed) }))
    }

    /// Checks what the claims say, and gives the position of the secret and the event's id.
    pub(super) fn check_claims(&self, token: &SignedToken, facts: &Facts<'_>) -> Result<Found, Denial> {
        for (path, rule) in &self.claims {
            let claim = token.claims.at(path);
            let holds = match rule {
                ClaimRule::Present => claim.is_some(),
                ClaimRule::Equals(message) => says(claim, &message.render(facts)?),
                ClaimRule::EqualsWhenBody(message) => match facts.content.map(Content::body) {
                    Some([]) | None => claim.is_none(),
                    Some(_) => says(claim, &message.render(facts)?),
                },
                ClaimRule::OneOf(messages) => {
                    let texts = messages.iter().map(|message| message.render(facts)).collect::<Result<Vec<_>, _>>()?;
                    texts.iter().any(|text| says(claim, text))
                }
            };
            if !holds {
                return Err(Denial::TokenClaim);
            }
        }
        let id = self.event_id.as_ref().and_then(|path| token.claims.at(path)).and_then(Json::text);
        let event_id = id.map(|id| id.as_bytes().to_vec());
        Ok(Found { position: token.position, event_id, material: Some(token.identity.clone()) })
    }

    fn without_prefix<'a>(&self, token: &'a [u8]) -> Result<&'a [u8], Denial> {
        let prefix = self.prefix.trim_ascii_end();
        if prefix.is_empty() {
            return Ok(token);
        }
        match super::credential::after_auth_scheme(token, prefix) {
            Some(rest) => Ok(rest),
            None if self.optional_prefix => Ok(token),
            None => Err(Denial::TokenMalformed),
        }
    }

    fn algorithm(&self, header: &Json) -> Result<JwtAlgorithm, Denial> {
        let member = |name: &str| JsonPath::parse(name).and_then(|path| header.at(&path));
        // RFC 7515, section 4.1.11: an extension that is critical and not understood voids the token; we
        // understand none.
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
    secrets: &Secrets,
    algorithm: JwtAlgorithm,
    signed: &[u8],
    tag: Vec<u8>,
    now: UnixTime,
) -> Result<Option<usize>, Denial> {
    let candidates = [tag];
    let verifies = |key: &Key| match key {
        Key::Mac(key) => {
            let mut mac = key.begin();
            mac.update(signed);
            mac.matches_any(&candidates)
        }
        Key::Public(key) => algorithm.public().is_some_and(|public| {
            let content = public.hash().map_or_else(|| signed.to_vec(), |hash| hash.digest(signed));
            candidates.iter().any(|tag| key.verifies(public, &content, tag))
        }),
        _ => false,
    };
    Ok(secrets.active(now)?.into_iter().find_map(|(position, secret)| match &secret.key {
        Key::Jwt(keys) => keys.iter().any(|(own, key)| *own == algorithm && verifies(key)).then_some(position),
        _ => None,
    }))
}

fn decode_json(part: &[u8]) -> Result<Json, Denial> {
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

/// Whether a claim says `text`, or one of its elements does.
fn says(claim: Option<&Json>, text: &[u8]) -> bool {
    match claim {
        Some(Json::List(list)) => list.iter().any(|element| element.text().is_some_and(|own| own.as_bytes() == text)),
        Some(claim) => claim.text().is_some_and(|own| own.as_bytes() == text),
        None => false,
    }
}
