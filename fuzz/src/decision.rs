//! The whole decision: a valid request, mutated, under one of a set of policies, in any chunks. `proof.rs` and `host.rs`
//! have most invariants; here are that every chunking gets the same verdict, that guards are enforced, and that an
//! accepted event does not pass again after a change that the proof does not cover.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use hookwarden::config::{self, Policy};
use hookwarden::verify::primitives::timestamp::UnixTime;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Ending};
use crate::host::{Client, Plan, Proxy, Verdict};
use crate::input::Input;
use crate::proof::{self, Bodies};
use crate::support::{self, Sent};
use crate::vector::{self, Form, Provider, Vector};

const OUR_NETWORK: &str = "192.0.2.0/24";
const CLIENTS: [Client; 5] = [
    Client { address: Some("192.0.2.7:4711"), tls: Some("TLSv1.3") },
    Client { address: Some("[::ffff:192.0.2.9]:1"), tls: Some("TLSv1.2") },
    Client { address: Some("192.0.2.7:4711"), tls: Some("TLSv1.1") },
    Client { address: Some("198.51.100.1:80"), tls: Some("TLSv1.3") },
    Client { address: None, tls: None },
];

/// The secrets of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Keys {
    Senders,
    Unrelated,
    Both,
}

/// The protection of a source besides its proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Protection {
    None,
    Guards,
    Replay,
    Webdis,
    Rest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum BodyMode {
    Filter,
    Chain,
    Observe,
}

type Setup = (Keys, Protection, BodyMode);

/// The vectors of all senders, and what is derived from them.
struct Corpus {
    providers: Vec<Provider>,
    /// The valid vectors: positions of provider and vector.
    valid: Vec<(usize, usize)>,
    facts: RefCell<HashMap<usize, Rc<Facts>>>,
    policies: RefCell<HashMap<(usize, Setup), Option<Rc<Policy>>>>,
}

/// What is derived from one valid vector.
struct Facts {
    required_tokens: Vec<Vec<u8>>,
    /// The bodies that may pass, if the scheme signs the raw body.
    bodies: Option<Bodies>,
    /// The positions of this sender's valid vectors in [`Corpus::valid`].
    siblings: Vec<usize>,
    expires: bool,
    /// Whether the tag is in an encoded document, the rest of which may change: then no token is required.
    is_enveloped: bool,
}

thread_local! {
    static CORPUS: OnceCell<Corpus> = const { OnceCell::new() };
}

/// The number of valid vectors to start from.
pub fn bases() -> usize {
    CORPUS.with(|corpus| corpus.get_or_init(Corpus::load).valid.len())
}

/// The sender of the valid vector `at`.
pub fn sender(at: usize) -> String {
    CORPUS.with(|corpus| corpus.get_or_init(Corpus::load).at(at).0.name.clone())
}

/// The valid vector of a sender, by its case.
pub fn base_of(sender: &str, case: &str) -> Option<usize> {
    CORPUS.with(|corpus| {
        let corpus = corpus.get_or_init(Corpus::load);
        (0..corpus.valid.len()).find(|base| {
            let (provider, vector) = corpus.at(*base);
            provider.name == sender && vector.case == case
        })
    })
}

pub fn run(data: &[u8]) {
    CORPUS.with(|corpus| corpus.get_or_init(Corpus::load).run(&mut Input::new(data)));
}

impl Corpus {
    fn load() -> Self {
        let providers = vector::providers();
        let mut valid = Vec::new();
        for (at, provider) in providers.iter().enumerate() {
            let vectors = provider.vectors.iter().enumerate();
            valid.extend(vectors.filter(|(_, vector)| vector.is_valid()).map(|(vector, _)| (at, vector)));
        }
        Self { providers, valid, facts: RefCell::default(), policies: RefCell::default() }
    }

    fn at(&self, base: usize) -> (&Provider, &Vector) {
        let (provider, vector) = self.valid[base];
        let provider = &self.providers[provider];
        (provider, &provider.vectors[vector])
    }

    fn run(&self, input: &mut Input<'_>) {
        let base = input.below(self.valid.len());
        let (provider, vector) = self.at(base);
        let keys = *input.pick(&[Keys::Senders, Keys::Senders, Keys::Unrelated, Keys::Both]);
        let protection = *input.pick(&[
            Protection::None,
            Protection::Guards,
            Protection::Replay,
            Protection::Webdis,
            Protection::Rest,
        ]);
        let body_mode = *input.pick(&[BodyMode::Filter, BodyMode::Chain, BodyMode::Observe]);
        let Some(policy) = self.policy(base, (keys, protection, body_mode)) else { return };
        let facts = self.facts(base);
        let client = *input.pick(&CLIENTS);
        let age = input.byte();
        let mut plan = plan(input);
        let mut sent = vector.sent.clone();
        for _ in 0..12 {
            if input.is_empty() {
                break;
            }
            let sibling = self.at(*input.pick(&facts.siblings)).1;
            mutate(&mut sent, &sibling.sent, input);
        }
        sent.now = match age {
            0..200 => sent.now,
            200..220 => UnixTime::from_millis(sent.now.as_millis().saturating_add(u64::from(age) * 1000)),
            220..240 => UnixTime::from_millis(sent.now.as_millis().saturating_sub(u64::from(age) * 1000)),
            _ => proof::ten_years_later(&sent).now,
        };
        plan.delivery.cuts.retain(|cut| *cut < sent.body.len());

        let verdict = Proxy::new(&policy).send(&sent, &client, &plan, 200);
        let describe = || {
            format!(
                "{}: {}: {keys:?} {protection:?} {body_mode:?} {client:?} {plan:?}\n{}",
                provider.name,
                vector.case,
                show(&sent)
            )
        };
        if verdict.passed() {
            self.check_passed(&facts, (keys, protection, &client, age), &sent, &verdict, &describe);
        } else if let Some(edits) = &verdict.edits
            && body_mode != BodyMode::Chain
        {
            assert!(edits.set.is_empty(), "an unverified request gets identity headers: {}", describe());
        }
        if plan.abort.is_none() {
            let send = |ending| {
                let whole = Plan { delivery: Delivery::whole().ending(ending), abort: None, store: plan.store.clone() };
                Proxy::new(&policy).send(&sent, &client, &whole, 200)
            };
            assert_eq!(
                send(Ending::LastPiece).outcome,
                verdict.outcome,
                "another verdict in one piece: {}",
                describe()
            );
            // If the request ends with its headers, a missing declared body is noticed earlier, so the denial may be
            // another one, but whether it passes must not change.
            if sent.body.is_empty() {
                let ended_by_headers = send(Ending::Headers).passed();
                // A body that ends before its declared length is broken framing, which the host refuses. A check that
                // needs no body has let the headers pass before that end; with the headers, the end is known.
                if declares_a_body(&sent) {
                    assert!(!ended_by_headers, "passes without its declared body: {}", describe());
                } else {
                    assert_eq!(ended_by_headers, verdict.passed(), "another verdict without a body: {}", describe());
                }
            }
        }
        if keys == Keys::Senders
            && protection == Protection::Replay
            && body_mode != BodyMode::Observe
            && plan.abort.is_none()
        {
            self.check_once(base, &policy, &sent, &plan, &describe);
        }
    }

    fn check_passed(
        &self,
        facts: &Facts,
        (keys, protection, client, age): (Keys, Protection, &Client, u8),
        sent: &Sent,
        verdict: &Verdict,
        describe: &dyn Fn() -> String,
    ) {
        assert_ne!(keys, Keys::Unrelated, "passes with an unrelated secret: {}", describe());
        if let Some(bodies) = &facts.bodies {
            assert!(bodies.contains(&sent.body), "passes with an unsigned body: {}", describe());
        }
        let haystack = proof::haystack(sent);
        let has_tag = facts.is_enveloped
            || facts.siblings.iter().any(|sibling| {
                let tokens = &self.facts(*sibling).required_tokens;
                tokens.iter().all(|token| proof::holds(&haystack, token))
            });
        assert!(has_tag, "passes without the tag of any valid vector: {}", describe());
        if age >= 240 && facts.siblings.iter().all(|sibling| self.facts(*sibling).expires) {
            panic!("passes ten years later: {}", describe());
        }
        if protection == Protection::Guards {
            assert!(
                client.address.is_some_and(|address| address.contains("192.0.2.")),
                "passes from another network: {}",
                describe()
            );
            assert!(matches!(client.tls, Some("TLSv1.2" | "TLSv1.3")), "passes without TLS: {}", describe());
        }
        if let Some(edits) = &verdict.edits {
            let kept = sent.headers.iter().filter(|(name, _)| !edits.remove.contains(name));
            for (name, _) in kept {
                let plain = name.to_ascii_lowercase().replace('_', "-");
                assert!(!plain.starts_with("x-hookwarden-"), "{name:?} of the client is forwarded: {}", describe());
            }
        }
    }

    /// A request that passed does not pass again, nor with a change that the proof does not cover.
    fn check_once(&self, base: usize, policy: &Rc<Policy>, sent: &Sent, plan: &Plan, describe: &dyn Fn() -> String) {
        let vector = self.at(base).1;
        let proxy = Proxy::new(policy);
        let client = CLIENTS[0];
        let mut first = vector.sent.clone();
        first.now = sent.now;
        if !proxy.send(&first, &client, &proof::whole(), 200).passed() {
            return;
        }
        if !proxy.send(sent, &client, plan, 200).passed() {
            return;
        }
        assert!(!proxy.send(sent, &client, plan, 200).passed(), "the same request passes twice: {}", describe());
        // It is another event if it has the tag of another vector.
        let haystack = proof::haystack(sent);
        let facts = self.facts(base);
        let of_another = facts
            .siblings
            .iter()
            .filter(|sibling| **sibling != base)
            .any(|sibling| self.facts(*sibling).required_tokens.iter().all(|token| proof::holds(&haystack, token)));
        assert!(of_another, "an event passes twice after a change that the proof does not cover: {}", describe());
    }

    fn facts(&self, base: usize) -> Rc<Facts> {
        if let Some(facts) = self.facts.borrow().get(&base) {
            return Rc::clone(facts);
        }
        let facts = Rc::new(self.derive_facts(base));
        self.facts.borrow_mut().insert(base, Rc::clone(&facts));
        facts
    }

    fn derive_facts(&self, base: usize) -> Facts {
        let (provider, vector) = self.at(base);
        let policy = self.policy(base, (Keys::Senders, Protection::None, BodyMode::Filter)).expect("a valid policy");
        let proxy = Proxy::new(&policy);
        assert!(proof::passes(&proxy, &vector.sent), "{}: {} does not pass", provider.name, vector.case);
        let required_tokens = proof::required_tokens(&proxy, &vector.sent);
        let valid = provider.vectors.iter().filter(|vector| vector.is_valid());
        // If the sender compresses after signing, other compressed bodies have the same content.
        let is_sent_as_signed = provider.dialects().iter().all(|dialect| dialect.get("content_encoding").is_none());
        let bodies = (provider.signs_whole_body() && is_sent_as_signed)
            .then(|| valid.map(|vector| vector.sent.body.clone()).collect());
        assert!(!required_tokens.is_empty(), "{}: {}: no required token was found", provider.name, vector.case);
        // From the vectors alone: code that does not check timestamps would report that nothing expires. If the timestamp is
        // optional, leaving it out is valid, so there has to be a vector for that, too.
        let has = |code: &str| provider.vectors.iter().any(|vector| vector.expect == code);
        let mut valid = provider.vectors.iter().filter(|vector| vector.is_valid());
        let expires = has("timestamp_stale") && has("timestamp_missing") && valid.all(|vector| vector.has_clock);
        let of_provider = self.valid[base].0;
        let siblings = (0..self.valid.len()).filter(|at| self.valid[*at].0 == of_provider).collect();
        let is_enveloped = serde_json::Value::from(provider.dialects().into_iter().cloned().collect::<Vec<_>>())
            .to_string()
            .contains("base64_decode|json:");
        Facts { required_tokens, bodies, siblings, expires, is_enveloped }
    }

    fn policy(&self, base: usize, setup: Setup) -> Option<Rc<Policy>> {
        if let Some(policy) = self.policies.borrow().get(&(base, setup)) {
            return policy.clone();
        }
        let policy = self.build_policy(base, setup);
        self.policies.borrow_mut().insert((base, setup), policy.clone());
        policy
    }

    fn build_policy(&self, base: usize, (keys, protection, body_mode): Setup) -> Option<Rc<Policy>> {
        let (provider, vector) = self.at(base);
        let check = provider.check(vector, Form::ByName);
        let list = if vector.are_public_keys { "keys" } else { "secrets" };
        let mut choices = vec![check.clone()];
        if keys != Keys::Senders {
            choices = self.with_unrelated_secrets(base, &check, list, keys == Keys::Both);
        }
        choices.into_iter().find_map(|check| {
            let mut source = protected(support::source("tested", &vector.path, check), protection);
            if body_mode == BodyMode::Observe {
                source = support::with(source, "mode", json!("observe"));
            }
            let mut config = support::sources(&[source]);
            if body_mode == BodyMode::Chain {
                config = support::with(config, "body_hold", json!("chain"));
            }
            let loaded = config::load(config.to_string().as_bytes(), &|_| None).ok()?;
            Some(Rc::new(loaded.policy))
        })
    }

    /// The check with secrets that signed no vector, in every form that may be accepted.
    fn with_unrelated_secrets(&self, base: usize, check: &Value, list: &str, keep_senders: bool) -> Vec<Value> {
        let (provider, vector) = self.at(base);
        let own = check[list].as_array().cloned().unwrap_or_default();
        let unrelated: Vec<Vec<String>> = if vector.are_public_keys {
            // Keys of other senders; one of another algorithm is refused at load.
            let others = self.providers.iter().filter(|other| other.name != provider.name);
            let keys = others.flat_map(|other| &other.vectors).filter(|other| other.are_public_keys);
            let keys = keys.flat_map(|other| other.secrets.clone()).filter(|key| !vector.secrets.contains(key));
            let known: Vec<_> = provider.vectors.iter().flat_map(|vector| &vector.secrets).collect();
            keys.filter(|key| !known.contains(&key)).take(40).map(|key| vec![key]).collect()
        } else {
            let forms = vector.secrets.iter().map(|secret| proof::altered_secrets(secret)).collect::<Vec<_>>();
            (0..2).filter_map(|form| forms.iter().map(|forms| forms.get(form).cloned()).collect()).collect()
        };
        let with_texts = |texts: &Vec<String>| {
            let mut secrets: Vec<Value> = texts
                .iter()
                .map(|text| match vector.are_public_keys {
                    true => json!({ "value": text }),
                    false => json!({ "value": text, "insecure_short_secret": true }),
                })
                .collect();
            if keep_senders {
                secrets.extend(own.clone());
            }
            support::with(check.clone(), list, json!(secrets))
        };
        unrelated.iter().map(with_texts).collect()
    }
}

fn protected(source: Value, protection: Protection) -> Value {
    let replay = |source, store: Option<Value>| {
        let rule = json!({ "window": "24h" });
        let rule = store.into_iter().fold(rule, |rule, store| support::with(rule, "store", store));
        support::with(source, "replay", rule)
    };
    match protection {
        Protection::None => source,
        Protection::Guards => [
            ("allow_from", json!([OUR_NETWORK])),
            ("transport", json!({ "min_tls": "1.2" })),
            ("flood_limit", json!({ "failures": 3, "per": "1m" })),
            ("rate_limit", json!({ "requests": 2, "per": "1m" })),
            ("max_body_bytes", json!(20_000)),
        ]
        .into_iter()
        .fold(source, |source, (name, member)| support::with(source, name, member)),
        Protection::Replay => replay(source, None),
        Protection::Webdis => replay(source, Some(json!({ "cluster": "webdis" }))),
        Protection::Rest => replay(source, Some(json!({ "kind": "rest", "cluster": "rest", "unavailable": "local" }))),
    }
}

fn plan(input: &mut Input<'_>) -> Plan {
    let shape = input.byte();
    let cuts = match shape % 8 {
        0 | 1 => Vec::new(),
        2 => (1..200).collect(),
        count => {
            let mut cuts: Vec<usize> = (0..count).map(|_| input.word() % 2048).collect();
            cuts.sort_unstable();
            cuts
        }
    };
    let ending = [Ending::LastPiece, Ending::EmptyPiece, Ending::Trailers][usize::from(shape >> 3) % 3];
    let store = match input.byte() {
        0..64 => Some((200, b"{\"result\":\"OK\"}".to_vec())),
        64..96 => Some((200, b"{\"result\":null}".to_vec())),
        96..128 => None,
        status => Some((u16::from(status) * 4, input.piece().to_vec())),
    };
    let abort = input.byte();
    let abort = (abort >= 240).then(|| usize::from(abort - 239));
    Plan { delivery: Delivery { cuts, ending, repeats: shape & 0x80 != 0 }, store, abort }
}

const NAMES: [&str; 20] = [
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "authorization",
    "cookie",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-hookwarden-source",
    "X_Hookwarden_Event-Id",
    "x-http-method-override",
    "signature",
    "signature-input",
    "content-digest",
    "digest",
    "date",
    "x-signature",
    "host",
    "expect",
    "x-original-url",
];

/// Applies one mutation that the input selects.
fn mutate(sent: &mut Sent, sibling: &Sent, input: &mut Input<'_>) {
    let kind = input.byte() % 24;
    let at = input.below(sent.headers.len());
    match kind {
        0 if !sent.headers.is_empty() => drop(sent.headers.remove(at)),
        1 if !sent.headers.is_empty() => {
            let to = input.below(sent.headers.len());
            sent.headers.insert(to, sent.headers[at].clone());
        }
        2..=5 => {
            if let Some((_, value)) = sent.headers.get_mut(at) {
                edit(value, kind - 2, input);
            }
        }
        6 => {
            if let Some((name, _)) = sent.headers.get_mut(at) {
                *name = if name.contains('-') { name.replace('-', "_") } else { name.to_ascii_uppercase() };
            }
        }
        7 => sent.headers.push(((*input.pick(&NAMES)).to_owned(), input.piece().to_vec())),
        8 => {
            let name = sent.headers.get(at).map(|(name, _)| name.clone()).unwrap_or_default();
            let other = sibling.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
            if let (Some((_, value)), Some(other)) = (sent.headers.get_mut(at), other) {
                *value = other;
            }
        }
        9..=12 => edit(&mut sent.body, kind - 9, input),
        13 => sent.body.clone_from(&sibling.body),
        14 => {
            let start = input.below(sent.body.len());
            let piece: Vec<u8> = sent.body[start..].iter().copied().take(usize::from(input.byte())).collect();
            let to = input.below(sent.body.len() + 1);
            sent.body.splice(to..to, piece);
        }
        15..=18 => {
            if let Some((_, target)) = sent.headers.iter_mut().find(|(name, _)| name == ":path") {
                edit(target, kind - 15, input);
            }
        }
        19 => sent.headers.clone_from(&sibling.headers),
        20 => {
            if let Some(other) = sibling.headers.get(input.below(sibling.headers.len())) {
                sent.headers.push(other.clone());
            }
        }
        21 => sent.body = input.piece().to_vec(),
        22 if !sent.headers.is_empty() => {
            let to = input.below(sent.headers.len());
            sent.headers.swap(at, to);
        }
        _ => {
            if let Some((_, value)) = sent.headers.get_mut(at) {
                value.insert(0, b' ');
                value.extend_from_slice(b" \t");
            }
        }
    }
}

fn edit(bytes: &mut Vec<u8>, kind: u8, input: &mut Input<'_>) {
    let at = input.below(bytes.len() + 1);
    match kind {
        0 => {
            let bit = 1 << (input.byte() % 8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bit;
            }
        }
        1 => {
            let piece = input.piece();
            bytes.splice(at..at, piece.iter().copied());
        }
        2 => {
            let end = at.saturating_add(usize::from(input.byte())).min(bytes.len());
            bytes.drain(at..end);
        }
        _ => bytes.truncate(at),
    }
}

/// Whether a `Content-Length` says that a body follows. One that is not a number never passes, whatever the ending.
fn declares_a_body(sent: &Sent) -> bool {
    sent.headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("content-length") && value.iter().any(|byte| (b'1'..=b'9').contains(byte))
    })
}

fn show(sent: &Sent) -> String {
    let mut text = format!("at {} ms\n", sent.now.as_millis());
    for (name, value) in &sent.headers {
        text.push_str(&format!("{name}: {}\n", value.escape_ascii()));
    }
    format!("{text}\n{}", sent.body.escape_ascii())
}
