//! Output that the documents show, against what the built command prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::documents::{Block, blocks_of};
use crate::support::{assert_none, read, root, secret};

/// Stands for the rest of a word that differs from run to run and, in a line of its own, for lines that are left out.
const PLACEHOLDER: &str = "…";
/// The variables with secrets that the shown commands read.
const VARIABLES: [&str; 2] = ["GITHUB_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET"];

#[test]
fn output_that_is_shown_is_what_the_command_prints() {
    let folder = folder();
    let mut compared = 0;
    let mut wrong = Vec::new();
    for block in blocks_of("console") {
        for (command, shown) in commands(&block) {
            let Some(arguments) = command.strip_prefix("hookwarden ").filter(|_| !shown.is_empty()) else { continue };
            let printed = output_of(arguments, &folder);
            compared += 1;
            if !is_shown(&shown, &printed.lines().collect::<Vec<_>>()) {
                wrong.push(format!("{}: hookwarden {arguments} prints\n{printed}", block.place));
            }
        }
    }
    let _ = fs::remove_dir_all(&folder);
    assert_none(&wrong);
    assert!(compared >= 3, "{compared} outputs are shown in blocks of `console`");
}

#[test]
fn a_wrong_output_is_noticed() {
    let printed = ["one two", "  three", "four"];
    for shown in [["one two", "  three", "four"].as_slice(), &["one t…o", "…"], &["…", "four"], &["one …", "…", "four"]]
    {
        assert!(is_shown(shown, &printed), "{shown:?}");
    }
    for shown in
        [["one two", "three", "four"].as_slice(), &["one two", "four"], &["one two"], &["…", "  three"], &["o…e", "…"]]
    {
        assert!(!is_shown(shown, &printed), "{shown:?}");
    }
}

/// The files that the shown commands name: those in `samples/`, and our bootstrap with a variable left out.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("samples-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    for entry in fs::read_dir(root().join("tests/docs/samples")).expect("the samples are there") {
        let path = entry.expect("they can be listed").path();
        fs::copy(&path, folder.join(path.file_name().expect("a file has a name"))).expect("a file can be copied");
    }
    let bootstrap = read("envoy/envoy.yaml");
    let line = "                              - GITHUB_WEBHOOK_SECRET\n";
    assert!(bootstrap.contains(line), "envoy/envoy.yaml names the variable");
    fs::write(folder.join("envoy.yaml"), bootstrap.replace(line, "")).expect("a file can be written");
    folder
}

/// The commands of a block, each behind `$ `, and the lines below them.
fn commands(block: &Block) -> Vec<(String, Vec<&str>)> {
    let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => {
                commands.push((command.split(" #").next().unwrap_or_default().to_owned(), Vec::new()))
            }
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("{}: a block of `console` begins with `$ ` and a command", block.place),
        }
    }
    commands
}

/// What the command prints to standard output.
fn output_of(arguments: &str, folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookwarden"));
    command.args(arguments.split_whitespace()).current_dir(folder).env("NO_COLOR", "1");
    command.envs(VARIABLES.map(|name| (name, secret(name))));
    let output = command.output().expect("the command starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code < 2), "hookwarden {arguments}: {error}");
    String::from_utf8(output.stdout).expect("the command writes UTF-8")
}

/// Whether the lines are those that are shown, placeholders filled in.
fn is_shown(shown: &[&str], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((&PLACEHOLDER, rest)), _) => (0..=printed.len()).any(|left_out| is_shown(rest, &printed[left_out..])),
        (Some((pattern, rest)), Some((line, behind))) => fills(pattern, line) && is_shown(rest, behind),
        _ => false,
    }
}

/// Whether a line is what is shown, some text in place of each placeholder.
fn fills(pattern: &str, line: &str) -> bool {
    let Some((front, rest)) = pattern.split_once(PLACEHOLDER) else { return pattern == line };
    let Some(behind) = line.strip_prefix(front) else { return false };
    behind.char_indices().any(|(at, char)| fills(rest, &behind[at + char.len_utf8()..]))
}
