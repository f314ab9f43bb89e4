//! `hookwarden senders`.

mod describe;
mod page;
mod search;
pub mod source;

use serde_json::{Value, json};

use super::Verdict;
use super::layout;
use super::registry::{self, Evidence, MadeBy, RetryTime, Sender, ToleranceBy};
use super::terminal::{Failure, Terminal};

/// Searches the senders that are shipped, and shows how one of them signs.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// What the name of the provider or of the sender holds; without words, all are listed.
    words: Vec<String>,
    /// How the result is written.
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// A list of objects, for programs.
    Json,
}

const AFTER_HELP: &str = "\
Examples:
  hookwarden senders                     all of them
  hookwarden senders stripe              how Stripe signs, and a source to copy
  hookwarden senders google              those whose name has this word
  hookwarden senders stripe --format json | jq '.[0].source'

Exit code 1 if no sender is found.";

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    let all = registry::all();
    let found = search::find(&all, &arguments.words);
    if found.is_empty() {
        terminal.error(&unknown(&all, &arguments.words));
        return Ok(Verdict::Bad);
    }
    let text = match (arguments.format, found.as_slice()) {
        (Format::Json, found) => {
            let list: Vec<_> = found.iter().map(|sender| object(sender)).collect();
            format!("{:#}\n", Value::Array(list))
        }
        (Format::Text, [sender]) => page::of(sender, &all),
        (Format::Text, found) => table(found),
    };
    terminal.print(&text)?;
    Ok(Verdict::Good)
}

/// That there is no such sender, and who may have been meant.
pub fn unknown(all: &[Sender], words: &[String]) -> String {
    let near = search::near(all, words);
    let advice = match near.as_slice() {
        [] => "`hookwarden senders` lists all; one that is not there can be described as a \"scheme\", see docs/schemes.md"
            .to_owned(),
        [one] => format!("did you mean {one}?"),
        [others @ .., last] => format!("did you mean {} or {last}?", others.join(", ")),
    };
    format!("no sender is called {:?}; {advice}", words.join(" "))
}

fn table(found: &[&Sender]) -> String {
    let rows: Vec<_> = found
        .iter()
        .map(|sender| {
            let (body, time) = (describe::body(sender), describe::time(sender));
            [
                sender.name.to_owned(),
                sender.title.clone(),
                describe::algorithms(sender),
                body.to_owned(),
                time.to_owned(),
            ]
        })
        .collect();
    layout::table(["PROVIDER", "SENDER", "PROOF", "BODY", "TIME"], &rows)
}

fn evidence(evidence: &Evidence) -> Value {
    json!({ "kind": evidence.kind, "source": evidence.source, "seen": evidence.seen })
}

/// A sender as programs read it.
fn object(sender: &Sender) -> Value {
    let made_by = sender.secret.made_by.map(|made_by| match made_by {
        MadeBy::Sender => "sender",
        MadeBy::You => "you",
        MadeBy::Either => "either",
    });
    let networks = sender.networks.as_ref().map(|networks| json!({ "list": networks.list, "read": networks.read }));
    json!({
        "provider": sender.name,
        "title": sender.title,
        "sender": sender.sender,
        "documentation": sender.documentation,
        "evidence": sender.evidence.iter().map(evidence).collect::<Vec<_>>(),
        "unprotected": sender.unprotected,
        "notes": sender.notes,
        "secret": {
            "hint": sender.secret.hint,
            "made_by": made_by,
            "prefix": match sender.secret.prefixes.as_slice() {
                [] => Value::Null,
                [one] => json!(one),
                several => json!(several),
            },
            "longest": sender.secret.longest,
            "not": sender.secret.not,
        },
        "public_keys": source::takes_public_keys(sender),
        "tolerance_by": sender.tolerance_by.map(|by| match by {
            ToleranceBy::Sender => "sender",
            ToleranceBy::Us => "us",
        }),
        "retries": sender.retries.as_ref().map(|retries| json!({
            "span": retries.span.map(|span| humantime::format_duration(span).to_string()),
            "time": match retries.time {
                RetryTime::Kept => "kept",
                RetryTime::Renewed => "renewed",
                RetryTime::Unknown => "unknown",
            },
            "source": retries.source,
        })),
        "signed_of_head": page::signed_of_head(sender).iter().map(|part| part.word()).collect::<Vec<_>>(),
        "refusal": { "status": sender.refusal_status, "note": sender.refusal },
        "networks": networks,
        "alias": sender.alias,
        "scheme": sender.scheme,
        "variable": source::variable(sender),
        "source": serde_json::from_str::<Value>(&source::text(sender)).unwrap_or_default(),
    })
}
