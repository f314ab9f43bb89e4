//! Reading JSON strictly: every unknown, repeated, missing or mistyped member becomes a problem with its path.

use std::time::Duration;

use super::nearest::{abbreviates, nearest};
use super::problem::{Diagnosis, Findings, Kind, Path};
use crate::verify::bytes::json::Json;

/// A value and its path.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Its path.
    pub path: Path,
    /// The value.
    pub json: &'a Json,
}

/// An object whose members are taken one by one; any that are left at the end are unknown.
pub struct Members<'a> {
    /// The object's path.
    pub path: Path,
    left: Vec<(&'a str, &'a Json)>,
    known: Vec<&'static str>,
}

impl<'a> Node<'a> {
    /// The value as an object. Repeated keys are problems.
    pub fn object(&self, findings: &mut Findings) -> Option<Members<'a>> {
        let Json::Object(members) = self.json else {
            return self.expected("an object", findings);
        };
        let mut left: Vec<(&str, &Json)> = Vec::with_capacity(members.len());
        for (key, value) in members {
            if left.iter().any(|(other, _)| other == key) {
                findings.problem_of(Kind::RepeatedKey, &shown(&self.path, key), ("is a duplicate key", "keep one"));
            } else {
                left.push((key, value));
            }
        }
        Some(Members { path: self.path.clone(), left, known: Vec::new() })
    }

    /// The value as a list with at least one element.
    pub fn list(&self, findings: &mut Findings) -> Option<Vec<Node<'a>>> {
        match self.json {
            Json::List(list) if list.is_empty() => {
                findings.problem(&self.path, ("is empty", "list at least one"));
                None
            }
            Json::List(list) => {
                Some(list.iter().enumerate().map(|(at, json)| Node { path: self.path.element(at), json }).collect())
            }
            _ => self.expected("a list", findings),
        }
    }

    /// The value as text.
    pub fn text(&self, findings: &mut Findings) -> Option<&'a str> {
        match self.json {
            Json::Text(text) => Some(text),
            _ => self.expected("text", findings),
        }
    }

    /// The value as `true` or `false`.
    pub fn bool(&self, findings: &mut Findings) -> Option<bool> {
        match self.json {
            Json::Bool(value) => Some(*value),
            _ => self.expected("true or false", findings),
        }
    }

    /// The value as a whole number within `min` and `max`.
    pub fn whole(&self, min: u64, max: u64, findings: &mut Findings) -> Option<u64> {
        match self.json {
            Json::Number(_) => {
                if let Some(value) = self.number().filter(|value| (min..=max).contains(value)) {
                    return Some(value);
                }
                findings.problem(&self.path, format!("must be a whole number from {min} to {max}"));
                None
            }
            _ => self.expected("a whole number", findings),
        }
    }

    /// The value, if it is a whole number.
    pub fn number(&self) -> Option<u64> {
        match self.json {
            Json::Number(text) => whole(text),
            _ => None,
        }
    }

    /// The value as one of these keywords.
    pub fn keyword<T: Copy>(&self, words: &[(&str, T)], findings: &mut Findings) -> Option<T> {
        let text = self.text(findings)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known = || words.iter().map(|(word, _)| *word);
            let meant = nearest(text, known()).or_else(|| known().find(|word| abbreviates(word, text)));
            let words: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let wrong = format!("must be one of {}", words.join(", "));
            let right = meant.map(|word| format!("did you mean \"{word}\"?")).unwrap_or_default();
            findings.problem(&self.path, (wrong, right));
        }
        found
    }

    /// The value as a duration, such as `"90s"`, `"5m"`, `"24h"`.
    pub fn duration(&self, min: Duration, max: Duration, findings: &mut Findings) -> Option<Duration> {
        if let Some(seconds) = self.number().map(Duration::from_secs).filter(|seconds| (min..=max).contains(seconds)) {
            let right = format!("{} seconds are \"{}\"", seconds.as_secs(), written(seconds));
            return findings.refuse_of(
                Kind::WrongType,
                &self.path,
                ("must be a duration with its unit, as text", right),
            );
        }
        let text = self.text(findings)?;
        let duration = humantime::parse_duration(text).ok().filter(|duration| (min..=max).contains(duration));
        if duration.is_none() {
            let examples = if max < Duration::from_secs(90) { r#""250ms" or "2s""# } else { r#""90s" or "5m""# };
            let (min, max) = (written(min), written(max));
            findings.problem(&self.path, format!("must be a duration from {min} to {max}, such as {examples}"));
        }
        duration
    }

    /// Notes that the value is of the wrong type.
    pub fn expected<T>(&self, what: &str, findings: &mut Findings) -> Option<T> {
        findings.refuse_of(Kind::WrongType, &self.path, format!("must be {what}, not {}", self.json.kind()))
    }
}

impl<'a> Members<'a> {
    /// Whether the member `name`, which may be there, was not taken yet.
    pub fn has(&mut self, name: &'static str) -> bool {
        self.know(name);
        self.left.iter().any(|(key, _)| *key == name)
    }

    /// Takes the member `name`, if it is there.
    pub fn take(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.know(name);
        let position = self.left.iter().position(|(key, _)| *key == name)?;
        let (_, json) = self.left.remove(position);
        Some(Node { path: self.path.member(name), json })
    }

    /// Takes the member `name`; its absence is a problem.
    pub fn require(&mut self, name: &'static str, findings: &mut Findings) -> Option<Node<'a>> {
        let node = self.take(name);
        if node.is_none() {
            findings.problem_of(Kind::MissingKey, &self.path, format!("lacks \"{name}\""));
        }
        node
    }

    fn know(&mut self, name: &'static str) {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
    }

    /// Refuses the former member `name`, and names its replacement.
    pub fn replaced(&mut self, name: &str, diagnosis: impl Into<Diagnosis>, findings: &mut Findings) {
        if let Some(position) = self.left.iter().position(|(key, _)| *key == name) {
            self.left.remove(position);
            findings.problem(&self.path.member(name), diagnosis);
        }
    }

    /// Takes all remaining members of an object whose keys the operator chooses.
    pub fn rest(&mut self) -> Vec<(&'a str, Node<'a>)> {
        let path = &self.path;
        self.left.drain(..).map(|(key, json)| (key, Node { path: path.member(key), json })).collect()
    }

    /// Ends the object: any member that was not taken is unknown.
    pub fn finish(self, findings: &mut Findings) {
        for (key, _) in &self.left {
            let diagnosis = if *key == "$schema" {
                Diagnosis::from((
                    "is not known here: the filter does not accept one",
                    "set the schema in the editor instead",
                ))
            } else if let Some(nearest) = nearest(key, self.known.iter().copied()) {
                Diagnosis::from(("is not known here", format!("did you mean \"{nearest}\"?")))
            } else {
                let known: Vec<_> = self.known.iter().map(|known| format!("\"{known}\"")).collect();
                Diagnosis::from(("is not known here", format!("known are {}", known.join(", "))))
            };
            findings.problem_of(Kind::UnknownKey, &shown(&self.path, key), diagnosis);
        }
    }
}

/// The path of an unknown member. Its name is shown only if it is a plain word, since it could be a misplaced secret.
pub(super) fn shown(path: &Path, key: &str) -> Path {
    let word = key.len() <= 32 && key.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'));
    path.member(if word || key == "$schema" { key } else { "?" })
}

/// A duration as the configuration writes it. Days are not converted to months, which have no fixed length.
fn written(duration: Duration) -> String {
    const DAY: u64 = 86_400;
    match (duration.as_secs().checked_div(DAY), duration.as_secs().checked_rem(DAY), duration.subsec_nanos()) {
        (Some(1), Some(0), 0) => "1day".to_owned(),
        (Some(days), Some(0), 0) if days > 1 => format!("{days}days"),
        _ => humantime::format_duration(duration).to_string(),
    }
}

/// A number without a fraction. A configuration that passed through a protobuf Struct has doubles: `1048576.0`.
fn whole(text: &str) -> Option<u64> {
    let value: f64 = text.parse().ok()?;
    text.parse().ok().or_else(|| format!("{value:.0}").parse().ok().filter(|_| value >= 0.0 && value.fract() == 0.0))
}
