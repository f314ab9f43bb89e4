//! Trials: would the request be verified if something were otherwise? Every answer is the filter's own code.

use std::rc::Rc;
use std::time::Duration;

use hookwarden::config::dialects::{self, Dialect};
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::check::Check;
use hookwarden::verify::key::keyring::Keyring;
use hookwarden::verify::key::secret::{Key, Secret, Validity};
use hookwarden::verify::key::secrets::Secrets;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::{Denial, Dialects, Group, HeaderLine, Request, Requirement};

use crate::cli::config_file::{CheckEntry, elements, member};

/// A scheme and keys, ready to be tried on requests.
pub struct Verifier {
    requirement: Requirement,
}

/// What a trial found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialResult {
    /// The position of the key that matched, where that can be told.
    pub key: Option<usize>,
    /// Whether the proof is right and its time is not.
    pub late: Option<Denial>,
}

impl Verifier {
    /// A verifier of `dialects` with some keys for each. `None` if no dialect has a key.
    pub fn new<'a>(dialects: &[Dialect], keys: impl Fn(&Scheme) -> Vec<Option<Key>> + 'a) -> Option<Self> {
        let mut checks = Vec::new();
        for (scheme, when) in dialects {
            let secrets: Vec<_> = keys(scheme)
                .into_iter()
                .enumerate()
                .filter_map(|(at, key)| {
                    Some(Rc::new(Secret {
                        id: Rc::from(at.to_string()),
                        key: key?,
                        validity: Validity::default(),
                        events_of: None,
                    }))
                })
                .collect();
            if !secrets.is_empty() {
                checks.push(Check::new(scheme.clone(), when.clone(), Keyring::one(Secrets::new(secrets))));
            }
        }
        Self::of(checks)
    }

    /// A verifier of a check as it is configured: its lists of secrets, and when they are valid.
    pub fn as_configured(check: &CheckEntry) -> Option<Self> {
        let mut checks = Vec::new();
        for (scheme, when) in schemes(check)? {
            let mut lists = Vec::new();
            for list in &check.lists {
                let secrets: Option<Vec<_>> = list
                    .secrets
                    .iter()
                    .map(|secret| {
                        let key = scheme.key(secret.text.as_deref()?).ok()?;
                        Some(Rc::new(Secret {
                            id: Rc::from(secret.id.as_str()),
                            key,
                            validity: secret.validity,
                            events_of: None,
                        }))
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
    pub fn selected_dialect(&self, request: Request<'_>) -> usize {
        self.requirement.selected_dialects(request).first().copied().unwrap_or_default()
    }

    /// Verifies a request.
    ///
    /// # Errors
    /// The denial.
    pub fn verify(&self, head: &[HeaderLine], body: &[u8], now: UnixTime) -> Result<TrialResult, Denial> {
        match self.requirement.verify(head, body, now) {
            Ok(verified) => {
                let found = verified.matches().first();
                Ok(TrialResult { key: found.and_then(|found| found.secret_id().parse().ok()), late: None })
            }
            Err(denial) if is_late(denial) => Ok(TrialResult { key: None, late: Some(denial) }),
            Err(denial) => Err(denial),
        }
    }

    /// The id of the secret under which a request verifies.
    pub fn matching(&self, head: &[HeaderLine], body: &[u8], now: UnixTime) -> Result<String, Denial> {
        let verified = self.requirement.verify(head, body, now)?;
        Ok(verified.matches().first().map(|found| found.secret_id().to_owned()).unwrap_or_default())
    }
}

/// Whether a denial means that the proof is right and its time is not.
pub fn is_late(denial: Denial) -> bool {
    matches!(denial, Denial::TimestampStale | Denial::TimestampFuture | Denial::TokenExpired | Denial::TokenEarly)
}

/// The dialects of a check as it is configured.
pub fn schemes(check: &CheckEntry) -> Option<Vec<Dialect>> {
    dialects::read(&check.scheme, &check.with, check.tolerance.as_ref(), check.public_keys)
}

/// The dialects of a check, each with its JSON.
pub fn dialects_with_json(check: &CheckEntry) -> Vec<(&Json, Dialect)> {
    let all = match member(&check.scheme, "dialects") {
        Some(list) => elements(Some(list)).collect(),
        None => vec![&check.scheme],
    };
    // Those of the other kind of key do not count.
    let read = |json| dialects::read(json, &check.with, check.tolerance.as_ref(), check.public_keys)?.pop();
    all.into_iter().filter_map(|json| Some((json, read(json)?))).collect()
}

/// The same whatever the time is, with other configured values.
pub fn timeless(check: &CheckEntry, with: &[(String, String)]) -> Option<Vec<Dialect>> {
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
