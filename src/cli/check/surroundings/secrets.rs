//! Secrets that stand in the file themselves.

use super::super::codes;
use super::super::cursor::Cursor;
use super::super::findings::Findings;
use super::super::sources::Source;

pub fn check(source: &Source<'_>, findings: &mut Findings) {
    for check in source.checks() {
        // A public key is nobody's secret.
        let plain = check.list("secrets");
        let lists = check.at(&["secrets_by", "secrets"]).map(|lists| lists.members()).unwrap_or_default();
        let chosen = lists.into_iter().flat_map(|(_, list)| list.elements());
        for secret in plain.into_iter().chain(chosen) {
            tell(&secret, findings);
        }
    }
    if let Some(secret) = source.at.at(&["replay", "store", "authorization"]) {
        tell(&secret, findings);
    }
}

fn tell(secret: &Cursor<'_>, findings: &mut Findings) {
    if let Some(value) = secret.get("value") {
        let message = "the secret itself stands here: whoever reads the file, or /config_dump, has it";
        findings.add(&codes::SECRET_IN_FILE, &value, message, "take it from the environment: \"env\"");
    }
}
