//! The signing of an event, with one mistake if that is asked for.

use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Denial, Verified};

use super::arguments::Arguments;
use super::builder::RequestBuilder;
use super::error::Error;
use super::key::Key;
use super::plan::{self, Options, Plan};
use super::rng::Rng;
use super::tamper::{self, Tamper};
use super::task::{Configured, Task};
use super::verifier::{self, Verifier};
use super::{base, fresh};
use crate::cli::http_request::Url;
use crate::cli::terminal::{Failure, Terminal};

/// A request that was signed, and the verdict on its proof.
pub(super) struct Signed {
    pub builder: RequestBuilder,
    pub verdict: Result<Verified, Denial>,
    pub verifier: Verifier,
    /// Whether the proof covers a part of the body only.
    is_partly_open: bool,
    /// Whether the next request with this body is the same event.
    repeats: bool,
    /// The checks that it is for, with the keys that it is signed with.
    pub checks: Vec<Json>,
}

/// Signs the event that the arguments describe. `given`: the keys that they name. `url` and `to`: the URL that the sender calls,
/// and the one that the request is sent to.
pub(super) fn sign(
    arguments: &Arguments,
    task: &Task,
    (url, to): (Option<&Url>, Option<&Url>),
    given: &[Key],
    now: UnixTime,
    rng: &mut Rng,
) -> Result<Signed, Failure> {
    let plan = Plan::new(task, given, arguments.choice(), now)?;
    let options = Options {
        event_id: arguments.event_id.clone(),
        keeps_body: arguments.body.is_some(),
        renews_token: false,
        dialect: arguments.dialect.and_then(|number| usize::try_from(number.saturating_sub(1)).ok()),
        tamper: arguments.tamper,
    };
    if options.event_id.is_some() && !base::has_event_id(task) {
        return Err(Failure::Message(
            "--event-id: this sender's scheme names no event id that is signed; put yours where it belongs with --header \
             or in the --body"
                .to_owned(),
        ));
    }
    let mut bases = base::bases(task, url, to, arguments.body.as_deref())?;
    let mut repeats = false;
    for builder in &mut bases {
        base::dress(builder, arguments.method.as_deref(), &arguments.header)?;
        for step in &plan.steps {
            base::choose_list(builder, step, url.is_some())?;
        }
        if let Some(at) = &task.replay_id {
            repeats = !plan::write_replay_id(builder, at, &options, rng)?;
        }
    }
    let verifier = plan.verifier()?;
    // What the operator chose stays as it is, and a source's own rule names what it remembers events by.
    let is_fixed = options.keeps_body || options.event_id.is_some() || task.replay_id.is_some();
    let mut builder = if is_fixed || options.tamper.is_some() {
        plan.make(&bases, &options, now, rng)?
    } else {
        fresh::make(&plan, &bases, &options, now, rng)?
    };
    if options.tamper.is_some() || options.event_id.is_some() {
        repeats = false;
    } else if options.keeps_body && task.replay_id.is_none() {
        repeats = fresh::is_repeated(&plan, (&bases, &builder), &options, now, rng)?;
    }
    let mut verdict = verifier.verify(&builder, now);
    let mut is_partly_open = false;
    if arguments.tamper == Some(Tamper::Body) {
        let changed = tamper::with_other_body(&builder, &plan.signatures_in_body(&builder), &verifier, now)?;
        is_partly_open = changed.is_partly_open;
        (builder, verdict) = (changed.builder, Err(changed.denial));
    }
    match (arguments.tamper, &verdict) {
        (None, Ok(_)) => {}
        (Some(tamper), Err(denial)) if tamper.explains(*denial) => {}
        (None, Err(denial)) => {
            return Err(Error::denied(*denial, "the resulting request would be denied").into());
        }
        (Some(tamper), verdict) => {
            let verdict = verdict.as_ref().err().map_or("verified", |denial| denial.code());
            return Err(Failure::Message(format!(
                "this sender's request cannot be wrong in its {} alone: {verdict}",
                tamper.name()
            )));
        }
    }
    let (checks, _) = verifier::checks(&plan.parts())?;
    Ok(Signed { builder, verdict, verifier, is_partly_open, repeats, checks })
}

impl Signed {
    /// What the operator should know about the request beside itself.
    pub fn remark(&self, task: &Task, terminal: &mut Terminal) {
        if self.is_partly_open {
            terminal.note(
                "note: this sender signs only part of the body, and the change is in that part; the rest is unprotected",
            );
        }
        if self.repeats && task.configured.as_ref().is_none_or(Configured::remembers_events) {
            terminal.note(
                "note: the same body is the same event: a source that remembers events forwards it once, and answers the next \
                 one as a duplicate",
            );
        }
    }

    /// The event's id, if the sender gives it one.
    pub fn event_id(&self) -> Option<String> {
        let matches = self.verdict.as_ref().ok()?.matches();
        let id = matches.iter().find_map(|found| found.event_id())?;
        Some(String::from_utf8_lossy(id).into_owned())
    }
}
