//! Runs the command and prints everything if it failed unexpectedly.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

/// The result of a run.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `hookwarden` with these arguments in the root of the repository, and `input` on standard input.
pub fn hookwarden(arguments: &[&str], input: &str) -> Ran {
    hookwarden_with(arguments, input, &[])
}

/// The same with environment variables.
pub fn hookwarden_with(arguments: &[&str], input: &str, environment: &[(&str, &str)]) -> Ran {
    let mut command = command(env!("CARGO_BIN_EXE_hookwarden"), arguments, environment);
    run(command.stdout(Stdio::piped()), input)
}

/// Runs it with a closed pipe for its output, as in `hookwarden … | true` if `true` ends first.
pub fn hookwarden_into_closed_pipe(arguments: &[&str], input: &str) -> Ran {
    let (reader, writer) = io::pipe().expect("a pipe can be made");
    drop(reader);
    run(command(env!("CARGO_BIN_EXE_hookwarden"), arguments, &[]).stdout(writer), input)
}

/// Runs it on a pseudo-terminal, which Python creates: `out` is everything that a person would see.
pub fn hookwarden_on_terminal(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let python = [&["-c", script, env!("CARGO_BIN_EXE_hookwarden")], arguments].concat();
    run(command("python3", &python, environment).stdout(Stdio::piped()), "")
}

/// The command, in an environment without colour settings.
fn command(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env("TERM", "xterm-256color");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    command
}

fn run(command: &mut Command, input: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    // It may end without reading its input.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
