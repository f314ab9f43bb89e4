//! Live secrets in Envoy: the shipped bootstrap with files that are swapped as Kubernetes swaps them, and a server like
//! Vault that misbehaves.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::bootstrap::{self, Hold, at, cluster, set_endpoint};
use crate::harness::client::{BOTH, Protocol, Request};
use crate::harness::launch::{Setup, reads_secrets};
use crate::harness::senders::{self, now};
use crate::harness::store::{FakeStore, Response, answer};
use crate::harness::xds::{self, Pushed};
use crate::harness::{Proxy, wait_for};

const FIRST: &str = "live-secret-of-the-test-first-4f";
const SECOND: &str = "live-secret-of-the-test-second-a0";
const THIRD: &str = "live-secret-of-the-test-third-7c";
const TOKEN: &str = "vault-token-of-the-test-0d91e2";
const FILTERS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
const WAIT: Duration = Duration::from_secs(20);

/// A mounted Kubernetes Secret: files are links into `..data`, a link that is replaced.
struct Mount<'a>(&'a Path);

impl Mount<'_> {
    fn write(&self, files: &[(&str, &str)]) {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let version = format!("..version-{number}");
        fs::create_dir_all(self.0.join(&version)).expect("a folder");
        for (name, text) in files {
            fs::write(self.0.join(&version).join(name), text).expect("a file");
            let link = self.0.join(name);
            if !link.exists() {
                symlink(Path::new("..data").join(name), &link).expect("a link");
            }
        }
        let new = self.0.join(format!("..new-{number}"));
        symlink(&version, &new).expect("a link");
        fs::rename(new, self.0.join("..data")).expect("the link can be replaced");
    }
}

/// Puts the shipped SDS files into the folder, and the folder in place of `/etc/hookwarden`.
fn mount(bootstrap: &mut Value, folder: &Path, github: &[(&str, &str)]) {
    let home = folder.display().to_string();
    for part in ["sds", "secrets", "vault"] {
        fs::create_dir_all(folder.join(part)).expect("a folder");
    }
    for name in ["github-new", "github-old", "vault-token"] {
        let path = format!("{}/envoy/live-secrets/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).expect("the SDS file is shipped").replace("/etc/hookwarden", &home);
        fs::write(folder.join("sds").join(format!("{name}.yaml")), text).expect("an SDS file");
    }
    Mount(&folder.join("secrets")).write(github);
    Mount(&folder.join("vault")).write(&[("vault-token", TOKEN)]);
    *bootstrap = serde_json::from_str(&bootstrap.to_string().replace("/etc/hookwarden", &home)).expect("JSON");
}

/// The shipped bootstrap with its own configuration; nobody answers as Vault.
fn shipped(github: &'static [(&'static str, &'static str)]) -> Setup {
    let mut setup = Setup { plugin: None, ..Setup::new(Value::Null) };
    setup.file = "envoy-live-secrets.yaml";
    setup.edit(move |bootstrap, folder| {
        mount(bootstrap, folder, github);
        set_endpoint(cluster(bootstrap, "vault"), TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    })
}

/// `None` with an Envoy that cannot read secrets.
fn start(setup: &Setup) -> Option<Proxy> {
    reads_secrets().then(|| Proxy::start(setup)).flatten()
}

fn github(secret: &str) -> Request {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    senders::github("/hooks/github", secret, format!("{{\"live\":{number}}}").as_bytes())
}

fn status(proxy: &Proxy, request: &Request) -> u16 {
    request.send(proxy.address, Protocol::Http1).status
}

#[track_caller]
fn wait_for_status(proxy: &Proxy, request: impl Fn() -> Request, expected: u16) {
    let mut last = 0;
    let found = wait_for(WAIT, || {
        last = status(proxy, &request());
        (last == expected).then_some(())
    });
    assert!(found.is_some(), "the last status was {last}, not {expected}");
}

/// Waits until both workers answer like this.
#[track_caller]
fn wait_for_all(proxy: &Proxy, secret: &str, expected: u16) {
    wait_for_status(proxy, || github(secret), expected);
    proxy.every_worker_answers(&github(secret), expected);
}

/// Refused with this status, without a byte for the upstream.
#[track_caller]
fn refused(proxy: &Proxy, request: &Request, expected: u16) {
    for protocol in BOTH {
        let mark = proxy.upstream.mark();
        let reply = request.send(proxy.address, protocol);
        assert_eq!(reply.status, expected, "{reply:?}");
        assert_eq!(reply.text(), "request denied\n");
        proxy.upstream.assert_nothing_since(mark);
    }
}

#[test]
fn a_rotation_of_a_mounted_secret_loses_no_event_and_ends_the_old_one() {
    let setup = shipped(&[("github-new", FIRST), ("github-old", "")]).workers(2);
    let Some(proxy) = start(&setup) else { return };
    let secrets = proxy.folder().join("secrets");
    for protocol in BOTH {
        let seen = proxy.passes(protocol, &github(FIRST));
        assert_eq!(seen.header_text("x-hookwarden-key-id"), Some("new"));
    }
    refused(&proxy, &github(SECOND), 401);

    // Under traffic: the sender changes its secret after the proxy knows both.
    let (rotated, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let refusals: Vec<String> = std::thread::scope(|scope| {
        let traffic = |_| {
            scope.spawn(|| {
                let mut refusals = Vec::new();
                while !ended.load(Ordering::SeqCst) {
                    let secret = if rotated.load(Ordering::SeqCst) { SECOND } else { FIRST };
                    let reply = github(secret).send(proxy.address, Protocol::Http1);
                    if reply.status != 200 {
                        refusals.push(format!("{reply:?}"));
                    }
                }
                refusals
            })
        };
        let threads: Vec<_> = (0..3).map(traffic).collect();
        Mount(&secrets).write(&[("github-new", SECOND), ("github-old", FIRST)]);
        // Both workers have the new one.
        for _ in 0..4 {
            wait_for_status(&proxy, || github(SECOND), 200);
        }
        proxy.every_worker_answers(&github(SECOND), 200);
        rotated.store(true, Ordering::SeqCst);
        proxy.every_worker_answers(&github(FIRST), 200);
        ended.store(true, Ordering::SeqCst);
        threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
    });
    assert_eq!(refusals, [""; 0], "events were lost");
    proxy.wait_for_log(&["source github: the live secret new has changed"]);

    Mount(&secrets).write(&[("github-new", SECOND), ("github-old", "")]);
    wait_for_status(&proxy, || github(FIRST), 401);
    proxy.every_worker_answers(&github(FIRST), 401);
    refused(&proxy, &github(FIRST), 401);
    for protocol in BOTH {
        proxy.passes(protocol, &github(SECOND));
    }
    let dump = proxy.admin("/config_dump?include_eds").text();
    for secret in [FIRST, SECOND, TOKEN] {
        assert!(!dump.contains(secret) && !proxy.log().contains(secret));
    }
}

#[test]
fn without_a_secret_nothing_passes_and_the_sender_may_try_again() {
    let setup = shipped(&[("github-new", ""), ("github-old", "")]);
    let Some(proxy) = start(&setup) else { return };
    for secret in [FIRST, "", "-"] {
        refused(&proxy, &github(secret), 503);
    }
    assert_eq!(proxy.metric("source.github.denials.secret_unavailable"), 6);
    proxy.wait_for_log(&["source github: the live secret new is absent"]);
    Mount(&proxy.folder().join("secrets")).write(&[("github-new", FIRST), ("github-old", "")]);
    wait_for_status(&proxy, || github(FIRST), 200);
    proxy.wait_for_log(&["source github: the live secret new is there again"]);
}

#[test]
fn an_unusable_secret_closes_what_it_may_have_signed_and_says_so_once() {
    let setup = shipped(&[("github-new", "${GITHUB_SECRET}"), ("github-old", FIRST)]);
    let Some(proxy) = start(&setup) else { return };
    for _ in 0..5 {
        proxy.passes(Protocol::Http1, &github(FIRST));
        refused(&proxy, &github(SECOND), 503);
        refused(&proxy, &github("${GITHUB_SECRET}"), 503);
    }
    let line = "the live secret new cannot be used: it looks like a placeholder";
    proxy.wait_for_log(&[line]);
    assert_eq!(proxy.log().matches(line).count(), 1);
    for text in ["short", "\"quoted-secret-of-the-test\"", "ends-with-a-line-feed-of-the-test\n"] {
        Mount(&proxy.folder().join("secrets")).write(&[("github-new", text), ("github-old", "")]);
        wait_for_status(&proxy, || github(FIRST), 503);
        refused(&proxy, &github(text), 503);
        refused(&proxy, &github(text.trim_matches(['"', '\n'])), 503);
    }
}

#[test]
fn a_filter_behind_ours_brings_no_secret() {
    let setup = shipped(&[("github-new", FIRST), ("github-old", "")]).edit(|bootstrap, _| {
        at(bootstrap, FILTERS).as_array_mut().expect("filters").swap(0, 1);
    });
    let Some(proxy) = start(&setup) else { return };
    refused(&proxy, &github(FIRST), 503);
}

/// A server like Vault, and a proxy whose source asks it every second.
struct Vaulted {
    vault: FakeStore,
    proxy: Proxy,
}

/// The answer of Vault's KV engine, version 2.
fn kv2(current: &str, previous: Option<&str>) -> Response {
    let mut data = json!({"current": current});
    if let Some(previous) = previous {
        data["previous"] = json!(previous);
    }
    Response::Bytes(answer("200 OK", &json!({"data": {"data": data, "metadata": {"version": 7}}}).to_string()))
}

fn source(name: &str, pointer: Value) -> Value {
    json!({"name": name, "match": {"path": format!("/hooks/{name}")}, "verify": {"provider": "github", "secrets": pointer}})
}

/// Secrets that are fetched every second.
fn fetched(max_age: &str) -> Value {
    let http = |id: &str| {
        json!({"id": id, "http": {
            "cluster": "vault", "path": "/v1/secret/data/github", "pointer": format!("/data/data/{id}"),
            "refresh": "1s", "max_age": max_age, "timeout": "300ms",
        }})
    };
    json!([http("current"), http("previous")])
}

impl Vaulted {
    fn start(max_age: &str, respond: impl Fn() -> Response + Send + Sync + 'static) -> Option<Self> {
        Self::start_with(
            json!({"body_hold": "filter", "sources": [source("github", fetched(max_age))]}),
            respond,
            |setup| setup,
        )
    }

    fn start_with(
        plugin: Value,
        respond: impl Fn() -> Response + Send + Sync + 'static,
        change: impl FnOnce(Setup) -> Setup,
    ) -> Option<Self> {
        let vault = FakeStore::start(move |call| {
            // What the cluster adds, and the plugin does not know.
            if call.header("x-vault-token") == Some(TOKEN) {
                respond()
            } else {
                Response::Bytes(answer("403 Forbidden", "{}"))
            }
        });
        let address = vault.address;
        let mut setup = Setup::new(plugin).workers(2).edit(move |bootstrap, folder| {
            mount(bootstrap, folder, &[("github-new", ""), ("github-old", "")]);
            // These tests need it not, and Envoy before 1.38 does not have it.
            let filters = at(bootstrap, FILTERS).as_array_mut().expect("filters");
            filters.retain(|filter| filter["name"] != "envoy.filters.http.set_filter_state");
            set_endpoint(cluster(bootstrap, "vault"), address);
        });
        setup.file = "envoy-live-secrets.yaml";
        let proxy = Proxy::start(&change(setup))?;
        Some(Self { vault, proxy })
    }

    /// Waits until another answer has counted as a failure.
    fn wait_for_failure(&self) {
        let failures = || self.proxy.metric("source.github.live_failures.current");
        let before = failures();
        let failed = wait_for(WAIT, || (failures() > before).then_some(()));
        assert!(failed.is_some(), "no answer counted as a failure");
    }

    /// Waits for another call.
    fn wait_for_call(&self) {
        self.vault.take_calls();
        let called = wait_for(WAIT, || (!self.vault.take_calls().is_empty()).then_some(()));
        assert!(called.is_some(), "nobody calls");
    }
}

#[test]
fn current_and_previous_secret_come_from_one_answer() {
    let Some(Vaulted { vault, proxy }) = Vaulted::start("1h", || kv2(FIRST, None)) else { return };
    wait_for_all(&proxy, FIRST, 200);
    let seen = proxy.passes(Protocol::Http2, &github(FIRST));
    assert_eq!(seen.header_text("x-hookwarden-key-id"), Some("current"));
    refused(&proxy, &github(SECOND), 401);
    for call in vault.take_calls() {
        assert_eq!((call.method(), call.target()), ("GET", "/v1/secret/data/github"));
        assert_eq!(call.header("host"), Some("vault"));
    }

    vault.respond_with(|_| kv2(SECOND, Some(FIRST)));
    wait_for_all(&proxy, SECOND, 200);
    let seen = proxy.passes(Protocol::Http1, &github(FIRST));
    assert_eq!(seen.header_text("x-hookwarden-key-id"), Some("previous"));

    vault.respond_with(|_| kv2(THIRD, Some(SECOND)));
    wait_for_all(&proxy, FIRST, 401);
    refused(&proxy, &github(FIRST), 401);
    proxy.passes(Protocol::Http1, &github(SECOND));
    proxy.passes(Protocol::Http1, &github(THIRD));
    assert!(proxy.metrics().contains_key("source.github.live_age_seconds.current"));
    let dump = proxy.admin("/config_dump").text();
    for secret in [FIRST, SECOND, THIRD, TOKEN] {
        assert!(!dump.contains(secret) && !proxy.log().contains(secret));
    }
}

#[test]
fn one_worker_fetches_for_all() {
    let Some(Vaulted { vault, proxy }) = Vaulted::start("1h", || kv2(FIRST, None)) else { return };
    wait_for_all(&proxy, FIRST, 200);
    vault.take_calls();
    let began = Instant::now();
    let mut calls = 0;
    wait_for(WAIT, || {
        calls += vault.take_calls().len();
        (calls >= 6).then_some(())
    });
    // Two workers and the main thread tick twice a second each, and the interval is a second.
    assert!(began.elapsed() >= Duration::from_secs(4), "{calls} calls in {:?}", began.elapsed());
}

#[test]
fn before_the_first_answer_the_source_is_closed() {
    let Some(Vaulted { vault, proxy }) = Vaulted::start("1h", || Response::Bytes(answer("503 Sealed", "{}"))) else {
        return;
    };
    refused(&proxy, &github(FIRST), 503);
    proxy.wait_for_log(&["fetching current from the cluster vault failed: the status was 503"]);
    proxy.wait_for_log(&["source github: current is not there or too old"]);
    vault.respond_with(|_| kv2(FIRST, None));
    wait_for_all(&proxy, FIRST, 200);
    proxy.wait_for_log(&["source github: current is there again"]);
    assert!(proxy.metric("source.github.live_failures.current") > 0);
}

#[test]
fn an_outage_is_borne_up_to_max_age_and_then_the_source_closes() {
    let Some(Vaulted { vault, proxy }) = Vaulted::start("6s", || kv2(FIRST, None)) else { return };
    wait_for_all(&proxy, FIRST, 200);
    vault.respond_with(|_| Response::Bytes(answer("500 Oops", "")));
    let began = Instant::now();
    proxy.wait_for_log(&["the last good one stays in use up to its max_age"]);
    proxy.passes(Protocol::Http1, &github(FIRST));
    wait_for_all(&proxy, FIRST, 503);
    assert!(began.elapsed() >= Duration::from_secs(3), "closed after {:?}", began.elapsed());
    refused(&proxy, &github(FIRST), 503);
    refused(&proxy, &github(SECOND), 503);
    proxy.wait_for_log(&["source github: current is not there or too old"]);
    vault.respond_with(|_| kv2(SECOND, Some(FIRST)));
    wait_for_all(&proxy, FIRST, 200);
}

#[test]
fn no_answer_of_a_misbehaving_server_replaces_the_last_good_secret() {
    let Some(vaulted) = Vaulted::start("1h", || kv2(FIRST, None)) else { return };
    let Vaulted { vault, proxy } = &vaulted;
    wait_for_all(proxy, FIRST, 200);
    let elsewhere = FakeStore::start(|_| kv2(SECOND, None));
    let location = format!("http://{}/v1/secret/data/github", elsewhere.address);
    let whole = json!({"data": {"data": {"current": SECOND}}}).to_string();
    let padded = json!({"data": {"data": {"current": SECOND}}, "padding": "x".repeat(70_000)}).to_string();
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: 900000000\r\n\r\n{}", "x".repeat(200_000));
    let cases: Vec<(&str, Vec<u8>, bool)> = vec![
        ("redirect", format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n").into(), false),
        (
            "redirect with a body",
            format!("HTTP/1.1 301 Moved\r\nlocation: {location}\r\ncontent-length: {}\r\n\r\n{whole}", whole.len())
                .into(),
            false,
        ),
        ("not found", answer("404 Not Found", &whole), false),
        ("created", answer("201 Created", &whole), false),
        ("empty", answer("200 OK", ""), false),
        ("no JSON", answer("200 OK", "<html>captive portal</html>"), false),
        ("half of it", answer("200 OK", &whole[..whole.len() / 2]), false),
        (
            "the member twice",
            answer("200 OK", &format!(r#"{{"data":{{"data":{{"current":"{SECOND}","current":"{SECOND}"}}}}}}"#)),
            false,
        ),
        ("no member", answer("200 OK", r#"{"data":{"data":{}}}"#), false),
        (
            "deleted in Vault",
            answer("200 OK", r#"{"data":{"data":null,"metadata":{"deletion_time":"2026-11-28T00:00:00Z"}}}"#),
            false,
        ),
        ("a list", answer("200 OK", &json!({"data": {"data": {"current": [SECOND]}}}).to_string()), false),
        ("a placeholder", answer("200 OK", r#"{"data":{"data":{"current":"changeme"}}}"#), false),
        ("too short", answer("200 OK", r#"{"data":{"data":{"current":"short"}}}"#), false),
        ("oversize", answer("200 OK", &padded), false),
        ("cut off", format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", whole.len() + 10, whole).into(), true),
        ("endless", endless.into(), false),
        ("no HTTP", b"\x15\x03\x01\x00\x02\x02\x28".to_vec(), true),
        ("hangs up", Vec::new(), true),
    ];
    for (name, bytes, closes) in cases {
        vault.respond_with(move |_| match closes {
            true => Response::BytesThenClose(bytes.clone()),
            false => Response::Bytes(bytes.clone()),
        });
        vaulted.wait_for_failure();
        proxy.passes(Protocol::Http1, &github(FIRST));
        let mark = proxy.upstream.mark();
        assert_eq!(status(proxy, &github(SECOND)), 401, "{name}");
        proxy.upstream.assert_nothing_since(mark);
        // The next case begins without a pause.
        vault.respond_with(|_| kv2(FIRST, None));
        vaulted.wait_for_call();
    }
    vault.respond_with(|_| Response::Hang);
    vaulted.wait_for_failure();
    proxy.passes(Protocol::Http1, &github(FIRST));
    assert!(elsewhere.take_calls().is_empty(), "a redirect was followed");
}

#[test]
fn a_configuration_push_in_flight_keeps_what_was_fetched() {
    let plugin = || json!({"body_hold": "filter", "sources": [source("github", fetched("1h"))]});
    let started = Vaulted::start_with(plugin(), || kv2(FIRST, None), xds::with_dynamic_listeners);
    let Some(Vaulted { vault, proxy }) = started else { return };
    wait_for_all(&proxy, FIRST, 200);
    for round in 0..5 {
        vault.respond_with(|_| Response::Hang);
        vault.take_calls();
        assert!(wait_for(WAIT, || (!vault.take_calls().is_empty()).then_some(())).is_some());
        let mut next = plugin();
        next["sources"][0]["max_body_bytes"] = json!(1_000_000 + round);
        assert_eq!(xds::push(&proxy, &next), Pushed::Accepted);
        // Not even for a moment is there no secret.
        for _ in 0..50 {
            assert_eq!(status(&proxy, &github(FIRST)), 200);
        }
        vault.respond_with(|_| kv2(FIRST, None));
    }
    vault.respond_with(|_| kv2(SECOND, None));
    wait_for_all(&proxy, SECOND, 200);
    proxy.every_worker_answers(&github(FIRST), 401);
}

#[test]
fn an_envoy_of_its_own_can_be_the_server() {
    let secrets = json!([{"id": "file", "http": {
        "cluster": "secrets", "path": "/github-new", "header": "X-Secret", "refresh": "1s", "max_age": "1h",
    }}]);
    let plugin = json!({"body_hold": "filter", "sources": [source("github", secrets)]});
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = Setup::new(plugin).hold(Hold::Filter).edit(move |bootstrap, folder| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/envoy/live-secrets/listener.yaml");
        let mut file = bootstrap::read(path);
        *at(&mut file, "/listener/address/socket_address/port_value") = json!(free.port());
        set_endpoint(at(&mut file, "/cluster"), free);
        at(bootstrap, "/static_resources/listeners").as_array_mut().expect("a list").push(file["listener"].take());
        at(bootstrap, "/static_resources/clusters").as_array_mut().expect("a list").push(file["cluster"].take());
        bootstrap["node"] = json!({"id": "test", "cluster": "test"});
        mount(bootstrap, folder, &[("github-new", FIRST), ("github-old", "")]);
    });
    let Some(proxy) = Proxy::start(&setup) else { return };
    wait_for_status(&proxy, || github(FIRST), 200);
    proxy.passes(Protocol::Http2, &github(FIRST));
    Mount(&proxy.folder().join("secrets")).write(&[("github-new", SECOND), ("github-old", "")]);
    wait_for_status(&proxy, || github(SECOND), 200);
    refused(&proxy, &github(FIRST), 401);
    assert!(!proxy.admin("/config_dump").text().contains(SECOND));
}

#[test]
fn every_use_of_a_secret_may_be_live() {
    let live = |id: &str| {
        json!([{"id": id, "http": {"cluster": "vault", "path": "/v1/secret/data/github",
            "pointer": format!("/data/data/{id}"), "refresh": "1s", "max_age": "1h", "timeout": "300ms"}}])
    };
    let check = |provider: &str, secrets: Value| json!({"provider": provider, "secrets": secrets});
    let named = |name: &str, verify: Value| json!({"name": name, "match": {"path": format!("/hooks/{name}/*")}, "verify": verify});
    let mut tenants = named(
        "tenants",
        json!({"provider": "github", "secrets_by": {"path_segment": 2, "secrets": {
            "acme": live("current"), "umbrella": live("previous"), "fixed": [{"value": THIRD}], "nobody": live("absent"),
        }}}),
    );
    tenants["replay"] = json!({"window": "1h"});
    let plugin = json!({"body_hold": "filter", "sources": [
        source("github", live("current")),
        named("any", json!({"any": [check("bearer", live("absent")), check("github", live("current"))]})),
        named("all", json!([check("basic", live("basic")), check("github", live("current"))])),
        named("stripe", check("stripe", live("current"))),
        named("jwt", json!({"scheme": {"jwt": {"bearer": true, "algorithms": ["HS256"], "body": "unsigned"}},
            "secrets": live("current")})),
        tenants,
    ]});
    let mut plugin = plugin;
    // The token's scheme is tested without Envoy.
    plugin["sources"].as_array_mut().expect("sources").retain(|source| source["name"] != "jwt");
    let respond = || {
        let data = json!({"current": FIRST, "previous": SECOND, "basic": "user:password-of-the-test"});
        Response::Bytes(answer("200 OK", &json!({"data": {"data": data}}).to_string()))
    };
    let Some(Vaulted { vault: _vault, proxy }) = Vaulted::start_with(plugin, respond, |setup| setup) else { return };
    wait_for_all(&proxy, FIRST, 200);
    let body = b"{\"event\":1}";
    let sign = |path: &str, secret: &str| senders::github(path, secret, body);
    proxy.passes(Protocol::Http1, &sign("/hooks/any/x", FIRST));
    // The sender may have used the one that is not there; it is absent, and not broken.
    refused(&proxy, &senders::bearer("/hooks/any/x", SECOND, body), 503);
    let basic = senders::basic("/hooks/all/x", "user:password-of-the-test", body);
    let both = sign("/hooks/all/x", FIRST).with("Authorization", basic.header("Authorization"));
    proxy.passes(Protocol::Http1, &both);
    refused(&proxy, &sign("/hooks/all/x", FIRST), 401);
    proxy.passes(Protocol::Http1, &senders::stripe_at(&now().to_string(), "/hooks/stripe/x", FIRST, body));
    for (tenant, secret) in [("acme", FIRST), ("umbrella", SECOND), ("fixed", THIRD)] {
        proxy.passes(Protocol::Http1, &sign(&format!("/hooks/tenants/{tenant}"), secret));
    }
    refused(&proxy, &sign("/hooks/tenants/acme", SECOND), 401);
    refused(&proxy, &sign("/hooks/tenants/unknown", FIRST), 401);
    refused(&proxy, &sign("/hooks/tenants/nobody", FIRST), 503);
}
