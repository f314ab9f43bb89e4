//! Mistakes of registries and of senders' own libraries, each with the request that they wrongly accept. Each test also
//! has a request that must pass, so that refusing everything does not satisfy it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::delivery::{Delivery, deliver};
use crate::support::{self, NOW, Sent, hmac_sha256, provider, source, sources, with};
use crate::vector::{self, Form};

const SECRET: &str = "a-secret-of-sixteen-or-more";

const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkxotfeBQhj/xXmTBgarsU3nET
qE/XnVEKxRIbM2y8j7eXJE1hga53Daz44JhYZPnbEMJGSzKJRxWcTh8aDjrOxwln
uFBfxHHyZcdc4WRPHLtrRP5iePR/wbiceCWuV1dlyOps/SevD2x9vY6+LpBwkx8O
IjBi4KiUawrOgtCDdwIDAQAB
-----END PUBLIC KEY-----
";
const RSA_2048: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApmVd9P08nUjBgv8QjwN/
HM76UDLumqZBC787WXOPqkktHtrZ9ZIo461NZGv7BwZ9rhyEFxQS3HXhCLV8J1b5
wtgIocfwHZFQPNfAkkSm5vIhoxop73pySksPn2qnqmThfDjwgEEIpuw4FktdZOfx
6SjnGD3EVWefjd8BNp31KtNVjpPoSwXb367A9RDzXCAuaTMDzV3M2vKAEzzuwbuK
/dxkt7ZRcis8sSKlCm+gOIKyNamHqmWSMjYy/qQTJtnpqTCpzS5rF+kRBy0/hPVb
Jpv+jRvqARxvMhb3HxSR7frmaVtUS1lDm9ZjbN+D+oMLd714BIZM/mQS8MCj0Mdp
XwIDAQAB
-----END PUBLIC KEY-----
";
const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHehMWiLpTJ/xrxAVg3t9Pf9H4jLH7n60NpRe+G7blgiVTPMYQuicq9uj9O8b6qm2\
    Yw97K66YKLmaD2lqMo1u+A==";
const P384: &str = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEA1/07rGqHiuqkvwadTBzLra2PpT6fFmZ6UL3JSoh9WcCqEpPrYoO1OMo8oGux8d4Ha57\
    6Qc0svDm5VVFCYkkQTPS7DxUP1rGo2TXYV76dZTAHEkHbjfr6R1pN+kzEIDW";
const ED25519: &str = "MCowBQYDK2VwAyEA6cXsff03Th6G4nLk/QSk7JMYHmPaVh7nBI9dwmoGikM=";

fn verdict_of(check: &Value, sent: &Sent) -> &'static str {
    let policy = support::policy(&sources(&[source("hook", "/hook", check.clone())]));
    deliver(&policy, sent, &Delivery::whole()).code
}

/// The problems of a check, joined; empty if there are none.
fn problems(check: &Value) -> String {
    let config = sources(&[source("hook", "/hook", check.clone())]);
    support::try_load(config.to_string().as_bytes()).err().unwrap_or_default().join("\n")
}

/// HMAC-SHA256 over `signed`, in hexadecimal in the header `X-Tag`.
fn scheme(signed: &str) -> Value {
    let signature = json!({ "header": "X-Tag", "encoding": "hex" });
    json!({ "algorithm": "hmac-sha256", "signature": signature, "signed": signed })
}

fn check(scheme: Value) -> Value {
    json!({ "scheme": scheme, "secrets": support::literal(&[SECRET]) })
}

fn hex_tag(content: impl AsRef<[u8]>) -> String {
    hex::encode(hmac_sha256(SECRET.as_bytes(), content.as_ref()))
}

/// A request with the right `X-Tag` for `content`.
fn tagged(content: impl AsRef<[u8]>) -> Sent {
    Sent::post("/hook").header("X-Tag", hex_tag(content))
}

fn form(sent: Sent, body: &str) -> Sent {
    sent.header("Content-Type", "application/x-www-form-urlencoded").body(body)
}

/// A token with this header and these claims, unchanged, and a valid HMAC-SHA256 tag.
fn token(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac_sha256(SECRET.as_bytes(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A check of a token in `X-Token`, of HMAC-SHA256, with these rules.
fn jwt(rules: Value) -> Value {
    let rules = with(with(rules, "at", json!("header:X-Token")), "algorithms", json!(["HS256"]));
    check(json!({ "jwt": rules }))
}

fn verdict_of_token(check: &Value, header: &str, claims: &str) -> &'static str {
    verdict_of(check, &Sent::post("/hook").header("X-Token", token(header, claims)).body("{}"))
}

const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

#[test]
fn a_repeated_form_key_is_refused_because_only_one_copy_is_signed() {
    let check = check(scheme("{form:payload}"));
    let sent = |body| form(tagged("good"), body);
    assert_eq!(verdict_of(&check, &sent("payload=good")), "verified");
    assert_eq!(verdict_of(&check, &sent("payload=good&other=1&other=2")), "verified");
    for body in [
        "payload=good&payload=evil",
        "payload=evil&payload=good",
        "payload=good&payload=good",
        "payload=good&payload",
        "payload=good&%70ayload=evil",
        "payload=good&p%61yload=evil",
    ] {
        assert_eq!(verdict_of(&check, &sent(body)), "field_duplicated", "{body}");
    }
}

#[test]
fn a_repeated_proof_in_a_form_is_refused() {
    let check = check(json!({
        "signature": { "at": "form:signature", "encoding": "hex" },
        "algorithm": "hmac-sha256",
        "signed": "{timestamp}{form:token}",
        "timestamp": { "at": "form:timestamp", "unit": "s" },
    }));
    let tag = hex_tag(format!("{NOW}token"));
    let body = format!("timestamp={NOW}&token=token&signature={tag}");
    let sent = |body: &str| form(Sent::post("/hook"), body);
    assert_eq!(verdict_of(&check, &sent(&body)), "verified");
    for (extra, code) in [
        ("signature=00", "signature_duplicated"),
        ("timestamp=1700000001", "timestamp_duplicated"),
        ("token=other", "field_duplicated"),
    ] {
        assert_eq!(verdict_of(&check, &sent(&format!("{body}&{extra}"))), code);
        assert_eq!(verdict_of(&check, &sent(&format!("{extra}&{body}"))), code);
    }
}

#[test]
fn if_the_senders_field_is_the_last_one_no_other_counts() {
    let mailgun = provider("mailgun-form", &[SECRET]);
    let tag = hex_tag(format!("{NOW}token"));
    let body = format!("timestamp={NOW}&token=token&signature={tag}");
    let sent = |body: &str| form(Sent::post("/hook"), body);
    for extra in ["signature=00", "timestamp=1700000001", "token=other", "signature=a&timestamp=b&token=c&token=d"] {
        assert_eq!(verdict_of(&mailgun, &sent(&format!("{extra}&{body}"))), "verified", "{extra} in front");
        assert_ne!(verdict_of(&mailgun, &sent(&format!("{body}&{extra}"))), "verified", "{extra} behind");
    }
}

#[test]
fn a_repeated_query_parameter_is_refused() {
    let check = check(scheme("{query:id}"));
    let tag = hex_tag("1");
    let sent = |query: &str| Sent::post(&format!("/hook?{query}")).header("X-Tag", &tag);
    assert_eq!(verdict_of(&check, &sent("id=1&x=2&x=3")), "verified");
    for query in ["id=1&id=2", "id=2&id=1", "id=1&id=1", "id=1&%69d=2"] {
        assert_eq!(verdict_of(&check, &sent(query)), "field_duplicated", "{query}");
    }
}

#[test]
fn a_duplicate_json_key_is_refused_because_only_one_copy_is_signed() {
    let check = check(scheme("{json:data.id}"));
    let sent = |body: &str| tagged("1").body(body);
    assert_eq!(verdict_of(&check, &sent(r#"{"data":{"id":"1"},"id":"2"}"#)), "verified");
    for body in [
        r#"{"data":{"id":"1","id":"2"}}"#,
        r#"{"data":{"id":"2","id":"1"}}"#,
        r#"{"data":{"id":"1","i\u0064":"2"}}"#,
        r#"{"data":{"id":"1"},"data":{"id":"2"}}"#,
        // Not in the signed value, but parsers disagree about these too.
        r#"{"data":{"id":"1"},"other":[{"a":1,"a":2}]}"#,
    ] {
        assert_eq!(verdict_of(&check, &sent(body)), "body_malformed", "{body}");
    }
}

#[test]
fn a_second_json_document_after_the_signed_one_is_refused() {
    let check = check(scheme("{json:id}"));
    assert_eq!(verdict_of(&check, &tagged("1").body("{\"id\":\"1\"}\n")), "verified");
    for body in [r#"{"id":"1"}{"id":"2"}"#, r#"{"id":"1"},"#, r#"{"id":"1"} x"#, "{\"id\":\"1\"}\0"] {
        assert_eq!(verdict_of(&check, &tagged("1").body(body)), "body_malformed", "{body}");
    }
}

#[test]
fn no_digit_moves_between_a_timestamp_and_the_body_after_it() {
    let time = json!({ "header": "X-Time", "unit": "s" });
    let check = check(with(scheme("{timestamp}{body}"), "timestamp", time));
    let sent = |time: &str, body: &str| tagged("17000000001234").header("X-Time", time).body(body);
    assert_eq!(verdict_of(&check, &sent("1700000000", "1234")), "verified");
    for (time, body) in [("170000000", "01234"), ("17000000001", "234"), ("17000000001234", ""), ("1", "7000000001234")]
    {
        assert_eq!(verdict_of(&check, &sent(time, body)), "timestamp_malformed", "{time} {body}");
    }
}

#[test]
fn no_digit_moves_between_the_body_and_a_timestamp_after_it() {
    let time = json!({ "header": "X-Time", "unit": "ms" });
    let check = check(with(scheme("{body}{timestamp}"), "timestamp", time));
    let sent = |body: &str, time: &str| tagged("121700000000000").header("X-Time", time).body(body);
    assert_eq!(verdict_of(&check, &sent("12", "1700000000000")), "verified");
    for (body, time) in [("1", "21700000000000"), ("121", "700000000000"), ("", "121700000000000")] {
        assert_eq!(verdict_of(&check, &sent(body, time)), "timestamp_malformed", "{body} {time}");
    }
}

#[test]
fn no_digit_moves_between_a_timestamp_and_the_token_after_it() {
    let mailgun = provider("mailgun-form", &[SECRET]);
    let tag = hex_tag("17000000005token");
    let sent =
        |time: &str, token: &str| form(Sent::post("/hook"), &format!("timestamp={time}&token={token}&signature={tag}"));
    assert_eq!(verdict_of(&mailgun, &sent("1700000000", "5token")), "verified");
    assert_eq!(verdict_of(&mailgun, &sent("17000000005", "token")), "timestamp_malformed");
    assert_eq!(verdict_of(&mailgun, &sent("170000000", "05token")), "timestamp_malformed");
}

#[test]
fn no_byte_moves_across_the_literal_between_two_signed_headers() {
    let check = check(scheme("{header:X-Id}.{header:X-Kind}.{body}"));
    let sent =
        |id: &str, kind: &str, body: &str| tagged("a.b.c.d").header("X-Id", id).header("X-Kind", kind).body(body);
    assert_eq!(verdict_of(&check, &sent("a", "b", "c.d")), "verified");
    for (id, kind, body) in [("a.b", "c", "d"), ("a", "b.c", "d")] {
        assert_eq!(verdict_of(&check, &sent(id, kind, body)), "header_malformed", "{id} {kind} {body}");
    }
}

#[test]
fn a_signed_time_is_checked_even_if_the_senders_library_does_not() {
    let zendesk = provider("zendesk", &[SECRET]);
    let tag = STANDARD.encode(hmac_sha256(SECRET.as_bytes(), b"2023-11-14T22:13:20Z{}"));
    let sent = Sent::post("/hook")
        .header("X-Zendesk-Webhook-Signature", tag)
        .header("X-Zendesk-Webhook-Signature-Timestamp", "2023-11-14T22:13:20Z")
        .body("{}");
    assert_eq!(verdict_of(&zendesk, &sent), "verified");
    assert_eq!(verdict_of(&zendesk, &sent.clone().at(NOW + 100 * 3600)), "timestamp_stale");
    assert_eq!(verdict_of(&zendesk, &sent.at(NOW - 100 * 3600)), "timestamp_future");
}

#[test]
fn a_scheme_that_signs_its_timestamp_always_has_a_window() {
    for provider in vector::providers() {
        for dialect in provider.dialects() {
            let signed = dialect.get("signed").map(Value::to_string).unwrap_or_default();
            let has_window = dialect.get("timestamp").is_some();
            assert!(has_window || !signed.contains("{timestamp}"), "{}", provider.name);
        }
    }
}

#[test]
fn a_time_in_the_future_is_refused_like_one_in_the_past() {
    let stripe = provider("stripe", &[SECRET]);
    let sent = |time: u64| {
        let header = format!("t={time},v1={}", hex_tag(format!("{time}.{{}}")));
        Sent::post("/hook").header("Stripe-Signature", header).body("{}")
    };
    for (time, code) in [
        (NOW, "verified"),
        (NOW - 300, "verified"),
        (NOW + 300, "verified"),
        (NOW - 301, "timestamp_stale"),
        (NOW + 301, "timestamp_future"),
        (9_999_999_999, "timestamp_future"),
    ] {
        assert_eq!(verdict_of(&stripe, &sent(time)), code, "{time}");
    }
}

#[test]
fn a_token_with_a_critical_extension_is_refused() {
    let check = jwt(json!({ "max_age": "5m" }));
    let claims = format!(r#"{{"iat":{NOW}}}"#);
    assert_eq!(verdict_of_token(&check, HS256, &claims), "verified");
    for header in [
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":["https://example.com/ext"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","b64":false}"#,
    ] {
        assert_eq!(verdict_of_token(&check, header, &claims), "token_malformed", "{header}");
    }
}

#[test]
fn a_token_cannot_choose_an_algorithm_that_is_not_listed() {
    let check = jwt(json!({ "max_age": "5m" }));
    let claims = format!(r#"{{"iat":{NOW}}}"#);
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"HS256 "}"#,
    ] {
        assert_eq!(verdict_of_token(&check, header, &claims), "token_algorithm", "{header}");
    }
    for header in ["{}", r#"{"alg":null}"#, r#"{"alg":["HS256"]}"#, r#"{"alg":"none","alg":"HS256"}"#] {
        assert_eq!(verdict_of_token(&check, header, &claims), "token_malformed", "{header}");
    }
    // The unsigned form, with an empty third part.
    let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(&claims));
    assert_eq!(verdict_of(&check, &Sent::post("/hook").header("X-Token", unsigned)), "token_algorithm");
}

#[test]
fn a_public_key_is_never_taken_as_the_secret_of_a_keyed_hash() {
    let rules = json!({ "at": "header:X-Token", "algorithms": ["RS256"], "max_age": "5m" });
    let check = json!({ "scheme": { "jwt": rules }, "keys": [{ "value": RSA_2048 }] });
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HS256), URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":{NOW}}}"#)));
    let tag = hmac_sha256(RSA_2048.as_bytes(), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    assert_eq!(verdict_of(&check, &Sent::post("/hook").header("X-Token", token)), "token_algorithm");
    let mixed = json!({ "at": "header:X-Token", "algorithms": ["RS256", "HS256"], "max_age": "5m" });
    let mixed = json!({ "scheme": { "jwt": mixed }, "keys": [{ "value": RSA_2048 }] });
    assert!(problems(&mixed).contains("mixes algorithms"), "{}", problems(&mixed));
    let secret = json!({ "provider": "github", "keys": [{ "value": RSA_2048 }] });
    assert!(problems(&secret).contains("\"secrets\""), "{}", problems(&secret));
}

#[test]
fn a_tokens_times_must_be_numbers() {
    let check = jwt(json!({ "max_age": "5m" }));
    let exp = NOW + 60;
    assert_eq!(verdict_of_token(&check, HS256, &format!(r#"{{"iat":{NOW},"nbf":{NOW},"exp":{exp}}}"#)), "verified");
    for claims in [
        format!(r#"{{"iat":"{NOW}","exp":{exp}}}"#),
        format!(r#"{{"iat":{NOW},"exp":"{exp}"}}"#),
        format!(r#"{{"iat":{NOW},"exp":"9999999999"}}"#),
        format!(r#"{{"iat":{NOW},"exp":true}}"#),
        format!(r#"{{"iat":{NOW},"exp":[{exp}]}}"#),
        format!(r#"{{"iat":{NOW},"nbf":"{NOW}"}}"#),
        format!(r#"{{"iat":{NOW},"exp":-1}}"#),
        format!(r#"{{"iat":{NOW},"exp":1e99}}"#),
        format!(r#"{{"iat":{NOW},"exp":99999999999999999999999}}"#),
        format!(r#"{{"iat":{NOW},"exp":1,"exp":{exp}}}"#),
    ] {
        assert_eq!(verdict_of_token(&check, HS256, &claims), "token_malformed", "{claims}");
    }
}

#[test]
fn a_token_expires() {
    let aged = jwt(json!({ "max_age": "5m" }));
    let bounded = jwt(json!({}));
    for (check, claims, code) in [
        (&bounded, "{}".to_owned(), "token_claim"),
        (&bounded, format!(r#"{{"iat":{NOW}}}"#), "token_claim"),
        (&bounded, r#"{"exp":null}"#.to_owned(), "token_claim"),
        (&bounded, format!(r#"{{"exp":{}}}"#, NOW + 60), "verified"),
        // A minute of leeway, unless the scheme says otherwise.
        (&bounded, format!(r#"{{"exp":{}}}"#, NOW - 59), "verified"),
        (&bounded, format!(r#"{{"exp":{}}}"#, NOW - 60), "token_expired"),
        (&aged, format!(r#"{{"exp":{}}}"#, NOW + 60), "token_claim"),
        (&aged, format!(r#"{{"iat":{}}}"#, NOW - 301), "token_expired"),
        (&aged, format!(r#"{{"iat":{},"exp":{}}}"#, NOW - 301, NOW + 60), "token_expired"),
        (&aged, format!(r#"{{"iat":{}}}"#, NOW + 301), "token_early"),
        (&aged, format!(r#"{{"iat":{NOW},"nbf":{}}}"#, NOW + 60), "verified"),
        (&aged, format!(r#"{{"iat":{NOW},"nbf":{}}}"#, NOW + 61), "token_early"),
    ] {
        assert_eq!(verdict_of_token(check, HS256, &claims), code, "{claims}");
    }
}

#[test]
fn a_token_without_a_claim_about_the_body_does_not_verify_it() {
    let vonage = provider("vonage", &[SECRET]);
    let hash = |body: &str| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(body));
    let sent = |claims: &str, body: &str| {
        let claims = format!(r#"{{"iss":"Vonage","iat":{NOW},"jti":"1"{claims}}}"#);
        Sent::post("/hook").header("Authorization", format!("Bearer {}", token(HS256, &claims))).body(body)
    };
    let claim = |body| format!(r#","payload_hash":"{}""#, hash(body));
    assert_eq!(verdict_of(&vonage, &sent(&claim("{}"), "{}")), "verified");
    assert_eq!(verdict_of(&vonage, &sent("", "")), "verified");
    for (claims, body) in [
        (String::new(), "{}"),
        (r#","payload_hash":null"#.to_owned(), "{}"),
        (r#","payload_hash":"""#.to_owned(), "{}"),
        (claim("{}"), "{ }"),
        // The token claims a body, but the request has none.
        (claim("{}"), ""),
    ] {
        assert_eq!(verdict_of(&vonage, &sent(&claims, body)), "token_claim", "{claims} {body}");
    }
}

#[test]
fn a_message_signature_without_the_digest_does_not_verify_the_body() {
    let check = check(json!({
        "message_signature": { "algorithm": "hmac-sha256", "components": ["@method", "@authority", "@path"] }
    }));
    let digest = |body: &str| format!("sha-256=:{}:", STANDARD.encode(<sha2::Sha256 as sha2::Digest>::digest(body)));
    let sent = |with_digest: bool, body: &str| {
        let names = if with_digest { r#" "content-digest""# } else { "" };
        let parameters = format!(r#"("@method" "@authority" "@path"{names});created={NOW}"#);
        let line = if with_digest { format!("\"content-digest\": {}\n", digest("{}")) } else { String::new() };
        let base = format!(
            "\"@method\": POST\n\"@authority\": hooks.example.com\n\"@path\": /hook\n{line}\"@signature-params\": {parameters}"
        );
        Sent::post("/hook")
            .header("Signature-Input", format!("sig={parameters}"))
            .header("Signature", format!("sig=:{}:", STANDARD.encode(hmac_sha256(SECRET.as_bytes(), base.as_bytes()))))
            .header("Content-Digest", digest("{}"))
            .body(body)
    };
    assert_eq!(verdict_of(&check, &sent(true, "{}")), "verified");
    assert_eq!(verdict_of(&check, &sent(true, "{ }")), "digest_mismatch");
    assert_eq!(verdict_of(&check, &sent(false, "{}")), "coverage_missing");
}

#[test]
fn a_key_must_be_of_the_kind_that_the_algorithm_needs() {
    let algorithms = [
        ("rsa-sha256", RSA_2048),
        ("rsa-pss-sha256", RSA_2048),
        ("ecdsa-p256-sha256", P256),
        ("ecdsa-p256-sha256-raw", P256),
        ("ed25519", ED25519),
    ];
    for (algorithm, right) in algorithms {
        for key in [RSA_2048, P256, P384, ED25519] {
            let signature = json!({ "header": "X-Tag", "encoding": "base64" });
            let scheme = json!({ "algorithm": algorithm, "signature": signature, "signed": "{body}" });
            let problems = problems(&json!({ "scheme": scheme, "keys": [{ "value": key }] }));
            assert_eq!(problems.is_empty(), key == right, "{algorithm}: {key}: {problems}");
        }
    }
}

#[test]
fn an_rsa_key_below_2048_bits_needs_a_scheme_that_allows_it() {
    for algorithm in ["rsa-sha1", "rsa-sha256", "rsa-sha512", "rsa-pss-sha256"] {
        let signature = json!({ "header": "X-Tag", "encoding": "base64" });
        let scheme = json!({ "algorithm": algorithm, "signature": signature, "signed": "{body}" });
        let check = |scheme: Value| json!({ "scheme": scheme, "keys": [{ "value": RSA_1024 }] });
        let refused = problems(&check(scheme.clone()));
        assert!(refused.contains("too small"), "{algorithm}: {refused}");
        let meant = with(scheme, "insecure_min_key_bits", json!(1024));
        assert_eq!(problems(&check(meant)), "", "{algorithm}");
    }
}

#[test]
fn a_public_key_with_trailing_bytes_is_refused() {
    let signature = json!({ "header": "X-Tag", "encoding": "base64" });
    let scheme = json!({ "algorithm": "ecdsa-p256-sha256", "signature": signature, "signed": "{body}" });
    let mut der = STANDARD.decode(P256).expect("it is base64");
    for _ in 0..2 {
        der.push(0);
        let check = json!({ "scheme": scheme.clone(), "keys": [{ "value": STANDARD.encode(&der) }] });
        assert_ne!(problems(&check), "", "{} bytes", der.len());
    }
}

#[test]
fn a_der_signature_has_only_one_valid_encoding() {
    let sendgrid = vector::provider("sendgrid");
    let valid = sendgrid.vectors.iter().find(|vector| vector.is_valid()).expect("one is valid");
    let policy = support::policy(&sendgrid.config(valid, Form::ByName));
    let name = "x-twilio-email-event-webhook-signature";
    let at = valid.sent.headers.iter().position(|(header, _)| header.eq_ignore_ascii_case(name)).expect("it is signed");
    let der = STANDARD.decode(&valid.sent.headers[at].1).expect("it is base64");
    let code = |der: &[u8]| {
        let mut sent = valid.sent.clone();
        sent.headers[at].1 = STANDARD.encode(der).into_bytes();
        deliver(&policy, &sent, &Delivery::whole()).code
    };
    assert_eq!(code(&der), "verified");
    let len = u8::try_from(der.len()).expect("it is short");
    let trailing = [&der[..], &[0]].concat();
    let trailing_inside = [&[0x30, len - 1][..], &der[2..], &[0]].concat();
    let long_length = [&[0x30, 0x81, len - 2][..], &der[2..]].concat();
    // One more zero before the first integer.
    let padded = [&[0x30, len - 1, 0x02, der[3] + 1, 0][..], &der[4..]].concat();
    let indefinite = [&[0x30, 0x80][..], &der[2..], &[0, 0]].concat();
    for changed in [trailing, trailing_inside, long_length, padded, indefinite, der[..der.len() - 1].to_vec()] {
        assert_eq!(code(&changed), "signature_mismatch", "{}", hex::encode(&changed));
    }
}

#[test]
fn base64_has_only_one_valid_encoding() {
    let shopify = provider("shopify", &[SECRET]);
    let tag = STANDARD.encode(hmac_sha256(SECRET.as_bytes(), b"{}"));
    let code = |tag: &str| verdict_of(&shopify, &Sent::post("/hook").header("X-Shopify-Hmac-Sha256", tag).body("{}"));
    assert_eq!(code(&tag), "verified");
    // 32 bytes are 43 letters, and the last letter has two unused bits.
    let (bytes, last) = (&tag[..42], tag.as_bytes()[42]);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = alphabet.iter().position(|letter| *letter == last).expect("it is a letter of base64");
    for stray in 1..4 {
        let changed = format!("{bytes}{}=", char::from(alphabet[value + stray]));
        assert_eq!(code(&changed), "signature_malformed", "{changed}");
    }
    let unpadded = tag.trim_end_matches('=');
    let url_safe = tag.replace('+', "-").replace('/', "_");
    for changed in [unpadded.to_owned(), format!("{tag}="), format!("{bytes}\t{}=", char::from(last))] {
        assert_eq!(code(&changed), "signature_malformed", "{changed}");
    }
    assert!(url_safe == tag || code(&url_safe) == "signature_malformed", "{url_safe}");
}

#[test]
fn a_token_has_only_one_valid_encoding_in_base64() {
    let check = jwt(json!({ "max_age": "5m" }));
    let token = token(HS256, &format!(r#"{{"iat":{NOW}}}"#));
    let code = |token: &str| verdict_of(&check, &Sent::post("/hook").header("X-Token", token));
    assert_eq!(code(&token), "verified");
    assert_eq!(code(&format!("{token}=")), "token_malformed");
    assert_eq!(code(&format!("{token}.")), "token_malformed");
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let value = alphabet.iter().position(|letter| last.as_bytes()[0] == *letter).expect("it is a letter of base64");
    assert_eq!(code(&format!("{rest}{}", char::from(alphabet[value + 1]))), "token_malformed");
}

#[test]
fn two_signature_headers_are_refused_whichever_is_valid() {
    let right = Sent::github("/hook", SECRET, "{}");
    let tag = right.headers.last().expect("it is signed").1.clone();
    let wrong = format!("sha256={}", "0".repeat(64));
    let github = provider("github", &[SECRET]);
    assert_eq!(verdict_of(&github, &right), "verified");
    let send = |first: &[u8], second: &[u8]| {
        let sent = Sent::post("/hook").header("X-Hub-Signature-256", first).header("x-hub-signature-256", second);
        verdict_of(&github, &sent.body("{}"))
    };
    assert_eq!(send(&tag, wrong.as_bytes()), "signature_duplicated");
    assert_eq!(send(wrong.as_bytes(), &tag), "signature_duplicated");
    assert_eq!(send(&tag, &tag), "signature_duplicated");
    // As a proxy joins them.
    let joined = [&tag[..], b", ", wrong.as_bytes()].concat();
    let sent = Sent::post("/hook").header("X-Hub-Signature-256", joined).body("{}");
    assert_eq!(verdict_of(&github, &sent), "signature_malformed");
}

#[test]
fn every_item_of_a_signed_batch_is_checked() {
    let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    let adyen = provider("adyen-payments", &[key]);
    let item = |reference: &str, signed: &str| {
        let content = format!("{signed}::Account:Order:1000:EUR:AUTHORISATION:true");
        let tag = STANDARD.encode(hmac_sha256(&hex::decode(key).expect("it is hexadecimal"), content.as_bytes()));
        json!({ "NotificationRequestItem": {
            "pspReference": reference, "merchantAccountCode": "Account", "merchantReference": "Order",
            "amount": { "value": 1000, "currency": "EUR" }, "eventCode": "AUTHORISATION", "success": "true",
            "additionalData": { "hmacSignature": tag }
        } })
    };
    let code = |items: &[Value]| {
        let body = json!({ "live": "false", "notificationItems": items }).to_string();
        verdict_of(&adyen, &Sent::post("/hook").header("Content-Type", "application/json").body(body))
    };
    let (one, two, forged) = (item("1", "1"), item("2", "2"), item("3", "2"));
    assert_eq!(code(std::slice::from_ref(&one)), "verified");
    assert_eq!(code(&[one.clone(), two.clone()]), "verified");
    assert_eq!(code(&[one.clone(), forged.clone()]), "signature_mismatch");
    assert_eq!(code(&[forged, one.clone()]), "signature_mismatch");
    assert_eq!(code(&[one.clone(), json!({ "NotificationRequestItem": {} })]), "signature_missing");
    assert_ne!(code(&[one, json!("text")]), "verified");
    assert_ne!(code(&[]), "verified");
}

#[test]
fn every_item_of_a_batch_with_a_credential_is_checked() {
    let graph = provider("microsoft-graph", &[SECRET]);
    let code = |value: Value| verdict_of(&graph, &Sent::post("/hook").body(json!({ "value": value }).to_string()));
    let (right, wrong) = (json!({ "clientState": SECRET }), json!({ "clientState": "another-secret-of-sixteen" }));
    assert_eq!(code(json!([right])), "verified");
    assert_eq!(code(json!([right, right])), "verified");
    assert_eq!(code(json!([right, wrong])), "credential_mismatch");
    assert_eq!(code(json!([wrong, right])), "credential_mismatch");
    for value in [json!([right, {}]), json!([right, { "clientState": null }]), json!([]), json!(right), json!(null)] {
        assert_ne!(code(value.clone()), "verified", "{value}");
    }
}

#[test]
fn a_secret_pasted_with_white_space_is_refused_and_not_trimmed() {
    for name in ["github", "standard-webhooks", "bearer", "basic"] {
        let secret = match name {
            "basic" => "user:a-secret-of-sixteen",
            "standard-webhooks" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            _ => SECRET,
        };
        assert_eq!(problems(&provider(name, &[secret])), "", "{name}");
        for pasted in [
            format!(" {secret}"),
            format!("{secret} "),
            format!("{secret}\n"),
            format!("{secret}\r\n"),
            format!("\t{secret}"),
            format!("{secret}\u{a0}"),
            format!("{}\n{}", &secret[..6], &secret[6..]),
        ] {
            let problems = problems(&provider(name, &[&pasted]));
            assert!(problems.contains("white space"), "{name}: {pasted:?}: {problems}");
        }
    }
}

#[test]
fn a_signed_number_keeps_every_digit_that_was_sent() {
    let check = check(scheme("{json:id}"));
    let code = |signed: &str, sent: &str| verdict_of(&check, &tagged(signed).body(format!(r#"{{"id":{sent}}}"#)));
    for number in [
        "9007199254740993",
        "18446744073709551617",
        "123456789012345678901234567890",
        "-9223372036854775809",
        "0.1000",
        "1.0",
        "3.141592653589793238462643383279",
    ] {
        assert_eq!(code(number, number), "verified", "{number}");
    }
    // The same numbers as a double.
    for (signed, sent) in [
        ("9007199254740992", "9007199254740993"),
        ("9007199254740993", "9007199254740992"),
        ("18446744073709551616", "18446744073709551617"),
        ("1", "1.0"),
        ("0.1", "0.1000"),
    ] {
        assert_eq!(code(signed, sent), "signature_mismatch", "{sent}");
    }
    // A number with several spellings has no unique text that a sender could have signed.
    for number in ["1e3", "1E3", "1e400"] {
        assert_eq!(code(number, number), "field_malformed", "{number}");
    }
}

#[test]
fn a_token_is_good_for_its_age_to_the_second_and_its_times_are_plain_numbers() {
    let key = "a-secret-of-thirty-two-or-more-bytes";
    let jwt = json!({ "jwt": { "at": "header:X-Token", "algorithms": ["HS256"], "max_age": "5m",
        "claims": { "aud": "right" } } });
    let check = json!({ "scheme": jwt, "secrets": support::literal(&[key]) });
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let code = |iat: &str, audience: &str| {
        let claims = format!(r#"{{"iat":{iat},"aud":{audience}}}"#);
        let signed = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.as_bytes()));
        let tag = encode(&hmac_sha256(key.as_bytes(), signed.as_bytes()));
        let sent = Sent::post("/hook").header("X-Token", format!("{signed}.{tag}"));
        verdict_of(&check, &sent)
    };
    for (seconds, expected) in
        [(NOW - 301, "token_expired"), (NOW - 300, "verified"), (NOW + 300, "verified"), (NOW + 301, "token_early")]
    {
        assert_eq!(code(&seconds.to_string(), r#""right""#), expected, "{seconds}");
    }
    for (number, expected) in
        [("1700000000.5", "verified"), ("1700000000.5e0", "token_malformed"), ("0001700000000", "token_malformed")]
    {
        assert_eq!(code(number, r#""right""#), expected, "{number}");
    }
    assert_eq!(code("1000000000000", r#""right""#), "token_malformed", "thirteen digits are milliseconds");
    for (audience, expected) in [
        (r#"["other","right"]"#, "verified"),
        (r#"["other"]"#, "token_claim"),
        ("[]", "token_claim"),
        (r#"[["right"]]"#, "token_claim"),
    ] {
        assert_eq!(code(&NOW.to_string(), audience), expected, "{audience}");
    }
}
