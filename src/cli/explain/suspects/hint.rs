//! What a refusal looks like where nothing could be verified: told as such.

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::credential::{CredentialForm, CredentialPlace};
use hookwarden::verify::{Denial, Occurrence, Request, borrowed};

use super::sender::Presented;
use super::{Finding, Mistake, Scene, coding, known, last_word, runtime, sender, strength};
use crate::cli::explain::capture::{Lost, is_masked};

/// What it looks like, the most telling first.
pub fn hints(scene: &Scene<'_>) -> Vec<Finding> {
    let mut mistakes = Vec::new();
    let dialects = scene.dialects.as_slice();
    let others = sender::presented(scene);
    let lacks = matches!(
        scene.denial,
        Denial::SignatureMissing
            | Denial::CredentialMissing
            | Denial::HeaderMissing
            | Denial::TimestampMissing
            | Denial::FieldMissing
    );
    let mut certain = Vec::new();
    raw_login(scene, dialects, &mut certain);
    raw_delivery(scene, &mut mistakes);
    // What is masked is neither missing nor wrong.
    masked(scene, &mut mistakes);
    if lacks && mistakes.is_empty() {
        missing(scene, &others, &mut mistakes);
    }
    known::mistakes(scene, &mut mistakes);
    let is_known = strength::is_known_from_proof(scene.denial) && !mistakes.is_empty();
    body(scene, &mut mistakes);
    // Without the body nothing tells the senders apart.
    let has_body = !scene.captured.lost.iter().any(Lost::is_of_body);
    if !lacks && !others.is_empty() && !is_known && has_body {
        // Its own proof is there, and is the one to explain.
        if mistakes.is_empty() {
            mistakes.extend(last_word::of(scene));
        }
        mistakes.push(of_another_sender(&others, scene));
    }
    if mistakes.is_empty() {
        mistakes.extend(last_word::of(scene));
    }
    let finding = |mistake, is_certain| Finding { mistakes: vec![mistake], secret: None, is_certain, source: None };
    let likely = mistakes.into_iter().map(|mistake| finding(mistake, false));
    certain.into_iter().map(|mistake| finding(mistake, true)).chain(likely).collect()
}

/// A user and a password that are not encoded.
fn raw_login(scene: &Scene<'_>, dialects: &[Dialect], mistakes: &mut Vec<Mistake>) {
    let is_raw = |name: &str| {
        let value = scene.captured.header(name).unwrap_or_default();
        value
            .split_at_checked(6)
            .is_some_and(|(scheme, login)| scheme.eq_ignore_ascii_case(b"basic ") && login.trim_ascii().contains(&b':'))
    };
    let reads_raw = dialects.iter().any(|(scheme, _)| match scheme {
        Scheme::Credential(scheme) => {
            matches!((&scheme.place, &scheme.form), (CredentialPlace::Header(name), CredentialForm::Basic) if is_raw(name))
        }
        _ => false,
    });
    if reads_raw {
        mistakes.push(Mistake::new(
            "credential_form",
            "What follows \"Basic\" is not base64-encoded: the user and the password are there in plain text, separated by a colon.",
            "Have the sender encode user:password in base64, as most do when they are given a user and a password.",
        ));
    }
}

/// What the program that captured the request wrote in place of a value.
fn masked(scene: &Scene<'_>, mistakes: &mut Vec<Mistake>) {
    let names: Vec<_> = scene
        .needed
        .iter()
        .filter(|name| scene.captured.header(name).is_some_and(is_masked))
        .map(|name| format!("\"{name}\""))
        .collect();
    if !names.is_empty() {
        let lost = Lost::masked(&names.join(" and "));
        mistakes.push(Mistake::new(lost.code, lost.sentence, lost.advice));
    }
}

fn of_another_sender(others: &[Presented], scene: &Scene<'_>) -> Mistake {
    let names: Vec<_> = others.iter().take(4).map(|other| format!("\"{}\"", other.name)).collect();
    let advice = if others.iter().take(4).any(|other| other.is_weaker) {
        format!(
            "If that is the sender, it calls the wrong URL: have it call a source of its own. It proves less than {}, \
             so do not put it in the place of this check.",
            scene.check.title()
        )
    } else {
        "If that is the sender, configure its provider and secret. Otherwise the sender calls the URL of another source."
            .to_owned()
    };
    Mistake::new(
        "header_of_another_sender",
        format!("The request is signed the way {} expects it, but no configured secret matches.", names.join(" or ")),
        advice,
    )
}

fn missing(scene: &Scene<'_>, others: &[Presented], mistakes: &mut Vec<Mistake>) {
    if !others.is_empty() {
        mistakes.push(of_another_sender(others, scene));
        return;
    }
    let is_lacking = |name: &&String| {
        !name.ends_with('*') && Request::new(&borrowed(&scene.head)).header(name) == Occurrence::Missing
    };
    let names: Vec<_> = scene.needed.iter().filter(is_lacking).cloned().collect();
    let lacking: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let what = if lacking.is_empty() {
        "What the scheme reads".to_owned()
    } else {
        format!("The header {}", lacking.join(" and the header "))
    };
    mistakes.push(Mistake::new(
        "proof_missing",
        format!("{what} is not in the request: either the sender has no secret and does not sign, or something in front removes headers."),
        format!(
            "Set the secret at the sender. Then compare what it sends with what arrives here: some proxies drop unknown \
             headers, or headers with an underscore in their name.{}",
            runtime::lost_headers(&names).map(|why| format!(" {why}")).unwrap_or_default()
        ),
    ));
}

/// What the body looks like.
fn body(scene: &Scene<'_>, mistakes: &mut Vec<Mistake>) {
    let captured = scene.captured;
    let body = captured.body.as_slice();
    let declared =
        captured.header("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse::<usize>().ok());
    let media_type = captured.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let mut add =
        |code: &'static str, sentence: String, advice: &str| mistakes.push(Mistake::new(code, sentence, advice));
    match declared {
        Some(declared) if body.len() < declared => add(
            "body_truncated",
            format!("The body was cut: it has {} of the {declared} bytes that Content-Length declares.", body.len()),
            "Save the whole body; if it arrives like this, check the size and time limits in front of hookwarden.",
        ),
        Some(declared) if body.len() > declared => add(
            "body_too_long",
            format!("The body has {} bytes, and Content-Length declares {declared}.", body.len()),
            "Something added to the body, or it was re-encoded on its way and the header kept.",
        ),
        _ if is_cut_json(body) => add(
            "body_truncated",
            "The body ends in the middle of its JSON: its end was cut off.".to_owned(),
            "Save the whole body; if it arrives like this, check the limits of size and time in front of hookwarden, and of the program that captured it.",
        ),
        _ => {}
    }
    let coding = captured.header("content-encoding").map(<[u8]>::to_ascii_lowercase).unwrap_or_default();
    if !coding.is_empty() && coding != b"identity" && !body.is_empty() && coding::decompressed(body).is_none() {
        add(
            "body_decompressed",
            "Content-Encoding says that the body is compressed, and it is not: something decompressed it on its way, and the sender signed the \
             compressed bytes."
                .to_owned(),
            "Put hookwarden before whatever decompresses, or save the body as it came (curl without --compressed).",
        );
    }
    if body.is_empty()
        && matches!(captured.method.as_str(), "POST" | "PUT" | "PATCH")
        && scene.denial != Denial::SignatureMissing
        && scene.dialects.iter().any(|(scheme, _)| scheme.needs_body())
    {
        add(
            "body_missing",
            "The request has no body; perhaps it was not captured.".to_owned(),
            "Save the body with the request.",
        );
    }
    if body.is_empty()
        && matches!(captured.method.as_str(), "GET" | "HEAD")
        && matches!(scene.denial, Denial::SignatureMismatch | Denial::DigestMismatch)
        && (captured.header("content-type").is_some() || !signs_url(scene))
    {
        add(
            "method_redirected",
            format!(
                "The request is a {} without a body, but is signed: a redirect (301, 302 or 303) on its way turned the sender's POST into it, and \
                 the body that was signed is gone.",
                captured.method
            ),
            "Give the sender the URL that the redirect leads to: https, the host's full name, the trailing slash as configured.",
        );
    }
    let text = String::from_utf8_lossy(body);
    if text.contains('\u{fffd}') {
        add(
            "body_charset",
            "The body has replacement characters (U+FFFD): it was read as text in the wrong character set, and its bytes are lost.".to_owned(),
            "Save the body as bytes, or as base64.",
        );
    }
    if matches!(
        scene.denial,
        Denial::BodyMalformed | Denial::FieldMissing | Denial::FieldMalformed | Denial::ContentType
    ) {
        malformed(&media_type, body, &mut add);
    }
    if media_type.starts_with(b"multipart/") {
        let boundary = String::from_utf8_lossy(&media_type)
            .split("boundary=")
            .nth(1)
            .map(|text| text.trim_matches('"').to_owned());
        let is_there = boundary.is_some_and(|boundary| text.to_ascii_lowercase().contains(&format!("--{boundary}")));
        if !is_there {
            add(
                "multipart_boundary",
                "The body does not have the boundary that Content-Type names: it was put together again with another one.".to_owned(),
                "Save Content-Type and body of the same request.",
            );
        }
    }
}

/// Whether a body is the beginning of a JSON document.
fn is_cut_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start(), [b'{' | b'[', ..])
        && serde_json::from_slice::<serde_json::Value>(body).is_err_and(|error| error.is_eof())
}

/// A message of Amazon SNS without the envelope that is signed.
fn raw_delivery(scene: &Scene<'_>, mistakes: &mut Vec<Mistake>) {
    let captured = scene.captured;
    let is_raw = captured.header("x-amz-sns-rawdelivery").is_some_and(|value| value.eq_ignore_ascii_case(b"true"));
    if is_raw {
        mistakes.push(Mistake::new(
            "sns_raw_delivery",
            "The header x-amz-sns-rawdelivery says that Amazon SNS sends the bare message, without the envelope that \
             holds its signature: such a request proves nothing.",
            "Turn raw message delivery off for this subscription (RawMessageDelivery = false).",
        ));
    }
}

/// Whether the URL is signed, so that a sender may well call it without a body.
fn signs_url(scene: &Scene<'_>) -> bool {
    scene.dialects.iter().any(|(scheme, _)| scheme.reads_url())
}

fn malformed(media_type: &[u8], body: &[u8], add: &mut dyn FnMut(&'static str, String, &str)) {
    let is_form = media_type.starts_with(b"application/x-www-form") || media_type.starts_with(b"multipart/");
    match Json::parse(body) {
        Ok(json) if json.has_duplicate_keys() => add(
            "json_duplicate_keys",
            "The body is JSON with a key twice in one object, which parsers resolve differently.".to_owned(),
            "No sender writes this: check what builds the body.",
        ),
        Err(error) if !is_form && !body.is_empty() => add(
            "body_not_json",
            format!("The body is not JSON: line {}, column {}: {}.", error.line, error.column, error.message),
            "The scheme reads a value of a JSON body: save it byte by byte, or have the sender send JSON.",
        ),
        _ => {}
    }
}
