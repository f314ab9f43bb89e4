use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use hookwarden::guard::fleet::{Kind, Store, WhenUnavailable};
use hookwarden::guard::keep_on::KeepOn;
use hookwarden::guard::replay::{Change, Claim, EventKey, OnDuplicate, Refused, Replay, ReplayRule, WhenFull};
use hookwarden::verify::Identity;

use super::memory::Shared;
use super::{Dice, after};

const WINDOW: u64 = 60_000;
const PREFIX: &str = "hookwarden.replay.s";

fn rule(entries: u32, when_full: WhenFull) -> ReplayRule {
    ReplayRule {
        window: Duration::from_millis(WINDOW),
        entries,
        when_full,
        duplicate: OnDuplicate::Answer(200),
        keep_on: KeepOn::default(),
        unsigned_id: None,
        store: None,
    }
}

fn open(memory: &Shared, entries: u32) -> Replay {
    Replay::open(memory, "s", &rule(entries, WhenFull::Refuse)).unwrap()
}

fn key(id: impl std::fmt::Display) -> EventKey {
    EventKey::new("s", "", &Identity::Id(id.to_string().into_bytes()))
}

/// Claims, and returns why it was refused.
fn claim(replay: &Replay, memory: &Shared, key: &EventKey, millis: u64) -> Result<Claim, Refused> {
    replay.claim(memory, key, after(millis)).map(|claimed| claimed.claim)
}

#[test]
fn an_event_passes_once_until_its_window_is_over() {
    let memory = Shared::default();
    let replay = open(&memory, 100);
    claim(&replay, &memory, &key("a"), 0).unwrap();
    for millis in [0, 1, WINDOW - 1, WINDOW] {
        assert_eq!(claim(&replay, &memory, &key("a"), millis), Err(Refused::Duplicate), "after {millis} ms");
    }
    claim(&replay, &memory, &key("b"), 0).unwrap();
    claim(&replay, &memory, &key("a"), WINDOW + 1).unwrap();
    assert_eq!(claim(&replay, &memory, &key("a"), 2 * WINDOW + 1), Err(Refused::Duplicate), "a new window begins");
}

#[test]
fn a_duplicate_does_not_make_the_window_longer() {
    let memory = Shared::default();
    let replay = open(&memory, 100);
    claim(&replay, &memory, &key("a"), 0).unwrap();
    claim(&replay, &memory, &key("a"), WINDOW).unwrap_err();
    claim(&replay, &memory, &key("a"), WINDOW + 1).unwrap();
}

#[test]
fn a_claim_is_one_read_and_one_write_and_a_refusal_writes_nothing() {
    let memory = Shared::default();
    let replay = open(&memory, 10);
    claim(&replay, &memory, &key(0), 0).unwrap();
    memory.take_cost();
    for id in 1..10 {
        claim(&replay, &memory, &key(id), id).unwrap();
        assert_eq!(memory.take_cost(), (1, 1));
    }
    let before = memory.dump();
    assert_eq!(claim(&replay, &memory, &key(3), 10), Err(Refused::Duplicate));
    assert_eq!(memory.take_cost(), (1, 0));
    assert_eq!(claim(&replay, &memory, &key(10), 10), Err(Refused::Full));
    assert_eq!(memory.take_cost(), (1, 0));
    // Even with expired entries: a refused claim must not remove what it does not count.
    assert_eq!(claim(&replay, &memory, &key(9), WINDOW + 5), Err(Refused::Duplicate));
    assert_eq!(memory.dump(), before);
}

#[test]
fn a_full_memory_refuses_until_a_window_is_over() {
    for entries in [1, 2, 48] {
        let memory = Shared::default();
        let replay = open(&memory, entries);
        for id in 0..entries {
            claim(&replay, &memory, &key(id), id.into()).unwrap();
        }
        assert_eq!(claim(&replay, &memory, &key("new"), 100), Err(Refused::Full));
        assert_eq!(claim(&replay, &memory, &key(0), 100), Err(Refused::Duplicate), "a duplicate stays one");
        assert_eq!(claim(&replay, &memory, &key("new"), WINDOW), Err(Refused::Full), "to the last moment");
        claim(&replay, &memory, &key("new"), WINDOW + 1).unwrap();
        assert_eq!(memory.entries(PREFIX), entries as usize);
    }
}

#[test]
fn the_oldest_event_is_dropped_if_that_is_configured() {
    let memory = Shared::default();
    let replay = Replay::open(&memory, "s", &rule(3, WhenFull::DropOldest)).unwrap();
    for id in 0..3 {
        let change = replay.claim(&memory, &key(id), after(id)).unwrap().change;
        assert_eq!(change, Change { entries: 1, dropped: 0 });
    }
    for id in 3..10 {
        let change = replay.claim(&memory, &key(id), after(id)).unwrap().change;
        assert_eq!(change, Change { entries: 0, dropped: 1 });
        for remembered in id - 2..=id {
            assert_eq!(claim(&replay, &memory, &key(remembered), id), Err(Refused::Duplicate), "{remembered} of {id}");
        }
    }
    claim(&replay, &memory, &key(0), 10).unwrap();
}

#[test]
fn the_oldest_event_is_the_one_that_expires_first() {
    let memory = Shared::default();
    let long = ReplayRule { window: Duration::from_secs(3600), ..rule(2, WhenFull::DropOldest) };
    claim(&Replay::open(&memory, "s", &long).unwrap(), &memory, &key("long"), 0).unwrap();
    let replay = Replay::open(&memory, "s", &rule(2, WhenFull::DropOldest)).unwrap();
    claim(&replay, &memory, &key("short"), 1).unwrap();
    claim(&replay, &memory, &key("new"), 2).unwrap();
    assert_eq!(claim(&replay, &memory, &key("long"), 3), Err(Refused::Duplicate));
    assert_eq!(claim(&replay, &memory, &key("new"), 3), Err(Refused::Duplicate));
    claim(&replay, &memory, &key("short"), 3).unwrap();
}

#[test]
fn a_memory_beside_a_shared_store_drops_its_oldest() {
    let store = Store {
        kind: Kind::Webdis,
        cluster: "store".to_owned(),
        authority: "store".to_owned(),
        path: String::new(),
        authorization: None,
        timeout: Duration::from_millis(250),
        when_unavailable: WhenUnavailable::Refuse,
    };
    let memory = Shared::default();
    let rule = ReplayRule { store: Some(store), ..rule(1, WhenFull::Refuse) };
    let replay = Replay::open(&memory, "s", &rule).unwrap();
    claim(&replay, &memory, &key("a"), 0).unwrap();
    claim(&replay, &memory, &key("b"), 0).unwrap();
}

#[test]
fn expired_events_removed_by_a_claim_are_counted() {
    let memory = Shared::default();
    let replay = open(&memory, 48);
    for id in 0..10 {
        claim(&replay, &memory, &key(id), id).unwrap();
    }
    let change = replay.claim(&memory, &key("new"), after(WINDOW + 5)).unwrap().change;
    assert_eq!(change, Change { entries: 1 - 5, dropped: 0 }, "0 to 4 are over, 5 is in its last moment");
    assert_eq!(memory.entries(PREFIX), 6);
    let change = replay.claim(&memory, &key(0), after(2 * WINDOW + 6)).unwrap().change;
    assert_eq!(change, Change { entries: 1 - 6, dropped: 0 });
}

#[test]
fn expired_events_make_room_before_anything_is_dropped() {
    let memory = Shared::default();
    let replay = Replay::open(&memory, "s", &rule(2, WhenFull::DropOldest)).unwrap();
    claim(&replay, &memory, &key("a"), 0).unwrap();
    claim(&replay, &memory, &key("b"), 10).unwrap();
    let change = replay.claim(&memory, &key("c"), after(WINDOW + 1)).unwrap().change;
    assert_eq!(change, Change { entries: 0, dropped: 0 });
    assert_eq!(claim(&replay, &memory, &key("b"), WINDOW + 1), Err(Refused::Duplicate));
}

#[test]
fn a_claim_that_is_given_back_can_be_made_again() {
    let memory = Shared::default();
    let replay = open(&memory, 100);
    let first = claim(&replay, &memory, &key("a"), 0).unwrap();
    let other = claim(&replay, &memory, &key("b"), 0).unwrap();
    assert_eq!(replay.give_back(&memory, &first), Ok(true));
    assert_eq!(replay.give_back(&memory, &first), Ok(false), "once only");
    assert_eq!(claim(&replay, &memory, &key("b"), 1), Err(Refused::Duplicate), "others stay");
    let second = claim(&replay, &memory, &key("a"), 1).unwrap();
    assert_eq!(replay.give_back(&memory, &first), Ok(false), "another claim on the event is left alone");
    assert_eq!(claim(&replay, &memory, &key("a"), 2), Err(Refused::Duplicate));
    assert_eq!(replay.give_back(&memory, &second), Ok(true));
    assert_eq!(replay.give_back(&memory, &other), Ok(true));
    assert_eq!(memory.entries(PREFIX), 0);
}

#[test]
fn giving_back_an_expired_or_dropped_claim_changes_nothing() {
    let memory = Shared::default();
    let replay = Replay::open(&memory, "s", &rule(1, WhenFull::DropOldest)).unwrap();
    let dropped = claim(&replay, &memory, &key("a"), 0).unwrap();
    let current = claim(&replay, &memory, &key("b"), 1).unwrap();
    assert_eq!(replay.give_back(&memory, &dropped), Ok(false));
    assert_eq!(claim(&replay, &memory, &key("b"), 1), Err(Refused::Duplicate));
    assert_eq!(replay.give_back(&memory, &current), Ok(true));
}

#[test]
fn one_of_eight_threads_claims_an_event() {
    let memory = Shared::default();
    let wins: Vec<_> = (0..300).map(|_| AtomicUsize::new(0)).collect();
    let remembered = AtomicI64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let replay = open(&memory, 1000);
                for (id, wins) in wins.iter().enumerate() {
                    match replay.claim(&memory, &key(id), after(0)) {
                        Ok(claimed) => {
                            wins.fetch_add(1, Ordering::SeqCst);
                            remembered.fetch_add(claimed.change.entries, Ordering::SeqCst);
                        }
                        Err(refused) => assert_eq!(refused, Refused::Duplicate),
                    }
                }
            });
        }
    });
    for (id, wins) in wins.into_iter().enumerate() {
        assert_eq!(wins.into_inner(), 1, "event {id}");
    }
    assert_eq!(remembered.into_inner(), 300);
    assert_eq!(memory.entries(PREFIX), 300);
}

#[test]
fn one_of_eight_threads_claims_an_event_in_a_contended_page() {
    for round in 0..50 {
        let memory = Shared::default();
        let wins = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (memory, wins) = (&memory, &wins);
                scope.spawn(move || {
                    let replay = open(memory, 48);
                    for other in 0..3 {
                        claim(&replay, memory, &key(format!("{thread}.{other}")), 0).unwrap();
                    }
                    wins.fetch_add(claim(&replay, memory, &key("same"), 0).is_ok().into(), Ordering::SeqCst);
                });
            }
        });
        assert_eq!(wins.into_inner(), 1, "round {round}");
        assert_eq!(memory.entries(PREFIX), 25, "round {round}");
    }
}

#[test]
fn of_a_hundred_thousand_repeated_events_only_those_that_failed_pass() {
    const EVENTS: u32 = 100_000;
    let memory = Shared::default();
    let failed = Mutex::new(BTreeSet::new());
    let remembered = AtomicI64::new(0);
    let send = |seed: u64, fails: &(dyn Fn(u32) -> bool + Sync)| {
        let mut order: Vec<_> = (0..EVENTS).collect();
        Dice(seed).shuffle(&mut order);
        let passed = Mutex::new(BTreeMap::<u32, usize>::new());
        std::thread::scope(|scope| {
            for half in order.chunks(EVENTS as usize / 2) {
                let (memory, failed, passed, remembered) = (&memory, &failed, &passed, &remembered);
                scope.spawn(move || {
                    let replay = open(memory, EVENTS);
                    for id in half {
                        let Ok(claimed) = replay.claim(memory, &key(id), after(0)) else { continue };
                        remembered.fetch_add(claimed.change.entries, Ordering::SeqCst);
                        *passed.lock().unwrap().entry(*id).or_default() += 1;
                        if fails(*id) {
                            assert_eq!(replay.give_back(memory, &claimed.claim), Ok(true));
                            remembered.fetch_sub(1, Ordering::SeqCst);
                            failed.lock().unwrap().insert(*id);
                        }
                    }
                });
            }
        });
        passed.into_inner().unwrap()
    };
    let first = send(12, &|id| id % 97 == 0);
    assert_eq!(first.len(), EVENTS as usize, "all pass the first time");
    assert!(first.values().all(|times| *times == 1));
    let second = send(13, &|_| false);
    let third = send(14, &|_| false);
    assert_eq!(second.keys().copied().collect::<BTreeSet<_>>(), failed.into_inner().unwrap());
    assert!(second.values().all(|times| *times == 1));
    assert_eq!(third, BTreeMap::new(), "nothing passes the third time");
    assert_eq!(memory.entries(PREFIX), EVENTS as usize);
    assert_eq!(remembered.into_inner(), i64::from(EVENTS));
    let pages = memory.pages(PREFIX);
    assert!(pages.len() <= 6250 && pages.iter().all(|page| page.len() <= 1153));
}

#[test]
fn claims_survive_every_configuration_push() {
    for when_full in [WhenFull::Refuse, WhenFull::DropOldest] {
        let memory = Shared::default();
        let mut claimed = 0;
        for entries in [100, 100_000, 100] {
            let replay = Replay::open(&memory, "s", &rule(entries, when_full)).unwrap();
            for _ in 0..50 {
                claim(&replay, &memory, &key(claimed), claimed).unwrap();
                claimed += 1;
            }
        }
        for entries in [10, 100_000] {
            let replay = Replay::open(&memory, "s", &rule(entries, when_full)).unwrap();
            for id in 0..claimed {
                assert_eq!(claim(&replay, &memory, &key(id), claimed), Err(Refused::Duplicate), "{id} with {entries}");
            }
        }
    }
}

#[test]
fn a_memory_that_became_smaller_forgets_one_event_per_claim() {
    let memory = Shared::default();
    let replay = Replay::open(&memory, "s", &rule(48, WhenFull::DropOldest)).unwrap();
    for id in 0..48 {
        claim(&replay, &memory, &key(id), id).unwrap();
    }
    let replay = Replay::open(&memory, "s", &rule(4, WhenFull::DropOldest)).unwrap();
    let change = replay.claim(&memory, &key("new"), after(100)).unwrap().change;
    assert_eq!(change, Change { entries: 0, dropped: 1 });
    assert_eq!(claim(&replay, &memory, &key(1), 100), Err(Refused::Duplicate), "the second oldest");
    let change = replay.claim(&memory, &key("later"), after(WINDOW + 47)).unwrap().change;
    assert_eq!(change, Change { entries: 1 - 46, dropped: 0 }, "it shrinks as windows end");
}

#[test]
fn a_claim_keeps_the_window_that_it_was_made_with() {
    let memory = Shared::default();
    claim(&open(&memory, 10), &memory, &key("a"), 0).unwrap();
    for window in [1, 10 * WINDOW] {
        let rule = ReplayRule { window: Duration::from_millis(window), ..rule(10, WhenFull::Refuse) };
        let replay = Replay::open(&memory, "s", &rule).unwrap();
        assert_eq!(claim(&replay, &memory, &key("a"), WINDOW), Err(Refused::Duplicate), "{window}");
    }
    claim(&open(&memory, 10), &memory, &key("a"), WINDOW + 1).unwrap();
}

#[test]
fn a_clock_that_jumps_back_forgets_nothing() {
    let memory = Shared::default();
    let replay = open(&memory, 2);
    claim(&replay, &memory, &key("a"), 10 * WINDOW).unwrap();
    for millis in [0, 5 * WINDOW, 10 * WINDOW] {
        assert_eq!(claim(&replay, &memory, &key("a"), millis), Err(Refused::Duplicate), "at {millis}");
    }
    claim(&replay, &memory, &key("b"), 0).unwrap();
    assert_eq!(claim(&replay, &memory, &key("b"), 0), Err(Refused::Duplicate));
    assert_eq!(claim(&replay, &memory, &key("c"), 0), Err(Refused::Full));
    claim(&replay, &memory, &key("c"), WINDOW + 1).unwrap();
}

#[test]
fn sources_do_not_share_events() {
    let memory = Shared::default();
    let identity = Identity::Id(b"a".to_vec());
    for source in ["s", "t", "s-t"] {
        let replay = Replay::open(&memory, source, &rule(10, WhenFull::Refuse)).unwrap();
        let key = EventKey::new(source, "", &identity);
        claim(&replay, &memory, &key, 0).unwrap();
        assert_eq!(claim(&replay, &memory, &key, 0), Err(Refused::Duplicate));
    }
}

#[test]
fn keys_differ_by_source_list_and_kind_of_identity() {
    let id = |id: &[u8]| Identity::Id(id.to_vec());
    let keys = [
        EventKey::new("s", "", &id(b"a")),
        EventKey::new("s", "", &id(b"b")),
        EventKey::new("s", "", &id(b"")),
        EventKey::new("sa", "", &id(b"")),
        EventKey::new("s", "a", &id(b"")),
        EventKey::new("", "s", &id(b"a")),
        EventKey::new("s", "", &id(&[7; 32])),
        EventKey::new("s", "", &Identity::Digest([7; 32])),
        EventKey::new("s", "", &Identity::Digest([8; 32])),
    ];
    let distinct: BTreeSet<_> = keys.iter().map(EventKey::hex).collect();
    assert_eq!(distinct.len(), keys.len());
    assert_eq!(EventKey::new("s", "", &id(b"a")), keys[0], "the same in every proxy");
    // Proxies of two versions may share a store: this value must not change.
    assert_eq!(keys[0].hex(), PINNED);
    for key in &keys {
        let hex = key.hex();
        assert!(hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{hex}");
    }
}

const PINNED: &str = "41ba05a0f73b2b95fc230adf7dfcc65eb010d5b2d345bb9055a5292037ac30b8";

#[test]
fn no_id_is_stored_or_printed_in_plain_text() {
    const ID: &str = "evt_4711-of-a-customer";
    let memory = Shared::default();
    let replay = open(&memory, 100);
    let claimed = replay.claim(&memory, &key(ID), after(0)).unwrap();
    let has_id = |bytes: &[u8]| bytes.windows(8).any(|window| ID.as_bytes().windows(8).any(|part| part == window));
    assert!(!memory.dump().iter().any(|(key, value)| has_id(key.as_bytes()) || has_id(value)));
    let printed = format!("{claimed:?} {:?} {replay:?}", key(ID));
    assert!(!has_id(printed.as_bytes()), "{printed}");
}

#[test]
fn without_shared_memory_nothing_passes() {
    let memory = Shared::default();
    let replay = open(&memory, 10);
    let claimed = claim(&replay, &memory, &key("a"), 0).unwrap();
    memory.refuse(true);
    assert_eq!(claim(&replay, &memory, &key("b"), 0), Err(Refused::Failed));
    assert!(replay.give_back(&memory, &claimed).is_err());
    assert!(Replay::open(&memory, "s", &rule(10, WhenFull::Refuse)).is_err());
    memory.refuse(false);
    assert_eq!(claim(&replay, &memory, &key("a"), 0), Err(Refused::Duplicate), "it is still claimed");
}

#[test]
fn endless_contention_is_a_failure_and_not_a_pass() {
    let memory = Shared::default();
    let replay = open(&memory, 10);
    claim(&replay, &memory, &key("a"), 0).unwrap();
    memory.contend(usize::MAX);
    assert_eq!(claim(&replay, &memory, &key("b"), 0), Err(Refused::Failed));
    memory.contend(0);
    claim(&replay, &memory, &key("b"), 0).unwrap();
}

#[test]
fn a_page_that_cannot_be_read_is_a_failure_and_not_an_empty_one() {
    let memory = Shared::default();
    let replay = open(&memory, 10);
    claim(&replay, &memory, &key("a"), 0).unwrap();
    memory.put(&format!("{PREFIX}.0"), b"\x01garbage");
    assert_eq!(claim(&replay, &memory, &key("a"), 0), Err(Refused::Failed));
}
