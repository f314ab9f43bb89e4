//! `hookwarden man`.

use std::path::PathBuf;
use std::{fs, io};

use clap_mangen::Man;

use super::Verdict;
use super::terminal::{Failure, Terminal};

/// Prints the manual page.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The page of this command; without it, of hookwarden itself.
    command: Option<String>,
    /// Writes the pages of all commands into this folder instead.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "command")]
    all: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  hookwarden man | man -l -
  hookwarden man check | man -l -
  hookwarden man --all ~/.local/share/man/man1";

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    let mut command = super::command().disable_help_subcommand(true);
    command.build();
    if let Some(folder) = &arguments.all {
        let pages = std::iter::once(&command).chain(command.get_subcommands());
        for page in pages.filter(|page| !page.is_hide_set()) {
            let file = folder.join(format!("{}.1", page.get_display_name().unwrap_or("hookwarden")));
            let written = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text_of(page)?));
            written.map_err(|error| Failure::Message(format!("{}: {error}", file.display())))?;
        }
        return Ok(Verdict::Good);
    }
    let page = match &arguments.command {
        None => &command,
        Some(name) => command.find_subcommand(name).ok_or_else(|| {
            let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
            Failure::Message(format!("there is no command of this name; there are {}", names.join(", ")))
        })?,
    };
    terminal.print(&text_of(page)?)?;
    Ok(Verdict::Good)
}

fn text_of(command: &clap::Command) -> io::Result<String> {
    let mut text = Vec::new();
    let page = Man::new(command.clone()).source(concat!("hookwarden ", env!("CARGO_PKG_VERSION")));
    page.manual("hookwarden manual").render(&mut text)?;
    // What follows the options: examples, and what is said of exit codes.
    Ok(String::from_utf8_lossy(&text).replace("\n.SH EXTRA\n", "\n.SH EXAMPLES AND NOTES\n"))
}
