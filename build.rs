//! Generates two tables from `providers/*.json`: the schemes, without vectors and notes, for the module; and, for the
//! command only, what it prints about a sender, with a few of its events.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use serde_json::{Value, json};

/// How many events of a sender the command has: enough to show each of its formats.
const MAX_SAMPLES: usize = 4;
/// The highest level of compression.
const MAX_COMPRESSION: u8 = 10;

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
    let mut providers = String::new();
    let mut registry = String::from("static REGISTRY: &[(&str, &str, &str)] = &[\n");
    for (name, file) in &files {
        let scheme = scheme(name, file, &files)?;
        writeln!(providers, "{name} {}", shipped(file, aliased(file, &files), scheme))?;
        writeln!(
            registry,
            "    ({name:?}, {:?}, {:?}),",
            description(file, aliased(file, &files), scheme).to_string(),
            samples(file).to_string()
        )?;
    }
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    // Compresses to a fifth; the module has an inflate implementation for bodies anyway.
    let deflated = miniz_oxide::deflate::compress_to_vec(providers.as_bytes(), MAX_COMPRESSION);
    fs::write(folder.join("providers.deflate"), deflated)?;
    fs::write(folder.join("registry.rs"), registry + "];\n")?;
    Ok(())
}

/// The scheme of a provider, or of the provider that it is an alias of.
fn scheme<'a>(name: &str, file: &'a Value, files: &'a BTreeMap<String, Value>) -> Result<&'a Value, String> {
    let target = match file.get("alias").and_then(Value::as_str) {
        Some(alias) => files.get(alias).ok_or_else(|| format!("{name}: alias of {alias}, which does not exist"))?,
        None => file,
    };
    target.get("scheme").ok_or_else(|| format!("{name}: missing field \"scheme\""))
}

/// The provider that this one is an alias of, or itself.
fn aliased<'a>(file: &'a Value, files: &'a BTreeMap<String, Value>) -> &'a Value {
    file.get("alias").and_then(Value::as_str).and_then(|alias| files.get(alias)).unwrap_or(file)
}

/// What the filter needs from a provider, whose scheme is that of `aliased`. So are its handshakes, unless it has its own.
fn shipped(file: &Value, aliased: &Value, scheme: &Value) -> Value {
    let mut secret = file.get("secret").cloned().unwrap_or_default();
    if let Some(members) = secret.as_object_mut() {
        members.retain(|member, _| ["prefix", "not"].contains(&member.as_str()));
    }
    let mut shipped = json!({ "scheme": scheme, "secret": secret });
    if let Some(networks) = file.pointer("/networks/list") {
        shipped["networks"] = networks.clone();
    }
    for member in ["handshake", "acknowledgement", "keys_from"] {
        if let Some(value) = file.get(member).or_else(|| aliased.get(member)) {
            shipped[member] = value.clone();
        }
    }
    if !has_independent_evidence(file) {
        shipped["unconfirmed"] = json!(true);
    }
    for (member, usual) in [("status", 401), ("unavailable", 503)] {
        match file.get("refusal").and_then(|refusal| refusal.get(member)) {
            Some(status) if *status != usual => shipped[member] = status.clone(),
            _ => {}
        }
    }
    shipped
}

/// Whether the scheme has evidence other than a package registry or memory.
fn has_independent_evidence(file: &Value) -> bool {
    let evidence = file["evidence"].as_array().into_iter().flatten();
    evidence.filter_map(|entry| entry["kind"].as_str()).any(|kind| kind != "registry" && kind != "memory")
}

/// What the command prints about a provider: everything but the vectors.
fn description(file: &Value, aliased: &Value, scheme: &Value) -> Value {
    let mut description = file.clone();
    if let Some(members) = description.as_object_mut() {
        members.remove("vectors");
        members.insert("scheme".to_owned(), scheme.clone());
        if let Some(keys) = aliased.get("keys_from") {
            members.insert("keys_from".to_owned(), keys.clone());
        }
    }
    description
}

/// The first valid events of a provider that are text and differ in more than their signature.
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
