//! Every manifest that we write or ship, against the schemas of the platforms.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::check::blocks;
use crate::kubernetes::{Resources, folder, with_unknown_field, yaml};
use crate::manifest::{GUARDED, PLAIN, manifest};

/// Options beside the target, which together show every part of every template.
const OPTIONS: [(&str, &[&str]); 14] = [
    ("istio-gateway", &[]),
    ("istio-gateway", &["--wasm-plugin", "--pull-secret", "registry"]),
    ("istio-gateway", &["--pull-secret", "registry"]),
    ("istio-gateway", &["--hold", "filter", "--pull-secret", "registry"]),
    ("istio-gateway", &["--gateway-api"]),
    ("istio-gateway", &["--gateway-api", "--hold", "filter", "--upstream", "receiver.other.svc.cluster.local:80"]),
    ("istio-sidecar", &[]),
    ("istio-sidecar", &["--wasm-plugin"]),
    ("istio-sidecar", &["--hold", "filter", "--module", "/etc/modules/hookwarden.wasm"]),
    (
        "istio-sidecar",
        &[
            "--hold",
            "filter",
            "--module",
            "http://modules.hooks.svc.cluster.local/hookwarden.wasm",
            "--sha256",
            "f3767dfe8889ebb55a21409df2b6f36e66abfbe1eb92d64ff76ae799d3f91016",
        ],
    ),
    ("envoy-gateway", &["--trusted-hops", "2", "--pull-secret", "registry"]),
    ("envoy-gateway", &["--upstream", "receiver.other.svc.cluster.local:8080"]),
    ("envoy-gateway", &["--upstream", "other.example.com:8443"]),
    ("envoy-gateway", &["--upstream", "192.0.2.7:8443"]),
];

/// A configuration that needs clusters of every kind, and a client certificate.
const WITH_CLUSTERS: &str = r#"{
  "sources": [
    {
      "name": "stripe",
      "match": { "hosts": ["hooks.example.com"], "path": "/hooks/stripe" },
      "verify": {
        "provider": "stripe",
        "secrets": [{ "http": { "cluster": "vault", "path": "/v1/secret/data/stripe", "pointer": "/data/data/current" } }]
      },
      "transport": { "https": true, "client_certificate": true },
      "replay": { "window": "24h" }
    },
    {
      "name": "google",
      "match": { "path": "/hooks/google" },
      "verify": {
        "provider": "google-pubsub",
        "with": { "audience": "https://hooks.example.com/hooks/google", "email": "push@project.iam.gserviceaccount.com" },
        "keys": [{ "jwks": { "cluster": "google_keys" } }]
      }
    }
  ]
}"#;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the file is there")
}

#[test]
fn every_manifest_fits_the_schemas_of_its_platform() {
    let resources = Resources::read();
    let mut wrong = String::new();
    let signed = PLAIN.replace("\"slack\"", "\"mercadopago\"");
    for (target, more) in OPTIONS {
        for (configuration, store) in
            [(PLAIN, false), (GUARDED, false), (signed.as_str(), false), (WITH_CLUSTERS, false), (WITH_CLUSTERS, true)]
        {
            // A sidecar does not know its clients' addresses.
            if target == "istio-sidecar" && configuration == GUARDED {
                continue;
            }
            let mut more = more.to_vec();
            if store {
                more.extend(["--store", "webdis.hooks.svc.cluster.local:7379"]);
            }
            let text = manifest(target, configuration, &more).out;
            for problem in resources.problems_in(&text) {
                let _ = writeln!(wrong, "{target} {more:?}: {problem}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_shipped_manifest_and_every_block_of_the_documents_fits_the_schemas() {
    let resources = Resources::read();
    let mut texts = vec![("envoy/istio.yaml".to_owned(), read("envoy/istio.yaml"))];
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).expect("the documents are there") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let document = fs::read_to_string(&path).expect("a document is text");
            let of_kubernetes = blocks(&document).into_iter().filter(|(_, language, _)| language == "yaml");
            texts.extend(of_kubernetes.map(|(line, _, text)| (format!("docs/{name}:{line}"), text)));
        }
    }
    assert!(texts.iter().any(|(name, text)| name.contains("istio.md") && text.contains("kind: TrafficExtension")));
    let problems: Vec<_> = texts
        .iter()
        .flat_map(|(name, text)| {
            resources.problems_in(text).into_iter().map(move |problem| format!("{name}: {problem}"))
        })
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn a_planted_field_is_found_wherever_it_stands() {
    let resources = Resources::read();
    let mut found = 0;
    for (target, kind, path) in [
        ("istio-gateway", "TrafficExtension", &["spec"][..]),
        ("istio-gateway", "TrafficExtension", &["spec", "wasm"]),
        ("istio-gateway", "TrafficExtension", &["spec", "wasm", "vmConfig", "env", "0"]),
        ("istio-gateway", "EnvoyFilter", &["spec"]),
        ("istio-gateway", "EnvoyFilter", &["spec", "configPatches", "0", "match", "listener", "filterChain"]),
        ("istio-gateway", "Telemetry", &["spec", "accessLogging", "0"]),
        ("istio-gateway", "VirtualService", &["spec", "http", "0"]),
        ("istio-gateway", "Deployment", &["spec", "template", "spec", "containers", "0"]),
        ("istio-gateway", "RoleBinding", &["roleRef"]),
        ("envoy-gateway", "EnvoyExtensionPolicy", &["spec", "wasm", "0", "code", "image"]),
        ("envoy-gateway", "EnvoyProxy", &["spec", "provider", "kubernetes", "envoyDeployment", "container"]),
        ("envoy-gateway", "BackendTrafficPolicy", &["spec", "requestBuffer"]),
        ("envoy-gateway", "HTTPRoute", &["spec", "rules", "0", "backendRefs", "0"]),
        ("envoy-gateway", "ClientTrafficPolicy", &["metadata"]),
    ] {
        let all = yaml(&manifest(target, PLAIN, &[]).out);
        let resource =
            all.iter().find(|resource| resource["kind"] == kind).unwrap_or_else(|| panic!("{target}: no {kind}"));
        assert_eq!(resources.problems_in(&text(resource)), Vec::<String>::new(), "{kind}");
        let problems = resources.problems_in(&text(&with_unknown_field(resource, path)));
        let of_kubernetes = ["Deployment", "RoleBinding", "HTTPRoute", "ClientTrafficPolicy"].contains(&kind);
        if resources.are_there || of_kubernetes {
            assert!(problems.iter().any(|problem| problem.contains("plantedField")), "{kind} {path:?}: {problems:?}");
            found += 1;
        }
    }
    assert!(found == 14 || (!resources.are_there && found == 4), "{found}");
}

#[test]
fn a_wrong_type_a_missing_field_and_a_wrong_word_are_found() {
    let resources = Resources::read();
    if !resources.are_there {
        return;
    }
    let extension = manifest("istio-gateway", PLAIN, &[]).out;
    for (right, wrong) in [
        ("phase: AUTHN", "phase: AUTHM"),
        ("failStrategy: FAIL_RELOAD", "failStrategy: [FAIL_RELOAD]"),
        ("    url: oci", "    uri: oci"),
        ("priority: 100", "priority: first"),
        ("kind: TrafficExtension", "kind: TrafficExtensions"),
    ] {
        assert!(extension.contains(right), "{right}");
        let problems = resources.problems_in(&extension.replacen(right, wrong, 1));
        assert!(!problems.is_empty(), "{wrong} is not found");
    }
}

#[test]
fn the_samples_beside_the_crds_are_judged_rightly() {
    let resources = Resources::read();
    let sample = |name: &str| fs::read_to_string(folder()?.join(name)).ok();
    if let (true, Some(right), Some(wrong)) = (resources.are_there, sample("te.yaml"), sample("te-bad.yaml")) {
        assert_eq!(resources.problems_in(&right), Vec::<String>::new());
        let problems = resources.problems_in(&wrong);
        assert!(problems.iter().any(|problem| problem.contains("failStrategyX")), "{problems:?}");
    }
}

fn text(resource: &Value) -> String {
    serde_json::to_string(resource).expect("JSON")
}
