//! A signature over a content: one request's way through a [`SignatureScheme`].
//!
//! Where the content is the body with text around it, the body streams through the code and is never kept. Where
//! a part must be parsed out of it, the body is read once, at its end.

use std::borrow::Cow;

use super::check::Rereading;
use super::content::Content;
use super::expression::{Expression, Facts};
use super::identity::{Identity, Keep, Unidentified};
use super::json::Json;
use super::keyring::Secrets;
use super::mac::{HashAlgorithm, Hasher, Mac};
use super::message::Frame;
use super::scheme::{SignatureAlgorithm, SignatureScheme};
use super::secret::{Key, Secret};
use super::signature;
use super::timestamp::{Timestamp, UnixTime};
use super::token;
use super::{Denial, HeldBody, Occurrence, Request};

/// The most signatures of a public key that are tried: each costs up to a millisecond, and a stranger chooses.
const MAX_PUBLIC_TRIES: usize = 8;

/// What is ready to be fed with the body.
pub(super) struct Streaming {
    attempts: Vec<Attempt>,
    event_id: Option<Vec<u8>>,
    keep: Keep,
}

/// One reading of the request: a set of entries under one template.
struct Attempt {
    frame: Frame,
    candidates: Vec<Vec<u8>>,
    timestamp: Option<Timestamp>,
    /// What is tried while the body streams: the secrets' positions, and how far their codes are.
    running: Vec<(usize, Mac)>,
    /// For public keys, which all sign the same digest.
    digest: Option<Hasher>,
    /// What identifies the content.
    content: Option<Hasher>,
}

/// What matched.
pub(super) struct Found {
    /// The secret's position.
    pub position: usize,
    /// The event's id, where the signature covers it.
    pub event_id: Option<Vec<u8>>,
    /// What identifies the content, where that was asked for.
    pub material: Option<Identity>,
}

impl Found {
    /// A secret that matched, and nothing else.
    pub fn at(position: usize) -> Self {
        Self { position, event_id: None, material: None }
    }
}

impl SignatureScheme {
    /// Whether the decision waits for the body.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.each.is_some()
            || self.signature.place.needs_body()
            || self.messages.iter().any(super::message::Message::needs_body)
            || self.timestamp.as_ref().is_some_and(|rule| rule.at.needs_body())
            || self.require.iter().any(|(left, right)| left.needs_body() || right.needs_body())
    }

    /// Whether the body can stream through the code, and nothing needs it whole.
    #[must_use]
    pub fn streams(&self) -> bool {
        let algorithm = match self.algorithm {
            SignatureAlgorithm::Hmac(_) => true,
            SignatureAlgorithm::Hash(_) => false,
            SignatureAlgorithm::Public(algorithm) => algorithm.hash().is_some(),
        };
        algorithm
            && self.each.is_none()
            && !self.signature.place.needs_body()
            && self.messages.iter().all(super::message::Message::streams)
            && self.timestamp.as_ref().is_none_or(|rule| !rule.at.needs_body())
            && self.require.iter().all(|(left, right)| !left.needs_body() && !right.needs_body())
            && self.event_id.as_ref().is_none_or(|id| !id.needs_body())
    }

    /// Takes `id` for the event's id, and says what has to be kept where there is none.
    pub(super) fn identify(&mut self, id: Option<&Expression>, alone: bool) -> Result<Keep, Unidentified> {
        let covered =
            |id: &Expression| self.messages.iter().all(|message| message.covers_firmly(id) || message.lists_headers());
        // Elements that are signed one by one can be sent again in any other company.
        if self.each.is_some() {
            return Err(Unidentified::NothingSigned);
        }
        if let Some(id) = id {
            if !covered(id) {
                return Err(Unidentified::IdNotCovered);
            }
            self.event_id = Some(id.clone());
            // A member of a signed body is there or not, whatever a stranger does; what else is missing may be his doing.
            if id.as_json().is_none() || !self.id_is_firm() {
                return Ok(Keep::Id);
            }
        } else if self.id_is_firm() && self.event_id.as_ref().is_some_and(|id| id.as_header().is_some()) {
            return Ok(Keep::Id);
        }
        // Without an id two events must differ in what is signed: a time alone can be that of both.
        if !self.messages.iter().all(super::message::Message::needs_body) {
            return Err(Unidentified::NothingSigned);
        }
        let single = self.signature.is_single();
        match self.algorithm {
            SignatureAlgorithm::Hmac(_) if single && alone => Ok(Keep::Code),
            SignatureAlgorithm::Hash(_) if single => Ok(Keep::Code),
            SignatureAlgorithm::Hash(_) => Err(Unidentified::NothingSigned),
            SignatureAlgorithm::Hmac(_) | SignatureAlgorithm::Public(_) => Ok(Keep::Content),
        }
    }

    /// Whether the id, where a request has one, is one whatever else a stranger changes about the request.
    pub(super) fn id_is_firm(&self) -> bool {
        let firm = |id: &Expression| self.messages.iter().all(|message| message.covers_firmly(id));
        self.event_id.as_ref().is_some_and(|id| (id.as_header().is_some() || id.as_json().is_some()) && firm(id))
    }

    fn tag_len(&self) -> Option<usize> {
        match self.algorithm {
            SignatureAlgorithm::Hmac(hash) | SignatureAlgorithm::Hash(hash) => Some(hash.digest_len()),
            SignatureAlgorithm::Public(_) => None,
        }
    }

    fn digest_of_content(&self) -> Option<HashAlgorithm> {
        match self.algorithm {
            SignatureAlgorithm::Public(algorithm) => algorithm.hash(),
            _ => None,
        }
    }

    /// Takes from the head all that is needed, where the body streams.
    pub(super) fn begin(
        &self,
        secrets: &Secrets,
        request: Request<'_>,
        now: UnixTime,
        rereading: Rereading,
        keep: Keep,
    ) -> Result<Streaming, Denial> {
        let facts = Facts { request: Some(request), ..Facts::default() };
        let active = secrets.active(now)?;
        let tried_at_once = match rereading {
            Rereading::Possible => 1,
            Rereading::Impossible => usize::MAX,
        };
        let digest = self.digest_of_content();
        let event_id = self.covered_event_id(&facts);
        let attempts = self.attempts(&facts, |facts, candidates, timestamp, message| {
            let frame = message.frame(facts)?;
            let running = match digest {
                Some(_) => Vec::new(),
                None => {
                    active.iter().take(tried_at_once).filter_map(|(at, secret)| start(*at, secret, &frame)).collect()
                }
            };
            let digest = digest.map(|algorithm| {
                let mut hasher = Hasher::new(algorithm);
                hasher.update(&frame.before);
                hasher
            });
            let content = (keep == Keep::Content).then(|| {
                let mut hasher = Hasher::new(HashAlgorithm::Sha256);
                hasher.update(&frame.before);
                hasher
            });
            Ok(Attempt { frame, candidates, timestamp, running, digest, content })
        })?;
        Ok(Streaming { attempts, event_id, keep })
    }

    /// Decides, once the whole body was fed to [`Streaming::update`].
    pub(super) fn finish(
        &self,
        streaming: Streaming,
        secrets: &Secrets,
        body: &dyn HeldBody,
        now: UnixTime,
    ) -> Result<Found, Denial> {
        let Streaming { attempts, event_id, keep } = streaming;
        let mut worst = Denial::SignatureMismatch;
        let mut untried = Vec::new();
        for attempt in attempts {
            let Attempt { frame, candidates, timestamp, running, digest, content } = attempt;
            let material = match content {
                Some(mut content) => {
                    content.update(&frame.after);
                    Some(Identity::of_digest(&content.finish())?)
                }
                None => code_of(keep, &candidates)?,
            };
            let found = match digest {
                Some(mut digest) => {
                    digest.update(&frame.after);
                    self.public_match(secrets, &digest.finish(), &candidates, now)?
                }
                None => {
                    let tried: Vec<usize> = running.iter().map(|(position, _)| *position).collect();
                    let found = first_match(running, &frame, &candidates);
                    if found.is_none() {
                        let others = secrets.active(now)?.into_iter().filter(|(at, _)| !tried.contains(at));
                        let others: Vec<_> = others.filter_map(|(at, secret)| start(at, secret, &frame)).collect();
                        untried.push((frame, candidates, timestamp, material.clone(), others));
                    }
                    found
                }
            };
            match self.fresh(found, timestamp, now) {
                Ok(Some(position)) => return Ok(Found { position, event_id, material }),
                Ok(None) => {}
                Err(denial) => worst = worst.max(denial),
            }
        }
        if untried.iter().any(|(.., others)| !others.is_empty()) {
            let mut feed = |bytes: &[u8]| {
                untried.iter_mut().flat_map(|(.., macs)| macs).for_each(|(_, mac)| mac.update(bytes));
            };
            body.replay(&mut feed)?;
        }
        for (frame, candidates, timestamp, material, macs) in untried {
            match self.fresh(first_match(macs, &frame, &candidates), timestamp, now) {
                Ok(Some(position)) => return Ok(Found { position, event_id, material }),
                Ok(None) => {}
                Err(denial) => worst = worst.max(denial),
            }
        }
        Err(worst)
    }

    /// Decides with the whole request at hand, where the body cannot stream.
    pub(super) fn verify(
        &self,
        secrets: &Secrets,
        request: Request<'_>,
        content: &Content<'_>,
        now: UnixTime,
        keep: Keep,
    ) -> Result<Found, Denial> {
        let facts = Facts { request: Some(request), content: Some(content), ..Facts::default() };
        let Some(path) = &self.each else { return self.verify_one(secrets, &facts, now, keep) };
        let json = content.json()?;
        let elements = json.at(path).and_then(Json::elements).filter(|elements| !elements.is_empty());
        let mut last = None;
        let mut materials = Vec::new();
        for element in elements.ok_or(Denial::SignatureMissing)? {
            let found = self.verify_one(secrets, &Facts { element: Some(element), ..facts }, now, keep)?;
            if let Some(Identity::Material(material)) = &found.material {
                materials.extend_from_slice(material);
            }
            last = Some(found);
        }
        let found = last.ok_or(Denial::SignatureMissing)?;
        match keep {
            Keep::Nothing => Ok(found),
            // The last one's id is not that of all.
            Keep::Id | Keep::Code | Keep::Content => {
                Ok(Found { event_id: None, material: Some(Identity::of_content(&materials)), ..found })
            }
        }
    }

    fn verify_one(&self, secrets: &Secrets, facts: &Facts<'_>, now: UnixTime, keep: Keep) -> Result<Found, Denial> {
        let tries = self.attempts(facts, |facts, candidates, timestamp, message| {
            let position = self.whole_match(secrets, facts, &candidates, message, now)?;
            let material = match (position, keep) {
                (Some(_), Keep::Content) => Some(Identity::of_content(&message.render(facts)?)),
                (Some(_), keep) => code_of(keep, &candidates)?,
                (None, _) => None,
            };
            Ok((position, timestamp, material))
        })?;
        let mut worst = Denial::SignatureMismatch;
        for (found, timestamp, material) in tries {
            match self.fresh(found, timestamp, now) {
                Ok(Some(position)) => {
                    return Ok(Found { position, event_id: self.covered_event_id(facts), material });
                }
                Ok(None) => {}
                Err(denial) => worst = worst.max(denial),
            }
        }
        Err(worst)
    }

    /// Runs `make` for every set of entries and every template. What cannot be read does not stop the others; if
    /// nothing can be read, the most specific reason is the answer.
    fn attempts<T>(
        &self,
        facts: &Facts<'_>,
        mut make: impl FnMut(&Facts<'_>, Vec<Vec<u8>>, Option<Timestamp>, &super::message::Message) -> Result<T, Denial>,
    ) -> Result<Vec<T>, Denial> {
        let values = self.signature.place.values(facts)?;
        let mut made = Vec::new();
        let mut worst = None;
        for entries in self.signature.sets(&values).iter().take(MAX_SETS) {
            let facts = Facts { entries, ..*facts };
            let one = self.signature.candidates(entries, self.tag_len()).and_then(|candidates| {
                if self.tag_len().is_none() && candidates.len() > MAX_PUBLIC_TRIES {
                    return Err(Denial::SignatureExcess);
                }
                let text = self.timestamp.as_ref().map(|rule| timestamp_text(&rule.at, &facts)).transpose()?;
                self.check_required(&facts)?;
                let timestamp = match (&self.timestamp, &text) {
                    (Some(rule), Some(text)) => Some(rule.unit.parse(text)?),
                    _ => None,
                };
                let facts = Facts { timestamp: text.as_deref(), ..facts };
                self.check_listed(&facts)?;
                match self.messages.as_slice() {
                    [only] => Ok(vec![make(&facts, candidates, timestamp, only)?]),
                    several => several
                        .iter()
                        .map(|message| make(&facts, candidates.clone(), timestamp, message))
                        .collect::<Result<Vec<_>, _>>(),
                }
            });
            match one {
                Ok(one) => made.extend(one),
                Err(denial) => worst = worst.max(Some(denial)),
            }
        }
        if made.is_empty() { Err(worst.unwrap_or(Denial::SignatureMissing)) } else { Ok(made) }
    }

    fn whole_match(
        &self,
        secrets: &Secrets,
        facts: &Facts<'_>,
        candidates: &[Vec<u8>],
        message: &super::message::Message,
        now: UnixTime,
    ) -> Result<Option<usize>, Denial> {
        let shared = if message.needs_secret() { None } else { Some(message.render(facts)?) };
        if let (SignatureAlgorithm::Public(algorithm), Some(content)) = (self.algorithm, &shared) {
            let digest = algorithm.hash().map(|hash| hash.digest(content));
            return self.public_match(secrets, digest.as_ref().unwrap_or(content), candidates, now);
        }
        for (position, secret) in secrets.active(now)? {
            let content = match (&shared, &secret.key) {
                (Some(content), _) => Cow::Borrowed(content),
                (None, Key::Text(text)) => Cow::Owned(message.render(&Facts { secret: Some(text.bytes()), ..*facts })?),
                (None, _) => return Err(Denial::HostFailure),
            };
            let found = match (self.algorithm, &secret.key) {
                (SignatureAlgorithm::Hmac(_), Key::Mac(key)) => {
                    let mut mac = key.begin();
                    mac.update(&content);
                    mac.matches_any(candidates)
                }
                // A hash of secret and content can be continued by whoever saw one: the padding between what was
                // signed and what is added always holds a NUL, and no document or form does.
                (SignatureAlgorithm::Hash(_), Key::Text(_)) if content.contains(&0) => {
                    return Err(Denial::BodyMalformed);
                }
                (SignatureAlgorithm::Hash(hash), Key::Text(_)) => token::is_any_of(&hash.digest(&content), candidates),
                _ => false,
            };
            if found {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    fn public_match(
        &self,
        secrets: &Secrets,
        content: &[u8],
        candidates: &[Vec<u8>],
        now: UnixTime,
    ) -> Result<Option<usize>, Denial> {
        let SignatureAlgorithm::Public(algorithm) = self.algorithm else { return Ok(None) };
        Ok(secrets.active(now)?.into_iter().find_map(|(position, secret)| match &secret.key {
            Key::Public(key) => {
                candidates.iter().any(|candidate| key.verifies(algorithm, content, candidate)).then_some(position)
            }
            _ => None,
        }))
    }

    /// What matched, if its timestamp is recent.
    fn fresh(
        &self,
        found: Option<usize>,
        timestamp: Option<Timestamp>,
        now: UnixTime,
    ) -> Result<Option<usize>, Denial> {
        if let (Some(_), Some(rule), Some(timestamp)) = (found, &self.timestamp, timestamp) {
            timestamp.within(rule.tolerance, now)?;
        }
        Ok(found)
    }

    fn check_required(&self, facts: &Facts<'_>) -> Result<(), Denial> {
        for (left, right) in &self.require {
            if left.render(facts)? != right.render(facts)? {
                return Err(Denial::RequireMismatch);
            }
        }
        Ok(())
    }

    /// Where the request itself lists the headers that it signs, the timestamp's must be among them.
    fn check_listed(&self, facts: &Facts<'_>) -> Result<(), Denial> {
        let covered = |rule: &super::scheme::TimestampRule, message: &super::message::Message| {
            message.covers_timestamp() || message.always_covers(&rule.at) || message.lists(&rule.at, facts)
        };
        match &self.timestamp {
            Some(rule) if !self.messages.iter().all(|message| covered(rule, message)) => Err(Denial::CoverageMissing),
            _ => Ok(()),
        }
    }

    fn covered_event_id(&self, facts: &Facts<'_>) -> Option<Vec<u8>> {
        let at: &Expression = self.event_id.as_ref()?;
        let id = at.value(facts).ok()?;
        // Listed values are joined by a point: an id with a point in it may have a byte of its neighbour's.
        let listed = |message: &super::message::Message| message.lists(at, facts) && !id.contains(&b'.');
        self.messages.iter().all(|message| message.covers_firmly(at) || listed(message)).then_some(id)
    }
}

/// The most sets of entries that are read; a known sender writes two.
const MAX_SETS: usize = 4;

impl Streaming {
    /// Feeds more of the body.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        for attempt in &mut self.attempts {
            attempt.running.iter_mut().for_each(|(_, mac)| mac.update(bytes));
            if let Some(digest) = &mut attempt.digest {
                digest.update(bytes);
            }
            if let Some(content) = &mut attempt.content {
                content.update(bytes);
            }
        }
    }
}

/// The one candidate that there can be, where it is what identifies the content.
fn code_of(keep: Keep, candidates: &[Vec<u8>]) -> Result<Option<Identity>, Denial> {
    match (keep, candidates) {
        (Keep::Nothing | Keep::Id | Keep::Content, _) => Ok(None),
        (Keep::Code, [only]) => Ok(Some(Identity::of_content(only))),
        (Keep::Code, _) => Err(Denial::HostFailure),
    }
}

fn start(position: usize, secret: &Secret, frame: &Frame) -> Option<(usize, Mac)> {
    match &secret.key {
        Key::Mac(key) => {
            let mut mac = key.begin();
            mac.update(&frame.before);
            Some((position, mac))
        }
        _ => None,
    }
}

fn first_match(macs: Vec<(usize, Mac)>, frame: &Frame, candidates: &[Vec<u8>]) -> Option<usize> {
    macs.into_iter().find_map(|(position, mut mac)| {
        mac.update(&frame.after);
        mac.matches_any(candidates).then_some(position)
    })
}

/// The timestamp's text, which may be empty: that is malformed, not missing.
fn timestamp_text(at: &Expression, facts: &Facts<'_>) -> Result<Vec<u8>, Denial> {
    match (at.as_header(), facts.request) {
        (Some(name), Some(request)) => match request.header(name) {
            Occurrence::Once(text) => Ok(text.to_vec()),
            Occurrence::Missing => Err(Denial::TimestampMissing),
            Occurrence::Repeated => Err(Denial::TimestampDuplicated),
        },
        _ => at.value(facts).map_err(as_timestamp),
    }
}

/// What the lack of a value means where the value is the timestamp.
fn as_timestamp(denial: Denial) -> Denial {
    match signature::as_signature(denial) {
        Denial::SignatureMissing => Denial::TimestampMissing,
        Denial::SignatureDuplicated => Denial::TimestampDuplicated,
        Denial::SignatureMalformed => Denial::TimestampMalformed,
        other => other,
    }
}
