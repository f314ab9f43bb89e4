//! `hookwarden rotate`.

mod edit;
mod steps;

use hookwarden::config;
use hookwarden::config::problem::Path;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::primitives::timestamp::parse_rfc3339;
use serde_json::json;

use super::Verdict;
use super::config_file::{self, CheckEntry, SecretEntry, SecretList, SourceEntry};
use super::document::Document;
use super::document::cursor::Cursor;
use super::document::value::Value;
use super::layout::{self, wrap};
use super::terminal::{Failure, Terminal};
use super::{clock, input};
use steps::Rotation;

/// Prints the next configuration for rotating a secret, and the steps, in an order that loses no event.
///
/// Only one entry of that secret's list changes; every other byte stays as it is. The steps go to standard error.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The plugin's configuration, as JSON; - is standard input.
    file: String,
    /// The source whose secret is changed.
    #[arg(long, value_name = "NAME")]
    source: String,
    /// The list of secrets, if the source has several, such as verify[1].secrets.
    #[arg(long, value_name = "PATH")]
    list: Option<String>,
    /// The variable that will hold the new secret [default: the old one's name and the month].
    #[arg(long, value_name = "NAME", conflicts_with = "finish")]
    new_env: Option<String>,
    /// The new secret's name in metrics and logs [default: the month].
    #[arg(long, value_name = "ID", conflicts_with = "finish")]
    new_id: Option<String>,
    /// The old secret, if the list has several; the id of one without is its position, counted from 1.
    #[arg(long, value_name = "ID")]
    old_id: Option<String>,
    /// Makes the old secret expire at this time, such as 2026-12-31T00:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "finish")]
    until: Option<String>,
    /// Removes the old secret instead of adding a new one: the last step.
    #[arg(long)]
    finish: bool,
    /// The output format.
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// The configuration, and the steps on standard error.
    Text,
    /// One object with the configuration and the steps.
    Json,
}

const AFTER_HELP: &str = "\
Examples:
  hookwarden rotate hookwarden.json --source github > next.json
  hookwarden rotate hookwarden.json --source github --new-env GITHUB_SECRET_B --new-id b --until 2026-12-31T00:00:00Z
  hookwarden rotate next.json --source github --finish --old-id 2025-11 > last.json
  hookwarden rotate hookwarden.json --source mailgun --list 'verify[1].secrets'";

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    let text = String::from_utf8(input::read_configuration(&arguments.file)?)
        .map_err(|_| failure(format!("{}: not UTF-8", arguments.file)))?;
    if let Some(problems) = problems(&text) {
        return Err(failure(format!(
            "{} is no valid configuration of the plugin as JSON:{problems}\nOf a proxy's configuration, take the \
             plugin's own out of it; `hookwarden check` finds it there and says more",
            arguments.file
        )));
    }
    if arguments.until.as_deref().and_then(parse_rfc3339).is_some_and(|until| until <= clock::now()) {
        return Err(failure(
            "--until is in the past, where the old secret would end before the new one is anywhere; say a time by which \
             the sender signs with the new one, or leave --until out and run this with --finish later",
        ));
    }
    let document = Document::of_json(&arguments.file, text.clone())
        .map_err(|error| failure(format!("{}: {}", arguments.file, error.message)))?;
    let sources = config_file::sources(&Json::parse(text.as_bytes()).unwrap_or(Json::Null), &|_| None);
    let source = source(&sources, &arguments.source)?;
    let (check, list) = list(source, arguments)?;
    let entries = list.secrets.as_slice();
    let old = old(list, arguments)?;
    let Some(old_entry) = entries.get(old) else { return Err(failure("the list has no such secret")) };
    let value = |path: &Path| {
        let found = Cursor::root(&document).find(path).map(|cursor| cursor.value);
        found.ok_or_else(|| failure(format!("{path} cannot be found in the file")))
    };
    let is_fetched = |entry: &Value| ["jwks", "jwk", "x509"].iter().any(|kind| entry.get(kind).is_some());
    if value(&list.path)?.elements().iter().any(is_fetched) {
        return Err(failure(format!(
            "{} is fetched from where the sender publishes its keys: there is nothing to rotate",
            list.place
        )));
    }
    if old_entry.is_live() && !arguments.finish {
        return Err(failure(
            "this secret is live: change it where it is kept, beside the old one, and nothing in the configuration \
             (docs/live-secrets.md#rotating)",
        ));
    }
    let (next, new_id, new_env) = if arguments.finish {
        let mut kept = entries.iter().enumerate().filter(|(at, _)| *at != old).map(|(_, entry)| entry);
        let Some(kept) = kept.next_back() else {
            return Err(failure(
                "this is the only secret of the list, and without it nothing could be verified; add the new one first: run \
                 this without --finish",
            ));
        };
        (edit::removed(&text, value(&list.path)?, old), kept.id.clone(), kept.env.clone())
    } else {
        let new_id = arguments.new_id.clone().unwrap_or_else(|| free_id(entries));
        let new_env = arguments.new_env.clone().unwrap_or_else(|| free_variable(old_entry, arguments, &text));
        refuse_taken(entries, &new_id, &new_env)?;
        let entry = format!("{{ \"id\": {}, \"env\": {} }}", json!(new_id), json!(new_env));
        let added = edit::added(&text, value(&list.path)?, &entry);
        let old_value = value(&old_entry.path)?;
        let added = added.and_then(|next| match &arguments.until {
            // What is added follows the old entry, which therefore is where it was.
            Some(until) => edit::extended(&next, old_value, "not_after", until),
            None => Some(next),
        });
        (added, new_id, Some(new_env))
    };
    let next = next.ok_or_else(|| failure("the list cannot be changed"))?;
    if let Some(problems) = problems(&next) {
        return Err(failure(format!("with that, the next configuration would not be valid:{problems}")));
    }
    let several = source.lists().count() > 1;
    let rotation = Rotation {
        file: &arguments.file,
        source: &arguments.source,
        list: several.then_some(list.place.as_str()),
        provider: check.provider.as_deref(),
        is_public: check.public_keys,
        old_id: &old_entry.id,
        old_env: old_entry.env.as_deref(),
        new_id: &new_id,
        new_env: new_env.as_deref(),
    };
    let steps = if arguments.finish { rotation.to_finish() } else { rotation.to_add() };
    match arguments.format {
        Format::Text => {
            terminal.print(&next)?;
            terminal.note(&numbered(&steps));
        }
        Format::Json => {
            let id_and_env = |id: &str, env: Option<&str>| json!({ "id": id, "env": env });
            let object = json!({
                "source": arguments.source,
                "list": list.place,
                "old": id_and_env(&old_entry.id, old_entry.env.as_deref()),
                "new": id_and_env(&new_id, new_env.as_deref()),
                "configuration": next,
                "steps": steps,
            });
            terminal.print(&format!("{object:#}\n"))?;
        }
    }
    Ok(Verdict::Good)
}

fn failure(message: impl Into<String>) -> Failure {
    Failure::Message(message.into())
}

/// Every problem of a configuration, if it has any. Variables are not looked up: they are the proxy's, not ours.
fn problems(text: &str) -> Option<String> {
    let problems = config::load(text.as_bytes(), &|_| None).err()?;
    Some(problems.iter().map(|problem| format!("\n  {problem}")).collect())
}

fn source<'a>(sources: &'a [SourceEntry], name: &str) -> Result<&'a SourceEntry, Failure> {
    sources.iter().find(|source| source.name == name).ok_or_else(|| {
        let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        failure(format!("there is no source of this name; there are {}", names.join(", ")))
    })
}

fn list<'a>(source: &'a SourceEntry, arguments: &Arguments) -> Result<(&'a CheckEntry, &'a SecretList), Failure> {
    let choice: Vec<_> = source.lists().map(|(_, list)| format!("--list '{}'", list.place)).collect();
    let choice = choice.join(" or ");
    let mut all = source.lists();
    match (&arguments.list, source.lists().count()) {
        (Some(place), _) => all
            .find(|(_, list)| list.place == *place)
            .ok_or_else(|| failure(format!("the source has no such list; say {choice}"))),
        (None, 0 | 1) => all.next().ok_or_else(|| failure("the source has no secrets")),
        (None, _) => Err(failure(format!("the source has several lists of secrets; say {choice}"))),
    }
}

/// Which entry is the old one: the only one that there is; while two are valid, the one that has an end.
fn old(list: &SecretList, arguments: &Arguments) -> Result<usize, Failure> {
    let (entries, place) = (list.secrets.as_slice(), &list.place);
    let ids = || entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(id) = &arguments.old_id {
        let position = entries.iter().position(|entry| entry.id == *id);
        return position.ok_or_else(|| failure(format!("{place} has no secret of this id; it has {}", ids())));
    }
    let ends = |entry: &SecretEntry| entry.validity.not_after.is_some();
    let candidates: Vec<_> = entries.iter().enumerate().filter(|(_, entry)| ends(entry) == arguments.finish).collect();
    match (entries, candidates.as_slice()) {
        ([_], _) => Ok(0),
        (_, [(position, _)]) => Ok(*position),
        _ => Err(failure(format!(
            "{place} has several secrets; say which one is the old one: --old-id, one of {}",
            ids()
        ))),
    }
}

/// A name that no entry has: the month, the day, or with a number.
fn free_id(entries: &[SecretEntry]) -> String {
    let is_free = |id: &String| entries.iter().all(|entry| entry.id != *id);
    let numbered = (2_u32..).map(|number| format!("{}-{number}", clock::date()));
    [clock::month(), clock::date()].into_iter().chain(numbered).find(is_free).unwrap_or_default()
}

/// A variable that the configuration does not name: the old one's, with the month in place of an earlier one.
fn free_variable(old: &SecretEntry, arguments: &Arguments, text: &str) -> String {
    let own = format!("{}_SECRET", arguments.source.to_uppercase().replace('-', "_"));
    let stem = old.env.as_deref().unwrap_or(&own);
    let stem = stem.trim_end_matches(|char: char| char.is_ascii_digit() || char == '_');
    let stem = ["_OLD", "_NEW"].iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem);
    // A variable's name does not begin with a digit, and a source's may.
    let stem =
        if stem.starts_with(|char: char| char.is_ascii_digit()) { format!("HOOK_{stem}") } else { stem.to_owned() };
    let with = |date: String| format!("{stem}_{}", date.replace('-', "_"));
    let numbered = (2_u32..).map(|number| format!("{}_{number}", with(clock::date())));
    let is_free = |name: &String| !text.contains(name.as_str());
    [with(clock::month()), with(clock::date())].into_iter().chain(numbered).find(is_free).unwrap_or_default()
}

fn refuse_taken(entries: &[SecretEntry], id: &str, env: &str) -> Result<(), Failure> {
    if entries.iter().any(|entry| entry.env.as_deref() == Some(env)) {
        return Err(failure(format!(
            "{env} holds an old secret, which must stay there until the end; give the new one a variable of its own: --new-env"
        )));
    }
    if entries.iter().any(|entry| entry.id == id) {
        return Err(failure("an old secret has this id; the new one needs its own, to be told from it: --new-id"));
    }
    Ok(())
}

fn numbered(steps: &[String]) -> String {
    let mut page = String::new();
    for (number, step) in (1_usize..).zip(steps) {
        for (line, text) in wrap(step, layout::WIDTH.saturating_sub(4)).iter().enumerate() {
            let mark = if line == 0 { format!("{number}.") } else { String::new() };
            page.push_str(&format!("{mark:<3} {text}\n"));
        }
    }
    page.trim_end().to_owned()
}
