//! One check: a scheme, its secrets, and one request's way through them.

use std::rc::Rc;

use super::keyring::{Keyring, Secrets};
use super::mac::Mac;
use super::message::Frame;
use super::scheme::{MacScheme, Scheme, TimestampPlace, TimestampRule, TokenScheme};
use super::secret::{Key, Secret};
use super::timestamp::{Timestamp, UnixTime};
use super::token;
use super::{Denial, HeldBody, Occurrence, Request};

/// A scheme and the secrets that may prove it.
#[derive(Debug)]
pub struct Check {
    scheme: Scheme,
    keyring: Keyring,
}

/// Whether the host will hand out the body a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rereading {
    /// It holds the body: one secret is tried while the body streams, the others only if that one fails.
    Possible,
    /// The body goes on at once: every secret is tried while it streams.
    Impossible,
}

/// What matched. Only a check makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    secret_id: Rc<str>,
    event_id: Option<Vec<u8>>,
}

impl Match {
    /// The operator's name of the secret that matched.
    #[must_use]
    pub fn secret_id(&self) -> &str {
        &self.secret_id
    }

    /// The event's id, where the signature covers it.
    #[must_use]
    pub fn event_id(&self) -> Option<&[u8]> {
        self.event_id.as_deref()
    }
}

/// How far a check came with the headers alone.
pub(super) enum Progress {
    /// Done: the headers were all it needed.
    Matched(Match),
    /// It waits for the body.
    Running(Running),
}

/// A message authentication code on its way through the body.
pub(super) struct Running {
    list: usize,
    frame: Frame,
    candidates: Vec<Vec<u8>>,
    timestamp: Option<Timestamp>,
    event_id: Option<Vec<u8>>,
    /// The secrets tried while the body streams: their positions, and how far they are.
    macs: Vec<(usize, Mac)>,
}

impl Check {
    /// A check of `scheme` against `keyring`, whose keys were made by that scheme.
    #[must_use]
    pub fn new(scheme: Scheme, keyring: Keyring) -> Self {
        Self { scheme, keyring }
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The secrets.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Whether the request has the header that this check's proof is in.
    pub(super) fn is_presented(&self, request: Request<'_>) -> bool {
        request.header(self.scheme.proof_header()) != Occurrence::Missing
    }

    /// Takes from the headers all that the check needs of them.
    pub(super) fn begin(&self, request: Request<'_>, now: UnixTime, rereading: Rereading) -> Result<Progress, Denial> {
        match &self.scheme {
            Scheme::Token(scheme) => self.match_token(scheme, request, now).map(Progress::Matched),
            Scheme::Mac(scheme) => {
                let mut running = self.run(scheme, request, now, rereading)?;
                if scheme.message.covers_body() {
                    Ok(Progress::Running(running))
                } else {
                    running.update(b"");
                    self.finish(running, &[].as_slice(), now).map(Progress::Matched)
                }
            }
        }
    }

    fn match_token(&self, scheme: &TokenScheme, request: Request<'_>, now: UnixTime) -> Result<Match, Denial> {
        let value = match request.header(&scheme.header) {
            Occurrence::Missing => return Err(Denial::CredentialMissing),
            Occurrence::Repeated => return Err(Denial::CredentialDuplicated),
            Occurrence::Once(value) => value,
        };
        let presented = scheme.form.credential(value).ok_or(Denial::CredentialMalformed)?;
        let active = self.keyring.list(self.keyring.select(request)?)?.active(now)?;
        let tokens = active.iter().filter_map(|(_, secret)| match &secret.key {
            Key::Token(digest) => Some(digest),
            Key::Mac(_) => None,
        });
        token::position_of(&presented, tokens)
            .and_then(|position| active.get(position))
            .map(|(_, secret)| Match { secret_id: secret.id.clone(), event_id: None })
            .ok_or(Denial::CredentialMismatch)
    }

    fn run(
        &self,
        scheme: &MacScheme,
        request: Request<'_>,
        now: UnixTime,
        rereading: Rereading,
    ) -> Result<Running, Denial> {
        let candidates = scheme.signature.candidates(request, scheme.algorithm.tag_len())?;
        let text = scheme.timestamp.as_ref().map(|rule| timestamp_text(rule, scheme, request)).transpose()?;
        let timestamp = match (&scheme.timestamp, text) {
            (Some(rule), Some(text)) => Some(rule.unit.parse(text)?),
            _ => None,
        };
        let frame = scheme.message.frame(request, text)?;
        let list = self.keyring.select(request)?;
        let tried_at_once = match rereading {
            Rereading::Possible => 1,
            Rereading::Impossible => usize::MAX,
        };
        let active = self.keyring.list(list)?.active(now)?;
        let macs = active.iter().take(tried_at_once).filter_map(|(position, secret)| start(*position, secret, &frame));
        let event_id = scheme.event_id.as_deref().and_then(|name| match request.header(name) {
            Occurrence::Once(id) if scheme.message.covers_header(name) => Some(id.to_vec()),
            _ => None,
        });
        Ok(Running { list, macs: macs.collect(), frame, candidates, timestamp, event_id })
    }

    /// Decides, once the whole body was fed to [`Running::update`].
    pub(super) fn finish(&self, running: Running, body: &dyn HeldBody, now: UnixTime) -> Result<Match, Denial> {
        let Running { list, frame, candidates, timestamp, event_id, macs } = running;
        let secrets = self.keyring.list(list)?;
        let tried: Vec<usize> = macs.iter().map(|(position, _)| *position).collect();
        let position = match first_match(macs, &frame, &candidates) {
            Some(position) => position,
            None => try_others(secrets, &tried, &frame, &candidates, body, now)?,
        };
        if let (Scheme::Mac(MacScheme { timestamp: Some(rule), .. }), Some(timestamp)) = (&self.scheme, timestamp) {
            timestamp.within(rule.tolerance, now)?;
        }
        secrets.matched(position);
        let secret = secrets.all().get(position).ok_or(Denial::HostFailure)?;
        Ok(Match { secret_id: secret.id.clone(), event_id })
    }
}

impl Running {
    /// Feeds more of the body.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        for (_, mac) in &mut self.macs {
            mac.update(bytes);
        }
    }
}

fn start(position: usize, secret: &Secret, frame: &Frame) -> Option<(usize, Mac)> {
    match &secret.key {
        Key::Mac(key) => {
            let mut mac = key.begin();
            mac.update(&frame.before);
            Some((position, mac))
        }
        Key::Token(_) => None,
    }
}

fn first_match(macs: Vec<(usize, Mac)>, frame: &Frame, candidates: &[Vec<u8>]) -> Option<usize> {
    macs.into_iter().find_map(|(position, mut mac)| {
        mac.update(&frame.after);
        mac.matches_any(candidates).then_some(position)
    })
}

/// Tries the secrets that did not see the body yet, all in one more pass over it.
fn try_others(
    secrets: &Secrets,
    tried: &[usize],
    frame: &Frame,
    candidates: &[Vec<u8>],
    body: &dyn HeldBody,
    now: UnixTime,
) -> Result<usize, Denial> {
    let mut macs: Vec<_> = secrets
        .active(now)?
        .into_iter()
        .filter(|(position, _)| !tried.contains(position))
        .filter_map(|(position, secret)| start(position, secret, frame))
        .collect();
    if !macs.is_empty() {
        body.replay(&mut |bytes| macs.iter_mut().for_each(|(_, mac)| mac.update(bytes)))?;
    }
    first_match(macs, frame, candidates).ok_or(Denial::SignatureMismatch)
}

fn timestamp_text<'a>(rule: &TimestampRule, scheme: &MacScheme, request: Request<'a>) -> Result<&'a [u8], Denial> {
    match &rule.place {
        TimestampPlace::Header(name) => match request.header(name) {
            Occurrence::Once(text) => Ok(text),
            Occurrence::Missing => Err(Denial::TimestampMissing),
            Occurrence::Repeated => Err(Denial::TimestampDuplicated),
        },
        TimestampPlace::Entry(prefix) => {
            let mut found =
                scheme.signature.entries(request)?.filter_map(|entry| entry.strip_prefix(prefix.as_bytes()));
            match (found.next(), found.next()) {
                (None, _) => Err(Denial::TimestampMissing),
                (Some(text), None) => Ok(text),
                (Some(_), Some(_)) => Err(Denial::TimestampDuplicated),
            }
        }
    }
}
