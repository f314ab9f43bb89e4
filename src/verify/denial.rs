//! Why a request is refused.

macro_rules! denials {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $code:literal,)+) => {
        /// Why a request is refused: a flat, stable list.
        ///
        /// The [code](Denial::code) is the same text in the log, the metrics, filter state, the documentation and
        /// the test vectors. A denial carries no text of the request, no secret and no expected tag, so it may be
        /// printed anywhere inside. The caller never sees it.
        ///
        /// Ordered by specificity: if any one of several candidates or checks would have been enough, the greatest
        /// denial is reported.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Denial {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl Denial {
            /// Every denial, in order.
            pub const ALL: &'static [Denial] = &[$(Denial::$variant,)+];

            /// The stable code, in `snake_case`.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Denial::$variant => $code,)+ }
            }

            /// What it means, in a sentence or two; the table in the documentation is made of these.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Denial::$variant => concat!($($meaning,)+),)+ }
            }
        }
    };
}

denials! {
    /// No source matches the host and the path.
    Unmatched = "unmatched",
    /// The host or the path can be read in more than one way, and some reading is another source's.
    AmbiguousPath = "ambiguous_path",
    /// The source's mode is `disabled`.
    SourceDisabled = "source_disabled",
    /// A secret of the source is missing in the environment or unusable, so that nothing can be verified.
    SourceClosed = "source_closed",
    /// The request has more header lines than the filter reads, or the headers that the proof needs are too large.
    TooManyHeaders = "too_many_headers",
    /// The source does not accept this method.
    MethodNotAllowed = "method_not_allowed",
    /// The request has a query, which the source does not accept.
    QueryNotAllowed = "query_not_allowed",
    /// The body is compressed, or encoded in another way that the source does not accept.
    ContentEncoding = "content_encoding",
    /// `Content-Length` is repeated or is not a number.
    ContentLengthInvalid = "content_length_invalid",
    /// The body is shorter or longer than its `Content-Length`.
    ContentLengthMismatch = "content_length_mismatch",
    /// The body's declared or actual size is over the source's `max_body_bytes`, or over what a scheme can read whole.
    BodyTooLarge = "body_too_large",
    /// The compressed body expands far more than any sender's does.
    BodyInflation = "body_inflation",
    /// The sender began a request and sent no body for a long time.
    BodyTimeout = "body_timeout",
    /// Headers were held and the host never delivered the body: `allow_on_headers_stop_iteration` is missing.
    HoldUnsupported = "hold_unsupported",
    /// The host failed a call that the decision depends on.
    HostFailure = "host_failure",
    /// Requests that are not verified yet hold all the memory that they may, or all that this source may:
    /// `max_held_bytes`.
    MemoryExhausted = "memory_exhausted",
    /// The request did not come over TLS, here or, where that is trusted, at the proxy in front.
    TransportInsecure = "transport_insecure",
    /// The TLS version of the connection is older than the source accepts.
    TlsVersion = "tls_version",
    /// The client presented no certificate that the proxy verified.
    ClientCertificateMissing = "client_certificate_missing",
    /// The host does not report the client's address, which the source needs.
    AddressMissing = "address_missing",
    /// The source does not accept the client's address.
    AddressDenied = "address_denied",
    /// Too many requests from this client's address failed verification.
    FloodLimited = "flood_limited",
    /// `secrets_by` or `keys_by` has no entry for what the request names.
    SecretUnknown = "secret_unknown",
    /// Every secret is before its `not_before` or after its `not_after`.
    SecretInactive = "secret_inactive",
    /// The sender publishes its keys, and the one that the request names is not among them.
    KeyUnknown = "key_unknown",
    /// The credential is missing.
    CredentialMissing = "credential_missing",
    /// The credential is repeated.
    CredentialDuplicated = "credential_duplicated",
    /// The credential does not have the form that the scheme requires.
    CredentialMalformed = "credential_malformed",
    /// The credential matches no secret.
    CredentialMismatch = "credential_mismatch",
    /// The signature is missing, or none has the scheme's version.
    SignatureMissing = "signature_missing",
    /// The signature is repeated.
    SignatureDuplicated = "signature_duplicated",
    /// No candidate has the form, encoding and length that the scheme requires.
    SignatureMalformed = "signature_malformed",
    /// The request has more candidates than the filter tries.
    SignatureExcess = "signature_excess",
    /// A header that is part of the signed content is missing.
    HeaderMissing = "header_missing",
    /// A header that is part of the signed content is repeated.
    HeaderDuplicated = "header_duplicated",
    /// The value of a header that is part of the signed content would let bytes move between signed values.
    HeaderMalformed = "header_malformed",
    /// A query, form or JSON value that the scheme needs is missing.
    FieldMissing = "field_missing",
    /// A query, form or JSON value that the scheme needs is repeated.
    FieldDuplicated = "field_duplicated",
    /// A query, form or JSON value does not have the form that the scheme requires.
    FieldMalformed = "field_malformed",
    /// The scheme cannot read a body of this type.
    ContentType = "content_type",
    /// The body is not the JSON or form that the scheme reads, has a duplicate key, or is too large or too deep.
    BodyMalformed = "body_malformed",
    /// The token is not a JSON Web Token of the form that the scheme requires.
    TokenMalformed = "token_malformed",
    /// The scheme does not accept the token's algorithm.
    TokenAlgorithm = "token_algorithm",
    /// The signature does not cover everything that it must: the body, the method, or the target.
    CoverageMissing = "coverage_missing",
    /// The signed timestamp is missing.
    TimestampMissing = "timestamp_missing",
    /// The signed timestamp is repeated.
    TimestampDuplicated = "timestamp_duplicated",
    /// The signed timestamp does not have exactly the form that the sender writes.
    TimestampMalformed = "timestamp_malformed",
    /// No candidate is a valid signature of this request under any secret.
    SignatureMismatch = "signature_mismatch",
    /// Two values that the scheme requires to be equal differ.
    RequireMismatch = "require_mismatch",
    /// The signed digest does not match the body.
    DigestMismatch = "digest_mismatch",
    /// A signed claim of the token is missing or has the wrong value.
    TokenClaim = "token_claim",
    /// The token's signature is valid, but it has expired or is too old.
    TokenExpired = "token_expired",
    /// The token's signature is valid, but it is not valid yet or was issued in the future.
    TokenEarly = "token_early",
    /// The signature is valid, but its timestamp is further in the past than the tolerance allows.
    TimestampStale = "timestamp_stale",
    /// The signature is valid, but its timestamp is further in the future than the tolerance allows.
    TimestampFuture = "timestamp_future",
    /// The request is a handshake, but its token does not have the sender's form.
    HandshakeMalformed = "handshake_malformed",
    /// The request is a handshake, but what it names is not in the source's `handshake`.
    HandshakeMismatch = "handshake_mismatch",
    /// The request is verified, but has no event id although one is configured.
    EventIdMissing = "event_id_missing",
    /// The keys that the sender publishes, or the one that the request names, cannot be had: nothing can be verified.
    KeyUnavailable = "key_unavailable",
    /// A live secret is absent, unusable or too old: none of a check is there, or the request matches none of those that are.
    SecretUnavailable = "secret_unavailable",
    /// The request is verified, but the source's budget is spent.
    RateLimited = "rate_limited",
    /// The request is verified, but its event was seen before.
    Duplicate = "duplicate",
    /// The request is verified, but the memory of events is full.
    ReplayFull = "replay_full",
    /// The request is verified, but the memory of events does not respond.
    ReplayUnavailable = "replay_unavailable",
    /// The request is a verified handshake, but the call that confirms it failed.
    HandshakeUnconfirmed = "handshake_unconfirmed",
}

impl Denial {
    /// Whether verification failed. All such denials get the same answer; every other denial has an answer of its own.
    #[must_use]
    pub fn is_lack_of_proof(self) -> bool {
        (Denial::SecretUnknown..=Denial::EventIdMissing).contains(&self)
    }
}

impl Denial {
    /// The denial for a missing or repeated value that is the signature.
    pub(super) fn as_signature(self) -> Self {
        match self {
            Denial::HeaderMissing | Denial::FieldMissing => Denial::SignatureMissing,
            Denial::HeaderDuplicated | Denial::FieldDuplicated => Denial::SignatureDuplicated,
            Denial::FieldMalformed => Denial::SignatureMalformed,
            other => other,
        }
    }

    /// The denial for a missing or repeated value that is the signed timestamp.
    pub(super) fn as_timestamp(self) -> Self {
        match self {
            Denial::HeaderMissing | Denial::FieldMissing | Denial::SignatureMissing => Denial::TimestampMissing,
            Denial::HeaderDuplicated | Denial::FieldDuplicated | Denial::SignatureDuplicated => {
                Denial::TimestampDuplicated
            }
            Denial::FieldMalformed | Denial::SignatureMalformed => Denial::TimestampMalformed,
            other => other,
        }
    }
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
