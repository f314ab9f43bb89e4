//! `hookwarden completions`.

use clap::ValueEnum as _;
use clap_complete::Shell;

use super::Verdict;
use super::terminal::{Failure, Terminal};

/// Prints completions for a shell.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The shell.
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

const AFTER_HELP: &str = "\
Examples:
  hookwarden completions bash > ~/.local/share/bash-completion/completions/hookwarden
  hookwarden completions zsh > \"${fpath[1]}/_hookwarden\"
  hookwarden completions fish > ~/.config/fish/completions/hookwarden.fish";

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    let shell = Shell::from_str(&arguments.shell, false).map_err(Failure::Message)?;
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "hookwarden", &mut text);
    terminal.print(&String::from_utf8_lossy(&text))?;
    Ok(Verdict::Good)
}
