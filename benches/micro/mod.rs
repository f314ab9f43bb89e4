//! What the in-process benchmarks share: a host in memory, configurations, and requests.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use criterion::Criterion;
use hookwarden::config::{self, Policy};
use hookwarden::filter::{ActivePolicy, BodyBuffer, Context, Exchange};
use hookwarden::guard::memory::{Memory, NotWritten, Versioned};
use hookwarden::guard::peer::Peer;
use hookwarden::guard::pool::Pool;
use hookwarden::step::Step;
use hookwarden::verify::primitives::mac::{HashAlgorithm, MacKey};
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{HeaderLine, Request, borrowed};
use serde_json::{Value, json};

pub const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
pub const SECRET: &str = "benchmark-secret-of-32-bytes-len";

/// Short rounds: a table of relations is wanted, not the third digit. Criterion's options still apply.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args()
}

/// A host that remembers, with a client.
#[derive(Default)]
pub struct Host {
    values: RefCell<HashMap<String, (Vec<u8>, u32)>>,
    version: Cell<u32>,
}

impl Host {
    fn put(&self, key: &str, value: &[u8]) {
        self.version.set(self.version.get() + 1);
        self.values.borrow_mut().insert(key.to_owned(), (value.to_vec(), self.version.get()));
    }
}

impl Memory for Host {
    fn create(&self, key: &str, value: &[u8]) -> Result<(), NotWritten> {
        if !self.values.borrow().contains_key(key) {
            self.put(key, value);
        }
        Ok(())
    }

    fn read(&self, key: &str) -> Option<Versioned> {
        self.values.borrow().get(key).map(|(value, version)| Versioned { value: value.clone(), version: *version })
    }

    fn replace(&self, key: &str, value: &[u8], version: u32) -> Result<(), NotWritten> {
        match self.read(key) {
            Some(known) if known.version != version => Err(NotWritten::Contended),
            _ => {
                self.put(key, value);
                Ok(())
            }
        }
    }
}

impl Peer for Host {
    fn address(&self) -> Option<Vec<u8>> {
        Some(b"192.0.2.7:4711".to_vec())
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        Some(b"TLSv1.3".to_vec())
    }

    fn has_client_certificate(&self) -> bool {
        false
    }
}

/// A source that GitHub calls, with these members added.
pub fn github(number: usize, members: &Value) -> Value {
    let mut source = json!({ "name": format!("source-{number}"), "match": { "path": format!("/hooks/{number}") },
        "verify": { "provider": "github", "secrets": [{ "value": SECRET }] } });
    for (name, value) in members.as_object().into_iter().flatten() {
        source[name] = value.clone();
    }
    source
}

/// A configuration of so many sources.
pub fn configuration(count: usize) -> String {
    let sources: Vec<Value> = (0..count).map(|number| github(number, &json!({}))).collect();
    json!({ "sources": sources }).to_string()
}

pub fn policy(text: &str) -> Rc<Policy> {
    let loaded = config::load(text.as_bytes(), &|_| None);
    Rc::new(loaded.unwrap_or_else(|problems| panic!("{problems:?}")).policy)
}

pub fn open(policy: &Rc<Policy>, host: &Host) -> Rc<ActivePolicy> {
    Rc::new(ActivePolicy::open(Rc::clone(policy), host).expect("there is memory"))
}

/// A request as it arrives.
pub struct Sent {
    pub headers: Vec<HeaderLine>,
    pub body: Vec<u8>,
}

/// What GitHub sends to a source.
pub fn delivery(number: usize, body: Vec<u8>) -> Sent {
    let key = MacKey::new(HashAlgorithm::Sha256, SECRET.as_bytes()).expect("a key");
    let mut mac = key.begin();
    mac.update(&body);
    let tag: String = mac.tag().iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "hooks.example.com"),
        (":path", &format!("/hooks/{number}")),
        ("content-type", "application/json"),
        ("content-length", &body.len().to_string()),
        ("user-agent", "GitHub-Hookshot/044aadd"),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("x-github-event", "push"),
        ("x-hub-signature-256", &format!("sha256={tag}")),
        ("x-request-id", "4711-abc"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    Sent { headers: headers.to_vec(), body }
}

struct Body<'a>(&'a [u8]);

impl BodyBuffer for Body<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        self.0.get(start..start.checked_add(len)?).map(<[u8]>::to_vec)
    }
}

/// Sends a request through the decision.
pub fn decide(policy: &Rc<ActivePolicy>, pool: &Pool, host: &Host, sent: &Sent) -> Step {
    let context = Context { now: NOW, peer: host, memory: host };
    let mut exchange = Exchange::new(Rc::clone(policy), pool.clone());
    match exchange.on_headers(Request::new(&borrowed(&sent.headers)), sent.body.is_empty(), &context) {
        Step::Hold => exchange.on_body(&Body(&sent.body), true, &context),
        step => step,
    }
}
