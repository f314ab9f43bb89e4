//! What is known of one handshake of a sender.

use super::answer::{AnswerRule, Template};
use super::confirmation::ConfirmationRule;
use super::token::{MAX_TOKEN, TokenRule};
use crate::verify::bytes::challenge::ChallengeForm;
use crate::verify::bytes::encoding::Encoding;
use crate::verify::expression::message::Message;
use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::primitives::token::TokenDigest;
use crate::verify::{Denial, Requirement};

/// One handshake of a sender, as a source takes part in it.
#[derive(Debug)]
pub struct Handshake {
    /// The methods that it may have.
    pub methods: Vec<String>,
    /// Whether it is signed.
    pub proof: ProofRule,
    /// What distinguishes it from an event.
    pub when: Vec<Condition>,
    /// All members that its body, a JSON object, may have.
    pub only: Option<Vec<String>>,
    /// The text that the sender wants to see again.
    pub token: Option<TokenRule>,
    /// What must be as it is configured.
    pub require: Vec<Configured>,
    /// The status if that is not so, where the sender expects a certain one.
    pub refusal: Option<u16>,
    /// What is computed from the token.
    pub computation: Option<Computation>,
    /// What is done.
    pub action: Action,
    /// The check that it belongs to: its group in the requirement, and its place there.
    pub check: (usize, usize),
}

/// Whether a handshake is signed.
#[derive(Debug)]
pub enum ProofRule {
    /// It is not.
    Unsigned,
    /// It is signed like an event: the source's checks must verify it.
    Signed,
    /// It is signed with a key that everybody knows, by this requirement.
    PublicKey(Box<Requirement>),
}

/// What is done with a handshake.
#[derive(Debug)]
pub enum Action {
    /// It is answered here.
    Answer(AnswerRule),
    /// It is forwarded to the upstream, marked.
    Forward,
    /// The subscription is confirmed by a call.
    Confirm(ConfirmationRule),
    /// A configured value is missing in the environment: it is answered with 503.
    Closed,
}

/// A value that is one of several texts.
#[derive(Debug)]
pub struct Condition {
    /// The value.
    pub value: Message,
    /// The texts.
    pub texts: Vec<Vec<u8>>,
}

/// A value that must be one of those that are configured. They may be secrets: they are compared in constant time.
#[derive(Debug)]
pub struct Configured {
    /// The value.
    pub value: Message,
    /// Digests of what is configured.
    pub accepted: Vec<TokenDigest>,
}

/// What is computed from the token.
#[derive(Debug)]
pub struct Computation {
    /// How.
    pub function: Function,
    /// From what text.
    pub of: Template,
    /// How the result is written.
    pub encoding: Encoding,
}

/// How something is computed from the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// The MAC of the check's scheme, under the first secret that is valid.
    Mac,
    /// A plain hash.
    Hash(HashAlgorithm),
}

impl Handshake {
    /// Whether it can be told from the head alone.
    #[must_use]
    pub fn is_in_head(&self) -> bool {
        let confirms = matches!(self.action, Action::Confirm(_));
        self.is_unsigned() && !self.reads_body() && !confirms
    }

    /// Whether anything in the body distinguishes it.
    pub(super) fn reads_body(&self) -> bool {
        self.only.is_some()
            || self.when.iter().any(|condition| condition.value.needs_body())
            || self.require.iter().any(|configured| configured.value.needs_body())
            || self.token.as_ref().is_some_and(|token| token.at.needs_body())
    }

    /// Whether nothing but its method distinguishes it from an event, and its proof does not either.
    #[must_use]
    pub fn is_whole_method(&self) -> bool {
        let has_own_key = matches!(self.proof, ProofRule::PublicKey(_));
        self.when.is_empty() && self.only.is_none() && self.token.is_none() && self.require.is_empty() && !has_own_key
    }

    /// Whether strangers can make one.
    #[must_use]
    pub fn is_unsigned(&self) -> bool {
        matches!(self.proof, ProofRule::Unsigned)
    }

    /// The form of the texts of which it gives away MACs; `None` if it makes none.
    #[must_use]
    pub fn challenge_form(&self) -> Option<ChallengeForm> {
        let computation = self.computation.as_ref().filter(|computation| computation.function == Function::Mac)?;
        let token = self.token.as_ref()?;
        let (alphabet, min, max) = (token.alphabet, token.min, token.max.min(MAX_TOKEN));
        let prefix = computation.of.before_token()?;
        alphabet.is_safe_to_sign().then_some(ChallengeForm { prefix, alphabet, min, max })
    }

    /// The denial for a handshake whose configured values do not agree.
    pub(super) fn mismatch() -> Denial {
        Denial::HandshakeMismatch
    }
}
