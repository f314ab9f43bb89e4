//! `hookwarden schema`.

use super::Verdict;
use super::terminal::{Failure, Terminal};

/// The file that editors are pointed at. A test compares it with what the configuration accepts.
const SCHEMA: &str = include_str!("../../docs/hookwarden.schema.json");

/// Prints the JSON Schema of the configuration, for editors.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {}

const AFTER_HELP: &str = "\
Examples:
  hookwarden schema > hookwarden.schema.json
  hookwarden schema | jq '.[\"$defs\"].source.properties | keys'";

pub fn run(_arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    terminal.print(SCHEMA)?;
    Ok(Verdict::Good)
}
