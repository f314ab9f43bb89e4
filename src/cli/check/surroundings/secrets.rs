//! Secrets that stand in the file themselves.

use super::super::codes;
use super::super::findings::Findings;
use super::super::sources::Source;
use crate::cli::document::cursor::Cursor;

pub fn check(source: &Source<'_>, findings: &mut Findings) {
    // A public key is nobody's secret.
    for (_, list) in source.entry.lists().filter(|(check, _)| !check.public_keys) {
        for secret in list.secrets.iter().filter_map(|secret| source.at.find(&secret.path)) {
            tell(&secret, findings);
        }
    }
    if let Some(secret) = source.at.at(&["replay", "store", "authorization"]) {
        tell(&secret, findings);
    }
}

fn tell(secret: &Cursor<'_>, findings: &mut Findings) {
    if let Some(value) = secret.get("value") {
        let message = "the secret is written here: anyone who reads the file, or /config_dump, has it";
        findings.add(&codes::SECRET_IN_FILE, &value, message, "take it from the environment: \"env\"");
    }
}
