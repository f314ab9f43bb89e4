//! Attacks that a hostile review found. As in `mistakes.rs`, each request or configuration that must be refused comes
//! with one that must be accepted.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::delivery::{Delivery, Verdict, deliver};
use crate::support::{self, NOW, Sent, hmac_sha256, provider, source, sources, with};
use crate::vector::{self, Form};

const SECRET: &str = "a-secret-of-sixteen-or-more";

fn verdict(check: &Value, sent: &Sent) -> Verdict {
    let policy = support::policy(&sources(&[source("hook", "/hook", check.clone())]));
    deliver(&policy, sent, &Delivery::whole())
}

fn code(check: &Value, sent: &Sent) -> &'static str {
    verdict(check, sent).code
}

/// The event id that the upstream gets with a request that passes.
fn event_id(check: &Value, sent: &Sent) -> Option<Vec<u8>> {
    let verdict = verdict(check, sent);
    assert_eq!(verdict.code, "verified", "{} bytes of body", sent.body.len());
    let set = verdict.edits.expect("a request that passes has edits").set;
    set.into_iter().find(|(name, _)| *name == "x-hookwarden-event-id").map(|(_, id)| id)
}

/// The problems of a check, joined; empty if there are none.
fn problems(check: &Value) -> String {
    let config = sources(&[source("hook", "/hook", check.clone())]);
    support::try_load(config.to_string().as_bytes()).err().unwrap_or_default().join("\n")
}

/// A check with a hexadecimal tag in `X-Tag`.
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

/// A request with the right `X-Tag` for `content`.
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
        // At most ten digits of the secret are left.
        json!("{secret|crc32}{body}"),
    ] {
        let problems = of(signed.clone());
        assert!(problems.contains("a plain hash must include {secret}"), "{signed}: {problems}");
    }
    // For other algorithms the secret is the key, and its text is not part of the content.
    for signed in [json!("{secret}{body}"), json!(["{body}", "{secret}{body}"]), json!("[[{secret}]]{body}")] {
        let problems = problems(&check("hmac-sha256", signed.clone()));
        assert!(problems.contains("{secret}"), "{signed}: {problems}");
    }
}

#[test]
fn a_plain_hash_over_a_body_with_length_extension_padding_is_denied_even_if_it_matches() {
    // Every length extension contains the first block's padding, which ends in a length of eight bytes.
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
fn an_event_id_that_is_not_a_plain_word_is_verified_but_not_passed_on() {
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
fn an_event_id_whose_bytes_can_belong_to_a_neighbour_is_verified_but_not_passed_on() {
    let provided = provider("lever", &[SECRET]);
    // One signature fits two tokens: if the token were the id, the second would pass as a new event.
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
    // A word cannot contain a separator.
    assert_eq!(id_of("{json:id|word}:{json:amount}", "json:id|word", &body, "e1:5").as_deref(), Some("e1"));
    assert_eq!(id_of("{json:id|word}{json:amount}", "json:id|word", &body, "e15"), None);
    assert_eq!(id_of("{json:amount|word}:{json:id|word}", "json:id|word", &body, "5:e1").as_deref(), Some("e1"));
}

#[test]
fn no_byte_moves_across_a_separator_in_or_after_an_optional_segment() {
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

    // A different literal follows the segment, and is next to the value if the segment is absent.
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
    // Names that differ only at the end: a careless implementation would compare 16 MB pairwise.
    let flood = |count: usize| {
        let mut sent = valid.sent.clone();
        let fields = (0..count).fold(String::new(), |mut fields, at| {
            write!(fields, "&{long}{at:03}=").expect("writing to a string cannot fail");
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
fn a_message_signature_that_fits_another_request_needs_insecure_partial_coverage() {
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
    // An unsigned body does not imply that the rest may be unsigned.
    let mut body_unsigned = check(&json!(["@method"]), false);
    body_unsigned["scheme"]["message_signature"]["insecure_body_unsigned"] = json!(true);
    let refused = problems(&body_unsigned);
    assert!(refused.contains("insecure_partial_coverage"), "{refused}");
}

/// The check with the URL that the sender signs, if its components need one.
fn with_url(check: Value) -> Value {
    let asks = check.to_string();
    match asks.contains("@target-uri") || asks.contains("@authority") {
        true => with(check, "with", json!({ "public_url": "https://hooks.example.com" })),
        false => check,
    }
}

#[test]
fn a_secret_that_decodes_to_one_byte_is_short_however_long_its_text_is() {
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
fn a_key_that_may_be_a_secret_is_not_printed() {
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
    // A duplicate key.
    let twice = format!(r#"{{"provider":"github","secrets":[{{"value":"{SECRET}","{pasted}":1,"{pasted}":1}}]}}"#);
    let twice = sources_of(json!("CHECK")).to_string().replace(r#""CHECK""#, &twice);
    refuses_without(&twice, pasted);
    // A plain word is printed, so that a typing mistake is easy to find.
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

/// Every object with the key that the parser reserves for numbers, in place of a number.
fn objects_read_as_five() -> Vec<String> {
    let keys = [
        r"$serde_json::private::Number",
        r"\u0024serde_json::private::Number",
        r"$serde_json\u003a:private::N\u0075mber",
        // The key under which the parser keeps raw text.
        r"$serde_json::private::RawValue",
    ];
    let alone = keys[..3].iter().map(|key| format!(r#"{{"{key}":"5"}}"#));
    let in_front = keys[..3].iter().map(|key| format!(r#"{{"{key}":"5","value":9}}"#));
    let behind = keys[..3].iter().map(|key| format!(r#"{{"value":9,"{key}":"5"}}"#));
    alone.chain(in_front).chain(behind).collect()
}

#[test]
fn no_object_is_read_as_a_number() {
    use hookwarden::verify::bytes::json::Json;
    assert_eq!(Json::parse(b"5"), Ok(Json::Number("5".to_owned())));
    assert_eq!(Json::parse(b"-1.50"), Ok(Json::Number("-1.50".to_owned())));
    assert!(Json::parse(br#"{"$serde_json::private::RawValue":"5"}"#).is_ok(), "a key like any other");
    for object in objects_read_as_five() {
        for text in [object.clone(), format!("[{object}]"), format!(r#"{{"a":{object}}}"#)] {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}

#[test]
fn a_body_a_form_field_and_a_header_with_an_object_for_a_number_are_malformed() {
    let signed = json!("{json:id}|{json:amount}");
    let tag = |content: &str| hex::encode(hmac_sha256(SECRET.as_bytes(), content.as_bytes()));
    for (amount, expected) in [("5".to_owned(), "verified")]
        .into_iter()
        .chain(objects_read_as_five().into_iter().map(|object| (object, "body_malformed")))
    {
        let body = format!(r#"{{"id":"e1","amount":{amount}}}"#);
        let sent = Sent::post("/hook").header("X-Tag", tag("e1|5")).body(&body);
        assert_eq!(code(&check("hmac-sha256", signed.clone()), &sent), expected, "body {body}");

        let within = check("hmac-sha256", json!("{form:json|json:amount}|{body}"));
        let form = format!("json={}", body.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>());
        let sent = Sent::post("/hook").header("Content-Type", "application/x-www-form-urlencoded");
        let sent = sent.header("X-Tag", tag(&format!("5|{form}"))).body(&form);
        assert_eq!(code(&within, &sent), expected, "form {body}");

        let within = check("hmac-sha256", json!("{header:X-Json|json:amount}|{body}"));
        let sent = Sent::post("/hook").header("X-Json", &body).header("X-Tag", tag("5|{}")).body("{}");
        assert_eq!(code(&within, &sent), expected, "header {body}");
    }
}

#[test]
fn a_token_with_an_object_for_a_number_is_malformed() {
    let check = |claims: Value| {
        let jwt = json!({ "at": "header:X-Token", "algorithms": ["HS256"], "claims": claims });
        json!({ "scheme": { "jwt": jwt }, "secrets": support::literal(&[SECRET]) })
    };
    let token = |header: &str, claims: &str| {
        let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let tag = encode(&hmac_sha256(SECRET.as_bytes(), signed.as_bytes()));
        Sent::post("/hook").header("X-Token", format!("{signed}.{tag}"))
    };
    let header = r#"{"alg":"HS256"}"#;
    let end = support::NOW + 60;
    let sent = token(header, &format!(r#"{{"exp":{end},"n":5}}"#));
    assert_eq!(code(&check(json!({ "n": "5" })), &sent), "verified");
    for object in objects_read_as_five() {
        let sent = token(header, &format!(r#"{{"exp":{end},"n":{object}}}"#));
        assert_eq!(code(&check(json!({ "n": "5" })), &sent), "token_malformed", "claim {object}");
        let sent = token(header, &format!(r#"{{"exp":{}}}"#, object.replace('5', &end.to_string())));
        assert_eq!(code(&check(json!({})), &sent), "token_malformed", "time {object}");
        let sent = token(&format!(r#"{{"alg":"HS256","n":{object}}}"#), &format!(r#"{{"exp":{end},"n":5}}"#));
        assert_eq!(code(&check(json!({ "n": "5" })), &sent), "token_malformed", "header {object}");
    }
}

#[test]
fn a_configuration_with_an_object_for_a_number_is_refused() {
    let config = |limit: &str| {
        let config = sources(&[source("hook", "/hook", provider("github", &[SECRET]))]).to_string();
        config.replacen(r#""name":"#, &format!(r#""max_body_bytes":{limit},"name":"#), 1)
    };
    assert!(support::try_load(config("5").as_bytes()).is_ok(), "{}", config("5"));
    for object in objects_read_as_five() {
        let problems = support::try_load(config(&object).as_bytes()).map(drop).expect_err("an object is not a number");
        assert!(problems.iter().any(|problem| problem.contains("a reserved key")), "{object}: {problems:?}");
    }
}

#[test]
fn a_token_with_anything_critical_is_malformed() {
    let jwt = json!({ "at": "header:X-Token", "algorithms": ["HS256"] });
    let check = json!({ "scheme": { "jwt": jwt }, "secrets": support::literal(&[SECRET]) });
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    for (extra, expected) in [
        ("", "verified"),
        (r#","kid":null"#, "verified"),
        (r#","crit":null"#, "token_malformed"),
        (r#","crit":[]"#, "token_malformed"),
        (r#","crit":["exp"]"#, "token_malformed"),
        (r#","crit":["b64"],"b64":false"#, "token_malformed"),
        (r#","b64":null"#, "token_malformed"),
        (r#","b64":true"#, "token_malformed"),
    ] {
        let signed = format!(
            "{}.{}",
            encode(format!(r#"{{"alg":"HS256"{extra}}}"#).as_bytes()),
            encode(format!(r#"{{"exp":{}}}"#, support::NOW + 60).as_bytes())
        );
        let tag = encode(&hmac_sha256(SECRET.as_bytes(), signed.as_bytes()));
        let sent = Sent::post("/hook").header("X-Token", format!("{signed}.{tag}"));
        assert_eq!(code(&check, &sent), expected, "{extra}");
    }
}

#[test]
fn a_detached_signature_of_pyjwt_may_leave_b64_uncritical_and_nothing_else() {
    let scheme = json!({
        "signature": { "header": "X-Jws", "separator": ".", "position": "rest", "encoding": "base64url" },
        "algorithm": "hmac-sha256",
        "signed": "{entry:@0}.{body}",
        "require": [
            ["{entry:@0|jose_header_uncritical|json:alg}", "HS256"],
            ["{entry:@0|jose_header_uncritical|json:b64}", "false"]
        ],
    });
    let check = json!({ "scheme": scheme, "secrets": support::literal(&[SECRET]) });
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    for (header, expected) in [
        (r#"{"alg":"HS256","b64":false}"#, "verified"),
        (r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, "verified"),
        (r#"{"alg":"HS256","b64":true}"#, "require_mismatch"),
        (r#"{"alg":"HS384","b64":false}"#, "require_mismatch"),
        (r#"{"alg":"HS256"}"#, "field_missing"),
        (r#"{"alg":"HS256","b64":"false"}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":null}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"crit":[]}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"crit":null}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"crit":["exp"],"exp":1}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"crit":["b64","exp"],"exp":1}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"b64":false}"#, "token_malformed"),
    ] {
        let protected = encode(header.as_bytes());
        let tag = encode(&hmac_sha256(SECRET.as_bytes(), format!("{protected}.{{}}").as_bytes()));
        let sent = Sent::post("/hook").header("X-Jws", format!("{protected}..{tag}")).body("{}");
        assert_eq!(code(&check, &sent), expected, "{header}");
    }
}

#[test]
fn an_entry_is_read_at_its_own_place_only() {
    let scheme = json!({
        "signature": { "header": "X-Signature", "separator": ";", "position": "rest", "encoding": "base64" },
        "algorithm": "hmac-sha256",
        "signed": "{entry:@1}.{entry:@2}.{body}",
        "require": [["{entry:@0}", "hmac"]],
    });
    let check = json!({ "scheme": scheme, "secrets": support::literal(&[SECRET]) });
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let tag = |signed: &str| encode(&hmac_sha256(SECRET.as_bytes(), signed.as_bytes()));
    for (value, expected) in [
        (format!("hmac;a;b;{}", tag("a.b.{}")), "verified"),
        (format!("hmac; a ;b;{}", tag("a.b.{}")), "verified"),
        (format!("hmac;b;a;{}", tag("a.b.{}")), "signature_mismatch"),
        (format!("hmac;a;b;c;{}", tag("a.b.{}")), "verified"),
        (format!("other;a;b;{}", tag("a.b.{}")), "require_mismatch"),
        (format!("hmac;{}", tag("a.b.{}")), "field_missing"),
        // A byte that moves from one entry to the next takes a separator with it.
        (format!("hmac;a.b;;{}", tag("a.b..{}")), "header_malformed"),
        (format!("hmac;a;b.c;{}", tag("a.b.c.{}")), "header_malformed"),
    ] {
        let sent = Sent::post("/hook").header("X-Signature", &value).body("{}");
        assert_eq!(code(&check, &sent), expected, "{value}");
    }
    for place in ["@", "@10", "@a", "@-1"] {
        let mut wrong = scheme.clone();
        wrong["signed"] = json!(format!("{{entry:{place}}}.{{body}}"));
        let check = json!({ "scheme": wrong, "secrets": support::literal(&[SECRET]) });
        assert!(!problems(&check).is_empty(), "{place}");
    }
}

#[test]
fn a_detached_signature_with_anything_critical_but_b64_is_malformed() {
    let scheme = json!({
        "signature": { "header": "X-Jws", "separator": ".", "position": "rest", "encoding": "base64url" },
        "algorithm": "hmac-sha256",
        "signed": "{entry:@0}.{body}",
        "require": [["{entry:@0|jose_header|json:alg}", "HS256"], ["{entry:@0|jose_header|json:b64}", "false"]],
    });
    let check = json!({ "scheme": scheme, "secrets": support::literal(&[SECRET]) });
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    for (header, expected) in [
        (r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, "verified"),
        (r#"{"alg":"HS256","b64":false,"crit":["b64"],"kid":"1"}"#, "verified"),
        (r#"{"alg":"HS256","b64":true,"crit":["b64"]}"#, "require_mismatch"),
        (r#"{"alg":"HS384","b64":false,"crit":["b64"]}"#, "require_mismatch"),
        (r#"{"alg":"HS256","b64":false}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":"false","crit":["b64"]}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"crit":[]}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"crit":null}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"crit":"b64"}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"crit":["b64","b64"]}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"crit":["b64","exp"],"exp":1}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"crit":["exp"],"exp":1}"#, "token_malformed"),
        (r#"{"alg":"HS256","crit":["b64"]}"#, "token_malformed"),
        (r#"{"alg":"HS256","b64":false,"b64":false,"crit":["b64"]}"#, "token_malformed"),
        (r#"["HS256"]"#, "token_malformed"),
    ] {
        let protected = encode(header.as_bytes());
        let tag = encode(&hmac_sha256(SECRET.as_bytes(), format!("{protected}.{{}}").as_bytes()));
        let sent = Sent::post("/hook").header("X-Jws", format!("{protected}..{tag}")).body("{}");
        assert_eq!(code(&check, &sent), expected, "{header}");
    }
}

/// If the request itself lists the signed headers, an attacker who changes the timestamp must not be able to drop its
/// header from the list.
#[test]
fn a_timestamp_that_the_request_does_not_list_as_signed_is_denied() {
    let rule = json!({ "header": "X-Time", "unit": "s", "tolerance": "5m" });
    let check = with_rule(check("hmac-sha256", json!("{header:X-Signed|header_values}.{body}")), "timestamp", rule);
    let sent = |listed: &str, content: &str, time: u64| {
        tagged(content).header("X-Signed", listed).header("X-Time", time.to_string()).header("X-Id", "1").body("body")
    };
    let signed = format!("1.{NOW}.body");
    assert_eq!(code(&check, &sent("x-id x-time", &signed, NOW)), "verified");
    assert_eq!(code(&check, &sent("x-id x-time", &signed, NOW + 1)), "signature_mismatch");
    for time in [NOW, NOW + 1] {
        assert_eq!(code(&check, &sent("x-id", "1.body", time)), "coverage_missing", "{time}");
    }
}
