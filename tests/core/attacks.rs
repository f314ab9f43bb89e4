//! What a hostile review got through, or made expensive. As in `mistakes.rs`, the request or the configuration that
//! must be accepted stands beside the one that must not.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::delivery::{Delivery, Verdict, deliver};
use crate::support::{self, Sent, hmac_sha256, provider, source, sources, with};
use crate::vector::{self, Form};

const SECRET: &str = "a-secret-of-sixteen-or-more";

fn verdict(check: &Value, sent: &Sent) -> Verdict {
    let policy = support::policy(&sources(&[source("hook", "/hook", check.clone())]));
    deliver(&policy, sent, &Delivery::whole())
}

fn code(check: &Value, sent: &Sent) -> &'static str {
    verdict(check, sent).code
}

/// The event's id that the upstream gets with a request that passes.
fn event_id(check: &Value, sent: &Sent) -> Option<Vec<u8>> {
    let verdict = verdict(check, sent);
    assert_eq!(verdict.code, "verified", "{} bytes of body", sent.body.len());
    let set = verdict.edits.expect("what passes has edits").set;
    set.into_iter().find(|(name, _)| *name == "x-hookwarden-event-id").map(|(_, id)| id)
}

/// What is wrong with a check, in one text; empty if nothing is.
fn problems(check: &Value) -> String {
    let config = sources(&[source("hook", "/hook", check.clone())]);
    support::try_load(config.to_string().as_bytes()).err().unwrap_or_default().join("\n")
}

/// A check whose tag is hexadecimal in `X-Tag`.
fn check(algorithm: &str, signed: Value) -> Value {
    let signature = json!({ "header": "X-Tag", "encoding": "hex" });
    let scheme = json!({ "algorithm": algorithm, "signature": signature, "signed": signed });
    json!({ "scheme": scheme, "secrets": support::literal(&[SECRET]) })
}

/// The check with a further member in its scheme.
fn with_rule(mut check: Value, name: &str, rule: Value) -> Value {
    check["scheme"] = with(check["scheme"].take(), name, rule);
    check
}

/// A request whose `X-Tag` is right for `content`.
fn tagged(content: impl AsRef<[u8]>) -> Sent {
    Sent::post("/hook").header("X-Tag", hex::encode(hmac_sha256(SECRET.as_bytes(), content.as_ref())))
}

/// A delivery of Lever with a right tag for `signed`.
fn lever(signed: &str, token: &str, triggered_at: &str) -> Sent {
    let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), signed.as_bytes()));
    let body = format!(r#"{{"token":"{token}","triggeredAt":{triggered_at},"signature":"{tag}"}}"#);
    Sent::post("/hook").header("Content-Type", "application/json").body(body)
}

#[test]
fn a_plain_hash_that_can_be_made_without_the_secret_is_refused_at_load() {
    let of = |signed: Value| problems(&check("sha256", signed));
    assert_eq!(of(json!("{secret}{body}")), "");
    assert_eq!(of(json!(["{secret}{body}", "{secret}\n{body}"])), "");
    assert_eq!(of(json!("[[{header:X-T}]]{secret}{body}")), "");
    for signed in [
        json!(["{secret}{body}", "{body}"]),
        json!(["{body}", "{secret}{body}"]),
        json!("[[{secret}{header:X-T}]]{body}"),
        json!("[[{secret}]]{body}"),
        json!("{body}"),
        // Ten digits at most are left of the secret.
        json!("{secret|crc32}{body}"),
    ] {
        let problems = of(signed.clone());
        assert!(problems.contains("a plain hash needs {secret}"), "{signed}: {problems}");
    }
    // Elsewhere the secret is the key, and its text is no part of the content.
    for signed in [json!("{secret}{body}"), json!(["{body}", "{secret}{body}"]), json!("[[{secret}]]{body}")] {
        let problems = problems(&check("hmac-sha256", signed.clone()));
        assert!(problems.contains("{secret}"), "{signed}: {problems}");
    }
}

#[test]
fn a_plain_hash_over_a_body_with_the_padding_of_an_extension_is_denied_though_it_is_right() {
    // What every extension has in it: the first block's padding, which ends in a length of eight bytes.
    let padded = [b"notif=1\x80".as_slice(), &[0; 20], &[0, 0, 0, 0, 0, 0, 1, 0x18], b"&notif=evil"].concat();
    let bodies: [(&[u8], &str); 4] =
        [(b"notif=1", "verified"), (&padded, "body_malformed"), (b"a\0", "body_malformed"), (b"\0", "body_malformed")];
    let url = with(provider("hubspot-v2", &[SECRET]), "with", json!({ "public_url": "https://hooks.example.com" }));
    for (body, expected) in bodies {
        let signed = [SECRET.as_bytes(), body].concat();
        let sent = |name: &str, tag: &[u8]| Sent::post("/hook").header(name, hex::encode(tag)).body(body);

        let sellsy = sent("X-Webhook-Signature", &sha1::Sha1::digest(&signed));
        assert_eq!(code(&provider("sellsy", &[SECRET]), &sellsy), expected, "sellsy: {body:?}");

        let first = sent("X-HubSpot-Signature", &sha2::Sha256::digest(&signed));
        assert_eq!(code(&provider("hubspot-v1", &[SECRET]), &first), expected, "hubspot-v1: {body:?}");

        let signed = [SECRET.as_bytes(), b"POSThttps://hooks.example.com/hook", body].concat();
        let second = sent("X-HubSpot-Signature", &sha2::Sha256::digest(&signed));
        assert_eq!(code(&url, &second), expected, "hubspot-v2: {body:?}");
    }
}

#[test]
fn a_keyed_hash_cannot_be_extended_and_may_have_a_nul_in_its_body() {
    assert_eq!(code(&check("hmac-sha256", json!("{body}")), &tagged(b"a\0").body(b"a\0")), "verified");
}

#[test]
fn an_event_id_that_is_no_plain_word_is_proved_and_not_passed_on() {
    let check = with_rule(check("hmac-sha256", json!("{body}")), "event_id", json!({ "at": "json:id" }));
    let id_of = |id: &str| {
        let body = json!({ "id": id }).to_string();
        event_id(&check, &tagged(&body).body(&body))
    };
    let longest = "e".repeat(256);
    for id in ["evt_1", "!~", longest.as_str()] {
        assert_eq!(id_of(id).as_deref(), Some(id.as_bytes()), "{id}");
    }
    let (longer, megabyte) = ("e".repeat(257), "e".repeat(900_000));
    for id in [
        "a\r\nx-admin: 1",
        "a\r\n\r\nGET /admin HTTP/1.1",
        "a\n",
        "a\r",
        "a\0",
        "a\t",
        "a b",
        " a",
        "\u{7f}",
        "é",
        "",
        &longer,
        &megabyte,
    ] {
        assert_eq!(id_of(id), None, "{} bytes: {:?}", id.len(), id.chars().take(20).collect::<String>());
    }
}

#[test]
fn an_event_id_whose_bytes_can_be_its_neighbours_is_proved_and_not_passed_on() {
    let provided = provider("lever", &[SECRET]);
    // One signature, two tokens: who remembers tokens would take the second for a new one.
    let signed = "tok12341700000000000";
    for sent in [lever(signed, "tok1234", "1700000000000"), lever(signed, "tok12341", "700000000000")] {
        assert_eq!(event_id(&provided, &sent), None);
    }
    let id_of = |signed: &str, at: &str, body: &Value, content: &str| {
        let check = with_rule(check("hmac-sha256", json!(signed)), "event_id", json!({ "at": at }));
        event_id(&check, &tagged(content).body(body.to_string())).map(|id| String::from_utf8(id).expect("it is ASCII"))
    };
    let body = json!({ "id": "e1", "amount": 5 });
    for signed in ["{json:id}{json:amount}", "{json:id}:{json:amount}"] {
        let content = signed.replace("{json:id}", "e1").replace("{json:amount}", "5");
        assert_eq!(id_of(signed, "json:id", &body, &content), None, "{signed}");
    }
    for signed in ["{json:amount}{json:id}", "{json:amount}:{json:id}"] {
        let content = signed.replace("{json:id}", "e1").replace("{json:amount}", "5");
        assert_eq!(id_of(signed, "json:id", &body, &content), None, "{signed}");
    }
    // No separator hides in a word.
    assert_eq!(id_of("{json:id|word}:{json:amount}", "json:id|word", &body, "e1:5").as_deref(), Some("e1"));
    assert_eq!(id_of("{json:id|word}{json:amount}", "json:id|word", &body, "e15"), None);
    assert_eq!(id_of("{json:amount|word}:{json:id|word}", "json:id|word", &body, "5:e1").as_deref(), Some("e1"));
}

#[test]
fn no_byte_moves_over_a_separator_within_or_behind_an_optional_segment() {
    let check = check("hmac-sha256", json!("{header:X-A}[[.{header:X-B}]].{body}"));
    let check = with_rule(check, "event_id", json!({ "header": "X-A" }));
    let sent = |a: &str| tagged("A.B.{}").header("X-A", a).body("{}");
    let genuine = sent("A").header("X-B", "B");
    assert_eq!(event_id(&check, &genuine).as_deref(), Some(b"A".as_slice()));
    assert_eq!(code(&check, &sent("A.B")), "header_malformed");
    assert_eq!(
        code(&check, &tagged("A.B.C.{}").header("X-A", "A").header("X-B", "B.C").body("{}")),
        "header_malformed"
    );

    // The text behind the segment is another, which the segment's absence brings next to the value.
    let other = self::check("hmac-sha256", json!("{header:X-A}[[.{header:X-B}]];{body}"));
    let sent = |a: &str, content: &str| tagged(content).header("X-A", a).body("{}");
    assert_eq!(code(&other, &sent("A", "A;{}")), "verified");
    assert_eq!(code(&other, &sent("A;B", "A;B;{}")), "header_malformed");
    assert_eq!(code(&other, &sent("A.B", "A.B;{}")), "header_malformed");
}

#[test]
fn no_byte_moves_between_the_fields_of_a_payment_of_adyen() {
    let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    let adyen = provider("adyen-payments", &[key]);
    let content = "psp::Account:a:b:1000:EUR:CAPTURE:true";
    let tag = STANDARD.encode(hmac_sha256(&hex::decode(key).expect("it is hexadecimal"), content.as_bytes()));
    let code = |psp: &str, original: &str, account: &str, reference: &str, value: Value| {
        let body = json!({ "live": "false", "notificationItems": [{ "NotificationRequestItem": {
            "pspReference": psp, "originalReference": original, "merchantAccountCode": account,
            "merchantReference": reference, "amount": { "value": value, "currency": "EUR" },
            "eventCode": "CAPTURE", "success": "true", "additionalData": { "hmacSignature": tag }
        } }] });
        code(&adyen, &Sent::post("/hook").header("Content-Type", "application/json").body(body.to_string()))
    };
    assert_eq!(code("psp", "", "Account", "a:b", json!(1000)), "verified");
    for (psp, original, account, reference, value) in [
        ("psp", "", "Account:a", "b", "1000"),
        ("psp", "", "Account", "a", "b:1000"),
        ("psp", ":Account", "a", "b", "1000"),
        ("psp:", "Account", "a", "b", "1000"),
        ("psp:", "", "Account", "a:b", "1000"),
    ] {
        assert_eq!(
            code(psp, original, account, reference, json!(value)),
            "field_malformed",
            "{psp} {original} {account}"
        );
    }
}

#[test]
fn a_form_of_many_long_names_is_denied_like_any_other() {
    let paddle = vector::provider("paddle-classic");
    let valid = paddle.vectors.iter().find(|vector| vector.is_valid()).expect("one is valid");
    let mut config = paddle.config(valid, Form::ByName);
    config["sources"][0]["max_body_bytes"] = json!(32 << 20);
    let policy = support::policy(&config);
    let code = |sent: &Sent| deliver(&policy, sent, &Delivery::whole()).code;
    assert_eq!(code(&valid.sent), "verified");

    let own = valid.sent.body.iter().filter(|byte| **byte == b'&').count() + 1;
    let long = "x".repeat(16_000);
    // Names that differ in the end only: 16 MB to compare, with each other if one is careless.
    let flood = |count: usize| {
        let mut sent = valid.sent.clone();
        let fields = (0..count).fold(String::new(), |mut fields, at| {
            write!(fields, "&{long}{at:03}=").expect("a text takes all");
            fields
        });
        sent.body.extend_from_slice(fields.as_bytes());
        sent
    };
    assert_eq!(code(&flood(990 - own)), "signature_mismatch");
    assert_eq!(code(&flood(1001 - own)), "body_malformed");
    let mut twice = flood(900);
    twice.body.extend_from_slice(format!("&{long}000=").as_bytes());
    assert_eq!(code(&twice), "field_duplicated");
}

#[test]
fn a_message_signature_that_can_be_moved_to_another_request_needs_a_scheme_that_says_so() {
    let check = |components: &Value, meant: bool| {
        let mut rules = json!({ "algorithm": "hmac-sha256", "components": components });
        if meant {
            rules = with(rules, "insecure_partial_coverage", json!(true));
        }
        json!({ "scheme": { "message_signature": rules }, "secrets": support::literal(&[SECRET]) })
    };
    for whole in [json!(["@method", "@target-uri"]), json!(["@method", "@authority", "@path", "content-digest"])] {
        let check = with_url(check(&whole, false));
        assert_eq!(problems(&check), "", "{whole}");
    }
    for partial in [
        json!(["@method"]),
        json!(["@path"]),
        json!(["@target-uri"]),
        json!(["content-digest"]),
        json!(["@method", "@authority", "content-digest"]),
        json!(["@method", "@query", "content-digest"]),
    ] {
        let refused = problems(&with_url(check(&partial, false)));
        assert!(refused.contains("insecure_partial_coverage"), "{partial}: {refused}");
        assert_eq!(problems(&with_url(check(&partial, true))), "", "{partial}");
    }
    // That the body need not be signed says nothing of the rest.
    let mut body_unsigned = check(&json!(["@method"]), false);
    body_unsigned["scheme"]["message_signature"]["insecure_body_unsigned"] = json!(true);
    let refused = problems(&body_unsigned);
    assert!(refused.contains("insecure_partial_coverage"), "{refused}");
}

/// The check with the URL that the sender signs, where its components ask for one.
fn with_url(check: Value) -> Value {
    let asks = check.to_string();
    match asks.contains("@target-uri") || asks.contains("@authority") {
        true => with(check, "with", json!({ "public_url": "https://hooks.example.com" })),
        false => check,
    }
}

#[test]
fn a_secret_that_stands_for_a_byte_is_short_however_long_its_text_is() {
    let hex = check("hmac-sha256", json!("{body}"));
    let hex = with_rule(hex, "key", json!({ "encoding": "hex" }))["scheme"].take();
    let by_name = |name: &str| json!({ "provider": name });
    for (check, secret) in [
        (by_name("standard-webhooks"), "whsec_MQ=="),
        (by_name("svix"), "whsec_MQ=="),
        (by_name("svix"), "whsec_MTIzNDU2Nw=="),
        (json!({ "scheme": hex }), "0123456789abcd"),
    ] {
        let of = |secret: Value| problems(&with(check.clone(), "secrets", json!([secret])));
        let refused = of(json!({ "value": secret }));
        assert!(refused.contains("fewer than 8 bytes"), "{check}: {refused}");
        assert!(!refused.contains(secret), "{refused}");
        assert_eq!(of(json!({ "value": secret, "insecure_short_secret": true })), "", "{check}");
    }
    let long_enough = json!([{ "value": "whsec_MTIzNDU2Nzg=" }]);
    assert_eq!(problems(&json!({ "provider": "svix", "secrets": long_enough })), "");
}

#[test]
fn a_key_that_may_be_a_secret_is_in_no_message() {
    let pasted = "sk_live_51HabcDEF0123456789";
    let good = || json!({ "provider": "github", "secrets": [{ "value": SECRET }] });
    let in_secret = json!({ "provider": "github", "secrets": [{ "value": SECRET, pasted: "x" }] });
    let for_a_secret = json!({ "provider": "github", "secrets": [{ pasted: SECRET }] });
    let in_scheme = with_rule(check("hmac-sha256", json!("{body}")), pasted, json!(1));
    let sources_of = |check: Value| sources(&[source("hook", "/hook", check)]);
    let in_source = sources(&[with(source("hook", "/hook", good()), pasted, json!("x"))]);
    for config in [
        sources_of(in_secret),
        sources_of(for_a_secret),
        sources_of(with(good(), pasted, json!("x"))),
        sources_of(in_scheme),
        in_source,
        with(sources_of(good()), pasted, json!("x")),
    ] {
        refuses_without(&config.to_string(), pasted);
    }
    // A key that stands twice.
    let twice = format!(r#"{{"provider":"github","secrets":[{{"value":"{SECRET}","{pasted}":1,"{pasted}":1}}]}}"#);
    let twice = sources_of(json!("CHECK")).to_string().replace(r#""CHECK""#, &twice);
    refuses_without(&twice, pasted);
    // A word is told, so that a slip of the finger is found.
    let slip = with(good(), "secretz", json!("x"));
    assert!(problems(&slip).contains("secretz"), "{}", problems(&slip));
}

fn refuses_without(config: &str, pasted: &str) {
    let problems = support::try_load(config.as_bytes()).err().unwrap_or_default().join("\n");
    assert_ne!(problems, "", "{config} is accepted");
    assert!(!problems.contains(pasted) && !problems.contains("51Habc"), "{problems}");
}

#[test]
fn a_timestamp_that_may_vanish_from_the_signed_content_is_refused() {
    let scheme = json!({
        "algorithm": "hmac-sha256",
        "signature": { "header": "X-Tag", "encoding": "hex" },
        "signed": "[[{header:X-Time}.{header:X-Opt}.]]{body}",
        "timestamp": { "header": "X-Time", "unit": "s" },
    });
    let check = json!({ "scheme": scheme, "secrets": [{ "value": "0123456789abcdef0123" }] });
    let source = json!({ "name": "hook", "match": { "path": "/hook" }, "verify": check });
    let refused = support::try_load(json!({ "sources": [source] }).to_string().as_bytes());
    let problems = refused.err().unwrap_or_default().join("\n");
    assert!(problems.contains("does not cover it"), "{problems}");
}
