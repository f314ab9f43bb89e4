//! Suspects among the secrets: another source's, an older one, one that was pasted wrongly.

use std::collections::HashSet;

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::key::secret::Key;
use hookwarden::verify::scheme::Scheme;

use super::secret_form::Form;
use super::{Mistake, Scene};
use crate::cli::config_file::SecretEntry;
use crate::cli::explain::trial::Verifier;

/// Keys to try, and whose they are.
pub struct Keys<'a> {
    tries: Vec<Try<'a>>,
}

/// A secret in a form. No `Debug`: it holds the text.
struct Try<'a> {
    text: &'a str,
    form: Form,
    whose: Whose,
}

/// Whose secret it is.
#[derive(Clone, Debug)]
enum Whose {
    /// The check's own.
    Own { id: String },
    /// The check's own, and not valid now.
    Inactive { id: String, is_over: bool },
    /// The check's own, under another name than the request's.
    OtherList { id: String, list: String },
    /// Another check's.
    Other { id: String, source: String, is_same_source: bool },
    /// Nobody's: what a program signs with that has none.
    Nobody,
}

/// What programs sign with that have no secret.
const NOBODYS: &[&str] = &["", "undefined", "null", "None", "nil", "secret", "changeme", "test"];

impl<'a> Keys<'a> {
    /// The check's own secrets, as they are configured.
    pub fn configured(scene: &Scene<'a>) -> Self {
        let own = scene.check.secrets().filter_map(|(_, secret)| {
            let text = secret.text.as_deref()?;
            Some(Try { text, form: Form::AsConfigured, whose: Whose::Own { id: secret.id.clone() } })
        });
        Self { tries: own.collect() }
    }

    /// Everything that may have been meant.
    pub fn all(scene: &Scene<'a>) -> Self {
        let mut own = Vec::new();
        let selected = scene.selected_list();
        for (list, secret) in scene.check.secrets() {
            let id = secret.id.clone();
            let whose = match (&list.name, &selected) {
                (Some(list), Some(selected)) if list != selected => Whose::OtherList { id, list: list.clone() },
                (Some(list), None) => Whose::OtherList { id, list: list.clone() },
                _ if !secret.validity.contains(scene.now) => {
                    Whose::Inactive { id, is_over: secret.validity.not_after.is_some_and(|end| end < scene.now) }
                }
                _ => Whose::Own { id },
            };
            own.push((secret, whose));
        }
        let mut others = Vec::new();
        for (position, check) in scene.configuration.checks() {
            if std::ptr::eq(check, scene.check)
                || check.public_keys != scene.check.public_keys
                || scene.siblings.is_satisfied(check)
            {
                continue;
            }
            let name = scene.configuration.sources.get(position).map(|source| source.name.clone()).unwrap_or_default();
            for (_, secret) in check.secrets() {
                let is_same_source = position == scene.source;
                others.push((secret, Whose::Other { id: secret.id.clone(), source: name.clone(), is_same_source }));
            }
        }
        let mut tries = Vec::new();
        let mut add = |secrets: &[(&'a SecretEntry, Whose)], form: Form| {
            let texts = secrets.iter().filter_map(|(secret, whose)| Some((secret.text.as_deref()?, whose)));
            tries.extend(texts.map(|(text, whose)| Try { text, form, whose: whose.clone() }));
        };
        add(&own, Form::AsConfigured);
        add(&others, Form::AsConfigured);
        if !scene.check.public_keys {
            Form::OTHERS.iter().for_each(|form| add(&own, *form));
            Form::OF_OTHERS.iter().for_each(|form| add(&others, *form));
            tries.extend(NOBODYS.iter().map(|text| Try { text, form: Form::Text, whose: Whose::Nobody }));
        }
        Self { tries }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tries.len()
    }

    /// A verifier that tries them all, each once.
    pub fn verifier(&self, dialects: &[Dialect]) -> Option<Verifier> {
        Verifier::new(dialects, |scheme| {
            let mut seen = HashSet::new();
            self.tries.iter().map(|one| one.key(scheme, &mut seen)).collect()
        })
    }

    /// The position of the only one, if there is but one.
    pub fn only(&self) -> Option<usize> {
        (self.tries.len() == 1).then_some(0)
    }

    /// What was wrong if the one at this position is right.
    pub fn mistakes(&self, position: usize, scheme: &Scheme) -> Vec<Mistake> {
        let Some(one) = self.tries.get(position) else { return Vec::new() };
        let whose = match &one.whose {
            Whose::Own { .. } => None,
            Whose::Inactive { id, is_over: true } => Some(Mistake::new(
                "secret_expired",
                format!(
                    "The request is signed with the secret \"{id}\", which was no longer valid when it arrived \
                         (not_after)."
                ),
                "The sender still uses the old secret: change it there, or move not_after.",
            )),
            Whose::Inactive { id, is_over: false } => Some(Mistake::new(
                "secret_not_yet_valid",
                format!(
                    "The request is signed with the secret \"{id}\", which was not valid yet when it arrived \
                         (not_before)."
                ),
                "The sender uses the new secret already: let not_before be earlier.",
            )),
            Whose::OtherList { id, list } => Some(Mistake::new(
                "secret_of_another_name",
                format!(
                    "The request is signed with the secret \"{id}\" that secrets_by or keys_by lists for \"{list}\"."
                ),
                "Compare what the request names with the names under secrets_by or keys_by.",
            )),
            Whose::Other { id, source, is_same_source: false } => Some(Mistake::new(
                "secret_of_another_source",
                format!("The request is signed with the secret \"{id}\" of the source \"{source}\"."),
                format!(
                    "The sender has the secret of \"{source}\", or calls the wrong URL, or two variables were mixed up."
                ),
            )),
            Whose::Other { id, is_same_source: true, .. } => Some(Mistake::new(
                "secret_of_another_check",
                format!("The request is signed with the secret \"{id}\" of another check of this source."),
                "Two secrets were mixed up: compare them with the sender's.",
            )),
            Whose::Nobody => {
                let what =
                    if one.text.is_empty() { "an empty key".to_owned() } else { format!("the word \"{}\"", one.text) };
                return vec![Mistake::new(
                    "sender_has_no_secret",
                    format!("The request is signed with {what}: the sender's secret is not set."),
                    "Set the secret at the sender.",
                )];
            }
        };
        whose.into_iter().chain(one.form.mistake(scheme)).collect()
    }

    /// Which secret the one at this position is, for people.
    pub fn label(&self, position: usize) -> String {
        match self.tries.get(position).map(|one| &one.whose) {
            Some(Whose::Own { id } | Whose::Inactive { id, .. }) => format!("\"{id}\""),
            Some(Whose::OtherList { id, list }) => format!("\"{id}\" of \"{list}\""),
            Some(Whose::Other { id, source, .. }) => format!("\"{id}\" of the source \"{source}\""),
            Some(Whose::Nobody) | None => "none that is configured".to_owned(),
        }
    }
}

impl Try<'_> {
    /// The key under a scheme; `None` if it cannot be, or was there before.
    fn key(&self, scheme: &Scheme, seen: &mut HashSet<Vec<u8>>) -> Option<Key> {
        let is_nobodys = matches!(self.whose, Whose::Nobody);
        match self.form {
            Form::AsConfigured => {
                if let Some(bytes) = configured_bytes(self.text, scheme)
                    && !seen.insert(bytes)
                {
                    return None;
                }
                scheme.key(self.text).ok()
            }
            _ if is_nobodys && matches!(scheme, Scheme::Credential(_)) => None,
            form => {
                let bytes = if is_nobodys { self.text.as_bytes().to_vec() } else { form.bytes(self.text, scheme)? };
                seen.insert(bytes.clone()).then(|| scheme.key_of_bytes(&bytes))?
            }
        }
    }
}

fn configured_bytes(text: &str, scheme: &Scheme) -> Option<Vec<u8>> {
    match scheme.key_form() {
        Some(form) => form.bytes(text).ok(),
        None => Some(text.as_bytes().to_vec()),
    }
}
