//! Reads the values that both sides of a handshake know.

use crate::config::problem::Findings;
use crate::config::reader::Node;
use crate::config::secret_text::{Environment, Judgement, TextOrigin, read_text};
use crate::verify::key::text_rule::{TextFault, is_placeholder};

/// Reads one value of a handshake, `{"env": …}` or `{"value": …}`; `None` inside if its environment variable is not set or
/// unusable, which closes the handshake.
pub(super) fn read(node: &Node<'_>, environment: Environment<'_>, findings: &mut Findings) -> Option<Option<String>> {
    let mut members = node.object(findings)?;
    let (env, value) = (members.take("env"), members.take("value"));
    members.finish(findings);
    let Some((origin, text)) = read_text(env, value, &node.path, "handshake", environment, findings)? else {
        return Some(None);
    };
    match judge_expansion(&text, &origin, findings) {
        Judgement::Usable => Some(Some(text)),
        Judgement::Closes => Some(None),
        Judgement::Refused => None,
    }
}

/// Reads one value of a handshake that is written as text.
pub(super) fn read_plain(node: &Node<'_>, findings: &mut Findings) -> Option<String> {
    let text = node.text(findings)?;
    let origin = TextOrigin { path: node.path.clone(), is_from_environment: false };
    let usable = text.is_empty() || matches!(judge_expansion(text, &origin, findings), Judgement::Usable);
    usable.then(|| text.to_owned())
}

fn judge_expansion(text: &str, origin: &TextOrigin, findings: &mut Findings) -> Judgement {
    if !is_placeholder(text) {
        return Judgement::Usable;
    }
    Judgement::of_fault(origin.unusable(&TextFault::Placeholder, "handshake", findings))
}
