//! What all commands have in common: help, colours, exit codes, pipes, completions, the manual.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::{hookwarden, hookwarden_into_closed_pipe, hookwarden_on_terminal, hookwarden_with};

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let help = hookwarden(&["--help"], "").out;
    let (_, list) = help.split_once("Commands:\n").expect("the help lists commands");
    let (list, _) = list.split_once("\n\n").expect("the list ends");
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<_> = names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert!(names.len() > 10, "{names:?}");
    names.into_iter().filter(|name| name != "help").collect()
}

#[test]
fn every_command_has_help_with_examples_that_call_it() {
    for command in commands() {
        for flag in ["-h", "--help"] {
            let ran = hookwarden(&[&command, flag], "");
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{command}");
            let (_, examples) = ran.out.split_once("Examples:\n").unwrap_or_else(|| panic!("{command} {flag}: none"));
            assert!(examples.contains(&format!("hookwarden {command}")), "{command} {flag}: {}", ran.out);
        }
    }
}

#[test]
fn help_is_styled_on_a_terminal_and_plain_elsewhere() {
    let shown = hookwarden_on_terminal(&["--help"], &[]);
    assert!(shown.out.contains("\u{1b}["), "{shown:?}");
    let shown = hookwarden_on_terminal(&["--help"], &[("NO_COLOR", "1")]);
    assert!(!shown.out.contains("\u{1b}["), "{shown:?}");
    let shown = hookwarden(&["--help"], "");
    assert!(!shown.out.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn results_are_styled_on_a_terminal_and_plain_elsewhere() {
    for arguments in [&["senders", "stripe"][..], &["senders", "hub"]] {
        let shown = hookwarden_on_terminal(arguments, &[]);
        assert!(shown.code == 0 && shown.out.contains("\u{1b}["), "{shown:?}");
        let plain = hookwarden(arguments, "");
        assert!(plain.code == 0 && !plain.out.contains('\u{1b}'), "{plain:?}");
        let without = hookwarden_on_terminal(arguments, &[("NO_COLOR", "1")]);
        assert!(!without.out.contains('\u{1b}'), "{without:?}");
    }
}

#[test]
fn errors_are_styled_on_a_terminal_and_plain_elsewhere() {
    let arguments = ["senders", "no-such-sender-anywhere"];
    let shown = hookwarden_on_terminal(&arguments, &[]);
    assert!(shown.out.contains("\u{1b}["), "{shown:?}");
    let plain = hookwarden(&arguments, "");
    assert!(!plain.err.contains('\u{1b}') && plain.out.is_empty(), "{plain:?}");
    let forced = hookwarden_with(&arguments, "", &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]);
    assert!(!forced.err.contains('\u{1b}'), "NO_COLOR wins: {forced:?}");
}

#[test]
fn wrong_arguments_are_reported_on_standard_error_with_exit_code_2() {
    for arguments in [&[][..], &["no-such-command"], &["senders", "--no-such-flag"], &["completions", "tcsh"]] {
        let ran = hookwarden(arguments, "");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(!ran.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_misspelt_command_gets_a_suggestion() {
    let ran = hookwarden(&["sender"], "");
    assert!(ran.code == 2 && ran.err.contains("'senders'"), "{ran:?}");
}

#[test]
fn nothing_panics_on_a_closed_pipe() {
    let every_help: Vec<_> = commands().into_iter().map(|command| vec![command, "--help".to_owned()]).collect();
    let mut runs: Vec<Vec<&str>> =
        every_help.iter().map(|arguments| arguments.iter().map(String::as_str).collect()).collect();
    runs.extend([
        vec!["--help"],
        vec!["--version"],
        vec!["senders"],
        vec!["senders", "stripe"],
        vec!["senders", "--format", "json"],
        vec!["secret", "new", "--for", "github"],
        vec!["schema"],
        vec!["completions", "bash"],
        vec!["man"],
    ]);
    for arguments in runs {
        let ran = hookwarden_into_closed_pipe(&arguments, "");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let ran = hookwarden(&["--version"], "");
    assert_eq!(ran.out.trim(), concat!("hookwarden ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_include_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = hookwarden(&["completions", shell], "");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        for command in commands() {
            assert!(ran.out.contains(&command), "{shell} does not complete {command}");
        }
    }
}

#[test]
fn completions_for_bash_are_a_script_that_completes() {
    let script = hookwarden(&["completions", "bash"], "").out;
    let asked = "COMP_WORDS=(hookwarden sen); COMP_CWORD=1; _hookwarden hookwarden sen hookwarden; \
                 echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash is there, as scripts/ needs it");
    bash.stdin.take().expect("it is piped").write_all(format!("{script}\n{asked}\n").as_bytes()).expect("it reads");
    let output = bash.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "senders");
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let folder = std::env::temp_dir().join(format!("hookwarden-man-{}", std::process::id()));
    let ran = hookwarden(&["man", "--all", folder.to_str().expect("a path that is text")], "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let main = std::fs::read_to_string(folder.join("hookwarden.1")).expect("there is a page");
    assert_eq!(main, hookwarden(&["man"], "").out);
    assert!(main.contains(".TH hookwarden 1") && main.contains("Exit codes"), "{main}");
    for command in commands() {
        let page = std::fs::read_to_string(folder.join(format!("hookwarden-{command}.1"))).expect("there is a page");
        assert_eq!(page, hookwarden(&["man", &command], "").out, "{command}");
        assert!(page.contains(".SH EXAMPLES AND NOTES"), "{command}: {page}");
    }
    let _ = std::fs::remove_dir_all(folder);
    assert_eq!(hookwarden(&["man", "no-such-command"], "").code, 2);
}
