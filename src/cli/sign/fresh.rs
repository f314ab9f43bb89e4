//! A sample event that is a new one, as a filter that remembers events counts.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::expression::content::parse_json;
use hookwarden::verify::expression::native::Origin;
use hookwarden::verify::primitives::timestamp::UnixTime;

use super::body;
use super::builder::RequestBuilder;
use super::error::Error;
use super::plan::{Options, Plan};
use super::rng::Rng;
use super::verifier::Identifier;
use super::writer::SchemeWriter;

/// What is added to a sample that has no id of its own.
const ADDED: &str = "hookwarden_test";
/// Members that identify an event, in lower case and without separators. Of the sample's top level only: further down an
/// `id` is that of a thing the event is about.
const IDS: &[&str] = &[
    "id",
    "eventid",
    "uuid",
    "guid",
    "eventuuid",
    "deliveryid",
    "messageid",
    "notificationid",
    "requestid",
    "webhookeventid",
];
/// How much later the next request is signed, in milliseconds: more than the resolution of any timestamp.
const LATER: u64 = 2000;

/// What is changed in a sample, so that it is another event. In the order in which it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Nothing: an id or a nonce that is signed is new anyway.
    Nothing,
    /// The id that the body has.
    Id,
    /// Something in the body that no receiver knows.
    Addition,
    /// The same in a field that is signed by itself, and holds the event.
    Field,
    /// The id of a token.
    TokenId,
    /// A parameter of the query that no receiver knows.
    Parameter,
}

const CHANGES: [Change; 6] =
    [Change::Nothing, Change::Id, Change::Addition, Change::Field, Change::TokenId, Change::Parameter];

/// Makes a request whose event is not that of any other, if that is possible.
///
/// It is proved by making two: what would be remembered of them must differ.
///
/// # Errors
/// If no request can be made.
pub fn make(
    plan: &Plan<'_>,
    bases: &[RequestBuilder],
    options: &Options,
    now: UnixTime,
    rng: &mut Rng,
) -> Result<RequestBuilder, Error> {
    let identifier = Identifier::new(&plan.parts())?;
    let first = plan.make(bases, options, now, rng)?;
    if !identifier.can_identify() {
        return Ok(first);
    }
    for change in CHANGES {
        let options = Options { renews_token: change == Change::TokenId, ..options.clone() };
        let changed = |rng: &mut Rng| {
            let mut bases = bases.to_vec();
            let counts: Vec<_> = bases.iter_mut().map(|base| change.apply(plan, base, rng)).collect();
            counts.contains(&true).then(|| plan.make(&bases, &options, now, rng).ok()).flatten()
        };
        if let (Some(one), Some(other)) = (changed(rng), changed(rng))
            && identifier.are_distinct((&one, now), (&other, now))
        {
            return Ok(one);
        }
    }
    Ok(first)
}

/// Whether a request from the same bases, made later, would be the same event to a filter that remembers events.
///
/// # Errors
/// If no request can be made.
pub fn is_repeated(
    plan: &Plan<'_>,
    (bases, builder): (&[RequestBuilder], &RequestBuilder),
    options: &Options,
    now: UnixTime,
    rng: &mut Rng,
) -> Result<bool, Error> {
    let identifier = Identifier::new(&plan.parts())?;
    let later = UnixTime::from_millis(now.as_millis().saturating_add(LATER));
    let next = plan.make(bases, options, later, rng)?;
    Ok(identifier.can_identify() && !identifier.are_distinct((builder, now), (&next, later)))
}

impl Change {
    /// Changes a sample. `false` if there is no place for it.
    fn apply(self, plan: &Plan<'_>, sample: &mut RequestBuilder, rng: &mut Rng) -> bool {
        match self {
            Change::Nothing | Change::TokenId => true,
            Change::Id => renew_id(sample, rng),
            Change::Addition => add(sample, rng),
            Change::Field => add_to_field(plan, sample, rng),
            Change::Parameter => {
                sample.set_query(ADDED, rng.uuid().as_bytes());
                true
            }
        }
    }
}

/// Gives the body another id, if it has one.
fn renew_id(sample: &mut RequestBuilder, rng: &mut Rng) -> bool {
    let is_id = |name: &str| {
        let letters = name.chars().filter(|char| !matches!(char, '_' | '-'));
        IDS.contains(&letters.collect::<String>().to_ascii_lowercase().as_str())
    };
    let Some((Json::Object(members), at)) = object(&sample.body) else { return false };
    let found = members.iter().find_map(|(name, value)| {
        let text = value.text().filter(|text| !text.is_empty() && is_id(name))?;
        Some((name.clone(), rng.id_like(text)))
    });
    let Some((name, id)) = found else { return false };
    let changed = body::with_member(&sample.body, &[at, vec![name]].concat(), id.as_bytes());
    changed.map(|body| sample.body = body).is_ok()
}

/// Adds something to the body that changes nothing for whoever reads it.
fn add(sample: &mut RequestBuilder, rng: &mut Rng) -> bool {
    let word = rng.uuid();
    let media_type = sample.header("content-type").unwrap_or_default();
    let form = || body::with_field(&sample.body, media_type, ADDED, word.as_bytes()).ok();
    let is_text = !sample.body.is_empty() && sample.json().is_none();
    let text = || is_text.then(|| [&sample.body, format!("\n{ADDED} {word}").as_bytes()].concat());
    let changed = document_with(&sample.body, &word).or_else(form).or_else(text);
    changed.map(|body| sample.body = body).is_some()
}

/// Adds the same to a document that the value of a signed field is, as it is or in base64.
fn add_to_field(plan: &Plan<'_>, sample: &mut RequestBuilder, rng: &mut Rng) -> bool {
    let word = rng.uuid();
    plan.signed_values().any(|value| {
        if !matches!(value.origin(), Origin::Form(_) | Origin::Json(_)) {
            return false;
        }
        let value = value.unfiltered();
        let mut writer = SchemeWriter::new(sample);
        let Ok(present) = writer.read(&value) else { return false };
        let changed = document_with(&present, &word).or_else(|| {
            let text = present.trim_ascii_end();
            let document = document_with(&encoding::decode_base64(text)?, &word)?;
            Some([&encoding::encode_base64(&document), present.get(text.len()..)?].concat())
        });
        changed.is_some_and(|changed| writer.write(&value, &changed).is_ok())
    })
}

/// A JSON or XML document with an addition that its readers pass over.
fn document_with(document: &[u8], word: &str) -> Option<Vec<u8>> {
    if let Some((_, at)) = object(document) {
        return body::with_member(document, &[at, vec![ADDED.to_owned()]].concat(), word.as_bytes()).ok();
    }
    let is_xml = document.trim_ascii_start().starts_with(b"<");
    is_xml.then(|| [document, format!("<!-- {ADDED} {word} -->").as_bytes()].concat())
}

/// The object that a JSON document is, or the first in the list that it is; and the way to it.
fn object(document: &[u8]) -> Option<(Json, Vec<String>)> {
    match parse_json(document).ok()? {
        object @ Json::Object(_) => Some((object, Vec::new())),
        Json::List(list) => match list.into_iter().next()? {
            object @ Json::Object(_) => Some((object, vec!["0".to_owned()])),
            _ => None,
        },
        _ => None,
    }
}
