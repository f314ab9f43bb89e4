//! Takes the schemes out of `providers/*.json`, so that the module carries them without their vectors and notes.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

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
        let file: serde_json::Value =
            serde_json::from_slice(&fs::read(&path)?).map_err(|error| format!("{}: {error}", path.display()))?;
        files.insert(name.to_owned(), file);
    }
    let mut schemes = BTreeMap::new();
    for (name, file) in &files {
        let alias = file.get("alias").and_then(serde_json::Value::as_str);
        let target = match alias {
            Some(alias) => {
                files.get(alias).ok_or_else(|| format!("{name}: is an alias of {alias}, which is missing"))?
            }
            None => file,
        };
        let scheme = target.get("scheme").ok_or_else(|| format!("{name}: lacks \"scheme\""))?;
        let mut secret = file.get("secret").cloned().unwrap_or_default();
        if let Some(members) = secret.as_object_mut() {
            members.remove("hint");
        }
        let mut shipped = serde_json::json!({ "scheme": scheme, "secret": secret });
        for (member, usual) in [("status", 401), ("unavailable", 503)] {
            match file.get("refusal").and_then(|refusal| refusal.get(member)) {
                Some(status) if *status != usual => shipped[member] = status.clone(),
                _ => {}
            }
        }
        schemes.insert(name, shipped.to_string());
    }
    let mut table = String::from("static PROVIDERS: &[(&str, &str)] = &[\n");
    for (name, scheme) in &schemes {
        writeln!(table, "    ({name:?}, {scheme:?}),")?;
    }
    table.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("providers.rs"), table)?;
    Ok(())
}
