//! What was sent and answered, and the checks of the summary.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::connection::Reply;
use crate::events::SENDERS;
use crate::harness::Proxy;
use crate::harness::upstream::ANSWER;

/// An honest event and its attempts so far.
pub struct Event {
    number: u64,
    pub sender: usize,
    pub attempts: u32,
    /// Attempts that may have arrived although the upstream failed.
    failed: u32,
    /// Attempts without a response.
    unknown: u32,
    /// Attempts that were denied temporarily: by a limit, or without the store.
    deferred: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Accepted,
    /// It was denied as a duplicate.
    Duplicate,
    /// It was denied permanently.
    Denied(u16),
}

#[derive(Default)]
struct Counts {
    /// Denials of hostile and honest requests, by status.
    denied: BTreeMap<u16, u64>,
    /// Responses of Envoy itself, by status.
    by_envoy: BTreeMap<u16, u64>,
    /// Responses of the upstream, by status.
    by_upstream: BTreeMap<u16, u64>,
    /// Hostile requests that the upstream answered.
    hostile_passed: u64,
    events: Vec<Event>,
}

pub struct Ledger {
    total: u64,
    until: Instant,
    pub sent: AtomicU64,
    pub hostile: AtomicU64,
    pub aborted: AtomicU64,
    pub unanswered: AtomicU64,
    pub pushes: AtomicU64,
    pub outages: AtomicU64,
    counts: Mutex<Counts>,
}

/// Envoy's memory over time: requests sent, kilobytes resident.
#[derive(Default)]
pub struct Samples(Vec<(u64, u64)>);

impl Event {
    pub fn new(number: u64, sender: usize) -> Self {
        Self { number, sender, attempts: 0, failed: 0, unknown: 0, deferred: 0, state: State::Pending }
    }

    /// Whether the last attempt passed.
    pub fn was_accepted(&self) -> bool {
        self.state == State::Accepted
    }
}

impl Ledger {
    pub fn new(total: u64, limit: Duration) -> Self {
        Self {
            total,
            until: Instant::now() + limit,
            sent: AtomicU64::new(0),
            hostile: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            pushes: AtomicU64::new(0),
            outages: AtomicU64::new(0),
            counts: Mutex::default(),
        }
    }

    /// Whether new requests should be sent.
    pub fn is_running(&self) -> bool {
        self.sent.load(Ordering::Relaxed) < self.total && Instant::now() < self.until
    }

    pub fn record_hostile(&self, reply: &Reply) {
        let mut counts = self.lock();
        counts.add(reply);
        if reply.body == ANSWER {
            counts.hostile_passed += 1;
        }
    }

    /// Whether the event needs no further attempt.
    pub fn record_honest(&self, event: &mut Event, reply: Option<&Reply>, fails: bool) -> bool {
        event.attempts += 1;
        let Some(reply) = reply else {
            event.unknown += 1;
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        self.lock().add(reply);
        let is_denial = reply.body == DENIED;
        match reply.status {
            200 => event.state = State::Accepted,
            409 if is_denial => event.state = State::Duplicate,
            429 | 503 if is_denial => event.deferred += 1,
            // The upstream failed as requested, or Envoy could not reach it.
            500.. if fails || !is_denial => event.failed += 1,
            status => event.state = State::Denied(status),
        }
        event.state != State::Pending
    }

    pub fn finish(&self, event: Event) {
        self.lock().events.push(event);
    }

    pub fn progress(&self, began: Instant, samples: &Samples) -> String {
        let counts = self.lock();
        let sent = self.sent.load(Ordering::Relaxed);
        let seconds = began.elapsed().as_secs().max(1);
        let sum = |counts: &BTreeMap<u16, u64>| counts.values().sum::<u64>();
        format!(
            "soak: {seconds:5} s  {sent:8} sent ({:5}/s)  {:8} passed  {:8} denied  {:7} by Envoy  {:3} pushes  {:4} MB",
            sent / seconds,
            sum(&counts.by_upstream),
            sum(&counts.denied),
            sum(&counts.by_envoy),
            self.pushes.load(Ordering::Relaxed),
            samples.last() / 1024,
        )
    }

    /// Prints the summary, and returns the number of failed checks.
    pub fn summary(&self, began: Instant, proxy: &Proxy, samples: &Samples, bound: u64) -> u32 {
        let counts = self.lock();
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let sum = |counts: &BTreeMap<u16, u64>| counts.values().sum::<u64>();
        let (sent, aborted, unanswered) = (load(&self.sent), load(&self.aborted), load(&self.unanswered));
        println!("\nsoak: summary after {} s", began.elapsed().as_secs());
        println!(
            "  sent {sent}, of them hostile {}; pushes {}, outages of Redis {}",
            load(&self.hostile),
            load(&self.pushes),
            load(&self.outages)
        );
        println!("  responses of the upstream {:?}", counts.by_upstream);
        println!("  denials {:?}", counts.denied);
        println!("  responses of Envoy itself {:?}; aborted {aborted}; no response {unanswered}", counts.by_envoy);

        let mut failed = 0;
        let mut check = |holds: bool, what: String| {
            println!("  {} {what}", if holds { "ok    " } else { "FAILED" });
            failed += u32::from(!holds);
        };
        let seen = proxy.upstream.counts();
        let unexpected: Vec<_> = seen.keys().filter(|key| !key.starts_with(b"e")).take(5).collect();
        let unexpected = unexpected.iter().map(|key| key.escape_ascii().to_string()).collect::<Vec<_>>();
        check(
            unexpected.is_empty() && counts.hostile_passed == 0,
            format!("nothing passes unverified: {unexpected:?} arrived"),
        );
        let problems = proxy.upstream.problems();
        check(problems.is_empty(), format!("no forged identity and nothing malformed arrives: {problems:?}"));

        let (mut twice, mut lost, mut kept_by_store, mut refused) = (Vec::new(), Vec::new(), 0_u64, Vec::new());
        for event in &counts.events {
            let name = format!("e{}", event.number);
            let arrived = seen.get(name.as_bytes()).copied().unwrap_or(0) as u64;
            let sender = &SENDERS[event.sender];
            let source = sender.source;
            // A failed attempt may have arrived; so may one without a response, unless the source has replay protection.
            let most = 1 + u64::from(event.failed) + if sender.once { 0 } else { u64::from(event.unknown) };
            if arrived > most {
                twice.push(format!("{name} of {source}: {arrived} times, at most {most}"));
            }
            match event.state {
                State::Denied(status) => refused.push(format!("{name} of {source}: {status}")),
                State::Duplicate if arrived == 0 && source == "stored" && event.deferred > 0 => kept_by_store += 1,
                State::Accepted | State::Duplicate if arrived > 0 => {}
                _ => lost.push(format!("{name} of {source} after {} attempts", event.attempts)),
            }
        }
        let first = |list: &[String]| list.iter().take(3).cloned().collect::<Vec<_>>();
        check(
            twice.is_empty(),
            format!("no event passes twice: {} of {} {:?}", twice.len(), counts.events.len(), first(&twice)),
        );
        check(
            refused.is_empty(),
            format!("no honest event is denied permanently: {} {:?}", refused.len(), first(&refused)),
        );
        check(lost.is_empty(), format!("no event is lost: {} {:?}", lost.len(), first(&lost)));
        println!(
            "         {kept_by_store} were claimed in Redis, which was killed before it answered: their retries are \
             duplicates (docs/fleet.md)"
        );

        let metrics = proxy.metrics();
        let of = |outcome: &str| -> u64 {
            let outcome = format!(".requests.{outcome}");
            metrics.iter().filter(|(name, _)| name.ends_with(&outcome)).map(|(_, count)| count).sum()
        };
        let codes: u64 = metrics.iter().filter(|(name, _)| name.contains(".denials.")).map(|(_, count)| count).sum();
        let arrived = seen.values().sum::<usize>() as u64;
        let (passed, denied, answered) = (of("passed"), of("denied"), sum(&counts.denied));
        // If an upstream connection closes while a request is sent, Envoy answers 503, and nothing arrived.
        let lost_by_envoy = counts.by_envoy.get(&503).copied().unwrap_or(0);
        let unknown = aborted + unanswered;
        check(
            passed >= arrived && passed <= arrived + lost_by_envoy + unknown,
            format!(
                "counted as passed {passed}, arrived {arrived} (503 by Envoy: {lost_by_envoy}, unknown: {unknown})"
            ),
        );
        check(
            denied >= answered && denied <= answered + unknown,
            format!("counted as denied {denied}, answered {answered} (aborted or without a response: {unknown})"),
        );
        check(denied == codes, format!("denials by code {codes}, in total {denied}"));
        let mut by_code: Vec<_> = metrics.iter().filter(|(name, _)| name.contains(".denials.")).collect();
        by_code.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (name, count) in by_code.iter().take(12) {
            println!("         {count:8} {name}");
        }
        let replay: Vec<_> = metrics.iter().filter(|(name, _)| name.contains(".replay.")).collect();
        println!("         {replay:?}");

        let growth = samples.growth(sent);
        println!("  memory in MB over time: {}", samples.summary());
        check(
            growth <= i64::try_from(bound).unwrap_or(i64::MAX),
            format!("memory is flat: {growth} MB more than after the first quarter, at most {bound}"),
        );
        failed
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().expect("no thread panicked")
    }
}

/// The body of a denial.
const DENIED: &[u8] = b"request denied\n";

impl Counts {
    fn add(&mut self, reply: &Reply) {
        let counts = match reply.body.as_slice() {
            DENIED => &mut self.denied,
            ANSWER => &mut self.by_upstream,
            _ => &mut self.by_envoy,
        };
        *counts.entry(reply.status).or_default() += 1;
    }
}

impl Samples {
    pub fn take(&mut self, pid: u32, ledger: &Ledger) {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|text| text.trim().split(' ').next()?.parse().ok());
        if let Some(resident) = resident {
            self.0.push((ledger.sent.load(Ordering::Relaxed), resident));
        }
    }

    fn last(&self) -> u64 {
        self.0.last().map_or(0, |(_, resident)| *resident)
    }

    /// By how many megabytes the peak of the last quarter exceeds the peak of the first.
    fn growth(&self, sent: u64) -> i64 {
        let peak = |from: u64, to: u64| {
            let of = self.0.iter().filter(|(at, _)| (from..=to).contains(at));
            of.map(|(_, resident)| i64::try_from(*resident).unwrap_or(i64::MAX)).max()
        };
        let (early, late) = (peak(0, sent / 4), peak(sent / 4 * 3, u64::MAX));
        match (early, late) {
            (Some(early), Some(late)) => (late - early) / 1024,
            // Too few samples.
            _ => 0,
        }
    }

    fn summary(&self) -> String {
        let step = (self.0.len() / 20).max(1);
        let some = self.0.iter().step_by(step).map(|(_, resident)| (resident / 1024).to_string());
        some.collect::<Vec<_>>().join(" ")
    }
}
