//! The scheme language: JSON to a valid [`Scheme`]. A provider file's `scheme` and one in a configuration are the
//! same, and read here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::problem::Findings;
use super::reader::{Members, Node};
use crate::verify::encoding::Encoding;
use crate::verify::mac::Algorithm;
use crate::verify::message::{Message, TemplateError, is_header_name};
use crate::verify::scheme::{
    KeyEncoding, KeyForm, MacScheme, Scheme, TimestampPlace, TimestampRule, TokenForm, TokenScheme,
};
use crate::verify::signature::Location;
use crate::verify::timestamp::Unit;

/// The window of a scheme that does not state one, and of most senders.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);
/// The narrowest and the widest window. A wider one than a week is a replay window, not a tolerance.
pub(super) const TOLERANCES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(7 * 86_400));

/// The values that a check configures beside its secrets, for `{with:name}` in a scheme.
#[derive(Debug, Default)]
pub(super) struct With<'a> {
    values: BTreeMap<&'a str, &'a str>,
    used: RefCell<Vec<String>>,
}

impl<'a> With<'a> {
    /// Reads the member `with`, whose values are all text.
    pub(super) fn read(node: Option<&Node<'a>>, findings: &mut Findings) -> Self {
        let mut with = Self::default();
        if let Some(mut members) = node.and_then(|node| node.object(findings)) {
            for (name, value) in members.rest() {
                if let Some(text) = value.text(findings) {
                    with.values.insert(name, text);
                }
            }
        }
        with
    }

    /// The text with every `{with:name}` replaced.
    fn resolve(&self, text: &str, node: &Node<'_>, findings: &mut Findings) -> Option<String> {
        let mut resolved = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{with:") {
            let Some((name, after)) = after.split_once('}') else { break };
            let Some(value) = self.values.get(name) else {
                findings.problem(&node.path, format!("needs the configured value \"{name}\": add it to \"with\""));
                return None;
            };
            self.used.borrow_mut().push(name.to_owned());
            resolved.push_str(before);
            resolved.push_str(value);
            rest = after;
        }
        resolved.push_str(rest);
        Some(resolved)
    }

    /// Notes every value that the scheme did not ask for.
    pub(super) fn finish(&self, node: Option<&Node<'_>>, findings: &mut Findings) {
        let used = self.used.borrow();
        for name in self.values.keys().filter(|name| !used.iter().any(|used| used == *name)) {
            if let Some(node) = node {
                findings.problem(&node.path.member(name), "is not a value that this scheme uses");
            }
        }
    }
}

/// Reads a scheme: its dialects, of which most have one. `tolerance` overrides the scheme's own window.
pub(super) fn read(
    node: &Node<'_>,
    with: &With<'_>,
    tolerance: Option<Duration>,
    findings: &mut Findings,
) -> Option<Vec<Scheme>> {
    let mut members = node.object(findings)?;
    if let Some(dialects) = members.take("dialects") {
        members.finish(findings);
        let dialects = dialects.list(findings)?;
        return dialects
            .iter()
            .map(|dialect| read_one(dialect.object(findings)?, with, tolerance, findings))
            .collect::<Vec<_>>()
            .into_iter()
            .collect();
    }
    read_one(members, with, tolerance, findings).map(|scheme| vec![scheme])
}

fn read_one(
    mut members: Members<'_>,
    with: &With<'_>,
    tolerance: Option<Duration>,
    findings: &mut Findings,
) -> Option<Scheme> {
    if let Some(credential) = members.take("credential") {
        members.finish(findings);
        return read_credential(&credential, with, findings).map(Scheme::Token);
    }
    let algorithms = [("hmac-sha256", Algorithm::HmacSha256), ("hmac-sha1", Algorithm::HmacSha1)];
    let algorithm = members.require("algorithm", findings).and_then(|node| node.word(&algorithms, findings));
    let signature = members.require("signature", findings).and_then(|node| read_location(&node, with, findings));
    let signed = members.require("signed", findings);
    let message = signed.as_ref().and_then(|node| read_message(node, with, findings));
    let key = match members.take("key") {
        Some(node) => read_key(&node, findings),
        None => Some(KeyForm { optional_prefix: String::new(), encoding: KeyEncoding::Text }),
    };
    let timestamp = match members.take("timestamp") {
        Some(node) => read_timestamp(&node, with, findings).map(Some),
        None => Some(None),
    };
    let event_id = match members.take("event_id") {
        Some(node) => read_event_id(&node, with, findings).map(Some),
        None => Some(None),
    };
    let path = members.path.clone();
    members.finish(findings);
    let (message, mut timestamp) = (message?, timestamp?);
    if message.covers_timestamp() != timestamp.is_some() {
        let missing = if timestamp.is_some() { "\"signed\" lacks {timestamp}" } else { "\"timestamp\" is missing" };
        findings.problem(&path, format!("a timestamp is signed and read, or neither: {missing}"));
        return None;
    }
    if let (Some(rule), Some(tolerance)) = (&mut timestamp, tolerance) {
        rule.tolerance = tolerance;
    }
    Some(Scheme::Mac(MacScheme {
        algorithm: algorithm?,
        key: key?,
        signature: signature?,
        message,
        timestamp,
        event_id: event_id?,
    }))
}

fn read_location(node: &Node<'_>, with: &With<'_>, findings: &mut Findings) -> Option<Location> {
    let encodings = [("hex", Encoding::Hex), ("hex-lower", Encoding::HexLower), ("base64", Encoding::Base64)];
    let mut members = node.object(findings)?;
    let header = members.require("header", findings).and_then(|node| read_header(&node, with, findings));
    let separator = match members.take("separator") {
        Some(node) => read_separator(&node, findings).map(Some),
        None => Some(None),
    };
    let prefix = match members.take("prefix") {
        Some(node) => node.text(findings),
        None => Some(""),
    };
    let encoding = members.require("encoding", findings).and_then(|node| node.word(&encodings, findings));
    members.finish(findings);
    Some(Location { header: header?, separator: separator?, prefix: prefix?.to_owned(), encoding: encoding? })
}

fn read_separator(node: &Node<'_>, findings: &mut Findings) -> Option<char> {
    let text = node.text(findings)?;
    match (text.chars().next(), text.len()) {
        (Some(char), 1) if !char.is_ascii_alphanumeric() => Some(char),
        _ => {
            findings.problem(&node.path, "must be one ASCII character that is no letter or digit, such as \",\"");
            None
        }
    }
}

fn read_header(node: &Node<'_>, with: &With<'_>, findings: &mut Findings) -> Option<String> {
    let name = with.resolve(node.text(findings)?, node, findings)?;
    if is_header_name(&name) {
        return Some(name.to_ascii_lowercase());
    }
    findings.problem(&node.path, "must be the name of a header, such as \"X-Signature\"");
    None
}

fn read_message(node: &Node<'_>, with: &With<'_>, findings: &mut Findings) -> Option<Message> {
    let template = with.resolve(node.text(findings)?, node, findings)?;
    match Message::parse(&template) {
        Ok(message) => Some(message),
        Err(error) => {
            let what = match error {
                TemplateError::Unbalanced => "has a brace without its other half; write {{ or }} for a brace itself",
                TemplateError::UnknownName(_) => {
                    "names an unknown part; known are {body}, {timestamp}, {method}, {header:Name} and {with:name}"
                }
                TemplateError::BodyTwice => "names {body} more than once, so that it could not stream",
                TemplateError::Empty => "signs nothing; most senders sign \"{body}\"",
            };
            findings.problem(&node.path, what);
            None
        }
    }
}

fn read_key(node: &Node<'_>, findings: &mut Findings) -> Option<KeyForm> {
    let encodings = [("text", KeyEncoding::Text), ("base64", KeyEncoding::Base64), ("hex", KeyEncoding::Hex)];
    let mut members = node.object(findings)?;
    let encoding = members.require("encoding", findings).and_then(|node| node.word(&encodings, findings));
    let optional_prefix = match members.take("optional_prefix") {
        Some(node) => node.text(findings),
        None => Some(""),
    };
    members.finish(findings);
    Some(KeyForm { optional_prefix: optional_prefix?.to_owned(), encoding: encoding? })
}

fn read_timestamp(node: &Node<'_>, with: &With<'_>, findings: &mut Findings) -> Option<TimestampRule> {
    let mut members = node.object(findings)?;
    let header = members.take("header");
    let entry = members.take("entry");
    let place = match (header, entry) {
        (Some(header), None) => read_header(&header, with, findings).map(TimestampPlace::Header),
        (None, Some(entry)) => entry.text(findings).map(|prefix| TimestampPlace::Entry(prefix.to_owned())),
        _ => {
            findings.problem(&members.path, "needs either \"header\" or \"entry\"");
            None
        }
    };
    let units = [("s", Unit::Seconds), ("ms", Unit::Milliseconds)];
    let unit = members.require("unit", findings).and_then(|node| node.word(&units, findings));
    let tolerance = match members.take("tolerance") {
        Some(node) => node.duration(TOLERANCES.0, TOLERANCES.1, findings),
        None => Some(DEFAULT_TOLERANCE),
    };
    members.finish(findings);
    Some(TimestampRule { place: place?, unit: unit?, tolerance: tolerance? })
}

fn read_event_id(node: &Node<'_>, with: &With<'_>, findings: &mut Findings) -> Option<String> {
    let mut members = node.object(findings)?;
    let header = members.require("header", findings).and_then(|node| read_header(&node, with, findings));
    members.finish(findings);
    header
}

fn read_credential(node: &Node<'_>, with: &With<'_>, findings: &mut Findings) -> Option<TokenScheme> {
    let mut members = node.object(findings)?;
    let header = members.require("header", findings).and_then(|node| read_header(&node, with, findings));
    let auth_scheme = match members.take("auth_scheme") {
        Some(node) => node.text(findings).map(Some),
        None => Some(None),
    };
    let path = members.path.member("auth_scheme");
    members.finish(findings);
    let form = match auth_scheme? {
        None => TokenForm::Plain,
        Some(name) if name.eq_ignore_ascii_case("basic") => TokenForm::Basic,
        Some(name) if is_header_name(name) => TokenForm::AuthScheme(name.to_owned()),
        Some(_) => {
            findings.problem(&path, "must be the name of an authentication scheme, such as \"Bearer\"");
            return None;
        }
    };
    Some(TokenScheme { header: header?, form })
}
