//! One check: a scheme, its secrets, and one request's way through them.

use std::rc::Rc;

use super::content::Content;
use super::expression::{Expression, Facts};
use super::identity::{Identity, Keep, Unidentified};
use super::jwt::SignedToken;
use super::keyring::{Keyring, Secrets};
use super::message::Message;
use super::scheme::Scheme;
use super::signed::{Found, Streaming};
use super::timestamp::UnixTime;
use super::{Denial, HeaderLine, HeldBody, Request};

/// The longest body that is kept for a scheme that needs it whole, in bytes. Envoy's own limit is lower.
const MAX_WHOLE_BODY: usize = 16 * 1024 * 1024;
/// The same where the body goes on at once and the VM keeps the only copy: Envoy's default for what it holds itself.
const MAX_COPY: usize = 1024 * 1024;

/// The longest event id that is passed on, in bytes. Known ones are UUIDs and the like.
const MAX_EVENT_ID: usize = 256;

/// A scheme and the secrets that may prove it.
#[derive(Debug)]
pub struct Check {
    scheme: Scheme,
    when: Option<Condition>,
    keyring: Keyring,
    keep: Keep,
}

/// When a dialect speaks, where the presence of its proof does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// When the value is there.
    Present(Expression),
    /// When both are equal.
    Equal(Message, Message),
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
    list: Rc<str>,
    event_id: Option<Vec<u8>>,
    identity: Option<Identity>,
}

impl Match {
    /// The operator's name of the secret that matched.
    #[must_use]
    pub fn secret_id(&self) -> &str {
        &self.secret_id
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_secret_id(&self) -> Rc<str> {
        Rc::clone(&self.secret_id)
    }

    /// What the request called the list of secrets; empty where there is one.
    #[must_use]
    pub fn list(&self) -> &str {
        &self.list
    }

    /// What identifies the event, if the check was told to keep it.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
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

/// A check that waits for the body.
pub(super) struct Running {
    list: usize,
    state: State,
}

enum State {
    /// The body streams through it.
    Streaming(Streaming),
    /// It needs the body whole, and the head with it.
    Whole { head: Vec<HeaderLine>, token: Option<SignedToken>, copy: Option<Vec<u8>> },
}

impl Check {
    /// A check of `scheme` against `keyring`, whose keys were made by that scheme.
    #[must_use]
    pub fn new(scheme: Scheme, when: Option<Condition>, keyring: Keyring) -> Self {
        Self { scheme, when, keyring, keep: Keep::Nothing }
    }

    /// Whether, and how, an event can be identified. Changes nothing.
    pub(super) fn identifies(&self, id: Option<&Expression>, alone: bool) -> Result<Keep, Unidentified> {
        self.scheme.clone().identify(id, alone)
    }

    /// Keeps what identifies an event.
    pub(super) fn remember(&mut self, id: Option<&Expression>, alone: bool) -> Result<(), Unidentified> {
        self.keep = self.scheme.identify(id, alone)?;
        Ok(())
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

    /// Whether the request speaks this dialect.
    pub(super) fn speaks(&self, request: Request<'_>) -> bool {
        let facts = Facts { request: Some(request), ..Facts::default() };
        let values = match &self.scheme {
            Scheme::Signature(scheme) if !scheme.signature.place.needs_body() => scheme.signature.place.values(&facts),
            _ => Ok(Vec::new()),
        };
        let values = values.unwrap_or_default();
        let sets = match &self.scheme {
            Scheme::Signature(scheme) => scheme.signature.sets(&values),
            _ => Vec::new(),
        };
        let facts = Facts { entries: sets.first().map(Vec::as_slice).unwrap_or_default(), ..facts };
        match &self.when {
            None => self.scheme.is_presented(request),
            Some(Condition::Present(value)) => value.value(&facts).is_ok(),
            Some(Condition::Equal(left, right)) => {
                matches!((left.render(&facts), right.render(&facts)), (Ok(left), Ok(right)) if left == right)
            }
        }
    }

    /// Takes from the headers all that the check needs of them.
    pub(super) fn begin(&self, request: Request<'_>, now: UnixTime, rereading: Rereading) -> Result<Progress, Denial> {
        let list = self.keyring.select(request)?;
        let secrets = self.keyring.list(list)?;
        let facts = Facts { request: Some(request), ..Facts::default() };
        let mut token = None;
        match &self.scheme {
            Scheme::Signature(scheme) if scheme.streams() => {
                let streaming = scheme.begin(secrets, request, now, rereading, self.keep)?;
                if !scheme.needs_body() {
                    return self.matched(list, scheme.finish(streaming, secrets, &[].as_slice(), now)?);
                }
                return Ok(Progress::Running(Running { list, state: State::Streaming(streaming) }));
            }
            Scheme::Signature(scheme) => {
                if !scheme.signature.place.needs_body() {
                    // What is missing in the head is refused before the body is waited for.
                    scheme.signature.place.values(&facts)?;
                }
                if !scheme.needs_body() {
                    let content = Content::new(b"", b"");
                    return self.matched(list, scheme.verify(secrets, request, &content, now, self.keep)?);
                }
            }
            Scheme::Credential(scheme) => {
                if !scheme.needs_body() {
                    return self.matched(list, Found::at(scheme.verify(secrets, &facts, now)?));
                }
            }
            Scheme::Jwt(scheme) => {
                token = scheme.authenticate(secrets, &facts, now)?;
                if let (Some(token), false) = (&token, scheme.needs_body()) {
                    return self.matched(list, scheme.check_claims(token, &facts)?);
                }
            }
            Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => {}
        }
        let copy = (rereading == Rereading::Impossible).then(Vec::new);
        let head = request.headers().to_vec();
        Ok(Progress::Running(Running { list, state: State::Whole { head, token, copy } }))
    }

    fn matched(&self, list: usize, found: Found) -> Result<Progress, Denial> {
        self.proved(list, found).map(Progress::Matched)
    }

    fn proved(&self, list: usize, Found { position, event_id, material }: Found) -> Result<Match, Denial> {
        let secrets = self.keyring.list(list)?;
        let id = event_id.clone().filter(|id| !id.is_empty()).map(Identity::Id);
        let identity = match self.keep {
            Keep::Nothing => None,
            Keep::Id => id,
            Keep::Code | Keep::Content => id.filter(|_| self.scheme.id_is_firm()).or(material),
        };
        // It becomes a header: what is no plain word is dropped, however rightly it is signed.
        let event_id =
            event_id.filter(|id| (1..=MAX_EVENT_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic));
        secrets.matched(position);
        let secret = secrets.all().get(position).ok_or(Denial::HostFailure)?;
        Ok(Match { secret_id: Rc::clone(&secret.id), list: self.keyring.name(list), event_id, identity })
    }

    /// Decides, once the whole body was fed to [`Running::update`].
    pub(super) fn finish(&self, running: Running, body: &dyn HeldBody, now: UnixTime) -> Result<Match, Denial> {
        let secrets = self.keyring.list(running.list)?;
        let found = match (&self.scheme, running.state) {
            (Scheme::Signature(scheme), State::Streaming(streaming)) => scheme.finish(streaming, secrets, body, now)?,
            (_, State::Streaming(_)) => return Err(Denial::HostFailure),
            (scheme, State::Whole { head, token, copy }) => {
                let whole = match copy {
                    Some(copy) if copy.len() > MAX_COPY => return Err(Denial::BodyTooLarge),
                    Some(copy) => copy,
                    None => whole_body(body)?,
                };
                let request = Request::new(&head);
                let content = Content::new(&whole, request.media_type());
                finish_whole(scheme, secrets, request, &content, token, now, self.keep)?
            }
        };
        self.proved(running.list, found)
    }
}

fn finish_whole(
    scheme: &Scheme,
    secrets: &Secrets,
    request: Request<'_>,
    content: &Content<'_>,
    token: Option<SignedToken>,
    now: UnixTime,
    keep: Keep,
) -> Result<Found, Denial> {
    let facts = Facts { request: Some(request), content: Some(content), ..Facts::default() };
    match scheme {
        Scheme::Signature(scheme) => scheme.verify(secrets, request, content, now, keep),
        Scheme::Credential(scheme) => Ok(Found::at(scheme.verify(secrets, &facts, now)?)),
        Scheme::Jwt(scheme) => {
            let token = match token {
                Some(token) => token,
                None => scheme.authenticate(secrets, &facts, now)?.ok_or(Denial::HostFailure)?,
            };
            scheme.check_claims(&token, &facts)
        }
        Scheme::MessageSignature(scheme) => scheme.verify(secrets, request, content, now),
        Scheme::HttpSignature(scheme) => scheme.verify(secrets, request, content, now),
    }
}

fn whole_body(body: &dyn HeldBody) -> Result<Vec<u8>, Denial> {
    let mut whole = Vec::new();
    body.replay(&mut |bytes| {
        if whole.len() <= MAX_WHOLE_BODY {
            whole.extend_from_slice(bytes);
        }
    })?;
    if whole.len() > MAX_WHOLE_BODY { Err(Denial::BodyTooLarge) } else { Ok(whole) }
}

impl Running {
    /// Feeds more of the body.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Streaming(streaming) => streaming.update(bytes),
            // Above the limit the copy stops growing one piece too late, and the proof fails as it must.
            State::Whole { copy: Some(copy), .. } if copy.len() <= MAX_COPY => copy.extend_from_slice(bytes),
            State::Whole { .. } => {}
        }
    }
}
