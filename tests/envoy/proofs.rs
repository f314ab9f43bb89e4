//! Nearly valid proofs: in other spellings, truncated, extended, moved, stale, of another scheme.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::client::{BOTH, Protocol};
use crate::harness::senders::{self, BASIC, BEARER, GITHUB, SERVICESTACK, SHOPIFY, SLACK, STANDARD_WEBHOOKS, STRIPE};
use crate::harness::setups::FILTER_HOLDS;

const BODY: &[u8] = b"{\"proofs\":1}";

#[test]
fn denies_hexadecimal_that_is_not_exactly_the_tag() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let request = GITHUB.valid(BODY);
    let tag = request.header_text("X-Hub-Signature-256").trim_start_matches("sha256=").to_owned();
    let variants = [
        "".to_owned(),
        tag[..62].to_owned(),
        tag[..63].to_owned(),
        tag[..32].to_owned(),
        tag[..2].to_owned(),
        format!("{tag}00"),
        format!("{tag}0"),
        format!("{tag}{tag}"),
        format!("0x{tag}"),
        format!(" {tag}"),
        format!("{} {}", &tag[..32], &tag[32..]),
        format!("{}g", &tag[..63]),
        format!("{tag},"),
        format!("{tag}\t{tag}"),
        format!("{tag}, sha256={tag}"),
        format!("sha256={tag}"),
    ];
    for protocol in BOTH {
        for variant in &variants {
            let request = request.clone().replacing("X-Hub-Signature-256", format!("sha256={variant}"));
            proxy.denies(protocol, &request, "github", "signature_malformed");
        }
        for label in ["", "sha1=", "sha512=", "sha256", "sha256:", "sha256 =", "=", "v1="] {
            let request = request.clone().replacing("X-Hub-Signature-256", format!("{label}{tag}"));
            proxy.denies(protocol, &request, "github", "signature_malformed");
        }
    }
    // Well-formed, but another tag.
    for position in [0, 31, 63] {
        let mut other = tag.clone().into_bytes();
        other[position] = if other[position] == b'0' { b'1' } else { b'0' };
        let other = [b"sha256=", other.as_slice()].concat();
        let request = request.clone().replacing("X-Hub-Signature-256", other);
        proxy.denies(Protocol::Http1, &request, "github", "signature_mismatch");
    }
}

#[test]
fn denies_base64_that_is_not_canonical() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    // A tag with both + and / in its encoding, so that it differs in the URL-safe alphabet.
    let (request, tag) = (0..)
        .map(|i| SHOPIFY.valid(format!("{i}").as_bytes()))
        .map(|request| (request.clone(), request.header_text("X-Shopify-Hmac-Sha256").to_owned()))
        .find(|(_, tag)| tag.contains('+') && tag.contains('/'))
        .expect("a tag with both");
    // 32 bytes leave two bits of the last digit unused; any but 00 there is not canonical.
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = ALPHABET.iter().position(|b| *b == tag.as_bytes()[42]).expect("a digit");
    let stray = format!("{}{}=", &tag[..42], char::from(ALPHABET[digit | 1]));
    let variants = [
        "".to_owned(),
        "=".to_owned(),
        tag.trim_end_matches('=').to_owned(),
        format!("{tag}="),
        format!("{tag}===="),
        stray,
        tag.replace('+', "-").replace('/', "_"),
        format!("{} {}", &tag[..20], &tag[20..]),
        format!("{}!{}", &tag[..20], &tag[20..]),
        format!("{tag}{tag}"),
        tag[..40].to_owned(),
        format!("{}A===", &tag[..40]),
        STANDARD.encode([0; 31]),
        STANDARD.encode([0; 33]),
    ];
    for protocol in BOTH {
        for variant in &variants {
            let request = request.clone().replacing("X-Shopify-Hmac-Sha256", variant);
            proxy.denies(protocol, &request, "shopify", "signature_malformed");
        }
    }
}

#[test]
fn denies_basic_credentials_that_are_not_well_formed() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let request = BASIC.valid(BODY);
    let right = request.header_text("Authorization").trim_start_matches("Basic ").to_owned();
    let malformed = [
        "".to_owned(),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        format!("Basic{right}"),
        format!("Basic={right}"),
        format!("Bearer {right}"),
        format!("Basic {}", right.trim_end_matches('=')),
        format!("Basic {right}="),
        format!("Basic {right} x"),
        format!("Basic {right}, Basic {right}"),
        format!("Basic {}!!{}", &right[..8], &right[8..]),
        format!("Basic {}", BASIC.secret),
        right.clone(),
    ];
    for protocol in BOTH {
        for value in &malformed {
            // Some secrets have no padding to remove.
            if value == request.header_text("Authorization") {
                continue;
            }
            let request = request.clone().replacing("Authorization", value);
            let reply = proxy.denies(protocol, &request, "basic", "credential_malformed");
            assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"hookwarden\""));
        }
        for scheme in ["basic", "BASIC", "bAsIc"] {
            proxy.passes(protocol, &request.clone().replacing("Authorization", format!("{scheme} {right}")));
        }
        for credential in [":", "anymail", "anymail:", "None", "anymail:pass", "ANYMAIL:pass:with:colons-5f1c8a"] {
            let request = senders::basic("/hooks/basic", credential, BODY);
            proxy.denies(protocol, &request, "basic", "credential_mismatch");
        }
    }
}

#[test]
fn denies_nearly_valid_tokens() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let token = BEARER.secret;
    for protocol in BOTH {
        for value in [&token[..token.len() - 1], &format!("{token}x"), &token.to_ascii_uppercase(), "None", "null"] {
            let request = senders::bearer("/hooks/bearer", value, BODY);
            proxy.denies(protocol, &request, "bearer", "credential_mismatch");
            let request = senders::header_token("/hooks/header-token", value, BODY);
            proxy.denies(protocol, &request, "header-token", "credential_mismatch");
        }
        let empty = senders::header_token("/hooks/header-token", "", BODY);
        proxy.denies(protocol, &empty, "header-token", "credential_malformed");
    }
}

#[test]
fn denies_timestamps_that_are_not_plain_seconds() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let now = senders::now();
    let odd = [
        "".to_owned(),
        "0".to_owned(),
        "-1".to_owned(),
        format!("-{now}"),
        format!("+{now}"),
        format!("{now}.0"),
        format!("{now}.5"),
        format!("0{now}"),
        format!("00{now}"),
        format!("{now}000"),
        format!("{now}e0"),
        format!("0x{now:x}"),
        format!("{now:x}"),
        format!("{now}_"),
        format!("{now} 1"),
        "9223372036854775807".to_owned(),
        "-9223372036854775808".to_owned(),
        "9223372036854775808".to_owned(),
        "18446744073709551616".to_owned(),
        "99999999999999999999999999999999999999999".to_owned(),
        "NaN".to_owned(),
        "Infinity".to_owned(),
        "1.0".to_owned(),
        "+1".to_owned(),
        "2026-11-21T00:00:00Z".to_owned(),
    ];
    for time in &odd {
        for protocol in BOTH {
            // The signature is valid; only the timestamp is malformed.
            let request = senders::stripe_at(time, "/hooks/stripe", STRIPE.secret, BODY);
            proxy.denies(protocol, &request, "stripe", "timestamp_malformed");
            let request = senders::slack_at(time, "/hooks/slack", SLACK.secret, BODY);
            proxy.denies(protocol, &request, "slack", "timestamp_malformed");
            let request =
                senders::standard_webhooks_at(time, "/hooks/standard-webhooks", STANDARD_WEBHOOKS.secret, BODY);
            proxy.denies(protocol, &request, "standard-webhooks", "timestamp_malformed");
        }
    }
}

#[test]
fn denies_timestamps_outside_the_tolerance_in_both_directions() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let now = senders::now();
    for protocol in BOTH {
        for (time, code) in [
            (now - 330, "timestamp_stale"),
            (1_000_000_000, "timestamp_stale"),
            (now + 330, "timestamp_future"),
            (9_999_999_999, "timestamp_future"),
        ] {
            let time = time.to_string();
            let request = senders::stripe_at(&time, "/hooks/stripe", STRIPE.secret, BODY);
            proxy.denies(protocol, &request, "stripe", code);
            let request = senders::slack_at(&time, "/hooks/slack", SLACK.secret, BODY);
            proxy.denies(protocol, &request, "slack", code);
        }
        for time in [now - 270, now + 270] {
            proxy.passes(protocol, &senders::stripe_at(&time.to_string(), "/hooks/stripe", STRIPE.secret, BODY));
        }
        // A stale timestamp that was replaced after signing.
        let stale = senders::slack_at(&(now - 3600).to_string(), "/hooks/slack", SLACK.secret, BODY);
        let refreshed = stale.replacing("X-Slack-Request-Timestamp", now.to_string());
        proxy.denies(protocol, &refreshed, "slack", "signature_mismatch");
        let stripe = STRIPE.valid(BODY);
        let two_times = format!("t={now},{}", stripe.header_text("Stripe-Signature"));
        let request = stripe.replacing("Stripe-Signature", two_times);
        proxy.denies(protocol, &request, "stripe", "timestamp_duplicated");
    }
}

#[test]
fn denies_when_the_signature_is_under_a_weaker_or_another_scheme() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        // The legacy header never replaces the SHA-256 one.
        let legacy = senders::github_sha1("/hooks/github", GITHUB.secret, BODY);
        proxy.denies(protocol, &legacy, "github", "signature_missing");
        // This sender sends HMAC-SHA256 after its label `sha1=`, so a real HMAC-SHA1 is invalid.
        let sha1 = senders::github_sha1("/hooks/servicestack", SERVICESTACK.secret, BODY)
            .with("X-Webhook-Event", senders::SERVICESTACK_EVENT);
        proxy.denies(protocol, &sha1, "servicestack", "signature_malformed");
        let upper = SERVICESTACK.valid(BODY);
        let tag = upper.header_text("X-Hub-Signature").trim_start_matches("sha1=").to_ascii_uppercase();
        let upper = upper.replacing("X-Hub-Signature", format!("sha1={tag}"));
        proxy.denies(protocol, &upper, "servicestack", "signature_malformed");
        // Stripe's decoy version, and an unknown one.
        let stripe = STRIPE.valid(BODY);
        let decoy = stripe.header_text("Stripe-Signature").replace("v1=", "v0=");
        proxy.denies(protocol, &stripe.replacing("Stripe-Signature", decoy), "stripe", "signature_missing");
        let standard = STANDARD_WEBHOOKS.valid(BODY);
        let other = standard.header_text("webhook-signature").replace("v1,", "v1a,");
        let request = standard.replacing("webhook-signature", other);
        proxy.denies(protocol, &request, "standard-webhooks", "signature_missing");
        // One sender's valid request at another sender's path.
        let elsewhere = GITHUB.valid(BODY).at("/hooks/rotated");
        proxy.denies(protocol, &elsewhere, "rotated", "signature_mismatch");
    }
}

#[test]
fn denies_when_parts_of_the_signed_content_are_moved_into_one_another() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let request = STANDARD_WEBHOOKS.valid(BODY);
    let time = request.header_text("webhook-timestamp").to_owned();
    let moved_id = request.clone().replacing("webhook-id", format!("{}.{time}", senders::EVENT_ID));
    proxy.denies(Protocol::Http1, &moved_id, "standard-webhooks", "header_malformed");
    // The dot between timestamp and body is moved: the signed bytes are the same.
    let body = [time.as_bytes(), b".", BODY].concat();
    let signed = senders::standard_webhooks_at("1", "/hooks/standard-webhooks", STANDARD_WEBHOOKS.secret, &body);
    let recut = signed
        .replacing("webhook-id", format!("{}.1", senders::EVENT_ID))
        .replacing("webhook-timestamp", time)
        .with_body(BODY);
    proxy.denies(Protocol::Http1, &recut, "standard-webhooks", "header_malformed");
}
