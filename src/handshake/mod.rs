//! Handshakes: the requests by which a sender checks an endpoint before, or while, it sends events.
//!
//! How a sender's handshakes look is data: `handshake` in its provider file, or beside a scheme of one's own. A source takes
//! part only where it is configured to. Then a handshake is recognised by its method and by values of its head or body, its
//! token is checked against a closed alphabet, and the response is made from that token alone, or from a MAC or a hash of it.
//!
//! Most senders do not sign a handshake, so a stranger can make one. What a stranger can get out of it:
//!
//! - an echo of a short text without markup, as `text/plain` or `application/json`, with `nosniff`;
//! - a MAC under the source's secret of a text that the source accepts as no event ([`ChallengeForm`]);
//! - nothing at all where the sender knows a token that was configured on both sides.

mod answer;
mod confirmation;
mod exchange;
mod rule;
mod token;

pub use crate::verify::bytes::challenge::{Alphabet, ChallengeForm};
pub use answer::{AnswerRule, ContentType, Piece, Response, Template};
pub use confirmation::{Confirmation, ConfirmationRule};
pub use exchange::{Begun, Decision, Handshakes, MAX_PROBE_BODY, Probe};
pub use rule::{Action, Computation, Condition, Configured, Function, Handshake, ProofRule};
pub use token::{MAX_TOKEN, TokenRule};
