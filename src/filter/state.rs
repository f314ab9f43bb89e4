//! What a request waits for.

use super::event_claim::EventClaim;
use super::handshake::Recognised;
use super::verification::Verification;
use super::verified_request::VerifiedRequest;

/// What a request waits for.
pub(super) enum State {
    /// The headers have not arrived.
    New,
    /// Waiting for the body.
    Verifying(Box<Verification>),
    /// The body is whole; waiting for a key that the sender publishes.
    AwaitingKey(Box<Verification>),
    /// Verified; waiting for the store that the fleet shares.
    Claiming(Box<VerifiedRequest>, EventClaim),
    /// Forwarded, and so is whatever follows. A claim waits for the upstream's response.
    Released(Option<EventClaim>),
    /// Forwarded; its claim is being given back, and the upstream's response is held until it is.
    GivingBack(EventClaim),
    /// A verified handshake; waiting for the call that confirms it.
    Confirming(Box<Recognised>),
    /// Refused, or answered here: nothing that follows is forwarded.
    Refused,
}

/// What is held until a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// The request, or what is left of it.
    Request,
    /// The response.
    Response,
}

/// A response of the upstream that has to wait for the store.
#[derive(Clone, Copy)]
pub(super) struct EarlyResponse {
    /// Its status, if the host reports it.
    pub status: Option<u16>,
    /// Whether the upstream made it, and not the host.
    pub is_upstreams: bool,
}

impl State {
    /// Whether the request was forwarded, and so is whatever follows.
    pub fn is_released(&self) -> bool {
        matches!(self, State::Released(_) | State::GivingBack(_))
    }

    /// What is held until the pending call is answered; `None` if no call is.
    pub fn pending(&self) -> Option<Pending> {
        match self {
            State::Claiming(..) | State::Confirming(_) => Some(Pending::Request),
            State::GivingBack(_) => Some(Pending::Response),
            State::New | State::Verifying(_) | State::AwaitingKey(_) | State::Released(_) | State::Refused => None,
        }
    }

    /// Whether the shared store is being asked.
    pub fn awaits_store(&self) -> bool {
        matches!(self, State::Claiming(..))
    }

    /// Whether the upstream's response decides about a claim.
    pub fn awaits_response(&self) -> bool {
        self.awaits_store() || matches!(self, State::Released(Some(_)))
    }

    /// Whether the end of the request matters, whether or not it was answered.
    pub fn awaits_end(&self) -> bool {
        let was_hashed = matches!(self, State::Verifying(verification) if verification.hashed() > 0);
        self.awaits_response() || was_hashed || self.awaits_key() || self.pending().is_some()
    }

    /// Whether a key is being fetched.
    pub fn awaits_key(&self) -> bool {
        matches!(self, State::AwaitingKey(_))
    }
}
