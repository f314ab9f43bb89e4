//! `hookwarden sign`: the request that a sender would make.
//!
//! The interpreter in [`hookwarden::verify`] reads a request from left to right and says whether its scheme holds. This
//! is the way back: take an event of the sender, write time, ids and nonces where the scheme reads them, put the signed
//! content together with the scheme's own template, sign it, and write the signature where it belongs. What comes out is
//! given to the filter's own interpreter before it is shown: a request that is said to be right is taken, and one that
//! was tampered with is refused for the reason that was asked for.

mod base;
mod body;
mod builder;
mod credential;
mod dialect;
mod entries;
mod error;
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
use std::path::PathBuf;
use std::time::Duration;

use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Denial, Verified};
use serde_json::json;

use super::Verdict;
use super::arguments;
use super::clock;
use super::environment::Environment;
use super::explain::peer::{Peer, PeerArguments};
use super::given_secret;
use super::http_request::Url;
use super::terminal::{Failure, Terminal};
use builder::RequestBuilder;
use error::Error;
use key::Key;
use output::{Form, Metadata};
use plan::{Options, Plan};
use rng::Rng;
use ruling::Judge;
use tamper::Tamper;
use task::{Configured, Task};
use verifier::Verifier;

/// How long `--send` waits for the answer, in seconds.
const TIMEOUT: u64 = 30;

const EXAMPLES: &str = "\
Examples:
  hookwarden sign --provider stripe --secret-env STRIPE_WEBHOOK_SECRET
  hookwarden sign --provider github --secret-file secret.txt --body event.json --header 'X-GitHub-Event: push' --as http
  hookwarden sign --config hookwarden.json --source stripe --env-file .env --send http://localhost:10000
  hookwarden sign --provider slack --secret-env SLACK_SIGNING_SECRET --tamper timestamp --send https://hooks.example.com/slack
  openssl genpkey -algorithm ed25519 -out key.pem && hookwarden sign --provider discord --secret-file key.pem --as json

Secrets are never arguments: name the environment variable or the file that holds one.
Exit codes: 0 the request is made, or was answered with 2xx; 1 the source refuses it, or it was answered otherwise or as a
duplicate; 2 it cannot be made or sent.";

/// Makes the request that a sender would make, correctly signed or with exactly one mistake
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The provider (`hookwarden senders` lists them); with --config, selects the source that uses it
    #[arg(long, value_name = "NAME", required_unless_present = "config")]
    provider: Option<String>,
    /// A configuration; the request is made for one of its sources; - is standard input
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The source of the configuration [default: the only one]
    #[arg(long, value_name = "NAME", requires = "config")]
    source: Option<String>,

    /// The environment variable with the secret or the private key; repeat it for each check of a source
    #[arg(long, value_name = "NAME", help_heading = "Secrets")]
    secret_env: Vec<String>,
    /// The file with the secret or the private key; - is standard input
    #[arg(long, value_name = "FILE", help_heading = "Secrets")]
    secret_file: Vec<PathBuf>,
    /// A file of NAME=value lines, which take precedence over the environment
    #[arg(long, value_name = "FILE", help_heading = "Secrets")]
    env_file: Option<String>,
    /// The id of the secret in the configuration [default: the first that is valid and known]
    #[arg(long, value_name = "ID", requires = "config", help_heading = "Secrets")]
    secret_id: Option<String>,
    /// The name of the list, for a check with "secrets_by" [default: the first]
    #[arg(long, value_name = "NAME", requires = "config", help_heading = "Secrets")]
    secrets_of: Option<String>,

    /// The body; - is standard input [default: a sample event of the sender]
    #[arg(long, value_name = "FILE", help_heading = "The request")]
    body: Option<PathBuf>,
    /// The URL that the sender calls
    #[arg(long, value_name = "URL", help_heading = "The request")]
    url: Option<String>,
    /// The method
    #[arg(long, value_name = "METHOD", value_parser = arguments::method, help_heading = "The request")]
    method: Option<String>,
    /// Adds or replaces a header
    #[arg(long, short = 'H', value_name = "NAME: VALUE", help_heading = "The request")]
    header: Vec<String>,
    /// A value that the provider's scheme needs, such as public_url
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "config", help_heading = "The request")]
    with: Vec<String>,
    /// The time of signing: 2026-11-21T10:00:00Z, seconds or milliseconds since 1970, or -10m [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "The request")]
    at: Option<String>,
    /// The event's id [default: a new one every time]
    #[arg(long, value_name = "ID", help_heading = "The request")]
    event_id: Option<String>,
    /// The number of the dialect, for a sender that writes its proof in several ways, counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "The request")]
    dialect: Option<u32>,
    /// Makes the request by which the sender checks an endpoint, not an event; =N selects the N-th of several
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        value_parser = clap::value_parser!(u32).range(1..),
        conflicts_with_all = ["body", "method", "event_id", "dialect", "tamper"],
        help_heading = "The request"
    )]
    handshake: Option<u32>,
    /// Makes exactly one mistake
    #[arg(long, value_name = "WHAT", help_heading = "The request")]
    tamper: Option<Tamper>,

    #[command(flatten, next_help_heading = "The connection, with --config")]
    peer: PeerArguments,

    /// The output format
    #[arg(long = "as", value_name = "FORM", help_heading = "Output")]
    form: Option<Form>,
    /// Sends the request and shows the answer; a URL without a path keeps the request's; --as json shows both
    #[arg(long, value_name = "URL", help_heading = "Output")]
    send: Option<String>,
    /// The timeout for the answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Output")]
    timeout: u64,
    /// Trusts the certificates in this file instead of the system's
    #[arg(long, value_name = "FILE", requires = "send", help_heading = "Output")]
    ca: Option<PathBuf>,
    /// Accepts any certificate: an attacker on the network can read the request, which may contain a credential
    #[arg(long, requires = "send", conflicts_with = "ca", help_heading = "Output")]
    insecure_tls: bool,
}

/// A request that is ready to be judged.
struct Made {
    builder: RequestBuilder,
    metadata: Metadata,
    /// The checks that it is for, with the keys that it is signed with.
    checks: Vec<Json>,
    /// The denial that it is meant for.
    intended: Option<Denial>,
}

/// A request that was signed, and the verdict on its proof.
struct Signed {
    builder: RequestBuilder,
    verdict: Result<Verified, Denial>,
    verifier: Verifier,
    /// Whether the proof covers a part of the body only.
    is_partly_open: bool,
    /// Whether the next request with this body is the same event.
    repeats: bool,
    /// The checks that it is for, with the keys that it is signed with.
    checks: Vec<Json>,
}

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    check_standard_input(arguments)?;
    if let (Some(_), Some(Form::Curl | Form::Http | Form::Har)) = (&arguments.send, arguments.form) {
        return Err(Failure::Message("--send shows the answer; with it, --as is json or nothing".to_owned()));
    }
    if arguments.config.is_none() && arguments.peer.peer() != Peer::default() {
        return Err(Failure::Message(
            "--client-address, --tls and --client-certificate say how the client came to a source: name it with --config"
                .to_owned(),
        ));
    }
    let environment = Environment::of_file_and_process(arguments.env_file.as_deref())?;
    let mut rng = Rng::new()?;
    let now = match &arguments.at {
        Some(text) => clock::read_relative(text, clock::now()).ok_or_else(|| {
            Failure::Message(format!(
                "--at {text}: not a time; use 2026-11-21T10:00:00Z, seconds since 1970, or a distance from now such as -10m"
            ))
        })?,
        None => clock::now(),
    };
    let mut values = Vec::new();
    let (url, to) = (read_url(arguments.url.as_deref())?, read_url(arguments.send.as_deref())?);
    let task = match &arguments.config {
        Some(path) => Task::source(path, arguments.source.as_deref(), arguments.provider.as_deref(), &environment)?,
        None => {
            let mut with = read_with(&arguments.with)?;
            let name = arguments.provider.as_deref().unwrap_or_default();
            if arguments.handshake.is_some() {
                (with, values) = handshake::divide(name, with);
            }
            let default = base::default_url(name);
            Task::provider(name, &with, url.as_ref().or(to.as_ref()).or(default.as_ref()))?
        }
    };
    let urls = (url.as_ref(), to.as_ref());
    let mut made = match arguments.handshake {
        Some(number) => {
            let keys = given_keys(arguments, &environment)?;
            let wanted = handshake::Wanted {
                number: usize::try_from(number).unwrap_or(usize::MAX),
                values: &values,
                headers: &arguments.header,
                url: urls.0,
                to: urls.1,
                keys: &keys,
                choice: (arguments.secrets_of.as_deref(), arguments.secret_id.as_deref()),
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
            let signed = sign(arguments, &task, urls, &environment, now, &mut rng)?;
            remark(&task, &signed, terminal);
            let intended = signed.verdict.as_ref().err().copied();
            let metadata = Metadata {
                of: task.of.clone(),
                now,
                expect: intended.map_or("verified", |denial| denial.code()),
                event_id: event_id(&signed),
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

fn sign(
    arguments: &Arguments,
    task: &Task,
    (url, to): (Option<&Url>, Option<&Url>),
    environment: &Environment,
    now: UnixTime,
    rng: &mut Rng,
) -> Result<Signed, Failure> {
    let given = given_keys(arguments, environment)?;
    let choice = (arguments.secrets_of.as_deref(), arguments.secret_id.as_deref());
    let plan = Plan::new(task, &given, choice, now)?;
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

/// What the operator should know about the request beside itself.
fn remark(task: &Task, signed: &Signed, terminal: &mut Terminal) {
    if signed.is_partly_open {
        terminal.note(
            "note: this sender signs only part of the body, and the change is in that part; the rest is unprotected",
        );
    }
    if signed.repeats && task.configured.as_ref().is_none_or(Configured::remembers_events) {
        terminal.note(
            "note: the same body is the same event: a source that remembers events forwards it once, and answers the next one \
             as a duplicate",
        );
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

fn event_id(signed: &Signed) -> Option<String> {
    let matches = signed.verdict.as_ref().ok()?.matches();
    let id = matches.iter().find_map(|found| found.event_id())?;
    Some(String::from_utf8_lossy(id).into_owned())
}

/// The keys that the arguments name, in their order.
fn given_keys(arguments: &Arguments, environment: &Environment) -> Result<Vec<Key>, Failure> {
    let given = given_secret::given(&arguments.secret_env, &arguments.secret_file, environment)?;
    Ok(given.into_iter().map(Key::of).collect())
}

/// Standard input can be read once.
fn check_standard_input(arguments: &Arguments) -> Result<(), Failure> {
    let files = arguments.secret_file.iter().chain(&arguments.body).chain(&arguments.config);
    if files.filter(|path| path.to_str() == Some("-")).count() > 1 {
        return Err(Failure::Message(
            "only one of --config, --body and --secret-file can be standard input".to_owned(),
        ));
    }
    Ok(())
}

fn read_url(text: Option<&str>) -> Result<Option<Url>, Failure> {
    text.map(Url::parse).transpose().map_err(Failure::Message)
}

fn read_with(pairs: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let pairs = pairs.iter().map(|pair| match pair.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Failure::Message(format!("--with {pair}: not NAME=VALUE"))),
    });
    pairs.collect()
}
