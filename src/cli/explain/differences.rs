//! Where a request differs from what a check expects of its form. No value of the request is shown.

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::bytes::encoding;
use hookwarden::verify::expression::Facts;
use hookwarden::verify::key::algorithm::SignatureAlgorithm;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::scheme::credential::{CredentialPlace, CredentialScheme};
use hookwarden::verify::scheme::signature::SignatureScheme;
use hookwarden::verify::scheme::{Scheme, native};
use hookwarden::verify::{Denial, HeaderLine, Occurrence, Request, borrowed};

use super::suspects::signed_time;
use crate::cli::{clock, http_request};

/// What there is to say about a request in front of a dialect: what is missing, doubled or of another form, and when
/// it was signed.
pub fn differences(dialect: &Dialect, head: &[HeaderLine], body: &[u8], now: UnixTime) -> Vec<String> {
    let borrowed = borrowed(head);
    let request = Request::new(&borrowed);
    let mut lines = Vec::new();
    for name in native::headers([&dialect.0]) {
        match request.header(&name) {
            Occurrence::Missing if !name.ends_with('*') => lines.push(format!("the header {name:?} is missing")),
            Occurrence::Repeated => lines.push(format!("the header {name:?} occurs more than once")),
            Occurrence::Once(b"") => lines.push(format!("the header {name:?} is empty")),
            Occurrence::Missing | Occurrence::Once(_) => {}
        }
    }
    match &dialect.0 {
        Scheme::Signature(scheme) => http_request::read(head, body, |facts| candidates(scheme, facts, &mut lines)),
        Scheme::Credential(scheme) => credential(scheme, request, &mut lines),
        Scheme::Jwt(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => {}
    }
    if let Some(signed) = signed_time(dialect, head, body) {
        let (now, signed) = (now.as_millis(), signed.as_millis());
        let way = if signed <= now { "before" } else { "after" };
        let moment = clock::written(UnixTime::from_millis(signed));
        lines.push(format!("the timestamp says {moment}, {} {way} the arrival", clock::span(now.abs_diff(signed))));
    }
    if body.is_empty() {
        lines.push("the body is empty".to_owned());
    }
    lines
}

/// How many candidates there are, and of which form.
fn candidates(scheme: &SignatureScheme, facts: &Facts<'_>, lines: &mut Vec<String>) {
    let values = match scheme.signature.place.values(facts) {
        Ok(values) => values,
        Err(Denial::SignatureMissing | Denial::SignatureDuplicated) => return,
        Err(denial) => {
            lines.push(format!("the signature cannot be read: {denial}"));
            return;
        }
    };
    let len = match scheme.algorithm {
        SignatureAlgorithm::Hmac(hash) | SignatureAlgorithm::Hash(hash) => Some(hash.digest_len()),
        SignatureAlgorithm::Public(_) => None,
    };
    let sets = scheme.signature.sets(&values);
    let entries = sets.concat();
    match scheme.signature.candidates(&entries, len) {
        Ok(candidates) => lines.push(match candidates.len() {
            1 => "1 candidate has the right form".to_owned(),
            count => format!("{count} candidates have the right form"),
        }),
        Err(_) => {
            let prefix = scheme.signature.prefix.as_bytes();
            let begin: Vec<_> = entries.iter().filter(|entry| entry.starts_with(prefix)).collect();
            if !prefix.is_empty() && begin.is_empty() {
                lines.push(format!("no entry begins with {:?}", scheme.signature.prefix));
            }
            for entry in entries.iter().take(4) {
                let text = entry.strip_prefix(prefix).unwrap_or(entry);
                lines.push(format!("an entry is {}", form_of(text)));
            }
        }
    }
}

/// What a text looks like, without showing it.
fn form_of(text: &[u8]) -> String {
    let len = text.len();
    let algorithm = |bytes: usize| match bytes {
        16 => ", as long as MD5",
        20 => ", as long as SHA-1",
        32 => ", as long as SHA-256",
        48 => ", as long as SHA-384",
        64 => ", as long as SHA-512",
        _ => "",
    };
    if text.is_empty() {
        "empty".to_owned()
    } else if let Some(bytes) = encoding::decode_hex(text) {
        format!("{len} hexadecimal digits{}", algorithm(bytes.len()))
    } else if text.iter().all(u8::is_ascii_hexdigit) {
        format!("{len} hexadecimal digits, an odd number: it was cut")
    } else if let Some(bytes) = encoding::decode_pasted_base64(text) {
        format!("{len} characters of base64{}", algorithm(bytes.len()))
    } else if let Some(bytes) = encoding::decode_base64_url(text) {
        format!("{len} characters of base64url{}", algorithm(bytes.len()))
    } else {
        format!("{len} characters, neither hexadecimal nor base64")
    }
}

fn credential(scheme: &CredentialScheme, request: Request<'_>, lines: &mut Vec<String>) {
    let CredentialPlace::Header(name) = &scheme.place else { return };
    let Occurrence::Once(value) = request.header(name) else { return };
    if scheme.form.credential(value).is_none() {
        let word = value.split(|byte| *byte == b' ').next().unwrap_or_default();
        let known = ["basic", "bearer", "token", "digest", "hmac", "apikey", "negotiate", "aws4-hmac-sha256"];
        let is_known = known.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
        let what = if is_known {
            format!("is of the scheme {:?}", String::from_utf8_lossy(word))
        } else {
            "is of another form".to_owned()
        };
        lines.push(format!("the header {name:?} {what}"));
    }
}
