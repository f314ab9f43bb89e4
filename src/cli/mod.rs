//! The command. It runs the same code as the filter, and is never part of the wasm.

mod arguments;
mod body_margin;
mod capabilities;
mod check;
mod clock;
mod completions;
mod config_file;
mod description;
mod document;
mod env_file;
mod environment;
mod explain;
mod given_secret;
mod handshake;
mod http_request;
mod input;
mod layout;
mod man;
mod manifest;
mod registry;
mod rotate;
mod runtime_changes;
mod schema;
mod secret;
mod senders;
mod sign;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use terminal::{Failure, HEADING, Terminal};

/// Webhook security at the proxy: check a configuration, sign a request, explain a refusal.
#[derive(Parser)]
#[command(name = "hookwarden", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Command {
    #[command(subcommand)]
    what: What,
}

const AFTER_HELP: &str = "\
Examples:
  hookwarden senders stripe
  hookwarden secret new --for github
  hookwarden check envoy.yaml
  hookwarden sign --provider stripe --secret-env STRIPE_WEBHOOK_SECRET
  hookwarden explain --config hookwarden.json request.http

Exit codes: 0 success; 1 a problem was found; 2 the command failed.
Colours are used on terminals only; NO_COLOR=1 turns them off.";

#[derive(Subcommand)]
enum What {
    Check(check::Arguments),
    Explain(explain::Arguments),
    Sign(sign::Arguments),
    Senders(senders::Arguments),
    Secret(secret::Arguments),
    Rotate(rotate::Arguments),
    Schema(schema::Arguments),
    Manifest(manifest::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// What a command found, as its exit code tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// 0: all is as it should be.
    Good,
    /// 1: the command did its work, and what it looked at is wrong.
    Bad,
}

pub fn main() -> ExitCode {
    // What is wrong with the arguments, and help that was asked for, ends here: 2 and 0.
    let command = match Command::from_arg_matches(&command().get_matches()) {
        Ok(command) => command,
        Err(error) => error.exit(),
    };
    let mut terminal = Terminal::new();
    // A verdict that nobody could read is none: a script with `pipefail` must not take it for a good one.
    let tells_verdict = matches!(command.what, What::Check(_) | What::Explain(_));
    let outcome = match command.what {
        What::Check(arguments) => check::run(&arguments, &mut terminal),
        What::Explain(arguments) => explain::run(&arguments, &mut terminal),
        What::Sign(arguments) => sign::run(&arguments, &mut terminal),
        What::Senders(arguments) => senders::run(&arguments, &mut terminal),
        What::Secret(arguments) => secret::run(&arguments, &mut terminal),
        What::Rotate(arguments) => rotate::run(&arguments, &mut terminal),
        What::Schema(arguments) => schema::run(&arguments, &mut terminal),
        What::Manifest(arguments) => manifest::run(&arguments, &mut terminal),
        What::Completions(arguments) => completions::run(&arguments, &mut terminal),
        What::Man(arguments) => man::run(&arguments, &mut terminal),
    };
    match outcome {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        Err(Failure::ClosedPipe) if tells_verdict => ExitCode::from(2),
        Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(Failure::Message(message)) => {
            terminal.error(&message);
            ExitCode::from(2)
        }
    }
}

/// The command's arguments, with the examples of every command set off like the other headings, and values in any case.
fn command() -> clap::Command {
    fn set_off(command: clap::Command) -> clap::Command {
        let examples = command.get_after_help().map(ToString::to_string);
        let command = match examples.as_ref().and_then(|help| help.strip_prefix("Examples:")) {
            Some(rest) => command.after_help(format!("{HEADING}Examples:{HEADING:#}{rest}")),
            None => command,
        };
        // Words are read in whatever letters they are written.
        let in_any_case = |argument: clap::Arg| {
            let has_words = argument.get_action().takes_values();
            if has_words { argument.ignore_case(true) } else { argument }
        };
        command.mut_args(in_any_case).mut_subcommands(set_off)
    }
    set_off(Command::command())
}
