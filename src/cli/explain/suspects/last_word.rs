//! What is said where nothing matches: what is left to compare, in the order that fits the scheme.

use hookwarden::verify::Denial;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::scheme::Scheme;

use super::base_url::Base;
use super::json_text::Tree;
use super::{Mistake, Scene, known, number, runtime};
use crate::cli::explain::trial;

/// The last word about a request that nothing explains.
pub fn of(scene: &Scene<'_>) -> Vec<Mistake> {
    if !matches!(scene.denial, Denial::SignatureMismatch | Denial::CredentialMismatch) {
        return Vec::new();
    }
    let which = which(scene);
    let is_credential = scene.dialects.iter().all(|(scheme, _)| matches!(scheme, Scheme::Credential(_)));
    let mistake = match signed_url(scene) {
        _ if is_credential => credential(&which),
        _ if scene.check.public_keys => key(&which, signed_url(scene).as_deref()),
        Some(url) => signed_with_url(scene, &which, &url),
        None => secret(scene, &which),
    };
    let mut advice = mistake.advice;
    for note in [runtime::note(scene), lost_in_capture(scene)].into_iter().flatten() {
        advice = format!("{note} {advice}");
    }
    vec![Mistake { advice, ..mistake }]
}

/// Which check it is about, where the source has several.
fn which(scene: &Scene<'_>) -> String {
    let source = scene.configuration.sources.get(scene.source);
    match source.map_or(0, |source| source.checks().count()) {
        0 | 1 => String::new(),
        _ => format!(" of {} ({})", scene.check.place, scene.check.title()),
    }
}

fn credential(which: &str) -> Mistake {
    Mistake::new(
        "secret_unknown_here",
        format!(
            "The credential is no configured secret{which}, in no form: it is of the test mode, of another endpoint or \
             application, or one that was replaced; or a character of it was changed on its way."
        ),
        "Copy the secret from the settings of this very endpoint at the sender again, and compare user and password \
         letter by letter where there are both.",
    )
}

fn key(which: &str, url: Option<&str>) -> Mistake {
    let url = url.map(|url| format!(" The URL is signed, too: {}.", compare(url))).unwrap_or_default();
    Mistake::new(
        "key_unknown_here",
        format!(
            "The signature is not made with a configured public key{which}: the key is another one (of the test mode, \
             another application, one that was replaced), or has a wrong character in it; or the signed content, such \
             as the body, was changed on its way."
        ),
        format!(
            "Compare the public key with the one that the sender shows for this very endpoint, to the last character. \
             It is public, so nothing is lost if it is copied around.{url} If it is right, capture the request once more, \
             byte by byte, as close to the sender as you can."
        ),
    )
}

fn signed_with_url(scene: &Scene<'_>, which: &str, url: &str) -> Mistake {
    let set = match scene.check.with("public_url") {
        Some(_) => {
            "What precedes the path is \"public_url\" in \"with\"; path and query are those of the request (here --url)"
        }
        None => "They are those of the request (here --url); a proxy in front may have changed them",
    };
    Mistake::new(
        "url_unknown_here",
        format!(
            "No configured secret{which} matches, for any URL that programs make of this one. The sender signs the URL \
             that it calls, and {url} was assumed."
        ),
        format!(
            "First the URL: {}. {set}. If it is the same, the secret is another one, or the body was changed on its \
             way.{}",
            compare(url),
            values(scene)
        ),
    )
}

/// What to do with a URL that was assumed.
fn compare(url: &str) -> String {
    format!(
        "expected is {url}; compare it with the URL that is configured at the sender, to the last character: https or \
         http, host, port, what a gateway puts before the path or takes away, slash, query"
    )
}

fn secret(scene: &Scene<'_>, which: &str) -> Mistake {
    let proves_body = scene.dialects.iter().any(|(scheme, _)| scheme.needs_body());
    let changed = if proves_body {
        "Or the body was changed after it was signed"
    } else {
        "Or what is signed was changed on its way"
    };
    Mistake::new(
        "secret_unknown_here",
        format!(
            "No configured secret{which} matches, in no form, nor does the body in any form that programs give it. Most \
             often the secret is another one: of the test mode, another endpoint, another application. {changed}, or \
             the signature was."
        ),
        format!(
            "Copy the secret from the settings of this very endpoint at the sender again.{} If it is right, capture the \
             request once more, byte by byte, as close to the sender as you can, and compare the bodies.",
            values(scene)
        ),
    )
}

/// The configured values that are signed, beside the URL.
fn values(scene: &Scene<'_>) -> String {
    let texts = trial::dialects_with_json(scene.check);
    let mut names: Vec<_> = texts.iter().flat_map(|(json, _)| known::configured_names(&json.to_string())).collect();
    names.sort();
    names.dedup();
    names.retain(|name| name != "public_url");
    match names.as_slice() {
        [] => String::new(),
        names => format!(" The sender signs {} of \"with\" too: compare the values.", known::quoted(names)),
    }
}

/// The URL that a scheme reads, as it was assumed.
fn signed_url(scene: &Scene<'_>) -> Option<String> {
    if !scene.dialects.iter().any(|(scheme, _)| scheme.reads_url()) {
        return None;
    }
    let captured = scene.captured;
    let base = match scene.check.with("public_url") {
        // Without user and password.
        Some(url) => Base::parse(url)?.shown(),
        None => format!("{}://{}", captured.scheme.as_deref().unwrap_or("https"), captured.authority),
    };
    let query = if captured.target.contains('?') { "?…" } else { "" };
    Some(format!("{base}{}{query}", captured.path()))
}

/// What the capture itself may have changed.
fn lost_in_capture(scene: &Scene<'_>) -> Option<String> {
    let captured = scene.captured;
    let body = captured.body.as_slice();
    if let Ok(text) = std::str::from_utf8(body)
        && has_question_marks_in_words(text)
        && Json::parse(body).is_ok()
    {
        return Some(
            "The body has \"?\" inside words, as programs leave it in the place of letters that their character set \
             lacks: if the sender wrote others, they are lost, and the body must be captured as bytes."
                .to_owned(),
        );
    }
    let tree = std::str::from_utf8(body).ok().and_then(Tree::parse);
    if tree.is_some_and(|tree| number::has_rounded(&tree)) {
        return Some(
            "The body has integers beyond 2^53 that end in zeros, as JavaScript and others round them: if the sender \
             wrote other digits, they are lost, and the body must be captured as bytes."
                .to_owned(),
        );
    }
    (!captured.other_bodies.is_empty()).then(|| {
        format!(
            "The body was put together again from {}, which does not keep its bytes: give them with --body, from where \
             they arrive.",
            captured.form
        )
    })
}

/// Whether a letter beyond ASCII may have been lost: a question mark between two letters of a word that is no URL.
fn has_question_marks_in_words(text: &str) -> bool {
    let words = text.split(|char: char| char.is_ascii_whitespace() || char == '"');
    words.filter(|word| !word.contains(['/', '=', '&'])).any(|word| {
        let windows = word.as_bytes().windows(3);
        windows.into_iter().any(|window| {
            matches!(window, [before, b'?', after] if before.is_ascii_lowercase() && after.is_ascii_lowercase())
        })
    })
}
