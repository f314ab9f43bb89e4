//! Keys that senders publish, in Envoy: the shipped bootstrap with a key server in this process, over TLS, that rotates
//! its keys under traffic and misbehaves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

use crate::harness::bootstrap::{Hold, at, cluster, set_endpoint};
use crate::harness::client::{BOTH, KeepAlive, Protocol, Request};
use crate::harness::launch::Setup;
use crate::harness::senders::{GITHUB, now};
use crate::harness::store::{Call, FakeStore, Response, answer};
use crate::harness::tls::Authority;
use crate::harness::xds::{self, Pushed};
use crate::harness::{Proxy, wait_for};

const GOOGLE: &str = "www.googleapis.com";
const SNS: &str = "sns.eu-west-1.amazonaws.com";
const PAYPAL: &str = "api.paypal.com";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:mail";
const WAIT: Duration = Duration::from_secs(20);
/// How long a request may wait for a key, with some room for a loaded machine.
const LONGEST: Duration = Duration::from_secs(15);
const ID: &str = "7ff5318490ec183fbaddaa2a969abfda";

/// A key of the sender.
struct Key {
    id: &'static str,
    pair: KeyPair,
}

impl Key {
    fn first() -> Self {
        Self::of("key-1", include_str!("live_keys/first.pem"))
    }

    fn second() -> Self {
        Self::of("key-2", include_str!("live_keys/second.pem"))
    }

    fn of(id: &'static str, pem: &str) -> Self {
        Self { id, pair: KeyPair::from_pem_and_sign_algo(pem, &PKCS_RSA_SHA256).expect("an RSA key") }
    }

    fn jwk(&self) -> Value {
        // RSAPublicKey of 2048 bits: two headers and a zero, the modulus, and the exponent 65537.
        let modulus = &self.pair.der_bytes()[9..9 + 256];
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB"})
    }

    fn token(&self, claims: &Value) -> String {
        self.token_as(self.id, claims)
    }

    fn token_as(&self, id: &str, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "RS256", "kid": id, "typ": "JWT"})), part(claims));
        let tag = self.pair.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// A certificate with this key, valid from and until the beginning of these years.
    fn certificate(&self, from: i32, until: i32) -> String {
        let mut params = CertificateParams::new(["sns.amazonaws.com".to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        params.self_signed(&self.pair).expect("a certificate").pem()
    }
}

fn set(keys: &[&Key]) -> String {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string()
}

fn ok(body: &str) -> Response {
    Response::Bytes(answer("200 OK", body))
}

/// The shipped bootstrap, whose key clusters lead to `address` and trust `authority`.
fn setup(plugin: Option<Value>, address: std::net::SocketAddr, authority: &str) -> Setup {
    let authority = authority.to_owned();
    let mut setup = Setup { plugin, ..Setup::new(Value::Null) };
    setup.file = "envoy-live-keys.yaml";
    setup.edit(move |bootstrap, _| {
        for (name, host) in [("google-keys", GOOGLE), ("sns-keys", SNS)] {
            let cluster = cluster(bootstrap, name);
            set_endpoint(cluster, address);
            let tls = at(cluster, "/transport_socket/typed_config");
            assert_eq!(tls["sni"], host);
            *at(tls, "/common_tls_context/validation_context/trusted_ca") = json!({"inline_string": authority});
        }
        let filters =
            at(bootstrap, "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters");
        let value = at(filters, "/0/typed_config/config/configuration/value");
        let plugin = serde_json::from_str(value.as_str().expect("text")).expect("JSON");
        *value = json!(with_github(plugin).to_string());
        let mut paypal = cluster(bootstrap, "sns-keys").clone();
        paypal["name"] = json!("paypal-keys");
        paypal["load_assignment"]["cluster_name"] = json!("paypal-keys");
        let tls = at(&mut paypal, "/transport_socket/typed_config");
        tls["sni"] = json!(PAYPAL);
        *at(tls, "/common_tls_context/validation_context/match_typed_subject_alt_names/0/matcher/exact") =
            json!(PAYPAL);
        at(bootstrap, "/static_resources/clusters").as_array_mut().expect("a list").push(paypal);
    })
}

/// With a source for the requests by which the harness sees that a proxy still works.
fn with_github(mut plugin: Value) -> Value {
    let github = json!({"provider": "github", "secrets": [{"value": GITHUB.secret}]});
    let sources = plugin["sources"].as_array_mut().expect("a list");
    sources.push(json!({"name": "github", "match": {"path": "/hooks/github"}, "verify": github}));
    plugin
}

/// A key server, and the bootstrap that uses it.
fn keys(plugin: Option<Value>, respond: impl Fn(&Call) -> Response + Send + Sync + 'static) -> (FakeStore, Setup) {
    let authority = Authority::new("keys");
    let server = authority.server_named(&[GOOGLE, SNS, PAYPAL]);
    let store = FakeStore::start_tls(server.server_config(), respond);
    let setup = setup(plugin, store.address, &server.authority);
    (store, setup)
}

fn pubsub_claims() -> Value {
    json!({
        "iss": "https://accounts.google.com", "aud": "https://hooks.example.com/hooks/pubsub",
        "email": "push@project.iam.gserviceaccount.com", "email_verified": true, "iat": now(), "exp": now() + 3600,
    })
}

fn pubsub(key: &Key) -> Request {
    Request::post("/hooks/pubsub", r#"{"message":{"data":"e30="}}"#)
        .with("Authorization", format!("Bearer {}", key.token(&pubsub_claims())))
}

/// The same, naming a key that nobody has.
fn pubsub_of_unknown(key: &Key, number: usize) -> Request {
    Request::post("/hooks/pubsub", r#"{"message":{"data":"e30="}}"#)
        .with("Authorization", format!("Bearer {}", key.token_as(&format!("unknown-{number}"), &pubsub_claims())))
}

fn ses(key: &Key, address: &str) -> Request {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let id = format!("22b80b92-fdea-4c2c-8f9d-{:012}", NEXT.fetch_add(1, Ordering::Relaxed));
    let time = rfc3339(now());
    let text = "{\"eventType\":\"Delivery\"}";
    let signed =
        format!("Message\n{text}\nMessageId\n{id}\nTimestamp\n{time}\nTopicArn\n{TOPIC}\nType\nNotification\n");
    let tag = STANDARD.encode(key.pair.sign(signed.as_bytes()).expect("a signature"));
    let body = json!({
        "Type": "Notification", "MessageId": id, "TopicArn": TOPIC, "Message": text, "Timestamp": time,
        "SignatureVersion": "2", "Signature": tag, "SigningCertURL": address,
    });
    Request::post("/hooks/ses", body.to_string())
        .with("x-amz-sns-message-type", "Notification")
        .with("x-amz-sns-message-id", id)
}

fn rfc3339(seconds: u64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).expect("a time")).expect("a time");
    let (date, (hour, minute, second)) = (time.date(), time.to_hms());
    let month = u8::from(date.month());
    format!("{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", date.year(), date.day())
}

fn address_of(id: &str) -> String {
    format!("https://{SNS}/SimpleNotificationService-{id}.pem")
}

/// Waits until a request with a key that the proxy has passes.
#[track_caller]
fn wait_for_pass(proxy: &Proxy, request: impl Fn() -> Request) {
    let mut last = 0;
    let passed = wait_for(WAIT, || {
        last = request().send(proxy.address, Protocol::Http1).status;
        (last == 200).then_some(())
    });
    assert!(passed.is_some(), "the last status was {last}; {}", proxy.log());
}

fn count_of(store: &FakeStore) -> usize {
    store.take_calls().len()
}

#[test]
fn a_new_key_is_fetched_when_the_first_event_names_it_and_no_event_is_lost() {
    let keys_now = Arc::new(Mutex::new(set(&[&Key::first()])));
    let served = Arc::clone(&keys_now);
    let (store, setup) = keys(None, move |_| ok(&served.lock().unwrap()));
    let Some(proxy) = Proxy::start(&setup.workers(2)) else { return };
    for protocol in BOTH {
        let seen = proxy.passes(protocol, &pubsub(&Key::first()));
        assert_eq!(seen.header_text("x-hookwarden-key-id"), Some("jwks"));
    }
    let calls = store.take_calls();
    assert!(calls.iter().all(|call| call.target() == "/oauth2/v3/certs" && call.header("host") == Some(GOOGLE)));
    assert_eq!(calls.len(), 1, "one worker fetches for all: {calls:?}");

    // The sender publishes a second key and signs with it at once, which is the worst case.
    *keys_now.lock().unwrap() = set(&[&Key::first(), &Key::second()]);
    let refusals: Vec<String> = std::thread::scope(|scope| {
        let traffic = |number: usize| {
            let proxy = &proxy;
            scope.spawn(move || {
                let key = if number.is_multiple_of(2) { Key::first() } else { Key::second() };
                let replies = (0..40).map(|_| pubsub(&key).send(proxy.address, BOTH[number / 2 % 2]));
                let refused = replies.filter(|reply| reply.status != 200);
                refused.map(|reply| format!("{reply:?}")).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..4).map(traffic).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
    });
    assert_eq!(refusals, [""; 0], "events were lost");
    assert_eq!(count_of(&store), 1, "one early fetch for all");

    // Within the same minute there is no other: the key is unknown.
    for protocol in BOTH {
        proxy.denies(protocol, &pubsub_of_unknown(&Key::first(), 0), "pubsub", "key_unknown");
    }
    assert_eq!(count_of(&store), 0);
}

#[test]
fn thousands_of_unknown_keys_cause_one_fetch_and_hold_nothing_up() {
    let (store, setup) = keys(None, |_| ok(&set(&[&Key::first()])));
    let Some(proxy) = Proxy::start(&setup.workers(2)) else { return };
    proxy.passes(Protocol::Http1, &pubsub(&Key::first()));
    store.take_calls();
    let mark = proxy.upstream.mark();
    let began = Instant::now();
    let requests: Vec<Vec<Request>> =
        (0..16).map(|thread| (0..625).map(|at| unsigned(thread * 625 + at)).collect()).collect();
    std::thread::scope(|scope| {
        for requests in requests {
            let proxy = &proxy;
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
    let fetches = count_of(&store);
    let allowed = 1 + usize::try_from(took.as_secs() / 60).expect("small");
    assert!(fetches <= allowed, "{fetches} fetches in {took:?}");
    assert_eq!(proxy.metric("source.pubsub.requests.passed"), 1);
    proxy.passes(Protocol::Http1, &pubsub(&Key::first()));
}

/// A token with an unknown key and no valid signature, as a stranger can make it.
fn unsigned(number: usize) -> Request {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = json!({"alg": "RS256", "kid": format!("unknown-{number}")});
    let token = format!("{}.{}.{}", part(&header), part(&pubsub_claims()), URL_SAFE_NO_PAD.encode([7; 256]));
    Request::post("/hooks/pubsub", "{}").with("Authorization", format!("Bearer {token}"))
}

/// Sources `/hooks/<name>` of a scheme of one's own, each with the key set `/<name>`.
fn sources(names: &[&str], times: &Value) -> Value {
    let source = |name: &&str| {
        let mut place = json!({"cluster": "google-keys", "authority": GOOGLE, "path": format!("/{name}")});
        place.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        json!({
            "name": name, "match": {"path": format!("/hooks/{name}")},
            "verify": {
                "scheme": {"jwt": {"at": "header:Authorization", "prefix": "Bearer ", "algorithms": ["RS256"]}},
                "keys": [{"jwks": place}],
            },
        })
    };
    json!({"sources": names.iter().map(source).collect::<Vec<_>>()})
}

fn event(source: &str, key: &Key) -> Request {
    let claims = json!({"iat": now(), "exp": now() + 600});
    Request::post(format!("/hooks/{source}"), "{}").with("Authorization", format!("Bearer {}", key.token(&claims)))
}

#[test]
fn a_key_server_that_misbehaves_lets_nothing_in_and_takes_nothing_known_away() {
    const MISBEHAVIOURS: [&str; 8] =
        ["slow", "oversize", "redirect", "malformed", "other", "reset", "empty", "not-found"];
    let misbehaves = Arc::new(AtomicBool::new(false));
    let is_bad = Arc::clone(&misbehaves);
    let both = set(&[&Key::first(), &Key::second()]);
    let respond = move |call: &Call| {
        if !is_bad.load(Ordering::SeqCst) {
            return ok(&set(&[&Key::first()]));
        }
        match call.target() {
            "/slow" => Response::Hang,
            "/oversize" => ok(&both.replacen('{', &format!("{{\"pad\":\"{}\",", "x".repeat(1 << 20)), 1)),
            "/redirect" => Response::Bytes(
                format!("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: {}\r\n\r\n{both}", both.len())
                    .into(),
            ),
            "/malformed" => ok(&both[..both.len() - 1]),
            "/other" => ok(r#"{"keys":[{"kty":"EC","crv":"P-384","x":"AA","y":"AA","kid":"key-2"}]}"#),
            "/reset" => Response::BytesThenClose(
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{both}", both.len() + 1).into(),
            ),
            "/empty" => ok(""),
            "/not-found" => Response::Bytes(answer("404 Not Found", &both)),
            // Another type than JSON's does not matter: what parses is a key set.
            _ => Response::Bytes(
                format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{both}", both.len())
                    .into(),
            ),
        }
    };
    let names: Vec<&str> = MISBEHAVIOURS.into_iter().chain(["html"]).collect();
    let (store, setup) = keys(Some(sources(&names, &json!({"refresh": "1h", "timeout": "1s"}))), respond);
    let Some(proxy) = Proxy::start(&setup) else { return };
    for name in &names {
        wait_for_pass(&proxy, || event(name, &Key::first()));
    }
    misbehaves.store(true, Ordering::SeqCst);
    store.take_calls();
    for name in MISBEHAVIOURS {
        for protocol in BOTH {
            let began = Instant::now();
            proxy.denies(protocol, &event(name, &Key::second()), name, "key_unavailable");
            assert!(began.elapsed() < LONGEST, "{name} took {:?}", began.elapsed());
            proxy.passes(protocol, &event(name, &Key::first()));
        }
    }
    proxy.passes(Protocol::Http1, &event("html", &Key::second()));
    // Failures are repeated at most once a second, and never elsewhere.
    let calls = store.take_calls();
    assert!(calls.iter().all(|call| call.target() != "/elsewhere"), "{calls:?}");
    assert!(proxy.log().contains("fetching jwks from the cluster google-keys failed"));
}

#[test]
fn without_a_key_set_the_sender_is_asked_to_try_again_until_there_is_one() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let respond = move |_: &Call| match up.load(Ordering::SeqCst) {
        true => ok(&set(&[&Key::first()])),
        false => Response::Bytes(answer("500 Internal Server Error", "")),
    };
    let (_store, setup) = keys(Some(sources(&["events"], &json!({"refresh": "1s", "max_age": "3s"}))), respond);
    let Some(proxy) = Proxy::start(&setup) else { return };
    for protocol in BOTH {
        let reply = proxy.denies(protocol, &event("events", &Key::first()), "events", "key_unavailable");
        assert_eq!((reply.status, reply.header("retry-after").is_some()), (503, true));
    }
    is_up.store(true, Ordering::SeqCst);
    wait_for_pass(&proxy, || event("events", &Key::first()));

    // An outage that is longer than max_age ends in the same way.
    is_up.store(false, Ordering::SeqCst);
    let closed = wait_for(WAIT, || {
        (event("events", &Key::first()).send(proxy.address, Protocol::Http1).status == 503).then_some(())
    });
    assert!(closed.is_some(), "a key set was used after its max_age");
    proxy.denies(Protocol::Http1, &event("events", &Key::first()), "events", "key_unavailable");
}

#[test]
fn a_key_that_is_not_published_any_more_verifies_nothing() {
    let keys_now = Arc::new(Mutex::new(set(&[&Key::first()])));
    let served = Arc::clone(&keys_now);
    let (_store, setup) =
        keys(Some(sources(&["events"], &json!({"refresh": "1s"}))), move |_| ok(&served.lock().unwrap()));
    let Some(proxy) = Proxy::start(&setup.workers(2)) else { return };
    wait_for_pass(&proxy, || event("events", &Key::first()));
    *keys_now.lock().unwrap() = set(&[&Key::second()]);
    wait_for_pass(&proxy, || event("events", &Key::second()));
    let gone = wait_for(WAIT, || {
        (event("events", &Key::first()).send(proxy.address, Protocol::Http1).status == 401).then_some(())
    });
    assert!(gone.is_some(), "the former key still verifies");
    proxy.every_worker_answers(&event("events", &Key::first()), 401);
    proxy.denies(Protocol::Http1, &event("events", &Key::first()), "events", "key_unknown");
}

#[test]
fn keys_from_a_server_that_the_cluster_does_not_trust_are_not_used() {
    let server = Authority::new("keys").server_named(&[GOOGLE]);
    let stranger = Authority::new("a stranger").server_named(&[GOOGLE]);
    let store = FakeStore::start_tls(stranger.server_config(), |_| ok(&set(&[&Key::first()])));
    let Some(proxy) = Proxy::start(&setup(None, store.address, &server.authority)) else { return };
    for protocol in BOTH {
        proxy.denies(protocol, &pubsub(&Key::first()), "pubsub", "key_unavailable");
    }
    assert_eq!(count_of(&store), 0);
    drop(store);

    // Nor from one with another name, under the right authority.
    let authority = Authority::new("keys");
    let other = authority.server_named(&["www.example.com"]);
    let store = FakeStore::start_tls(other.server_config(), |_| ok(&set(&[&Key::first()])));
    let Some(proxy) = Proxy::start(&setup(None, store.address, &other.authority)) else { return };
    proxy.denies(Protocol::Http1, &pubsub(&Key::first()), "pubsub", "key_unavailable");
    assert_eq!(count_of(&store), 0);
}

#[test]
fn a_token_that_is_the_whole_body_waits_for_its_key_too() {
    let keys_now = Arc::new(Mutex::new(set(&[&Key::first()])));
    let served = Arc::clone(&keys_now);
    let plugin = json!({"sources": [{
        "name": "kinde", "match": {"path": "/hooks/kinde"},
        "verify": {
            "provider": "kinde",
            "keys": [{"id": "kinde", "jwks": {"cluster": "google-keys", "authority": "example.kinde.com"}}],
        },
        "replay": {"window": "1h", "duplicate": 409},
    }]});
    for hold in [Hold::Filter, Hold::Chain] {
        *keys_now.lock().unwrap() = set(&[&Key::first()]);
        let served = Arc::clone(&served);
        let (store, setup) = keys(Some(plugin.clone()), move |_| ok(&served.lock().unwrap()));
        let mut setup = setup;
        if hold == Hold::Chain {
            setup = chain(setup);
        }
        let Some(proxy) = Proxy::start(&setup) else { return };
        let event = |key: &Key, id: &str| {
            let claims = json!({"type": "user.created", "event_id": id, "data": {"padding": "x".repeat(100_000)}});
            Request::post("/hooks/kinde", key.token(&claims)).with("Content-Type", "application/jwt")
        };
        proxy.passes(Protocol::Http1, &event(&Key::first(), "event_1"));
        assert!(store.take_calls().iter().all(|call| call.target() == "/.well-known/jwks"));
        *keys_now.lock().unwrap() = set(&[&Key::second()]);
        let mut request = event(&Key::second(), "event_2").in_chunks(16_000);
        request = request.with_trailer("x-trailer", "1");
        let seen = proxy.passes(Protocol::Http1, &request);
        assert_eq!(seen.header_text("x-hookwarden-key-id"), (hold == Hold::Filter).then_some("kinde"));
        // What had to wait is remembered as any other event.
        proxy.denies(Protocol::Http1, &event(&Key::second(), "event_2"), "kinde", "duplicate");
    }
}

/// The plugin without the flag, and the buffer filter behind it.
fn chain(mut setup: Setup) -> Setup {
    setup.plugin.as_mut().expect("a plugin")["body_hold"] = json!("chain");
    setup.edit(|bootstrap, _| {
        let filters =
            at(bootstrap, "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters");
        let filters = filters.as_array_mut().expect("a list");
        filters[0]["typed_config"]["config"]["allow_on_headers_stop_iteration"] = json!(false);
        filters.insert(
            1,
            json!({"name": "envoy.filters.http.buffer", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
                "max_request_bytes": 1_048_576,
            }}),
        );
    })
}

#[test]
fn a_certificate_is_fetched_from_the_pinned_place_only_and_events_wait_for_it() {
    let respond = |call: &Call| {
        if call.header("host") == Some(GOOGLE) {
            return ok(&set(&[&Key::first()]));
        }
        assert!(call.method() == "GET" && call.header("host") == Some(SNS), "{call:?}");
        match call.target().trim_start_matches("/SimpleNotificationService-").trim_end_matches(".pem") {
            ID => ok(&Key::first().certificate(2020, 2100)),
            "e0" => ok(&Key::second().certificate(2019, 2020)),
            "e1" => ok(&set(&[&Key::second()])),
            "e2" => Response::Bytes(answer("500 Internal Server Error", "")),
            "e3" => Response::Bytes(answer("403 Forbidden", "")),
            _ => Response::Bytes(answer("404 Not Found", "")),
        }
    };
    let (store, setup) = keys(None, respond);
    let Some(proxy) = Proxy::start(&setup.workers(2)) else { return };
    let first = || ses(&Key::first(), &address_of(ID));
    // The very first event names a certificate that nobody has yet.
    let seen = proxy.passes(Protocol::Http1, &first());
    assert_eq!(seen.header_text("x-hookwarden-key-id"), Some("x509"));
    proxy.every_worker_answers(&first(), 200);
    for protocol in BOTH {
        proxy.passes(protocol, &first());
    }
    let sns: Vec<_> = store.take_calls().into_iter().filter(|call| call.target().contains("Simple")).collect();
    assert_eq!(sns.len(), 1, "{sns:?}");

    // An address of any other form is never asked for.
    for address in [
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-aa.pem".to_owned(),
        format!("https://{SNS}.evil.example/SimpleNotificationService-aa.pem"),
        format!("https://evil.example/{SNS}/SimpleNotificationService-aa.pem"),
        format!("http://{SNS}/SimpleNotificationService-aa.pem"),
        format!("https://{SNS}:8443/SimpleNotificationService-aa.pem"),
        format!("https://user@{SNS}/SimpleNotificationService-aa.pem"),
        format!("https://{SNS}/SimpleNotificationService-../../aa.pem"),
        format!("https://{SNS}/SimpleNotificationService-aa.pem?x=.pem"),
        format!("https://{SNS}/SimpleNotificationService-.pem"),
        format!("https://{SNS}/SimpleNotificationService-AA.pem"),
    ] {
        proxy.denies(Protocol::Http1, &ses(&Key::first(), &address), "ses", "field_malformed");
    }
    // The certificate that is there verifies only what its key signed.
    proxy.denies(Protocol::Http1, &ses(&Key::second(), &address_of(ID)), "ses", "signature_mismatch");
    assert_eq!(count_of(&store), 0);
}

#[test]
fn a_subscription_is_confirmed_although_its_certificate_had_to_be_fetched_first() {
    const CONFIRMATION: &str =
        "/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:123456789012:mail&Token=2336412f37fb687f";
    let plugin = json!({"sources": [{
        "name": "ses", "match": {"path": "/hooks/ses"},
        "verify": {
            "provider": "amazon-ses", "keys": [{"x509": {"cluster": "sns-keys"}}],
            "with": {"region": "eu-west-1", "topic_arn": TOPIC},
        },
        "handshake": {"topics": [TOPIC], "cluster": "sns-keys"},
    }]});
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let (store, setup) = keys(Some(plugin), move |call| match call.target() {
        CONFIRMATION if down.load(Ordering::SeqCst) => Response::Bytes(answer("500 Internal Server Error", "")),
        CONFIRMATION => ok("<ConfirmSubscriptionResponse/>"),
        _ => ok(&Key::first().certificate(2020, 2100)),
    });
    let message = || {
        let (id, time) = ("165545c9-2a5c-472c-8df2-7ff2be2b3b1b", rfc3339(now()));
        let (url, token) = (format!("https://{SNS}{CONFIRMATION}"), "2336412f37fb687f");
        let signed = format!(
            "Message\nsubscribe\nMessageId\n{id}\nSubscribeURL\n{url}\nTimestamp\n{time}\nToken\n{token}\nTopicArn\n{TOPIC}\n\
             Type\nSubscriptionConfirmation\n"
        );
        let body = json!({
            "Type": "SubscriptionConfirmation", "MessageId": id, "TopicArn": TOPIC, "Message": "subscribe",
            "Timestamp": time, "Token": token, "SubscribeURL": url, "SignatureVersion": "2",
            "Signature": STANDARD.encode(Key::first().pair.sign(signed.as_bytes()).expect("a signature")),
            "SigningCertURL": address_of(ID),
        });
        Request::post("/hooks/ses", body.to_string())
            .with("x-amz-sns-message-type", "SubscriptionConfirmation")
            .with("x-amz-sns-message-id", id)
    };
    for fails in [false, true] {
        is_down.store(fails, Ordering::SeqCst);
        let Some(proxy) = Proxy::start(&setup.clone().workers(2)) else { return };
        let mark = proxy.upstream.mark();
        let reply = message().send(proxy.address, Protocol::Http1);
        assert_eq!(reply.status, if fails { 503 } else { 200 }, "{reply:?}");
        proxy.upstream.assert_nothing_since(mark);
        let calls = store.take_calls();
        assert!(calls.iter().any(|call| call.target() == CONFIRMATION), "{calls:?}");
        proxy.passes(Protocol::Http1, &ses(&Key::first(), &address_of(ID)));
    }
}

#[test]
fn a_certificate_that_cannot_be_used_verifies_nothing() {
    let respond = |call: &Call| match call.target().trim_start_matches("/SimpleNotificationService-") {
        "e0.pem" => ok(&Key::second().certificate(2019, 2020)),
        "e1.pem" => ok(&set(&[&Key::second()])),
        "e2.pem" => Response::Bytes(answer("403 Forbidden", "")),
        "e3.pem" => ok(&format!("{}{}", Key::second().certificate(2020, 2100), " ".repeat(20_000))),
        _ => Response::Bytes(answer("404 Not Found", "")),
    };
    // Each of them is a proxy of its own: one new certificate in ten seconds is looked up.
    for (id, code) in [
        ("e0", "key_unavailable"),
        ("e1", "key_unavailable"),
        ("e2", "key_unavailable"),
        ("e3", "key_unavailable"),
        ("ff", "key_unknown"),
    ] {
        let (store, setup) = keys(None, respond);
        let Some(proxy) = Proxy::start(&setup) else { return };
        proxy.denies(Protocol::Http1, &ses(&Key::second(), &address_of(id)), "ses", code);
        // Other ids are not looked up meanwhile.
        let mark = proxy.upstream.mark();
        for number in 0..50 {
            let reply = ses(&Key::second(), &address_of(&format!("{number:02x}"))).send(proxy.address, Protocol::Http1);
            assert!(matches!(reply.status, 401 | 503), "{reply:?}");
        }
        proxy.upstream.assert_nothing_since(mark);
        let fetched = store.take_calls().iter().filter(|call| call.target().contains("Simple")).count();
        assert!((1..=4).contains(&fetched), "{fetched} look-ups");
    }
}

#[test]
fn paypals_certificate_is_fetched_by_the_id_in_its_header() {
    let plugin = json!({"sources": [{
        "name": "paypal", "match": {"path": "/hooks/paypal"},
        "verify": {
            "provider": "paypal", "with": {"webhook_id": "WH-TEST-1"},
            "keys": [{"x509": {"cluster": "paypal-keys"}}],
        },
    }]});
    let respond = |call: &Call| match (call.header("host"), call.target()) {
        (Some(PAYPAL), "/v1/notifications/certs/CERT-360caa42-fca2a594") => ok(&Key::first().certificate(2020, 2100)),
        _ => Response::Bytes(answer("404 Not Found", "")),
    };
    let (_store, setup) = keys(Some(plugin), respond);
    let Some(proxy) = Proxy::start(&setup) else { return };
    let event = |id: &str| {
        let body = r#"{"id":"WH-1"}"#;
        let time = rfc3339(now());
        let signed = format!("transmission-1|{time}|WH-TEST-1|{}", crc32fast::hash(body.as_bytes()));
        let tag = STANDARD.encode(Key::first().pair.sign(signed.as_bytes()).expect("a signature"));
        Request::post("/hooks/paypal", body)
            .with("PAYPAL-TRANSMISSION-ID", "transmission-1")
            .with("PAYPAL-TRANSMISSION-TIME", time)
            .with("PAYPAL-TRANSMISSION-SIG", tag)
            .with("PAYPAL-AUTH-ALGO", "SHA256withRSA")
            .with("PAYPAL-CERT-URL", format!("https://{PAYPAL}/v1/notifications/certs/{id}"))
    };
    for protocol in BOTH {
        proxy.passes(protocol, &event("CERT-360caa42-fca2a594"));
    }
    proxy.denies(Protocol::Http1, &event("../CERT-360caa42-fca2a594"), "paypal", "field_malformed");
    let elsewhere = event("x").replacing("PAYPAL-CERT-URL", "https://evil.example/v1/notifications/certs/CERT-1");
    proxy.denies(Protocol::Http1, &elsewhere, "paypal", "field_malformed");
    proxy.denies(Protocol::Http1, &event("x").without("PAYPAL-CERT-URL"), "paypal", "header_missing");
}

#[test]
fn a_request_that_waits_is_answered_although_the_configuration_changes() {
    let is_slow = Arc::new(AtomicBool::new(false));
    let slow = Arc::clone(&is_slow);
    let respond = move |_: &Call| match slow.load(Ordering::SeqCst) {
        true => Response::Hang,
        false => ok(&set(&[&Key::first()])),
    };
    let plugin = sources(&["events"], &json!({"refresh": "1h"}));
    let (store, setup) = keys(Some(plugin.clone()), respond);
    let Some(proxy) = Proxy::start(&xds::with_dynamic_listeners(setup)) else { return };
    wait_for_pass(&proxy, || event("events", &Key::first()));
    is_slow.store(true, Ordering::SeqCst);
    store.take_calls();
    let mark = proxy.upstream.mark();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let began = Instant::now();
            (event("events", &Key::second()).send(proxy.address, Protocol::Http1).status, began.elapsed())
        });
        // The fetch that it waits for is under way.
        assert!(wait_for(WAIT, || (count_of(&store) > 0).then_some(())).is_some());
        let mut changed = plugin.clone();
        changed["sources"][0]["max_body_bytes"] = json!(1000);
        assert_eq!(xds::push(&proxy, &with_github(changed)), Pushed::Accepted);
        let (status, took) = waiting.join().expect("it ends");
        assert_eq!(status, 503);
        assert!(took < LONGEST, "{took:?}");
    });
    proxy.upstream.assert_nothing_since(mark);
    // The new configuration has the keys of the former one.
    proxy.passes(Protocol::Http1, &event("events", &Key::first()));
}
