//! Reading JSON strictly: every unknown, repeated, missing or mistyped member becomes a problem with its path.

use std::time::Duration;

use super::problem::{Findings, Path};
use crate::verify::json::Json;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Where it stands.
    pub path: Path,
    /// The value.
    pub json: &'a Json,
}

/// An object whose members are taken one by one; what is left at the end is unknown.
pub struct Members<'a> {
    /// Where the object stands.
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
                findings.problem(&shown(&self.path, key), "stands twice in its object; keep one");
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
                findings.problem(&self.path, "is empty; list at least one");
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

    /// The value as one of a few words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)], findings: &mut Findings) -> Option<T> {
        let text = self.text(findings)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            findings.problem(&self.path, format!("must be one of {}", words.join(", ")));
        }
        found
    }

    /// The value as a duration, such as `"90s"`, `"5m"`, `"24h"`.
    pub fn duration(&self, min: Duration, max: Duration, findings: &mut Findings) -> Option<Duration> {
        let text = self.text(findings)?;
        let duration = humantime::parse_duration(text).ok().filter(|duration| (min..=max).contains(duration));
        if duration.is_none() {
            let examples = if max < Duration::from_secs(90) { r#""250ms" or "2s""# } else { r#""90s" or "5m""# };
            let (min, max) = (written(min), written(max));
            findings.problem(&self.path, format!("must be a duration from {min} to {max}, such as {examples}"));
        }
        duration
    }

    /// Notes that the value should have been of another kind.
    pub fn expected<T>(&self, what: &str, findings: &mut Findings) -> Option<T> {
        findings.problem(&self.path, format!("must be {what}, not {}", self.json.kind()));
        None
    }
}

impl<'a> Members<'a> {
    /// Takes the member `name`, if it is there.
    pub fn take(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.known.push(name);
        let position = self.left.iter().position(|(key, _)| *key == name)?;
        let (_, json) = self.left.remove(position);
        Some(Node { path: self.path.member(name), json })
    }

    /// Takes the member `name`; its absence is a problem.
    pub fn require(&mut self, name: &'static str, findings: &mut Findings) -> Option<Node<'a>> {
        let node = self.take(name);
        if node.is_none() {
            findings.problem(&self.path, format!("lacks \"{name}\""));
        }
        node
    }

    /// Takes all members, of an object whose keys are the operator's.
    pub fn rest(&mut self) -> Vec<(&'a str, Node<'a>)> {
        let path = &self.path;
        self.left.drain(..).map(|(key, json)| (key, Node { path: path.member(key), json })).collect()
    }

    /// Ends the object: what was not taken is unknown.
    pub fn finish(self, findings: &mut Findings) {
        for (key, _) in &self.left {
            let nearest = self.known.iter().find(|known| is_near(known, key));
            let known: Vec<_> = self.known.iter().map(|known| format!("\"{known}\"")).collect();
            let message = match nearest {
                _ if *key == "$schema" => {
                    "is not known here: the filter takes none; set the schema in the editor instead".to_owned()
                }
                Some(nearest) => format!("is not known here; did you mean \"{nearest}\"?"),
                None => format!("is not known here; known are {}", known.join(", ")),
            };
            findings.problem(&shown(&self.path, key), message);
        }
    }
}

/// The path of a member that is not known. Its name is shown if it is a word: it could be a secret in a wrong place.
pub(super) fn shown(path: &Path, key: &str) -> Path {
    let word = key.len() <= 32 && key.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'));
    path.member(if word || key == "$schema" { key } else { "?" })
}

/// A duration as it can be written. Days stay days: a month has no whole number of them.
fn written(duration: Duration) -> String {
    const DAY: u64 = 86_400;
    match (duration.as_secs().checked_div(DAY), duration.as_secs().checked_rem(DAY), duration.subsec_nanos()) {
        (Some(1), Some(0), 0) => "1day".to_owned(),
        (Some(days), Some(0), 0) if days > 1 => format!("{days}days"),
        _ => humantime::format_duration(duration).to_string(),
    }
}

/// A number without a fraction. A configuration that went through a protobuf Struct has doubles: `1048576.0`.
fn whole(text: &str) -> Option<u64> {
    let value: f64 = text.parse().ok()?;
    text.parse().ok().or_else(|| format!("{value:.0}").parse().ok().filter(|_| value >= 0.0 && value.fract() == 0.0))
}

/// Whether two words differ by case, by hyphens, or by one letter added, lost or changed.
fn is_near(known: &str, key: &str) -> bool {
    let plain = |word: &str| word.to_ascii_lowercase().replace('-', "_");
    let (a, b) = (plain(known), plain(key));
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let from_end = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    a == b
        || (a.len().abs_diff(b.len()) <= 1
            && common.saturating_add(from_end) >= a.len().min(b.len()).max(1).saturating_sub(1))
}
