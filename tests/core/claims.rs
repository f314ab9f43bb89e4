//! When a claim on an event is kept, and when it is given back: every status of the upstream, and senders that
//! disconnect.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookwarden::filter::Pending;
use hookwarden::guard::call::{Call, Response};
use hookwarden::step::{Outcome, Step, Tally};
use hookwarden::verify::Denial;
use serde_json::{Value, json};

use crate::delivery::Buffer;
use crate::proxy::Proxy;
use crate::support::{self, NOW, Sent, hmac_sha256, source, sources, with};

const SECRET: &str = "a-secret-of-sixteen-or-more";
const EVENT: &[u8] = b"{\"pay\":\"100 EUR\"}";
/// The store's answer to a new claim.
const DONE: Response<'_> = Response { status: 200, body: b"{\"result\":\"OK\"}" };

fn github(replay: Value) -> Value {
    with(source("github", "/github", support::provider("github", &[SECRET])), "replay", replay)
}

fn replay() -> Value {
    json!({ "window": "1h", "duplicate": 409 })
}

#[test]
fn only_a_listed_status_keeps_a_claim() {
    let lists: [(Value, &dyn Fn(u16) -> bool); 5] = [
        (json!(null), &|status| (200..300).contains(&status)),
        (json!(["2xx"]), &|status| (200..300).contains(&status)),
        (json!(["2xx", "410"]), &|status| (200..300).contains(&status) || status == 410),
        (json!(["304", "2xx", "4xx"]), &|status| matches!(status, 200..300 | 304 | 400..500)),
        (json!(["2xx", "3xx", "4xx", "5xx"]), &|status| (200..600).contains(&status)),
    ];
    for (keep_on, keeps) in lists {
        let rule = if keep_on.is_null() { replay() } else { with(replay(), "keep_on", keep_on.clone()) };
        let proxy = Proxy::new(github(rule));
        for status in 100..600 {
            let sent = Sent::github("/github", SECRET, format!("{status}"));
            for is_upstreams in [false, true] {
                let (mut way, step) = proxy.send(&sent);
                assert!(matches!(step, Step::Continue(_)), "{step:?}");
                assert!(matches!(way.response(Some(status), is_upstreams), Step::Continue(_)));
                way.ends();
                let kept = is_upstreams && keeps(status);
                assert_eq!(proxy.forgot(&sent), !kept, "{status} with {keep_on}, the upstream's: {is_upstreams}");
            }
        }
    }
}

#[test]
fn a_response_without_a_known_status_keeps_a_claim() {
    let proxy = Proxy::new(github(replay()));
    for (is_upstreams, forgot) in [(true, false), (false, true)] {
        let sent = Sent::github("/github", SECRET, format!("{is_upstreams}"));
        let (mut way, _) = proxy.send(&sent);
        way.response(None, is_upstreams);
        way.ends();
        assert_eq!(proxy.forgot(&sent), forgot);
    }
}

fn path(call: &Call) -> String {
    let path = call.headers.iter().find(|(name, _)| name == ":path").map(|(_, value)| value.clone());
    String::from_utf8(path.unwrap_or_default()).expect("a path is text")
}

#[test]
fn a_claim_that_is_given_back_is_deleted_from_the_store() {
    let rule = with(replay(), "store", json!({ "kind": "rest", "cluster": "events" }));
    for (rule, keeps) in [
        (rule.clone(), (|status| (200..300).contains(&status)) as fn(u16) -> bool),
        (with(rule, "keep_on", json!(["2xx", "410"])), |status| matches!(status, 200..300 | 410)),
    ] {
        let proxy = Proxy::new(github(rule));
        for status in 100..600 {
            let sent = Sent::github("/github", SECRET, format!("{status}"));
            let (mut way, step) = proxy.send(&sent);
            let Step::Call(claim) = step else { panic!("{step:?}") };
            let claimed = path(&claim);
            let key = claimed.strip_prefix("/SET/").and_then(|rest| rest.split('/').next()).expect("a key");
            let step = way.exchange.on_call(Some(DONE), &proxy.context());
            assert!(matches!(step, Step::Continue(_)), "{step:?}");
            match way.response(Some(status), true) {
                Step::Call(call) => {
                    assert!(!keeps(status), "{status}");
                    assert_eq!(path(&call), format!("/DEL/{key}"));
                    let step =
                        way.exchange.on_call(Some(Response { status: 200, body: b"{\"result\":1}" }), &proxy.context());
                    assert!(matches!(step, Step::Continue(_)));
                }
                step => assert!(keeps(status), "{status}: {step:?}"),
            }
        }
    }
}

/// Two proofs in the headers alone: a token, and a signature over an id.
fn by_headers(mode: &str) -> [(Value, Sent); 2] {
    let jwt = json!({ "jwt": { "at": "header:Authorization", "prefix": "Bearer", "algorithms": ["HS256"] },
        "event_id": { "claim": "jti" } });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#),
        URL_SAFE_NO_PAD.encode(json!({ "jti": "evt-1", "exp": NOW + 3600 }).to_string())
    );
    let tag = URL_SAFE_NO_PAD.encode(hmac_sha256(SECRET.as_bytes(), signed.as_bytes()));
    let token = Sent::post("/hook").header("Authorization", format!("Bearer {signed}.{tag}"));

    let header = json!({ "signature": { "header": "X-Sig", "encoding": "hex" }, "algorithm": "hmac-sha256",
        "signed": "{header:X-Id}.{timestamp}", "timestamp": { "header": "X-Time", "unit": "s", "tolerance": "5m" },
        "event_id": { "header": "X-Id" } });
    let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), format!("id-1.{NOW}").as_bytes()));
    let id = Sent::post("/hook").header("X-Id", "id-1").header("X-Time", NOW.to_string()).header("X-Sig", tag);
    [(jwt, token), (header, id)].map(|(scheme, sent)| {
        let check = json!({ "scheme": scheme, "secrets": support::literal(&[SECRET]) });
        let source = with(source("hook", "/hook", check), "replay", replay());
        (with(source, "mode", json!(mode)), sent.body(EVENT))
    })
}

fn with_length(sent: &Sent, length: impl std::fmt::Display) -> Sent {
    sent.clone().header("content-length", length.to_string())
}

/// An upstream does not wait for the end of the stream once it has the declared length.
#[test]
fn a_request_forwarded_up_to_its_declared_length_keeps_its_claim_without_its_end() {
    for hold in ["filter", "chain"] {
        for (source, sent) in by_headers("enforce") {
            let config = with(sources(&[source]), "body_hold", json!(hold));
            for pieces in [vec![EVENT.len()], vec![1, EVENT.len() - 1], vec![3, 0, EVENT.len() - 3, 0]] {
                let proxy = Proxy::of(&config);
                let declared = with_length(&sent, EVENT.len());
                let mut way = proxy.request();
                assert!(matches!(way.headers(&declared, false), Step::Continue(_)));
                let mut rest = EVENT;
                for length in pieces {
                    let (piece, behind) = rest.split_at(length);
                    rest = behind;
                    assert!(matches!(way.body(piece, false), Step::Continue(_)));
                }
                way.ends();
                assert!(!proxy.forgot(&sent), "{hold}: the upstream received all of it");
            }
        }
    }
}

#[test]
fn a_request_that_the_upstream_cannot_have_received_completely_leaves_no_claim() {
    for (source, sent) in by_headers("enforce") {
        let proxy = Proxy::new(source);
        // One byte less than declared, no byte at all, and no length: only the end would show that it is complete.
        let less = EVENT.len() - 1;
        for (sent, bytes) in [
            (with_length(&sent, EVENT.len()), &EVENT[..less]),
            (with_length(&sent, EVENT.len()), &[][..]),
            (sent.clone(), EVENT),
        ] {
            let mut way = proxy.request();
            assert!(matches!(way.headers(&sent, false), Step::Continue(_)));
            assert!(matches!(way.body(bytes, false), Step::Continue(_)));
            way.ends();
            assert!(proxy.forgot(&sent), "{} bytes of {sent:?}", bytes.len());
        }
    }
}

#[test]
fn a_request_without_a_body_is_complete_once_its_head_is_forwarded() {
    for (source, sent) in by_headers("enforce") {
        for sent in [with_length(&sent, 0), sent.clone().header("upgrade", "websocket")] {
            let proxy = Proxy::new(source.clone());
            let mut way = proxy.request();
            assert!(matches!(way.headers(&sent, false), Step::Continue(_)));
            way.ends();
            assert!(!proxy.forgot(&sent), "{sent:?}");
        }
    }
}

#[test]
fn trailers_end_a_request() {
    for (source, sent) in by_headers("enforce") {
        let proxy = Proxy::new(source);
        let mut way = proxy.request();
        way.headers(&sent, false);
        way.body(EVENT, false);
        let step = way.exchange.on_trailers(&Buffer { bytes: &[], len: usize::MAX }, &proxy.context());
        assert!(matches!(step, Step::Continue(_)));
        way.ends();
        assert!(!proxy.forgot(&sent));
    }
}

/// During a store call the host holds the body in one growing buffer.
#[test]
fn a_body_held_during_a_store_call_counts_once_it_is_forwarded() {
    for (source, sent) in by_headers("enforce") {
        let mut source = source;
        source["replay"]["store"] = json!({ "kind": "rest", "cluster": "events" });
        let declared = with_length(&sent, EVENT.len());
        for (held, answered, more, forgot) in [
            (EVENT.len(), true, 0, false),
            (EVENT.len() - 2, true, 2, false),
            (EVENT.len() - 2, true, 1, true),
            // Nothing was forwarded.
            (EVENT.len(), false, 0, true),
        ] {
            let proxy = Proxy::new(source.clone());
            let mut way = proxy.request();
            let step = way.headers(&declared, false);
            assert!(matches!(step, Step::Call(_)), "{step:?}");
            assert_eq!(way.body(&EVENT[..1], false), Step::Hold);
            assert_eq!(way.body(&EVENT[..held], false), Step::Hold);
            if answered {
                let step = way.exchange.on_call(Some(DONE), &proxy.context());
                assert!(matches!(step, Step::Continue(_)), "{step:?}");
                assert!(matches!(way.body(&EVENT[held..held + more], false), Step::Continue(_)));
            }
            way.ends();
            let (_, step) = proxy.send(&sent);
            let is_asked_again = matches!(step, Step::Call(_));
            assert_eq!(is_asked_again, forgot, "{held} held, {more} more: {step:?}");
        }
    }
}

#[test]
fn an_observing_source_keeps_the_claim_of_a_request_that_the_upstream_received() {
    let body_signed = with(github(replay()), "mode", json!("observe"));
    let github = Sent::github("/github", SECRET, EVENT);
    let observed = by_headers("observe").into_iter().chain([(body_signed, github)]);
    for (source, sent) in observed {
        let mut source = source;
        source["replay"]["store"] = json!({ "kind": "rest", "cluster": "events", "unavailable": "local" });
        let declared = with_length(&sent, EVENT.len());
        let proxy = Proxy::new(source);
        let mut way = proxy.request();
        let mut step = way.headers(&declared, false);
        if matches!(step, Step::Continue(_)) {
            // The body is signed: it is forwarded, and at its end the store is called.
            assert!(matches!(way.body(EVENT, false), Step::Continue(_)));
            step = way.body(&[], true);
            assert!(matches!(step, Step::Call(_)), "{step:?}");
            // The sender disconnects during the store call, and the upstream has every byte.
            way.ends();
        } else {
            assert!(matches!(step, Step::Call(_)), "{step:?}");
            let step = way.exchange.on_call(Some(DONE), &proxy.context());
            assert!(matches!(step, Step::Continue(_)), "{step:?}");
            assert!(matches!(way.body(EVENT, false), Step::Continue(_)));
            way.ends();
        }
        let mut again = proxy.request();
        let records = [again.headers(&declared, false), again.body(EVENT, true)].map(|step| match step {
            Step::Continue(passage) => passage.into_parts().1,
            other => panic!("this proxy remembers the event and needs no store call: {other:?}"),
        });
        let denials: Vec<_> = records.iter().flatten().map(|record| record.denial()).collect();
        assert_eq!(denials, [Some(Denial::Duplicate)]);
    }
}

/// An observing source forwards a request during the store call, so the upstream can answer first.
#[test]
fn a_response_that_arrives_before_the_stores_answer_waits_for_it() {
    let rule = with(replay(), "store", json!({ "kind": "rest", "cluster": "events" }));
    let proxy = Proxy::new(with(github(rule), "mode", json!("observe")));
    for (status, is_kept) in [(Some(200), true), (Some(503), false), (None, true)] {
        let sent = Sent::github("/github", SECRET, format!("{status:?}"));
        let (mut way, step) = proxy.send(&sent);
        assert!(matches!(step, Step::Call(_)), "{step:?}");
        assert_eq!(way.exchange.pending(), Some(Pending::Request));
        assert!(!way.exchange.holds_response(), "no response has arrived yet");
        assert_eq!(way.response(status, true), Step::Hold);
        assert!(way.exchange.holds_response());
        let step = way.exchange.on_call(Some(DONE), &proxy.context());
        assert!(matches!(step, Step::Continue(_)), "{step:?}");
        let step = way.exchange.on_held_response(&proxy.context()).expect("it was held");
        assert_eq!(matches!(step, Step::Continue(_)), is_kept, "{status:?}: {step:?}");
        assert_eq!(way.exchange.pending(), if is_kept { None } else { Some(Pending::Response) });
        assert_eq!(way.exchange.holds_response(), !is_kept, "the claim is being given back");
        assert_eq!(way.exchange.on_held_response(&proxy.context()), None, "it is decided only once");
    }
}

#[test]
fn a_local_reply_during_a_store_call_ends_the_request_and_is_not_held() {
    let rule = with(replay(), "store", json!({ "kind": "rest", "cluster": "events" }));
    let proxy = Proxy::new(github(rule));
    let sent = Sent::github("/github", SECRET, "body");
    let (mut way, step) = proxy.send(&sent);
    assert!(matches!(step, Step::Call(_)), "{step:?}");
    assert!(matches!(way.response(Some(504), false), Step::Continue(_)));
    assert!(!way.exchange.holds_response());
    assert_eq!(way.exchange.pending(), None);
    let late = way.exchange.on_call(Some(DONE), &proxy.context());
    assert_eq!(late, Step::Hold, "the caller's answer is final");
    let (_, step) = proxy.send(&sent);
    assert!(matches!(step, Step::Call(_)), "the event can be retried: {step:?}");
}

/// The host cannot remove a forged header, set ours, or resume the request.
#[test]
fn a_request_that_the_host_fails_to_edit_is_not_forwarded_and_its_event_can_be_retried() {
    for mode in ["enforce", "observe"] {
        for (source, sent) in by_headers(mode) {
            let proxy = Proxy::new(source);
            let declared = with_length(&sent, 0);
            let mut way = proxy.request();
            assert!(matches!(way.headers(&declared, false), Step::Continue(_)));
            let Step::Deny(record) = way.exchange.on_refusal(true, &proxy.context()) else { panic!("it is forwarded") };
            assert_eq!(record.outcome, Outcome::Denied(Denial::HostFailure));
            assert!(support::name(&way.exchange).is_some());
            assert_eq!(way.body(EVENT, true), Step::Hold);
            assert_eq!(way.exchange.on_refusal(true, &proxy.context()), Step::Hold, "one verdict");
            way.ends();
            let mut again = proxy.request();
            let Step::Continue(passage) = again.headers(&declared, true) else { panic!("it is lost") };
            assert_eq!(passage.into_parts().1.map(|record| record.outcome), Some(Outcome::Passed));
        }
    }
}

#[test]
fn trailers_that_the_host_fails_to_clear_are_never_forwarded() {
    let github_source = |mode: &str| with(github(replay()), "mode", json!(mode));
    for mode in ["enforce", "observe"] {
        for hold in ["filter", "chain"] {
            let config = with(sources(&[github_source(mode)]), "body_hold", json!(hold));
            let proxy = Proxy::of(&with(config, "unmatched", json!("allow")));
            for sent in [Sent::github("/github", SECRET, EVENT), Sent::post("/elsewhere").body(EVENT)] {
                let mut way = proxy.request();
                way.headers(&sent, false);
                way.body(EVENT, false);
                let step = way.exchange.on_refusal(false, &proxy.context());
                assert!(matches!(step, Step::Deny(_)), "{mode}, {hold}: {step:?}");
                let step = way.exchange.on_trailers(&Buffer { bytes: EVENT, len: EVENT.len() }, &proxy.context());
                assert_eq!(step, Step::Hold);
            }
        }
    }
    // A request that the upstream may have received completely keeps its claim; any other gives it back.
    for (source, sent) in by_headers("enforce") {
        for (sent, forgot) in [(with_length(&sent, EVENT.len()), false), (sent.clone(), true)] {
            let proxy = Proxy::new(source.clone());
            let mut way = proxy.request();
            way.headers(&sent, false);
            way.body(EVENT, false);
            assert!(matches!(way.exchange.on_refusal(false, &proxy.context()), Step::Deny(_)));
            way.ends();
            assert_eq!(proxy.forgot(&sent), forgot);
        }
    }
}

/// A source with a store, and its own memory for `entries` events.
fn stored(entries: u32, unavailable: &str) -> Value {
    let store = json!({ "kind": "rest", "cluster": "events", "unavailable": unavailable });
    github(with(with(replay(), "entries", json!(entries)), "store", store))
}

#[test]
fn a_claim_whose_deletion_the_store_does_not_confirm_is_counted_as_stuck() {
    let proxy = Proxy::new(stored(10, "refuse"));
    let answers = [
        (Some((200, r#"{"result":1}"#)), 0),
        // It had already expired.
        (Some((200, r#"{"result":0}"#)), 0),
        (Some((500, r#"{"result":1}"#)), 1),
        (Some((200, r#"{"result":"OK"}"#)), 1),
        (None, 1),
    ];
    for (number, (answer, stuck)) in answers.into_iter().enumerate() {
        let (mut way, step) = proxy.send(&Sent::github("/github", SECRET, number.to_string()));
        assert!(matches!(step, Step::Call(_)), "{step:?}");
        assert_eq!(way.exchange.pending(), Some(Pending::Request));
        let step = way.exchange.on_call(Some(DONE), &proxy.context());
        assert!(matches!(step, Step::Continue(_)), "{step:?}");
        assert_eq!(way.exchange.pending(), None);
        way.exchange.take_tally();
        let step = way.response(Some(500), true);
        assert!(matches!(step, Step::Call(_)), "{step:?}");
        assert!(way.exchange.awaits_end(), "the answer may still arrive");
        let given_back = Tally { remembered: -1, given_back: 1, ..Tally::default() };
        assert_eq!(way.exchange.take_tally(), Some(given_back));
        let given = answer.map(|(status, body): (u16, &str)| Response { status, body: body.as_bytes() });
        let step = way.exchange.on_call(given, &proxy.context());
        assert!(matches!(step, Step::Continue(_)), "{step:?}");
        let tally = way.exchange.take_tally().map_or(0, |tally| tally.stuck);
        assert_eq!(tally, stuck, "{answer:?}");
        way.exchange.on_end(&proxy.context());
        assert_eq!(way.exchange.take_tally(), None, "{answer:?}");
    }
}

#[test]
fn a_claim_whose_deletion_is_never_answered_is_counted_as_stuck() {
    let proxy = Proxy::new(stored(10, "refuse"));
    let (mut way, _) = proxy.send(&Sent::github("/github", SECRET, "one"));
    way.exchange.on_call(Some(DONE), &proxy.context());
    assert!(matches!(way.response(Some(500), true), Step::Call(_)));
    way.exchange.take_tally();
    way.exchange.on_end(&proxy.context());
    assert_eq!(way.exchange.take_tally().map(|tally| tally.stuck), Some(1));
}

#[test]
fn an_event_is_refused_if_the_memory_is_full_unless_there_is_a_store() {
    let denial = |step: Step| match step {
        Step::Deny(record) => record.denial(),
        Step::Continue(_) => None,
        other => panic!("{other:?}"),
    };
    let alone = Proxy::new(github(with(replay(), "entries", json!(1))));
    assert_eq!(denial(alone.send(&Sent::github("/github", SECRET, "one")).1), None);
    assert_eq!(denial(alone.send(&Sent::github("/github", SECRET, "two")).1), Some(Denial::ReplayFull));

    // If the store does not answer, the event is refused, unless the source falls back to its own memory.
    for (unavailable, expected) in [("refuse", Some(Denial::ReplayUnavailable)), ("local", None)] {
        let proxy = Proxy::new(stored(1, unavailable));
        for (body, answer, expected) in
            [("one", Some(DONE), None), ("two", Some(DONE), None), ("three", None, expected)]
        {
            let (mut way, step) = proxy.send(&Sent::github("/github", SECRET, body));
            assert!(matches!(step, Step::Call(_)), "{body}: {step:?}");
            let step = way.exchange.on_call(answer, &proxy.context());
            assert_eq!(denial(step), expected, "{body} if a store is {unavailable}");
            let failures = way.exchange.take_tally().map_or(0, |tally| tally.store_failures);
            assert_eq!(failures, u64::from(answer.is_none()), "{body} if a store is {unavailable}");
        }
    }
}

#[test]
fn a_request_that_ends_with_its_head_is_complete_once_the_head_is_forwarded() {
    for (source, sent) in by_headers("enforce") {
        let proxy = Proxy::new(source);
        let mut way = proxy.request();
        assert!(matches!(way.headers(&sent, true), Step::Continue(_)));
        way.ends();
        assert!(!proxy.forgot(&sent), "{sent:?}");
    }
}

#[test]
fn a_match_is_counted_whatever_becomes_of_the_request_afterwards() {
    let limited = with(github(replay()), "rate_limit", json!({ "requests": 1, "per": "1h" }));
    let full = github(with(replay(), "entries", json!(1)));
    let (one, two) = (Sent::github("/github", SECRET, "1"), Sent::github("/github", SECRET, "2"));
    for (source, sent, denial) in [
        (github(replay()), &one, Denial::Duplicate),
        (full, &two, Denial::ReplayFull),
        (limited, &two, Denial::RateLimited),
    ] {
        let proxy = Proxy::new(source);
        let (_way, step) = proxy.send(&one);
        assert!(matches!(step, Step::Continue(_)), "{step:?}");
        let (_again, step) = proxy.send(sent);
        let Step::Deny(record) = step else { panic!("{step:?}") };
        assert_eq!(record.denial(), Some(denial));
        let ids: Vec<_> = record.matches.iter().map(|found| found.secret_id()).collect();
        assert_eq!(ids, ["1"], "{denial}");
    }
    let (_way, step) = Proxy::new(github(replay())).send(&Sent::github("/github", "another secret", "1"));
    let Step::Deny(record) = step else { panic!("{step:?}") };
    assert_eq!(record.matches, []);
}

#[test]
fn an_observed_duplicate_is_forwarded_without_forged_headers() {
    for (source, sent) in by_headers("observe") {
        let proxy = Proxy::new(source);
        let sent = sent.header("x-hookwarden-source", "forged");
        for outcome in [Outcome::Passed, Outcome::Observed(Denial::Duplicate)] {
            let mut way = proxy.request();
            let Step::Continue(passage) = way.headers(&sent, true) else { panic!("an observing source forwards") };
            assert!(way.exchange.only_observes());
            let (edits, record) = passage.into_parts();
            let record = record.expect("it is reported");
            assert_eq!(record.outcome, outcome);
            assert_eq!(record.matches.len(), 1, "a duplicate was verified, too");
            assert_eq!(edits.remove, ["x-hookwarden-source"], "{outcome:?}");
            way.ends();
        }
    }
    for (source, sent) in by_headers("enforce") {
        let proxy = Proxy::new(source);
        let mut way = proxy.request();
        assert!(!way.exchange.only_observes(), "there is no source yet");
        way.headers(&sent, true);
        assert!(!way.exchange.only_observes());
    }
}

#[test]
fn an_event_is_identified_by_an_unsigned_header_if_the_source_trusts_it() {
    let rule = with(with(replay(), "id", json!("header:X-Event-Id")), "insecure_unsigned_id", json!(true));
    let proxy = Proxy::new(github(rule));
    for (ids, body, expected) in [
        (&["evt-1"][..], "one", None),
        (&["evt-1"], "another", Some(Denial::Duplicate)),
        (&["evt-2"], "one", None),
        (&[], "one", Some(Denial::EventIdMissing)),
        (&[""], "one", Some(Denial::EventIdMissing)),
        (&["evt-3", "evt-4"], "one", Some(Denial::EventIdMissing)),
        (&["evt-3"], "one", None),
    ] {
        let sent = Sent::github("/github", SECRET, body);
        let sent = ids.iter().fold(sent, |sent, id| sent.header("x-event-id", id));
        let denial = match proxy.send(&sent).1 {
            Step::Deny(record) => record.denial(),
            Step::Continue(_) => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(denial, expected, "{ids:?} {body}");
    }
}

#[test]
fn a_claim_is_given_back_to_the_source_that_made_it() {
    let other = source("other", "/other", support::provider("github", &[SECRET]));
    let proxy = Proxy::of(&sources(&[other, github(replay())]));
    let sent = Sent::github("/github", SECRET, "one");
    let (mut way, step) = proxy.send(&sent);
    assert!(matches!(step, Step::Continue(_)), "{step:?}");
    way.response(Some(500), true);
    way.ends();
    assert!(proxy.forgot(&sent), "the upstream did not take it");
    let (mut way, _) = proxy.send(&sent);
    way.response(Some(200), true);
    way.ends();
    assert!(!proxy.forgot(&sent), "the upstream took it");
}

/// A host need not say when a request is over if nothing depends on it.
#[test]
fn the_end_of_a_request_matters_where_some_of_it_was_hashed_or_its_claim_is_open() {
    let sent = Sent::github("/github", SECRET, EVENT);
    let proxy = Proxy::new(github(replay()));
    let mut way = proxy.request();
    assert!(!way.exchange.awaits_end(), "nothing came yet");
    way.headers(&sent, false);
    assert!(!way.exchange.awaits_end(), "nothing is hashed yet");
    way.body(&EVENT[..4], false);
    assert!(way.exchange.awaits_end(), "some is hashed");
    way.body(EVENT, true);
    assert!(way.exchange.awaits_end(), "the event is claimed");
    way.response(Some(200), true);
    assert!(!way.exchange.awaits_end(), "the claim stays");
    let (way, step) = proxy.send(&sent);
    assert!(matches!(step, Step::Deny(_)) && !way.exchange.awaits_end(), "it is refused");

    let proxy = Proxy::new(stored(10, "refuse"));
    let (mut way, _) = proxy.send(&sent);
    assert!(way.exchange.awaits_end(), "the store is asked");
    way.exchange.on_call(Some(DONE), &proxy.context());
    way.response(Some(500), true);
    assert!(way.exchange.awaits_end(), "the claim is on its way back");
    way.exchange.on_call(Some(Response { status: 200, body: b"{\"result\":1}" }), &proxy.context());
    assert!(!way.exchange.awaits_end(), "it is back");
}
