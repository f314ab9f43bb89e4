//! One configuration at work in one VM: what its requests share.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use super::host::{Host, Severity};
use crate::config::problem::Findings;
use crate::config::{self, Policy};
use crate::filter::{ActivePolicy, Context, Exchange};
use crate::guard::address::AddressWarning;
use crate::guard::call::{Call, Response};
use crate::guard::elapsed;
use crate::guard::stall::StallGuard;
use crate::live::fetcher::{Notice, Outcome};
use crate::live::place::{Place, User};
use crate::report::histograms::Histograms;
use crate::report::{self, Gauges, HashedBytes, LogBudget, Metric, Outside, SignatureCounters, Weight};
use crate::step::Record;
use crate::verify::primitives::public_key::{Delegate, TestedHost};
use crate::verify::primitives::timestamp::UnixTime;

thread_local! {
    /// The host, once a configuration needed to know whether it verifies signatures: tested once for each VM.
    static TESTED: OnceCell<Rc<TestedHost>> = const { OnceCell::new() };
}

/// One configuration at work in one VM.
pub(super) struct Instance {
    pub(super) host: &'static dyn Host,
    pub(super) policy: Rc<ActivePolicy>,
    /// The requests whose headers are held and whose body did not come yet.
    pub(super) held: RefCell<StallGuard<Rc<RefCell<Exchange>>>>,
    hashed: HashedBytes,
    /// Who verifies the signatures of public keys.
    delegate: Rc<Delegate>,
    signatures: SignatureCounters,
    /// The lines of all sources.
    log_budget: RefCell<LogBudget>,
    gauges: Gauges,
    pub(super) histograms: Histograms,
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
        let Some(policy) = policy else {
            // The warnings too: one may explain the problem.
            log_warnings(host, &findings);
            for problem in &findings.problems {
                host.log(Severity::Error, &format!("configuration refused: {problem}"));
            }
            return None;
        };
        let Ok(policy) = ActivePolicy::open(Rc::new(policy), host) else {
            log_warnings(host, &findings);
            host.log(Severity::Error, "configuration refused: the host refuses shared memory for its guards");
            return None;
        };
        let gauges = Gauges::open(&host.plugin_name(), text, host);
        let config = policy.policy();
        let sources = config.sources.len();
        // What follows from the configuration alone is reported by the first of all threads.
        if gauges.current().take_over(began, host) {
            log_warnings(host, &findings);
            log_closed(host, config);
            report::initial::define(config, host);
        }
        gauges.on_tick(config, began, host, host);
        let delegate = delegate(config, host);
        let instance = Self {
            host,
            held: RefCell::new(StallGuard::new(config.stall_timeout)),
            policy: Rc::new(policy),
            hashed: HashedBytes::default(),
            delegate,
            signatures: SignatureCounters::default(),
            log_budget: RefCell::new(LogBudget::of_all()),
            gauges,
            histograms: Histograms::default(),
            address_warnings: RefCell::default(),
        };
        let hash = instance.policy.policy().fingerprint;
        let took = elapsed(began, now(host)).as_millis();
        host.log(
            Severity::Info,
            &format!("configuration accepted: {sources} sources in {took} ms, config_hash {hash}"),
        );
        Some(Rc::new(instance))
    }

    /// Called every so often: updates metrics.
    pub(super) fn on_tick(&self) {
        let Some(now) = self.host.clock() else { return };
        self.count_work();
        if tested().is_some_and(|tested| tested.take_loss()) {
            let line = "the host failed to verify a signature rightly, and is not asked again: the filter verifies all of them itself";
            self.host.log(Severity::Warning, line);
        }
        self.histograms.on_tick();
        self.gauges.on_tick(self.policy.policy(), now, self.host, self.host);
        self.report_live(now);
    }

    /// A request arrived: its connection may show that the host has returned to this configuration.
    pub(super) fn on_request(&self, now: UnixTime) {
        let current = self.gauges.current();
        if current.wants_connection() {
            current.on_connection(self.host.connection(), now, self.host);
        }
    }

    /// The host drops this configuration.
    pub(super) fn on_end(&self) {
        self.retire();
        self.gauges.on_end(self.host, self.host);
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

    /// The calls for named keys that are due, each with the number of its publication.
    pub(super) fn named_key_fetches(&self) -> Vec<(usize, Call)> {
        let Some(now) = self.host.clock() else { return Vec::new() };
        self.policy.named_key_calls(now, self.host)
    }

    /// The answer to a call for a named key; `None` if there was none, or the host refused to make it.
    pub(super) fn on_named_key(&self, number: usize, response: Option<Response<'_>>) {
        let failure = self.policy.on_named_key(number, response, &self.context_now());
        let (Some(failure), Some(rule)) = (failure, self.policy.named_key_rule(number)) else { return };
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
                self.gauges.set_if_live(report::live_age(user), age, self.host);
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
        self.count_work();
    }

    fn count_work(&self) {
        self.hashed.count(self.host);
        self.signatures.count(self.delegate.take_counts(), self.host);
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
    pub(super) fn report(&self, record: &Record, exchange: &Exchange, now: UnixTime) {
        let source = exchange.source().map(Rc::as_ref);
        exchange.counters().count_record(record, self.host);
        self.histograms.observe_skew(record, source, self.host);
        self.hashed.add(record.hashed);
        self.host.set_filter_state(&report::filter_state(record, source));
        if record.denial().is_some()
            && let Some(suppressed) = exchange.counters().take_line(&mut self.log_budget.borrow_mut(), now)
        {
            let client = self.host.address().unwrap_or_default();
            let outside = Outside { client: &client, request_id: exchange.request_id(), path: exchange.logged_path() };
            let line = report::log_line(record, source, outside, suppressed);
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
}

/// Says who verifies the signatures of public keys: the host, if it is fit and the configuration lets it.
fn delegate(policy: &Policy, host: &'static dyn Host) -> Rc<Delegate> {
    let mut checks = policy.checks_known_to_hosts().peekable();
    let may_ask = policy.host_cryptography && checks.peek().is_some();
    let tested =
        may_ask.then(|| TESTED.with(|tested| Rc::clone(tested.get_or_init(|| Rc::new(TestedHost::test(host))))));
    if let Some(tested) = &tested {
        let who = if tested.is_fit() { "the host" } else { "the filter: the host has no function that does" };
        host.log(Severity::Info, &format!("RSA PKCS #1 and P-256 signatures are verified by {who}"));
    }
    let delegate = Rc::new(Delegate::new(tested));
    checks.for_each(|check| check.delegate_to(&delegate));
    delegate
}

/// The host, if it was tested.
fn tested() -> Option<Rc<TestedHost>> {
    TESTED.with(|tested| tested.get().cloned())
}

fn log_warnings(host: &dyn Host, findings: &Findings) {
    for warning in &findings.warnings {
        host.log(Severity::Warning, &format!("configuration: {warning}"));
    }
}

fn log_closed(host: &dyn Host, policy: &Policy) {
    for source in policy.sources.iter().filter(|source| source.requirement.is_none()) {
        let name = &source.name;
        host.log(
            Severity::Error,
            &format!("source {name} is closed: a secret is missing or unusable, as the warnings say; it answers 503, or only counts if it observes"),
        );
    }
}

/// The time where no verdict depends on it.
fn now(host: &dyn Host) -> UnixTime {
    host.clock().unwrap_or(UnixTime::from_millis(0))
}
