//! Secrets as they are configured: from the environment or in place, named, and valid for a time.

use std::rc::Rc;

use super::problem::{Findings, Path};
use super::providers::Shape;
use super::reader::{Members, Node};
use crate::verify::scheme::{KeyError, Scheme};
use crate::verify::secret::{Secret, SecretText, Validity};
use crate::verify::timestamp::{UnixTime, parse_rfc3339};

/// The longest name of a source or a secret, in bytes.
pub(super) const MAX_NAME: usize = 64;
/// Shorter secrets can be guessed, and are an error unless said to be meant.
const MIN_BYTES: usize = 8;
/// Shorter secrets are a warning.
const GOOD_BYTES: usize = 16;

/// The environment of the VM: the value of a variable, if it is set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A secret as it was written down. No `Debug`: it holds the text.
pub(super) struct Written {
    path: Path,
    id: Rc<str>,
    text: String,
    validity: Validity,
    short_is_meant: bool,
}

/// What a list holds.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    /// Secrets, and what the sender's look like if that is known.
    Secret(Option<&'a Shape>),
    /// Public keys, which are nobody's secret.
    PublicKey,
}

/// What became of a configured secret.
pub(super) enum Found {
    /// It is there.
    Written(Written),
    /// Its environment variable is not set.
    MissingInEnvironment,
}

/// What an [`Environment`] says of a variable that is set where its value cannot be seen from here: what is configured
/// around the secret can be checked all the same. No variable can hold it.
#[cfg(not(target_family = "wasm"))]
pub const UNSEEN: &str = "\0";

/// A key of the scheme that stands for one that cannot be seen: text, base64 and hexadecimal; a user and a password;
/// public keys of Ed25519 and P-256 (the generators of both groups), and of RSA.
#[cfg(not(target_family = "wasm"))]
fn specimen(scheme: &Scheme) -> Option<crate::verify::secret::Key> {
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
    environment: Environment<'_>,
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
                    findings.problem(&node.path, "has the \"id\" of an earlier secret; each needs its own");
                }
                ids.push(id.clone());
            }
            read_one(members, id, kind, environment, findings)
        })
        .collect();
    found.into_iter().collect()
}

fn read_one(
    mut members: Members<'_>,
    id: Option<Rc<str>>,
    kind: Kind<'_>,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<Found> {
    let short_is_meant = members.take("insecure_short_secret").and_then(|node| node.bool(findings)).unwrap_or(false);
    let not_before = read_time(members.take("not_before"), findings);
    let not_after = read_time(members.take("not_after"), findings);
    let (env, value) = (members.take("env"), members.take("value"));
    let path = members.path.clone();
    members.finish(findings);
    let (path, text) = match read_text(env, value, &path, environment, findings)? {
        Some(found) => found,
        None => return Some(Found::MissingInEnvironment),
    };
    if let (Some(Some(start)), Some(Some(end))) = (not_before, not_after)
        && start > end
    {
        findings.problem(&path, "has \"not_before\" later than \"not_after\", so that it is never valid");
    }
    let usable = match kind {
        #[cfg(not(target_family = "wasm"))]
        _ if text == UNSEEN => true,
        Kind::Secret(shape) => is_usable(&text, short_is_meant, &path, findings) && fits(&text, shape, &path, findings),
        Kind::PublicKey => true,
    };
    usable.then_some(())?;
    let validity = Validity { not_before: not_before?, not_after: not_after? };
    Some(Found::Written(Written { path, id: id?, text, validity, short_is_meant }))
}

/// The text of a secret and where it stands; none if its environment variable is not set.
fn read_text(
    env: Option<Node<'_>>,
    value: Option<Node<'_>>,
    path: &Path,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<Option<(Path, String)>> {
    match (env, value) {
        (Some(node), None) => {
            let name = node.text(findings)?;
            if !is_variable_name(name) {
                findings.problem(&node.path, "must be the name of an environment variable, such as \"HOOK_SECRET\"");
                return None;
            }
            let text = environment(name).filter(|text| !text.is_empty());
            if text.is_none() {
                findings.warning(
                    &node.path,
                    "is not set in the VM's environment, so its source is closed (503): set it, and name it in \
                     vm_config.environment_variables.host_env_keys",
                );
            }
            Some(text.map(|text| (node.path, text)))
        }
        (None, Some(node)) => Some(Some((node.path.clone(), node.text(findings)?.to_owned()))),
        _ => findings.refuse(path, "needs exactly one of \"env\" and \"value\""),
    }
}

/// What became of a header's value that is a secret of ours, which no request presents.
pub(super) enum HeaderValue {
    /// It is there.
    Written(SecretText),
    /// Its environment variable is not set.
    MissingInEnvironment,
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
    let Some((path, text)) = read_text(env, value, &node.path, environment, findings)? else {
        return Some(HeaderValue::MissingInEnvironment);
    };
    #[cfg(not(target_family = "wasm"))]
    if text == UNSEEN {
        return Some(HeaderValue::Written(SecretText::new(b"")));
    }
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return findings.refuse(&path, "cannot be a header's value: it has a line break, or characters beyond ASCII");
    }
    if text.rsplit_once(' ').is_some_and(|(_, credential)| looks_unexpanded(credential)) {
        return findings.refuse(&path, UNEXPANDED);
    }
    // How long it is, is the store's business.
    is_usable(&text, true, &path, findings).then(|| HeaderValue::Written(SecretText::new(text.as_bytes())))
}

/// What is said of a secret that [`looks_unexpanded`].
const UNEXPANDED: &str =
    "looks like a placeholder or a reference that nobody expanded; use \"env\" to read an environment variable";

/// Whether a text can be meant as a secret. Says what it is not, never what it is.
fn is_usable(text: &str, short_is_meant: bool, path: &Path, findings: &mut Findings) -> bool {
    let problem = if text.is_empty() {
        "is empty; an empty secret would prove nothing"
    } else if text.trim() != text || text.contains(['\n', '\r']) {
        "begins or ends with white space, or has a line break in it; paste it again without"
    } else if is_quoted(text) {
        "stands in quotation marks, or begins or ends with one; paste it again without"
    } else if looks_unexpanded(text) || text.rsplit_once(':').is_some_and(|(_, password)| looks_unexpanded(password)) {
        UNEXPANDED
    } else if text.len() < MIN_BYTES && !short_is_meant {
        "is shorter than 8 bytes and can be guessed; use a longer one, or say \"insecure_short_secret\": true"
    } else {
        if text.len() < GOOD_BYTES {
            findings.warning(path, "is shorter than 16 bytes; longer secrets cannot be guessed");
        }
        return true;
    };
    findings.problem(path, problem);
    false
}

/// Whether a word processor or a shell's quotation marks came along.
fn is_quoted(text: &str) -> bool {
    let curly = ['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];
    let within = |mark: char| text.len() > 1 && text.starts_with(mark) && text.ends_with(mark);
    text.starts_with(curly) || text.ends_with(curly) || within('"') || within('\'')
}

/// Whether a text can be the sender's kind of secret, where it is known what that looks like.
fn fits(text: &str, shape: Option<&Shape>, path: &Path, findings: &mut Findings) -> bool {
    let Some(shape) = shape else { return true };
    if let Some(wrong) = shape.not.iter().find(|wrong| text.starts_with(*wrong)) {
        findings.problem(
            path,
            format!("begins with \"{wrong}\" and is another kind of key of this sender; use its webhook secret"),
        );
        return false;
    }
    if let Some(prefix) = shape.prefix.as_ref().filter(|prefix| !text.starts_with(*prefix)) {
        findings.warning(path, format!("does not begin with \"{prefix}\" as this sender's webhook secrets do"));
    }
    true
}

fn looks_unexpanded(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let placeholders = ["changeme", "change-me", "change_me", "none", "null", "nil", "undefined"];
    let variable = |name: &str| is_variable_name(name);
    text.is_empty()
        || placeholders.contains(&lower.as_str())
        || text.strip_prefix("env:").is_some_and(variable)
        || text.strip_prefix('$').is_some_and(variable)
        || (text.starts_with("${") && text.ends_with('}'))
        || (text.starts_with("{{") && text.ends_with("}}"))
        || (text.starts_with('<') && text.ends_with('>'))
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|char: char| char.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Reads a name that goes into metrics and headers.
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
    /// Whether both were pasted alike.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.text == other.text
    }

    /// The secret, prepared for `scheme`.
    pub(super) fn prepare(&self, scheme: &Scheme, findings: &mut Findings) -> Option<Secret> {
        #[cfg(not(target_family = "wasm"))]
        if self.text == UNSEEN
            && let Some(key) = specimen(scheme)
        {
            return Some(Secret { id: self.id.clone(), key, validity: self.validity });
        }
        if !self.short_is_meant && scheme.key_len(&self.text).is_some_and(|len| len < MIN_BYTES) {
            return findings
                .refuse(&self.path, "stands for fewer than 8 bytes and can be guessed; paste the sender's own");
        }
        match scheme.key(&self.text) {
            Ok(key) => Some(Secret { id: self.id.clone(), key, validity: self.validity }),
            Err(error) => {
                let message = match error {
                    KeyError::NotBase64 => {
                        "is not base64, and this sender's secrets are; paste the secret as it is shown"
                    }
                    KeyError::NotHex => {
                        "is not hexadecimal, and this sender's secrets are; paste the secret as it is shown"
                    }
                    KeyError::Empty => "has nothing behind its prefix",
                    KeyError::Composed => {
                        "has letters beyond ASCII, which this sender decomposes (NFKD) before it signs; paste it decomposed"
                    }
                    KeyError::Public(error) => return findings.refuse(&self.path, error.to_string()),
                    KeyError::NotUserAndPassword => "has no colon; basic authentication needs user:password",
                };
                findings.problem(&self.path, message);
                None
            }
        }
    }
}
