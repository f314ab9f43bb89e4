//! One configuration at work in one VM: what its requests share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::host::{Host, Severity};
use crate::config;
use crate::filter::{ActivePolicy, Context, Exchange};
use crate::guard::address::AddressWarning;
use crate::guard::call::{Call, Response};
use crate::guard::elapsed;
use crate::guard::stall::StallGuard;
use crate::live::fetcher::{Notice, Outcome};
use crate::live::place::{Place, User};
use crate::report::{self, HashedBytes, LogBudget, Metric, Weight};
use crate::step::Record;
use crate::verify::primitives::timestamp::UnixTime;

/// How often expiring secrets are counted again.
const EXPIRY_ROUND: Duration = Duration::from_secs(60);

/// One configuration at work in one VM.
pub(super) struct Instance {
    pub(super) host: &'static dyn Host,
    pub(super) policy: Rc<ActivePolicy>,
    /// The requests whose headers are held and whose body did not come yet.
    pub(super) held: RefCell<StallGuard<Rc<RefCell<Exchange>>>>,
    hashed: HashedBytes,
    log_budget: RefCell<LogBudget>,
    expiry_counted: Cell<UnixTime>,
    /// The warnings about client addresses that were logged, each once.
    address_warnings: RefCell<Vec<AddressWarning>>,
}

impl Instance {
    /// Reads and starts a configuration; returns `None` and logs every problem if it is refused. `environment`: the VM's
    /// variables.
    pub(super) fn configure(
        host: &'static dyn Host,
        text: &[u8],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Rc<Self>> {
        let began = now(host);
        let (policy, findings) = config::inspect(text, environment);
        // Also for a configuration that is refused: a warning may explain the problem.
        for warning in &findings.warnings {
            host.log(Severity::Warning, &format!("configuration: {warning}"));
        }
        let Some(policy) = policy else {
            for problem in &findings.problems {
                host.log(Severity::Error, &format!("configuration refused: {problem}"));
            }
            return None;
        };
        let sources = policy.sources.len();
        let Ok(policy) = ActivePolicy::open(Rc::new(policy), host) else {
            host.log(Severity::Error, "configuration refused: the host refuses shared memory for its guards");
            return None;
        };
        let instance = Self::start(host, policy);
        let took = elapsed(began, now(host)).as_millis();
        host.log(Severity::Info, &format!("configuration accepted: {sources} sources in {took} ms"));
        Some(Rc::new(instance))
    }

    fn start(host: &'static dyn Host, policy: ActivePolicy) -> Self {
        let config = policy.policy();
        let closed: Vec<_> = config.sources.iter().filter(|source| source.requirement.is_none()).collect();
        for source in &closed {
            let name = &source.name;
            host.log(
                Severity::Error,
                &format!("source {name} is closed: a secret is missing; it answers 503, or only counts if it observes"),
            );
        }
        host.set(report::SOURCES_CLOSED, u64::try_from(closed.len()).unwrap_or(u64::MAX));
        let instance = Self {
            host,
            held: RefCell::new(StallGuard::new(config.stall_timeout)),
            policy: Rc::new(policy),
            hashed: HashedBytes::default(),
            log_budget: RefCell::default(),
            expiry_counted: Cell::new(now(host)),
            address_warnings: RefCell::default(),
        };
        instance.count_expiring(instance.expiry_counted.get());
        instance
    }

    /// Called every so often: updates metrics.
    pub(super) fn on_tick(&self) {
        let Some(now) = self.host.clock() else { return };
        self.hashed.count(self.host);
        self.report_live(now);
        if elapsed(self.expiry_counted.get(), now) >= EXPIRY_ROUND {
            self.expiry_counted.set(now);
            self.count_expiring(now);
        }
    }

    /// The calls that are due, each with the number of its place.
    pub(super) fn fetches(&self) -> Vec<(usize, Call)> {
        let Some(now) = self.host.clock() else { return Vec::new() };
        self.policy.fetchers().on_tick(now, self.host)
    }

    /// The answer to a call for a place; `None` if there was none, or the host refused to make it.
    pub(super) fn on_fetched(&self, number: usize, response: Option<Response<'_>>) {
        let fetchers = self.policy.fetchers();
        let outcome = fetchers.on_answer(number, response, &|body| self.policy.accepts(number, body), self.host);
        let (Outcome::Failed(failure), Some((place, user))) = (outcome, self.place(number)) else { return };
        self.host.add(self.host.define(Metric::Counter, &report::live_failures(user)), 1);
        if fetchers.failures(number) == 1 {
            let has_document = fetchers.document(number, now(self.host)).is_some();
            let line = report::fetch_failed(user, &place.cluster, failure, has_document);
            self.host.log(Severity::Warning, &line);
        }
    }

    /// The calls for certificates that are due, each with the number of its publication.
    pub(super) fn certificate_fetches(&self) -> Vec<(usize, Call)> {
        let Some(now) = self.host.clock() else { return Vec::new() };
        self.policy.certificate_calls(now, self.host)
    }

    /// The answer to a call for a certificate; `None` if there was none, or the host refused to make it.
    pub(super) fn on_certificate(&self, number: usize, response: Option<Response<'_>>) {
        let failure = self.policy.on_certificate(number, response, &self.context_now());
        let (Some(failure), Some(rule)) = (failure, self.policy.certificate_rule(number)) else { return };
        self.host.add(self.host.define(Metric::Counter, &report::live_failures(&rule.user)), 1);
        let line = report::fetch_failed(&rule.user, &rule.place.cluster, failure, true);
        self.host.log(Severity::Warning, &line);
    }

    fn place(&self, number: usize) -> Option<(&Place, &User)> {
        self.policy.policy().places.all().get(number).map(|(place, user)| (&**place, user))
    }

    /// Reports how old what was fetched is, and what is missing.
    fn report_live(&self, now: UnixTime) {
        let fetchers = self.policy.fetchers();
        for (number, age) in fetchers.ages(now) {
            if let Some((_, user)) = self.place(number) {
                self.host.set(&report::live_age(user), age);
            }
        }
        for (number, notice) in fetchers.notices(now, self.host) {
            let Some((_, user)) = self.place(number) else { continue };
            match notice {
                Notice::Unavailable => self.host.log(Severity::Error, &report::live_unavailable(user)),
                Notice::Available => self.host.log(Severity::Info, &report::live_available(user)),
            }
        }
    }

    /// Another configuration takes over: no new requests arrive here.
    pub(super) fn retire(&self) {
        self.hashed.count(self.host);
    }

    /// What a decision depends on, apart from the request.
    pub(super) fn context(&self, now: UnixTime) -> Context<'_> {
        Context { now, peer: self.host, memory: self.host }
    }

    /// The same where no verdict depends on the time.
    pub(super) fn context_now(&self) -> Context<'_> {
        self.context(now(self.host))
    }

    /// Counts a decision, and records it in the access log and, if it is a refusal, in the log.
    pub(super) fn report(&self, record: &Record, exchange: &Exchange) {
        let source = exchange.source().map(Rc::as_ref);
        exchange.counters().count_record(record, self.host);
        self.hashed.add(record.hashed);
        self.host.set_filter_state(&report::filter_state(record, source));
        if record.denial().is_some()
            && let Some(suppressed) = self.log_budget.borrow_mut().take(now(self.host))
        {
            let client = self.host.address().unwrap_or_default();
            let line = report::log_line(record, source, &client, exchange.request_id(), suppressed);
            self.host.log(Severity::Warning, &line.unwrap_or_default());
        }
    }

    /// Counts what happened in the guards' memories.
    pub(super) fn count_tally(&self, exchange: &mut Exchange) {
        let Some(tally) = exchange.take_tally() else { return };
        exchange.counters().count_tally(&tally, self.host);
        let source = exchange.source().map_or("", |source| source.name.as_str());
        for (weight, line) in tally.live_changes.iter().filter_map(|change| report::live_change(source, change)) {
            let severity = match weight {
                Weight::Good => Severity::Info,
                Weight::Bearable => Severity::Warning,
                Weight::Closed => Severity::Error,
            };
            self.host.log(severity, &line);
        }
        if let Some(warning) = tally.address_warning
            && !self.address_warnings.borrow().contains(&warning)
        {
            self.address_warnings.borrow_mut().push(warning);
            self.host.log(Severity::Warning, report::address_warning_line(warning));
        }
    }

    fn count_expiring(&self, now: UnixTime) {
        self.host.set(report::SECRETS_EXPIRING, report::secrets_expiring(self.policy.policy(), now));
    }
}

/// The time where no verdict depends on it.
fn now(host: &dyn Host) -> UnixTime {
    host.clock().unwrap_or(UnixTime::from_millis(0))
}
