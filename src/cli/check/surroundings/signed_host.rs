//! Whether the host comes through as the sender wrote it, where it is signed.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::Setup;
use super::super::sources::Source;
use super::Surroundings;
use super::managers::managers;
use crate::cli::runtime_changes::{SWITCHES, Touches};

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let Some(source) = sources.iter().find(|source| source.signs_host()) else { return };
    for manager in managers(setup, surroundings) {
        for change in SWITCHES.into_iter().filter(|change| change.touches == Touches::Host) {
            for field in change.fields {
                let Some(at) = manager.get(field).filter(|value| value.value.is_true()) else { continue };
                let message = format!(
                    "source {:?} verifies the host as the sender wrote it, and {field} takes {} away",
                    source.name, change.what
                );
                findings.add(&codes::SIGNED_HOST_CHANGED, &at, message, change.keep.envoy);
            }
        }
    }
}
