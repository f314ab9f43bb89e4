//! Reads secrets: from the environment, literal or live, with names and periods of validity.

use std::rc::Rc;

use super::live::{self, Outside};
use super::problem::{self, Findings, Path};
use super::providers::Shape;
use super::reader::{Members, Node};
use super::secret_text::{Judgement, TextOrigin, is_unseen, judge, read_text};
use crate::verify::key::live::{LiveSecret, Origin};
use crate::verify::key::secret::{Key, Secret, Validity};
use crate::verify::key::secrets::Entry;
use crate::verify::key::text_rule::{MIN_BYTES, TextRule};
use crate::verify::primitives::timestamp::{UnixTime, parse_rfc3339};
use crate::verify::scheme::Scheme;

/// The longest name of a source or a secret, in bytes.
pub(super) const MAX_NAME: usize = 64;

/// A secret as configured. It has no `Debug`, since it holds the text.
pub(super) struct Written {
    origin: TextOrigin,
    id: Rc<str>,
    content: Content,
    validity: Validity,
    rule: TextRule,
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
