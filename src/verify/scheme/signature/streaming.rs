//! Content that is the body with text around it: the body streams through the hash and is never stored.

use crate::verify::bytes::challenge::ChallengeForm;
use crate::verify::bytes::inflate::{Coding, Inflater};
use crate::verify::denial::Denial;
use crate::verify::expression::Facts;
use crate::verify::expression::message::Frame;
use crate::verify::identity::{Found, Identity, IdentityBasis};
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::key::secret::{Key, Secret};
use crate::verify::primitives::mac::{HashAlgorithm, Hasher, Mac};
use crate::verify::primitives::public_key::{PublicAlgorithm, SignedContent};
use crate::verify::primitives::timestamp::{Timestamp, UnixTime};
use crate::verify::request::{HeldBody, MAX_KEPT, Rereading};
use crate::verify::scheme::kind::{AwaitsBody, Context, Head};
use crate::verify::scheme::signature::definition::SignatureScheme;
use crate::verify::scheme::signature::reading::{Reading, public_match, skew, tag_identity};

/// Everything that the body is fed to.
pub struct Streaming {
    /// How the body is compressed, if its text is signed.
    coding: Option<Coding>,
    /// Decompresses it. Created at the first byte, so that a head alone does not cost its memory.
    inflater: Option<Inflater>,
    attempts: Vec<Attempt>,
    /// The beginning of the text that is signed, as far as it could be that of a challenge.
    opening: Opening,
    event_id: Option<Vec<u8>>,
    basis: IdentityBasis,
    /// Whether the body can be read again at its end.
    rereading: Rereading,
    /// How long the body is so far, in bytes.
    len: usize,
}

/// The beginning of a text, as far as it could be that of a challenge.
struct Opening {
    text: Vec<u8>,
    /// How many more bytes a challenge could have.
    room: usize,
    /// Whether nothing was left out.
    is_whole: bool,
}

/// One reading of the request, while the body arrives.
struct Attempt {
    frame: Frame,
    candidates: Vec<Vec<u8>>,
    timestamp: Option<Timestamp>,
    /// The id of the key that the request names.
    key_id: Option<Vec<u8>>,
    /// The secrets that are tried while the body streams.
    running: Vec<RunningMac>,
    /// For public keys, which all sign the same digest.
    digest: Option<(PublicAlgorithm, Hasher)>,
    /// What identifies the content.
    content: Option<Hasher>,
}

/// A running MAC under one secret.
struct RunningMac {
    /// The secret's position.
    position: usize,
    mac: Mac,
}

/// A reading whose other secrets are tried if the body is read again.
struct Untried {
    frame: Frame,
    candidates: Vec<Vec<u8>>,
    timestamp: Option<Timestamp>,
    identity: Option<Identity>,
    macs: Vec<RunningMac>,
}

impl SignatureScheme {
    /// Reads everything needed from the head.
    pub(super) fn begin_streaming(&self, head: Head<'_>, context: Context<'_>) -> Result<Streaming, Denial> {
        let facts = Facts { request: Some(head.request), ..Facts::default() };
        // Published keys are needed at the end only, and may be there by then.
        let active = match context.secrets.active(context.now) {
            Err(Denial::KeyUnavailable) => Vec::new(),
            active => active?,
        };
        let tried_at_once = match head.rereading {
            Rereading::Possible => 1,
            Rereading::Impossible => usize::MAX,
        };
        let digest = match self.algorithm {
            SignatureAlgorithm::Public(algorithm) => algorithm.hash().map(|hash| (algorithm, hash)),
            SignatureAlgorithm::Hmac(_) | SignatureAlgorithm::Hash(_) => None,
        };
        let event_id = self.covered_event_id(&facts);
        let attempts = self.readings(&facts, |Reading { facts, message, candidates, timestamp, key_id }| {
            let frame = message.frame(&facts)?;
            let running = match digest {
                Some(_) => Vec::new(),
                None => {
                    let mut running = Vec::with_capacity(tried_at_once.min(active.len()));
                    let tried = active.iter().take(tried_at_once);
                    running.extend(tried.filter_map(|(at, secret)| RunningMac::start(*at, secret, &frame)));
                    running
                }
            };
            let started = |algorithm| {
                let mut hasher = Hasher::new(algorithm);
                hasher.update(&frame.before);
                hasher
            };
            let digest = digest.map(|(algorithm, hash)| (algorithm, started(hash)));
            let content = (context.basis == IdentityBasis::Content).then(|| started(HashAlgorithm::Sha256));
            Ok(Attempt { frame, candidates, timestamp, key_id, running, digest, content })
        })?;
        let coding = if self.is_signed_decoded { head.request.content_coding()? } else { None };
        let opening = Opening::before(context.challenges);
        let streaming = Streaming {
            coding,
            inflater: None,
            attempts,
            opening,
            event_id,
            basis: context.basis,
            rereading: head.rereading,
            len: 0,
        };
        if streaming.framed_bytes() > MAX_KEPT { Err(Denial::TooManyHeaders) } else { Ok(streaming) }
    }

    /// The id of the key that the request names, if it names one.
    pub(super) fn key_of_streaming(&self, streaming: &Streaming, now: UnixTime) -> Result<Option<Vec<u8>>, Denial> {
        let first = streaming.attempts.first().ok_or(Denial::SignatureMissing)?;
        self.key_of_reading(first.key_id.as_ref(), first.timestamp, now)
    }

    /// Decides, once the whole body was fed to `streaming`.
    pub(super) fn finish_streaming(
        &self,
        streaming: Streaming,
        body: &dyn HeldBody,
        context: Context<'_>,
    ) -> Result<Found, Denial> {
        let Streaming { coding, inflater, attempts, opening, event_id, basis, rereading, len } = streaming;
        let is_held = coding.is_none() && rereading == Rereading::Possible;
        // Without an inflater there was no body, and an empty text is complete.
        inflater.map_or(Ok(()), Inflater::finish)?;
        let mut worst = Denial::SignatureMismatch;
        let mut untried = Vec::new();
        for attempt in attempts {
            let Attempt { frame, candidates, timestamp, key_id, running, digest, content } = attempt;
            if opening.is_challenge(&frame, context.challenges) {
                continue;
            }
            let identity = match content {
                Some(mut content) => {
                    content.update(&frame.after);
                    Some(Identity::of_digest(&content.finish())?)
                }
                None => tag_identity(basis, &candidates)?,
            };
            let found = match digest {
                Some((algorithm, mut digest)) => {
                    digest.update(&frame.after);
                    let text = if is_held { text_for_host(&frame, body, len, context) } else { None };
                    let (digest, text) = (digest.finish(), text.as_deref());
                    let content = SignedContent::of_digest(algorithm, digest, text, context.delegate);
                    public_match(&content, &candidates, key_id.as_deref(), context)?
                }
                None => {
                    let tried: Vec<usize> = running.iter().map(|running| running.position).collect();
                    let found = first_match(running, &frame, &candidates);
                    if found.is_none() {
                        let others = context.secrets.active(context.now)?.into_iter();
                        let others = others.filter(|(at, _)| !tried.contains(at));
                        let macs = others.filter_map(|(at, secret)| RunningMac::start(at, secret, &frame)).collect();
                        untried.push(Untried { frame, candidates, timestamp, identity: identity.clone(), macs });
                    }
                    found
                }
            };
            match self.fresh(found, timestamp, context.now) {
                Ok(Some(position)) => {
                    return Ok(Found { position, event_id, identity, skew: skew(timestamp, context.now) });
                }
                Ok(None) => {}
                Err(denial) => worst = worst.max(denial),
            }
        }
        if untried.iter().any(|reading| !reading.macs.is_empty()) {
            let mut feed = |bytes: &[u8]| {
                untried.iter_mut().flat_map(|reading| &mut reading.macs).for_each(|running| running.mac.update(bytes));
            };
            // Decompression succeeded the first time.
            match coding.map(Inflater::new) {
                Some(mut inflater) => body.replay(&mut |bytes| inflater.update(bytes, &mut feed))?,
                None => body.replay(&mut feed)?,
            }
        }
        for Untried { frame, candidates, timestamp, identity, macs } in untried {
            match self.fresh(first_match(macs, &frame, &candidates), timestamp, context.now) {
                Ok(Some(position)) => {
                    return Ok(Found { position, event_id, identity, skew: skew(timestamp, context.now) });
                }
                Ok(None) => {}
                Err(denial) => worst = worst.max(denial),
            }
        }
        Err(worst)
    }
}

impl Streaming {
    /// How much of the head is signed around the body, in bytes. Each reading of the request has its own.
    fn framed_bytes(&self) -> usize {
        let framed = |attempt: &Attempt| attempt.frame.before.len().saturating_add(attempt.frame.after.len());
        self.attempts.iter().map(framed).fold(0, usize::saturating_add)
    }

    /// How much memory what is kept of the head takes, in bytes.
    fn kept_bytes(&self) -> usize {
        let kept = |attempt: &Attempt| {
            let framed = attempt.frame.before.capacity().saturating_add(attempt.frame.after.capacity());
            let candidates = attempt.candidates.iter().map(|tag| tag.capacity().saturating_add(size_of::<Vec<u8>>()));
            let key_id = attempt.key_id.as_ref().map_or(0, Vec::capacity);
            candidates.fold(framed.saturating_add(key_id), usize::saturating_add)
        };
        let id = self.event_id.as_ref().map_or(0, Vec::capacity).saturating_add(self.opening.text.capacity());
        self.attempts.iter().map(kept).fold(id, usize::saturating_add)
    }
}

impl AwaitsBody for Streaming {
    fn update(&mut self, bytes: &[u8]) {
        let Self { coding, inflater, attempts, opening, len, .. } = self;
        *len = len.saturating_add(bytes.len());
        match coding {
            Some(_) if bytes.is_empty() => {}
            Some(coding) => {
                let inflater = inflater.get_or_insert_with(|| Inflater::new(*coding));
                inflater.update(bytes, &mut |text| {
                    opening.update(text);
                    feed(attempts, text);
                });
            }
            None => {
                opening.update(bytes);
                feed(attempts, bytes);
            }
        }
    }

    fn held_bytes(&self) -> usize {
        let attempts = self.attempts.capacity().saturating_mul(size_of::<Attempt>());
        let running = self.attempts.iter().map(Attempt::held_bytes).fold(0, usize::saturating_add);
        let inflater = self.inflater.as_ref().map_or(0, Inflater::held_bytes);
        self.kept_bytes().saturating_add(attempts).saturating_add(running).saturating_add(inflater)
    }
}

impl Attempt {
    /// Bytes of memory that its hashes hold.
    fn held_bytes(&self) -> usize {
        let digests = self.digest.iter().map(|(_, digest)| digest).chain(&self.content).map(Hasher::held_bytes);
        let macs = self.running.iter().map(|running| running.mac.held_bytes());
        let own = self.running.capacity().saturating_mul(size_of::<RunningMac>());
        digests.chain(macs).fold(own, usize::saturating_add)
    }
}

impl Opening {
    /// An empty one, for these forms of challenges.
    fn before(challenges: &[ChallengeForm]) -> Self {
        Self {
            text: Vec::new(),
            room: challenges.iter().map(ChallengeForm::max_len).max().unwrap_or(0),
            is_whole: true,
        }
    }

    fn update(&mut self, text: &[u8]) {
        match self.room.checked_sub(text.len()) {
            Some(room) if self.is_whole => {
                self.text.extend_from_slice(text);
                self.room = room;
            }
            _ => *self = Self { text: Vec::new(), room: 0, is_whole: false },
        }
    }

    /// Whether all that is signed has the form of a challenge.
    fn is_challenge(&self, frame: &Frame, challenges: &[ChallengeForm]) -> bool {
        let signed = || [frame.before.as_slice(), &self.text, &frame.after].concat();
        let is_short = self.is_whole && !challenges.is_empty();
        is_short && challenges.iter().any(|form| form.admits(&signed()))
    }
}

/// All that is signed, if a host is to verify the signature: the body of `len` bytes is read a second time.
fn text_for_host(frame: &Frame, body: &dyn HeldBody, len: usize, context: Context<'_>) -> Option<Vec<u8>> {
    let size = frame.before.len().saturating_add(len).saturating_add(frame.after.len());
    if !context.delegate?.asks_about(size) {
        return None;
    }
    let mut text = Vec::with_capacity(size);
    text.extend_from_slice(&frame.before);
    body.replay(&mut |bytes| text.extend_from_slice(bytes)).ok()?;
    text.extend_from_slice(&frame.after);
    // What was hashed is what counts.
    (text.len() == size).then_some(text)
}

impl RunningMac {
    /// A MAC under `secret` over what precedes the body.
    fn start(position: usize, secret: &Secret, frame: &Frame) -> Option<Self> {
        match &secret.key {
            Key::Mac(key) => {
                let mut mac = key.begin();
                mac.update(&frame.before);
                Some(Self { position, mac })
            }
            _ => None,
        }
    }
}

/// Feeds more of what is signed.
fn feed(attempts: &mut [Attempt], bytes: &[u8]) {
    for attempt in attempts {
        attempt.running.iter_mut().for_each(|running| running.mac.update(bytes));
        if let Some((_, digest)) = &mut attempt.digest {
            digest.update(bytes);
        }
        if let Some(content) = &mut attempt.content {
            content.update(bytes);
        }
    }
}

fn first_match(macs: Vec<RunningMac>, frame: &Frame, candidates: &[Vec<u8>]) -> Option<usize> {
    macs.into_iter().find_map(|RunningMac { position, mut mac }| {
        mac.update(&frame.after);
        mac.matches_any(candidates).then_some(position)
    })
}
