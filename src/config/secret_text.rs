//! Texts of secrets: where they are written, and what becomes of one that cannot be a secret.

use std::borrow::Cow;

use super::problem::{self, Findings, Path};
use super::reader::Node;
use crate::verify::key::text_rule::{TextFault, TextRule, is_variable_name};

/// Shorter secrets are a warning.
const GOOD_BYTES: usize = 16;

/// The environment of the VM: the value of a variable, if it is set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What an [`Environment`] returns for a variable that is set, but whose value is not visible here, so that the rest of
/// the configuration can still be checked. No variable of a process can have this value.
pub const UNSEEN: &str = "\0";

/// Whether a text stands for one that is not visible. In the filter all are, and no text does.
pub(super) fn is_unseen(text: &str) -> bool {
    cfg!(not(target_family = "wasm")) && text == UNSEEN
}

/// Where a text was written, which decides what a fault in it does.
pub(super) struct TextOrigin {
    pub(super) path: Path,
    pub(super) is_from_environment: bool,
}

impl TextOrigin {
    /// Notes a fault in the text, in a predicate whose subject is the text. A configuration with such a text is refused;
    /// an environment changes without one, at a restart that must not take other sources down, so it closes what `closes`
    /// names and nothing else. Returns whether it does.
    pub(super) fn fault(
        &self,
        kind: problem::Kind,
        (wrong, right): (impl Into<Cow<'static, str>>, &'static str),
        closes: &str,
        findings: &mut Findings,
    ) -> bool {
        if self.is_from_environment {
            let right = if right.is_empty() { String::new() } else { format!("{right}; ") };
            let right = format!("{right}its {closes} is closed (503) until then");
            findings.warning_of(kind, &self.path, (wrong, right));
        } else {
            findings.problem_of(kind, &self.path, (wrong, right));
        }
        self.is_from_environment
    }

    /// Notes that the text cannot be a secret. Returns whether that closes what `closes` names.
    pub(super) fn unusable(&self, fault: &TextFault, closes: &str, findings: &mut Findings) -> bool {
        let kind = match fault {
            TextFault::OtherKind(_) => problem::Kind::SecretForm,
            _ => problem::Kind::SecretUnusable,
        };
        let right = match fault {
            TextFault::Placeholder if self.is_from_environment => "set the variable to the secret itself",
            fault => fault.right(),
        };
        self.fault(kind, (fault.wrong(), right), closes, findings)
    }
}

/// What becomes of a configured text.
pub(super) enum Judgement {
    /// It is used.
    Usable,
    /// It closes what it is for.
    Closes,
    /// The configuration is refused.
    Refused,
}

impl Judgement {
    /// What a fault in the text does. `closes`: whether it closes what the text is for.
    pub(super) fn of_fault(closes: bool) -> Self {
        if closes { Judgement::Closes } else { Judgement::Refused }
    }
}

/// The text of a secret and where it is; none if its environment variable is not set, which closes what `closes` names.
pub(super) fn read_text(
    env: Option<Node<'_>>,
    value: Option<Node<'_>>,
    path: &Path,
    closes: &str,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<Option<(TextOrigin, String)>> {
    match (env, value) {
        (Some(node), None) => {
            let name = node.text(findings)?;
            if !is_variable_name(name) {
                findings.problem_of(
                    problem::Kind::SecretForm,
                    &node.path,
                    "must be the name of an environment variable, such as \"HOOK_SECRET\"",
                );
                return None;
            }
            let text = environment(name).filter(|text| !text.is_empty());
            if text.is_none() {
                findings.warning_of(
                    problem::Kind::VariableUnset,
                    &node.path,
                    format!(
                        "is not set in the VM's environment, so its {closes} is closed (503): set it, and name it in \
                         vm_config.environment_variables.host_env_keys"
                    ),
                );
            }
            Some(text.map(|text| (TextOrigin { path: node.path, is_from_environment: true }, text)))
        }
        (None, Some(node)) => {
            let text = node.text(findings)?.to_owned();
            Some(Some((TextOrigin { path: node.path, is_from_environment: false }, text)))
        }
        _ => findings.refuse_of(problem::Kind::MissingKey, path, "needs exactly one of \"env\" and \"value\""),
    }
}

/// Whether a text can be a secret. Its messages never contain the text.
pub(super) fn judge(
    text: &str,
    rule: &TextRule,
    origin: &TextOrigin,
    closes: &str,
    findings: &mut Findings,
) -> Judgement {
    if let Err(fault) = rule.check(text) {
        return Judgement::of_fault(origin.unusable(&fault, closes, findings));
    }
    if text.len() < GOOD_BYTES {
        findings.warning_of(
            problem::Kind::SecretShort,
            &origin.path,
            ("is shorter than 16 bytes", "longer secrets cannot be guessed"),
        );
    }
    Judgement::Usable
}
