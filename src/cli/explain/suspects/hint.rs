//! What a refusal looks like where nothing could be verified: told as such.

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::credential::{CredentialForm, CredentialPlace};
use hookwarden::verify::scheme::jwt::JwtScheme;
use hookwarden::verify::{Denial, Occurrence, Request};

use super::{Finding, Mistake, Scene, coding, sender};
use crate::cli::config_file::{elements, member};
use crate::cli::explain::capture::{Lost, is_masked};
use crate::cli::explain::trial;

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
    if lacks {
        missing(scene, &others, &mut mistakes);
    }
    masked(scene, &mut mistakes);
    claims(scene, dialects, &mut mistakes);
    required(scene, &mut mistakes);
    body(scene, &mut mistakes);
    if !lacks && !others.is_empty() && scene.denial != Denial::TokenClaim {
        mistakes.push(of_another_sender(&others));
    }
    if mistakes.is_empty() {
        mistakes.extend(usual(scene));
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

fn of_another_sender(others: &[&str]) -> Mistake {
    let names: Vec<_> = others.iter().take(4).map(|name| format!("\"{name}\"")).collect();
    Mistake::new(
        "header_of_another_sender",
        format!("The request is signed the way {} expects it, but no configured secret matches.", names.join(" or ")),
        "If that is the sender, configure its provider and secret. Otherwise the sender calls the URL of another source.",
    )
}

fn missing(scene: &Scene<'_>, others: &[&str], mistakes: &mut Vec<Mistake>) {
    if !others.is_empty() {
        mistakes.push(of_another_sender(others));
        return;
    }
    let lacking: Vec<_> = scene
        .needed
        .iter()
        .filter(|name| !name.ends_with('*') && Request::new(&scene.head).header(name) == Occurrence::Missing)
        .map(|name| format!("\"{name}\""))
        .collect();
    let what = if lacking.is_empty() {
        "What the scheme reads".to_owned()
    } else {
        format!("The header {}", lacking.join(" and the header "))
    };
    mistakes.push(Mistake::new(
        "proof_missing",
        format!("{what} is not in the request: either the sender has no secret and does not sign, or something in front removes headers."),
        "Set the secret at the sender. Then compare what it sends with what arrives here: some proxies drop unknown headers, or \
         headers with an underscore in their name.",
    ));
}

/// The claims of a token that are not what they must be.
fn claims(scene: &Scene<'_>, dialects: &[Dialect], mistakes: &mut Vec<Mistake>) {
    let token = dialects.iter().find_map(|(scheme, _)| match scheme {
        Scheme::Jwt(scheme) => Some(scheme),
        _ => None,
    });
    let Some(scheme) = token else { return };
    if scene.denial == Denial::TokenAlgorithm {
        let parts = super::time::token_parts(scheme, &scene.head, &scene.captured.body);
        let named = parts.and_then(|(header, _)| header.at(&JsonPath::parse("alg")?)?.text().map(str::to_owned));
        let named = named.filter(|name| name.len() < 16 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        mistakes.push(Mistake::new(
            "token_algorithm",
            format!(
                "The token names the algorithm {}, which the scheme does not accept.",
                named.unwrap_or("that it has".to_owned())
            ),
            "Set the sender to an algorithm of the scheme; a token without one (\"none\") proves nothing.",
        ));
    }
    if scene.denial != Denial::TokenClaim {
        return;
    }
    let Some((_, claims)) = super::time::token_parts(scheme, &scene.head, &scene.captured.body) else { return };
    let wrong = wrong_claims(scheme, &claims, scene);
    let list = if wrong.is_empty() { "a time (iat or exp)".to_owned() } else { wrong.join(", ") };
    mistakes.push(Mistake::new(
        "token_claim",
        format!("The token's signature is valid, but these claims are wrong: {list}."),
        "Compare the values in \"with\" (audience, issuer, public_url) with the sender's. If a claim is a digest, the body was changed on its way.",
    ));
}

fn wrong_claims(scheme: &JwtScheme, claims: &Json, scene: &Scene<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, rule) in &scheme.claims {
        let claim = claims.at(path);
        if !scene.read(|facts| rule.holds(claim, facts)).unwrap_or(false) {
            let what = if claim.is_none() { "is missing" } else { "does not match" };
            wrong.push(format!("\"{}\" {what}", path.steps().join(".")));
        }
    }
    wrong
}

/// Pairs of values that must be equal and are not.
fn required(scene: &Scene<'_>, mistakes: &mut Vec<Mistake>) {
    if scene.denial != Denial::RequireMismatch {
        return;
    }
    for (json, (scheme, _)) in trial::dialects_with_json(scene.check) {
        let Scheme::Signature(scheme) = scheme else { continue };
        let texts: Vec<_> = elements(member(json, "require")).collect();
        for (position, (left, right)) in scheme.require.iter().enumerate() {
            if matches!(scene.read(|facts| (left.render(facts), right.render(facts))), (Ok(left), Ok(right)) if left == right)
            {
                continue;
            }
            let words: Vec<_> = elements(texts.get(position).copied())
                .filter_map(|text| text.text())
                .map(|text| format!("{text:?}"))
                .collect();
            mistakes.push(Mistake::new(
                "require_mismatch",
                format!("Two values must be equal and are not: {}.", words.join(" and ")),
                "Compare the values in \"with\" (a topic, an account) with the sender's; or the request is of another kind.",
            ));
        }
    }
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

/// What is usual where there is nothing to see.
fn usual(scene: &Scene<'_>) -> Option<Mistake> {
    match scene.denial {
        Denial::SignatureMismatch | Denial::CredentialMismatch | Denial::DigestMismatch => Some(Mistake::new(
            "secret_unknown_here",
            "No configured secret matches, in no form, nor does the body in any form that programs give it. Most often the secret is another \
             one: of the test mode, another endpoint, another application."
                .to_owned(),
            "Copy the secret from the settings of this very endpoint at the sender again. If it is right, capture the request once more, byte by \
             byte, as close to the sender as you can.",
        )),
        _ => None,
    }
}
