//! Arranges the module for what accepted requests run:
//!
//! ```text
//! post-link MODULE [--out FILE]
//! ```
//!
//! It counts what each function and each branch does while the module verifies valid requests of every provider, in an
//! interpreter. Then it puts the functions that were called first, and inserts the section `metadata.code.branch_hint`, so that
//! engines which read it lay out and compile first what is usual. It writes every number as short as it can be; what the module
//! does is the same. The same module and the same `providers/` give the same bytes, and to arrange a module again changes
//! nothing. Without `--out`, MODULE is replaced.

mod arrangement;
mod code;
mod host;
mod instrument;
mod observation;
mod profile;
mod providers;
mod section;
mod signatures;
mod vm;
mod workload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use crate::arrangement::Arranged;
use crate::instrument::instrument;
use crate::observation::Observation;
use crate::workload::workload;

const USAGE: &str = "usage: post-link MODULE [--out FILE]";

fn main() -> ExitCode {
    match run() {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("post-link: {why}");
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
    let Observation { profile, accepted, refused } =
        Observation::of(&instrumented, &senders).map_err(|error| named(&error))?;
    let called = profile.functions();
    let count = called.len();
    let mut arranged = Arranged::of(&plain, called).map_err(|error| invalid(&error))?;
    let hints: BTreeMap<_, _> =
        profile.hints().into_iter().map(|(branch, taken)| (arranged.branch(branch), taken)).collect();
    let hinted = section::with_hints(&arranged.module, &hints).map_err(|error| invalid(&error))?;
    replace(&out, &hinted, &path).map_err(|error| format!("{}: {error}", out.display()))?;
    Ok(format!(
        "post-link: {count} functions that {accepted} accepted requests call come first, {} of {} branches there have hints; \
         {} valid requests were not accepted",
        hints.len(),
        profile.reached(),
        refused.len(),
    ))
}

/// The module, and where the arranged one goes.
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
