//! Files of the repository, and an environment for the configurations in the documents.

use std::fs;
use std::path::PathBuf;

use hookwarden::config::problem::Problem;
use hookwarden::config::{self, Loaded};
use serde_json::Value;

pub fn load(configuration: &Value) -> Result<Loaded, Vec<Problem>> {
    config::load(configuration.to_string().as_bytes(), &variable)
}

/// An environment in which every variable is set.
pub fn variable(name: &str) -> Option<String> {
    Some(secret(name))
}

/// A secret in the form that the name suggests; most fit every scheme.
pub fn secret(name: &str) -> String {
    let text = match name {
        _ if name.contains("ANYMAIL") => "anymail:a-long-password-0123456789",
        // ECDSA P-256, of the vectors in providers/circle.json.
        _ if name.starts_with("CIRCLE_") => {
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2vLEOxGuLNqA5IoM+XukUQk6f1LHcN7doWHv5Bhsvh+bHVrgKxlPkufUNB4jHY9HiFSz4zNnVALvb5vI6q3UeA=="
        }
        // RFC 8032, section 7.1, test 1.
        _ if name.starts_with("SNS") => crate::base::KEY,
        _ if name.ends_with("_PUBLIC_KEY") => "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        _ => "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
    };
    text.to_owned()
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: impl AsRef<str>) -> String {
    let path = path.as_ref();
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn read_json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of all text files in these folders, at any depth, sorted.
pub fn files_below(folders: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).is_ok() {
                let path = path.strip_prefix(root()).expect("it is below the root");
                files.push(path.to_str().expect("paths are UTF-8").to_owned());
            }
        }
    }
    files.sort();
    files
}

#[track_caller]
pub fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
