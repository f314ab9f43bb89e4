//! Captured requests with one real-world mistake each, which `explain` must name. The expected output is next to each
//! fixture; `BLESS=1` rewrites it.
//!
//! A fixture is a configuration, an environment and a capture, the code of the denial, and the code of the mistake. It
//! also has the key and the content that the sender really signed, which are checked independently of the code under
//! test.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::scratch::{Scratch, hmac_sha1, hmac_sha256};
use crate::support::{Ran, hookwarden_with};

struct Fixture {
    name: String,
    file: Value,
    folder: PathBuf,
}

fn fixtures() -> Vec<Fixture> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cli/explain/mistakes");
    let mut fixtures: Vec<_> = fs::read_dir(&folder)
        .expect("the fixtures are there")
        .map(|entry| entry.expect("they can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter_map(|path| {
            let file: Value = serde_json::from_slice(&fs::read(&path).expect("it can be read")).expect("it is JSON");
            let name = path.file_stem()?.to_str()?.to_owned();
            file.get("finding").is_some().then_some(Fixture { name, file, folder: folder.clone() })
        })
        .collect();
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(fixtures.len() > 24, "{} fixtures only", fixtures.len());
    fixtures
}

impl Fixture {
    fn text(&self, member: &str) -> &str {
        self.file[member].as_str().unwrap_or_else(|| panic!("{}: lacks {member}", self.name))
    }

    fn capture(&self) -> PathBuf {
        self.folder.join(self.text("capture"))
    }

    fn bytes(&self, member: &str) -> Option<Vec<u8>> {
        let encoded = self.file[format!("{member}_base64")].as_str();
        match (self.file[member].as_str(), encoded) {
            (Some(text), _) => Some(text.as_bytes().to_vec()),
            (_, Some(text)) => Some(STANDARD.decode(text).expect("it is base64")),
            _ => None,
        }
    }

    fn run(&self, format: &str) -> Ran {
        let scratch = Scratch::new();
        let config = scratch.config(&self.file["configuration"]);
        let capture = Path::new("tests/cli/explain/mistakes").join(self.text("capture"));
        let mut arguments = vec!["explain", &config, capture.to_str().expect("paths are text"), "--format", format];
        if let Some(at) = self.file["at"].as_str() {
            arguments.extend(["--at", at]);
        }
        let environment = self.file["environment"].as_object().expect("a fixture has an environment");
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("it is text"))).collect();
        hookwarden_with(&arguments, "", &environment)
    }
}

#[test]
fn every_mistake_is_named() {
    let mut wrong = String::new();
    for fixture in fixtures() {
        let ran = fixture.run("json");
        let said: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}: {ran:?}", fixture.name));
        assert_eq!(ran.code, 1, "{}: {ran:?}", fixture.name);
        assert_eq!(said["verified"], false, "{}", fixture.name);
        for member in ["code", "finding"] {
            if !fixture.text(member).split('|').any(|expected| said[member] == expected) {
                let _ = writeln!(wrong, "{}: {member} is {}, not {}", fixture.name, said[member], fixture.file[member]);
            }
        }
        let is_certain = &said["findings"][0]["certain"];
        if !fixture.file["certain"].is_null() && fixture.file["certain"] != *is_certain {
            let _ = writeln!(wrong, "{}: certain is {is_certain}", fixture.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_explanation_matches_the_file_next_to_it() {
    let mut wrong = String::new();
    for fixture in fixtures() {
        let ran = fixture.run("text");
        let path = fixture.folder.join(format!("{}.txt", fixture.name));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &ran.out).expect("the output can be written");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if ran.out != expected {
            let _ = write!(wrong, "\n{}\n--- expected\n{expected}--- said\n{}{}", fixture.name, ran.out, ran.err);
        }
    }
    assert!(wrong.is_empty(), "{wrong}\nIf this is right, run with BLESS=1 and review the changes.");
}

#[test]
fn every_fixture_is_signed_as_it_claims() {
    for fixture in fixtures() {
        let (Some(key), Some(content)) = (fixture.bytes("key"), fixture.bytes("content")) else {
            continue;
        };
        let tag = match fixture.text("algorithm") {
            "sha1" => hmac_sha1(&key, &content),
            _ => hmac_sha256(&key, &content),
        };
        let capture = String::from_utf8_lossy(&fs::read(fixture.capture()).expect("the capture is there")).into_owned();
        let written = [hex::encode(&tag), STANDARD.encode(&tag)];
        assert!(written.iter().any(|tag| capture.contains(tag)), "{}: is not signed as it claims", fixture.name);
    }
}

#[test]
fn no_explanation_shows_a_secret_or_a_tag() {
    for fixture in fixtures() {
        let (text, json) = (fixture.run("text"), fixture.run("json"));
        let said = format!("{}{}{}{}", text.out, text.err, json.out, json.err);
        let values = fixture.file["environment"].as_object().expect("a fixture has an environment");
        for secret in values.values().filter_map(Value::as_str) {
            assert!(!said.contains(secret), "{}: shows a secret", fixture.name);
            let password = secret.rsplit(':').next().unwrap_or_default();
            assert!(!said.contains(password), "{}: shows a password", fixture.name);
        }
        if let (Some(key), Some(content)) = (fixture.bytes("key"), fixture.bytes("content")) {
            let tag = hmac_sha256(&key, &content);
            assert!(!said.contains(&hex::encode(&tag)) && !said.contains(&STANDARD.encode(&tag)), "{}", fixture.name);
        }
    }
}
