//! Several proxies with a shared replay store: a real Redis behind a real Webdis, or a faulty one.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::bootstrap::{self, Hold};
use crate::harness::client::{BOTH, Connection, KeepAlive, Protocol, Request};
use crate::harness::launch::Setup;
use crate::harness::redis::Redis;
use crate::harness::senders::{self, GITHUB, STANDARD_WEBHOOKS};
use crate::harness::setups;
use crate::harness::store::{FakeStore, Response, answer};
use crate::harness::upstream::BEHAVIOUR;
use crate::harness::{Proxy, wait_for};

pub const CLUSTER: &str = "replay-store";
/// The sources, each at `/hooks/<name>`.
const REFUSES: &str = "refuses";
const FALLS_BACK: &str = "falls-back";
const OBSERVED: &str = "observed-once";
const MARKED: &str = "marked";
const NOWHERE: &str = "nowhere";
const NOWHERE_FALLS_BACK: &str = "nowhere-falls-back";
const NAMED: &str = "named-source";
/// A timeout that no successful call reaches.
const LONG: &str = "10s";

/// With the cluster that the repository ships, at this address.
pub fn with_store(plugin: Value, address: SocketAddr) -> Setup {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/envoy/fleet/cluster.yaml");
    let mut cluster = bootstrap::read(path);
    assert_eq!(cluster["name"], CLUSTER);
    let socket = cluster.pointer_mut("/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address");
    *socket.expect("the cluster has an address") =
        json!({"address": address.ip().to_string(), "port_value": address.port()});
    // A loaded machine is slow to connect, and the tests are about the timeout of the store, not of the connection.
    cluster["connect_timeout"] = json!(LONG);
    Setup::new(plugin).edit(move |bootstrap: &mut Value, _: &Path| {
        let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().expect("a list of clusters");
        clusters.push(cluster.clone());
        let route = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config\
                     /virtual_hosts/0/routes/0/route/timeout";
        *bootstrap.pointer_mut(route).expect("the route has a timeout") = json!("2s");
    })
}

fn plugin(timeout: &str) -> Value {
    let github = json!({"provider": "github", "secrets": [{"value": GITHUB.secret}]});
    let store =
        |cluster: &str, unavailable: &str| json!({"cluster": cluster, "timeout": timeout, "unavailable": unavailable});
    let source = |name: &str, store: Value| {
        let replay = json!({"window": "1h", "duplicate": 409, "store": store});
        json!({"name": name, "match": {"path": format!("/hooks/{name}")}, "verify": github, "replay": replay})
    };
    let mut observed = source(OBSERVED, store(CLUSTER, "refuse"));
    observed["mode"] = json!("observe");
    let mut marked = source(MARKED, store(CLUSTER, "refuse"));
    marked["replay"]["duplicate"] = json!("pass");
    let mut named = source(NAMED, store(CLUSTER, "refuse"));
    named["verify"] = json!({"provider": "standard-webhooks", "secrets": [{"value": STANDARD_WEBHOOKS.secret}]});
    json!({"body_hold": "filter", "sources": [
        // Without replay protection: its honest requests need no store.
        {"name": "github", "match": {"path": "/hooks/github"}, "verify": github},
        source(REFUSES, store(CLUSTER, "refuse")),
        source(FALLS_BACK, store(CLUSTER, "local")),
        source(NOWHERE, store("no-such-cluster", "refuse")),
        source(NOWHERE_FALLS_BACK, store("no-such-cluster", "local")),
        observed,
        marked,
        named,
    ]})
}

/// A unique signed event.
fn event(source: &str) -> Request {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    senders::github(&format!("/hooks/{source}"), GITHUB.secret, format!("{{\"event\":{number}}}").as_bytes())
}

fn events(source: &str, count: usize) -> Vec<Request> {
    (0..count).map(|_| event(source)).collect()
}

/// A Redis, and two proxies that share it: one with one worker, one with two.
struct Fleet {
    redis: Redis,
    first: Proxy,
    second: Proxy,
}

impl Fleet {
    fn start(timeout: &str) -> Option<Self> {
        let redis = Redis::start()?;
        let setup = with_store(plugin(timeout), redis.address);
        let first = Proxy::start(&setup)?;
        let second = Proxy::start(&setup.workers(2))?;
        Some(Self { redis, first, second })
    }

    fn proxies(&self) -> [&Proxy; 2] {
        [&self.first, &self.second]
    }
}

/// The fleet of the tests that do not stop Redis.
static FLEET: OnceLock<Option<Mutex<Fleet>>> = OnceLock::new();

struct FleetGuard(MutexGuard<'static, Fleet>);

impl FleetGuard {
    fn take() -> Option<Self> {
        let fleet = FLEET.get_or_init(|| Fleet::start(LONG).map(Mutex::new));
        let fleet = fleet.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        fleet.redis.command(&["FLUSHALL"]);
        Some(Self(fleet))
    }
}

impl Deref for FleetGuard {
    type Target = Fleet;

    fn deref(&self) -> &Fleet {
        &self.0
    }
}

impl Drop for FleetGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- output of Redis and Webdis:\n{}", self.redis.log());
        } else {
            self.proxies().iter().for_each(|proxy| proxy.assert_output_is_clean());
        }
    }
}

/// The statuses of each request, sent to all of these proxies at once.
fn concurrently(proxies: &[&Proxy], requests: &[Request]) -> Vec<Vec<u16>> {
    let barrier = Barrier::new(proxies.len());
    let send = |proxy: &Proxy| {
        let mut connection = KeepAlive::open(proxy.address);
        let one = |request: &Request| {
            barrier.wait();
            connection.round_trip(request).status
        };
        requests.iter().map(one).collect::<Vec<_>>()
    };
    let by_sender: Vec<Vec<u16>> = std::thread::scope(|scope| {
        let threads: Vec<_> = proxies.iter().map(|proxy| scope.spawn(|| send(proxy))).collect();
        threads.into_iter().map(|thread| thread.join().expect("every request got a response")).collect()
    });
    (0..requests.len()).map(|number| by_sender.iter().map(|statuses| statuses[number]).collect()).collect()
}

// --- a store that works ---------------------------------------------------------------------------------------------

#[test]
fn one_of_several_concurrent_copies_of_a_request_passes_at_several_proxies() {
    let Some(fleet) = FleetGuard::take() else { return };
    let marks = fleet.proxies().map(|proxy| proxy.upstream.mark());
    let requests = events(REFUSES, 300);
    let senders = [&fleet.first, &fleet.first, &fleet.second, &fleet.second, &fleet.second];
    let answers = concurrently(&senders, &requests);
    for (number, statuses) in answers.iter().enumerate() {
        let mut sorted = statuses.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [200, 409, 409, 409, 409], "event {number}: {statuses:?}");
    }
    let seen = fleet.proxies().into_iter().zip(marks).map(|(proxy, mark)| proxy.upstream.requests_since(mark));
    let mut bodies: Vec<Vec<u8>> = seen.flatten().map(|seen| seen.body).collect();
    bodies.sort_unstable();
    let mut expected: Vec<Vec<u8>> = requests.iter().map(|request| request.body.clone()).collect();
    expected.sort_unstable();
    assert_eq!(bodies.len(), expected.len());
    assert!(bodies == expected, "each event arrived once, at one upstream");
    for proxy in [0, 2] {
        assert!(
            answers.iter().any(|statuses| statuses[proxy..proxy + 2].contains(&200)),
            "each proxy should win some of the races"
        );
    }
    assert_eq!(fleet.redis.claims().len(), 300);
}

#[test]
fn an_event_that_passed_one_proxy_is_a_duplicate_at_the_other() {
    let Some(fleet) = FleetGuard::take() else { return };
    for (one, other) in [(&fleet.first, &fleet.second), (&fleet.second, &fleet.first)] {
        for protocol in BOTH {
            for body in [b"".as_slice(), b"{}", &[b'x'; 200_000]] {
                let body = [event(REFUSES).body.as_slice(), body].concat();
                let request = senders::github("/hooks/refuses", GITHUB.secret, &body).in_chunks(1 + body.len() / 9);
                let seen = one.passes(protocol, &request);
                assert_eq!(seen.header("x-hookwarden-source"), Some(REFUSES.as_bytes()));
                other.denies(protocol, &request, REFUSES, "duplicate");
                one.denies(protocol, &request, REFUSES, "duplicate");
            }
        }
    }
}

#[test]
fn with_body_hold_chain_the_store_is_called_before_the_body_is_forwarded() {
    let Some(fleet) = FleetGuard::take() else { return };
    let mut chained = plugin(LONG);
    chained["body_hold"] = json!("chain");
    // With body_hold "chain" the headers are gone by then, so the request cannot be marked.
    chained["sources"].as_array_mut().expect("a list of sources").retain(|source| source["name"] != MARKED);
    let Some(proxy) = Proxy::start(&with_store(chained, fleet.redis.address).hold(Hold::Chain)) else { return };
    for protocol in BOTH {
        let request = event(REFUSES).in_chunks(3);
        proxy.passes(protocol, &request);
        fleet.second.denies(protocol, &request, REFUSES, "duplicate");
        let request = event(REFUSES).in_chunks(3);
        fleet.first.passes(protocol, &request);
        proxy.denies(protocol, &request, REFUSES, "duplicate");
    }
}

#[test]
fn a_claim_is_deleted_in_the_store_when_the_upstream_does_not_accept_the_event() {
    let Some(fleet) = FleetGuard::take() else { return };
    let answered =
        ["302", "404", "429", "500", "503"].map(|behaviour| (behaviour, behaviour.parse().expect("a status")));
    for (behaviour, status) in answered.into_iter().chain([("reset", 503), ("silence", 504)]) {
        let request = event(REFUSES);
        let before = fleet.first.metric("source.refuses.replay.given_back");
        let reply = request.clone().with(BEHAVIOUR, behaviour).send(fleet.first.address, Protocol::Http1);
        assert_eq!(reply.status, status, "{behaviour}");
        assert_eq!(
            fleet.redis.claims(),
            [""; 0],
            "{behaviour}: the claim should be deleted before the sender gets the response"
        );
        assert_eq!(fleet.first.metric("source.refuses.replay.given_back"), before + 1);

        fleet.second.passes(Protocol::Http1, &request);
        assert_eq!(fleet.redis.claims().len(), 1);
        fleet.first.denies(Protocol::Http1, &request, REFUSES, "duplicate");
        fleet.second.denies(Protocol::Http1, &request, REFUSES, "duplicate");
        fleet.redis.command(&["FLUSHALL"]);
    }
    for behaviour in ["201", "202"] {
        let request = event(REFUSES);
        let reply = request.clone().with(BEHAVIOUR, behaviour).send(fleet.first.address, Protocol::Http1);
        assert_eq!(reply.status.to_string(), behaviour);
        fleet.second.denies(Protocol::Http1, &request, REFUSES, "duplicate");
    }
}

#[test]
fn no_event_id_reaches_the_store_in_clear_text() {
    let Some(fleet) = FleetGuard::take() else { return };
    let path = format!("/hooks/{NAMED}");
    let request = senders::standard_webhooks(&path, STANDARD_WEBHOOKS.secret, b"{\"telltale\":\"body\"}");
    fleet.first.passes(Protocol::Http1, &request);
    let again = senders::standard_webhooks(&path, STANDARD_WEBHOOKS.secret, b"{\"another\":\"telltale\"}");
    fleet.second.denies(Protocol::Http1, &again, NAMED, "duplicate");

    let claims = fleet.redis.claims();
    let [claim] = claims.as_slice() else { panic!("one claim: {claims:?}") };
    let digest = claim.strip_prefix("hookwarden:").expect("the prefix that the access list allows");
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{claim}");
    let left: u64 = fleet.redis.command(&["TTL", claim])[0].parse().expect("a number of seconds");
    assert!((1..=3600).contains(&left), "the claim expires with the window: {left}");
    assert_eq!(fleet.redis.command(&["GET", claim]), ["1"]);

    // The append-only file has every write.
    let disk = fleet.redis.disk();
    let holds = |text: &[u8]| disk.windows(text.len()).any(|window| window == text);
    assert!(holds(digest.as_bytes()));
    for text in [senders::EVENT_ID, NAMED, "telltale", request.header_text("webhook-signature")] {
        assert!(!holds(text.as_bytes()), "the store contains {text:.8}");
    }
}

#[test]
fn a_duplicate_that_passes_is_marked() {
    let Some(fleet) = FleetGuard::take() else { return };
    let request = event(MARKED).with("x-hookwarden-duplicate", "forged");
    let seen = fleet.first.passes(Protocol::Http1, &request);
    assert_eq!(seen.header("x-hookwarden-duplicate"), None);
    let seen = fleet.second.passes(Protocol::Http1, &request);
    assert_eq!(seen.header_text("x-hookwarden-duplicate"), Some("true"));
    assert_eq!(fleet.second.metric("source.marked.replay.duplicates_passed"), 1);
}

#[test]
fn an_observed_source_lets_duplicates_through_and_counts_them() {
    let Some(fleet) = FleetGuard::take() else { return };
    let request = event(OBSERVED);
    fleet.first.passes(Protocol::Http1, &request);
    assert_eq!(fleet.first.metric("source.observed-once.requests.passed"), 1);
    for number in 1..=2 {
        fleet.second.passes(Protocol::Http1, &request);
        assert_eq!(fleet.second.metric("source.observed-once.denials.duplicate"), number);
    }
}

#[test]
fn the_access_lists_of_the_store_allow_only_claims() {
    let Some(redis) = Redis::start() else { return };
    redis.command(&["SET", "other", "1"]);
    let get = |target: &str| {
        let mut connection = Connection::open(redis.address);
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: webdis\r\n\r\n").as_bytes());
        let reply = connection.reply();
        (reply.status, reply.text())
    };
    assert_eq!(get("/SET/hookwarden:a/1/NX/EX/60"), (200, "{\"SET\":[true,\"OK\"]}".to_owned()));
    assert_eq!(get("/SET/hookwarden:a/1/NX/EX/60?jsonp=b"), (200, "b({\"SET\":null});\n".to_owned()));
    assert_eq!(get("/DEL/hookwarden:a?jsonp=b"), (200, "b({\"DEL\":1});\n".to_owned()));
    for command in ["/GET/hookwarden:a", "/KEYS/*", "/FLUSHALL", "/CONFIG/GET/*", "/EVAL/return/0", "/"] {
        assert_eq!(get(command).0, 403, "{command}");
    }
    for command in ["/SET/other/2", "/DEL/other"] {
        let (status, body) = get(command);
        assert!(status == 200 && body.contains("NOPERM"), "{command}: {status} {body}");
    }
    assert_eq!(redis.command(&["GET", "other"]), ["1"]);
    for (setting, value) in
        [("appendonly", "yes"), ("appendfsync", "always"), ("save", ""), ("maxmemory-policy", "noeviction")]
    {
        let answer = redis.command(&["CONFIG", "GET", setting]);
        assert_eq!(answer.get(1).map_or("", String::as_str), value, "{setting}");
    }
}

#[test]
fn the_documentation_shows_the_tested_cluster() {
    let read = |path: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let document: Vec<String> = read("docs/fleet.md").lines().map(|line| line.trim_start().to_owned()).collect();
    let cluster: Vec<String> =
        read("envoy/fleet/cluster.yaml").lines().map(|line| line.trim_start().to_owned()).collect();
    assert!(document.windows(cluster.len()).any(|lines| lines == cluster), "docs/fleet.md shows a different cluster");
}

// --- a store that goes away -----------------------------------------------------------------------------------------

#[test]
fn nothing_passes_twice_and_nothing_hangs_while_the_store_is_killed_and_restarted() {
    const EVENTS: usize = 400;
    const SENDERS: usize = 4;
    const KILLS: usize = 2;

    let Some(mut fleet) = Fleet::start(LONG) else { return };
    let requests = events(REFUSES, EVENTS);
    // Every event goes to both proxies, in shuffled order, and is retried as long as it gets a 503.
    let order = crate::harness::parallel::shuffled(EVENTS * 2);
    let waiting = Mutex::new(order.into_iter().map(|number| (number / 2, number % 2)).collect::<VecDeque<_>>());
    let passed = Mutex::new(vec![0_usize; EVENTS]);
    let (decided, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let addresses = fleet.proxies().map(|proxy| proxy.address);
    let marks = fleet.proxies().map(|proxy| proxy.upstream.mark());

    let send = || {
        let mut connections = addresses.map(KeepAlive::open);
        loop {
            let Some((number, proxy)) = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else {
                return;
            };
            match connections[proxy].round_trip(&requests[number]).status {
                200 => passed.lock().unwrap_or_else(PoisonError::into_inner)[number] += 1,
                409 => {}
                503 => {
                    refused.fetch_add(1, Ordering::SeqCst);
                    waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back((number, proxy));
                    continue;
                }
                other => panic!("unexpected status {other}"),
            }
            decided.fetch_add(1, Ordering::SeqCst);
        }
    };
    let wait_until = |counter: &AtomicUsize, value: usize| {
        let reached = wait_for(Duration::from_secs(60), || (counter.load(Ordering::SeqCst) >= value).then_some(()));
        assert!(reached.is_some(), "{} of {value}", counter.load(Ordering::SeqCst));
    };
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
        for kill in 1..=KILLS {
            wait_until(&decided, EVENTS * 2 * kill / (KILLS + 1));
            fleet.redis.kill();
            wait_until(&refused, refused.load(Ordering::SeqCst) + 20);
            fleet.redis.restart();
        }
        senders.into_iter().for_each(|sender| sender.join().expect("every request got a response"));
    });

    let passed = passed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(passed.iter().all(|count| *count <= 1), "nothing passes twice: {passed:?}");
    // A claim that Redis wrote but did not confirm before it was killed stays.
    let stuck = passed.iter().filter(|count| **count == 0).count();
    assert!(stuck <= SENDERS * KILLS, "{stuck} events never passed");
    let seen = fleet.proxies().into_iter().zip(marks).map(|(proxy, mark)| proxy.upstream.requests_since(mark));
    let mut arrived: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    seen.flatten().for_each(|seen| *arrived.entry(seen.body).or_default() += 1);
    let expected: BTreeMap<Vec<u8>, usize> = requests
        .iter()
        .zip(passed)
        .filter(|(_, count)| *count > 0)
        .map(|(request, count)| (request.body.clone(), count))
        .collect();
    assert!(arrived == expected, "the upstreams received exactly what was answered with 200");

    // A proxy with an empty memory: all claims are in the store.
    fleet.redis.kill();
    fleet.redis.restart();
    let Some(third) = Proxy::start(&with_store(plugin(LONG), fleet.redis.address)) else { return };
    let mut connection = KeepAlive::open(third.address);
    for request in &requests {
        assert_eq!(connection.round_trip(request).status, 409, "{request:?} was claimed");
    }
    third.passes(Protocol::Http1, &event(REFUSES));
}

#[test]
fn late_answers_of_the_store_are_not_mistaken_for_answers_to_other_calls() {
    const MANY: usize = 20;

    let Some(fleet) = Fleet::start("1s") else { return };
    let claimed = events(REFUSES, MANY);
    for request in &claimed {
        fleet.first.passes(Protocol::Http1, request);
    }
    let mark = fleet.second.upstream.mark();
    let at_once = |proxy: &Proxy, requests: &[Request]| -> Vec<u16> {
        let to = proxy.address;
        std::thread::scope(|scope| {
            let send = |request| scope.spawn(move || Request::send(request, to, Protocol::Http1).status);
            let threads: Vec<_> = requests.iter().map(send).collect();
            threads.into_iter().map(|thread| thread.join().expect("every request got a response")).collect()
        })
    };
    // The calls time out, and their connections are closed, while their commands wait for the server.
    fleet.redis.pause();
    let timed_out = events(REFUSES, MANY);
    assert_eq!(at_once(&fleet.first, &timed_out), [503; MANY]);
    // Webdis reuses the file descriptors of the closed connections, and some versions send the old answers, which say that
    // the event is new, to the new connections.
    let second = &fleet.second;
    let statuses = std::thread::scope(|scope| {
        let senders = scope.spawn(|| at_once(second, &claimed));
        let called = wait_for(Duration::from_secs(10), || {
            let stats = second.admin("/stats?filter=cluster.replay-store.upstream_rq_active").text();
            (stats.trim().ends_with(&format!(": {MANY}")) || senders.is_finished()).then_some(())
        });
        assert!(called.is_some(), "the store was called");
        fleet.redis.resume();
        senders.join().expect("every request got a response")
    });
    assert!(statuses.iter().all(|status| [409, 503].contains(status)), "a duplicate passed: {statuses:?}");
    second.upstream.assert_nothing_since(mark);
    // A claim that Redis executed late stays; one that was cancelled before it reached Redis was never made.
    for request in &timed_out {
        let reply = wait_for(Duration::from_secs(20), || {
            let reply = request.send(second.address, Protocol::Http1);
            (reply.status != 503).then_some(reply)
        });
        let status = reply.expect("the store recovers").status;
        assert!([200, 409].contains(&status), "{status}");
    }
    let late = event(REFUSES);
    second.passes(Protocol::Http1, &late);
    fleet.first.denies(Protocol::Http1, &late, REFUSES, "duplicate");
}

#[test]
fn without_the_store_requests_are_denied_or_each_proxy_uses_its_own_memory() {
    let Some(mut fleet) = Fleet::start(LONG) else { return };
    let known = event(FALLS_BACK);
    fleet.first.passes(Protocol::Http1, &known);
    fleet.redis.kill();
    for protocol in BOTH {
        fleet.first.denies(protocol, &event(REFUSES), REFUSES, "replay_unavailable");
        let request = event(FALLS_BACK);
        fleet.first.passes(protocol, &request);
        fleet.first.denies(protocol, &request, FALLS_BACK, "duplicate");
        fleet.second.passes(protocol, &request);
        fleet.second.denies(protocol, &request, FALLS_BACK, "duplicate");
    }
    fleet.first.denies(Protocol::Http1, &known, FALLS_BACK, "duplicate");
    assert_eq!(fleet.first.metric("source.refuses.replay.store_failures"), 2);
    assert_eq!(fleet.first.metric("source.falls-back.replay.store_failures"), 2);

    fleet.redis.restart();
    fleet.second.denies(Protocol::Http1, &known, FALLS_BACK, "duplicate");
    for source in [REFUSES, FALLS_BACK] {
        let request = event(source);
        fleet.first.passes(Protocol::Http1, &request);
        fleet.second.denies(Protocol::Http1, &request, source, "duplicate");
    }
}

#[test]
fn a_full_store_refuses_new_events_and_forgets_none() {
    let Some(fleet) = Fleet::start(LONG) else { return };
    let known = event(REFUSES);
    fleet.first.passes(Protocol::Http1, &known);
    let limit = |bytes: &str| fleet.redis.command(&["CONFIG", "SET", "maxmemory", bytes]);
    limit("1");
    let new = event(REFUSES);
    fleet.first.denies(Protocol::Http1, &new, REFUSES, "replay_unavailable");
    assert_eq!(fleet.redis.claims().len(), 1);
    // A claim can still be given back.
    limit("1gb");
    let failed = event(REFUSES);
    let sent = failed.clone().with(BEHAVIOUR, "silence");
    let (to, mark) = (fleet.first.address, fleet.first.upstream.mark());
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| sent.send(to, Protocol::Http1));
        fleet.first.upstream.only_request_since(mark);
        limit("1");
        assert_eq!(sender.join().expect("it got a response").status, 504);
    });
    assert_eq!(fleet.redis.claims().len(), 1);
    limit("1gb");
    for request in [&new, &failed] {
        fleet.first.passes(Protocol::Http1, request);
        fleet.second.denies(Protocol::Http1, request, REFUSES, "duplicate");
    }
    fleet.second.denies(Protocol::Http1, &known, REFUSES, "duplicate");
}

#[test]
fn a_claim_that_cannot_be_given_back_is_counted_and_stays() {
    let Some(mut fleet) = Fleet::start("1s") else { return };
    let request = event(REFUSES);
    let to = fleet.first.address;
    let sent = request.clone().with(BEHAVIOUR, "silence");
    let mark = fleet.first.upstream.mark();
    let reply = std::thread::scope(|scope| {
        let sender = scope.spawn(|| sent.send(to, Protocol::Http1));
        fleet.first.upstream.only_request_since(mark);
        fleet.redis.kill();
        sender.join().expect("it got a response")
    });
    assert_eq!(reply.status, 504, "the timeout of the upstream should be reported without much delay");
    assert_eq!(fleet.first.metric("source.refuses.replay.stuck"), 1);
    fleet.redis.restart();
    fleet.second.denies(Protocol::Http1, &request, REFUSES, "duplicate");
}

// --- a store that misbehaves ----------------------------------------------------------------------------------------

/// A proxy and its store, which does not answer until the test says how.
fn with_fake_store(timeout: &str) -> Option<(FakeStore, Proxy)> {
    let store = FakeStore::start(|_| Response::Hang);
    let proxy = Proxy::start(&with_store(plugin(timeout), store.address))?;
    Some((store, proxy))
}

type Responder = Box<dyn Fn(&crate::harness::store::Call) -> Response + Send + Sync>;

/// Everything that a store can do wrong, with a name.
fn faulty_responses() -> Vec<(&'static str, Responder)> {
    fn bytes(bytes: impl Into<Vec<u8>>) -> Responder {
        let bytes = bytes.into();
        Box::new(move |_| Response::Bytes(bytes.clone()))
    }
    fn bytes_then_close(bytes: impl Into<Vec<u8>>) -> Responder {
        let bytes = bytes.into();
        Box::new(move |_| Response::BytesThenClose(bytes.clone()))
    }
    fn webdis(json: &'static str) -> Responder {
        Box::new(move |call| call.webdis(json))
    }
    let right = "{\"SET\":[true,\"OK\"]}";
    vec![
        ("silence", Box::new(|_| Response::Hang)),
        ("a closed connection", bytes_then_close("")),
        ("a reply that is not HTTP", bytes("+OK\r\n")),
        ("random bytes", bytes_then_close(b"\0\xff\xfe\0".repeat(100))),
        ("an incomplete status line", bytes("HTTP/1.1 2")),
        ("an incomplete head", bytes_then_close("HTTP/1.1 200 OK\r\ncontent-length: 19\r\n")),
        ("a head without its body", bytes("HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n")),
        ("a truncated body", bytes_then_close("HTTP/1.1 200 OK\r\ncontent-length: 190\r\n\r\n{\"SET\":[true,\"OK\"]}")),
        ("a body that never ends", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n \r\n")),
        ("two content-length headers", bytes("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}")),
        ("a head of 100 KB", bytes_then_close(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000)))),
        ("a body of 1 MB", bytes_then_close(answer("200 OK", &"x".repeat(1_000_000)))),
        ("an empty body", bytes(answer("200 OK", ""))),
        ("no content", bytes("HTTP/1.1 204 No Content\r\n\r\n")),
        ("not modified", bytes("HTTP/1.1 304 Not Modified\r\n\r\n")),
        ("a redirect", bytes("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")),
        ("forbidden", bytes(answer("403 Forbidden", ""))),
        ("overloaded", bytes(answer("503 Service Unavailable", ""))),
        ("an OK without a callback", bytes(answer("200 OK", right))),
        ("an OK with another callback", bytes(answer("200 OK", &format!("{}({right});\n", "0".repeat(64))))),
        ("an OK in the form of a REST service", bytes(answer("200 OK", "{\"result\":\"OK\"}"))),
        (
            "an OK with status 201",
            Box::new(|call| match call.webdis("{\"SET\":[true,\"OK\"]}") {
                Response::Bytes(bytes) => {
                    Response::Bytes(String::from_utf8(bytes).expect("text").replacen("200 OK", "201 Created", 1).into())
                }
                other => other,
            }),
        ),
        ("an error", webdis("{\"SET\":[false,\"OOM command not allowed when used memory > 'maxmemory'.\"]}")),
        ("another command's answer", webdis("{\"DEL\":1}")),
        ("two answers", webdis("{\"SET\":[true,\"OK\"],\"SET\":null}")),
        ("an HTML page", webdis("<html>OK</html>")),
    ]
}

#[test]
fn any_faulty_response_of_the_store_denies_the_request_or_falls_back_to_local_memory() {
    let Some((store, proxy)) = with_fake_store("100ms") else { return };
    for (description, responder) in faulty_responses() {
        eprintln!("response of the store: {description}");
        store.respond_with(responder);
        store.take_calls();
        proxy.denies(Protocol::Http1, &event(REFUSES), REFUSES, "replay_unavailable");
        let request = event(FALLS_BACK);
        proxy.passes(Protocol::Http1, &request);
        proxy.denies(Protocol::Http1, &request, FALLS_BACK, "duplicate");
        assert_eq!(store.take_calls().len(), 2, "one call for each request, whatever the response");
    }
    let count = faulty_responses().len() as u64;
    assert_eq!(proxy.metric("source.refuses.replay.store_failures"), count);
    assert_eq!(proxy.metric("source.falls-back.replay.store_failures"), count);
    assert_eq!(proxy.metric("source.refuses.replay.remembered"), 0, "a denied event is not remembered");
    store.respond_with(|call| call.webdis("{\"SET\":[true,\"OK\"]}"));
    for protocol in BOTH {
        proxy.passes(protocol, &event(REFUSES));
    }
}

#[test]
fn an_unreachable_or_unconfigured_store_counts_as_unavailable() {
    let unused = setups::unused_address();
    let Some(proxy) = Proxy::start(&with_store(plugin("100ms"), unused)) else { return };
    for (refuses, falls_back) in [(REFUSES, FALLS_BACK), (NOWHERE, NOWHERE_FALLS_BACK)] {
        for protocol in BOTH {
            proxy.denies(protocol, &event(refuses), refuses, "replay_unavailable");
            let request = event(falls_back);
            proxy.passes(protocol, &request);
            proxy.denies(protocol, &request, falls_back, "duplicate");
        }
    }
}

#[test]
fn the_store_is_called_once_and_only_for_verified_requests() {
    let Some((store, proxy)) = with_fake_store(LONG) else { return };
    store.respond_with(|call| call.webdis("{\"SET\":[true,\"OK\"]}"));
    let forged = senders::github("/hooks/refuses", "guessed-guessed-guessed-guessed", b"{}");
    proxy.denies(Protocol::Http1, &forged, REFUSES, "signature_mismatch");
    proxy.denies(Protocol::Http1, &Request::post("/hooks/refuses", b"{}"), REFUSES, "signature_missing");
    assert!(store.take_calls().is_empty());

    let request = event(REFUSES);
    proxy.passes(Protocol::Http1, &request);
    let calls = store.take_calls();
    let [claim] = calls.as_slice() else { panic!("one call: {calls:?}") };
    assert_eq!(claim.method(), "GET");
    assert_eq!(claim.header("host"), Some(CLUSTER));
    assert_eq!(claim.header("authorization"), None);
    // This proxy remembers what it forwarded.
    proxy.denies(Protocol::Http1, &request, REFUSES, "duplicate");
    assert!(store.take_calls().is_empty());
}

#[test]
fn a_rest_store_is_called_under_its_path_and_with_its_credential() {
    const CREDENTIAL: &str = "Bearer credential-of-the-store-5e1d";
    let store = FakeStore::start(|call| {
        let result = if call.target().starts_with("/kv/DEL/") { "1" } else { "\"OK\"" };
        Response::Bytes(answer("200 OK", &format!("{{\"result\":{result}}}")))
    });
    let mut plugin = plugin(LONG);
    plugin["sources"][1]["replay"]["store"] = json!({
        "kind": "rest", "cluster": CLUSTER, "authority": "kv.example:8443", "path": "/kv",
        "authorization": {"value": CREDENTIAL}, "timeout": LONG,
    });
    let Some(proxy) = Proxy::start(&with_store(plugin, store.address)) else { return };
    let reply = event(REFUSES).with(BEHAVIOUR, "503").send(proxy.address, Protocol::Http1);
    assert_eq!(reply.status, 503);
    let calls = store.take_calls();
    let [claim, give_back] = calls.as_slice() else { panic!("a claim and its deletion: {calls:?}") };
    let key = claim.target().strip_prefix("/kv/SET/hookwarden:").and_then(|rest| rest.strip_suffix("/1/NX/EX/3600"));
    let key = key.unwrap_or_else(|| panic!("{claim:?}"));
    assert_eq!(give_back.target(), format!("/kv/DEL/hookwarden:{key}"));
    for call in &calls {
        assert_eq!(call.header("host"), Some("kv.example:8443"));
        assert_eq!(call.header("authorization"), Some(CREDENTIAL));
    }
    assert_eq!(proxy.metric("source.refuses.replay.given_back"), 1);
    assert_eq!(proxy.metric("source.refuses.replay.stuck"), 0);

    store.respond_with(|_| Response::Bytes(answer("200 OK", "{\"result\":null}")));
    proxy.denies(Protocol::Http1, &event(REFUSES), REFUSES, "duplicate");
    store.respond_with(|_| Response::Bytes(answer("401 Unauthorized", "{\"error\":\"Unauthorized\"}")));
    proxy.denies(Protocol::Http1, &event(REFUSES), REFUSES, "replay_unavailable");
}

#[test]
fn a_request_that_is_aborted_during_the_call_to_the_store_leaves_no_claim() {
    let Some((store, proxy)) = with_fake_store(LONG) else { return };
    let request = event(REFUSES);
    for _ in 0..20 {
        let mut connection = Connection::open(proxy.address);
        connection.send(&request.wire());
        let called = wait_for(Duration::from_secs(10), || (!store.take_calls().is_empty()).then_some(()));
        assert!(called.is_some(), "the store was called");
        assert_eq!(proxy.metric("source.refuses.replay.remembered"), 1);
        drop(connection);
        let forgotten =
            wait_for(Duration::from_secs(10), || (proxy.metric("source.refuses.replay.remembered") == 0).then_some(()));
        assert!(forgotten.is_some(), "{:?}", proxy.metrics());
    }
    store.respond_with(|call| call.webdis("{\"SET\":[true,\"OK\"]}"));
    proxy.passes(Protocol::Http1, &request);
}

#[test]
fn an_observed_source_waits_for_the_store_and_denies_nothing() {
    let Some((store, proxy)) = with_fake_store("100ms") else { return };
    let counter = "source.observed-once.denials.replay_unavailable";
    for protocol in BOTH {
        // With Content-Length, the request is complete for the upstream before it ends for the filter.
        for request in [event(OBSERVED), event(OBSERVED).in_chunks(3)] {
            let before = proxy.metric(counter);
            proxy.passes(protocol, &request);
            assert_eq!(proxy.metric(counter), before + 1);
        }
    }
    store.respond_with(|call| {
        call.webdis(if call.target().starts_with("/SET") { "{\"SET\":[true,\"OK\"]}" } else { "{\"DEL\":1}" })
    });
    for protocol in BOTH {
        store.take_calls();
        let reply = event(OBSERVED).with(BEHAVIOUR, "503").send(proxy.address, protocol);
        assert_eq!(reply.status, 503);
        let calls = store.take_calls();
        assert_eq!(calls.len(), 2, "a claim and its deletion: {calls:?}");
    }
}
