//! Why a request is refused.

macro_rules! denials {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $code:literal,)+) => {
        /// Why a request is refused: a flat, stable list.
        ///
        /// The [code](Denial::code) is the same text in the log, the metrics, filter state, the documentation and
        /// the test vectors. A denial carries no text of the request, no secret and no expected tag, so it may be
        /// printed anywhere inside. The caller never sees it.
        ///
        /// The order is the order of specificity: where one of several candidates or checks would have been
        /// enough, the greatest denial is the one reported.
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
    /// A secret of the source is missing in the environment, so that nothing can be proved.
    SourceClosed = "source_closed",
    /// More header lines than the filter reads.
    TooManyHeaders = "too_many_headers",
    /// The method is not one that the source takes.
    MethodNotAllowed = "method_not_allowed",
    /// The request has a query, and the source takes none.
    QueryNotAllowed = "query_not_allowed",
    /// The body is compressed or otherwise encoded in a way that the source does not take.
    ContentEncoding = "content_encoding",
    /// `Content-Length` is repeated or is not a number.
    ContentLengthInvalid = "content_length_invalid",
    /// The body is shorter or longer than `Content-Length` said.
    ContentLengthMismatch = "content_length_mismatch",
    /// The body, declared or counted, is larger than the source's `max_body_bytes`, or than a scheme reads whole.
    BodyTooLarge = "body_too_large",
    /// The sender began a request and sent no body for a long time.
    BodyTimeout = "body_timeout",
    /// Headers were held and the host never delivered the body: `allow_on_headers_stop_iteration` is missing.
    HoldUnsupported = "hold_unsupported",
    /// The host answered a call in a way that leaves the decision open.
    HostFailure = "host_failure",
    /// The request did not come over TLS, here or, where that is trusted, at the proxy in front.
    TransportInsecure = "transport_insecure",
    /// The TLS version of the connection is older than the source takes.
    TlsVersion = "tls_version",
    /// The client presented no certificate that the proxy verified.
    ClientCertificateMissing = "client_certificate_missing",
    /// The host does not tell the client's address, and the source decides by it.
    AddressMissing = "address_missing",
    /// The client's address is not one that the source takes.
    AddressDenied = "address_denied",
    /// Too many requests of this client's address could not be proved.
    FloodLimited = "flood_limited",
    /// `secrets_by` has no entry for what the request names.
    SecretUnknown = "secret_unknown",
    /// Every secret is before its `not_before` or after its `not_after`.
    SecretInactive = "secret_inactive",
    /// The credential is missing.
    CredentialMissing = "credential_missing",
    /// The credential stands more than once.
    CredentialDuplicated = "credential_duplicated",
    /// The credential is not of the form that the scheme asks for.
    CredentialMalformed = "credential_malformed",
    /// The credential matches no secret.
    CredentialMismatch = "credential_mismatch",
    /// The signature is missing, or there is none of the scheme's version.
    SignatureMissing = "signature_missing",
    /// The signature stands more than once.
    SignatureDuplicated = "signature_duplicated",
    /// No candidate is of the form, encoding and length that the scheme asks for.
    SignatureMalformed = "signature_malformed",
    /// More candidates in one request than the filter tries.
    SignatureExcess = "signature_excess",
    /// A header that is part of the signed content is missing.
    HeaderMissing = "header_missing",
    /// A header that is part of the signed content stands more than once.
    HeaderDuplicated = "header_duplicated",
    /// A header that is part of the signed content has a value that would let signed bytes move.
    HeaderMalformed = "header_malformed",
    /// A query, form or JSON value that the scheme needs is missing.
    FieldMissing = "field_missing",
    /// A query, form or JSON value that the scheme needs stands more than once.
    FieldDuplicated = "field_duplicated",
    /// A query, form or JSON value that the scheme needs is not of the form that the scheme asks for.
    FieldMalformed = "field_malformed",
    /// The body's type is not one that the scheme can read.
    ContentType = "content_type",
    /// The body is not the JSON or form that the scheme reads, has a key twice, or is too large or deep for it.
    BodyMalformed = "body_malformed",
    /// The token is not a JSON Web Token of the form that the scheme asks for.
    TokenMalformed = "token_malformed",
    /// The token's algorithm is not one that the scheme takes.
    TokenAlgorithm = "token_algorithm",
    /// The signature does not cover what it must: the body, the method, or the target.
    CoverageMissing = "coverage_missing",
    /// The signed timestamp is missing.
    TimestampMissing = "timestamp_missing",
    /// The signed timestamp stands more than once.
    TimestampDuplicated = "timestamp_duplicated",
    /// The signed timestamp is not strictly of the form that the sender writes.
    TimestampMalformed = "timestamp_malformed",
    /// No candidate is the signature of this request under any secret.
    SignatureMismatch = "signature_mismatch",
    /// Two values that the scheme wants equal are not.
    RequireMismatch = "require_mismatch",
    /// The signed digest is not that of the body.
    DigestMismatch = "digest_mismatch",
    /// A signed claim of the token is missing or is not what it must be.
    TokenClaim = "token_claim",
    /// The token is right and over, or older than it may be.
    TokenExpired = "token_expired",
    /// The token is right and not valid yet, or issued in the future.
    TokenEarly = "token_early",
    /// The signature is right and its timestamp is further in the past than the tolerance.
    TimestampStale = "timestamp_stale",
    /// The signature is right and its timestamp is further in the future than the tolerance.
    TimestampFuture = "timestamp_future",
    /// The request is proved and has no event id where one is configured.
    EventIdMissing = "event_id_missing",
    /// The request is proved, and the source's budget is spent.
    RateLimited = "rate_limited",
    /// The request is proved, and its event came before.
    Duplicate = "duplicate",
    /// The request is proved, and the memory of events is full.
    ReplayFull = "replay_full",
    /// The request is proved, and the memory of events does not answer.
    ReplayUnavailable = "replay_unavailable",
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
