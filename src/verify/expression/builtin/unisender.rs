//! Unisender Go: the body with the signature in it replaced by the key.
//!
//! Source: anymail/django-anymail, `anymail/webhooks/unisender_go.py`.

/// An MD5 in hexadecimal digits.
const AUTH_LEN: usize = 32;

/// The signed content: the body as sent, in which the value of its member `auth` is replaced by the secret.
///
/// `None` unless the body is one JSON object with nothing in front of it and nothing behind it, its member `auth`
/// occurs in it once, as 32 lower-case hexadecimal digits, and those occur nowhere else in the body. The caller has
/// checked that the body is JSON; this function only scans it.
///
/// With MD5, anybody who knows the length of the key can append to the signed content (length extension). The appended
/// bytes begin with one that cannot follow a JSON document, so nothing may follow it.
#[must_use]
pub fn unisender(body: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let auth = auth_value(body)?;
    let is_digest = auth.len() == AUTH_LEN && auth.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_digest {
        return None;
    }
    let mut found = body.windows(AUTH_LEN).enumerate().filter(|(_, window)| *window == auth);
    let ((position, _), None) = (found.next()?, found.next()) else { return None };
    let (before, rest) = body.split_at_checked(position)?;
    Some([before, secret, rest.strip_prefix(auth)?].concat())
}

/// The text of the top-level member `auth`, as it is written.
fn auth_value(body: &[u8]) -> Option<&[u8]> {
    let mut auth = None;
    let mut rest = body.strip_prefix(b"{")?;
    loop {
        let (key, behind) = split_string(rest.trim_ascii_start())?;
        let value = behind.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        rest = match (key, split_string(value)) {
            (b"auth", Some(_)) if auth.is_some() => return None,
            (b"auth", Some((text, behind))) => {
                auth = Some(text);
                behind
            }
            (b"auth", None) => return None,
            (_, Some((_, behind))) => behind,
            (_, None) => behind_value(value)?,
        }
        .trim_ascii_start();
        match rest.split_first()? {
            (b',', behind) => rest = behind,
            (b'}', b"") => return auth,
            _ => return None,
        }
    }
}

/// A string at the front of `text`, without its quotes and with its escapes, and what follows it.
fn split_string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    })?;
    let (string, rest) = text.split_at_checked(end)?;
    Some((string, rest.strip_prefix(b"\"")?))
}

/// What follows a value that is not a string.
fn behind_value(text: &[u8]) -> Option<&[u8]> {
    let mut depth: usize = 0;
    let mut rest = text;
    loop {
        match rest.split_first()? {
            (b'"', _) => rest = split_string(rest)?.1,
            (b'{' | b'[', behind) => {
                depth = depth.checked_add(1)?;
                rest = behind;
            }
            (b'}' | b']', behind) if depth > 0 => {
                depth = depth.checked_sub(1)?;
                rest = behind;
            }
            (b',' | b'}', _) if depth == 0 => return Some(rest),
            (_, behind) => rest = behind,
        }
    }
}
