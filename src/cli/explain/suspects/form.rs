//! Suspects of forms: decoded, encoded in another way, put in another order, or taken for their payload.

use hookwarden::verify::bytes::percent::{self, Pair, pairs};

use super::json_text::{self, Tree};
use super::variants::{orders, with_escape_digits};
use super::{Change, Mistake, Scene};

const ADVICE: &str = "Give hookwarden the bytes as they arrived: whatever parses the form must come after it. If the body was only saved \
                      so, keep the raw body.";

/// What a program leaves as it is when it writes a form.
type Keep = fn(u8) -> bool;

/// How programs write forms: what they keep, whether a blank is `+`, whether escapes are in lower case.
const WRITERS: &[(Keep, bool, bool)] = &[
    (|byte| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte), true, false),
    (|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), true, false),
    (|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), false, false),
    (|byte| byte.is_ascii_alphanumeric() || b"-._~!*'()".contains(&byte), false, false),
    (|byte| byte.is_ascii_alphanumeric() || b"-._~!*'()".contains(&byte), true, false),
    (|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte), true, false),
    (|byte| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte), true, true),
    (|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), false, true),
    (|byte| byte.is_ascii_alphanumeric() || b"-._~:/?@!$'()*,;[]".contains(&byte), false, false),
];

/// The changes of this file.
pub fn changes(scene: &Scene<'_>, changes: &mut Vec<Change>) {
    let body = scene.captured.body.as_slice();
    let is_form = scene
        .captured
        .header("content-type")
        .is_some_and(|value| value.to_ascii_lowercase().starts_with(b"application/x-www-form"));
    let looks_like_form =
        !body.trim_ascii().starts_with(b"{") && !body.trim_ascii().starts_with(b"[") && body.contains(&b'=');
    let mut add = |bytes: Vec<u8>, code: &'static str, sentence: &str, advice: &str| {
        changes.push(Change::of_body(bytes, Mistake::new(code, sentence, advice)));
    };
    if body.len() > 1 << 20 {
        return;
    }
    if is_form || looks_like_form {
        let fields: Vec<Pair> = pairs(body).collect();
        let written = "The form was parsed and written again: it is encoded in another way than it was signed in (+ or %20, which \
                       characters are escaped, the case of escapes).";
        for writer in WRITERS {
            add(write(&fields, writer), "form_encoding", written, ADVICE);
        }
        let decoded = "The sender signed the form decoded, without escapes.";
        add(percent::decode_form(body), "form_decoded", decoded, ADVICE);
        let payload = "The sender signed a field's value and not the form around it, or the body was turned into a form on its way.";
        for (_, value) in &fields {
            if value.len() > 1 {
                add(
                    value.clone(),
                    "form_payload",
                    payload,
                    "Choose JSON as the content type at the sender, if it offers that.",
                );
            }
        }
        let mut sorted = fields.clone();
        sorted.sort();
        let order = "The form's fields are in another order than they were signed in.";
        for writer in WRITERS {
            add(write(&sorted, writer), "form_order", order, ADVICE);
        }
        add(as_json(&fields), "form_from_json", "The body is a form here, and was JSON where it was signed.", ADVICE);
        // Which order it was, where something sorted them.
        if (2..=6).contains(&fields.len()) {
            let pieces: Vec<&[u8]> = body.trim_ascii().split(|byte| *byte == b'&').collect();
            orders(&pieces, &mut |order_of| {
                add(order_of.join(&b'&'), "form_order", order, ADVICE);
            });
        }
    } else if body.contains(&b'%') {
        let decoded = "The body is percent-encoded here, and was not where it was signed.";
        add(percent::decode_form(body), "body_percent_encoded", decoded, ADVICE);
    }
    if let Some(fields) = flat_object(body) {
        let sentence = "The body is JSON here, and was a form where it was signed: a body parser or a gateway in front wrote it anew.";
        let mut sorted = fields.clone();
        sorted.sort();
        for writer in WRITERS {
            for fields in [&fields, &sorted] {
                add(write(fields, writer), "form_to_json", sentence, ADVICE);
            }
        }
    }
    let is_plain_form = looks_like_form && body.contains(&b'&');
    if !body.is_empty() && !is_plain_form {
        let sentence = "The body stood in a form's field \"payload\" where it was signed; here the form is gone.";
        for writer in WRITERS.iter().take(2) {
            add(write(&[(b"payload".to_vec(), body.to_vec())], writer), "form_decoded", sentence, ADVICE);
        }
    }
}

fn write(fields: &[Pair], (keep, is_plus, is_lower): &(Keep, bool, bool)) -> Vec<u8> {
    let encode = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(&percent::encode(bytes, *keep)).into_owned();
        let text = if *is_plus { text.replace("%20", "+") } else { text };
        if *is_lower { with_escape_digits(&text, char::to_ascii_lowercase) } else { text }
    };
    let written: Vec<_> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    written.join("&").into_bytes()
}

/// The fields of a JSON object that has nothing but texts, numbers and such in it.
fn flat_object(body: &[u8]) -> Option<Vec<Pair>> {
    let Tree::Object(members, _) = Tree::parse(std::str::from_utf8(body).ok()?)? else { return None };
    let text = |quoted: &str| serde_json::from_str::<String>(quoted).ok().map(String::into_bytes);
    let fields: Option<Vec<Pair>> = members
        .iter()
        .map(|(key, value)| {
            let value = match value {
                Tree::Text(quoted) => text(quoted)?,
                Tree::Atom("null") => Vec::new(),
                Tree::Atom(atom) => atom.as_bytes().to_vec(),
                Tree::Object(..) | Tree::List(..) => return None,
            };
            Some((text(key)?, value))
        })
        .collect();
    fields.filter(|fields| !fields.is_empty())
}

/// A flat object of the fields.
fn as_json(fields: &[Pair]) -> Vec<u8> {
    let member = |(name, value): &Pair| {
        let text = |bytes: &[u8]| json_text::quoted(&String::from_utf8_lossy(bytes));
        format!("{}:{}", text(name), text(value))
    };
    format!("{{{}}}", fields.iter().map(member).collect::<Vec<_>>().join(",")).into_bytes()
}
