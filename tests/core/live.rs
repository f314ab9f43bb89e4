//! Documents that are fetched while the filter runs: who fetches, when, and what a bad answer changes.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use hookwarden::guard::call::Response;
use hookwarden::live::document::Document;
use hookwarden::live::fetcher::{Early, Failure, Fetcher, Notice, Outcome};
use hookwarden::live::place::{Differs, Place, Places, Taken, User};
use hookwarden::verify::primitives::timestamp::UnixTime;

use crate::guards::memory::Shared;

const START: u64 = 1_800_000_000_000;
const SECRET: &[u8] = b"the-secret-of-the-document";

fn place() -> Place {
    Place {
        cluster: "vault".to_owned(),
        authority: "vault.example".to_owned(),
        path: "/v1/secret/data/github".to_owned(),
        taken: Taken::Body,
        headers: vec![("x-vault-request".to_owned(), "true".to_owned())],
        timeout: Duration::from_secs(5),
        refresh: Duration::from_secs(300),
        max_age: Duration::from_secs(3600),
        max_bytes: 64,
    }
}

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_millis(START + seconds * 1000)
}

fn open(memory: &Shared) -> Fetcher {
    Fetcher::open(Rc::new(place()), memory).expect("memory is there")
}

fn answer(fetcher: &mut Fetcher, memory: &Shared, status: u16, body: &[u8]) -> Outcome {
    fetcher.on_answer(Some(Response { status, body }), &|body| !body.starts_with(b"useless"), memory)
}

/// Fetches a document at this time.
fn fetch(fetcher: &mut Fetcher, memory: &Shared, now: UnixTime, body: &[u8]) {
    assert!(fetcher.on_tick(now, memory).is_some(), "no call");
    assert_eq!(answer(fetcher, memory, 200, body), Outcome::Fetched);
}

fn body(fetcher: &Fetcher, now: UnixTime) -> Option<Vec<u8>> {
    fetcher.current(now).map(|document| document.body.to_vec())
}

/// The first second, from `from` on, at which the fetcher makes a call.
fn next_call(fetcher: &mut Fetcher, memory: &Shared, from: u64) -> u64 {
    (from..from + 10_000).find(|second| fetcher.on_tick(at(*second), memory).is_some()).expect("a call")
}

#[test]
fn the_call_asks_for_the_document_and_shows_no_header_values() {
    let memory = Shared::default();
    let call = open(&memory).on_tick(at(0), &memory).expect("a call");
    assert_eq!((call.cluster.as_str(), call.timeout), ("vault", Duration::from_secs(5)));
    let expected: [(&str, &str); 4] = [
        (":method", "GET"),
        (":path", "/v1/secret/data/github"),
        (":authority", "vault.example"),
        ("x-vault-request", "true"),
    ];
    let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into();
    assert_eq!(call.headers, expected);
    assert!(!format!("{call:?}").contains("github"));
}

#[test]
fn there_is_no_document_before_the_first_answer() {
    let memory = Shared::default();
    let mut fetcher = open(&memory);
    assert_eq!(body(&fetcher, at(0)), None);
    assert!(fetcher.on_tick(at(0), &memory).is_some());
    assert_eq!(body(&fetcher, at(0)), None);
    assert_eq!(answer(&mut fetcher, &memory, 200, SECRET), Outcome::Fetched);
    assert_eq!(body(&fetcher, at(1)).as_deref(), Some(SECRET));
}

#[test]
fn one_worker_fetches_for_all() {
    let memory = Shared::default();
    let mut workers: Vec<_> = std::iter::repeat_with(|| open(&memory)).take(8).collect();
    let calls = workers.iter_mut().filter_map(|worker| worker.on_tick(at(0), &memory)).count();
    assert_eq!(calls, 1);
    assert_eq!(answer(&mut workers[0], &memory, 200, SECRET), Outcome::Fetched);
    for worker in &mut workers {
        assert!(worker.on_tick(at(1), &memory).is_none());
        assert_eq!(body(worker, at(1)).as_deref(), Some(SECRET));
    }
}

#[test]
fn of_workers_that_tick_at_once_one_fetches() {
    for _ in 0..20 {
        let memory = Shared::default();
        let calls: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| usize::from(open(&memory).on_tick(at(0), &memory).is_some()))).collect();
            threads.into_iter().map(|thread| thread.join().expect("it ends")).sum()
        });
        assert_eq!(calls, 1);
    }
}

#[test]
fn another_worker_takes_over_from_one_that_died() {
    let memory = Shared::default();
    let (mut dying, mut other) = (open(&memory), open(&memory));
    assert!(dying.on_tick(at(0), &memory).is_some());
    for second in 0..6 {
        assert!(other.on_tick(at(second), &memory).is_none(), "the lease lasts, second {second}");
    }
    fetch(&mut other, &memory, at(7), b"the new one");
    assert_eq!(answer(&mut dying, &memory, 200, b"the late one"), Outcome::Dropped);
    assert_eq!(body(&dying, at(8)).as_deref(), Some(&b"the new one"[..]));
}

#[test]
fn a_late_answer_does_not_disturb_the_attempt_that_took_over() {
    let memory = Shared::default();
    let (mut late, mut other) = (open(&memory), open(&memory));
    assert!(late.on_tick(at(0), &memory).is_some());
    assert!(other.on_tick(at(7), &memory).is_some());
    assert_eq!(answer(&mut late, &memory, 500, b""), Outcome::Dropped);
    assert_eq!(answer(&mut other, &memory, 200, SECRET), Outcome::Fetched);
    assert_eq!(body(&other, at(8)).as_deref(), Some(SECRET));
    assert_eq!(answer(&mut other, &memory, 200, b"unasked"), Outcome::Dropped);
}

#[test]
fn a_document_is_fetched_again_a_little_before_its_interval_is_over() {
    let memory = Shared::default();
    let mut fetcher = open(&memory);
    fetch(&mut fetcher, &memory, at(0), SECRET);
    let second = next_call(&mut fetcher, &memory, 1);
    assert!((270..=300).contains(&second), "{second}");
}

#[test]
fn the_proxies_of_a_fleet_do_not_fetch_at_the_same_time() {
    let seconds = (0..50).map(|start| {
        let memory = Shared::default();
        let mut fetcher = open(&memory);
        let now = UnixTime::from_millis(START + start);
        fetch(&mut fetcher, &memory, now, SECRET);
        next_call(&mut fetcher, &memory, 1)
    });
    let seconds: std::collections::BTreeSet<_> = seconds.collect();
    assert!(seconds.len() > 15, "{seconds:?}");
}

/// An answer, and why it is bad.
type Case<'a> = (Option<(u16, &'a [u8])>, Failure);

#[test]
fn every_bad_answer_leaves_the_last_good_document() {
    let long = [b'x'; 65];
    let cases: [Case<'_>; 10] = [
        (None, Failure::NoAnswer),
        (Some((504, b"timeout")), Failure::Status(504)),
        (Some((204, b"")), Failure::Status(204)),
        (Some((301, b"moved")), Failure::Status(301)),
        (Some((302, SECRET)), Failure::Status(302)),
        (Some((403, b"no")), Failure::Status(403)),
        (Some((503, b"sealed")), Failure::Status(503)),
        (Some((200, b"")), Failure::Empty),
        (Some((200, &long)), Failure::TooLarge),
        (Some((200, b"useless")), Failure::Unusable),
    ];
    for (response, failure) in cases {
        let memory = Shared::default();
        let mut fetcher = open(&memory);
        fetch(&mut fetcher, &memory, at(0), SECRET);
        let second = next_call(&mut fetcher, &memory, 1);
        let response = response.map(|(status, body)| Response { status, body });
        let outcome = fetcher.on_answer(response, &|body| body != b"useless", &memory);
        assert_eq!(outcome, Outcome::Failed(failure));
        assert_eq!(body(&fetcher, at(second)).as_deref(), Some(SECRET), "{failure:?}");
        assert_eq!(body(&open(&memory), at(second)).as_deref(), Some(SECRET), "{failure:?}");
    }
}

#[test]
fn a_body_of_the_longest_length_is_kept() {
    let memory = Shared::default();
    let mut fetcher = open(&memory);
    fetch(&mut fetcher, &memory, at(0), &[b'x'; 64]);
}

#[test]
fn an_outage_is_borne_up_to_the_greatest_age_and_no_longer() {
    let memory = Shared::default();
    let (mut fetcher, mut other) = (open(&memory), open(&memory));
    fetch(&mut fetcher, &memory, at(0), SECRET);
    let mut calls = 0;
    for second in 1..=3600 {
        if fetcher.on_tick(at(second), &memory).is_some() {
            calls += 1;
            answer(&mut fetcher, &memory, 503, b"sealed");
        }
        other.on_tick(at(second), &memory);
        assert_eq!(body(&fetcher, at(second)).as_deref(), Some(SECRET), "second {second}");
        assert_eq!(body(&other, at(second)).as_deref(), Some(SECRET), "second {second}");
    }
    assert!((50..100).contains(&calls), "{calls} calls in an hour, about one a minute");
    for fetcher in [&mut fetcher, &mut other] {
        assert_eq!(body(fetcher, at(3601)), None);
        fetcher.on_tick(at(3601), &memory);
        assert_eq!(body(fetcher, at(3601)), None);
    }
    let holds_it = |(_, value): &(String, Vec<u8>)| value.windows(SECRET.len()).any(|bytes| bytes == SECRET);
    assert!(!memory.dump().iter().any(holds_it), "an expired document stays in memory");
}

#[test]
fn pauses_between_failures_grow_up_to_a_minute() {
    let memory = Shared::default();
    let mut fetcher = open(&memory);
    let mut pauses = Vec::new();
    let mut last = 0;
    for _ in 0..10 {
        let second = next_call(&mut fetcher, &memory, last);
        answer(&mut fetcher, &memory, 500, b"");
        pauses.push(second - last);
        last = second;
    }
    let longest = [0, 1, 2, 4, 8, 16, 32, 60, 60, 60];
    for (pause, longest) in pauses.iter().zip(longest) {
        assert!(*pause <= longest && *pause * 4 >= longest * 3, "{pauses:?}");
    }
    fetch(&mut fetcher, &memory, at(last + 60), SECRET);
    let next = next_call(&mut fetcher, &memory, last + 61);
    assert!(next >= last + 60 + 270, "after a success the interval counts");
}

#[test]
fn a_pause_is_never_longer_than_the_interval() {
    let memory = Shared::default();
    let place = Rc::new(Place { refresh: Duration::from_secs(5), ..place() });
    let mut fetcher = Fetcher::open(place, &memory).expect("memory is there");
    let mut last = 0;
    for _ in 0..10 {
        let second = next_call(&mut fetcher, &memory, last);
        assert!(second - last <= 5);
        answer(&mut fetcher, &memory, 500, b"");
        last = second;
    }
}

#[test]
fn early_fetches_are_at_most_one_a_minute_for_all_workers() {
    let memory = Shared::default();
    let mut workers: Vec<_> = std::iter::repeat_with(|| open(&memory)).take(4).collect();
    fetch(&mut workers[0], &memory, at(0), SECRET);
    let mut calls = Vec::new();
    for second in 1..=130 {
        for worker in &mut workers {
            for _ in 0..100 {
                worker.ask_early(at(second), &memory);
            }
            if worker.on_tick(at(second), &memory).is_some() {
                calls.push(second);
                assert_eq!(answer(worker, &memory, 200, SECRET), Outcome::Fetched);
            }
        }
    }
    assert_eq!(calls, [1, 61, 121]);
}

#[test]
fn who_asks_early_learns_whether_to_wait() {
    let memory = Shared::default();
    let (mut one, mut other) = (open(&memory), open(&memory));
    assert_eq!(one.ask_early(at(0), &memory), Early::Coming, "the first fetch is still to come");
    fetch(&mut one, &memory, at(0), SECRET);
    assert_eq!(one.ask_early(at(1), &memory), Early::Coming);
    assert_eq!(other.ask_early(at(1), &memory), Early::Coming, "the same one");
    assert!(other.is_early_coming(at(1), &memory));
    assert!(other.on_tick(at(1), &memory).is_some());
    assert_eq!(one.ask_early(at(1), &memory), Early::Coming, "it is under way");
    assert_eq!(answer(&mut other, &memory, 200, b"another one"), Outcome::Fetched);
    assert!(!one.is_early_coming(at(2), &memory));
    assert_eq!(body(&one, at(2)).as_deref(), Some(&b"another one"[..]));
    assert_eq!(one.ask_early(at(2), &memory), Early::TooSoon);
    assert_eq!(one.ask_early(at(60), &memory), Early::TooSoon);
    assert_eq!(one.ask_early(at(61), &memory), Early::Coming);
}

#[test]
fn asking_early_does_not_shorten_the_pause_after_a_failure() {
    let memory = Shared::default();
    let mut fetcher = open(&memory);
    fetch(&mut fetcher, &memory, at(0), SECRET);
    for failures in 1..10 {
        let second = next_call(&mut fetcher, &memory, 300 * failures);
        answer(&mut fetcher, &memory, 500, b"");
        assert_eq!(fetcher.ask_early(at(second), &memory), Early::TooSoon);
    }
}

#[test]
fn a_version_changes_with_the_body_and_only_with_it() {
    let memory = Shared::default();
    let (mut one, mut other) = (open(&memory), open(&memory));
    let version = |fetcher: &Fetcher, second| fetcher.current(at(second)).map(|document| document.version);
    fetch(&mut one, &memory, at(0), SECRET);
    let first = version(&one, 0);
    fetch(&mut one, &memory, at(301), SECRET);
    assert_eq!(version(&one, 301), first);
    assert_eq!(one.age(at(311)), Some(Duration::from_secs(10)), "it was confirmed");
    other.on_tick(at(302), &memory);
    assert_eq!(other.age(at(311)), Some(Duration::from_secs(10)), "for every worker");
    fetch(&mut other, &memory, at(650), b"another");
    one.on_tick(at(651), &memory);
    assert_eq!(version(&one, 651), version(&other, 651));
    assert_ne!(version(&one, 651), first);
}

#[test]
fn a_new_configuration_starts_with_what_the_former_one_fetched() {
    let memory = Shared::default();
    fetch(&mut open(&memory), &memory, at(0), SECRET);
    let place = Rc::new(Place { refresh: Duration::from_secs(60), max_age: Duration::from_secs(120), ..place() });
    let mut fetcher = Fetcher::open(place, &memory).expect("memory is there");
    assert_eq!(body(&fetcher, at(1)).as_deref(), Some(SECRET));
    assert_eq!(body(&fetcher, at(121)), None, "under its own conditions");
    assert!((54..=60).contains(&next_call(&mut fetcher, &memory, 1)));
    let elsewhere = Rc::new(Place { path: "/v1/secret/data/gitlab".to_owned(), ..self::place() });
    assert!(Fetcher::open(elsewhere, &memory).expect("memory is there").current(at(1)).is_none());
}

#[test]
fn it_is_reported_once_for_all_workers_that_there_is_no_document_and_that_there_is_one_again() {
    let memory = Shared::default();
    let mut workers: Vec<_> = std::iter::repeat_with(|| open(&memory)).take(4).collect();
    let notices = RefCell::new(Vec::new());
    let round = |workers: &mut Vec<Fetcher>, second: u64, status| {
        for worker in workers {
            if worker.on_tick(at(second), &memory).is_some() {
                answer(worker, &memory, status, SECRET);
            }
            notices.borrow_mut().extend(worker.notice(at(second), &memory));
        }
    };
    (0..200).for_each(|second| round(&mut workers, second, 500));
    assert_eq!(notices.take(), [Notice::Unavailable]);
    (200..1000).for_each(|second| round(&mut workers, second, 200));
    assert_eq!(notices.take(), [Notice::Available]);
    (1000..8000).for_each(|second| round(&mut workers, second, 403));
    assert_eq!(notices.take(), [Notice::Unavailable]);
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let memory = Shared::default();
    let mut fetcher = open(&memory);
    fetch(&mut fetcher, &memory, at(1_000_000), SECRET);
    fetch(&mut fetcher, &memory, at(10), b"another");
    assert_eq!(fetcher.ask_early(at(20), &memory), Early::Coming);
    assert!(fetcher.on_tick(at(1_000_000), &memory).is_some());
    assert!(fetcher.on_tick(at(30), &memory).is_some(), "a lease from the future");
}

#[test]
fn without_shared_memory_nothing_is_fetched_and_nothing_lasts() {
    let memory = Shared::default();
    let mut fetcher = open(&memory);
    fetch(&mut fetcher, &memory, at(0), SECRET);
    memory.refuse(true);
    assert!(fetcher.on_tick(at(400), &memory).is_none());
    assert_eq!(body(&fetcher, at(400)).as_deref(), Some(SECRET));
    fetcher.on_tick(at(3601), &memory);
    assert_eq!(body(&fetcher, at(3601)), None);
    assert_eq!(fetcher.ask_early(at(3601), &memory), Early::TooSoon);
    assert!(Fetcher::open(Rc::new(place()), &memory).is_err());
}

#[test]
fn foreign_bytes_in_shared_memory_are_no_knowledge() {
    for bytes in [&b"\x01"[..], b"\x02", &[0xff; 73], &[1; 74], &[1; 72]] {
        let memory = Shared::default();
        let keys: Vec<_> = {
            open(&memory);
            memory.dump().into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(keys.len(), 2);
        keys.iter().for_each(|key| memory.put(key, bytes));
        let mut fetcher = open(&memory);
        assert_eq!(body(&fetcher, at(0)), None);
        fetch(&mut fetcher, &memory, at(0), SECRET);
        assert_eq!(body(&open(&memory), at(0)).as_deref(), Some(SECRET));
    }
}

#[test]
fn places_with_the_same_document_share_a_number_or_are_refused() {
    let mut places = Places::default();
    let mut add = |place| places.add(place, User { source: "github".to_owned(), id: "1".to_owned() });
    assert_eq!(add(place()), Ok(0));
    assert_eq!(add(Place { path: "/other".to_owned(), ..place() }), Ok(1));
    assert_eq!(add(Place { taken: Taken::Header("x-secret".to_owned()), ..place() }), Ok(2));
    assert_eq!(add(place()), Ok(0));
    assert_eq!(add(Place { max_age: Duration::from_secs(7200), ..place() }), Err(Differs));
    assert_eq!(places.all().len(), 3);
}

#[test]
fn debug_shows_no_document() {
    let memory = Shared::default();
    let mut fetcher = open(&memory);
    fetch(&mut fetcher, &memory, at(0), SECRET);
    let document: Document = fetcher.current(at(0)).expect("it is there").clone();
    for text in [format!("{fetcher:?}"), format!("{document:?}")] {
        assert!(!text.contains("the-secret") && !text.contains("116, 104, 101"), "{text}");
    }
}
