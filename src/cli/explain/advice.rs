//! What to do about a refusal that has nothing to do with the proof.

use hookwarden::verify::Denial;

use super::suspects::{Finding, Mistake};

/// What a refusal means and what to do about it. `names`: the variables that are missing, or the paths that are wanted.
pub fn of(denial: Denial, names: Vec<String>) -> Option<Finding> {
    let list = names.join(", ");
    let meaning = denial.meaning().trim().to_owned();
    let (code, sentence, advice) = match denial {
        Denial::Unmatched => (
            "unmatched",
            format!("No source matches this host and path. Configured paths: {list}."),
            "Compare the host and path with \"match\" of the intended source.",
        ),
        Denial::AmbiguousPath => (
            "path_readings",
            meaning,
            "Have the sender call the host and path exactly as configured: same case, no trailing slash, no unnecessary escapes.",
        ),
        Denial::SourceDisabled => ("source_disabled", meaning, "Set \"mode\" back when the incident is over."),
        Denial::SourceClosed => (
            "secret_missing",
            format!(
                "The environment lacks {}: nothing can be verified, and every request gets 503.",
                if list.is_empty() { "a secret" } else { &list }
            ),
            "Set the variable for Envoy's process and name it in vm_config.environment_variables.host_env_keys; here, give --env-file or set it.",
        ),
        Denial::SecretUnavailable | Denial::KeyUnavailable => (
            "secret_not_given",
            "The secrets or keys of this source are live: Envoy, a service or the sender holds them, and nothing is fetched here."
                .to_owned(),
            "Give them with --secret-env NAME or --secret-file FILE, once for all or once for each live secret of the \
             configuration in its order. In the filter this denial means that none was there: its log says which, and why.",
        ),
        Denial::MethodNotAllowed => (
            "method_not_allowed",
            meaning,
            "Have the sender use another method, or add it to \"methods\" of the source.",
        ),
        Denial::QueryNotAllowed => (
            "query_not_allowed",
            meaning,
            "Take the query out of the URL at the sender, or take \"query\": \"deny\" out of the source.",
        ),
        Denial::ContentEncoding => (
            "content_encoding",
            meaning,
            "Have the sender send the body uncompressed, or add the coding to \"content_encodings\" if the sender signs the compressed bytes.",
        ),
        Denial::ContentLengthMismatch => (
            "content_length_mismatch",
            meaning,
            "If the body was saved with an editor, save it again byte by byte; if it was cut or re-encoded on its way, check what is in front of hookwarden.",
        ),
        Denial::ContentLengthInvalid => {
            ("content_length_invalid", meaning, "Look at the sender, or at what rewrites its requests.")
        }
        Denial::BodyTooLarge => (
            "body_too_large",
            meaning,
            "Raise \"max_body_bytes\" if such bodies are meant, and Envoy's buffer limit with it.",
        ),
        Denial::BodyInflation => (
            "body_inflation",
            meaning,
            "If the sender really sends such events, let it send them uncompressed or in smaller batches.",
        ),
        Denial::TransportInsecure => (
            "transport_insecure",
            meaning,
            "Have the sender call https://; where TLS ends at a proxy in front, configure \"insecure_trust_forwarded_proto\".",
        ),
        Denial::TlsVersion => {
            ("tls_version", meaning, "Have the sender use a newer TLS, or lower \"min_tls\" of the source.")
        }
        Denial::ClientCertificateMissing => (
            "client_certificate_missing",
            meaning,
            "Have Envoy's listener request a client certificate, and the sender present one.",
        ),
        Denial::AddressDenied => (
            "address_denied",
            meaning,
            "Compare the address with \"allow_from\" and \"deny_from\". If it is a proxy's, set use_remote_address and xff_num_trusted_hops.",
        ),
        Denial::AddressMissing => ("address_missing", meaning, "Say the address with --client-address."),
        Denial::EventIdMissing => ("event_id_missing", meaning, "Check \"replay.id\": the request has no such value."),
        Denial::SecretUnknown => (
            "secret_unknown",
            meaning,
            "Compare the header or path segment with the names under secrets_by or keys_by; add the new one.",
        ),
        Denial::SecretInactive => (
            "secret_inactive",
            meaning,
            "Compare not_before and not_after with the time of arrival; a rotation was not finished.",
        ),
        Denial::SignatureMalformed => (
            "signature_malformed",
            meaning,
            "Compare what is expected with what is here: the provider is another one (SHA-1 for SHA-256, hexadecimal for base64), the value was \
             cut, or the sender changed its scheme.",
        ),
        Denial::CredentialMalformed => (
            "credential_malformed",
            meaning,
            "The wrong kind of Authorization, or base64 that is broken: compare with what is expected.",
        ),
        Denial::TimestampMalformed => (
            "timestamp_malformed",
            meaning,
            "Compare the timestamp with the unit that is expected; it may be a placeholder or have another format.",
        ),
        Denial::TokenMalformed => {
            ("token_malformed", meaning, "Either the provider is wrong, or the token was cut or changed on its way.")
        }
        Denial::CoverageMissing => (
            "coverage_missing",
            meaning,
            "Have the sender sign the components that are expected: the body's digest, the method, the target.",
        ),
        Denial::TimestampStale | Denial::TimestampFuture => (
            denial.code(),
            meaning,
            "Send the request when it is signed, compare the clocks, or widen \"tolerance\" of the check.",
        ),
        Denial::TooManyHeaders => {
            ("too_many_headers", meaning, "Have the sender, or what is in front of hookwarden, send fewer headers: the limit is fixed.")
        }
        _ => (denial.code(), meaning, "See docs/denials.md."),
    };
    let mistake = Mistake { code, sentence, advice: advice.to_owned() };
    // What the filter itself found is certain; the reason why a proof fails is a guess.
    let is_certain = !matches!(super::walk::step_of(denial), "proof" | "match");
    Some(Finding { mistakes: vec![mistake], secret: None, is_certain, source: None })
}
