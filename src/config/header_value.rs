//! Reads a secret that is the whole value of a header that the filter itself sends.

use super::problem::{self, Findings};
use super::reader::Node;
use super::secret_text::{Environment, Judgement, is_unseen, judge, read_text};
use crate::verify::key::secret::SecretText;
use crate::verify::key::text_rule::{TextFault, TextRule, is_placeholder};

/// The outcome of reading a secret header value that the filter itself sends.
pub(super) enum HeaderValue {
    /// It is there.
    Written(SecretText),
    /// Its environment variable is not set or unusable, which closes the source.
    Closed,
}

/// Reads one secret that is a header's whole value.
pub(super) fn read(node: &Node<'_>, environment: Environment<'_>, findings: &mut Findings) -> Option<HeaderValue> {
    let mut members = node.object(findings)?;
    let (env, value) = (members.take("env"), members.take("value"));
    members.finish(findings);
    let Some((origin, text)) = read_text(env, value, &node.path, "source", environment, findings)? else {
        return Some(HeaderValue::Closed);
    };
    if is_unseen(&text) {
        return Some(HeaderValue::Written(SecretText::new(b"")));
    }
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        let wrong = "cannot be a header's value: it has a line break or non-ASCII characters";
        let closes = origin.fault(problem::Kind::SecretForm, (wrong, ""), "source", findings);
        return closes.then_some(HeaderValue::Closed);
    }
    if text.rsplit_once(' ').is_some_and(|(_, credential)| is_placeholder(credential)) {
        let closes = origin.unusable(&TextFault::Placeholder, "source", findings);
        return closes.then_some(HeaderValue::Closed);
    }
    // Its length is up to the store.
    let rule = TextRule { allows_short: true, ..TextRule::default() };
    match judge(&text, &rule, &origin, "source", findings) {
        Judgement::Usable => Some(HeaderValue::Written(SecretText::new(text.as_bytes()))),
        Judgement::Closes => Some(HeaderValue::Closed),
        Judgement::Refused => None,
    }
}
