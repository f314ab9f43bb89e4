//! The valid requests of every provider, from its vectors.

use std::path::{Path, PathBuf};
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::vm::Request;
use crate::workload::{PIECES, Sender};

/// The time of vectors that name none, in seconds.
const NOW: u64 = 1_700_000_000;

/// The providers, sorted by name.
pub fn read(folder: &Path) -> Result<Vec<Sender>, String> {
    let paths = paths(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let provider = |path: &PathBuf| provider(path).map_err(|error| format!("{}: {error}", path.display()));
    paths.iter().map(provider).collect()
}

fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    Ok(paths)
}

/// The requests of a provider that have the secret and the path of its first valid one. Those of the others, each in a VM of its
/// own, would change few hints.
fn provider(path: &Path) -> Result<Sender, String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let file: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let mut sender = Sender { name, weight: 1.0, configuration: Value::Null, requests: Vec::new(), rounds: 1 };
    for vector in list(&file["vectors"]).iter().filter(|vector| vector["expect"] == "verified") {
        let (target, requests) = requests(vector).ok_or_else(|| format!("{} cannot be sent", vector["case"]))?;
        let configuration = configuration(&sender.name, target, vector);
        if sender.requests.is_empty() {
            sender.configuration = configuration;
        } else if sender.configuration != configuration {
            continue;
        }
        sender.requests.extend(requests);
    }
    Ok(sender)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The path and query that a vector is for, and its requests.
fn requests(vector: &Value) -> Option<(&str, Vec<Request>)> {
    let text = |member: &str| vector[member].as_str();
    let (scheme, rest) = text("url")?.split_once("://")?;
    let (authority, target) = rest.split_at(rest.find('/')?);
    let line = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let mut headers = vec![
        line(":authority", authority),
        line(":path", target),
        line(":method", text("method")?),
        line(":scheme", scheme),
    ];
    for pair in list(&vector["headers"]) {
        headers.push(line(&pair[0].as_str()?.to_ascii_lowercase(), pair[1].as_str()?));
    }
    let body = match text("body_base64") {
        Some(body) => STANDARD.decode(body).ok()?,
        None => text("body").unwrap_or_default().into(),
    };
    let now = vector["now"].as_u64().unwrap_or(NOW) * 1000;
    let request = |pieces| Request { headers: headers.clone(), body: body.clone(), pieces, now };
    Some((target, PIECES.map(request).to_vec()))
}

fn configuration(provider: &str, target: &str, vector: &Value) -> Value {
    let values = |member: &str, of: &dyn Fn(&Value) -> Value| list(&vector[member]).iter().map(of).collect::<Vec<_>>();
    let mut check = json!({ "provider": provider });
    if vector.get("keys").is_some() {
        check["keys"] = json!(values("keys", &|key| json!({ "value": key })));
    } else {
        let secret = |secret: &Value| json!({ "value": secret, "insecure_short_secret": true });
        check["secrets"] = json!(values("secrets", &secret));
    }
    if let Some(with) = vector.get("with") {
        check["with"] = with.clone();
    }
    let path = target.split('?').next();
    json!({ "sources": [{ "name": "tested", "match": { "path": path }, "verify": check }] })
}
