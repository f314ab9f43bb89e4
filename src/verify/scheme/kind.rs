//! The interface of a kind of proof: its properties, and how it verifies a request.

use std::time::Duration;

use crate::verify::bytes::challenge::ChallengeForm;
use crate::verify::denial::Denial;
use crate::verify::expression::Expression;
use crate::verify::expression::message::Message;
use crate::verify::identity::{Found, IdentityBasis, Unidentified};
use crate::verify::key::key_form::{KeyError, KeyForm};
use crate::verify::key::secret::Key;
use crate::verify::key::secrets::Secrets;
use crate::verify::primitives::public_key::Delegate;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::request::{HeadersRead, HeldBody, Occurrence, Request, Rereading};
use crate::verify::scheme::key_name::KeyName;

/// The properties of a kind of proof.
pub trait Kind {
    /// Whether its keys are public. If so, the configuration calls them `keys` instead of `secrets`.
    fn takes_public_keys(&self) -> bool;

    /// Reads a key from its pasted text.
    ///
    /// # Errors
    /// [`KeyError`], which contains no part of the text.
    fn key(&self, text: &str) -> Result<Key, KeyError>;

    /// How a pasted secret becomes the key; `None` if it is used unchanged.
    fn key_form(&self) -> Option<&KeyForm>;

    /// The headers that hold the proof.
    fn proof_headers(&self) -> Vec<&str>;

    /// Whether the request's head has the proof.
    fn is_presented(&self, request: Request<'_>) -> bool {
        self.proof_headers().iter().any(|name| request.header(name) != Occurrence::Missing)
    }

    /// The entries of the first set in the proof's header; empty if they are in the body or there are none.
    fn entries(&self, _request: Request<'_>) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// Whether the decision waits for the body.
    fn needs_body(&self) -> bool;

    /// Whether it verifies signatures that a host may be able to verify.
    fn is_known_to_hosts(&self) -> bool {
        false
    }

    /// Whether the signature covers the text of a compressed body, not its compressed bytes.
    fn is_signed_decoded(&self) -> bool {
        false
    }

    /// The headers that are still needed when the body is complete.
    fn headers_read(&self) -> HeadersRead;

    /// What an event can be identified by: `id`, if there is one and the proof covers it, the scheme's own id, or what
    /// was signed. `alone`: no other scheme can verify the same request.
    ///
    /// # Errors
    /// [`Unidentified`], if nothing identifies it.
    fn identity_basis(&self, id: Option<&Expression>, alone: bool) -> Result<IdentityBasis, Unidentified>;

    /// Makes `id` the event's id. [`identity_basis`](Self::identity_basis) must have returned a basis for it.
    fn set_event_id(&mut self, _id: &Expression) {}

    /// Says how requests name the key that signed them. `false` if this kind of proof has its own way, or none.
    fn set_key_name(&mut self, _name: KeyName) -> bool {
        false
    }

    /// Whether requests name the key that signed them.
    fn names_key(&self) -> bool {
        false
    }

    /// Whether an attacker who changes the request cannot change the event's id, if it has one.
    fn id_is_protected(&self) -> bool {
        false
    }

    /// What identifies the same event under another scheme; `None` if nothing does.
    fn event_identity(&self) -> Option<EventIdentity<'_>> {
        None
    }

    /// Whether a refusal should carry a challenge for basic authentication.
    fn wants_basic_challenge(&self) -> bool {
        false
    }

    /// The window of the scheme's own time, if it has one.
    fn tolerance(&self) -> Option<Duration>;

    /// The same, mutable, for an override.
    fn tolerance_mut(&mut self) -> Option<&mut Duration>;
}

/// What identifies an event, for comparison between schemes.
#[derive(PartialEq, Eq)]
pub enum EventIdentity<'a> {
    /// The sender's id of the event.
    Id,
    /// Content made by any of these templates.
    Content(&'a [Message]),
}

/// How a kind of proof verifies a request.
pub trait Verifier: Kind {
    /// What it keeps of the head while the body arrives.
    type Pending: AwaitsBody;

    /// Reads everything it needs from the head, and decides if that is enough.
    ///
    /// # Errors
    /// Why the request is refused.
    fn begin(&self, head: Head<'_>, context: Context<'_>) -> Result<Begun<Self::Pending>, Denial>;

    /// Decides, once the whole body was fed to `pending`. `body` is read again only if that is needed.
    ///
    /// # Errors
    /// Why the request is refused.
    fn finish(&self, pending: Self::Pending, body: &dyn HeldBody, context: Context<'_>) -> Result<Found, Denial>;

    /// The id of the key that the request names, as far as its form is right; `None` if it names none. `body`: as for
    /// [`finish`](Self::finish).
    ///
    /// # Errors
    /// Why the request is refused whatever the key is.
    fn named_key(
        &self,
        _pending: &Self::Pending,
        _body: &dyn HeldBody,
        _context: Context<'_>,
    ) -> Result<Option<Vec<u8>>, Denial> {
        Ok(None)
    }
}

/// A verification that waits for the body.
pub trait AwaitsBody {
    /// Feeds more of the body.
    fn update(&mut self, bytes: &[u8]);

    /// How much heap memory it holds, in bytes.
    fn held_bytes(&self) -> usize;
}

/// The head of a request, and what to keep of it.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// The head.
    pub request: Request<'a>,
    /// The headers to keep if the whole body is needed.
    pub headers_read: &'a HeadersRead,
    /// Whether the body can be read again at its end.
    pub rereading: Rereading,
}

/// What a request is verified against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The secrets, of which any may match.
    pub secrets: &'a Secrets,
    /// The time.
    pub now: UnixTime,
    /// What identifies the event.
    pub basis: IdentityBasis,
    /// The forms of challenges that are answered with a MAC: signed content of such a form verifies nothing.
    pub challenges: &'a [ChallengeForm],
    /// Who verifies the signatures of public keys, if not this crate all of them.
    pub delegate: Option<&'a Delegate>,
}

/// The outcome of the head alone.
pub enum Begun<P> {
    /// The head was enough.
    Found(Found),
    /// The rest depends on the body.
    Pending(P),
}
