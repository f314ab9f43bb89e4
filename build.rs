//! Makes two tables of `providers/*.json`: the schemes, which the module carries without their vectors and notes; and
//! for the command, which alone includes it, what is told of a sender to people, with a few of its events.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use serde_json::{Value, json};

/// How many events of a sender the command has: enough to show each of its ways to write them.
const MAX_SAMPLES: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=providers");
    println!("cargo:rerun-if-changed=build.rs");
    let mut files = BTreeMap::new();
    for entry in fs::read_dir("providers")? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str()).ok_or("a provider's file name is not UTF-8")?;
        let file: Value =
            serde_json::from_slice(&fs::read(&path)?).map_err(|error| format!("{}: {error}", path.display()))?;
        files.insert(name.to_owned(), file);
    }
    let mut providers = String::from("static PROVIDERS: &[(&str, &str)] = &[\n");
    let mut registry = String::from("static REGISTRY: &[(&str, &str, &str)] = &[\n");
    for (name, file) in &files {
        let scheme = scheme(name, file, &files)?;
        writeln!(providers, "    ({name:?}, {:?}),", shipped(file, scheme).to_string())?;
        writeln!(registry, "    ({name:?}, {:?}, {:?}),", told(file, scheme).to_string(), samples(file).to_string())?;
    }
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(folder.join("providers.rs"), providers + "];\n")?;
    fs::write(folder.join("registry.rs"), registry + "];\n")?;
    Ok(())
}

/// The scheme of a provider, or that of the one which it is an alias of.
fn scheme<'a>(name: &str, file: &'a Value, files: &'a BTreeMap<String, Value>) -> Result<&'a Value, String> {
    let target = match file.get("alias").and_then(Value::as_str) {
        Some(alias) => files.get(alias).ok_or_else(|| format!("{name}: is an alias of {alias}, which is missing"))?,
        None => file,
    };
    target.get("scheme").ok_or_else(|| format!("{name}: lacks \"scheme\""))
}

/// What the filter needs of a provider.
fn shipped(file: &Value, scheme: &Value) -> Value {
    let mut secret = file.get("secret").cloned().unwrap_or_default();
    if let Some(members) = secret.as_object_mut() {
        members.retain(|member, _| ["prefix", "not"].contains(&member.as_str()));
    }
    let mut shipped = json!({ "scheme": scheme, "secret": secret });
    if let Some(networks) = file.pointer("/networks/list") {
        shipped["networks"] = networks.clone();
    }
    for (member, usual) in [("status", 401), ("unavailable", 503)] {
        match file.get("refusal").and_then(|refusal| refusal.get(member)) {
            Some(status) if *status != usual => shipped[member] = status.clone(),
            _ => {}
        }
    }
    shipped
}

/// What the command tells of a provider: all but its vectors.
fn told(file: &Value, scheme: &Value) -> Value {
    let mut told = file.clone();
    if let Some(members) = told.as_object_mut() {
        members.remove("vectors");
        members.insert("scheme".to_owned(), scheme.clone());
    }
    told
}

/// The first events of a provider that are proved, are text, and differ in more than how they are signed.
fn samples(file: &Value) -> Value {
    let mut seen = BTreeSet::new();
    let vectors = file.get("vectors").and_then(Value::as_array).into_iter().flatten();
    let samples = vectors.filter(|vector| vector["expect"] == "verified" && vector.get("body").is_some());
    samples
        .filter(|vector| seen.insert(format!("{} {} {}", vector["method"], vector["url"], vector["body"])))
        .take(MAX_SAMPLES)
        .cloned()
        .collect()
}
