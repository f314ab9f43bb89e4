//! What is found, where, and what would be right.

use std::rc::Rc;

use super::codes::{Code, Severity};
use crate::cli::document::cursor::Cursor;
use crate::cli::document::text::Place;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    pub file: Rc<str>,
    pub place: Place,
    /// The path into the document, or into the plugin's configuration.
    pub path: String,
}

/// One thing that is wrong or worth a look. Neither text ever holds a configured value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: &'static Code,
    /// The code's, unless this run is stricter.
    pub severity: Severity,
    pub spot: Spot,
    /// What is wrong.
    pub message: String,
    /// What would be right; may be empty where the message says so.
    pub right: String,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Spot {
    pub fn of(cursor: &Cursor<'_>) -> Self {
        Self { file: Rc::clone(&cursor.document.file), place: cursor.place(), path: cursor.path.to_string() }
    }
}

impl Findings {
    pub fn add(
        &mut self,
        code: &'static Code,
        cursor: &Cursor<'_>,
        message: impl Into<String>,
        right: impl Into<String>,
    ) {
        self.add_at(code, Spot::of(cursor), message, right);
    }

    pub fn add_at(&mut self, code: &'static Code, spot: Spot, message: impl Into<String>, right: impl Into<String>) {
        let finding = Finding { code, severity: code.severity, spot, message: message.into(), right: right.into() };
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// Whether anything was found in this file.
    pub fn have_any_in(&self, file: &Rc<str>) -> bool {
        self.0.iter().any(|finding| finding.spot.file == *file)
    }

    /// All of them: by file in the order in which those were given, then by place.
    pub fn sorted(mut self, files: &[Rc<str>]) -> Vec<Finding> {
        let position = |finding: &Finding| files.iter().position(|file| *file == finding.spot.file);
        self.0.sort_by_key(|finding| (position(finding), finding.spot.place, finding.severity));
        self.0
    }
}

/// How many there are of each severity: errors, warnings, notes.
pub fn count(findings: &[Finding]) -> [usize; 3] {
    let of = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    [of(Severity::Error), of(Severity::Warning), of(Severity::Note)]
}
