//! `hookwarden sign`: the request that a sender would make.
//!
//! The interpreter in [`hookwarden::verify`] reads a request from left to right and says whether its scheme holds. This
//! is the way back: take an event of the sender, write time, ids and nonces where the scheme reads them, put the signed
//! content together with the scheme's own template, sign it, and write the signature where it belongs. What comes out is
//! given to the filter's own interpreter before it is shown: a request that is said to be right is taken, and one that
//! was tampered with is refused for the reason that was asked for.

mod arguments;
mod base;
mod body;
mod builder;
mod credential;
mod dialect;
mod entries;
mod error;
mod event;
mod fresh;
mod handshake;
mod http;
mod key;
mod output;
mod plan;
mod rng;
mod ruling;
mod send;
mod signature;
mod tamper;
mod task;
mod token;
mod unusable_key;
mod verifier;
mod writer;

use std::io::{self, Write as _};
use std::time::Duration;

use hookwarden::verify::Denial;
use hookwarden::verify::bytes::json::Json;
use serde_json::json;

use super::Verdict;
use super::clock;
use super::environment::Environment;
use super::given_secret;
use super::http_request::Url;
use super::terminal::{Failure, Terminal};
pub use arguments::Arguments;
use builder::RequestBuilder;
use key::Key;
use output::{Form, Metadata};
use rng::Rng;
use ruling::Judge;
use task::Task;

/// A request that is ready to be judged.
struct Made {
    builder: RequestBuilder,
    metadata: Metadata,
    /// The checks that it is for, with the keys that it is signed with.
    checks: Vec<Json>,
    /// The denial that it is meant for.
    intended: Option<Denial>,
}

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    arguments.check()?;
    let environment = Environment::of_file_and_process(arguments.env_file.as_deref())?;
    let mut rng = Rng::new()?;
    let now = arguments.time()?;
    let mut values = Vec::new();
    let (url, to) = (read_url(arguments.url.as_deref())?, read_url(arguments.send.as_deref())?);
    let task = match &arguments.config {
        Some(path) => Task::source(path, arguments.source.as_deref(), arguments.provider.as_deref(), &environment)?,
        None => {
            let mut with = arguments.values()?;
            let name = arguments.provider.as_deref().unwrap_or_default();
            if arguments.handshake.is_some() {
                (with, values) = handshake::divide(name, with);
            }
            let default = base::default_url(name);
            Task::provider(name, &with, url.as_ref().or(to.as_ref()).or(default.as_ref()))?
        }
    };
    let urls = (url.as_ref(), to.as_ref());
    let given = given_secret::given(&arguments.secret_env, &arguments.secret_file, &environment)?;
    let keys: Vec<Key> = given.into_iter().map(Key::of).collect();
    let mut made = match arguments.handshake {
        Some(number) => {
            let wanted = handshake::Wanted {
                number: usize::try_from(number).unwrap_or(usize::MAX),
                values: &values,
                headers: &arguments.header,
                url: urls.0,
                to: urls.1,
                keys: &keys,
                choice: arguments.choice(),
            };
            let made = handshake::make(&task, &wanted, now, &mut rng)?;
            remark_on_handshake(&task, terminal);
            let metadata = Metadata {
                of: task.of.clone(),
                now,
                expect: "handshake",
                event_id: None,
                public_keys: made.public_keys,
            };
            Made { builder: made.builder, metadata, checks: made.checks, intended: None }
        }
        None => {
            let signed = event::sign(arguments, &task, urls, &keys, now, &mut rng)?;
            signed.remark(&task, terminal);
            let intended = signed.verdict.as_ref().err().copied();
            let metadata = Metadata {
                of: task.of.clone(),
                now,
                expect: intended.map_or("verified", |denial| denial.code()),
                event_id: signed.event_id(),
                public_keys: signed.verifier.public_keys,
            };
            Made { builder: signed.builder, metadata, checks: signed.checks, intended }
        }
    };
    let refusal = made.judge(arguments, &task, &environment, terminal)?;
    let Made { builder, metadata, .. } = made;
    let Some(to) = &to else {
        let form = arguments.form.unwrap_or(Form::Curl);
        // Past the terminal's own writer, which would take out what it holds for colours: a body is bytes.
        let mut out = io::stdout().lock();
        out.write_all(&output::render(form, &builder, &metadata))?;
        out.flush()?;
        return Ok(match refusal {
            Some(refusal) => {
                terminal.error(&refusal);
                Verdict::Bad
            }
            None => Verdict::Good,
        });
    };
    // What the deployment answers tells more than what this configuration would.
    if let Some(refusal) = refusal {
        terminal.note(&format!("note: {refusal}"));
    }
    let options = send::SendOptions {
        to,
        timeout: Duration::from_secs(arguments.timeout),
        authorities: arguments.ca.as_deref(),
        trusts_anybody: arguments.insecure_tls,
    };
    let answer = send::send(&builder, &options)?;
    let text = match arguments.form {
        Some(_) => {
            format!("{:#}\n", json!({ "request": output::json(&builder, &metadata), "answer": answer.json() }))
        }
        None => answer.text(),
    };
    terminal.print(&text)?;
    if answer.is_duplicate() {
        terminal.note(
            "duplicate: the filter verified the request, but it has seen the event before: nothing of it reached the receiver",
        );
    }
    Ok(if answer.is_good() { Verdict::Good } else { Verdict::Bad })
}

impl Made {
    /// Has the filter decide, writes what it says into the metadata, and returns why the request is not treated as it
    /// was meant to be.
    fn judge(
        &mut self,
        arguments: &Arguments,
        task: &Task,
        environment: &Environment,
        terminal: &mut Terminal,
    ) -> Result<Option<String>, Failure> {
        let judge = match &task.configured {
            Some(configured) => {
                Judge::of_source(configured, &task.of.1, &self.checks, &arguments.peer.peer(), environment)?
            }
            // The filter has recognised it already, by a source that takes part in it.
            None if arguments.handshake.is_some() => return Ok(None),
            None => Judge::of_provider(self.checks.clone())?,
        };
        if let Some(note) = judge.unjudged() {
            terminal.note(&note);
        }
        let ruling = judge.decide(&self.builder, self.metadata.now);
        self.metadata.expect = ruling.code;
        if let Some(tamper) = arguments.tamper.filter(|_| ruling.denial.is_some() && ruling.denial == self.intended) {
            terminal.note(&format!("tampered with its {}: expected to be denied as {}", tamper.name(), ruling.code));
            return Ok(None);
        }
        if ruling.refusal.is_some() || arguments.at.is_none() {
            return Ok(ruling.refusal);
        }
        let Some(refusal) = judge.decide(&self.builder, clock::now()).refusal else { return Ok(None) };
        let refusal = format!("sent now, and not at the time of --at: {refusal}");
        if task.configured.is_some() {
            return Ok(Some(refusal));
        }
        terminal.note(&format!("note: {refusal}"));
        Ok(None)
    }
}

/// The same for a handshake.
fn remark_on_handshake(task: &Task, terminal: &mut Terminal) {
    if task.configured.is_some() && task.handshake.is_none() {
        terminal.note(&format!(
            "note: the source {} takes no part in handshakes, so it treats this request as an event; see docs/handshakes.md",
            task.of.1
        ));
    }
}

fn read_url(text: Option<&str>) -> Result<Option<Url>, Failure> {
    text.map(Url::parse).transpose().map_err(Failure::Message)
}
