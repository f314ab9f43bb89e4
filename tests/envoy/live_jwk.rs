//! Keys that a sender hands out one by one, in Envoy: the shipped cluster for Plaid's, with a key server in this process, over
//! TLS, that wants the credentials which the cluster adds, rotates under traffic and misbehaves.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::bootstrap::{self, Hold, at, cluster, set_endpoint};
use crate::harness::client::{BOTH, KeepAlive, Protocol, Request};
use crate::harness::launch::Setup;
use crate::harness::senders::{GITHUB, now};
use crate::harness::store::{Call, FakeStore, Response, answer};
use crate::harness::tls::Authority;
use crate::harness::xds::{self, Pushed};
use crate::harness::{Proxy, wait_for};
use crate::plaid::{BODY, Signer, UNKNOWN};

const PLAID: &str = "production.plaid.com";
const CREDENTIALS: [(&str, &str); 2] =
    [("plaid-client-id", "client-id-of-the-test-5b"), ("plaid-secret", "plaid-secret-of-the-test-e07d")];
const DENIED: &str = r#"{"error_type": "INVALID_INPUT", "error_code": "INVALID_API_KEYS"}"#;
const WAIT: Duration = Duration::from_secs(30);
/// How long a request may wait for a key, with some room for a loaded machine.
const LONGEST: Duration = Duration::from_secs(15);

impl Signer {
    fn event_for(&self, source: &str) -> Request {
        let token = self.token(&json!(self.id), now());
        Request::post(format!("/hooks/{source}"), BODY).with("Plaid-Verification", token)
    }

    fn event(&self) -> Request {
        self.event_for("plaid")
    }
}

fn ok(body: &str) -> Response {
    Response::Bytes(answer("200 OK", body))
}

/// The id that a call asks for. A call that is not as Plaid wants it fails the test.
#[track_caller]
fn asked(call: &Call) -> String {
    assert_eq!((call.method(), call.target()), ("POST", "/webhook_verification_key/get"), "{call:?}");
    assert_eq!((call.header("host"), call.header("content-type")), (Some(PLAID), Some("application/json")), "{call:?}");
    let body: Value = serde_json::from_slice(call.body()).expect("JSON");
    let members = body.as_object().expect("an object");
    assert_eq!(members.len(), 1, "{body}");
    members["key_id"].as_str().expect("an id").to_owned()
}

/// Whether a call has the credentials.
fn is_known(call: &Call) -> bool {
    CREDENTIALS.iter().all(|(header, value)| call.header(header) == Some(value))
}

/// A key server that wants the credentials.
fn serve(
    respond: impl Fn(&str) -> Response + Send + Sync + 'static,
) -> impl Fn(&Call) -> Response + Send + Sync + 'static {
    move |call| match is_known(call) {
        true => respond(&asked(call)),
        false => Response::Bytes(answer("400 Bad Request", DENIED)),
    }
}

/// Sources `/hooks/<name>` with Plaid's events, each with a cluster `<name>-keys` of its own.
fn sources(names: &[&str]) -> Value {
    let source = |name: &&str| {
        let keys = json!([{"jwk": {"cluster": format!("{name}-keys"), "timeout": "1s"}}]);
        json!({
            "name": name, "match": {"path": format!("/hooks/{name}")}, "verify": {"provider": "plaid", "keys": keys},
        })
    };
    let mut all: Vec<_> = names.iter().map(source).collect();
    let github = json!({"provider": "github", "secrets": [{"value": GITHUB.secret}]});
    all.push(json!({"name": "github", "match": {"path": "/hooks/github"}, "verify": github}));
    json!({"body_hold": "filter", "sources": all})
}

/// A key server, and a bootstrap with the shipped cluster for each source.
fn keys(
    names: &'static [&'static str],
    respond: impl Fn(&Call) -> Response + Send + Sync + 'static,
) -> (FakeStore, Setup) {
    let server = Authority::new("keys").server_named(&[PLAID]);
    let store = FakeStore::start_tls(server.server_config(), respond);
    let (address, authority) = (store.address, server.authority.clone());
    let setup = Setup::new(sources(names)).hold(Hold::Filter).edit(move |bootstrap, folder| {
        let home = folder.display().to_string();
        let file = |name: &str| format!("{}/envoy/live-keys/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        for part in ["sds", "plaid"] {
            fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        for (name, value) in CREDENTIALS {
            let sds = fs::read_to_string(file(name)).expect("it is shipped").replace("/etc/hookwarden", &home);
            fs::write(folder.join("sds").join(format!("{name}.yaml")), sds).expect("an SDS file");
            fs::write(folder.join("plaid").join(name), value).expect("a credential");
        }
        let shipped = bootstrap::read(&file("plaid"));
        let mut shipped: Value =
            serde_json::from_str(&shipped.to_string().replace("/etc/hookwarden", &home)).expect("JSON");
        set_endpoint(&mut shipped, address);
        *at(&mut shipped, "/transport_socket/typed_config/common_tls_context/validation_context/trusted_ca") =
            json!({"inline_string": authority});
        for name in names {
            let mut own = shipped.clone();
            own["name"] = json!(format!("{name}-keys"));
            own["load_assignment"]["cluster_name"] = own["name"].clone();
            at(bootstrap, "/static_resources/clusters").as_array_mut().expect("a list").push(own);
        }
        bootstrap["node"] = json!({"id": "test", "cluster": "test"});
    });
    (store, setup)
}

fn count_of(store: &FakeStore) -> usize {
    store.take_calls().len()
}

#[test]
fn an_event_waits_for_the_key_that_it_names_and_no_event_is_lost_in_a_rotation() {
    let published = Arc::new(Mutex::new(vec![Signer::new("first", 1)]));
    let served = Arc::clone(&published);
    let (store, setup) = keys(
        &["plaid"],
        serve(move |id| {
            let all = served.lock().unwrap();
            match all.iter().find(|signer| signer.id == id) {
                Some(signer) => ok(&signer.answer(Value::Null)),
                None => Response::Bytes(answer("400 Bad Request", UNKNOWN)),
            }
        }),
    );
    let Some(proxy) = Proxy::start(&setup.workers(2)) else { return };
    for protocol in BOTH {
        let seen = proxy.passes(protocol, &Signer::new("first", 1).event());
        assert_eq!(seen.header_text("x-hookwarden-key-id"), Some("jwk"));
    }
    proxy.every_worker_answers(&Signer::new("first", 1).event(), 200);
    assert_eq!(count_of(&store), 1, "one call for all");
    proxy.denies(Protocol::Http1, &Signer::new("first", 9).event(), "plaid", "signature_mismatch");

    // Plaid begins to sign with a second key at once, which is the worst case. Its events come once a new id may be asked for.
    published.lock().unwrap().push(Signer::new("second", 2));
    let learned = wait_for(WAIT, || {
        (Signer::new("second", 2).event().send(proxy.address, Protocol::Http1).status == 200).then_some(())
    });
    assert!(learned.is_some(), "{}", proxy.log());
    let refusals: Vec<String> = std::thread::scope(|scope| {
        let traffic = |number: usize| {
            let proxy = &proxy;
            scope.spawn(move || {
                let (id, seed) = if number.is_multiple_of(2) { ("first", 1) } else { ("second", 2) };
                let signer = Signer::new(id, seed);
                let replies = (0..40).map(|_| signer.event().send(proxy.address, BOTH[number / 2 % 2]));
                let refused = replies.filter(|reply| reply.status != 200);
                refused.map(|reply| format!("{reply:?}")).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..4).map(traffic).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
    });
    assert_eq!(refusals, [""; 0], "events were lost");
    let calls: Vec<_> = store.take_calls().iter().map(asked).collect();
    assert_eq!(calls, ["second"]);
    for (_, credential) in CREDENTIALS {
        assert!(!proxy.log().contains(credential));
    }
}

#[test]
fn a_key_server_that_misbehaves_lets_nothing_in_and_takes_nothing_known_away() {
    const OUTCOMES: [(&str, &str); 14] = [
        ("slow", "key_unavailable"),
        ("oversize", "key_unavailable"),
        ("redirect", "key_unavailable"),
        ("malformed", "key_unavailable"),
        ("other", "key_unavailable"),
        ("reset", "key_unavailable"),
        ("empty", "key_unavailable"),
        ("notfound", "key_unavailable"),
        ("denied", "key_unavailable"),
        ("limited", "key_unavailable"),
        ("curve", "key_unavailable"),
        ("expired", "key_unknown"),
        ("unknown", "key_unknown"),
        ("html", "passed"),
    ];
    const NAMES: [&str; 14] = [
        "slow",
        "oversize",
        "redirect",
        "malformed",
        "other",
        "reset",
        "empty",
        "notfound",
        "denied",
        "limited",
        "curve",
        "expired",
        "unknown",
        "html",
    ];
    let respond = |id: &str| {
        let good = Signer::new(id, 2).answer(Value::Null);
        let head = |line: &str| format!("HTTP/1.1 {line}\r\ncontent-length: {}\r\n\r\n{good}", good.len()).into_bytes();
        match id {
            "known" => ok(&Signer::new(id, 1).answer(Value::Null)),
            "slow" => Response::Hang,
            "oversize" => ok(&good.replacen('{', &format!("{{\"pad\":\"{}\",", "x".repeat(1 << 20)), 1)),
            "redirect" => Response::Bytes(head("302 Found\r\nlocation: /elsewhere")),
            "malformed" => ok(&good[..good.len() - 1]),
            "other" => ok(&Signer::new("elsewhere", 2).answer(Value::Null)),
            "reset" => Response::BytesThenClose(
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{good}", good.len() + 1).into(),
            ),
            "empty" => ok(""),
            "notfound" => Response::Bytes(answer("404 Not Found", &good)),
            "denied" => Response::Bytes(answer("400 Bad Request", DENIED)),
            "limited" => Response::Bytes(answer("429 Too Many Requests", UNKNOWN)),
            "curve" => ok(&good.replace("P-256", "P-384")),
            "expired" => ok(&Signer::new(id, 2).answer(json!(now() + 3600))),
            "unknown" => Response::Bytes(answer("400 Bad Request", UNKNOWN)),
            // Another type than JSON's does not matter: what parses is the key.
            _ => Response::Bytes(head("200 OK\r\ncontent-type: text/html")),
        }
    };
    let (store, setup) = keys(&NAMES, serve(respond));
    let Some(proxy) = Proxy::start(&setup) else { return };
    let known = Signer::new("known", 1);
    for name in NAMES {
        let passed =
            wait_for(WAIT, || (known.event_for(name).send(proxy.address, Protocol::Http1).status == 200).then_some(()));
        assert!(passed.is_some(), "{name}: {}", proxy.log());
    }
    for (name, code) in OUTCOMES {
        let signer = Signer::new(name, 2);
        // Until a new id may be asked for again, the answer is 503, and nothing is asked.
        store.take_calls();
        let (mark, mut took) = (proxy.upstream.mark(), Duration::ZERO);
        let was_asked = wait_for(WAIT, || {
            let began = Instant::now();
            signer.event_for(name).send(proxy.address, Protocol::Http1);
            took = began.elapsed();
            store.take_calls().iter().any(|call| asked(call) == name).then_some(())
        });
        assert!(was_asked.is_some(), "{name} was never asked for: {}", proxy.log());
        assert!(took < LONGEST, "{name} took {took:?}");
        if code == "passed" {
            BOTH.into_iter().for_each(|protocol| drop(proxy.passes(protocol, &signer.event_for(name))));
            continue;
        }
        proxy.upstream.assert_nothing_since(mark);
        for protocol in BOTH {
            proxy.denies(protocol, &signer.event_for(name), name, code);
            proxy.passes(protocol, &known.event_for(name));
        }
    }
    let calls = store.take_calls();
    assert!(calls.iter().all(|call| call.target() != "/elsewhere"), "{calls:?}");
    assert!(proxy.log().contains("fetching jwk from the cluster denied-keys failed: the status was 400"));
    assert!(!proxy.log().contains("fetching jwk from the cluster unknown-keys failed"), "strangers can cause alarms");
}

#[test]
fn without_the_credentials_the_sender_is_asked_to_try_again() {
    let (store, setup) = keys(&["plaid"], serve(|id| ok(&Signer::new(id, 1).answer(Value::Null))));
    let setup = setup.edit(|bootstrap, _| {
        let options = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        let filters = at(cluster(bootstrap, "plaid-keys"), &format!("{options}/http_filters"));
        let filters = filters.as_array_mut().expect("a list");
        filters.retain(|filter| filter["name"] != "plaid-secret");
    });
    let Some(proxy) = Proxy::start(&setup) else { return };
    proxy.denies(Protocol::Http1, &Signer::new("key", 1).event(), "plaid", "key_unavailable");
    assert_eq!(count_of(&store), 1);
    proxy.wait_for_log(&["fetching jwk from the cluster plaid-keys failed: the status was 400"]);
}

#[test]
fn thousands_of_unknown_ids_cause_few_calls_and_hold_nothing_up() {
    let known = Signer::new("known", 1);
    let published = known.answer(Value::Null);
    let (store, setup) = keys(
        &["plaid"],
        serve(move |id| match id {
            "known" => ok(&published),
            _ => Response::Bytes(answer("400 Bad Request", UNKNOWN)),
        }),
    );
    let Some(proxy) = Proxy::start(&setup.workers(2)) else { return };
    proxy.passes(Protocol::Http1, &known.event());
    store.take_calls();
    let mark = proxy.upstream.mark();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let proxy = &proxy;
            let requests: Vec<_> = (0..625).map(|at| unsigned(&format!("unknown-{}", thread * 625 + at))).collect();
            scope.spawn(move || {
                let mut connection = KeepAlive::open(proxy.address);
                for request in requests {
                    let reply = connection.round_trip(&request);
                    assert!(matches!(reply.status, 401 | 503), "{reply:?}");
                }
            });
        }
    });
    let took = began.elapsed();
    proxy.upstream.assert_nothing_since(mark);
    let calls = count_of(&store);
    let allowed = 1 + usize::try_from(took.as_secs() / 10).expect("small");
    assert!(calls <= allowed, "{calls} calls in {took:?}");
    proxy.passes(Protocol::Http1, &known.event());
    proxy.every_worker_answers(&known.event(), 200);
}

/// An event of the right form that a stranger can make.
fn unsigned(id: &str) -> Request {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = json!({"iat": now(), "request_body_sha256": hex::encode(Sha256::digest(BODY))});
    let token =
        format!("{}.{}.{}", part(&json!({"alg": "ES256", "kid": id})), part(&claims), URL_SAFE_NO_PAD.encode([7; 64]));
    Request::post("/hooks/plaid", BODY).with("Plaid-Verification", token)
}

#[test]
fn an_event_that_waits_is_answered_although_the_configuration_changes() {
    let is_slow = Arc::new(AtomicBool::new(true));
    let slow = Arc::clone(&is_slow);
    let (store, setup) = keys(
        &["plaid"],
        serve(move |id| match slow.load(Ordering::SeqCst) {
            true => Response::Hang,
            false => ok(&Signer::new(id, 1).answer(Value::Null)),
        }),
    );
    let Some(proxy) = Proxy::start(&xds::with_dynamic_listeners(setup)) else { return };
    let mark = proxy.upstream.mark();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let began = Instant::now();
            (Signer::new("key", 1).event().send(proxy.address, Protocol::Http1).status, began.elapsed())
        });
        assert!(wait_for(WAIT, || (count_of(&store) > 0).then_some(())).is_some());
        let mut changed = sources(&["plaid"]);
        changed["sources"][0]["max_body_bytes"] = json!(1000);
        assert_eq!(xds::push(&proxy, &changed), Pushed::Accepted);
        let (status, took) = waiting.join().expect("it ends");
        assert_eq!(status, 503);
        assert!(took < LONGEST, "{took:?}");
    });
    proxy.upstream.assert_nothing_since(mark);
    is_slow.store(false, Ordering::SeqCst);
    let learned = wait_for(WAIT, || {
        (Signer::new("key", 1).event().send(proxy.address, Protocol::Http1).status == 200).then_some(())
    });
    assert!(learned.is_some(), "{}", proxy.log());
}
