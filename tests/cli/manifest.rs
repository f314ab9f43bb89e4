//! `hookwarden manifest`: everything it writes passes `hookwarden check`, and Envoy accepts it.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Ran, hookwarden};

const TARGETS: [&str; 5] = ["envoy", "compose", "istio-gateway", "istio-sidecar", "envoy-gateway"];

/// A configuration without warnings.
pub const PLAIN: &str = r#"{
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
pub const GUARDED: &str = r#"{
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

pub fn manifest(target: &str, configuration: &str, more: &[&str]) -> Ran {
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
            (PLAIN, &["--sha256", SUM][..]),
            (PLAIN, &["--trusted-hops", "2", "--upstream", "other.example.com:8443"]),
            (GUARDED, &["--name", "hooks", "--namespace", "hooks", "--secret", "hooks"]),
        ] {
            // A plain Envoy has no resources with names, and loads a file.
            let is_plain = matches!(target, "envoy" | "compose");
            let more = if is_plain && matches!(more[0], "--sha256" | "--name") { &[] } else { more };
            // A sidecar forwards to its own workload.
            let more = if target == "istio-sidecar" && more.contains(&"--upstream") {
                &["--upstream", "127.0.0.1:8443"][..]
            } else {
                more
            };
            // Istio has it in the mesh's configuration.
            let more = if target.starts_with("istio") && more[0] == "--trusted-hops" { &more[2..] } else { more };
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
        let is_plain = matches!(target, "envoy" | "compose");
        let text = manifest(target, PLAIN, if is_plain { &[] } else { &["--secret", "my-secrets"] }).out;
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

/// Whether a manifest passes `check` without a warning.
#[track_caller]
fn passes(text: &str) {
    let checked = hookwarden(&["check", "--deny-warnings", "-"], text);
    assert_eq!(checked.code, 0, "{}{}\n{text}", checked.out, checked.err);
    assert!(checked.out.contains("in 1 plugin of 1 file") || checked.out.starts_with("no problems"), "{}", checked.out);
}

const SUM: &str = "f3767dfe8889ebb55a21409df2b6f36e66abfbe1eb92d64ff76ae799d3f91016";

#[test]
fn istio_gets_a_traffic_extension_or_a_wasm_plugin_of_the_same_content() {
    for target in ["istio-gateway", "istio-sidecar"] {
        let new = manifest(target, PLAIN, &["--sha256", SUM, "--pull-secret", "registry"]).out;
        let old = manifest(target, PLAIN, &["--sha256", SUM, "--pull-secret", "registry", "--wasm-plugin"]).out;
        assert!(new.contains("\nkind: TrafficExtension\n") && !new.contains("WasmPlugin"), "{new}");
        assert!(old.contains("\nkind: WasmPlugin\n") && !old.contains("TrafficExtension"), "{old}");
        for text in [&new, &old] {
            for part in ["failStrategy: FAIL_RELOAD", "phase: AUTHN", "imagePullSecret: registry", SUM] {
                assert!(text.contains(part), "{target}: {part}\n{text}");
            }
            passes(text);
        }
    }
}

#[test]
fn the_whole_filter_of_istio_holds_by_itself() {
    for (target, context) in [("istio-gateway", "context: GATEWAY"), ("istio-sidecar", "context: SIDECAR_INBOUND")] {
        for (more, expected) in [
            (vec![], "filename: /etc/hookwarden/plugin.wasm"),
            (
                vec!["--module", "oci://registry.example.com/hw:2", "--sha256", SUM],
                "reference: \"registry.example.com/hw:2@sha256:",
            ),
            (vec!["--module", "/opt/hookwarden.wasm"], "filename: /opt/hookwarden.wasm"),
            (vec!["--module", "file:///opt/hookwarden.wasm"], "filename: /opt/hookwarden.wasm"),
            (
                vec!["--module", "http://modules.hooks.svc.cluster.local/hookwarden.wasm", "--sha256", SUM],
                "cluster: \"outbound|80||modules.hooks.svc.cluster.local\"",
            ),
        ] {
            let arguments = [&["--hold", "filter"], more.as_slice()].concat();
            let text = manifest(target, PLAIN, &arguments).out;
            for part in [
                expected,
                context,
                "allow_on_headers_stop_iteration: true",
                "\"body_hold\": \"filter\"",
                "operation: INSERT_FIRST",
                "request_body_buffer_limit: 28311552",
                "- STRIPE_WEBHOOK_SECRET\n",
            ] {
                assert!(text.contains(part), "{target} {more:?}: {part}\n{text}");
            }
            assert!(!text.contains("envoy.filters.http.buffer") && !text.contains("TrafficExtension"), "{text}");
            let mounts = text.contains("mountPath: /etc/hookwarden,");
            assert_eq!(mounts, more.is_empty() || more[1].starts_with("oci"), "{more:?}");
            passes(&text);
        }
    }
    let text = manifest("istio-gateway", PLAIN, &["--hold", "filter", "--pull-secret", "registry"]).out;
    assert!(text.contains("imagePullSecrets: [{ name: registry }]"), "{text}");
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let url = "http://modules.hooks.svc.cluster.local/hookwarden.wasm";
    for (target, more) in [
        ("istio-gateway", vec!["--hold", "filter", "--wasm-plugin"]),
        ("istio-gateway", vec!["--hold", "filter", "--module", url]),
        ("istio-gateway", vec!["--hold", "filter", "--module", "https://example.com/hookwarden.wasm"]),
        ("istio-gateway", vec!["--hold", "filter", "--module", "http://modules/hookwarden.wasm", "--sha256", SUM]),
        ("istio-gateway", vec!["--gateway-api", "--selector", "app=gateway"]),
        ("istio-gateway", vec!["--gateway-api", "--upstream", "other.example.com:443"]),
        ("istio-gateway", vec!["--pull-secret", "Not A Name"]),
        ("istio-gateway", vec!["--store", "webdis.hooks:7379"]),
        ("istio-sidecar", vec!["--gateway-api"]),
        ("istio-sidecar", vec!["--upstream", "payments:8080"]),
        ("istio-sidecar", vec!["--upstream", "webhooks.payments.svc:8080"]),
        ("istio-sidecar", vec!["--upstream", "192.0.2.7:8080", "--selector", "app=payments"]),
        ("envoy-gateway", vec!["--hold", "filter"]),
        ("envoy-gateway", vec!["--wasm-plugin"]),
        ("envoy", vec!["--hold", "chain"]),
    ] {
        let arguments = [&["manifest", target, "-"], more.as_slice()].concat();
        let ran = hookwarden(&arguments, PLAIN);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{target} {more:?}: {}", ran.err);
    }
}

#[test]
fn a_sidecar_forwards_to_a_port_of_its_own_workload() {
    for more in [
        &["--upstream", "localhost:8443"][..],
        &["--upstream", "[::1]:8443"],
        &["--upstream", "webhooks:8443"],
        &["--upstream", "webhooks.webhooks.svc.cluster.local:8443"],
        &["--upstream", "payments:8443", "--name", "payments"],
        &["--upstream", "payments.shop:8443", "--selector", "app=payments", "--namespace", "shop"],
    ] {
        let text = manifest("istio-sidecar", PLAIN, more).out;
        assert!(text.contains("ports: [{ containerPort: 8443 }]"), "{more:?}: {text}");
    }
}

#[test]
fn a_gateway_may_read_its_certificate_and_nobody_else_gets_a_role() {
    let text = manifest("istio-gateway", PLAIN, &["--name", "hooks"]).out;
    for part in [
        "kind: ServiceAccount",
        "kind: Role\n",
        "kind: RoleBinding",
        "serviceAccountName: hooks",
        "resources: [secrets]",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    for (target, more) in
        [("istio-gateway", vec!["--gateway-api"]), ("istio-sidecar", vec![]), ("envoy-gateway", vec![])]
    {
        let text = manifest(target, PLAIN, &more).out;
        assert!(!text.contains("kind: Role"), "{target}");
        assert!(!text.contains("credentialName"), "{target}");
    }
}

#[test]
fn istios_access_log_goes_to_a_format_without_the_query() {
    for target in ["istio-gateway", "istio-sidecar"] {
        let text = manifest(target, PLAIN, &[]).out;
        for part in [
            "kind: Telemetry",
            "providers: [{ name: hookwarden }]",
            "%FILTER_STATE(wasm.hookwarden:PLAIN)%",
            "%PATH(NQ)%",
        ] {
            assert!(text.contains(part), "{target}: {part}\n{text}");
        }
    }
}

/// The list of capabilities in a manifest; `None` if there is none.
fn capabilities(text: &str) -> Option<Vec<&str>> {
    let list = text.split("allowed_capabilities:\n").nth(1)?;
    Some(list.lines().map_while(|line| line.trim().strip_suffix(": {}")).collect())
}

#[test]
fn envoy_lets_the_module_do_what_the_configuration_needs_and_nothing_else() {
    for (configuration, needed, unneeded) in [
        (
            PLAIN,
            vec![],
            vec!["proxy_on_response_headers", "proxy_on_log", "proxy_http_call", "proxy_call_foreign_function"],
        ),
        (
            &remembering(),
            vec!["proxy_on_response_headers", "proxy_get_header_map_value", "proxy_on_log"],
            vec!["proxy_on_response_body", "proxy_http_call"],
        ),
        (
            GUARDED,
            vec![
                "proxy_on_response_headers",
                "proxy_on_response_body",
                "proxy_on_response_trailers",
                "proxy_http_call",
                "proxy_continue_stream",
                "proxy_on_http_call_response",
            ],
            vec!["proxy_call_foreign_function"],
        ),
    ] {
        for (target, more) in [("envoy", vec![]), ("compose", vec![]), ("istio-gateway", vec!["--hold", "filter"])] {
            let text = manifest(target, configuration, &more).out;
            let list = capabilities(&text).unwrap_or_else(|| panic!("{target}: {text}"));
            for name in
                ["proxy_on_request_headers", "proxy_on_request_body", "proxy_on_request_trailers"].iter().chain(&needed)
            {
                assert!(list.contains(name), "{target}: {name}\n{text}");
            }
            assert!(!unneeded.iter().any(|name| list.contains(name)), "{target}: {list:?}");
            // A list without one of them is not the configuration's.
            for name in &needed {
                let without = text.replace(&format!("{name}: {{}}\n"), "proxy_done: {}\n");
                let checked = hookwarden(&["check", "-"], &without);
                assert!(checked.out.contains("error[capability-missing]"), "{target} {name}: {}", checked.out);
            }
            passes(&text);
        }
    }
}

#[test]
fn another_list_means_another_vm() {
    let vm = |text: &str| {
        let (_, rest) = text.split_once("vm_id: hookwarden\n").expect("a VM");
        let value = rest.lines().find_map(|line| line.trim().strip_prefix("value: "));
        value.expect("what tells it from others").to_owned()
    };
    let [plain, same, remembering, store] = [PLAIN, &PLAIN.replace("5m", "6m"), &remembering(), GUARDED]
        .map(|configuration| vm(&manifest("envoy", configuration, &[]).out));
    assert_eq!(plain, same);
    assert!(plain != remembering && remembering != store && plain != store, "{plain} {remembering} {store}");
}

#[test]
fn resources_without_a_field_for_capabilities_have_none() {
    for target in ["istio-gateway", "istio-sidecar", "envoy-gateway"] {
        let text = manifest(target, PLAIN, &[]).out;
        assert_eq!(capabilities(&text), None, "{target}");
    }
}

/// A configuration that remembers events.
fn remembering() -> String {
    PLAIN.replacen("\"max_body_bytes\"", "\"replay\": { \"window\": \"72h\" },\n      \"max_body_bytes\"", 1)
}

#[test]
fn events_are_remembered_by_one_proxy_or_by_a_store() {
    for (target, more, with_store) in [
        ("istio-gateway", vec![], "replicas: 2"),
        ("istio-gateway", vec!["--hold", "filter"], "replicas: 2"),
        ("istio-gateway", vec!["--gateway-api"], "replicas: 2"),
        ("istio-sidecar", vec![], "applyTo: CLUSTER"),
        ("envoy-gateway", vec![], "static_resources:"),
    ] {
        let alone = manifest(target, &remembering(), &more).out;
        assert!(alone.contains("replicas: 1\n") && alone.contains("--store gives"), "{target}: {alone}");
        passes(&alone);
        let several = alone.replace("replicas: 1\n", "replicas: 2\n");
        let checked = hookwarden(&["check", "-"], &several);
        assert!(checked.out.contains("warning[replay-alone]"), "{target} {more:?}: {}", checked.out);

        let arguments = [&["--store", "webdis.hooks.svc.cluster.local:7379"], more.as_slice()].concat();
        let shared = manifest(target, &remembering(), &arguments).out;
        assert!(shared.contains(with_store) && !shared.contains("--store gives"), "{target}: {shared}");
        let address = "socket_address: { address: webdis.hooks.svc.cluster.local, port_value: 7379 }";
        assert!(shared.contains("name: replay-store") && shared.contains(address), "{target}: {shared}");
        passes(&shared);
    }
    // A plain Envoy, too; and a source that has a store keeps it.
    let text = manifest("envoy", &remembering(), &["--store", "127.0.0.1:7379"]).out;
    assert!(
        text.contains("\"store\": { \"cluster\": \"replay-store\" }") && text.contains("- name: replay-store\n"),
        "{text}"
    );
    let text = manifest("istio-gateway", GUARDED, &["--store", "webdis.hooks.svc.cluster.local:7379"]).out;
    assert!(text.contains("name: webdis\n") && !text.contains("replay-store"), "{text}");
    let of_istio = GUARDED.replace("\"webdis\"", "\"outbound|7379||webdis.hooks.svc.cluster.local\"");
    let text = manifest("istio-gateway", &of_istio, &[]).out;
    assert!(!text.contains("applyTo: CLUSTER"), "{text}");
}

#[test]
fn a_route_leads_to_a_service_in_its_namespace_or_to_what_is_outside() {
    for (upstream, reference, further) in [
        ("receiver:8080", "backendRefs: [{ name: receiver, port: 8080 }]", None),
        ("receiver.webhooks.svc:8080", "backendRefs: [{ name: receiver, port: 8080 }]", None),
        (
            "receiver.hooks.svc.cluster.local:8080",
            "backendRefs: [{ name: receiver, namespace: hooks, port: 8080 }]",
            Some("kind: ReferenceGrant\nmetadata:\n  name: webhooks\n  namespace: hooks\n"),
        ),
        (
            "other.example.com:8443",
            "backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: webhooks-receiver }]",
            Some("fqdn: { hostname: other.example.com, port: 8443 }"),
        ),
        (
            "192.0.2.7:8443",
            "backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: webhooks-receiver }]",
            Some("ip: { address: \"192.0.2.7\", port: 8443 }"),
        ),
    ] {
        let text = manifest("envoy-gateway", PLAIN, &["--upstream", upstream]).out;
        assert!(text.contains(reference), "{upstream}: {text}");
        assert_eq!(
            text.contains("kind: ReferenceGrant") || text.contains("kind: Backend\n"),
            further.is_some(),
            "{upstream}"
        );
        assert!(further.is_none_or(|part| text.contains(part)), "{upstream}: {text}");
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
        ("istio-gateway", "preserve_external_request_id: true"),
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
fn headers_with_an_underscore_pass_where_a_sender_signs_with_them() {
    let scheme = r#""scheme": { "signature": { "header": "x_signature", "encoding": "hex" }, "algorithm": "hmac-sha256", "signed": "{body}" }"#;
    let signed = PLAIN.replace("\"provider\": \"slack\"", scheme);
    let both = signed.replace("\"provider\": \"stripe\"", "\"provider\": \"mercadopago\"").replace("\"5m\"", "\"72h\"");
    for (configuration, kept) in [
        (&signed, "headers: { withUnderscoresAction: Allow }"),
        (&both, "headers: { requestID: PreserveOrGenerate, withUnderscoresAction: Allow }"),
    ] {
        let text = manifest("envoy-gateway", configuration, &[]).out;
        assert!(text.contains(kept), "{text}");
        assert!(!hookwarden(&["check", "-"], &text).out.contains("signed-header-lost"));
        let without = hookwarden(&["check", "-"], &text.replace(kept, "# nothing"));
        assert!(without.out.contains("error[signed-header-lost]"), "{}", without.out);
    }
}

#[test]
fn a_manifest_for_istio_says_what_the_mesh_changes_of_a_signed_path() {
    let url = "\"provider\": \"square\", \"with\": { \"public_url\": \"https://hooks.example.com\" }";
    let signed = PLAIN.replace("\"provider\": \"slack\"", url);
    for target in ["istio-gateway", "istio-sidecar"] {
        assert!(manifest(target, &signed, &[]).out.contains("meshConfig.pathNormalization"), "{target}");
        assert!(!manifest(target, PLAIN, &[]).out.contains("pathNormalization"), "{target}");
    }
    let identified = PLAIN.replace("\"slack\"", "\"mercadopago\"");
    let text = manifest("istio-sidecar", &identified, &[]).out;
    assert!(text.contains("the gateway in front must keep it"), "{text}");
}

#[test]
fn nothing_is_written_if_the_target_cannot_enforce_a_rule() {
    for more in [&[][..], &["--wasm-plugin"], &["--hold", "filter"]] {
        let arguments = [&["manifest", "istio-sidecar", "-"], more].concat();
        let ran = hookwarden(&arguments, GUARDED);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
        assert!(ran.err.contains("error[address-forgeable]"), "{}", ran.err);
        assert!(ran.err.contains("nothing was written"), "{}", ran.err);
    }
    let folder = std::env::temp_dir().join(format!("hookwarden-refused-{}", std::process::id()));
    let ran = hookwarden(&["manifest", "istio-sidecar", "-", "--out", &folder.to_string_lossy()], GUARDED);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(!folder.exists(), "no file is written either");
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
        ["--name", "web-"],
        ["--name", "123"],
        ["--namespace", "on"],
        ["--secret", "null"],
        ["--upstream", "receiver:0"],
        ["--module", "oci://registry.example.com/hw:1\n    failStrategy: FAIL_OPEN"],
        ["--module", "registry.example.com/my hw #1"],
        ["--module", "@LIMIT@"],
    ] {
        let ran = hookwarden(&["manifest", "istio-gateway", "-", more[0], more[1]], PLAIN);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{more:?}: {}", ran.err);
    }
}

#[test]
fn an_option_that_the_target_would_ignore_is_refused() {
    let plain = ["envoy", "compose"].as_slice();
    let istio = ["istio-gateway", "istio-sidecar"].as_slice();
    let kubernetes = ["istio-gateway", "istio-sidecar", "envoy-gateway"].as_slice();
    for (option, takers) in [
        (["--listen", "127.0.0.1:10001"].as_slice(), plain),
        (&["--tls", "/etc/tls"], plain),
        (&["--live-secrets"], &["envoy"]),
        (&["--trusted-hops", "2"], &["envoy", "compose", "envoy-gateway"]),
        (&["--sha256", SUM], kubernetes),
        (&["--name", "hooks"], kubernetes),
        (&["--namespace", "hooks"], kubernetes),
        (&["--secret", "hooks"], kubernetes),
        (&["--pull-secret", "registry"], kubernetes),
        (&["--selector", "app=hooks"], istio),
        (&["--wasm-plugin"], istio),
        (&["--gateway-api"], &["istio-gateway"]),
    ] {
        for target in TARGETS {
            let ran = hookwarden(&[&["manifest", target, "-"], option].concat(), PLAIN);
            if takers.contains(&target) {
                assert_eq!(ran.code, 0, "{target} {option:?}: {}", ran.err);
                continue;
            }
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{target} {option:?}: {}", ran.err);
            assert!(ran.err.contains(takers[0]) && ran.err.contains(option[0]), "{target} {option:?}: {}", ran.err);
        }
    }
}

#[test]
fn a_plain_envoy_is_not_told_to_load_a_url_as_a_file() {
    for target in ["envoy", "compose"] {
        for url in
            ["http://modules:8080/hookwarden.wasm", "https://modules/h.wasm", "oci://registry.example.com/hookwarden"]
        {
            let ran = hookwarden(&["manifest", target, "-", "--module", url], PLAIN);
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{target} {url}: {}", ran.err);
            assert!(ran.err.contains("download the module"), "{target} {url}: {}", ran.err);
        }
    }
}

#[test]
fn the_digest_of_an_image_is_taken_as_it_is_printed() {
    let digest = format!("sha256:{SUM}");
    for target in ["istio-gateway", "istio-sidecar", "envoy-gateway"] {
        let with = manifest(target, PLAIN, &["--sha256", &digest]).out;
        assert_eq!(with, manifest(target, PLAIN, &["--sha256", SUM]).out, "{target}");
        let wrong = hookwarden(&["manifest", target, "-", "--sha256", "sha256:short"], PLAIN);
        assert!(wrong.code == 2 && wrong.err.contains("make oci") && wrong.err.contains("sha256sum"), "{}", wrong.err);
    }
}

#[test]
fn the_cluster_of_a_store_has_the_bounds_of_the_documents() {
    let document = include_str!("../../docs/fleet.md");
    let remembers = PLAIN.replacen("\"verify\"", "\"replay\": { \"window\": \"24h\" }, \"verify\"", 1);
    for target in TARGETS {
        let text = manifest(target, &remembers, &["--store", "webdis.hooks.svc.cluster.local:7379"]).out;
        for bound in [
            "connect_timeout: 0.1s",
            "max_connections: 128",
            "max_pending_requests: 512",
            "max_retries: 0",
            "consecutive_5xx: 5",
            "base_ejection_time: 5s",
            "idle_timeout: 60s",
            "max_requests_per_connection: 10",
        ] {
            assert!(document.contains(bound), "{bound}");
            assert!(text.contains(bound), "{target}: {bound}\n{text}");
        }
    }
}

#[test]
fn a_store_that_is_no_webdis_gets_tls_to_its_own_host() {
    let configuration = GUARDED.replace(
        r#""cluster": "webdis","#,
        r#""kind": "rest", "cluster": "replay-store", "authority": "store.example.com", "timeout": "2s","#,
    );
    for target in TARGETS.iter().filter(|target| **target != "istio-sidecar") {
        let text = manifest(target, &configuration, &[]).out;
        assert!(text.contains("address: store.example.com, port_value: 443"), "{target}: {text}");
        assert!(text.contains("sni: store.example.com") && text.contains("max_retries: 0"), "{target}: {text}");
        assert!(!text.contains("7379") && !text.contains("WEBDIS_IMAGE"), "{target}: {text}");
        let at_a_port = configuration.replace("store.example.com", "store.example.com:8443");
        let text_with_port = manifest(target, &at_a_port, &[]).out;
        assert!(text_with_port.contains("address: store.example.com, port_value: 8443"), "{target}: {text_with_port}");
        assert!(text_with_port.contains("sni: store.example.com\n"), "{target}: {text_with_port}");
        let checked = hookwarden(&["check", "--deny-warnings", "-"], &text);
        assert_eq!(checked.code, 0, "{target}: {}{}", checked.out, checked.err);
    }
}

/// Of some readers of YAML they are booleans or nothing.
#[test]
fn a_variable_whose_name_is_a_word_of_yaml_stays_a_text() {
    const WORDS: [&str; 3] = ["NO", "Y", "NULL"];
    let secrets: Vec<String> =
        WORDS.iter().map(|word| format!(r#"{{ "id": "of-{word}", "env": "{word}" }}"#)).collect();
    let configuration = format!(
        r#"{{ "sources": [{{ "name": "a", "match": {{ "path": "/a" }},
            "verify": {{ "provider": "github", "secrets": [{}] }} }}] }}"#,
        secrets.join(", ")
    );
    let live: (&str, &[&str]) = ("envoy", &["--live-secrets"]);
    for (target, more) in TARGETS.iter().map(|target| (*target, &[][..])).chain([live]) {
        let text = manifest(target, &configuration, more).out;
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let is_part = |char: char| char.is_ascii_alphanumeric() || "_-./%()".contains(char);
            for word in line.split(|char| !is_part(char)).filter(|word| WORDS.contains(word)) {
                assert!(line.contains(&format!("\"{word}\"")), "{target}: {line}");
            }
        }
        assert!(WORDS.iter().all(|word| text.contains(&format!("\"{word}\""))), "{target}: {text}");
    }
}

#[test]
fn compose_publishes_the_port_on_the_address_that_it_is_given() {
    for (listen, published) in [
        ("127.0.0.1:8443", "- \"127.0.0.1:8443:8443\""),
        ("[::1]:8443", "- \"[::1]:8443:8443\""),
        ("0.0.0.0:8443", "- \"8443:8443\""),
    ] {
        let text = manifest("compose", PLAIN, &["--listen", listen]).out;
        assert!(text.contains(published), "{listen}: {text}");
        // In the container.
        assert!(text.contains("socket_address: { address: \"0.0.0.0\", port_value: 8443 }"), "{listen}: {text}");
    }
    let ran = hookwarden(&["manifest", "compose", "-", "--listen", "localhost:8443"], PLAIN);
    assert!(ran.code == 2 && ran.err.contains("127.0.0.1:8443"), "{}", ran.err);
}

#[test]
fn compose_mounts_the_files_of_live_secrets() {
    let live = PLAIN.replace("\"env\": \"STRIPE_WEBHOOK_SECRET\"", "\"filter_state\": \"hw.stripe\"");
    let text = manifest("compose", &live, &[]).out;
    assert!(text.contains("target: /etc/hookwarden\n"), "{text}");
    assert!(text.contains("filename: /etc/hookwarden/secrets/stripe\n"), "{text}");
    assert!(!manifest("compose", PLAIN, &[]).out.contains("/etc/hookwarden"), "nothing reads files");
}

#[test]
fn envoy_gateway_downloads_a_module_that_is_a_file() {
    let url = "https://modules.example.com/hookwarden.wasm";
    let text = manifest("envoy-gateway", PLAIN, &["--module", url, "--sha256", SUM]).out;
    let code = format!(
        "type: HTTP\n        http:\n          # The sum pins the file: what sha256sum prints.\n          url: {url}\n"
    );
    assert!(text.contains(&code) && text.contains(SUM) && !text.contains("type: Image"), "{text}");
    let checked = hookwarden(&["check", "--deny-warnings", "-"], &text);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let refused = hookwarden(&["manifest", "envoy-gateway", "-", "--module", url, "--pull-secret", "registry"], PLAIN);
    assert!(refused.code == 2 && refused.err.contains("--pull-secret"), "{}", refused.err);
}

#[test]
fn no_name_of_the_configuration_takes_the_place_of_another() {
    let live = r#"{ "sources": [{ "name": "a", "match": { "path": "/a" }, "verify": { "provider": "github", "secrets": [
        { "id": "1", "filter_state": "hw.k" }, { "id": "2", "filter_state": "k" }] } }] }"#;
    let keys = r#"{ "sources": [{ "name": "plaid", "match": { "path": "/plaid" }, "replay": { "window": "24h" }, "verify": {
        "provider": "plaid", "keys": [{ "jwk": { "cluster": "receiver", "authority": "sandbox.plaid.com" } }] } }] }"#;
    let stored = |cluster: &str| {
        format!(
            r#"{{ "sources": [{{ "name": "a", "match": {{ "path": "/a" }},
                "verify": {{ "provider": "github", "secrets": [{{ "env": "A_SECRET" }}] }},
                "replay": {{ "window": "1h", "store": {{ "cluster": "{cluster}" }} }} }}] }}"#
        )
    };
    for (target, configuration, more, why) in [
        ("envoy", live.to_owned(), &[][..], "two files would be called k.yaml"),
        ("envoy", live.replace("hw.k", "hw.envoy"), &[], "two files would be called envoy.yaml"),
        ("envoy", stored("receiver"), &[], "is called \"receiver\""),
        (
            "envoy",
            stored("receiver").replace("\"cluster\"", "\"kind\": \"rest\", \"cluster\""),
            &[],
            "is called \"receiver\"",
        ),
        ("envoy", keys.to_owned(), &[], "is called \"receiver\""),
        ("compose", stored("receiver"), &[], "another one has this name"),
        ("compose", stored("store"), &["--upstream", "envoy:8080"], "another one has this name"),
        ("compose", stored("store"), &["--upstream", "127.0.0.1:8080"], "give it a name"),
    ] {
        let ran = hookwarden(&[&["manifest", target, "-"], more].concat(), &configuration);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{target} {configuration} {more:?}: {}", ran.err);
        assert!(ran.err.contains(why), "{target} {configuration} {more:?}: {}", ran.err);
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
