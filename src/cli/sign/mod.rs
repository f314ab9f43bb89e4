//! `hookwarden sign`: the request that a sender would make.
//!
//! The interpreter in [`hookwarden::verify`] reads a request from left to right and says whether its scheme holds. This
//! is the way back: take an event of the sender, write time, ids and nonces where the scheme reads them, put the signed
//! content together with the scheme's own template, sign it, and write the signature where it belongs. What comes out is
//! given to the filter's own interpreter before it is shown: a request that is said to be right is taken, and one that
//! was tampered with is refused for the reason that was asked for.

mod base;
mod body;
mod chance;
mod credential;
mod draft;
mod entries;
mod forge;
mod http;
mod key;
mod making;
mod output;
mod plan;
mod proof;
mod secrets;
mod send;
mod signature;
mod tamper;
mod task;
mod token;
mod trouble;
mod when;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use hookwarden::verify::timestamp::UnixTime;
use hookwarden::verify::{Denial, Verified};
use serde_json::json;

use super::Verdict;
use super::clock;
use super::terminal::{Failure, Terminal};
use chance::Chance;
use draft::{Draft, Url};
use output::{About, Form};
use plan::{Plan, Wishes};
use proof::Proof;
use secrets::Variables;
use tamper::Tamper;
use task::Task;
use trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  hookwarden sign --provider stripe --secret-env STRIPE_WEBHOOK_SECRET
  hookwarden sign --provider github --secret-file secret.txt --body event.json --header 'X-GitHub-Event: push' --as http
  hookwarden sign --config hookwarden.json --source stripe --env-file .env --send http://localhost:10000
  hookwarden sign --provider slack --secret-env SLACK_SIGNING_SECRET --tamper timestamp --send https://hooks.example.com/slack
  openssl genpkey -algorithm ed25519 -out key.pem && hookwarden sign --provider discord --secret-file key.pem --as json

Secrets are never arguments: name the environment variable or the file that holds one.
Exit codes: 0 the request is made, or was answered with 2xx; 1 it was answered otherwise; 2 it cannot be made or sent.";

/// Makes a correctly signed request of a sender, or one that is wrong in exactly one way
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The sender, as `hookwarden senders` names it; with --config, the source that uses it
    #[arg(long, value_name = "NAME", required_unless_present = "config")]
    provider: Option<String>,
    /// A configuration, whose source is tried with its own scheme, path and secrets; - is standard input
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The source of the configuration; the only one if there is one
    #[arg(long, value_name = "NAME", requires = "config")]
    source: Option<String>,

    /// The environment variable that holds the secret, or the private key; again for every further check of a source
    #[arg(long, value_name = "NAME", help_heading = "Secrets")]
    secret_env: Vec<String>,
    /// The file that holds the secret, or the private key; - is standard input
    #[arg(long, value_name = "FILE", help_heading = "Secrets")]
    secret_file: Vec<PathBuf>,
    /// A file of lines NAME=value, read before the environment
    #[arg(long, value_name = "FILE", help_heading = "Secrets")]
    env_file: Option<PathBuf>,
    /// The secret of the configuration, by its id; the first that is valid and known otherwise
    #[arg(long, value_name = "ID", requires = "config", help_heading = "Secrets")]
    secret_id: Option<String>,
    /// Of a check with "secrets_by", the name of the list; the first otherwise
    #[arg(long, value_name = "NAME", requires = "config", help_heading = "Secrets")]
    secrets_of: Option<String>,

    /// The body; - is standard input; an event of the sender otherwise
    #[arg(long, value_name = "FILE", help_heading = "The request")]
    body: Option<PathBuf>,
    /// The URL that the sender calls
    #[arg(long, value_name = "URL", help_heading = "The request")]
    url: Option<String>,
    /// The method
    #[arg(long, value_name = "METHOD", help_heading = "The request")]
    method: Option<String>,
    /// A further header, or another value of one
    #[arg(long, short = 'H', value_name = "NAME: VALUE", help_heading = "The request")]
    header: Vec<String>,
    /// A value that the provider's scheme needs, such as public_url
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "config", help_heading = "The request")]
    with: Vec<String>,
    /// When it is signed: 2026-11-21T10:00:00Z, seconds or milliseconds since 1970, or -10m
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "The request")]
    at: Option<String>,
    /// The event's id; another one every time otherwise
    #[arg(long, value_name = "ID", help_heading = "The request")]
    event_id: Option<String>,
    /// Of the ways in which the sender writes its proof, which one, counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "The request")]
    dialect: Option<u32>,
    /// Makes it wrong in exactly one way
    #[arg(long, value_name = "WHAT", help_heading = "The request")]
    tamper: Option<Tamper>,

    /// How it is shown
    #[arg(long = "as", value_name = "FORM", help_heading = "Output")]
    form: Option<Form>,
    /// Sends it, and shows the answer; at its own path, or the request's if it has none; with --as json both are shown
    #[arg(long, value_name = "URL", help_heading = "Output")]
    send: Option<String>,
    /// How many seconds an answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Output")]
    timeout: u64,
    /// Trusts the certificates in this file instead of the usual ones
    #[arg(long, value_name = "FILE", requires = "send", help_heading = "Output")]
    ca: Option<PathBuf>,
    /// Takes any certificate: whoever stands between reads the request, which may hold a credential
    #[arg(long, requires = "send", conflicts_with = "ca", help_heading = "Output")]
    insecure_tls: bool,
}

/// A request that was made, and the verdict that it is made for.
struct Signed {
    draft: Draft,
    verdict: Result<Verified, Denial>,
    proof: Proof,
    /// Whether the proof covers a part of the body only.
    is_partly_open: bool,
}

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    check_standard_input(arguments)?;
    if let (Some(_), Some(Form::Curl | Form::Http | Form::Har)) = (&arguments.send, arguments.form) {
        return Err(Failure::Told("--send shows the answer; with it, --as is json or nothing".to_owned()));
    }
    let variables = Variables::read(arguments.env_file.as_deref())?;
    let mut chance = Chance::new()?;
    let now = match &arguments.at {
        Some(text) => when::read(text, clock::now())?,
        None => clock::now(),
    };
    let (url, to) = (read_url(arguments.url.as_deref())?, read_url(arguments.send.as_deref())?);
    let task = match &arguments.config {
        Some(path) => Task::source(path, arguments.source.as_deref(), arguments.provider.as_deref(), &variables)?,
        None => {
            let with = read_with(&arguments.with)?;
            let name = arguments.provider.as_deref().unwrap_or_default();
            let default = base::default_url(name);
            Task::provider(name, &with, url.as_ref().or(to.as_ref()).or(default.as_ref()))?
        }
    };
    let signed = sign(arguments, &task, (url.as_ref(), to.as_ref()), &variables, now, &mut chance)?;
    remark(arguments, &task, &signed, now, terminal);

    let about = About {
        of: task.of.clone(),
        now,
        expect: signed.verdict.as_ref().err().map_or("verified", |denial| denial.code()),
        event_id: event_id(&signed),
        public_keys: signed.proof.public_keys.clone(),
    };
    let Some(to) = &to else {
        let form = arguments.form.unwrap_or(Form::Curl);
        // Past the terminal's own writer, which would take out what it holds for colours: a body is bytes.
        let mut out = io::stdout().lock();
        out.write_all(&output::written(form, &signed.draft, &about))?;
        return Ok(out.flush().map(|()| Verdict::Good)?);
    };
    let way = send::Way {
        to,
        timeout: Duration::from_secs(arguments.timeout),
        authorities: arguments.ca.as_deref(),
        trusts_anybody: arguments.insecure_tls,
    };
    let answer = send::send(&signed.draft, &way)?;
    let text = match arguments.form {
        Some(_) => {
            format!("{:#}\n", json!({ "request": output::json(&signed.draft, &about), "answer": answer.json() }))
        }
        None => answer.text(),
    };
    terminal.print(&text)?;
    Ok(if answer.is_good() { Verdict::Good } else { Verdict::Bad })
}

fn sign(
    arguments: &Arguments,
    task: &Task,
    (url, to): (Option<&Url>, Option<&Url>),
    variables: &Variables,
    now: UnixTime,
    chance: &mut Chance,
) -> Result<Signed, Failure> {
    let given = secrets::given(&arguments.secret_env, &arguments.secret_file, variables)?;
    let choice = (arguments.secrets_of.as_deref(), arguments.secret_id.as_deref());
    let plan = Plan::new(task, &given, choice, now)?;
    let wishes = Wishes {
        event_id: arguments.event_id.clone(),
        keeps_body: arguments.body.is_some(),
        dialect: arguments.dialect.and_then(|number| usize::try_from(number.saturating_sub(1)).ok()),
        tamper: arguments.tamper,
    };
    if wishes.event_id.is_some() && !base::has_event_id(task) {
        return Err(Failure::Told(
            "--event-id: this sender's scheme names no event id that is signed; put yours where it belongs with --header \
             or in the --body"
                .to_owned(),
        ));
    }
    let mut bases = base::bases(task, url, to, arguments.body.as_deref())?;
    for draft in &mut bases {
        base::dress(draft, arguments.method.as_deref(), &arguments.header)?;
        for step in &plan.steps {
            base::choose_list(draft, step, url.is_some())?;
        }
        if let Some(at) = &task.replay_id {
            plan::write_replay_id(draft, at, &wishes, chance)?;
        }
    }
    let proof = plan.proof()?;
    let mut draft = plan.make(&bases, &wishes, now, chance)?;
    let mut verdict = proof.judge(&draft, now);
    let mut is_partly_open = false;
    if arguments.tamper == Some(Tamper::Body) {
        let changed = tamper::with_other_body(&draft, &plan.signatures_in_body(&draft), &proof, now)?;
        is_partly_open = changed.is_partly_open;
        (draft, verdict) = (changed.draft, Err(changed.denial));
    }
    match (arguments.tamper, &verdict) {
        (None, Ok(_)) => {}
        (Some(tamper), Err(denial)) if tamper.explains(*denial) => {}
        (None, Err(denial)) => {
            return Err(Trouble::denied(*denial, "the request that came out would be refused").into());
        }
        (Some(tamper), verdict) => {
            let verdict = verdict.as_ref().err().map_or("verified", |denial| denial.code());
            return Err(Failure::Told(format!(
                "this sender's request cannot be wrong in its {} alone: {verdict}",
                tamper.name()
            )));
        }
    }
    Ok(Signed { draft, verdict, proof, is_partly_open })
}

/// What the operator should know about the request beside itself.
fn remark(arguments: &Arguments, task: &Task, signed: &Signed, now: UnixTime, terminal: &mut Terminal) {
    if let (Some(tamper), Err(denial)) = (arguments.tamper, &signed.verdict) {
        terminal.note(&format!("wrong on purpose in its {}: to be refused as {}", tamper.name(), denial.code()));
    }
    if signed.is_partly_open {
        terminal.note(
            "remark: this sender covers a part of the body only, and what was changed is in it; the rest is open",
        );
    }
    let Some(configured) = &task.configured else { return };
    let (authority, path) = (signed.draft.url.authority.as_bytes(), signed.draft.url.path().as_bytes());
    match configured.policy.routes.find(authority, path) {
        Ok(found) if found == configured.position => {}
        _ => terminal.note(&format!(
            "remark: {} is not what the source {} matches; --url or --send names another place",
            signed.draft.url, task.of.1
        )),
    }
    if arguments.tamper.is_none()
        && let Some(requirement) = configured.requirement()
        && proof::judge(requirement, &signed.draft, now).is_err()
    {
        let what = if signed.proof.public_keys.is_empty() {
            "the secret that was given is none of the configuration's"
        } else {
            "the public half of the key that was given is none of the configuration's \"keys\"; --as json shows it"
        };
        terminal.note(&format!("remark: {what}: the source as it is configured refuses this request"));
    }
}

fn event_id(signed: &Signed) -> Option<String> {
    let matches = signed.verdict.as_ref().ok()?.matches();
    let id = matches.iter().find_map(|found| found.event_id())?;
    Some(String::from_utf8_lossy(id).into_owned())
}

/// Standard input can be read once.
fn check_standard_input(arguments: &Arguments) -> Result<(), Failure> {
    let files = arguments.secret_file.iter().chain(&arguments.body).chain(&arguments.config);
    if files.filter(|path| path.to_str() == Some("-")).count() > 1 {
        return Err(Failure::Told("only one of --config, --body and --secret-file can be standard input".to_owned()));
    }
    Ok(())
}

fn read_url(text: Option<&str>) -> Result<Option<Url>, Failure> {
    Ok(text.map(Url::parse).transpose()?)
}

fn read_with(pairs: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let pairs = pairs.iter().map(|pair| match pair.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Failure::Told(format!("--with {pair}: is no NAME=VALUE"))),
    });
    pairs.collect()
}
