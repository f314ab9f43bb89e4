//! Trials: would the request be proved if something were otherwise? Every answer is the filter's own code.

use std::rc::Rc;
use std::time::Duration;

use hookwarden::config::dialects::{self, Dialect};
use hookwarden::verify::check::{Check, Rereading};
use hookwarden::verify::keyring::{Keyring, Secrets};
use hookwarden::verify::mac::MacKey;
use hookwarden::verify::scheme::{Scheme, SignatureAlgorithm};
use hookwarden::verify::secret::{Key, Secret, SecretText, Validity};
use hookwarden::verify::timestamp::UnixTime;
use hookwarden::verify::token::TokenDigest;
use hookwarden::verify::{Denial, Dialects, Group, HeaderLine, Request, Requirement};

use super::configuration::WrittenCheck;

/// A scheme and keys, ready to be tried on requests.
pub struct Prover {
    requirement: Requirement,
}

/// What a trial found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proved {
    /// The position of the key that matched, where that can be told.
    pub key: Option<usize>,
    /// Whether the proof is right and its time is not.
    pub late: Option<Denial>,
}

impl Prover {
    /// A prover of `dialects` with some keys for each. `None` if no dialect has a key.
    pub fn new<'a>(dialects: &[Dialect], keys: impl Fn(&Scheme) -> Vec<Option<Key>> + 'a) -> Option<Self> {
        let mut checks = Vec::new();
        for (scheme, when) in dialects {
            let secrets: Vec<_> = keys(scheme)
                .into_iter()
                .enumerate()
                .filter_map(|(at, key)| {
                    Some(Secret { id: Rc::from(at.to_string()), key: key?, validity: Validity::default() })
                })
                .collect();
            if !secrets.is_empty() {
                checks.push(Check::new(scheme.clone(), when.clone(), Keyring::one(Secrets::new(secrets))));
            }
        }
        Self::of(checks)
    }

    /// A prover of a check as it is configured: its lists of secrets, and when they are valid.
    pub fn as_configured(check: &WrittenCheck) -> Option<Self> {
        let mut checks = Vec::new();
        for (scheme, when) in schemes(check)? {
            let mut lists = Vec::new();
            for list in &check.lists {
                let secrets: Option<Vec<_>> = list
                    .secrets
                    .iter()
                    .map(|secret| {
                        let key = scheme.key(secret.text.as_deref()?).ok()?;
                        Some(Secret { id: Rc::from(secret.id.as_str()), key, validity: secret.validity })
                    })
                    .collect();
                lists.push((list.name.clone().unwrap_or_default(), Secrets::new(secrets?)));
            }
            let keyring = match &check.selector {
                Some(selector) => Keyring::chosen(selector.clone(), lists),
                None => Keyring::one(lists.pop()?.1),
            };
            checks.push(Check::new(scheme, when, keyring));
        }
        Self::of(checks)
    }

    fn of(checks: Vec<Check>) -> Option<Self> {
        if checks.is_empty() {
            return None;
        }
        let requirement = Requirement::new(vec![Group { any: vec![Dialects { checks }] }])?;
        Some(Self { requirement })
    }

    /// The position of the dialect that decides about a request.
    pub fn spoken(&self, request: Request<'_>) -> usize {
        self.requirement.spoken(request).first().copied().unwrap_or_default()
    }

    /// Whether a request is proved.
    ///
    /// # Errors
    /// The denial.
    pub fn prove(&self, head: &[HeaderLine], body: &[u8], now: UnixTime) -> Result<Proved, Denial> {
        let verified = self.requirement.begin(Request::new(head), now, Rereading::Possible).and_then(|mut proof| {
            proof.update(body);
            proof.finish(&self.requirement, &body, now)
        });
        match verified {
            Ok(verified) => {
                let found = verified.matches().first();
                Ok(Proved { key: found.and_then(|found| found.secret_id().parse().ok()), late: None })
            }
            Err(denial) if is_late(denial) => Ok(Proved { key: None, late: Some(denial) }),
            Err(denial) => Err(denial),
        }
    }

    /// The id of the secret that proves a request.
    pub fn matching(&self, head: &[HeaderLine], body: &[u8], now: UnixTime) -> Result<String, Denial> {
        let mut proof = self.requirement.begin(Request::new(head), now, Rereading::Possible)?;
        proof.update(body);
        let verified = proof.finish(&self.requirement, &body, now)?;
        Ok(verified.matches().first().map(|found| found.secret_id().to_owned()).unwrap_or_default())
    }
}

/// Whether a denial means that the proof is right and its time is not.
pub fn is_late(denial: Denial) -> bool {
    matches!(denial, Denial::TimestampStale | Denial::TimestampFuture | Denial::TokenExpired | Denial::TokenEarly)
}

/// The dialects of a check as it is configured.
pub fn schemes(check: &WrittenCheck) -> Option<Vec<Dialect>> {
    dialects::read(&check.scheme, &check.with, check.tolerance.as_ref(), check.public_keys)
}

/// The same whatever the time is, with other configured values.
pub fn timeless(check: &WrittenCheck, with: &[(String, String)]) -> Option<Vec<Dialect>> {
    let mut dialects = dialects::read(&check.scheme, with, None, check.public_keys)?;
    dialects.iter_mut().for_each(|(scheme, _)| forget_time(scheme));
    Some(dialects)
}

/// Makes a scheme's window as wide as time is.
pub fn forget_time(scheme: &mut Scheme) {
    if let Some(tolerance) = scheme.tolerance_mut() {
        *tolerance = Duration::MAX;
    }
}

/// The key that these bytes are, whatever the scheme makes of a text. `None` for schemes of public keys.
pub fn key_of_bytes(scheme: &Scheme, bytes: &[u8]) -> Option<Key> {
    let simple = |algorithm| match algorithm {
        SignatureAlgorithm::Hmac(hash) => MacKey::new(hash, bytes).map(Key::Mac),
        SignatureAlgorithm::Hash(_) => Some(Key::Text(SecretText::new(bytes))),
        SignatureAlgorithm::Public(_) => None,
    };
    match scheme {
        Scheme::Signature(scheme) => simple(scheme.algorithm),
        Scheme::MessageSignature(scheme) => simple(scheme.algorithm),
        Scheme::HttpSignature(scheme) => simple(scheme.algorithm),
        Scheme::Credential(_) => Some(Key::Token(TokenDigest::new(bytes))),
        Scheme::Jwt(scheme) => {
            let keys: Vec<_> = scheme
                .algorithms
                .iter()
                .filter_map(|algorithm| Some((*algorithm, Key::Mac(MacKey::new(algorithm.hmac()?, bytes)?))))
                .collect();
            (!keys.is_empty()).then_some(Key::Jwt(keys))
        }
    }
}
