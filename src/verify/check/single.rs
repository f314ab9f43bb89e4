//! One check: a scheme and its secrets, and the verification of one request against them.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use crate::verify::bytes::challenge::ChallengeForm;
use crate::verify::check::published::{MissingKey, PublishedKeys};
use crate::verify::denial::Denial;
use crate::verify::expression::message::Message;
use crate::verify::expression::{Expression, Facts};
use crate::verify::identity::{Found, Identity, IdentityBasis, Unidentified};
use crate::verify::key::key_set::PublishedKey;
use crate::verify::key::keyring::Keyring;
use crate::verify::key::live::{LiveChange, LiveFault, LiveValues, Origin, Parsed};
use crate::verify::key::secret::Key;
use crate::verify::key::secrets::Secrets;
use crate::verify::key::text_rule::{self, TextRule};
use crate::verify::primitives::public_key::Delegate;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::request::{HeadersRead, HeldBody, Request, Rereading};
use crate::verify::scheme::{Begun, Context, Head, Pending, Scheme};

/// The longest event id that is passed on, in bytes. Known ones are UUIDs and the like.
const MAX_EVENT_ID: usize = 256;

/// A scheme and the secrets that may verify it.
#[derive(Debug)]
pub struct Check {
    scheme: Scheme,
    when: Option<Condition>,
    keyring: Keyring,
    basis: IdentityBasis,
    headers_read: HeadersRead,
    /// The keys, if the sender publishes them; the keyring is empty then.
    published: Option<PublishedKeys>,
    challenges: Vec<ChallengeForm>,
    /// Who verifies the signatures of public keys, if not this crate all of them.
    delegate: OnceCell<Rc<Delegate>>,
}

/// The condition under which a dialect applies. A dialect without one applies if the request has its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The value is present.
    Present(Expression),
    /// Both have the same content.
    Equal(Message, Message),
}

/// A check that verified. Only a check makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    secret_id: Rc<str>,
    list: Rc<str>,
    events_of: Rc<str>,
    event_id: Option<Vec<u8>>,
    identity: Option<Identity>,
    skew: Option<Duration>,
}

impl Match {
    /// How far the signed time is from ours, in either direction, if the scheme has a tolerance.
    #[must_use]
    pub fn skew(&self) -> Option<Duration> {
        self.skew
    }

    /// The operator's name of the secret that matched.
    #[must_use]
    pub fn secret_id(&self) -> &str {
        &self.secret_id
    }

    /// The same, as a shared string.
    #[must_use]
    pub fn shared_secret_id(&self) -> Rc<str> {
        Rc::clone(&self.secret_id)
    }

    /// The name by which the request chose its list of secrets; empty if there is only one list.
    #[must_use]
    pub fn list(&self) -> &str {
        &self.list
    }

    /// The list under whose name the event is remembered: [`list`](Self::list), or another one with the same secret.
    #[must_use]
    pub fn events_of(&self) -> &str {
        &self.events_of
    }

    /// The event's identity, if the check [identifies](super::Requirement::remember) events.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// How much heap memory it holds, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        let identity = match &self.identity {
            Some(Identity::Id(id)) => id.capacity(),
            Some(Identity::Digest(_)) | None => 0,
        };
        self.event_id.as_ref().map_or(0, Vec::capacity).saturating_add(identity)
    }

    /// The event's id, if the signature covers it.
    #[must_use]
    pub fn event_id(&self) -> Option<&[u8]> {
        self.event_id.as_deref()
    }
}

/// The state of a check after the headers.
pub(super) enum Progress {
    /// It matched; the headers were enough.
    Matched(Match),
    /// It waits for the body.
    Running(Running),
}

/// A check that waits for the body.
pub(super) struct Running {
    /// The position of the list of secrets.
    list: usize,
    /// The list as it was when the request began.
    secrets: Rc<Secrets>,
    /// The denial that the head already decides, whatever the body is.
    denied: Option<Denial>,
    pending: Pending,
}

impl Check {
    /// A check of `scheme` against `keyring`, whose keys were made by that scheme.
    #[must_use]
    pub fn new(scheme: Scheme, when: Option<Condition>, keyring: Keyring) -> Self {
        let headers_read = scheme.headers_read();
        Self {
            scheme,
            when,
            keyring,
            basis: IdentityBasis::Nothing,
            headers_read,
            challenges: Vec::new(),
            published: None,
            delegate: OnceCell::new(),
        }
    }

    /// A check of `scheme` against keys that its sender publishes at a place with this number, none of which is here yet. `id`:
    /// the operator's name for all of them.
    #[must_use]
    pub fn of_published(scheme: Scheme, when: Option<Condition>, place: usize, id: Rc<str>) -> Self {
        let keyring = Keyring::one(Secrets::new(Vec::new()));
        Self { published: Some(PublishedKeys::new(place, id)), ..Self::new(scheme, when, keyring) }
    }

    /// The number of the place where the sender publishes the keys, and the operator's name for them.
    #[must_use]
    pub fn published_at(&self) -> Option<(usize, &Rc<str>)> {
        self.published.as_ref().map(|published| (published.place, &published.id))
    }

    /// Whether any of these keys is one of this scheme.
    #[must_use]
    pub fn accepts(&self, keys: &[PublishedKey]) -> bool {
        keys.iter().any(|key| self.scheme.key(&key.text).is_ok())
    }

    /// Takes over the keys of a version unless it has them; `None`, with version 0: there are none. Requests that began before
    /// keep the former ones.
    pub fn publish(&self, version: u64, keys: impl FnOnce() -> Option<Vec<PublishedKey>>) {
        if let Some(published) = &self.published {
            published.publish(version, &self.scheme, keys);
        }
    }

    /// How an event can be identified, if it can.
    pub(super) fn identity_basis(&self, id: Option<&Expression>, alone: bool) -> Result<IdentityBasis, Unidentified> {
        self.scheme.identity_basis(id, alone)
    }

    /// Identifies events from now on.
    pub(super) fn remember(&mut self, id: Option<&Expression>, alone: bool) -> Result<(), Unidentified> {
        self.basis = self.scheme.identity_basis(id, alone)?;
        if let Some(id) = id {
            self.scheme.set_event_id(id);
        }
        self.headers_read = self.scheme.headers_read();
        Ok(())
    }

    /// Refuses signed content of these forms from now on, because their MACs are given to whoever sends a challenge.
    pub fn refuse_challenges(&mut self, forms: &[ChallengeForm]) {
        self.challenges.extend_from_slice(forms);
    }

    /// Says who verifies the signatures of public keys from now on; the first one who is named does.
    pub fn delegate_to(&self, delegate: &Rc<Delegate>) {
        self.delegate.get_or_init(|| Rc::clone(delegate));
    }

    /// The forms of challenges that it refuses as signed content.
    #[must_use]
    pub fn challenges(&self) -> &[ChallengeForm] {
        &self.challenges
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

    /// Reads the live secrets for this request again. Returns whether nothing can be verified because they are not there.
    pub(super) fn refresh(
        &self,
        request: Request<'_>,
        now: UnixTime,
        values: &dyn LiveValues,
        report: &mut dyn FnMut(LiveChange),
    ) -> bool {
        self.keyring.refresh(request, now, values, &|text, rule| self.key(text, rule), report)
    }

    /// Whether any of its live secrets would be there if this were the document with this number.
    #[must_use]
    pub fn finds_a_secret_in(&self, number: usize, body: &[u8]) -> bool {
        let is_of_it = |origin: &Origin| matches!(origin, Origin::Document(own, _) if *own == number);
        let mut live = self.keyring.live().filter(|(_, live)| is_of_it(&live.origin));
        let (body, parsed) = (Rc::from(body), Parsed::default());
        live.any(|(_, live)| live.is_in(&body, &parsed, &|text, rule| self.key(text, rule)))
    }

    /// The key that the text of a live secret is.
    fn key(&self, text: &str, rule: &TextRule) -> Result<Key, LiveFault> {
        if !rule.allows_short && self.scheme.key_len(text).is_some_and(|len| len < text_rule::MIN_BYTES) {
            return Err(LiveFault::ShortKey);
        }
        self.scheme.key(text).map_err(LiveFault::Key)
    }

    /// The MAC of a handshake's `text` under the first secret of a list that is valid at `now`, which the sender then
    /// compares with its own. It is sent to a caller that may be a stranger, so `text` must have a form that the check
    /// [refuses](Self::refuse_challenges).
    ///
    /// # Errors
    /// [`Denial::SecretInactive`] if no secret is valid, the scheme is not one with a MAC, or the check would accept `text`.
    pub(crate) fn mac(&self, list: usize, text: &[u8], now: UnixTime) -> Result<Vec<u8>, Denial> {
        if !self.challenges.iter().any(|form| form.admits(text)) {
            return Err(Denial::SecretInactive);
        }
        let secrets = self.keyring.list(list)?;
        let mut valid = secrets.all().iter().filter(|secret| secret.validity.contains(now));
        match valid.next().map(|secret| &secret.key) {
            Some(Key::Mac(key)) => {
                let mut mac = key.begin();
                mac.update(text);
                Ok(mac.tag())
            }
            _ if secrets.is_unavailable(now) => Err(Denial::SecretUnavailable),
            _ => Err(Denial::SecretInactive),
        }
    }

    /// Whether the request is in this dialect.
    pub(super) fn applies_to(&self, request: Request<'_>) -> bool {
        let Some(condition) = &self.when else { return self.scheme.is_presented(request) };
        let entries = self.scheme.entries(request);
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        let facts = Facts { request: Some(request), entries: &entries, ..Facts::default() };
        match condition {
            Condition::Present(value) => value.value(&facts).is_ok(),
            Condition::Equal(left, right) => {
                matches!((left.render(&facts), right.render(&facts)), (Ok(left), Ok(right)) if left == right)
            }
        }
    }

    /// Reads everything that the check needs from the headers.
    pub(super) fn begin(&self, request: Request<'_>, now: UnixTime, rereading: Rereading) -> Result<Progress, Denial> {
        // If the name has no list, or its list has no valid secret, the request is checked against another list: it
        // takes as long and is refused for the same faults, so that neither the answer nor its timing reveals which
        // names exist. A match in that list verifies nothing.
        let (list, denied) = match self.keyring.select_active(request, now) {
            _ if self.published.is_some() => (0, None),
            Ok(list) => (list, None),
            Err(denial) => (self.keyring.fallback(now), Some(denial)),
        };
        let secrets = self.secrets(list)?;
        let head = Head { request, headers_read: &self.headers_read, rereading };
        match (self.scheme.begin(head, self.context(&secrets, now)), denied) {
            (Ok(Begun::Pending(pending)), denied) => Ok(Progress::Running(Running { list, secrets, denied, pending })),
            (Ok(Begun::Found(found)), None) => self.matched(list, &secrets, found).map(Progress::Matched),
            (Ok(Begun::Found(_)), Some(denied)) => Err(denied),
            (Err(denial), Some(denied)) if denial.is_lack_of_proof() => Err(denied),
            (Err(denial), _) => Err(for_lack_of_secrets(denial, &secrets)),
        }
    }

    /// The secrets of a list as they are now.
    fn secrets(&self, list: usize) -> Result<Rc<Secrets>, Denial> {
        match &self.published {
            Some(published) => Ok(published.current()),
            None => self.keyring.list(list),
        }
    }

    /// The key that a request names and that is not here, if its form is right. `body`: as for [`finish`](Self::finish).
    pub(super) fn missing_key(&self, running: &Running, body: &dyn HeldBody, now: UnixTime) -> Option<MissingKey> {
        let place = self.published.as_ref()?.place;
        let id = self.scheme.named_key(&running.pending, body, self.context(&running.secrets, now)).ok()?;
        running.secrets.lacks(id.as_deref()).then_some(MissingKey { place, id })
    }

    /// Whether this key is one that the check needs and does not have.
    #[must_use]
    pub fn lacks(&self, key: &MissingKey) -> bool {
        let own = self.published.as_ref().filter(|published| published.place == key.place);
        own.is_some_and(|published| published.current().lacks(key.id.as_deref()))
    }

    /// Takes over the keys that are here now, if this one was missing. Else the running verification may know its key already,
    /// by the position in the list that it has.
    pub(super) fn renew(&self, running: &mut Running, missing: &MissingKey) {
        let own = self.published.as_ref().filter(|published| published.place == missing.place);
        if let Some(published) = own.filter(|_| running.secrets.lacks(missing.id.as_deref())) {
            running.secrets = published.current();
        }
    }

    fn context<'a>(&'a self, secrets: &'a Secrets, now: UnixTime) -> Context<'a> {
        Context {
            secrets,
            now,
            basis: self.basis,
            challenges: &self.challenges,
            delegate: self.delegate.get().map(Rc::as_ref),
        }
    }

    fn matched(&self, list: usize, secrets: &Secrets, found: Found) -> Result<Match, Denial> {
        let Found { position, event_id, identity, skew } = found;
        let id = event_id.clone().filter(|id| !id.is_empty()).map(Identity::Id);
        let identity = match self.basis {
            IdentityBasis::Nothing => None,
            IdentityBasis::Id => id,
            IdentityBasis::Tag | IdentityBasis::Content => id.filter(|_| self.scheme.id_is_protected()).or(identity),
        };
        // The id becomes a header: anything but a plain word is dropped, even if it is signed.
        let event_id =
            event_id.filter(|id| (1..=MAX_EVENT_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic));
        secrets.matched(position);
        let secret = secrets.all().get(position).ok_or(Denial::HostFailure)?;
        let name = self.keyring.name(list);
        let events_of = secrets.events_of(position).unwrap_or_else(|| Rc::clone(&name));
        Ok(Match { secret_id: Rc::clone(&secret.id), list: name, events_of, event_id, identity, skew })
    }

    /// Decides, once the whole body was fed to [`Running::update`].
    pub(super) fn finish(&self, running: Running, body: &dyn HeldBody, now: UnixTime) -> Result<Match, Denial> {
        let Running { list, secrets, denied, pending } = running;
        match (self.scheme.finish(pending, body, self.context(&secrets, now)), denied) {
            (Ok(found), None) => self.matched(list, &secrets, found),
            (Err(denial), Some(denied)) if denial.is_lack_of_proof() => Err(denied),
            (Err(denial), _) => Err(for_lack_of_secrets(denial, &secrets)),
            (Ok(_), Some(denied)) => Err(denied),
        }
    }
}

/// The denial of a request that matches none of these secrets: if one is missing by our fault, the sender should try again.
fn for_lack_of_secrets(denial: Denial, secrets: &Secrets) -> Denial {
    match denial {
        Denial::SignatureMismatch | Denial::CredentialMismatch | Denial::SecretInactive if secrets.is_incomplete() => {
            Denial::SecretUnavailable
        }
        denial => denial,
    }
}

impl Running {
    /// Why it will be refused whatever the body is, if that is already known.
    pub(super) fn denial(&self) -> Option<Denial> {
        self.denied
    }

    /// How much heap memory it holds, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.pending.held_bytes()
    }

    /// Feeds more of the body.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.pending.update(bytes);
    }
}
