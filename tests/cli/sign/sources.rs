//! Sources of a configuration: several checks, lists of secrets, rotation, custom schemes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::filter::Made;
use super::keys::Keys;
use crate::support::{Ran, hookwarden_with};

fn write(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sign-sources");
    fs::create_dir_all(&folder).expect("a folder can be made");
    let path = folder.join(name);
    fs::write(&path, text).expect("it can be written");
    path
}

fn sign(name: &str, configuration: &Value, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let path = write(&format!("{name}.json"), &configuration.to_string());
    let mut all = vec!["sign", "--config", path.to_str().expect("a path"), "--as", "json"];
    all.extend(arguments);
    hookwarden_with(&all, "", environment)
}

fn made(ran: &Ran) -> Made {
    let json = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    Made::read(&json)
}

/// `configuration` with its variables replaced by their values.
fn resolved(configuration: &Value, environment: &[(&str, &str)]) -> Value {
    let mut text = configuration.to_string();
    for (name, value) in environment {
        text = text.replace(&format!("\"env\":\"{name}\""), &format!("\"value\":{}", json!(value)));
    }
    serde_json::from_str(&text).expect("JSON")
}

fn one(path: &str, verify: Value) -> Value {
    json!({ "sources": [{ "name": "tested", "match": { "path": path }, "verify": verify }] })
}

#[test]
fn a_source_with_several_checks_gets_a_request_that_satisfies_all_of_them() {
    let environment = [("USER", "anymail:a-long-password"), ("KEY", "a-mailgun-signing-key")];
    let checks = json!([
        { "provider": "basic", "secrets": [{ "env": "USER" }] },
        { "provider": "mailgun", "secrets": [{ "env": "KEY" }] },
        { "any": [
            { "provider": "header-token", "with": { "header": "X-Token" }, "secrets": [{ "env": "UNSET_VARIABLE" }] },
            { "provider": "generic-hmac", "secrets": [{ "env": "KEY" }] },
        ] },
    ]);
    let configuration = one("/in/*", checks);
    let ran = sign("several", &configuration, &[], &environment);
    assert_eq!(ran.code, 0, "{ran:?}");
    let request = made(&ran);
    assert!(request.path().starts_with("/in/"), "{request:?}");
    let resolved = resolved(&configuration, &[&environment[..], &[("UNSET_VARIABLE", "a-token-of-nobody")]].concat());
    assert_eq!(request.verdict_of(&resolved), "verified");

    // Of the checks, one with a signature is tampered with rather than one with a credential, and nothing else is.
    for (tamper, code) in
        [("signature", "signature_mismatch"), ("timestamp", "timestamp_stale"), ("secret", "signature_mismatch")]
    {
        let ran = sign("several", &configuration, &["--tamper", tamper], &environment);
        assert_eq!(ran.code, 0, "{tamper}: {ran:?}");
        assert_eq!(made(&ran).verdict_of(&resolved), code, "{tamper}");
    }
}

#[test]
fn the_first_valid_available_secret_is_used_or_the_given_one() {
    let environment = [("OLD", "the-old-secret-of-it"), ("NEW", "the-new-secret-of-it")];
    let configuration = one(
        "/hooks",
        json!({ "provider": "github", "secrets": [
            { "id": "over", "env": "OLD", "not_after": "2020-01-01T00:00:00Z" },
            { "id": "unset", "env": "UNSET_VARIABLE" },
            { "id": "new", "env": "NEW" },
            { "id": "old", "value": "another-old-secret-here" },
        ] }),
    );
    let check = |secret: &str| json!({ "provider": "github", "secrets": [{ "value": secret }] });
    let first = made(&sign("rotation", &configuration, &[], &environment));
    assert_eq!(first.verdict(&check("the-new-secret-of-it")), "verified");
    let named = made(&sign("rotation", &configuration, &["--secret-id", "old"], &environment));
    assert_eq!(named.verdict(&check("another-old-secret-here")), "verified");
    let wrong = sign("rotation", &configuration, &["--secret-id", "none"], &environment);
    assert!(wrong.code == 2 && wrong.err.contains("over, unset, new, old"), "{wrong:?}");
    let given = sign("rotation", &configuration, &["--secret-env", "OLD"], &environment);
    assert_eq!(made(&given).verdict(&check("the-old-secret-of-it")), "verified");
}

#[test]
fn variables_in_a_file_take_precedence_over_the_environment() {
    let file = write("variables", "# a remark\n\nexport NEW='from-the-file-quoted'\nOTHER=x=y\n");
    let configuration = one("/hooks", json!({ "provider": "github", "secrets": [{ "env": "NEW" }] }));
    let arguments = ["--env-file", file.to_str().expect("a path")];
    let ran = sign("variables", &configuration, &arguments, &[("NEW", "from-the-environment")]);
    let check = json!({ "provider": "github", "secrets": [{ "value": "from-the-file-quoted" }] });
    assert_eq!(made(&ran).verdict(&check), "verified", "{ran:?}");
    let broken = write("broken", "NEW=a-secret-that-is-here\nno assignment\n");
    let ran = sign("variables", &configuration, &["--env-file", broken.to_str().expect("a path")], &[]);
    assert!(ran.code == 2 && ran.err.contains(":2: "), "{ran:?}");
}

#[test]
fn the_request_names_its_list_of_secrets() {
    let lists = |by: Value| {
        let mut by = by;
        by["secrets"] = json!({
            "push": [{ "value": "the-secret-of-pushes" }],
            "tag": [{ "value": "the-secret-of-the-tags" }],
        });
        json!({ "provider": "github", "secrets_by": by })
    };
    let by_header = one("/hooks", lists(json!({ "header": "X-Event" })));
    let first = made(&sign("by-header", &by_header, &[], &[]));
    assert_eq!((first.header("X-Event"), first.verdict_of(&by_header)), (Some("push"), "verified"));
    let named = made(&sign("by-header", &by_header, &["--secrets-of", "tag"], &[]));
    assert_eq!((named.header("X-Event"), named.verdict_of(&by_header)), (Some("tag"), "verified"));
    let wrong = sign("by-header", &by_header, &["--secrets-of", "none"], &[]);
    assert!(wrong.code == 2 && wrong.err.contains("push, tag"), "{wrong:?}");

    let by_path = one("/hooks/*", lists(json!({ "path_segment": 1 })));
    let named = made(&sign("by-path", &by_path, &["--secrets-of", "tag"], &[]));
    assert_eq!((named.path(), named.verdict_of(&by_path)), ("/hooks/tag", "verified"));
    let url = ["--secrets-of", "tag", "--url", "https://hooks.example.com/hooks/push"];
    let wrong = sign("by-path", &by_path, &url, &[]);
    assert!(wrong.code == 2 && wrong.err.contains("--secrets-of"), "{wrong:?}");
}

#[test]
fn a_source_is_found_by_its_name_its_provider_or_because_it_is_the_only_one() {
    let source = |name: &str, provider: &str| {
        json!({
            "name": name,
            "match": { "hosts": ["*.example.org"], "path": format!("/{name}") },
            "verify": { "provider": provider, "secrets": [{ "value": "a-secret-of-sixteen" }] },
        })
    };
    let configuration = json!({ "sources": [source("a", "github"), source("b", "shopify")] });
    let by_name = made(&sign("found", &configuration, &["--source", "b"], &[]));
    assert_eq!((by_name.path(), by_name.authority.as_str()), ("/b", "hooks.example.org"));
    assert_eq!(by_name.verdict_of(&configuration), "verified");
    let by_provider = made(&sign("found", &configuration, &["--provider", "github"], &[]));
    assert_eq!(by_provider.path(), "/a");
    for arguments in [&[][..], &["--source", "c"], &["--provider", "slack"]] {
        let ran = sign("found", &configuration, arguments, &[]);
        assert!(ran.code == 2 && ran.err.contains("a, b"), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn a_source_with_replay_gets_a_new_id_every_time() {
    let configuration = json!({ "sources": [{
        "name": "github",
        "match": { "path": "/hooks" },
        "verify": { "provider": "github", "secrets": [{ "value": "a-secret-of-sixteen" }] },
        "replay": { "window": "24h", "id": "header:X-GitHub-Delivery", "insecure_unsigned_id": true },
    }] });
    let id = |arguments: &[&str]| {
        let made = made(&sign("replay", &configuration, arguments, &[]));
        made.header("X-GitHub-Delivery").expect("an id").to_owned()
    };
    assert_ne!(id(&[]), id(&[]));
    assert_eq!(id(&["--event-id", "evt-1"]), "evt-1");
}

#[test]
fn a_key_or_a_url_of_another_source_is_refused() {
    let keys = Keys::get();
    let public = |text: &str| {
        let file = write("private.pem", text);
        let path = file.to_str().expect("a path").to_owned();
        let ran = hookwarden_with(&["sign", "--provider", "discord", "--secret-file", &path, "--as", "json"], "", &[]);
        let json: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        json["public_keys"][0].as_str().expect("a key").to_owned()
    };
    let own = public(&keys.ed25519);
    let other = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    for (configured, is_right) in [(own.as_str(), true), (other, false)] {
        let configuration = one("/hooks", json!({ "provider": "discord", "keys": [{ "value": configured }] }));
        let environment = [("KEY", keys.ed25519.as_str())];
        let ran = sign("remarked", &configuration, &["--secret-env", "KEY"], &environment);
        assert_eq!((ran.code, ran.err.is_empty()), (i32::from(!is_right), is_right), "{ran:?}");
        assert_eq!(made(&ran).verdict_of(&configuration) == "verified", is_right);
    }
    let configuration = one("/hooks", json!({ "provider": "github", "secrets": [{ "value": "a-secret-of-sixteen" }] }));
    let ran = sign("remarked", &configuration, &["--url", "https://hooks.example.com/elsewhere"], &[]);
    assert!(ran.code == 1 && ran.err.contains("does not match the source tested"), "{ran:?}");
}

#[test]
fn an_invalid_configuration_is_refused_with_its_problems() {
    let configuration = one("/hooks", json!({ "provider": "github", "secret": [] }));
    let ran = sign("wrong", &configuration, &[], &[]);
    assert!(ran.code == 2 && ran.err.contains("$.sources[0].verify") && ran.out.is_empty(), "{ran:?}");
}

/// Schemes that no built-in sender has, with every algorithm, encoding and place of the language.
#[test]
fn schemes_in_a_configuration_are_signed_like_built_in_ones() {
    let secret = [("KEY", "c2VjcmV0LXNlY3JldC1zZWNyZXQ=")];
    let keys = Keys::get();
    let symmetric = |scheme: Value| (scheme, secret[0].1.to_owned());
    let public = |algorithm: &str| {
        let scheme = json!({
            "signature": { "header": "X-Signature", "encoding": "base64" },
            "algorithm": algorithm,
            "signed": "{timestamp}.{body}",
            "timestamp": { "header": "X-Time", "unit": "s" },
        });
        (scheme, keys.of(algorithm).to_owned())
    };
    let message = |algorithm: &str, key: &str| {
        let components =
            ["@method", "@target-uri", "@query-param;name=\"id\"", "content-type", "x-else", "date", "content-length"];
        let scheme = json!({ "message_signature": {
            "algorithm": algorithm, "components": components, "label": "here", "tag": "a \"tag\"",
        } });
        (scheme, key.to_owned())
    };
    let schemes = [
        (
            "hmac-sha384",
            symmetric(json!({
                "signature": { "header": "X-Signature", "encoding": "hex-upper" },
                "algorithm": "hmac-sha384", "signed": "{method} {target} {path} {query:page} {header:X-Nonce}\n{body}",
            })),
        ),
        (
            "entries",
            symmetric(json!({
                "signature": { "header": "X-Signature", "separator": ";", "prefix": "sig=", "encoding": "percent-base64" },
                "algorithm": "hmac-sha512", "signed": "{timestamp}.{entry:n=}.{body}",
                "timestamp": { "entry": "at=", "unit": "float-s" },
                "require": [["{entry:alg=}", "HS512"], ["{header:X-Digest}", "SHA-256={body|sha256|hex|upper}"]],
                "event_id": { "at": "entry:n=" },
            })),
        ),
        (
            "first-entry",
            symmetric(json!({
                "signature": { "header": "X-Signature", "separator": ".", "position": "rest", "encoding": "base64url" },
                "algorithm": "hmac-sha256", "signed": "{entry:@0}.{body}",
                "timestamp": { "at": "entry:@0|base64url_decode|json:ts", "unit": "ms" },
                "require": [["{entry:@0|base64url_decode|json:alg}", "HS256"]],
            })),
        ),
        (
            "plain-hash",
            symmetric(json!({
                "signature": { "at": "query:sign", "encoding": "hex-lower" },
                "algorithm": "sha512", "signed": "{secret}{timestamp}{body}",
                "timestamp": { "at": "query:t", "unit": "s" },
            })),
        ),
        (
            "in-json",
            symmetric(json!({
                "signature": { "at": "json:meta.signature", "encoding": "base64" },
                "algorithm": "hmac-sha256", "signed": "{json:meta.id}|{timestamp}|{json:data.value}",
                "timestamp": { "at": "json:meta.time", "unit": "iso8601" }, "event_id": { "at": "json:meta.id" },
            })),
        ),
        (
            "in-form",
            symmetric(json!({
                "signature": { "at": "form:sign", "encoding": "hex" },
                "algorithm": "hmac-sha1", "signed": "{form:event}{timestamp}",
                "timestamp": { "at": "form:time", "unit": "s" },
            })),
        ),
        (
            "listed-headers",
            symmetric(json!({
                "signature": { "header": "X-Signature", "encoding": "hex" },
                "algorithm": "hmac-sha256", "signed": "{header:X-Signed|header_pairs}\n{body}",
                "timestamp": { "header": "X-Time", "unit": "ms" },
            })),
        ),
        (
            "numbered",
            symmetric(json!({
                "signature": { "header": "X-Signature-*", "prefix": "v1:", "encoding": "hex" },
                "algorithm": "hmac-md5", "key": { "encoding": "base64" }, "signed": "{body}[[;{header:X-Absent}]]",
            })),
        ),
        (
            "dialects",
            symmetric(json!({ "dialects": [
            { "signature": { "header": "X-Signature", "encoding": "hex" }, "algorithm": "hmac-sha256", "signed": "{form|sorted}{body}",
              "when": { "equal": ["{header:X-Version}", "2"] } },
            { "signature": { "header": "X-Signature", "encoding": "hex" }, "algorithm": "hmac-sha256", "signed": "{body}" },
        ] })),
        ),
        (
            "jwt",
            symmetric(json!({ "jwt": {
            "at": "query:token", "algorithms": ["HS384"], "max_age": "1m",
            "claims": { "iss": "me", "http.digest": "{body|sha256|base64}", "sub": true, "aud": { "one_of": ["a", "b"] } },
        } })),
        ),
        ("credential-prefix", symmetric(json!({ "credential": { "header": "X-Token", "prefix": "Token token=" } }))),
        ("credential-json", symmetric(json!({ "credential": { "at": "json:auth.token" } }))),
        ("credential-form", symmetric(json!({ "credential": { "at": "form:token" } }))),
        (
            "cavage-hmac",
            symmetric(json!({ "http_signature": { "header": "X-Signature", "algorithm": "hmac-sha256" } })),
        ),
        (
            "cavage-authorization",
            symmetric(json!({ "http_signature": { "header": "Authorization", "algorithm": "hmac-sha256" } })),
        ),
        (
            "cavage-rsa",
            (json!({ "http_signature": { "header": "X-Signature", "algorithm": "rsa-sha256" } }), keys.rsa.clone()),
        ),
        ("rfc9421-hmac", message("hmac-sha256", secret[0].1)),
        ("rfc9421-ecdsa", message("ecdsa-p256-sha256", &keys.p256)),
        ("rfc9421-pss", message("rsa-pss-sha512", &keys.rsa)),
        ("ed25519", public("ed25519")),
        ("ecdsa", public("ecdsa-p256-sha256")),
        ("ecdsa-raw", public("ecdsa-p256-sha256-raw")),
        ("ecdsa-sha1", public("ecdsa-p256-sha1")),
        ("rsa-sha1", public("rsa-sha1")),
        ("rsa-sha256", public("rsa-sha256")),
        ("rsa-sha512", public("rsa-sha512")),
        ("rsa-pss-sha256", public("rsa-pss-sha256")),
        ("rsa-pss-sha512", public("rsa-pss-sha512")),
        (
            "jwt-eddsa",
            (
                json!({ "jwt": { "at": "header:Authorization", "prefix": "Bearer ", "algorithms": ["RS256", "EdDSA"] } }),
                keys.ed25519.clone(),
            ),
        ),
        ("jwt-es256", (json!({ "jwt": { "at": "body", "algorithms": ["ES256"] } }), keys.p256.clone())),
    ];
    for (name, (scheme, key)) in schemes {
        // The configuration needs a public key before the private one is known: any of its kind will do.
        let is_public = key.starts_with("-----");
        let check = |public: Option<&Value>| match (is_public, public) {
            (true, Some(public)) => json!({ "scheme": scheme, "keys": [{ "value": public }] }),
            _ => json!({ "scheme": scheme, "secrets": [{ "env": "KEY" }] }),
        };
        let keyed =
            if is_public { json!({ "scheme": scheme, "keys": [{ "env": "UNSET_VARIABLE" }] }) } else { check(None) };
        let configuration = one("/hooks", keyed);
        let mut arguments = vec!["--url", "https://hooks.example.com/hooks?id=1&page=2", "--source", "tested"];
        if is_public {
            arguments.extend(["--secret-env", "KEY"]);
        }
        let environment = [("KEY", key.as_str())];
        let ran = sign(&format!("scheme-{name}"), &configuration, &arguments, &environment);
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
        let json: Value = serde_json::from_str(&ran.out).expect("JSON");
        let receiver = resolved(&one("/hooks", check(Some(&json["public_keys"][0]))), &environment);
        assert_eq!(Made::read(&json).verdict_of(&receiver), "verified", "{name}: {json:#}");
        if name.starts_with("credential") {
            continue;
        }
        for tamper in ["signature", "secret"] {
            let ran = sign(
                &format!("scheme-{name}"),
                &configuration,
                &[&arguments[..], &["--tamper", tamper]].concat(),
                &environment,
            );
            assert_eq!(made(&ran).verdict_of(&receiver), "signature_mismatch", "{name}, {tamper}: {ran:?}");
        }
    }
}
