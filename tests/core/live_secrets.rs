//! Live secrets: which requests pass while a secret changes, is absent or unusable. Documents are fetched in `live.rs`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use hookwarden::filter::{ActivePolicy, Context, Exchange};
use hookwarden::guard::call::Response;
use hookwarden::guard::peer::Peer;
use hookwarden::guard::pool::Pool;
use hookwarden::live::fetcher::Outcome;
use hookwarden::step::Step;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::Buffer;
use crate::guards::memory::Shared;
use crate::support::{NOW, Sent, active, policy, source, sources, with};

const FIRST: &str = "the-first-live-secret";
const SECOND: &str = "the-second-live-secret";
const PATH: &str = "/hook";

/// A host with filter state.
#[derive(Default)]
struct State(RefCell<HashMap<String, String>>);

impl State {
    fn set(&self, key: &str, value: &str) {
        self.0.borrow_mut().insert(key.to_owned(), value.to_owned());
    }
}

impl Peer for State {
    fn address(&self) -> Option<Vec<u8>> {
        None
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        None
    }

    fn has_client_certificate(&self) -> bool {
        false
    }

    fn filter_state(&self, key: &str) -> Option<Vec<u8>> {
        self.0.borrow().get(key).map(|value| value.clone().into_bytes())
    }
}

/// A policy at work, and everything that its decisions depend on.
struct World {
    policy: Rc<ActivePolicy>,
    state: State,
    memory: Shared,
    now: RefCell<u64>,
}

impl World {
    fn of(verify: Value) -> Self {
        Self::with(sources(&[source("live", PATH, verify)]))
    }

    fn with(configuration: Value) -> Self {
        let memory = Shared::default();
        Self {
            policy: active(policy(&configuration), &memory),
            state: State::default(),
            memory,
            now: RefCell::new(NOW),
        }
    }

    fn context(&self) -> Context<'_> {
        Context { now: UnixTime::from_secs(*self.now.borrow()), peer: &self.state, memory: &self.memory }
    }

    /// Decides a request with its whole body: `passed`, `answered`, or the code of the denial; and when: with the head, or
    /// with the body.
    fn decide(&self, sent: &Sent) -> (String, bool) {
        let context = self.context();
        let mut exchange = Exchange::new(Rc::clone(&self.policy), Pool::default());
        let step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), sent.body.is_empty(), &context);
        let (step, at_once) = match step {
            Step::Hold => (exchange.on_body(&buffer(&sent.body), true, &context), false),
            step => (step, true),
        };
        let verdict = match step {
            Step::Continue(_) => "passed".to_owned(),
            Step::Deny(record) => record.denial().expect("a denial").code().to_owned(),
            Step::Answer(_) => "answered".to_owned(),
            Step::Hold | Step::Call(_) => panic!("undecided"),
        };
        (verdict, at_once)
    }

    fn verdict(&self, sent: &Sent) -> String {
        self.decide(sent).0
    }

    fn github(&self, secret: &str) -> String {
        self.verdict(&Sent::github(PATH, secret, "a body"))
    }

    /// Fetches everything that is due, and answers with this.
    fn fetch(&self, status: u16, body: &str) -> Vec<Outcome> {
        let fetchers = self.policy.fetchers();
        let context = self.context();
        let calls = fetchers.on_tick(context.now, &self.memory);
        let response = Response { status, body: body.as_bytes() };
        let accepts = |number| move |body: &[u8]| self.policy.accepts(number, body);
        calls
            .into_iter()
            .map(|(number, _)| fetchers.on_answer(number, Some(response), &accepts(number), &self.memory))
            .collect()
    }

    fn pass_seconds(&self, seconds: u64) {
        *self.now.borrow_mut() += seconds;
    }
}

fn buffer(bytes: &[u8]) -> Buffer<'_> {
    Buffer { bytes, len: bytes.len() }
}

fn github(secrets: Value) -> Value {
    json!({"provider": "github", "secrets": secrets})
}

fn in_state(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({"id": key, "filter_state": format!("hw.{key}")})).collect()
}

fn fetched(members: &[&str]) -> Value {
    let http = |id: &&str| {
        json!({"id": id, "http": {"cluster": "vault", "path": "/v1", "pointer": format!("/data/{id}"),
            "refresh": "1m", "max_age": "10m"}})
    };
    members.iter().map(http).collect()
}

fn document(members: &[(&str, &str)]) -> String {
    let data: serde_json::Map<_, _> = members.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    json!({ "data": data }).to_string()
}

#[test]
fn a_secret_in_filter_state_is_read_for_each_request() {
    let world = World::of(github(in_state(&["one"])));
    assert_eq!(world.github(FIRST), "secret_unavailable");
    world.state.set("hw.one", FIRST);
    assert_eq!(world.github(FIRST), "passed");
    assert_eq!(world.github(SECOND), "signature_mismatch");
    world.state.set("hw.one", SECOND);
    assert_eq!(world.github(FIRST), "signature_mismatch");
    assert_eq!(world.github(SECOND), "passed");
    for absent in ["", "-"] {
        world.state.set("hw.one", absent);
        assert_eq!(world.github(SECOND), "secret_unavailable");
    }
}

#[test]
fn without_a_secret_nobody_waits_for_the_body() {
    let world = World::of(github(in_state(&["one"])));
    assert_eq!(world.decide(&Sent::github(PATH, FIRST, "a body")), ("secret_unavailable".to_owned(), true));
}

#[test]
fn a_request_keeps_the_secret_that_it_began_with() {
    let world = World::of(github(in_state(&["one"])));
    world.state.set("hw.one", FIRST);
    let sent = Sent::github(PATH, FIRST, "a body");
    let mut exchange = Exchange::new(Rc::clone(&world.policy), Pool::default());
    assert_eq!(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &world.context()), Step::Hold);
    world.state.set("hw.one", SECOND);
    assert_eq!(world.github(SECOND), "passed");
    let step = exchange.on_body(&buffer(&sent.body), true, &world.context());
    assert!(matches!(step, Step::Continue(_)), "{step:?}");
}

#[test]
fn an_absent_secret_is_as_if_it_were_not_listed() {
    let world = World::of(github(in_state(&["new", "old"])));
    world.state.set("hw.new", FIRST);
    assert_eq!(world.github(FIRST), "passed");
    assert_eq!(world.github(SECOND), "signature_mismatch");
    world.state.set("hw.old", SECOND);
    assert_eq!(world.github(SECOND), "passed");
}

#[test]
fn an_unusable_secret_is_our_fault_and_not_the_senders() {
    let long = "x".repeat(30);
    for text in ["short", "changeme", "${SECRET}", " padded-secret", "a-secret-of-length\n", "\"a-quoted-secret\""] {
        let world = World::of(github(in_state(&["new", "old"])));
        world.state.set("hw.new", text);
        world.state.set("hw.old", &long);
        assert_eq!(world.github(&long), "passed");
        assert_eq!(world.github(text), "secret_unavailable", "{text:?}");
        assert_eq!(world.github("another-secret"), "secret_unavailable", "{text:?}");
        let unsigned = Sent::post(PATH).body("a body");
        assert_eq!(world.verdict(&unsigned), "signature_missing", "{text:?}");
        world.state.set("hw.old", "");
        assert_eq!(world.github(&long), "secret_unavailable", "{text:?}");
    }
}

#[test]
fn a_short_secret_is_accepted_only_if_it_may_be() {
    let mut secrets = in_state(&["one"]);
    secrets[0]["insecure_short_secret"] = json!(true);
    let world = World::of(github(secrets));
    world.state.set("hw.one", "short");
    assert_eq!(world.github("short"), "passed");
}

#[test]
fn a_secret_must_have_the_form_of_its_scheme() {
    let world = World::of(json!({"provider": "standard-webhooks", "secrets": in_state(&["one"])}));
    for text in ["whsec_not base64 at all", "whsec_c2hvcnQ="] {
        world.state.set("hw.one", text);
        assert_eq!(world.verdict(&Sent::post(PATH).body("a body")), "secret_unavailable", "{text}");
    }
}

#[test]
fn two_secrets_come_from_one_document() {
    let world = World::of(github(fetched(&["current", "previous"])));
    assert_eq!(world.policy.policy().places.all().len(), 1);
    assert_eq!(world.github(FIRST), "secret_unavailable");
    assert_eq!(world.fetch(200, &document(&[("current", FIRST)])), [Outcome::Fetched]);
    assert_eq!(world.github(FIRST), "passed");
    assert_eq!(world.github(SECOND), "signature_mismatch");
    world.pass_seconds(61);
    assert_eq!(world.fetch(200, &document(&[("current", SECOND), ("previous", FIRST)])), [Outcome::Fetched]);
    assert_eq!((world.github(FIRST), world.github(SECOND)), ("passed".to_owned(), "passed".to_owned()));
    world.pass_seconds(61);
    world.fetch(200, &document(&[("current", SECOND), ("previous", "")]));
    assert_eq!(world.github(FIRST), "signature_mismatch");
}

#[test]
fn a_document_of_use_to_nobody_replaces_nothing() {
    let bodies = [
        "",
        "{",
        "[]",
        "\"the-first-live-secret\"",
        r#"{"data":null}"#,
        r#"{"data":{"current":17}}"#,
        r#"{"data":{"current":"changeme"}}"#,
        r#"{"data":{"current":"a-secret-of-length\n"}}"#,
        r#"{"data":{"current":"the-second-live-secret","current":"the-second-live-secret"}}"#,
        r#"{"data":{"current":["the-second-live-secret"]}}"#,
    ];
    let world = World::of(github(fetched(&["current", "previous"])));
    world.fetch(200, &document(&[("current", FIRST)]));
    for body in bodies {
        world.pass_seconds(61);
        assert!(matches!(world.fetch(200, body).as_slice(), [Outcome::Failed(_)]), "{body}");
        assert_eq!(world.github(FIRST), "passed", "{body}");
        assert_eq!(world.github(SECOND), "signature_mismatch", "{body}");
        world.pass_seconds(61);
        assert_eq!(world.fetch(200, &document(&[("current", FIRST)])), [Outcome::Fetched]);
    }
}

#[test]
fn a_document_that_is_too_old_closes_the_source_until_there_is_another() {
    let world = World::of(github(fetched(&["current"])));
    world.fetch(200, &document(&[("current", FIRST)]));
    world.pass_seconds(600);
    assert_eq!(world.github(FIRST), "passed");
    world.pass_seconds(1);
    assert_eq!(world.github(FIRST), "secret_unavailable");
    world.fetch(200, &document(&[("current", SECOND)]));
    assert_eq!(world.github(SECOND), "passed");
}

#[test]
fn beside_a_fixed_secret_a_missing_document_is_our_fault() {
    let mut secrets = fetched(&["current"]);
    secrets.as_array_mut().expect("a list").push(json!({"id": "fixed", "value": SECOND}));
    let world = World::of(github(secrets));
    assert_eq!(world.github(SECOND), "passed");
    assert_eq!(world.github(FIRST), "secret_unavailable");
    world.fetch(200, &document(&[("current", FIRST)]));
    assert_eq!(world.github(FIRST), "passed");
    assert_eq!(world.github("a-third-secret"), "signature_mismatch");
}

#[test]
fn of_several_checks_each_needs_its_secret() {
    let bearer = json!({"provider": "bearer", "secrets": in_state(&["token"])});
    let both = Sent::github(PATH, FIRST, "a body").header("Authorization", format!("Bearer {SECOND}"));
    let world = World::of(json!([bearer, github(in_state(&["one"]))]));
    world.state.set("hw.one", FIRST);
    assert_eq!(world.verdict(&both), "secret_unavailable");
    world.state.set("hw.token", SECOND);
    assert_eq!(world.verdict(&both), "passed");

    let any = World::of(json!({"any": [bearer, github(in_state(&["one"]))]}));
    any.state.set("hw.one", FIRST);
    assert_eq!(any.github(FIRST), "passed");
    assert_eq!(any.verdict(&Sent::token(PATH, SECOND).body("a body")), "secret_unavailable");
}

#[test]
fn lists_by_name_are_live_each_on_its_own() {
    let verify = json!({"provider": "github", "secrets_by": {"header": "X-Tenant", "secrets": {
        "acme": in_state(&["acme"]), "umbrella": in_state(&["umbrella"]), "fixed": [{"value": "a-fixed-secret-of-length"}],
    }}});
    let world = World::of(verify);
    world.state.set("hw.acme", FIRST);
    let of = |tenant: &str, secret: &str| Sent::github(PATH, secret, "a body").header("X-Tenant", tenant);
    assert_eq!(world.verdict(&of("acme", FIRST)), "passed");
    assert_eq!(world.verdict(&of("acme", SECOND)), "signature_mismatch");
    assert_eq!(world.verdict(&of("umbrella", FIRST)), "secret_unavailable");
    assert_eq!(world.verdict(&of("nobody", FIRST)), "secret_unknown");
    assert_eq!(world.verdict(&of("fixed", "a-fixed-secret-of-length")), "passed");
}

#[test]
fn an_event_passes_once_although_two_live_lists_turn_out_to_hold_the_same_secret() {
    let verify = json!({"provider": "github", "secrets_by": {"header": "X-Tenant", "secrets": {
        "acme": in_state(&["acme"]), "umbrella": in_state(&["umbrella"]),
    }}});
    let source = with(source("live", PATH, verify), "replay", json!({"window": "1h", "duplicate": 409}));
    let world = World::with(sources(&[source]));
    world.state.set("hw.acme", FIRST);
    world.state.set("hw.umbrella", FIRST);
    let of = |tenant: &str, body: &str| Sent::github(PATH, FIRST, body).header("X-Tenant", tenant);
    assert_eq!(world.verdict(&of("umbrella", "one")), "passed");
    assert_eq!(world.verdict(&of("acme", "one")), "duplicate");
    world.state.set("hw.umbrella", SECOND);
    assert_eq!(world.verdict(&of("acme", "two")), "passed");
    let other = Sent::github(PATH, SECOND, "two").header("X-Tenant", "umbrella");
    assert_eq!(world.verdict(&other), "passed");
}

#[test]
fn the_answer_to_a_handshake_is_made_with_the_live_secret() {
    let x = with(
        source("live", PATH, json!({"provider": "x-twitter", "secrets": in_state(&["one"])})),
        "handshake",
        json!(true),
    );
    let world = World::with(sources(&[x]));
    let probe = Sent::new("GET", "hooks.example.com", "/hook?crc_token=challenge");
    assert_eq!(world.verdict(&probe), "secret_unavailable");
    world.state.set("hw.one", FIRST);
    assert_eq!(world.verdict(&probe), "answered");
}

#[test]
fn a_live_secret_that_answers_challenges_verifies_nothing_else() {
    let x = |secret: &str| {
        let check = json!({"provider": "x-twitter", "secrets": in_state(&[secret])});
        with(source("x", "/x", check), "handshake", json!(true))
    };
    let other = source("other", PATH, json!({"provider": "generic-hmac", "secrets": in_state(&["one"])}));
    let loaded = |secret| crate::support::try_load(sources(&[x(secret), other.clone()]).to_string().as_bytes());
    assert!(loaded("another").is_ok());
    let problems = loaded("one").expect_err("it is refused").join("\n");
    assert!(problems.contains("answers challenges"), "{problems}");
}

#[test]
fn tokens_are_verified_with_live_secrets() {
    let verify = json!({
        "scheme": {"jwt": {"header": "X-Token", "algorithms": ["HS256"]}},
        "secrets": in_state(&["one"]),
    });
    let Ok(_) = crate::support::try_load(sources(&[source("live", PATH, verify.clone())]).to_string().as_bytes())
    else {
        return;
    };
    let world = World::of(verify);
    assert_eq!(world.verdict(&Sent::post(PATH).header("X-Token", "a.b.c").body("x")), "secret_unavailable");
}

#[test]
fn changes_are_reported_once_and_show_no_secret() {
    let world = World::of(github(in_state(&["one"])));
    let context = world.context();
    let changes = || {
        let sent = Sent::github(PATH, FIRST, "a body");
        let mut exchange = Exchange::new(Rc::clone(&world.policy), Pool::default());
        let _ = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context);
        exchange.take_tally().map(|tally| tally.live_changes).unwrap_or_default()
    };
    let lines = |changes: Vec<_>| -> Vec<String> {
        changes
            .iter()
            .filter_map(|change| hookwarden::report::live_change("github", change))
            .map(|(_, line)| line)
            .collect()
    };
    assert_eq!(lines(changes()).len(), 1, "absent from the start");
    assert_eq!(lines(changes()), [""; 0]);
    for (text, part) in
        [(FIRST, "is there again"), (SECOND, "has changed"), ("short", "shorter than 8 bytes"), ("", "is absent")]
    {
        world.state.set("hw.one", text);
        let said = lines(changes());
        assert!(said.len() == 1 && said[0].contains(part), "{said:?}");
        assert!(!said[0].contains(FIRST) && !said[0].contains(SECOND));
        assert_eq!(lines(changes()), [""; 0]);
        assert!(!format!("{:?}", world.policy).contains("live-secret"));
    }
}
