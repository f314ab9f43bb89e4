//! What we write for Istio, in a plain Envoy: the whole filter that an EnvoyFilter puts in holds requests, its module mounted or
//! fetched; hookwarden's metrics keep their names under Istio's own tags and filters of metrics; the alert rules.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::harness::bootstrap::{self, at};
use crate::harness::client::{BOTH, Protocol};
use crate::harness::launch::{Setup, has_one_limit, wasm};
use crate::harness::listeners::manager;
use crate::harness::senders::GITHUB;
use crate::harness::setups::{GITHUB_VARIABLE, guards};
use crate::harness::{Proxy, honest, prometheus};

/// The name that Istio gives the plugin of a resource `hookwarden` in the namespace `webhooks`.
const NAME: &str = "webhooks.hookwarden";

#[test]
fn promtool_accepts_the_rules_for_istio_and_their_unit_tests() {
    let Some(checked) = prometheus::promtool(&["check", "rules", "alerts-istio.yaml"]) else { return };
    assert!(checked.contains("rules found"), "{checked}");
    let tested = prometheus::promtool(&["test", "rules", "alerts-istio.test.yaml"]).expect("it is there");
    assert!(tested.contains("SUCCESS"), "{tested}");
    let [rules, tests] = ["alerts-istio.yaml", "alerts-istio.test.yaml"]
        .map(|name| bootstrap::read(&format!("{}/envoy/monitoring/{name}", env!("CARGO_MANIFEST_DIR"))));
    for rule in rules["groups"][0]["rules"].as_array().expect("a list of rules") {
        let test = tests["tests"].as_array().into_iter().flatten().find(|test| test["name"] == rule["alert"]);
        let fires = test.is_some_and(|test| test["alert_rule_test"][1]["exp_alerts"][0].is_object());
        assert!(fires, "no test shows that {} fires", rule["alert"]);
    }
}

/// The tags and the list of metrics of Istio's bootstrap (istio/istio, `tools/packaging/common/envoy_bootstrap.json`), as far as
/// they could touch our names, with what our manifests add by their ConfigMap and annotations.
fn as_in_istio(bootstrap: &mut Value) {
    let resources = resources(&[]);
    let map = resources.iter().find(|one| one["kind"] == "ConfigMap").expect("the ConfigMap");
    let text = map["data"]["custom_bootstrap.json"].as_str().expect("text");
    let merged: Value = serde_yaml_ng::from_str(text).expect("YAML");
    let ours = merged["stats_config"]["stats_tags"].as_array().expect("a list").clone();
    bootstrap["overload_manager"] = merged["overload_manager"].clone();
    let tags = at(bootstrap, "/stats_config/stats_tags").as_array_mut().expect("a list");
    tags.clear();
    tags.extend([
        json!({"tag_name": "response_code", "regex": "_rq(_(\\d{3}))$"}),
        json!({"tag_name": "response_code_class", "regex": "_rq(_(\\dxx))$"}),
        json!({"tag_name": "cache", "regex": "(cache\\.(.+?)\\.)"}),
        json!({"tag_name": "component", "regex": "(component\\.(.+?)\\.)"}),
        json!({"tag_name": "tag", "regex": "(tag\\.(.+?);\\.)"}),
        json!({"tag_name": "wasm_filter", "regex": "(wasm_filter\\.(.+?)\\.)"}),
    ]);
    tags.extend(ours);
    let config = at(bootstrap, "/stats_config");
    config["use_all_default_tags"] = json!(false);
    let prefixes = ["reporter=", "wasm", "listener_manager", "extension_config_discovery", "component", "istio"];
    let patterns: Vec<_> = prefixes.iter().map(|prefix| json!({ "prefix": prefix })).collect();
    config["stats_matcher"] = json!({"inclusion_list": {"patterns": patterns}});
}

#[test]
fn our_metrics_keep_their_names_under_istios_tags() {
    let setup = guards([]).edit(|bootstrap, _| {
        as_in_istio(bootstrap);
        let listener = at(bootstrap, "/static_resources/listeners/0");
        let filters = at(manager(listener), "/http_filters").as_array_mut().expect("a list");
        let plugin = filters.iter_mut().find(|filter| filter["name"] == "envoy.filters.http.wasm").expect("the plugin");
        at(plugin, "/typed_config/config")["name"] = json!(NAME);
    });
    let Some(proxy) = Proxy::start(&setup) else { return };
    proxy.passes(Protocol::Http1, &honest());
    let reply = GITHUB.forged(b"{}").send(proxy.address, Protocol::Http1);
    assert_eq!(reply.status, 401);
    let text = proxy.admin("/stats/prometheus").text();
    let expected = [
        ("hookwarden_requests", vec!["source=\"github\"", "outcome=\"passed\""]),
        ("hookwarden_denials", vec!["source=\"github\"", "code=\"signature_mismatch\""]),
        ("hookwarden_closed", vec!["source=\"github\""]),
        ("hookwarden_config_hash", vec![]),
        ("envoy_wasm_webhooks_hookwarden_vm_reload", vec![]),
        ("envoy_listener_manager_listener_added", vec![]),
        ("envoy_wasm_remote_load_fetch_failures", vec![]),
    ];
    for (name, labels) in expected {
        let lines = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        let found = lines.filter(|line| labels.iter().all(|label| line.contains(label))).count();
        assert!(found > 0, "{name} {labels:?}\n{text}");
    }
    let others = ["envoy_http_", "envoy_cluster_upstream"];
    assert!(!others.iter().any(|name| text.contains(name)), "Istio shows none of these\n{text}");
}

/// What `hookwarden manifest istio-gateway --hold filter` writes.
fn resources(more: &[&str]) -> Vec<Value> {
    let configuration = json!({"sources": [{
        "name": "github",
        "match": {"path": "/hooks/github"},
        "verify": {"provider": "github", "secrets": [{"env": GITHUB_VARIABLE}]},
        "max_body_bytes": 2_097_152,
    }]});
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookwarden"));
    command.args(["manifest", "istio-gateway", "-", "--hold", "filter"]).args(more);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the command starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(configuration.to_string().as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    text.split("\n---\n").map(|text| serde_yaml_ng::from_str(text).expect("YAML")).collect()
}

/// The patches of the EnvoyFilter `hookwarden`.
fn patches(more: &[&str]) -> Vec<Value> {
    let is_ours = |one: &&Value| one["kind"] == "EnvoyFilter" && one["metadata"]["name"] == "hookwarden";
    let resources = resources(more);
    let filter = resources.iter().find(is_ours).expect("the EnvoyFilter");
    filter["spec"]["configPatches"].as_array().expect("a list").clone()
}

/// An Envoy with these patches in place of the plugin and the limit of the shipped bootstrap.
fn patched(patches: Vec<Value>, change: impl Fn(&mut Value, &mut Value) + Send + Sync + 'static) -> Setup {
    let setup = Setup { environment: vec![(GITHUB_VARIABLE.to_owned(), GITHUB.secret.to_owned())], ..guards([]) };
    setup.edit(move |bootstrap, _: &Path| {
        let mut filter = patches[0]["patch"]["value"].clone();
        change(bootstrap, &mut filter);
        let listener = at(bootstrap, "/static_resources/listeners/0");
        // Istio's own limit for a gateway.
        listener["per_connection_buffer_limit_bytes"] = json!(32_768);
        let manager = manager(listener);
        let filters = at(manager, "/http_filters").as_array_mut().expect("a list");
        filters.retain(|filter| filter["name"] != "envoy.filters.http.wasm");
        filters.insert(0, filter);
        let host = at(manager, "/route_config/virtual_hosts/0").as_object_mut().expect("an object");
        host.remove("request_body_buffer_limit");
        host.extend(patches[1]["patch"]["value"].as_object().expect("an object").clone());
    })
}

#[track_caller]
fn holds(proxy: &Proxy) {
    // Before Envoy 1.37 the patch of the virtual host has no limit for bodies, and Istio's own holds.
    let large = vec![b'x'; if has_one_limit() { 20_000 } else { 1_900_000 }];
    for protocol in BOTH {
        proxy.passes(protocol, &honest());
        // More than Istio's limit where that can be, and less than the source's.
        let received = proxy.passes(protocol, &GITHUB.valid(&large));
        assert_eq!(received.header_text("x-hookwarden-source"), Some("github"));
        proxy.denies(protocol, &GITHUB.forged(b"{}"), "github", "signature_mismatch");
        proxy.denies(protocol, &GITHUB.forged(&large), "github", "signature_mismatch");
    }
    proxy.assert_output_is_clean();
}

#[test]
fn the_whole_filter_of_an_envoy_filter_holds_requests() {
    let Some(module) = wasm() else { return };
    let patches = patches(&[]);
    let setup = patched(patches, move |_, filter| {
        let file = at(filter, "/typed_config/config/vm_config/code/local/filename");
        assert_eq!(*file, json!("/etc/hookwarden/plugin.wasm"));
        *file = json!(module);
    });
    let Some(proxy) = Proxy::start(&setup) else { return };
    holds(&proxy);
}

#[test]
fn the_whole_filter_of_an_envoy_filter_fetches_its_module_from_a_service() {
    let Some(module) = wasm() else { return };
    let bytes = std::fs::read(&module).expect("the module can be read");
    let (service, sum) = (serve(bytes), sum(&module));
    let url = "http://modules.hooks.svc.cluster.local:8080/hookwarden.wasm";
    let patches = patches(&["--module", url, "--sha256", &sum]);
    let setup = patched(patches, move |bootstrap, filter| {
        let name = at(filter, "/typed_config/config/vm_config/code/remote/http_uri/cluster").clone();
        assert_eq!(name, "outbound|8080||modules.hooks.svc.cluster.local");
        let mut cluster = bootstrap::cluster(bootstrap, "receiver").clone();
        cluster["name"] = name.clone();
        *at(&mut cluster, "/load_assignment/cluster_name") = name;
        bootstrap::set_endpoint(&mut cluster, service);
        at(bootstrap, "/static_resources/clusters").as_array_mut().expect("a list").push(cluster);
    });
    let Some(proxy) = Proxy::start(&setup) else { return };
    holds(&proxy);
}

/// The sum of a file, as its user would compute it.
fn sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().expect("sha256sum is there");
    String::from_utf8_lossy(&output.stdout).split_whitespace().next().expect("a sum").to_owned()
}

/// A service that answers every request with the module.
fn serve(module: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head = BufReader::new(stream.try_clone().expect("a second handle")).lines().map_while(Result::ok);
            let is_whole = head.take_while(|line| !line.is_empty()).count() > 0;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", module.len());
            if is_whole && stream.write_all(answer.as_bytes()).is_ok() {
                let _ = stream.write_all(&module);
            }
        }
    });
    address
}
