//! `hookwarden senders`.

mod describe;
mod page;
mod search;
pub mod source;

use serde_json::{Value, json};

use super::Verdict;
use super::handshake;
use super::layout;
use super::registry::{self, Evidence, MadeBy, RetryTime, Sender, ToleranceBy};
use super::terminal::{Failure, Terminal};

/// Searches the built-in senders, and shows how one of them signs.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Words in the name of the provider or the sender; without any, all are listed.
    words: Vec<String>,
    /// Only those that check an endpoint before they send events, and what a source needs to answer them.
    #[arg(long)]
    handshakes: bool,
    /// Only the networks that they publish, one per line, for a firewall; "allow_from": "provider" stands for them.
    #[arg(long, conflicts_with = "handshakes")]
    networks: bool,
    /// The output format.
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
  hookwarden senders --handshakes        those that check an endpoint first
  hookwarden senders stripe --networks   the addresses that it calls from
  hookwarden senders stripe --format json | jq '.[0].source'

Exit code 1 if no sender is found.";

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    let all = registry::all();
    let mut found = search::find(&all, &arguments.words);
    if found.is_empty() {
        terminal.error(&unknown(&all, &arguments.words));
        return Ok(Verdict::Bad);
    }
    if arguments.handshakes {
        found.retain(|sender| handshake::of_provider(sender.name).is_some());
        if found.is_empty() {
            terminal.error("none of these senders makes a handshake");
            return Ok(Verdict::Bad);
        }
    }
    if arguments.networks {
        found.retain(|sender| sender.networks.is_some());
        if found.is_empty() {
            terminal.error("none of these senders publishes its networks, as far as we know");
            return Ok(Verdict::Bad);
        }
    }
    let text = match (arguments.format, found.as_slice()) {
        (Format::Json, found) => {
            let list: Vec<_> = found.iter().map(|sender| object(sender)).collect();
            format!("{:#}\n", Value::Array(list))
        }
        (Format::Text, found) if arguments.networks => networks(found, terminal),
        (Format::Text, [sender]) => page::of(sender, &all),
        (Format::Text, found) if arguments.handshakes => table_of_handshakes(found),
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

/// The networks of one sender as a list, and of several with their names. When and where they were read is a remark, so
/// that the list can be used as it is.
fn networks(found: &[&Sender], terminal: &mut Terminal) -> String {
    let published = || found.iter().filter_map(|sender| Some((sender.name, sender.networks.as_ref()?)));
    for (name, networks) in published() {
        let from = if networks.source.is_empty() { String::new() } else { format!(" from {}", networks.source) };
        terminal.note(&format!("{name}: read on {}{from}", networks.read));
    }
    if let [_] = found {
        let lines = published().flat_map(|(_, networks)| &networks.list);
        return lines.map(|network| format!("{network}\n")).collect();
    }
    let rows: Vec<_> = published()
        .flat_map(|(name, networks)| networks.list.iter().map(|network| [name.to_owned(), network.clone()]))
        .collect();
    layout::table(["PROVIDER", "NETWORK"], &rows)
}

fn table_of_handshakes(found: &[&Sender]) -> String {
    let mut rows = Vec::new();
    for sender in found {
        let Some(written) = handshake::of_provider(sender.name) else { continue };
        let option = handshake::written_option(&written, &handshake::needed_values_of(sender.name, &written));
        for (number, rule) in handshake::rules(&written).into_iter().enumerate() {
            let is_first = number == 0;
            let first = |text: &str| if is_first { text.to_owned() } else { String::new() };
            rows.push([first(sender.name), handshake::described(rule), first(&option)]);
        }
    }
    layout::table(["PROVIDER", "HANDSHAKE", "SOURCE NEEDS"], &rows)
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
    let networks = sender.networks.as_ref().map(|networks| {
        let mut object = json!({ "list": networks.list, "read": networks.read });
        if let (Some(object), false) = (object.as_object_mut(), networks.source.is_empty()) {
            object.insert("source".to_owned(), json!(networks.source));
        }
        object
    });
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
        "handshake": handshake::of_provider(sender.name)
            .map(|written| serde_json::from_str::<Value>(&written.to_string()).unwrap_or_default()),
        "scheme": sender.scheme,
        "variable": source::variable(sender),
        "source": serde_json::from_str::<Value>(&source::text(sender)).unwrap_or_default(),
    })
}
