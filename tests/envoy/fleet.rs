//! Several proxies, and the store that they share: a real Redis behind a real Webdis, or one that misbehaves.

use std::collections::{BTreeMap, VecDeque};
use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bootstrap::{self, Hold};
use crate::client::{BOTH, Connection, Protocol, Reply, Request};
use crate::harness::{Proxy, wait_for};
use crate::launch::Setup;
use crate::redis::Redis;
use crate::senders::{self, GITHUB, STANDARD_WEBHOOKS};
use crate::store::{Conduct, FakeStore, answer};
use crate::upstream::CONDUCT;

const CLUSTER: &str = "replay-store";
/// As the source for refusals, the source that falls back, …: each at `/hooks/<name>`.
const REFUSES: &str = "refuses";
const FALLS_BACK: &str = "falls-back";
const OBSERVED: &str = "observed-once";
const MARKED: &str = "marked";
const NOWHERE: &str = "nowhere";
const NOWHERE_FALLS_BACK: &str = "nowhere-falls-back";
const NAMED: &str = "named-source";
/// Longer than anything takes that is going to succeed.
const LONG: &str = "10s";

/// The cluster that the repository ships, with this address.
fn with_store(plugin: Value, address: SocketAddr) -> Setup {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/envoy/fleet/cluster.yaml");
    let mut cluster = bootstrap::read(path);
    assert_eq!(cluster["name"], CLUSTER);
    let socket = cluster.pointer_mut("/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address");
    *socket.expect("the cluster has an address") =
        json!({"address": address.ip().to_string(), "port_value": address.port()});
    // A busy machine is slow to connect; how long a store may take is what the tests are about.
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
        // No replay: an honest request that needs no store.
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

/// A signed event that no other is.
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

/// The fleet of the tests that leave it as it was.
static FLEET: OnceLock<Option<Mutex<Fleet>>> = OnceLock::new();

struct Turn(MutexGuard<'static, Fleet>);

impl Turn {
    fn take() -> Option<Self> {
        let fleet = FLEET.get_or_init(|| Fleet::start(LONG).map(Mutex::new));
        let fleet = fleet.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        fleet.redis.ask(&["FLUSHALL"]);
        Some(Self(fleet))
    }
}

impl Deref for Turn {
    type Target = Fleet;

    fn deref(&self) -> &Fleet {
        &self.0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- Redis and Webdis printed:\n{}", self.redis.log());
        } else {
            self.proxies().iter().for_each(|proxy| proxy.assert_output_is_clean());
        }
    }
}

/// A connection that is opened again when the other side closed it.
struct Line {
    to: SocketAddr,
    connection: Connection,
}

impl Line {
    fn open(to: SocketAddr) -> Self {
        Self { to, connection: Connection::open(to) }
    }

    fn ask(&mut self, request: &Request) -> Reply {
        let reply = self.connection.ask(request);
        if reply.header("connection") == Some("close") {
            self.connection = Connection::open(self.to);
        }
        reply
    }
}

/// What each of these proxies answers, if all are sent the same request at once.
fn at_once(proxies: &[&Proxy], requests: &[Request]) -> Vec<Vec<u16>> {
    let barrier = Barrier::new(proxies.len());
    let send = |proxy: &Proxy| {
        let mut line = Line::open(proxy.address);
        let ask = |request: &Request| {
            barrier.wait();
            line.ask(request).status
        };
        requests.iter().map(ask).collect::<Vec<_>>()
    };
    let by_sender: Vec<Vec<u16>> = std::thread::scope(|scope| {
        let threads: Vec<_> = proxies.iter().map(|proxy| scope.spawn(|| send(proxy))).collect();
        threads.into_iter().map(|thread| thread.join().expect("every request was answered")).collect()
    });
    (0..requests.len()).map(|number| by_sender.iter().map(|statuses| statuses[number]).collect()).collect()
}

// --- a store that works ---------------------------------------------------------------------------------------------

#[test]
fn of_the_same_request_at_several_proxies_at_the_same_time_one_passes() {
    let Some(fleet) = Turn::take() else { return };
    let marks = fleet.proxies().map(|proxy| proxy.upstream.mark());
    let requests = events(REFUSES, 300);
    let senders = [&fleet.first, &fleet.first, &fleet.second, &fleet.second, &fleet.second];
    let answers = at_once(&senders, &requests);
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
    assert!(bodies == expected, "each event arrived once, at one of the upstreams");
    for proxy in [0, 2] {
        assert!(answers.iter().any(|statuses| statuses[proxy..proxy + 2].contains(&200)), "both proxies win sometimes");
    }
    assert_eq!(fleet.redis.claims().len(), 300);
}

#[test]
fn an_event_that_one_proxy_let_through_is_a_duplicate_at_the_other() {
    let Some(fleet) = Turn::take() else { return };
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
fn where_the_chain_holds_the_store_is_asked_before_the_body_goes_on() {
    let Some(fleet) = Turn::take() else { return };
    let mut chained = plugin(LONG);
    chained["body_hold"] = json!("chain");
    // Where the chain holds, a request that went on can no longer be marked.
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
fn a_claim_whose_upstream_failed_is_deleted_in_the_store() {
    let Some(fleet) = Turn::take() else { return };
    for (conduct, status) in [("500", 500), ("503", 503), ("reset", 503), ("silence", 504)] {
        let request = event(REFUSES);
        let before = fleet.first.metric("source.refuses.replay.given_back");
        let reply = request.clone().with(CONDUCT, conduct).send(fleet.first.address, Protocol::Http1);
        assert_eq!(reply.status, status, "{conduct}");
        assert_eq!(fleet.redis.claims(), [""; 0], "{conduct}: no claim is left when the sender hears of it");
        assert_eq!(fleet.first.metric("source.refuses.replay.given_back"), before + 1);

        fleet.second.passes(Protocol::Http1, &request);
        assert_eq!(fleet.redis.claims().len(), 1);
        fleet.first.denies(Protocol::Http1, &request, REFUSES, "duplicate");
        fleet.second.denies(Protocol::Http1, &request, REFUSES, "duplicate");
        fleet.redis.ask(&["FLUSHALL"]);
    }
    for conduct in ["404", "429", "302"] {
        let request = event(REFUSES);
        let reply = request.clone().with(CONDUCT, conduct).send(fleet.first.address, Protocol::Http1);
        assert_eq!(reply.status.to_string(), conduct);
        fleet.second.denies(Protocol::Http1, &request, REFUSES, "duplicate");
    }
}

#[test]
fn no_id_of_an_event_reaches_the_store_in_clear() {
    let Some(fleet) = Turn::take() else { return };
    let path = format!("/hooks/{NAMED}");
    let request = senders::standard_webhooks(&path, STANDARD_WEBHOOKS.secret, b"{\"telltale\":\"body\"}");
    fleet.first.passes(Protocol::Http1, &request);
    let again = senders::standard_webhooks(&path, STANDARD_WEBHOOKS.secret, b"{\"another\":\"telltale\"}");
    fleet.second.denies(Protocol::Http1, &again, NAMED, "duplicate");

    let claims = fleet.redis.claims();
    let [claim] = claims.as_slice() else { panic!("one event is claimed: {claims:?}") };
    let digest = claim.strip_prefix("hookwarden:").expect("the prefix that the access list allows");
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{claim}");
    let left: u64 = fleet.redis.ask(&["TTL", claim])[0].parse().expect("a number of seconds");
    assert!((1..=3600).contains(&left), "the claim ends with the window: {left}");
    assert_eq!(fleet.redis.ask(&["GET", claim]), ["1"]);

    // Every command that changed something is there.
    let disk = fleet.redis.disk();
    let holds = |text: &[u8]| disk.windows(text.len()).any(|window| window == text);
    assert!(holds(digest.as_bytes()));
    for text in [senders::EVENT_ID, NAMED, "telltale", request.header_text("webhook-signature")] {
        assert!(!holds(text.as_bytes()), "the store was told {text:.8}");
    }
}

#[test]
fn a_duplicate_that_is_let_on_is_marked() {
    let Some(fleet) = Turn::take() else { return };
    let request = event(MARKED).with("x-hookwarden-duplicate", "forged");
    let seen = fleet.first.passes(Protocol::Http1, &request);
    assert_eq!(seen.header("x-hookwarden-duplicate"), None);
    let seen = fleet.second.passes(Protocol::Http1, &request);
    assert_eq!(seen.header_text("x-hookwarden-duplicate"), Some("true"));
    assert_eq!(fleet.second.metric("source.marked.replay.duplicates_passed"), 1);
}

#[test]
fn an_observed_source_lets_duplicates_through_and_counts_them() {
    let Some(fleet) = Turn::take() else { return };
    let request = event(OBSERVED);
    fleet.first.passes(Protocol::Http1, &request);
    assert_eq!(fleet.first.metric("source.observed-once.requests.passed"), 1);
    for number in 1..=2 {
        fleet.second.passes(Protocol::Http1, &request);
        assert_eq!(fleet.second.metric("source.observed-once.denials.duplicate"), number);
    }
}

#[test]
fn the_access_lists_of_the_store_allow_claims_and_nothing_else() {
    let Some(redis) = Redis::start() else { return };
    redis.ask(&["SET", "other", "1"]);
    let ask = |target: &str| {
        let mut connection = Connection::open(redis.address);
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: webdis\r\n\r\n").as_bytes());
        let reply = connection.reply();
        (reply.status, reply.text())
    };
    assert_eq!(ask("/SET/hookwarden:a/1/NX/EX/60"), (200, "{\"SET\":[true,\"OK\"]}".to_owned()));
    assert_eq!(ask("/SET/hookwarden:a/1/NX/EX/60?jsonp=b"), (200, "b({\"SET\":null});\n".to_owned()));
    assert_eq!(ask("/DEL/hookwarden:a?jsonp=b"), (200, "b({\"DEL\":1});\n".to_owned()));
    for command in ["/GET/hookwarden:a", "/KEYS/*", "/FLUSHALL", "/CONFIG/GET/*", "/EVAL/return/0", "/"] {
        assert_eq!(ask(command).0, 403, "{command}");
    }
    for command in ["/SET/other/2", "/DEL/other"] {
        let (status, body) = ask(command);
        assert!(status == 200 && body.contains("NOPERM"), "{command}: {status} {body}");
    }
    assert_eq!(redis.ask(&["GET", "other"]), ["1"]);
    for (setting, value) in
        [("appendonly", "yes"), ("appendfsync", "always"), ("save", ""), ("maxmemory-policy", "noeviction")]
    {
        let answer = redis.ask(&["CONFIG", "GET", setting]);
        assert_eq!(answer.get(1).map_or("", String::as_str), value, "{setting}");
    }
}

#[test]
fn the_document_shows_the_cluster_that_is_tested() {
    let read = |path: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let document: Vec<String> = read("docs/fleet.md").lines().map(|line| line.trim_start().to_owned()).collect();
    let cluster: Vec<String> =
        read("envoy/fleet/cluster.yaml").lines().map(|line| line.trim_start().to_owned()).collect();
    assert!(document.windows(cluster.len()).any(|lines| lines == cluster), "docs/fleet.md shows another cluster");
}

// --- a store that goes away -----------------------------------------------------------------------------------------

#[test]
fn a_store_that_is_killed_and_comes_back_lets_nothing_pass_twice_and_hangs_nothing() {
    const EVENTS: usize = 400;
    const SENDERS: usize = 4;
    const KILLS: usize = 2;

    let Some(mut fleet) = Fleet::start(LONG) else { return };
    let requests = events(REFUSES, EVENTS);
    // Every event goes to both proxies, in another order, and is sent again for as long as it is refused.
    let order = crate::crowd::shuffled(EVENTS * 2);
    let waiting = Mutex::new(order.into_iter().map(|number| (number / 2, number % 2)).collect::<VecDeque<_>>());
    let passed = Mutex::new(vec![0_usize; EVENTS]);
    let (decided, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let addresses = fleet.proxies().map(|proxy| proxy.address);
    let marks = fleet.proxies().map(|proxy| proxy.upstream.mark());

    let send = || {
        let mut lines = addresses.map(Line::open);
        loop {
            let Some((number, proxy)) = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else {
                return;
            };
            match lines[proxy].ask(&requests[number]).status {
                200 => passed.lock().unwrap_or_else(PoisonError::into_inner)[number] += 1,
                409 => {}
                503 => {
                    refused.fetch_add(1, Ordering::SeqCst);
                    waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back((number, proxy));
                    continue;
                }
                other => panic!("an answer with status {other}"),
            }
            decided.fetch_add(1, Ordering::SeqCst);
        }
    };
    let reaches = |counter: &AtomicUsize, value: usize| {
        let reached = wait_for(Duration::from_secs(60), || (counter.load(Ordering::SeqCst) >= value).then_some(()));
        assert!(reached.is_some(), "{} of {value}", counter.load(Ordering::SeqCst));
    };
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
        for kill in 1..=KILLS {
            reaches(&decided, EVENTS * 2 * kill / (KILLS + 1));
            fleet.redis.kill();
            reaches(&refused, refused.load(Ordering::SeqCst) + 20);
            fleet.redis.restart();
        }
        senders.into_iter().for_each(|sender| sender.join().expect("every request was answered"));
    });

    let passed = passed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(passed.iter().all(|count| *count <= 1), "nothing passes twice: {passed:?}");
    // A claim that was written while the server was killed, and whose answer nobody got, stays.
    let stuck = passed.iter().filter(|count| **count == 0).count();
    assert!(stuck <= SENDERS * KILLS, "{stuck} events passed nowhere");
    let seen = fleet.proxies().into_iter().zip(marks).map(|(proxy, mark)| proxy.upstream.requests_since(mark));
    let mut arrived: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    seen.flatten().for_each(|seen| *arrived.entry(seen.body).or_default() += 1);
    let expected: BTreeMap<Vec<u8>, usize> = requests
        .iter()
        .zip(passed)
        .filter(|(_, count)| *count > 0)
        .map(|(request, count)| (request.body.clone(), count))
        .collect();
    assert!(arrived == expected, "the upstreams saw what the senders were told");

    // A proxy that remembers nothing of its own: what was claimed is in the store.
    fleet.redis.kill();
    fleet.redis.restart();
    let Some(third) = Proxy::start(&with_store(plugin(LONG), fleet.redis.address)) else { return };
    let mut line = Line::open(third.address);
    for request in &requests {
        assert_eq!(line.ask(request).status, 409, "{request:?} was claimed");
    }
    third.passes(Protocol::Http1, &event(REFUSES));
}

#[test]
fn answers_that_come_when_nobody_waits_are_taken_by_nobody() {
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
            threads.into_iter().map(|thread| thread.join().expect("every request was answered")).collect()
        })
    };
    // The calls are given up, and their connections closed, while their commands wait for the server.
    fleet.redis.pause();
    let given_up = events(REFUSES, MANY);
    assert_eq!(at_once(&fleet.first, &given_up), [503; MANY]);
    // Webdis gives the new connections the old ones' numbers, and some versions of it also the old ones' answers, in
    // which these events were not claimed before.
    let second = &fleet.second;
    let statuses = std::thread::scope(|scope| {
        let senders = scope.spawn(|| at_once(second, &claimed));
        let asked = wait_for(Duration::from_secs(10), || {
            let stats = second.admin("/stats?filter=cluster.replay-store.upstream_rq_active").text();
            (stats.trim().ends_with(&format!(": {MANY}")) || senders.is_finished()).then_some(())
        });
        assert!(asked.is_some(), "the store was asked");
        fleet.redis.resume();
        senders.join().expect("every request was answered")
    });
    assert!(statuses.iter().all(|status| [409, 503].contains(status)), "a duplicate passed: {statuses:?}");
    second.upstream.assert_nothing_since(mark);
    // A claim that came too late stays; one that was given up before the server had it was never made.
    for request in &given_up {
        let reply = wait_for(Duration::from_secs(20), || {
            let reply = request.send(second.address, Protocol::Http1);
            (reply.status != 503).then_some(reply)
        });
        let status = reply.expect("the store answers again").status;
        assert!([200, 409].contains(&status), "{status}");
    }
    let late = event(REFUSES);
    second.passes(Protocol::Http1, &late);
    fleet.first.denies(Protocol::Http1, &late, REFUSES, "duplicate");
}

#[test]
fn without_a_store_requests_are_refused_or_each_proxy_remembers_for_itself() {
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
fn a_store_that_is_full_refuses_new_events_and_forgets_none() {
    let Some(fleet) = Fleet::start(LONG) else { return };
    let known = event(REFUSES);
    fleet.first.passes(Protocol::Http1, &known);
    let limit = |bytes: &str| fleet.redis.ask(&["CONFIG", "SET", "maxmemory", bytes]);
    limit("1");
    let new = event(REFUSES);
    fleet.first.denies(Protocol::Http1, &new, REFUSES, "replay_unavailable");
    assert_eq!(fleet.redis.claims().len(), 1);
    // A claim can be given back all the same.
    limit("1gb");
    let failed = event(REFUSES);
    let sent = failed.clone().with(CONDUCT, "silence");
    let (to, mark) = (fleet.first.address, fleet.first.upstream.mark());
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| sent.send(to, Protocol::Http1));
        fleet.first.upstream.only_request_since(mark);
        limit("1");
        assert_eq!(sender.join().expect("it was answered").status, 504);
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
    let sent = request.clone().with(CONDUCT, "silence");
    let mark = fleet.first.upstream.mark();
    let reply = std::thread::scope(|scope| {
        let sender = scope.spawn(|| sent.send(to, Protocol::Http1));
        fleet.first.upstream.only_request_since(mark);
        fleet.redis.kill();
        sender.join().expect("it was answered")
    });
    assert_eq!(reply.status, 504, "the upstream's silence, told without much delay");
    assert_eq!(fleet.first.metric("source.refuses.replay.stuck"), 1);
    fleet.redis.restart();
    fleet.second.denies(Protocol::Http1, &request, REFUSES, "duplicate");
}

// --- a store that misbehaves ----------------------------------------------------------------------------------------

/// A proxy whose store does what the test says, and nothing until then.
fn misled(timeout: &str) -> Option<(FakeStore, Proxy)> {
    let store = FakeStore::start(|_| Conduct::Silence);
    let proxy = Proxy::start(&with_store(plugin(timeout), store.address))?;
    Some((store, proxy))
}

type React = Box<dyn Fn(&crate::store::Asked) -> Conduct + Send + Sync>;

/// Everything that a store can do wrong, by what it is.
fn misdeeds() -> Vec<(&'static str, React)> {
    fn bytes(bytes: impl Into<Vec<u8>>) -> React {
        let bytes = bytes.into();
        Box::new(move |_| Conduct::Bytes(bytes.clone()))
    }
    fn last(bytes: impl Into<Vec<u8>>) -> React {
        let bytes = bytes.into();
        Box::new(move |_| Conduct::Last(bytes.clone()))
    }
    fn webdis(json: &'static str) -> React {
        Box::new(move |asked| asked.webdis(json))
    }
    let right = "{\"SET\":[true,\"OK\"]}";
    vec![
        ("silence", Box::new(|_| Conduct::Silence)),
        ("a closed connection", last("")),
        ("no HTTP", bytes("+OK\r\n")),
        ("noise", last(b"\0\xff\xfe\0".repeat(100))),
        ("half a status line", bytes("HTTP/1.1 2")),
        ("half a head", last("HTTP/1.1 200 OK\r\ncontent-length: 19\r\n")),
        ("a head without its body", bytes("HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n")),
        ("a body that is cut off", last("HTTP/1.1 200 OK\r\ncontent-length: 190\r\n\r\n{\"SET\":[true,\"OK\"]}")),
        ("a body that never ends", bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n \r\n")),
        ("two lengths", bytes("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}")),
        ("a head of 100 KB", last(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000)))),
        ("a body of 1 MB", last(answer("200 OK", &"x".repeat(1_000_000)))),
        ("an empty body", bytes(answer("200 OK", ""))),
        ("no content", bytes("HTTP/1.1 204 No Content\r\n\r\n")),
        ("not modified", bytes("HTTP/1.1 304 Not Modified\r\n\r\n")),
        ("a redirect", bytes("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")),
        ("forbidden", bytes(answer("403 Forbidden", ""))),
        ("overloaded", bytes(answer("503 Service Unavailable", ""))),
        ("an OK without a name", bytes(answer("200 OK", right))),
        ("an OK with a name of its own", bytes(answer("200 OK", &format!("{}({right});\n", "0".repeat(64))))),
        ("an OK of a service", bytes(answer("200 OK", "{\"result\":\"OK\"}"))),
        (
            "an OK with status 201",
            Box::new(|asked| match asked.webdis("{\"SET\":[true,\"OK\"]}") {
                Conduct::Bytes(bytes) => {
                    Conduct::Bytes(String::from_utf8(bytes).expect("text").replacen("200 OK", "201 Created", 1).into())
                }
                other => other,
            }),
        ),
        ("an error", webdis("{\"SET\":[false,\"OOM command not allowed when used memory > 'maxmemory'.\"]}")),
        ("another command's answer", webdis("{\"DEL\":1}")),
        ("two answers", webdis("{\"SET\":[true,\"OK\"],\"SET\":null}")),
        ("a page", webdis("<html>OK</html>")),
    ]
}

#[test]
fn whatever_a_store_does_wrong_refuses_the_request_or_leaves_it_to_this_proxy() {
    let Some((store, proxy)) = misled("100ms") else { return };
    for (what, react) in misdeeds() {
        eprintln!("a store that gives {what}");
        store.does(react);
        store.take_asked();
        proxy.denies(Protocol::Http1, &event(REFUSES), REFUSES, "replay_unavailable");
        let request = event(FALLS_BACK);
        proxy.passes(Protocol::Http1, &request);
        proxy.denies(Protocol::Http1, &request, FALLS_BACK, "duplicate");
        assert_eq!(store.take_asked().len(), 2, "one question a request, whatever the answer");
    }
    let count = misdeeds().len() as u64;
    assert_eq!(proxy.metric("source.refuses.replay.store_failures"), count);
    assert_eq!(proxy.metric("source.falls-back.replay.store_failures"), count);
    assert_eq!(proxy.metric("source.refuses.replay.remembered"), 0, "a refused event is not remembered");
    store.does(|asked| asked.webdis("{\"SET\":[true,\"OK\"]}"));
    for protocol in BOTH {
        proxy.passes(protocol, &event(REFUSES));
    }
}

#[test]
fn a_store_that_nobody_runs_or_configured_is_one_that_does_not_answer() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let Some(proxy) = Proxy::start(&with_store(plugin("100ms"), free)) else { return };
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
fn a_store_is_asked_once_and_only_of_what_was_proved() {
    let Some((store, proxy)) = misled(LONG) else { return };
    store.does(|asked| asked.webdis("{\"SET\":[true,\"OK\"]}"));
    let forged = senders::github("/hooks/refuses", "guessed-guessed-guessed-guessed", b"{}");
    proxy.denies(Protocol::Http1, &forged, REFUSES, "signature_mismatch");
    proxy.denies(Protocol::Http1, &Request::post("/hooks/refuses", b"{}"), REFUSES, "signature_missing");
    assert!(store.take_asked().is_empty());

    let request = event(REFUSES);
    proxy.passes(Protocol::Http1, &request);
    let asked = store.take_asked();
    let [claim] = asked.as_slice() else { panic!("one question: {asked:?}") };
    assert_eq!(claim.method(), "GET");
    assert_eq!(claim.header("host"), Some(CLUSTER));
    assert_eq!(claim.header("authorization"), None);
    // What this proxy let through it knows.
    proxy.denies(Protocol::Http1, &request, REFUSES, "duplicate");
    assert!(store.take_asked().is_empty());
}

#[test]
fn a_service_is_asked_under_its_path_and_with_its_credential() {
    const CREDENTIAL: &str = "Bearer credential-of-the-store-5e1d";
    let store = FakeStore::start(|asked| {
        let result = if asked.target().starts_with("/kv/DEL/") { "1" } else { "\"OK\"" };
        Conduct::Bytes(answer("200 OK", &format!("{{\"result\":{result}}}")))
    });
    let mut plugin = plugin(LONG);
    plugin["sources"][1]["replay"]["store"] = json!({
        "kind": "rest", "cluster": CLUSTER, "authority": "kv.example:8443", "path": "/kv",
        "authorization": {"value": CREDENTIAL}, "timeout": LONG,
    });
    let Some(proxy) = Proxy::start(&with_store(plugin, store.address)) else { return };
    let reply = event(REFUSES).with(CONDUCT, "503").send(proxy.address, Protocol::Http1);
    assert_eq!(reply.status, 503);
    let asked = store.take_asked();
    let [claim, give_back] = asked.as_slice() else { panic!("a claim and its return: {asked:?}") };
    let key = claim.target().strip_prefix("/kv/SET/hookwarden:").and_then(|rest| rest.strip_suffix("/1/NX/EX/3600"));
    let key = key.unwrap_or_else(|| panic!("{claim:?}"));
    assert_eq!(give_back.target(), format!("/kv/DEL/hookwarden:{key}"));
    for question in &asked {
        assert_eq!(question.header("host"), Some("kv.example:8443"));
        assert_eq!(question.header("authorization"), Some(CREDENTIAL));
    }
    assert_eq!(proxy.metric("source.refuses.replay.given_back"), 1);
    assert_eq!(proxy.metric("source.refuses.replay.stuck"), 0);

    store.does(|_| Conduct::Bytes(answer("200 OK", "{\"result\":null}")));
    proxy.denies(Protocol::Http1, &event(REFUSES), REFUSES, "duplicate");
    store.does(|_| Conduct::Bytes(answer("401 Unauthorized", "{\"error\":\"Unauthorized\"}")));
    proxy.denies(Protocol::Http1, &event(REFUSES), REFUSES, "replay_unavailable");
}

#[test]
fn a_sender_that_goes_while_the_store_is_asked_does_no_harm() {
    let Some((store, proxy)) = misled(LONG) else { return };
    let request = event(REFUSES);
    for _ in 0..20 {
        let mut connection = Connection::open(proxy.address);
        connection.send(&request.wire());
        let asked = wait_for(Duration::from_secs(10), || (!store.take_asked().is_empty()).then_some(()));
        assert!(asked.is_some(), "the store was asked");
        assert_eq!(proxy.metric("source.refuses.replay.remembered"), 1);
        drop(connection);
        let forgotten =
            wait_for(Duration::from_secs(10), || (proxy.metric("source.refuses.replay.remembered") == 0).then_some(()));
        assert!(forgotten.is_some(), "{:?}", proxy.metrics());
    }
    store.does(|asked| asked.webdis("{\"SET\":[true,\"OK\"]}"));
    proxy.passes(Protocol::Http1, &request);
}

#[test]
fn an_observed_source_waits_for_a_store_and_refuses_nothing() {
    let Some((store, proxy)) = misled("100ms") else { return };
    let counter = "source.observed-once.denials.replay_unavailable";
    for protocol in BOTH {
        // With a length of its own, the request is whole for the upstream before it ends for the filter.
        for request in [event(OBSERVED), event(OBSERVED).in_chunks(3)] {
            let before = proxy.metric(counter);
            proxy.passes(protocol, &request);
            assert_eq!(proxy.metric(counter), before + 1);
        }
    }
    store.does(|asked| {
        asked.webdis(if asked.target().starts_with("/SET") { "{\"SET\":[true,\"OK\"]}" } else { "{\"DEL\":1}" })
    });
    for protocol in BOTH {
        store.take_asked();
        let reply = event(OBSERVED).with(CONDUCT, "503").send(proxy.address, protocol);
        assert_eq!(reply.status, 503);
        let asked = store.take_asked();
        assert_eq!(asked.len(), 2, "what the upstream failed is given back: {asked:?}");
    }
}
