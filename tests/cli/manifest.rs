//! `hookwarden manifest`: everything it writes passes `hookwarden check`, and Envoy accepts it.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Ran, hookwarden};

const TARGETS: [&str; 5] = ["envoy", "compose", "istio-gateway", "istio-sidecar", "envoy-gateway"];

/// A configuration without warnings.
const PLAIN: &str = r#"{
  "sources": [
    {
      "name": "stripe",
      "match": { "path": "/hooks/stripe" },
      "verify": {
        "provider": "stripe",
        "secrets": [
          { "id": "2026-11", "env": "STRIPE_WEBHOOK_SECRET" },
          { "id": "2025-11", "env": "STRIPE_WEBHOOK_SECRET_OLD", "not_after": "2099-12-31T00:00:00Z" }
        ],
        "tolerance": "5m"
      },
      "max_body_bytes": 26214400
    },
    {
      "name": "slack",
      "match": { "hosts": ["hooks.example.com", "*.hooks.example.com"], "path": "/slack/*" },
      "verify": { "provider": "slack", "secrets": [{ "env": "SLACK_SIGNING_SECRET" }] }
    }
  ]
}"#;

/// A configuration that needs more of its set-up: a store, and trustworthy client addresses.
const GUARDED: &str = r#"{
  "body_hold": "chain",
  "sources": [
    {
      "name": "yes",
      "match": { "hosts": ["hooks.example.com"], "path": "/hooks/github" },
      "verify": { "provider": "stripe", "secrets": [{ "env": "STRIPE_WEBHOOK_SECRET" }] },
      "methods": ["POST"],
      "allow_from": ["192.0.2.0/24", "2001:db8::/32"],
      "flood_limit": { "failures": 20, "per": "1m" },
      "replay": {
        "window": "24h",
        "store": { "cluster": "webdis", "authorization": { "env": "WEBDIS_AUTHORIZATION" } }
      }
    }
  ]
}"#;

fn manifest(target: &str, configuration: &str, more: &[&str]) -> Ran {
    let mut arguments = vec!["manifest", target, "-"];
    arguments.extend(more);
    let ran = hookwarden(&arguments, configuration);
    assert_eq!(ran.code, 0, "{target}: {}{}", ran.out, ran.err);
    ran
}

#[test]
fn every_manifest_passes_the_check_without_a_warning() {
    for target in TARGETS {
        for (configuration, more) in [
            (PLAIN, &["--sha256", "f3767dfe8889ebb55a21409df2b6f36e66abfbe1eb92d64ff76ae799d3f91016"][..]),
            (PLAIN, &["--trusted-hops", "2", "--upstream", "other.example.com:8443"]),
            (GUARDED, &["--name", "hooks", "--namespace", "hooks", "--secret", "hooks"]),
        ] {
            // A sidecar does not know its clients' addresses, which a test below covers.
            if target == "istio-sidecar" && configuration == GUARDED {
                continue;
            }
            let ran = manifest(target, configuration, more);
            assert_eq!(ran.err, "", "{target}");
            let checked = hookwarden(&["check", "--deny-warnings", "-"], &ran.out);
            assert_eq!(checked.code, 0, "{target}: {}{}\n{}", checked.out, checked.err, ran.out);
            assert!(checked.out.contains("in 1 plugin of 1 file"), "{target}: {}", checked.out);
        }
    }
}

#[test]
fn live_secrets_come_from_files_that_envoy_watches() {
    let ran = manifest("envoy", PLAIN, &["--live-secrets"]);
    assert_eq!(ran.err, "");
    for variable in ["STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET_OLD", "SLACK_SIGNING_SECRET"] {
        for part in [
            format!("\"filter_state\": \"hw.{variable}\""),
            format!("object_key: hw.{variable}\n"),
            format!("filename: /etc/hookwarden/secrets/{variable}\n"),
        ] {
            assert!(ran.out.contains(&part), "{part}\n{}", ran.out);
        }
    }
    assert!(!ran.out.contains("host_env_keys"), "{}", ran.out);
    let checked = hookwarden(&["check", "--deny-warnings", "-"], &ran.out);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let fetched = r#"{"cluster": "vault", "path": "/v1/secret/data/slack", "pointer": "/data/data/current"}"#;
    let configuration =
        PLAIN.replace(r#"[{ "env": "SLACK_SIGNING_SECRET" }]"#, &format!(r#"[{{ "http": {fetched} }}]"#));
    let ran = manifest("envoy", &configuration, &[]);
    assert!(ran.out.contains("- name: vault\n"), "{}", ran.out);
    let checked = hookwarden(&["check", "--deny-warnings", "-"], &ran.out);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let refused = hookwarden(&["manifest", "compose", "-", "--live-secrets"], PLAIN);
    assert_eq!(refused.code, 2, "{}", refused.err);
}

#[test]
fn the_cluster_of_keys_that_are_handed_out_adds_the_credentials() {
    let configuration = r#"{"sources": [{
        "name": "plaid", "match": {"path": "/hooks/plaid"}, "replay": {"window": "24h"},
        "verify": {"provider": "plaid", "keys": [{"jwk": {"cluster": "plaid", "authority": "sandbox.plaid.com"}}]}
    }]}"#;
    let ran = manifest("envoy", configuration, &[]);
    assert_eq!(ran.err, "");
    for part in [
        "sni: sandbox.plaid.com\n",
        "header: PLAID-CLIENT-ID\n",
        "header: PLAID-SECRET\n",
        "path: /etc/hookwarden/sds/plaid-secret.yaml }\n",
        "node: { id: hookwarden, cluster: hookwarden }\n",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let checked = hookwarden(&["check", "--deny-warnings", "-"], &ran.out);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
}

#[test]
fn every_manifest_sets_body_hold_whatever_the_configuration_has() {
    for target in TARGETS {
        for configuration in [PLAIN, &PLAIN.replacen('{', "{ \"body_hold\": \"chain\",", 1)] {
            let text = manifest(target, configuration, &[]).out;
            let by_filter = target == "envoy" || target == "compose";
            assert_eq!(text.contains("allow_on_headers_stop_iteration: true"), by_filter, "{target}");
            assert_eq!(text.contains("\"body_hold\": \"filter\""), by_filter, "{target}");
            assert_eq!(text.contains("body_hold: chain"), !by_filter, "{target}");
            assert_eq!(text.contains("envoy.filters.http.buffer"), !by_filter, "{target}");
        }
    }
}

#[test]
fn every_variable_comes_from_a_secret_and_none_has_a_value() {
    for target in TARGETS {
        let text = manifest(target, PLAIN, &["--secret", "my-secrets"]).out;
        for name in ["STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET_OLD", "SLACK_SIGNING_SECRET"] {
            match target {
                "envoy" => assert!(text.contains(&format!("- {name}\n")), "{target}: {name}"),
                "compose" => assert!(text.contains(&format!("      - {name}\n")), "{target}: {name}"),
                _ => {
                    let wired = format!("secretKeyRef: {{ name: my-secrets, key: {name} }}");
                    assert!(text.contains(&wired), "{target}: {name}");
                }
            }
        }
    }
}

#[test]
fn the_buffer_limit_is_above_the_largest_body() {
    for (target, limit) in [
        ("envoy", "request_body_buffer_limit: 28311552"),
        ("istio-gateway", "max_request_bytes: 28311552"),
        ("istio-sidecar", "max_request_bytes: 28311552"),
        ("envoy-gateway", "limit: 27Mi"),
    ] {
        let text = manifest(target, PLAIN, &[]).out;
        assert!(text.contains(limit), "{target}: {text}");
    }
}

#[test]
fn a_signed_request_id_is_preserved_only_if_a_source_needs_it() {
    let signed = PLAIN.replace("\"slack\"", "\"mercadopago\"");
    for (target, kept) in [
        ("envoy", "preserve_external_request_id: true"),
        ("compose", "preserve_external_request_id: true"),
        ("envoy-gateway", "headers: { requestID: PreserveOrGenerate }"),
    ] {
        let text = manifest(target, &signed, &[]).out;
        assert!(text.contains(kept), "{target}: {text}");
        assert!(!manifest(target, PLAIN, &[]).out.contains(kept), "{target}");
        // `check` requires the setting, and accepts the set-up with it.
        if target != "compose" {
            let checked = hookwarden(&["check", "-"], &text);
            assert!(!checked.out.contains("request-id-replaced"), "{target}: {}", checked.out);
            let without = hookwarden(&["check", "-"], &text.replace(kept, "# nothing"));
            assert!(without.out.contains("error[request-id-replaced]"), "{target}: {}", without.out);
        }
    }
}

#[test]
fn a_rule_that_the_target_cannot_enforce_gets_a_warning() {
    let ran = manifest("istio-sidecar", GUARDED, &[]);
    assert!(ran.err.contains("[address-forgeable]"), "{}", ran.err);
}

#[test]
fn a_refused_configuration_gives_no_manifest() {
    for target in TARGETS {
        let ran =
            hookwarden(&["manifest", target, "-"], &PLAIN.replace("\"slack\", \"secrets\"", "\"slck\", \"secrets\""));
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{target}: {}", ran.err);
        assert!(ran.err.contains("did you mean \"slack\"?"), "{target}: {}", ran.err);
        let ran = hookwarden(&["manifest", target, "-"], "static_resources: {}\n");
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{target}: {}", ran.err);
    }
    // A duplicate cannot be marked if the chain holds.
    let pass = GUARDED.replace("\"window\": \"24h\",", "\"window\": \"24h\", \"duplicate\": \"pass\",");
    let ran = hookwarden(&["manifest", "istio-gateway", "-"], &pass);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert_eq!(hookwarden(&["manifest", "envoy", "-"], &pass).code, 0);
}

#[test]
fn invalid_names_and_addresses_are_refused() {
    for more in [
        ["--upstream", "no-port"],
        ["--upstream", "evil\n:80"],
        ["--sha256", "short"],
        ["--name", "Not A Name"],
        ["--namespace", "a: b"],
        ["--selector", "no-value"],
    ] {
        let ran = hookwarden(&["manifest", "istio-gateway", "-", more[0], more[1]], PLAIN);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{more:?}: {}", ran.err);
    }
}

#[test]
fn files_are_written_into_a_folder_and_never_overwritten() {
    let folder = std::env::temp_dir().join(format!("hookwarden-manifest-{}", std::process::id()));
    let path = folder.to_string_lossy().into_owned();
    let ran = manifest("compose", PLAIN, &["--out", &path]);
    assert_eq!(ran.out, "");
    for name in ["docker-compose.yaml", "envoy.yaml"] {
        assert!(folder.join(name).is_file(), "{name}");
        assert!(ran.err.contains(name), "{}", ran.err);
    }
    let files = [folder.join("docker-compose.yaml"), folder.join("envoy.yaml")].map(|path| path.display().to_string());
    let checked = hookwarden(&["check", "--deny-warnings", &files[0], &files[1]], "");
    assert_eq!(checked.code, 0, "{}", checked.out);
    let again = hookwarden(&["manifest", "compose", "-", "--out", &path], PLAIN);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.err.contains("is there already"), "{}", again.err);
    fs::remove_dir_all(&folder).expect("the folder can be removed");
}

#[test]
fn envoy_accepts_the_bootstrap() {
    let tool = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_file());
    let (Some(envoy), Some(wasm)) = (tool("HOOKWARDEN_ENVOY"), tool("HOOKWARDEN_WASM")) else {
        let required = std::env::var("HOOKWARDEN_REQUIRE_ENVOY").is_ok_and(|value| value == "1");
        assert!(!required, "HOOKWARDEN_ENVOY and HOOKWARDEN_WASM must name the programs; `make test` does");
        // Not `eprintln!`, which is captured if a test succeeds.
        let line = b"SKIPPED envoy_accepts_the_bootstrap: no Envoy (HOOKWARDEN_ENVOY) or no module (HOOKWARDEN_WASM)\n";
        let _ = std::io::stderr().write_all(line);
        return;
    };
    let folder = std::env::temp_dir().join(format!("hookwarden-bootstrap-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    let certified = rcgen::generate_simple_self_signed(vec!["hooks.example.com".to_owned()]).expect("a certificate");
    for (name, text) in [("tls.crt", certified.cert.pem()), ("tls.key", certified.signing_key.serialize_pem())] {
        fs::write(folder.join(name), text).expect("a file can be written");
    }
    let (wasm, tls) = (wasm.display().to_string(), folder.display().to_string());
    let certificate = "\"transport\": { \"https\": true, \"min_tls\": \"1.2\" }, \"methods\"";
    for (number, (configuration, more)) in [
        (PLAIN.to_owned(), vec!["--trusted-hops", "1"]),
        (GUARDED.replace("\"methods\"", certificate), vec!["--tls", &tls, "--listen", "[::1]:10443"]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut arguments = vec!["--module", &wasm];
        arguments.extend(more);
        let text = manifest("envoy", &configuration, &arguments).out;
        let path = folder.join(format!("{number}.yaml"));
        fs::write(&path, &text).expect("a file can be written");
        let mut command = Command::new(&envoy);
        command.args(["--mode", "validate", "--log-level", "error", "-c"]).arg(&path);
        for name in
            ["STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET_OLD", "SLACK_SIGNING_SECRET", "WEBDIS_AUTHORIZATION"]
        {
            command.env(name, format!("whsec_for-trying-out-{name}"));
        }
        let output = command.output().expect("Envoy starts");
        let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}{told}\n{text}");
    }
    fs::remove_dir_all(&folder).expect("the folder can be removed");
}
