//! Very many events through two workers, some of which fail; then all of them are sent again.
//!
//! `HOOKWARDEN_EVENTS` sets the number; the default of 100,000 takes half a minute on two processors.

use serde_json::json;

use crate::harness::Proxy;
use crate::harness::bootstrap::at;
use crate::harness::client::Request;
use crate::harness::listeners::manager;
use crate::harness::parallel;
use crate::harness::senders::{GITHUB, hmac_sha256};
use crate::harness::setups::{guarded, guards};
use crate::harness::upstream::BEHAVIOUR;

const EVENT: &str = "x-test-event";

#[test]
fn exactly_the_events_that_failed_pass_when_all_are_sent_again() {
    let count = std::env::var("HOOKWARDEN_EVENTS").map_or(100_000, |text| text.parse().expect("a number of events"));
    let replay = json!({"replay": {"window": "24h", "entries": count, "duplicate": 409}});
    let setup = guards([guarded("many", replay)]).workers(2).edit(|bootstrap, _| {
        let manager = manager(at(bootstrap, "/static_resources/listeners/0"));
        *at(manager, "/route_config/virtual_hosts/0/routes/0/route/timeout") = json!("1s");
        manager["access_log"] = json!([]);
    });
    let Some(proxy) = Proxy::start(&setup) else { return };
    proxy.upstream.count_by(EVENT);

    let planned = |number: usize| match number % 200 {
        0 => Some("503"),
        50 => Some("500"),
        100 => Some("reset"),
        // Each takes the upstream timeout.
        150 if number % 2000 == 150 => Some("silence"),
        _ => None,
    };
    let first = parallel::statuses(proxy.address, 8, count, |number| {
        let request = event(number);
        planned(number).map_or(request.clone(), |conduct| request.with(BEHAVIOUR, conduct)).wire()
    });
    // On a loaded machine, others may time out as well.
    let failed = |number: usize| first[number] >= 500;
    let failures = (0..count).filter(|number| failed(*number)).count();
    for (number, status) in first.iter().enumerate() {
        assert!(failed(number) || (*status == 200 && planned(number).is_none()), "{number}: {status}");
    }
    assert_eq!(proxy.metric("source.many.replay.given_back"), failures as u64);
    assert_eq!(proxy.metric("source.many.replay.remembered"), (count - failures) as u64);

    let order = parallel::shuffled(count);
    let second = parallel::statuses(proxy.address, 8, count, |position| event(order[position]).wire());
    for (number, status) in order.iter().zip(&second) {
        let expected = if failed(*number) { status == &200 || status >= &500 } else { status == &409 };
        assert!(expected, "{number}: {} at first, {status} again", first[*number]);
    }
    assert_eq!(proxy.metric("source.many.denials.duplicate"), (count - failures) as u64);
    assert_eq!(proxy.metric("source.many.denials.replay_full"), 0);
    let arrived = proxy.upstream.counts();
    assert_eq!(arrived.len(), count, "each arrived");
    for number in 0..count {
        let times = arrived[number.to_string().as_bytes()];
        assert!(if failed(number) { times <= 2 } else { times == 1 }, "{number} arrived {times} times");
    }
    proxy.assert_all_workers_served("webhooks");
}

/// As `senders::github`, which would register every tag as a secret.
fn event(number: usize) -> Request {
    let body = format!("{{\"event\":{number}}}");
    let tag = hmac_sha256(GITHUB.secret.as_bytes(), &[body.as_bytes()]);
    let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    Request::post("/hooks/many", body)
        .with("X-Hub-Signature-256", format!("sha256={tag}"))
        .with(EVENT, number.to_string())
}
