//! What a source says of its senders' handshakes: whether it takes part, and the values that both sides know.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use super::value;
use crate::config::problem::{Findings, Kind, Path};
use crate::config::reader::{Node, shown};
use crate::config::secret_text::Environment;
use crate::handshake::ConfirmationRule;
use crate::verify::bytes::json::Json;

/// How long the call may take that confirms a subscription. Amazon SNS waits 15 seconds for the response.
const CONFIRMATION_TIMEOUT: Duration = Duration::from_secs(10);

/// What a source says of its senders' handshakes.
pub(in crate::config) struct HandshakeOption<'a> {
    path: Path,
    /// Whether a handshake goes to the upstream.
    pub(super) forwards: bool,
    values: Vec<(&'a str, Path, Vec<Option<String>>)>,
    used: RefCell<BTreeSet<&'a str>>,
    confirmation: Option<ConfirmationRule>,
    confirms: Cell<bool>,
    /// Whether any of its senders makes handshakes.
    is_used: Cell<bool>,
}

impl<'a> HandshakeOption<'a> {
    /// Takes part, without any values.
    pub(super) fn plain(path: &Path) -> Self {
        Self {
            path: path.clone(),
            forwards: false,
            values: Vec::new(),
            used: RefCell::default(),
            confirmation: None,
            confirms: Cell::new(false),
            is_used: Cell::new(false),
        }
    }

    /// Takes part by forwarding, whatever the values are.
    pub(in crate::config) fn forwarding(path: &Path) -> Self {
        Self { forwards: true, ..Self::plain(path) }
    }

    /// Reads the member `handshake` of a source; `None` inside if the source takes no part.
    pub(in crate::config) fn read(
        node: Option<&Node<'a>>,
        environment: Environment<'_>,
        findings: &mut Findings,
    ) -> Option<Option<Self>> {
        let Some(node) = node else { return Some(None) };
        let mut option = Self::plain(&node.path);
        match node.json {
            Json::Bool(false) => return Some(None),
            Json::Bool(true) => {}
            Json::Text(text) if text == "forward" => option.forwards = true,
            Json::Object(_) => {
                let mut members = node.object(findings)?;
                option.forwards = match members.take("forward") {
                    Some(node) => node.bool(findings)?,
                    None => false,
                };
                option.confirmation = read_confirmation(members.take("topics"), members.take("cluster"), findings)?;
                for (name, node) in members.rest() {
                    let values = read_values(&node, environment, findings)?;
                    option.values.push((name, shown(&members.path, name), values));
                }
            }
            _ => return node.expected("true, \"forward\" or an object", findings),
        }
        Some(Some(option))
    }

    /// The texts of a value, each `None` if its variable is not set in the environment. `None` if it is not configured.
    pub(super) fn value(&self, name: &str) -> Option<&[Option<String>]> {
        let (name, _, texts) = self.values.iter().find(|(known, ..)| *known == name)?;
        self.used.borrow_mut().insert(*name);
        Some(texts)
    }

    /// Notes that a value is missing that the sender's handshake needs.
    pub(super) fn missing(&self, name: &str, findings: &mut Findings) {
        let right = format!(
            "write \"handshake\": {{ \"{name}\": {{ \"env\": … }} }}, or \"forward\" if your application answers"
        );
        let diagnosis = ("lacks a value that this sender's handshake needs", right);
        findings.problem_of(Kind::SchemeValueMissing { name: name.to_owned() }, &self.path, diagnosis);
    }

    /// The rule by which subscriptions are confirmed.
    pub(super) fn confirmation(&self, findings: &mut Findings) -> Option<ConfirmationRule> {
        self.confirms.set(true);
        if self.confirmation.is_none() {
            findings.problem_of(
                Kind::MissingKey,
                &self.path,
                (
                    "lacks \"topics\" and \"cluster\"",
                    "list the topics whose subscriptions are confirmed, and name the cluster \
                 that reaches sns.<region>.amazonaws.com",
                ),
            );
        }
        self.confirmation.clone()
    }

    /// Notes that a sender of the source makes handshakes.
    pub(super) fn note_use(&self) {
        self.is_used.set(true);
    }

    /// Notes what is not used.
    pub(in crate::config) fn finish(&self, findings: &mut Findings) {
        if !self.is_used.get() {
            findings.problem(&self.path, ("has no effect: no sender of this source makes a handshake", "remove it"));
            return;
        }
        for (name, path, _) in &self.values {
            if !self.used.borrow().contains(name) {
                findings.problem_of(Kind::SchemeValue, path, "is not a value that this sender's handshake uses");
            }
        }
        if self.confirmation.is_some() && !self.confirms.get() {
            findings
                .problem(&self.path, "has \"topics\" or \"cluster\", and this sender has no subscription to confirm");
        }
    }
}

fn read_values(node: &Node<'_>, environment: Environment<'_>, findings: &mut Findings) -> Option<Vec<Option<String>>> {
    match node.json {
        Json::List(_) => {
            let nodes = node.list(findings)?;
            let values: Vec<_> = nodes.iter().map(|node| read_value(node, environment, findings)).collect();
            values.into_iter().collect()
        }
        _ => read_value(node, environment, findings).map(|value| vec![value]),
    }
}

fn read_value(node: &Node<'_>, environment: Environment<'_>, findings: &mut Findings) -> Option<Option<String>> {
    let text = match node.json {
        Json::Object(_) => value::read(node, environment, findings)?,
        _ => Some(value::read_plain(node, findings)?),
    };
    if text.as_ref().is_some_and(String::is_empty) {
        return findings.refuse_of(
            Kind::SchemeValue,
            &node.path,
            ("is empty", "give it the value that is set at the sender"),
        );
    }
    Some(text)
}

fn read_confirmation(
    topics: Option<Node<'_>>,
    cluster: Option<Node<'_>>,
    findings: &mut Findings,
) -> Option<Option<ConfirmationRule>> {
    let (topics, cluster) = match (topics, cluster) {
        (None, None) => return Some(None),
        (Some(topics), Some(cluster)) => (topics, cluster),
        (Some(node), None) | (None, Some(node)) => {
            return findings.refuse_of(Kind::MissingKey, &node.path, "needs both \"topics\" and \"cluster\" beside it");
        }
    };
    let read_topic = |node: &Node<'_>| {
        let topic = node.text(findings)?;
        if !ConfirmationRule::is_topic(topic) {
            return findings.refuse(
                &node.path,
                "must be the name of a topic, such as \"arn:aws:sns:eu-west-1:123456789012:orders\"",
            );
        }
        Some(topic.to_owned())
    };
    let nodes = topics.list(&mut Findings::default());
    let Some(nodes) = nodes else { return topics.expected("a list of topics", findings) };
    let topics: Vec<_> = nodes.iter().map(read_topic).collect();
    let cluster = cluster.text(findings)?.to_owned();
    let topics = topics.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Some(ConfirmationRule { cluster, topics, timeout: CONFIRMATION_TIMEOUT }))
}
