//! What the filter's own reader says, as codes. It tells problems in words only, for it is part of the module.

use super::codes::{self, Code};

/// What a problem begins with or holds, and its code; the first that fits counts.
const PROBLEMS: &[(&str, &Code)] = &[
    ("not JSON:", &codes::NOT_JSON),
    ("is not known here", &codes::UNKNOWN_KEY),
    ("stands twice in its object", &codes::REPEATED_KEY),
    ("lacks \"", &codes::MISSING_KEY),
    ("needs exactly one of", &codes::MISSING_KEY),
    ("is not a provider we ship", &codes::UNKNOWN_PROVIDER),
    ("of an earlier source; requests", &codes::SOURCE_TAKEN),
    ("differs from an earlier source's path", &codes::SOURCE_TAKEN),
    ("is the name of an earlier source", &codes::NAME_TAKEN),
    ("of an earlier secret", &codes::NAME_TAKEN),
    ("is not a value that this scheme uses", &codes::SCHEME_VALUE),
    ("needs a configured value", &codes::SCHEME_VALUE),
    ("is empty; give it the value", &codes::SCHEME_VALUE),
    ("must be what stands before the path", &codes::SCHEME_VALUE),
    ("is empty; an empty secret", &codes::SECRET_UNUSABLE),
    ("begins or ends with white space", &codes::SECRET_UNUSABLE),
    ("stands in quotation marks", &codes::SECRET_UNUSABLE),
    ("looks like a placeholder", &codes::SECRET_UNUSABLE),
    ("is shorter than 8 bytes", &codes::SECRET_UNUSABLE),
    ("stands for fewer than 8 bytes", &codes::SECRET_UNUSABLE),
    ("is another kind of key of this sender", &codes::SECRET_FORM),
    ("is not base64, and", &codes::SECRET_FORM),
    ("is not hexadecimal, and", &codes::SECRET_FORM),
    ("has nothing behind its prefix", &codes::SECRET_FORM),
    ("has letters beyond ASCII", &codes::SECRET_FORM),
    ("has no colon; basic", &codes::SECRET_FORM),
];

/// The same of warnings, and what would be right where they do not say it.
const WARNINGS: &[(&str, &Code, &str)] = &[
    ("is not set in the VM's environment", &codes::VARIABLE_UNSET, ""),
    ("is shorter than 16 bytes", &codes::SECRET_SHORT, ""),
    ("does not begin with", &codes::SECRET_PREFIX, "see that it is the webhook's own secret, not another key"),
    ("the credential is all there is", &codes::WEAK_CREDENTIAL, "take TLS; and the sender's signature if it has one"),
    (
        "a request can be sent again for ever",
        &codes::REPLAY_MISSING,
        "add \"replay\": { \"window\": \"24h\" } to the source, or let the receiver refuse events that it has seen",
    ),
    ("when the replay window is over", &codes::REPLAY_ENDS, ""),
    ("is shorter than twice the tolerance", &codes::REPLAY_SHORT, "make it twice the tolerance or more"),
    ("can take one event for two", &codes::REPLAY_SHORT, ""),
    ("does not cover the body", &codes::WEAK_BODY, "let the receiver ask the sender for the object, by its id"),
    ("does not cover the whole body", &codes::WEAK_BODY, "let the receiver ask the sender for the object, by its id"),
    ("need not cover the", &codes::WEAK_BODY, "let the sender sign it, and demand that"),
    ("the algorithm rests on SHA-1", &codes::WEAK_ALGORITHM, ""),
    ("a plain hash of secret and content", &codes::WEAK_ALGORITHM, "take a long secret"),
    (
        "two signed values stand side by side",
        &codes::WEAK_ALGORITHM,
        "trust neither value beyond what is signed as a whole",
    ),
    ("names private addresses only", &codes::ADDRESS_PRIVATE, ""),
];

/// The code of a problem at `path`.
pub fn of_problem(message: &str, path: &str) -> &'static Code {
    let found = PROBLEMS.iter().find(|(words, _)| message.contains(words)).map(|(_, code)| *code);
    found.unwrap_or_else(|| {
        if path.ends_with(".env") || path.ends_with(".value") && !message.starts_with("must be") {
            &codes::SECRET_FORM
        } else if message.starts_with("must be") && message.contains(", not ") && !message.contains("\"") {
            &codes::WRONG_KIND
        } else {
            &codes::INVALID_VALUE
        }
    })
}

/// The code of a warning, and what would be right where it does not say it.
pub fn of_warning(message: &str) -> (&'static Code, &'static str) {
    let found = WARNINGS.iter().find(|(words, _, _)| message.contains(words));
    found.map_or((&codes::ADVICE, ""), |(_, code, right)| (*code, *right))
}

/// What is wrong at a path, and what would be right, where a message says both. What begins with a verb gets its
/// subject.
pub fn parts(message: &str, path: &str) -> (String, String) {
    let (wrong, right) = message.split_once("; ").unwrap_or((message, ""));
    let begins_with_verb = VERBS.contains(&wrong.split(' ').next().unwrap_or_default());
    let wrong = if begins_with_verb { format!("{} {wrong}", subject(path)) } else { wrong.to_owned() };
    (wrong, right.to_owned())
}

/// What messages begin with that say something of the value at their path.
const VERBS: &[&str] = &[
    "is", "must", "has", "lacks", "needs", "stands", "looks", "begins", "differs", "cannot", "does", "names", "signs",
    "mixes", "refuses", "speaks", "can", "wants", "may", "holds",
];

/// The last name of a path; of the text of a secret, the secret.
fn subject(path: &str) -> String {
    let path = path.strip_suffix(".env").or(path.strip_suffix(".value")).unwrap_or(path);
    match path.rsplit_once('.') {
        Some((_, name)) if name.ends_with(']') => name.to_owned(),
        Some((_, name)) => format!("\"{name}\""),
        None => "the configuration".to_owned(),
    }
}

/// Whether `path` is the path `above` or one below it.
pub fn is_above(above: &str, path: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
