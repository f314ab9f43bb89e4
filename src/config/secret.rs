//! Reads secrets: from the environment, literal or live, with names and periods of validity.

use std::borrow::Cow;
use std::rc::Rc;

use super::live::{self, Outside};
use super::problem::{self, Findings, Path};
use super::providers::Shape;
use super::reader::{Members, Node};
use crate::verify::key::keyring::Entry;
use crate::verify::key::live::{LiveSecret, Origin};
use crate::verify::key::secret::{Key, Secret, SecretText, Validity};
use crate::verify::key::text_rule::{MIN_BYTES, TextFault, TextRule, is_placeholder, is_variable_name};
use crate::verify::primitives::timestamp::{UnixTime, parse_rfc3339};
use crate::verify::scheme::Scheme;

/// The longest name of a source or a secret, in bytes.
pub(super) const MAX_NAME: usize = 64;
/// Shorter secrets are a warning.
const GOOD_BYTES: usize = 16;

/// The environment of the VM: the value of a variable, if it is set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A secret as configured. It has no `Debug`, since it holds the text.
pub(super) struct Written {
    origin: TextOrigin,
    id: Rc<str>,
    content: Content,
    validity: Validity,
    rule: TextRule,
}

/// Where a text was written, which decides what a fault in it does.
struct TextOrigin {
    path: Path,
    is_from_environment: bool,
}

impl TextOrigin {
    /// Notes a fault in the text, in a predicate whose subject is the text. A configuration with such a text is refused;
    /// an environment changes without one, at a restart that must not take other sources down, so it closes what `closes`
    /// names and nothing else. Returns whether it does.
    fn fault(
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
}

/// Where the text of a secret is.
#[derive(PartialEq, Eq)]
enum Content {
    /// Here.
    Fixed(String),
    /// Elsewhere, while the filter runs.
    Live(Origin),
}

/// What a list holds.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    /// Secrets, and the form of the sender's secrets if known.
    Secret(Option<&'a Shape>),
    /// Public keys, which are not secret.
    PublicKey,
}

/// The outcome of reading a configured secret.
pub(super) enum Found {
    /// It is there.
    Written(Written),
    /// Its environment variable is not set or unusable, which closes its source.
    Closed,
}

/// What an [`Environment`] returns for a variable that is set, but whose value is not visible here, so that the rest of
/// the configuration can still be checked. No variable of a process can have this value.
pub const UNSEEN: &str = "\0";

/// Whether a text stands for one that is not visible. In the filter all are, and no text does.
fn is_unseen(text: &str) -> bool {
    cfg!(not(target_family = "wasm")) && text == UNSEEN
}

/// The key that every secret has which is not visible, if there may be such secrets.
pub(super) fn unseen_key(scheme: &Scheme) -> Option<Key> {
    if cfg!(target_family = "wasm") { None } else { placeholder_key(scheme) }
}

/// A stand-in for a key that is not visible: text, base64 and hexadecimal; a user and a password; public keys of
/// Ed25519 and P-256 (the generators of both groups), and of RSA.
fn placeholder_key(scheme: &Scheme) -> Option<Key> {
    const PLAIN: &str = "00112233445566778899aabbccddeeff";
    const ED25519: &str = "5866666666666666666666666666666666666666666666666666666666666666";
    const P256: &str = "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    let rsa = format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}w"}}"#, "_".repeat(341));
    let basic = format!("user:{PLAIN}");
    [PLAIN, &basic, ED25519, P256, &rsa].into_iter().find_map(|text| scheme.key(text).ok())
}

/// Reads a list of secrets. `None` if there was a problem.
pub(super) fn read_list(
    node: &Node<'_>,
    kind: Kind<'_>,
    outside: Outside<'_>,
    findings: &mut Findings,
) -> Option<Vec<Found>> {
    let list = node.list(findings)?;
    let mut ids: Vec<Rc<str>> = Vec::new();
    let found: Vec<Option<Found>> = list
        .iter()
        .zip(1_usize..)
        .map(|(node, number)| {
            let mut members = node.object(findings)?;
            let id = match members.take("id") {
                Some(node) => read_name(&node, findings).map(Rc::from),
                None => Some(Rc::from(number.to_string())),
            };
            if let Some(id) = &id {
                if ids.contains(id) {
                    findings.problem_of(
                        problem::Kind::NameTaken,
                        &node.path,
                        ("has the \"id\" of an earlier secret", "each needs its own"),
                    );
                }
                ids.push(id.clone());
            }
            read_one(members, id, kind, outside, findings)
        })
        .collect();
    found.into_iter().collect()
}

fn read_one(
    mut members: Members<'_>,
    id: Option<Rc<str>>,
    kind: Kind<'_>,
    outside: Outside<'_>,
    findings: &mut Findings,
) -> Option<Found> {
    let allows_short = members.take("insecure_short_secret").and_then(|node| node.bool(findings)).unwrap_or(false);
    let not_before = read_time(members.take("not_before"), findings);
    let not_after = read_time(members.take("not_after"), findings);
    let (env, value) = (members.take("env"), members.take("value"));
    let (filter_state, http) = (members.take("filter_state"), members.take("http"));
    let path = members.path.clone();
    members.finish(findings);
    let (origin, content) = match (env, value, filter_state, http) {
        (None, None, Some(node), None) => {
            let origin = live::read_filter_state(&node, findings)?;
            (TextOrigin { path: node.path, is_from_environment: false }, Content::Live(origin))
        }
        (None, None, None, Some(node)) => {
            let origin = live::read_http(&node, id.as_deref().unwrap_or_default(), outside, findings)?;
            (TextOrigin { path: node.path, is_from_environment: false }, Content::Live(origin))
        }
        (env, value, None, None) if env.is_some() != value.is_some() => {
            match read_text(env, value, &path, "source", outside.environment, findings)? {
                Some((origin, text)) => (origin, Content::Fixed(text)),
                None => return Some(Found::Closed),
            }
        }
        _ => {
            return findings.refuse_of(
                problem::Kind::MissingKey,
                &path,
                "needs exactly one of \"env\", \"value\", \"filter_state\" and \"http\"",
            );
        }
    };
    if let (Some(Some(start)), Some(Some(end))) = (not_before, not_after)
        && start > end
    {
        findings.problem_of(
            problem::Kind::SecretForm,
            &origin.path,
            "has \"not_before\" later than \"not_after\", so that it is never valid",
        );
    }
    let shape = match kind {
        Kind::Secret(shape) => shape,
        Kind::PublicKey => None,
    };
    let not = shape.map(|shape| shape.not.clone()).unwrap_or_default();
    let rule = TextRule { allows_short, not, is_public: matches!(kind, Kind::PublicKey) };
    if let Content::Fixed(text) = &content
        && !is_unseen(text)
        && !rule.is_public
    {
        match judge(text, &rule, &origin, "source", findings) {
            Judgement::Usable => warn_of_prefix(text, shape, &origin.path, findings),
            Judgement::Closes => return Some(Found::Closed),
            Judgement::Refused => return None,
        }
    }
    let validity = Validity { not_before: not_before?, not_after: not_after? };
    Some(Found::Written(Written { origin, id: id?, content, validity, rule }))
}

/// The text of a secret and where it is; none if its environment variable is not set, which closes what `closes` names.
fn read_text(
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

/// The outcome of reading a secret header value that the filter itself sends.
pub(super) enum HeaderValue {
    /// It is there.
    Written(SecretText),
    /// Its environment variable is not set or unusable, which closes the source.
    Closed,
}

/// Reads one secret that is a header's whole value.
pub(super) fn read_header_value(
    node: &Node<'_>,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<HeaderValue> {
    let mut members = node.object(findings)?;
    let (env, value) = (members.take("env"), members.take("value"));
    members.finish(findings);
    let Some((origin, text)) = read_text(env, value, &node.path, "source", environment, findings)? else {
        return Some(HeaderValue::Closed);
    };
    if is_unseen(&text) {
        return Some(HeaderValue::Written(SecretText::new(b"")));
    }
    let mut fault = |kind, diagnosis: (String, &'static str)| {
        origin.fault(kind, diagnosis, "source", findings).then_some(HeaderValue::Closed)
    };
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        let wrong = "cannot be a header's value: it has a line break or non-ASCII characters".to_owned();
        return fault(problem::Kind::SecretForm, (wrong, ""));
    }
    if text.rsplit_once(' ').is_some_and(|(_, credential)| is_placeholder(credential)) {
        let placeholder = TextFault::Placeholder;
        return fault(problem::Kind::SecretUnusable, (placeholder.wrong(), placeholder.right()));
    }
    // Its length is up to the store.
    let rule = TextRule { allows_short: true, ..TextRule::default() };
    match judge(&text, &rule, &origin, "source", findings) {
        Judgement::Usable => Some(HeaderValue::Written(SecretText::new(text.as_bytes()))),
        Judgement::Closes => Some(HeaderValue::Closed),
        Judgement::Refused => None,
    }
}

/// Reads one value of a handshake, `{"env": …}` or `{"value": …}`; `None` inside if its environment variable is not set or
/// unusable, which closes the handshake.
pub(super) fn read_value(
    node: &Node<'_>,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<Option<String>> {
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
pub(super) fn read_plain_value(node: &Node<'_>, findings: &mut Findings) -> Option<String> {
    let text = node.text(findings)?;
    let origin = TextOrigin { path: node.path.clone(), is_from_environment: false };
    let usable = text.is_empty() || matches!(judge_expansion(text, &origin, findings), Judgement::Usable);
    usable.then(|| text.to_owned())
}

/// What becomes of a configured text.
enum Judgement {
    /// It is used.
    Usable,
    /// It closes what it is for.
    Closes,
    /// The configuration is refused.
    Refused,
}

fn judge_expansion(text: &str, origin: &TextOrigin, findings: &mut Findings) -> Judgement {
    let fault = TextFault::Placeholder;
    match is_placeholder(text)
        .then(|| origin.fault(problem::Kind::SecretUnusable, (fault.wrong(), fault.right()), "handshake", findings))
    {
        None => Judgement::Usable,
        Some(true) => Judgement::Closes,
        Some(false) => Judgement::Refused,
    }
}

/// Whether a text can be a secret. Its messages never contain the text.
fn judge(text: &str, rule: &TextRule, origin: &TextOrigin, closes: &str, findings: &mut Findings) -> Judgement {
    if let Err(fault) = rule.check(text) {
        let kind = match fault {
            TextFault::OtherKind(_) => problem::Kind::SecretForm,
            _ => problem::Kind::SecretUnusable,
        };
        let closes = origin.fault(kind, (fault.wrong(), fault.right()), closes, findings);
        return if closes { Judgement::Closes } else { Judgement::Refused };
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

/// Warns unless a text has a prefix of the sender's secrets, if those are known.
fn warn_of_prefix(text: &str, shape: Option<&Shape>, path: &Path, findings: &mut Findings) {
    let Some(shape) = shape else { return };
    if !shape.prefixes.is_empty() && !shape.prefixes.iter().any(|prefix| text.starts_with(prefix)) {
        let prefixes: Vec<_> = shape.prefixes.iter().map(|prefix| format!("\"{prefix}\"")).collect();
        findings.warning_of(
            problem::Kind::SecretPrefix,
            path,
            format!("does not begin with {} as this sender's webhook secrets do", prefixes.join(" or ")),
        );
    }
}

/// Reads a name that is used in metrics and headers.
pub(super) fn read_name<'a>(node: &Node<'a>, findings: &mut Findings) -> Option<&'a str> {
    let name = node.text(findings)?;
    let fits = !name.is_empty()
        && name.len() <= MAX_NAME
        && !name.starts_with('_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !fits {
        findings.problem(
            &node.path,
            "must be 1 to 64 letters, digits, \"-\" and \"_\", not beginning with \"_\": it names metrics and headers",
        );
    }
    fits.then_some(name)
}

fn read_time(node: Option<Node<'_>>, findings: &mut Findings) -> Option<Option<UnixTime>> {
    let Some(node) = node else { return Some(None) };
    match parse_rfc3339(node.text(findings)?) {
        Some(time) => Some(Some(time)),
        None => {
            findings.problem(&node.path, "must be a time such as \"2026-12-31T00:00:00Z\" (RFC 3339)");
            None
        }
    }
}

impl Written {
    /// Whether both have the same text, as far as that is known: the texts of live secrets are not.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.content == other.content
    }

    /// Whether both are the same key under `scheme`, though they may be pasted differently.
    pub(super) fn is_same_key(&self, other: &Self, scheme: &Scheme) -> bool {
        self.is_alike(other)
            || matches!((&self.content, &other.content), (Content::Fixed(one), Content::Fixed(other)) if scheme.is_same_key(one, other))
    }

    /// The secret for `scheme`: prepared, if its text is here; `None` inside if the text is unusable and closes the source.
    /// `events_of`: the list under whose name its events are remembered, if not its own.
    pub(super) fn prepare(
        &self,
        scheme: &Scheme,
        events_of: Option<Rc<str>>,
        findings: &mut Findings,
    ) -> Option<Option<Entry>> {
        let text = match &self.content {
            Content::Fixed(text) => text,
            Content::Live(origin) => {
                let (id, origin, rule) = (self.id.clone(), origin.clone(), self.rule.clone());
                return Some(Some(Entry::Live(LiveSecret::new(id, self.validity, origin, rule, events_of))));
            }
        };
        let fixed =
            |key| Some(Entry::Fixed(Rc::new(Secret { id: self.id.clone(), key, validity: self.validity, events_of })));
        if is_unseen(text)
            && let Some(key) = placeholder_key(scheme)
        {
            return Some(fixed(key));
        }
        let (kind, diagnosis) = if !self.rule.allows_short && scheme.key_len(text).is_some_and(|len| len < MIN_BYTES) {
            let wrong = "decodes to fewer than 8 bytes and can be guessed";
            (problem::Kind::SecretUnusable, (wrong, "paste the sender's own"))
        } else {
            match scheme.key(text) {
                Ok(key) => return Some(fixed(key)),
                Err(error) => (problem::Kind::SecretForm, (error.wrong(), error.right())),
            }
        };
        self.origin.fault(kind, diagnosis, "source", findings).then_some(None)
    }
}
