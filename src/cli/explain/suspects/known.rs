//! What a proof itself says is wrong: a digest that is another body's, a claim, an id or a topic that is not the
//! configured one. No guess outweighs it.

use hookwarden::verify::Denial;
use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::expression::message::Message;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::jwt::{ClaimRule, JwtScheme};

use super::{Mistake, Scene};
use crate::cli::config_file::{elements, member};
use crate::cli::explain::trial;

/// What to do where the body is not the one that was signed.
const CHANGED: &str = "Find what changes the body between the sender and here (a gateway, a body parser, the program that \
                       captured it), and give hookwarden the bytes as they were sent. If nothing may have changed it, \
                       somebody did: the refusal is right.";

/// The changes of this file: what the proof says.
pub fn mistakes(scene: &Scene<'_>, mistakes: &mut Vec<Mistake>) {
    match scene.denial {
        Denial::TokenAlgorithm | Denial::TokenClaim => token(scene, mistakes),
        Denial::RequireMismatch => required(scene, mistakes),
        Denial::DigestMismatch => mistakes.push(Mistake::new(
            "digest_mismatch",
            "The signature is valid, but the digest that it covers is another body's: the body was changed after it was \
             signed.",
            CHANGED,
        )),
        _ => {}
    }
}

/// The claims of a token that are not what they must be.
fn token(scene: &Scene<'_>, mistakes: &mut Vec<Mistake>) {
    let token = scene.dialects.iter().find_map(|(scheme, _)| match scheme {
        Scheme::Jwt(scheme) => Some(scheme),
        _ => None,
    });
    let Some(scheme) = token else { return };
    let parts = super::time::token_parts(scheme, &scene.head, &scene.captured.body);
    if scene.denial == Denial::TokenAlgorithm {
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
        return;
    }
    let Some((_, claims)) = parts else { return };
    let wrong = wrong_claims(scheme, &claims, scene);
    if let Some(digest) = wrong.iter().find(|claim| claim.is_of_body) {
        let sentence = if digest.is_missing {
            format!(
                "The token's signature is valid, but it has no claim \"{}\", which must be the digest of the body: it \
                 proves no body.",
                digest.name
            )
        } else {
            format!(
                "The token's signature is valid, but its claim \"{}\" is the digest of another body: the body was \
                 changed after the token was made.",
                digest.name
            )
        };
        mistakes.push(Mistake::new("token_claim", sentence, CHANGED));
        return;
    }
    let list: Vec<_> = wrong.iter().map(WrongClaim::words).collect();
    let list = if list.is_empty() { "a time (iat or exp)".to_owned() } else { list.join(", ") };
    mistakes.push(Mistake::new(
        "token_claim",
        format!("The token's signature is valid, but these claims are wrong: {list}."),
        "The request is meant for somebody else, or the configured value is wrong: compare the values in \"with\" \
         (audience, issuer, public_url) with the sender's settings.",
    ));
}

/// A claim that is not what it must be.
struct WrongClaim {
    name: String,
    is_missing: bool,
    /// Whether it must be a digest of the body.
    is_of_body: bool,
    /// The configured values that it is compared with.
    with: Vec<String>,
}

impl WrongClaim {
    fn words(&self) -> String {
        let what = if self.is_missing { "is missing" } else { "does not match" };
        match self.with.as_slice() {
            [] => format!("\"{}\" {what}", self.name),
            with => format!("\"{}\" {what} ({} in \"with\")", self.name, quoted(with)),
        }
    }
}

fn wrong_claims(scheme: &JwtScheme, claims: &Json, scene: &Scene<'_>) -> Vec<WrongClaim> {
    let mut wrong = Vec::new();
    let written = trial::dialects_with_json(scene.check);
    for (path, rule) in &scheme.claims {
        let claim = claims.at(path);
        if scene.read(|facts| rule.holds(claim, facts)).unwrap_or(false) {
            continue;
        }
        let messages: &[Message] = match rule {
            ClaimRule::Equals(message) | ClaimRule::EqualsWhenBody(message) => std::slice::from_ref(message),
            ClaimRule::OneOf(messages) => messages,
            ClaimRule::Present => &[],
        };
        let name = path.steps().join(".");
        let texts = written.iter().filter_map(|(json, _)| member(json, "jwt.claims")?.at(path));
        wrong.push(WrongClaim {
            is_missing: claim.is_none(),
            is_of_body: messages.iter().any(Message::needs_body),
            with: texts.flat_map(|text| configured_names(&text.to_string())).collect(),
            name,
        });
    }
    wrong
}

/// Pairs of values that must be equal and are not.
fn required(scene: &Scene<'_>, mistakes: &mut Vec<Mistake>) {
    for (json, (scheme, _)) in trial::dialects_with_json(scene.check) {
        let Scheme::Signature(scheme) = scheme else { continue };
        let texts: Vec<_> = elements(member(json, "require")).collect();
        for (position, (left, right)) in scheme.require.iter().enumerate() {
            if matches!(scene.read(|facts| (left.render(facts), right.render(facts))), (Ok(left), Ok(right)) if left == right)
            {
                continue;
            }
            let texts: Vec<_> = elements(texts.get(position).copied()).filter_map(Json::text).collect();
            let words: Vec<_> = texts.iter().map(|text| format!("{text:?}")).collect();
            let sentence = format!("Two values must be equal and are not: {}.", words.join(" and "));
            let names: Vec<_> = texts.iter().flat_map(|text| configured_names(text)).collect();
            let covers_body = |message: &Message| message.covers_body();
            let (sentence, advice) = if covers_body(left) || covers_body(right) {
                let sentence = format!("{sentence} One is a digest: the body was changed after it was signed.");
                (sentence, CHANGED.to_owned())
            } else if names.is_empty() {
                let advice =
                    "The request is of another kind or version than the scheme reads: choose it at the sender.";
                (sentence, advice.to_owned())
            } else {
                let advice = format!(
                    "The request is for another account, application or topic than the configured one: compare {} in \
                     \"with\" with the sender's settings, or have the sender call the URL of the other.",
                    quoted(&names)
                );
                (sentence, advice)
            };
            mistakes.push(Mistake::new("require_mismatch", sentence, advice));
        }
    }
}

/// The names of the configured values in a text of the scheme language.
pub fn configured_names(text: &str) -> Vec<String> {
    let starts = text.match_indices("with:").filter_map(|(at, start)| text.get(at.saturating_add(start.len())..));
    let is_of_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let names = starts.map(|rest| rest.split(|char| !is_of_name(char)).next().unwrap_or_default().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// Names in quotes, joined.
pub fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" and ")
}
