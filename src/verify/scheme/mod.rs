//! The kinds of proof: one module each, behind the interface in `kind`. A scheme is data, which its kind interprets.
//!
//! Depends on all modules below it: `bytes`, `primitives`, `request`, `expression`, `key`. No kind depends on another.
//! To add one, write its module and name it in the list below; CONTRIBUTING.md has the other steps.

pub mod credential;
pub mod draft_cavage;
mod http;
pub mod jwt;
pub mod key_name;
mod kind;
pub mod message_signature;
#[cfg(not(target_family = "wasm"))]
pub mod native;
pub mod signature;
mod whole_body;

use std::time::Duration;

use crate::verify::denial::Denial;
use crate::verify::expression::Expression;
use crate::verify::identity::{Found, IdentityBasis, Unidentified};
use crate::verify::key::key_form::{KeyError, KeyForm};
use crate::verify::key::secret::Key;
use crate::verify::request::{HeadersRead, HeldBody, Request};
use credential::CredentialScheme;
use draft_cavage::HttpSignatureScheme;
pub use http::HttpSignatureError;
use jwt::JwtScheme;
use key_name::KeyName;
use kind::{AwaitsBody as _, Kind, Verifier};
pub(super) use kind::{Begun, Context, Head};
use message_signature::MessageSignatureScheme;
use signature::SignatureScheme;

/// Lists the kinds: each becomes a variant of the three enums and an arm of every match on them here.
macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $kind:ident($content:ty) is $scheme:ty, at $key:literal;)+) => {
        /// How a request is verified.
        #[derive(Clone, Debug)]
        pub enum Scheme {
            $($(#[doc = $meaning])+ $kind($content),)+
        }

        /// The kinds of proof, without their data.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum SchemeKind {
            $($(#[doc = $meaning])+ $kind,)+
        }

        impl SchemeKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The key of its object in a scheme that is written as JSON.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Self::$kind => $key,)+ }
            }
        }

        /// A verification that waits for the body.
        pub(super) enum Pending {
            $($kind(<$scheme as Verifier>::Pending),)+
        }

        impl Scheme {
            fn kind(&self) -> &dyn Kind {
                match self {
                    $(Scheme::$kind(scheme) => {
                        let scheme: &$scheme = scheme;
                        scheme
                    })+
                }
            }

            fn kind_mut(&mut self) -> &mut dyn Kind {
                match self {
                    $(Scheme::$kind(scheme) => {
                        let scheme: &mut $scheme = scheme;
                        scheme
                    })+
                }
            }

            /// Reads everything it needs from the head, and decides if that is enough.
            pub(super) fn begin(&self, head: Head<'_>, context: Context<'_>) -> Result<Begun<Pending>, Denial> {
                match self {
                    $(Scheme::$kind(scheme) => scheme.begin(head, context).map(|begun| match begun {
                        Begun::Found(found) => Begun::Found(found),
                        Begun::Pending(pending) => Begun::Pending(Pending::$kind(pending)),
                    }),)+
                }
            }

            /// Decides, once the whole body was fed to `pending`, which [`begin`](Self::begin) returned.
            pub(super) fn finish(
                &self,
                pending: Pending,
                body: &dyn HeldBody,
                context: Context<'_>,
            ) -> Result<Found, Denial> {
                match (self, pending) {
                    $((Scheme::$kind(scheme), Pending::$kind(pending)) => scheme.finish(pending, body, context),)+
                    _ => Err(Denial::HostFailure),
                }
            }

            /// The id of the key that the request names; see [`Verifier::named_key`].
            pub(super) fn named_key(
                &self,
                pending: &Pending,
                body: &dyn HeldBody,
                context: Context<'_>,
            ) -> Result<Option<Vec<u8>>, Denial> {
                match (self, pending) {
                    $((Scheme::$kind(scheme), Pending::$kind(pending)) => scheme.named_key(pending, body, context),)+
                    _ => Err(Denial::HostFailure),
                }
            }
        }

        impl Pending {
            /// Feeds more of the body.
            pub(super) fn update(&mut self, bytes: &[u8]) {
                match self { $(Pending::$kind(pending) => pending.update(bytes),)+ }
            }

            /// How much heap memory it holds, in bytes.
            pub(super) fn held_bytes(&self) -> usize {
                match self { $(Pending::$kind(pending) => pending.held_bytes(),)+ }
            }
        }
    };
}

kinds! {
    /// A signature over content that a template describes.
    Signature(Box<SignatureScheme>) is SignatureScheme, at "signature";
    /// A credential that is the secret itself.
    Credential(CredentialScheme) is CredentialScheme, at "credential";
    /// A JSON Web Token (RFC 7519) whose claims are bound to the request.
    Jwt(Box<JwtScheme>) is JwtScheme, at "jwt";
    /// HTTP Message Signatures (RFC 9421).
    MessageSignature(Box<MessageSignatureScheme>) is MessageSignatureScheme, at "message_signature";
    /// Signing HTTP Messages (draft-cavage-http-signatures).
    HttpSignature(Box<HttpSignatureScheme>) is HttpSignatureScheme, at "http_signature";
}

impl SchemeKind {
    /// The kind of a scheme that is written as JSON, from the keys that it has. A signature's parts are members of the
    /// scheme itself, so what has the key of no other kind is one.
    pub fn of(mut has: impl FnMut(&'static str) -> bool) -> Self {
        let mut others = Self::ALL.iter().copied().filter(|kind| *kind != Self::Signature);
        others.find(|kind| has(kind.key())).unwrap_or(Self::Signature)
    }
}

impl Scheme {
    /// Whether the signature covers the text of a compressed body, not its compressed bytes.
    #[must_use]
    pub fn is_signed_decoded(&self) -> bool {
        self.kind().is_signed_decoded()
    }

    /// Whether its keys are public. If so, the configuration calls them `keys` instead of `secrets`.
    #[must_use]
    pub fn takes_public_keys(&self) -> bool {
        self.kind().takes_public_keys()
    }

    /// Reads a key of this scheme from its pasted text.
    ///
    /// # Errors
    /// [`KeyError`], which contains no part of the text.
    pub fn key(&self, text: &str) -> Result<Key, KeyError> {
        self.kind().key(text)
    }

    /// Whether it verifies signatures that a host may be able to verify.
    #[must_use]
    pub fn is_known_to_hosts(&self) -> bool {
        self.kind().is_known_to_hosts()
    }

    /// How a pasted secret becomes the key; `None` where it is the secret as it is, and for public keys.
    #[must_use]
    pub fn key_form(&self) -> Option<&KeyForm> {
        self.kind().key_form().filter(|_| !self.takes_public_keys())
    }

    /// Whether two pasted texts are the same secret.
    #[must_use]
    pub fn is_same_key(&self, one: &str, other: &str) -> bool {
        match self.key_form() {
            Some(form) => form.is_same_key(one, other),
            None => one == other,
        }
    }

    /// How many bytes of key a pasted text decodes to; `None` if it is used as it is.
    #[must_use]
    pub fn key_len(&self, text: &str) -> Option<usize> {
        self.key_form()?.decoded_len(text)
    }

    /// Whether the decision waits for the body.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.kind().needs_body()
    }

    /// Whether the request's head has the proof of this scheme.
    #[must_use]
    pub fn is_presented(&self, request: Request<'_>) -> bool {
        self.kind().is_presented(request)
    }

    /// The headers that hold the proof.
    #[must_use]
    pub fn proof_headers(&self) -> Vec<&str> {
        self.kind().proof_headers()
    }

    /// The entries of the first set in the proof's header; empty if they are in the body or there are none.
    pub(super) fn entries(&self, request: Request<'_>) -> Vec<Vec<u8>> {
        self.kind().entries(request)
    }

    /// The headers that are still needed when the body is complete.
    pub(super) fn headers_read(&self) -> HeadersRead {
        self.kind().headers_read()
    }

    /// What an event can be identified by: `id`, if there is one and the proof covers it, the scheme's own id, or what
    /// was signed. `alone`: no other scheme can verify the same request.
    pub(super) fn identity_basis(&self, id: Option<&Expression>, alone: bool) -> Result<IdentityBasis, Unidentified> {
        self.kind().identity_basis(id, alone)
    }

    /// Makes `id` the event's id. [`identity_basis`](Self::identity_basis) must have returned a basis for it.
    pub(super) fn set_event_id(&mut self, id: &Expression) {
        self.kind_mut().set_event_id(id);
    }

    /// Says how requests name the key that signed them. `false` if this kind of proof has its own way, or none.
    pub fn set_key_name(&mut self, name: KeyName) -> bool {
        self.kind_mut().set_key_name(name)
    }

    /// Whether requests name the key that signed them.
    #[must_use]
    pub fn names_key(&self) -> bool {
        self.kind().names_key()
    }

    /// Whether an attacker who changes the request cannot change the event's id, if it has one.
    pub(super) fn id_is_protected(&self) -> bool {
        self.kind().id_is_protected()
    }

    /// Whether an event has the same identity under both schemes.
    pub(super) fn identifies_like(&self, other: &Self) -> bool {
        self.kind().event_identity().is_some_and(|own| other.kind().event_identity() == Some(own))
    }

    /// Whether a refusal should carry a challenge for basic authentication.
    #[must_use]
    pub fn wants_basic_challenge(&self) -> bool {
        self.kind().wants_basic_challenge()
    }

    /// The window of the scheme's own time, if it has one.
    #[must_use]
    pub fn tolerance(&self) -> Option<Duration> {
        self.kind().tolerance()
    }

    /// The same, mutable, for an override.
    pub fn tolerance_mut(&mut self) -> Option<&mut Duration> {
        self.kind_mut().tolerance_mut()
    }
}
