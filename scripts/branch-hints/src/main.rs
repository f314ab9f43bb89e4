//! Adds branch hints to the module, so that engines which read them lay out and compile first what accepted requests run:
//!
//! ```text
//! branch-hints MODULE [--out FILE]
//! ```
//!
//! It counts what each branch does while the module verifies valid requests of every provider, in an interpreter, and inserts
//! the section `metadata.code.branch_hint`. Every other byte stays. The same module and the same `providers/` give the same
//! bytes, and hints that the module already has make no difference. Without `--out`, MODULE is replaced.

mod host;
mod instrument;
mod observation;
mod profile;
mod providers;
mod section;
mod signatures;
mod vm;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use crate::instrument::instrument;
use crate::observation::Observation;
use crate::workload::workload;

const USAGE: &str = "usage: branch-hints MODULE [--out FILE]";

fn main() -> ExitCode {
    match run() {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("branch hints: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, String> {
    let (path, out) = arguments(env::args_os().skip(1).map(PathBuf::from).collect())?;
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let module = fs::read(&path).map_err(|error| named(&error))?;
    let invalid = |error: &dyn std::fmt::Display| {
        format!("{}; build it with scripts/cargo-wasm --lib and pass that file", named(error))
    };
    let plain = section::without_hints(&module).map_err(|error| invalid(&error))?;
    let instrumented = instrument(&plain).map_err(|error| invalid(&error))?;
    let senders = workload(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers"))?;
    let observation = Observation::of(&instrumented, &senders).map_err(|error| named(&error))?;
    let hints = observation.profile.hints();
    let hinted = section::with_hints(&plain, &hints).map_err(|error| invalid(&error))?;
    replace(&out, &hinted, &path).map_err(|error| format!("{}: {error}", out.display()))?;
    Ok(format!(
        "branch hints: {} of {} branches that {} accepted requests reach; {} valid requests were not accepted",
        hints.len(),
        observation.profile.reached(),
        observation.accepted,
        observation.refused.len(),
    ))
}

/// The module, and where the hinted one goes.
fn arguments(arguments: Vec<PathBuf>) -> Result<(PathBuf, PathBuf), String> {
    match &arguments[..] {
        [module] if !module.to_string_lossy().starts_with("--") => Ok((module.clone(), module.clone())),
        [module, option, out] if option.as_os_str() == "--out" => Ok((module.clone(), out.clone())),
        _ => Err(USAGE.to_owned()),
    }
}

/// Writes a file at once, with the permissions of the module.
fn replace(out: &Path, bytes: &[u8], module: &Path) -> io::Result<()> {
    let mut part = out.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    fs::write(&part, bytes)?;
    fs::set_permissions(&part, fs::metadata(module)?.permissions())?;
    fs::rename(&part, out)
}
