//! Suspects of the scheme: the signature is elsewhere, is written in another way, is made with another hash, or is
//! over another content.

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::bytes::encoding::{self, Encoding};
use hookwarden::verify::expression::message::Message;
use hookwarden::verify::key::algorithm::SignatureAlgorithm;
use hookwarden::verify::primitives::mac::HashAlgorithm;
use hookwarden::verify::primitives::timestamp::Unit;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::signature::SignatureScheme;
use hookwarden::verify::scheme::signature::{Location, Place};
use hookwarden::verify::{HeaderLine, Request, borrowed};

use super::head_change::HeadChange;
use super::header::is_pseudo;
use super::key::Keys;
use super::token::{Spelling, Token, tokens};
use super::{Bench, Change, Mistake, Scene, Search, Strength, credential};
use crate::cli::description;
use crate::cli::explain::trial::Verifier;

/// The header in which a candidate is presented again, in a form that is known.
const TRIED: &str = "x-tried";

/// Tries the schemes near the configured one.
pub fn look(search: &mut Search<'_>, dialects: &[Dialect], keys: &Keys<'_>) {
    for (scheme, _) in dialects {
        match scheme {
            Scheme::Signature(scheme) => {
                signatures(search, scheme, scheme.reads_entries(), keys);
            }
            Scheme::Credential(own) => credential::look(search, &own.place, &own.form, keys),
            Scheme::Jwt(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => {}
        }
        if search.is_done() {
            return;
        }
    }
    other_dialect(search, dialects, keys);
}

/// A right proof in a dialect that does not decide.
fn other_dialect(search: &mut Search<'_>, dialects: &[Dialect], keys: &Keys<'_>) {
    // One that looks at less of the request only fails to notice what is wrong.
    let decides = dialects.get(selected(search.scene)).and_then(|dialect| Strength::of(std::slice::from_ref(dialect)));
    for dialect in dialects.iter().filter(|_| dialects.len() > 1) {
        let strength = Strength::of(std::slice::from_ref(dialect));
        if matches!((&strength, &decides), (Some(other), Some(decides)) if other.proves_less_than(decides)) {
            continue;
        }
        let (scheme, _) = dialect;
        let sentence = "The request has several of the sender's signatures, and one that does not decide is right; the one that decides is \
                        not.";
        let advice = "Look at what changed or added the other: a test tool often writes one of them only.";
        let change =
            Change { head: None, body: None, mistakes: vec![Mistake::new("another_dialect", sentence, advice)] };
        if try_scheme(search, scheme.clone(), keys, &change) {
            return;
        }
    }
}

/// The position of the dialect that decides about the request.
fn selected(scene: &Scene<'_>) -> usize {
    Verifier::as_configured(scene.check).map_or(0, |one| one.selected_dialect(Request::new(&borrowed(&scene.head))))
}

/// Tries another scheme, with the mistakes that it would explain.
pub fn try_scheme(search: &mut Search<'_>, scheme: Scheme, keys: &Keys<'_>, change: &Change) -> bool {
    let dialects = [(scheme, None)];
    let Some(verifier) = keys.verifier(&dialects) else { return false };
    let [(scheme, _)] = &dialects;
    search.look(Bench { verifier: &verifier, keys, scheme }, Some(change))
}

fn signatures(search: &mut Search<'_>, scheme: &SignatureScheme, reads_entries: bool, keys: &Keys<'_>) {
    let tokens = tokens(search);
    units(search, scheme, keys);
    for token in &tokens {
        for algorithm in algorithms(scheme.algorithm, token.bytes.len()) {
            let (location, head) = placed(search, scheme, token, reads_entries);
            let head = head.map(HeadChange::Whole);
            let mistakes = differences(scheme, token, algorithm);
            let near = SignatureScheme { algorithm, signature: location, ..scheme.clone() };
            let change = Change { head, body: None, mistakes };
            if !change.mistakes.is_empty() {
                try_scheme(search, Scheme::Signature(Box::new(near.clone())), keys, &change);
            }
            if search.is_done() {
                return;
            }
            if matches!(algorithm, SignatureAlgorithm::Hmac(_)) {
                contents(search, &near, keys, &change);
            }
            if search.is_done() {
                return;
            }
        }
    }
    if let SignatureAlgorithm::Public(_) = scheme.algorithm {
        contents(search, scheme, keys, &Change { head: None, body: None, mistakes: Vec::new() });
    }
}

/// Other units of the timestamp.
fn units(search: &mut Search<'_>, scheme: &SignatureScheme, keys: &Keys<'_>) {
    let Some(rule) = &scheme.timestamp else { return };
    let units = [
        (Unit::Milliseconds, "milliseconds"),
        (Unit::Seconds, "seconds"),
        (Unit::Fraction, "seconds with a fraction"),
        (Unit::Iso8601, "a date (RFC 3339)"),
        (Unit::HttpDate, "a date as HTTP writes it"),
    ];
    for (unit, words) in units.into_iter().filter(|(unit, _)| *unit != rule.unit) {
        let mut other = scheme.clone();
        if let Some(rule) = &mut other.timestamp {
            rule.unit = unit;
        }
        let sentence = format!(
            "The signed timestamp is written as {words} and not in the unit that the scheme reads (seconds against \
                                milliseconds)."
        );
        let advice = "Set the unit that the sender writes in a scheme of your own (\"timestamp\": {\"unit\": …}), or have the sender write the \
                      other.";
        let change =
            Change { head: None, body: None, mistakes: vec![Mistake::new("timestamp_unit", sentence, advice)] };
        if try_scheme(search, Scheme::Signature(Box::new(other)), keys, &change) {
            return;
        }
    }
}

/// Where a candidate is read from: its own place where other entries count, a header of ours where not.
fn placed(
    search: &Search<'_>,
    scheme: &SignatureScheme,
    token: &Token,
    reads_entries: bool,
) -> (Location, Option<Vec<HeaderLine>>) {
    let own = &scheme.signature;
    let is_padded = !matches!(token.spelling, Spelling::Base64Unpadded | Spelling::Base64UrlPadded);
    if reads_entries {
        let location = Location {
            place: Place::Headers(vec![token.header.clone()]),
            sets: None,
            separator: own.separator.or(Some(',')),
            prefix: token.prefix.clone(),
            optional_prefix: false,
            after_first: own.after_first,
            encoding: token.spelling.encoding(),
        };
        if is_padded {
            return (location, None);
        }
    }
    let mut head = search.scene.head.clone();
    head.push((TRIED.to_owned(), encoding::encode_hex(&token.bytes)));
    let location = Location {
        place: Place::Headers(vec![TRIED.to_owned()]),
        sets: None,
        separator: None,
        prefix: String::new(),
        optional_prefix: false,
        after_first: false,
        encoding: Encoding::Hex,
    };
    (location, Some(head))
}

/// How a candidate differs from what the scheme reads.
fn differences(scheme: &SignatureScheme, token: &Token, algorithm: SignatureAlgorithm) -> Vec<Mistake> {
    let own = &scheme.signature;
    let mut mistakes = Vec::new();
    let is_there = match &own.place {
        Place::Headers(names) => names.iter().any(|name| name.eq_ignore_ascii_case(&token.header)),
        Place::Family(name) => token.header.len() > name.len() && token.header.to_ascii_lowercase().starts_with(name),
        Place::Value(value) => value.as_header().is_some_and(|name| name.eq_ignore_ascii_case(&token.header)),
    };
    if !is_there {
        let sentence =
            format!("The signature is in the header \"{}\", where the scheme does not look for it.", token.header);
        let advice = "If the sender writes it there, say so in a scheme of your own, or look for another provider. If a proxy renames \
                      headers, let it not.";
        mistakes.push(Mistake::new("header_renamed", sentence, advice));
    }
    if !token.spelling.is_read_by(own.encoding) {
        let expected = match own.encoding {
            Encoding::Hex | Encoding::HexLower => "hexadecimal digits",
            Encoding::HexUpper => "hexadecimal digits in upper case",
            Encoding::Base64 => "base64",
            Encoding::Base64Url | Encoding::Base64UrlPaddingOptional => "base64url",
            Encoding::PercentBase64 => "percent-encoded base64",
        };
        let sentence =
            format!("The signature is valid, but written as {}; the scheme reads {expected}.", token.spelling.words());
        let advice =
            "Have the sender write it as the scheme says, or set the other \"encoding\" in a scheme of your own.";
        mistakes.push(Mistake::new("signature_encoding", sentence, advice));
    }
    if token.prefix != own.prefix && !(own.optional_prefix && token.prefix.is_empty()) && own.separator.is_none() {
        let words = |prefix: &str| if prefix.is_empty() { "nothing".to_owned() } else { format!("\"{prefix}\"") };
        let sentence = format!(
            "The signature has {} in front of it; the scheme reads {}.",
            words(&token.prefix),
            words(&own.prefix)
        );
        let advice =
            "Have the sender write the prefix as the scheme says, or set the other \"prefix\" in a scheme of your own.";
        mistakes.push(Mistake::new("signature_prefix", sentence, advice));
    }
    if algorithm != scheme.algorithm {
        let sentence = format!(
            "The signature is made with {}; the scheme requires {}.",
            algorithm_name(algorithm),
            algorithm_name(scheme.algorithm)
        );
        let is_weaker = |algorithm| {
            matches!(
                algorithm,
                SignatureAlgorithm::Hmac(HashAlgorithm::Sha1 | HashAlgorithm::Md5)
                    | SignatureAlgorithm::Hash(HashAlgorithm::Sha1 | HashAlgorithm::Md5)
            )
        };
        let advice = if is_weaker(algorithm) && !is_weaker(scheme.algorithm) {
            "Set the sender to the algorithm of the scheme, which is the stronger one."
        } else {
            "Set the sender to the algorithm of the scheme, or choose the provider (or \"algorithm\") of the other."
        };
        mistakes.push(Mistake::new("signature_algorithm", sentence, advice));
    }
    mistakes
}

/// Contents that senders sign beside the configured one.
fn contents(search: &mut Search<'_>, scheme: &SignatureScheme, keys: &Keys<'_>, change: &Change) {
    let mut templates = vec!["{body}".to_owned()];
    for time in times(search) {
        for separator in [".", ":", "", "\n", "|", "-", ",", " "] {
            templates.push(format!("{time}{separator}{{body}}"));
            templates.push(format!("{{body}}{separator}{time}"));
        }
        templates.push(format!("v0:{time}:{{body}}"));
        templates.push(format!("v1:{time}:{{body}}"));
    }
    let others = [
        "{target}{body}",
        "{path}{body}",
        "{method}{path}{body}",
        "{method}{target}{body}",
        "{body|base64}",
        "{body|sha256|hex}",
        "{body|sha256}",
        "{body}{path}",
    ];
    templates.extend(others.map(str::to_owned));
    let base =
        format!("{}://{}", search.scene.captured.scheme.as_deref().unwrap_or("https"), search.scene.captured.authority);
    for url in ["{url}{body}", "{url}", "{method}{url}{body}"] {
        templates.push(url.to_owned());
    }
    for template in templates {
        let with = |name: &str| (name == "public_url").then(|| base.clone());
        let Ok(message) = Message::parse(&template, &with) else { continue };
        if scheme.messages.contains(&message) {
            continue;
        }
        let other = SignatureScheme {
            messages: vec![message],
            timestamp: None,
            require: Vec::new(),
            event_id: None,
            each: None,
            ..scheme.clone()
        };
        let strength = |scheme: SignatureScheme| Strength::of(&[(Scheme::Signature(Box::new(scheme)), None)]);
        let signs_time = template != "{body}" && !template.starts_with("{body|") && template_has_time(&template);
        let (own, found) = (strength(scheme.clone()), strength(other.clone()));
        if matches!((&own, &found), (Some(own), Some(found)) if found.proves_less_content_than(own)) {
            continue;
        }
        let sentence = format!(
            "The signature is valid, but covers different content than the scheme's: {}.",
            template_words(&template)
        );
        let advice = if scheme.timestamp.is_some() && !signs_time {
            "The sender signs less than the scheme demands, for the time is not in it: have it sign as the scheme says."
        } else {
            "The sender signs differently: look for another provider of this sender, or describe it as a scheme of your own."
        };
        let mut change = change.clone();
        change.mistakes.push(Mistake::new("signed_content", sentence, advice));
        if try_scheme(search, Scheme::Signature(Box::new(other)), keys, &change) {
            return;
        }
    }
}

/// Whether a template has a time of the request in it: [`times`] writes it out, or names its header.
fn template_has_time(template: &str) -> bool {
    template.contains("{header:") || template.bytes().filter(u8::is_ascii_digit).count() >= 10
}

/// A template as it is said, with the times in it left out.
fn template_words(template: &str) -> String {
    let mut words = template.to_owned();
    let digits: String = words.chars().filter(char::is_ascii_digit).collect();
    if digits.len() >= 10 {
        words =
            words.split("{body}").map(|piece| piece.replace(&digits, "{timestamp}")).collect::<Vec<_>>().join("{body}");
    }
    format!("{words:?}")
}

/// Texts of the head that look like a timestamp, as templates.
fn times(search: &Search<'_>) -> Vec<String> {
    let mut times: Vec<String> = Vec::new();
    for (name, value) in search.scene.head.iter().filter(|(name, _)| !is_pseudo(name)) {
        let Ok(text) = std::str::from_utf8(value) else { continue };
        if hookwarden::verify::primitives::timestamp::parse_rfc3339(text).is_some() {
            times.push(format!("{{header:{name}}}"));
        }
        for word in text.split(|char: char| !char.is_ascii_digit()) {
            if matches!(word.len(), 10 | 13) && word.starts_with('1') && !times.iter().any(|time| time == word) {
                times.push(word.to_owned());
            }
        }
    }
    times.truncate(4);
    times
}

/// The algorithms whose codes have this length.
fn algorithms(configured: SignatureAlgorithm, len: usize) -> Vec<SignatureAlgorithm> {
    let hash = match len {
        16 => HashAlgorithm::Md5,
        20 => HashAlgorithm::Sha1,
        32 => HashAlgorithm::Sha256,
        48 => HashAlgorithm::Sha384,
        64 => HashAlgorithm::Sha512,
        _ => return Vec::new(),
    };
    match configured {
        SignatureAlgorithm::Hmac(_) => vec![SignatureAlgorithm::Hmac(hash)],
        SignatureAlgorithm::Hash(_) => vec![SignatureAlgorithm::Hash(hash)],
        SignatureAlgorithm::Public(_) => Vec::new(),
    }
}

/// An algorithm, for people.
pub fn algorithm_name(algorithm: SignatureAlgorithm) -> String {
    let hash = |hash| match hash {
        HashAlgorithm::Md5 => "md5",
        HashAlgorithm::Sha1 => "sha1",
        HashAlgorithm::Sha256 => "sha256",
        HashAlgorithm::Sha384 => "sha384",
        HashAlgorithm::Sha512 => "sha512",
    };
    match algorithm {
        SignatureAlgorithm::Hmac(own) => description::algorithm(&format!("hmac-{}", hash(own))),
        SignatureAlgorithm::Hash(own) => description::algorithm(hash(own)),
        SignatureAlgorithm::Public(_) => "a public key".to_owned(),
    }
}
