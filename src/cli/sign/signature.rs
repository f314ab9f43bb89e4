//! A signature over a content: [`SignatureScheme`] backwards.

use hookwarden::verify::Denial;
use hookwarden::verify::expression::Expression;
use hookwarden::verify::expression::message::Message;
use hookwarden::verify::expression::native::Origin;
use hookwarden::verify::key::algorithm::SignatureAlgorithm;
use hookwarden::verify::primitives::native::{write_http_date, write_rfc3339};
use hookwarden::verify::primitives::timestamp::{Unit, UnixTime};
use hookwarden::verify::scheme::signature::Place;
use hookwarden::verify::scheme::signature::SignatureScheme;

use super::builder::RequestBuilder;
use super::entries::Entries;
use super::error::Error;
use super::writer::{SchemeWriter, SigningContext, name};

/// Pairs that must be equal can hang together: a digest in the head is of a body that another pair changed.
const MOST_ROUNDS: usize = 3;

/// Signs the whole request, or every element of the list that the scheme signs one by one.
pub fn make(
    scheme: &SignatureScheme,
    builder: &mut RequestBuilder,
    context: &mut SigningContext<'_>,
) -> Result<(), Error> {
    let Some(path) = &scheme.each else { return make_one(scheme, builder, Vec::new(), context) };
    let json = builder.json();
    let elements = json.as_ref().and_then(|json| json.at(path)).and_then(|list| list.elements()).unwrap_or_default();
    let count = elements.len();
    if count == 0 {
        return Err(Error::new(format!(
            "the body has no list at {}, of which this sender signs every element; give one with --body",
            path.steps().join(".")
        )));
    }
    (0..count)
        .try_for_each(|position| make_one(scheme, builder, [path.steps(), &[position.to_string()]].concat(), context))
}

fn make_one(
    scheme: &SignatureScheme,
    builder: &mut RequestBuilder,
    element: Vec<String>,
    context: &mut SigningContext<'_>,
) -> Result<(), Error> {
    let mut writer = SchemeWriter::new(builder);
    writer.element = element;
    let (header, present) = present(scheme, &writer);
    writer.entries = Some(Entries::begin(&scheme.signature, present.as_deref(), &known_entries(scheme)));
    clear(scheme, writer.builder, header.as_deref());

    let tag_len = match scheme.algorithm {
        SignatureAlgorithm::Hmac(hash) | SignatureAlgorithm::Hash(hash) => hash.digest_len(),
        SignatureAlgorithm::Public(_) => 64,
    };
    if scheme.signature.place.needs_body() {
        // Where a content is made of the body, it is made around the signature.
        let mut stand_in = vec![0; tag_len];
        context.rng.fill(&mut stand_in);
        place(scheme, &mut writer, header.as_deref(), &stand_in)?;
    }
    if let Some(rule) = &scheme.timestamp {
        let text = write_time(rule.unit, context.at, writer.read(&rule.at).ok().as_deref())
            .ok_or_else(|| Error::new("the time is later than this sender can write it"))?;
        writer.write(&rule.at, text.as_bytes())?;
        writer.timestamp = Some(text.into_bytes());
    }
    if let Some(at) = &scheme.event_id {
        let present = writer.read(at).ok();
        let in_body = matches!(at.origin(), Origin::Json(_) | Origin::Form(_));
        let is_meant = in_body && context.keeps_body && context.event_id.is_none() && present.is_some();
        if !is_meant {
            let id = context.fresh_id(present.as_deref());
            writer.write(at, id.as_bytes())?;
        }
    }
    renew_nonces(scheme, &mut writer, context)?;
    let message = complete(scheme, &mut writer, context)?;
    for round in 1..=MOST_ROUNDS {
        let equal = scheme.require.iter().try_for_each(|(left, right)| writer.make_equal(left, right));
        if round == MOST_ROUNDS {
            equal?;
        }
    }

    let tag =
        context.key.tag(scheme.algorithm, &scheme.key, context.rng, &mut |secret| writer.render(message, secret))?;
    let tag = context.sent(tag);
    place(scheme, &mut writer, header.as_deref(), &tag)
}

/// The header that holds a signature now, and what is at the signature's place.
fn present(scheme: &SignatureScheme, writer: &SchemeWriter<'_, '_>) -> (Option<String>, Option<Vec<u8>>) {
    let headers = &writer.builder.headers;
    let header = match &scheme.signature.place {
        Place::Headers(names) => names.iter().find(|name| writer.builder.header(name).is_some()).cloned(),
        Place::Family(family) => headers.iter().map(|(name, _)| name).find(|name| is_member(name, family)).cloned(),
        Place::Value(value) => return (None, writer.read(value).ok()),
    };
    let present = header.as_ref().and_then(|name| writer.builder.header(name)).map(<[u8]>::to_vec);
    (header, present)
}

/// Takes away every signature but the one that is written anew.
fn clear(scheme: &SignatureScheme, builder: &mut RequestBuilder, kept: Option<&str>) {
    let is_other = |name: &str| kept.is_none_or(|kept| !name.eq_ignore_ascii_case(kept));
    match &scheme.signature.place {
        Place::Headers(names) => {
            builder
                .headers
                .retain(|(name, _)| !(is_other(name) && names.iter().any(|own| name.eq_ignore_ascii_case(own))));
        }
        Place::Family(family) => builder.headers.retain(|(name, _)| !(is_other(name) && is_member(name, family))),
        Place::Value(_) => {}
    }
}

fn is_member(name: &str, family: &str) -> bool {
    name.split_at_checked(family.len()).is_some_and(|(front, number)| {
        front.eq_ignore_ascii_case(family) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What the entries begin with that are beside the signature.
fn known_entries(scheme: &SignatureScheme) -> Vec<&str> {
    scheme
        .values_beside_signature()
        .filter_map(|value| match value.origin() {
            Origin::Entry(prefix) => Some(prefix),
            _ => None,
        })
        .collect()
}

/// Writes the signature where it belongs.
fn place(
    scheme: &SignatureScheme,
    writer: &mut SchemeWriter<'_, '_>,
    header: Option<&str>,
    tag: &[u8],
) -> Result<(), Error> {
    let Some(entries) = &writer.entries else { return Ok(()) };
    let text = entries.with_tag(tag);
    match (&scheme.signature.place, header) {
        (Place::Headers(_) | Place::Family(_), Some(name)) => writer.builder.set_header(name, &text),
        (Place::Headers(names), None) => match names.first() {
            Some(name) => writer.builder.set_header(name, &text),
            None => Err(Error::new("the scheme names no header for its signature")),
        },
        (Place::Family(family), None) => writer.builder.set_header(&format!("{family}1"), &text),
        (Place::Value(value), _) => {
            let value = value.clone();
            writer.write(&value, &text)
        }
    }
}

/// Headers that are there so that no two requests are alike.
fn renew_nonces(
    scheme: &SignatureScheme,
    writer: &mut SchemeWriter<'_, '_>,
    context: &mut SigningContext<'_>,
) -> Result<(), Error> {
    for value in scheme.messages.iter().flat_map(Message::values) {
        let is_nonce = matches!(value.origin(), Origin::Header(name) if name.contains("nonce"));
        if is_nonce && scheme.event_id.as_ref().is_none_or(|id| id.origin() != value.origin()) {
            let fresh = match writer.read(value) {
                Ok(present) => context.rng.id_like(&String::from_utf8_lossy(&present)),
                Err(_) => context.rng.uuid(),
            };
            writer.write(&value.unfiltered(), fresh.as_bytes())?;
        }
    }
    Ok(())
}

/// Makes up what is not there, until one of the scheme's contents can be put together; and gives that one.
fn complete<'s>(
    scheme: &'s SignatureScheme,
    writer: &mut SchemeWriter<'_, '_>,
    context: &mut SigningContext<'_>,
) -> Result<&'s Message, Error> {
    // What the secret is does not matter here, and that it is text does.
    let secret: Option<&[u8]> = Some(b"secret");
    let listed = [scheme.timestamp.as_ref().map(|rule| &rule.at), scheme.event_id.as_ref()];
    let listed: Vec<_> = listed.into_iter().flatten().filter_map(Expression::as_header).collect();
    let mut worst = None;
    for message in &scheme.messages {
        if let Err(denial) = writer.render(message, secret) {
            worst = worst.or(Some(missing_value(message, writer, denial)));
        } else {
            return Ok(message);
        }
    }
    for message in &scheme.messages {
        for value in message.values() {
            if matches!(writer.read(value), Err(Denial::HeaderMissing | Denial::FieldMissing)) {
                // What cannot be made up shows when the content is put together.
                let _ = writer.fill_in(value, &listed, context);
            }
        }
        if writer.render(message, secret).is_ok() {
            return Ok(message);
        }
    }
    Err(worst.unwrap_or_else(|| Error::new("the scheme signs nothing")))
}

fn missing_value(message: &Message, writer: &SchemeWriter<'_, '_>, denial: Denial) -> Error {
    let lacking = message.values().find(|value| matches!(writer.read(value), Err(own) if own == denial));
    let what = lacking.map_or_else(|| "the request".to_owned(), name);
    Error::denied(denial, &format!("{what} is not what this sender signs; give a whole event of it as --body"))
}

/// A time as the sender writes it. `present`, what is there now, shows which of several ways that is.
fn write_time(unit: Unit, at: UnixTime, present: Option<&[u8]>) -> Option<String> {
    let (seconds, millis) = (at.as_millis().checked_div(1000)?, at.as_millis());
    let text = match unit {
        Unit::Seconds => seconds.to_string(),
        Unit::SecondsOrMilliseconds if present.is_none_or(|present| present.len() < 13) => seconds.to_string(),
        Unit::SecondsOrMilliseconds | Unit::Milliseconds => millis.to_string(),
        Unit::Fraction => match present {
            Some(present) if !present.contains(&b'.') => seconds.to_string(),
            _ => format!("{seconds}.{:03}", millis.checked_rem(1000)?),
        },
        Unit::Iso8601 => {
            let fraction = present.and_then(|present| {
                let behind = present.split(|byte| *byte == b'.').nth(1)?;
                Some(behind.iter().take_while(|byte| byte.is_ascii_digit()).count())
            });
            write_rfc3339(at, fraction.unwrap_or(0))?
        }
        Unit::HttpDate => write_http_date(at)?,
    };
    unit.parse(text.as_bytes()).is_ok().then_some(text)
}
