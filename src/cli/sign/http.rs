//! The two schemes that sign parts of the HTTP message: RFC 9421, and draft-cavage-http-signatures before it.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::primitives::mac::HashAlgorithm;
use hookwarden::verify::primitives::native::write_http_date;
use hookwarden::verify::scheme::HttpSignatureError;
use hookwarden::verify::scheme::draft_cavage::HttpSignatureScheme;
use hookwarden::verify::scheme::draft_cavage::{self, RequestLine};
use hookwarden::verify::scheme::message_signature::MessageSignatureScheme;
use hookwarden::verify::scheme::message_signature::{self, Component, RequestFacts};
use hookwarden::verify::{Request, borrowed};

use super::builder::RequestBuilder;
use super::error::Error;
use super::writer::SigningContext;

/// The label of a signature, where neither the scheme nor the sender's own event has one.
const LABEL: &str = "sig1";
/// What draft-cavage signatures cover.
const COVERED: &str = "(request-target) host date digest";

/// Signs the request as specified by RFC 9421.
pub fn make_message_signature(
    scheme: &MessageSignatureScheme,
    builder: &mut RequestBuilder,
    context: &mut SigningContext<'_>,
) -> Result<(), Error> {
    let digest = Component::Field("content-digest".to_owned());
    let mut components = scheme.rule.components.clone();
    if !builder.body.is_empty() && !components.contains(&digest) {
        components.push(digest);
    }
    for component in &components {
        if let Component::Field(name) = component {
            fill_field(name, builder, context)?;
        }
    }
    let identifiers: Vec<_> = components.iter().map(identifier).collect();
    let seconds = context.at.as_millis().checked_div(1000).unwrap_or_default();
    let key_id = own_parameter(builder, "keyid").unwrap_or_else(|| "hookwarden".to_owned());
    let nonce = context.fresh_id(own_parameter(builder, "nonce").as_deref().map(str::as_bytes));
    let tag = scheme.rule.tag.as_ref().map(|tag| format!(";tag={}", quoted(tag))).unwrap_or_default();
    let parameters = format!(
        "({});created={seconds};keyid={};alg={};nonce={}{tag}",
        identifiers.join(" "),
        quoted(&key_id),
        quoted(&scheme.rule.algorithm),
        quoted(&nonce),
    );
    let label = scheme.rule.label.clone().or_else(|| own_label(builder)).unwrap_or_else(|| LABEL.to_owned());
    builder.set_header("signature-input", format!("{label}={parameters}").as_bytes())?;
    builder.set_header("signature", format!("{label}=:AAAA:").as_bytes())?;

    let head = builder.head();
    let lines = borrowed(&head);
    let request = Request::new(&lines);
    let is_plain = scheme.public_url.as_deref().is_some_and(|url| url.starts_with("http:"));
    let facts = RequestFacts {
        method: request.method(),
        target: request.target(),
        authority: request.authority(),
        scheme: if is_plain { "http" } else { "https" },
        public_url: scheme.public_url.as_deref(),
        has_body: !builder.body.is_empty(),
    };
    let signed = message_signature::begin(request, facts, &scheme.rule).map_err(of_signature)?;
    let tag = context.key.tag(scheme.algorithm, &scheme.key, context.rng, &mut |_| Ok(signed.base.clone()))?;
    let tag = encoding::encode_base64(&context.sent(tag));
    builder.set_header("signature", &[label.as_bytes(), b"=:", &tag, b":"].concat())
}

/// Signs the request as specified by draft-cavage-http-signatures.
pub fn make_http_signature(
    scheme: &HttpSignatureScheme,
    builder: &mut RequestBuilder,
    context: &mut SigningContext<'_>,
) -> Result<(), Error> {
    let date = write_http_date(context.at).ok_or_else(|| Error::new("the time cannot be written as a date"))?;
    builder.set_header("date", date.as_bytes())?;
    let digest = encoding::encode_base64(&HashAlgorithm::Sha256.digest(&builder.body));
    builder.set_header("digest", &[b"sha-256=", digest.as_slice()].concat())?;
    let own = builder.header(&scheme.rule.header).map(|value| String::from_utf8_lossy(value).into_owned());
    let key_id = own.as_deref().and_then(|value| value.split_once("keyid=\"")?.1.split_once('"'));
    let key_id = key_id.map_or("hookwarden", |(id, _)| id).to_owned();
    let is_authorization = scheme.rule.header.eq_ignore_ascii_case("authorization");
    let value = |signature: &[u8]| {
        let signature = String::from_utf8_lossy(signature);
        let algorithm = &scheme.rule.algorithm;
        let scheme = if is_authorization { "Signature " } else { "" };
        format!(r#"{scheme}keyid="{key_id}", algorithm="{algorithm}", signature="{signature}", headers="{COVERED}""#)
    };
    builder.set_header(&scheme.rule.header, value(b"AAAA").as_bytes())?;

    let head = builder.head();
    let lines = borrowed(&head);
    let request = Request::new(&lines);
    let facts = RequestLine { method: request.method(), target: request.target(), authority: request.authority() };
    let signed = draft_cavage::begin(request, facts, &scheme.rule).map_err(of_signature)?;
    let tag = context.key.tag(scheme.algorithm, &scheme.key, context.rng, &mut |_| Ok(signed.base.clone()))?;
    let tag = encoding::encode_base64(&context.sent(tag));
    builder.set_header(&scheme.rule.header, value(&tag).as_bytes())
}

/// Writes a header that is covered, where it can be computed.
fn fill_field(name: &str, builder: &mut RequestBuilder, context: &mut SigningContext<'_>) -> Result<(), Error> {
    match name {
        "content-digest" => {
            let digest = encoding::encode_base64(&HashAlgorithm::Sha256.digest(&builder.body));
            builder.set_header(name, &[b"sha-256=:", digest.as_slice(), b":"].concat())
        }
        "date" => {
            let date = write_http_date(context.at).ok_or_else(|| Error::new("the time cannot be written as a date"))?;
            builder.set_header(name, date.as_bytes())
        }
        "content-length" => builder.set_header(name, builder.body.len().to_string().as_bytes()),
        "content-type" if builder.header(name).is_none() => builder.set_header(name, b"application/json"),
        "host" => Ok(()),
        _ if builder.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) => Ok(()),
        _ => builder.set_header(name, context.rng.uuid().as_bytes()),
    }
}

/// A component as `Signature-Input` names it.
fn identifier(component: &Component) -> String {
    match component {
        Component::Method => quoted("@method"),
        Component::TargetUri => quoted("@target-uri"),
        Component::Authority => quoted("@authority"),
        Component::Scheme => quoted("@scheme"),
        Component::Path => quoted("@path"),
        Component::Query => quoted("@query"),
        Component::QueryParam(name) => format!("{};name={}", quoted("@query-param"), quoted(name)),
        Component::Field(name) => quoted(name),
    }
}

/// A string of RFC 9651, section 4.1.6.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .filter(|char| matches!(char, ' '..='~'))
        .flat_map(|char| matches!(char, '"' | '\\').then_some('\\').into_iter().chain([char]))
        .collect();
    format!("\"{escaped}\"")
}

/// The label of the signature in the sender's own event.
fn own_label(builder: &RequestBuilder) -> Option<String> {
    let input = std::str::from_utf8(builder.header("signature-input")?).ok()?;
    input.split_once('=').map(|(label, _)| label.trim().to_owned()).filter(|label| !label.is_empty())
}

/// A text among the parameters of the signature in the sender's own event.
fn own_parameter(builder: &RequestBuilder, name: &str) -> Option<String> {
    let input = std::str::from_utf8(builder.header("signature-input")?).ok()?;
    let (_, behind) = input.split_once(&format!(";{name}=\""))?;
    behind.split_once('"').map(|(value, _)| value.to_owned())
}

fn of_signature(error: HttpSignatureError) -> Error {
    Error::new(match error {
        HttpSignatureError::QueryParamMissing | HttpSignatureError::QueryParamDuplicated => {
            "the signature must cover a parameter of the query that the URL does not have once; give it with --url"
        }
        HttpSignatureError::FieldMissing | HttpSignatureError::FieldMalformed => {
            "the signature must cover a header that is missing, or holds signs that cannot be signed; give it with --header"
        }
        HttpSignatureError::Excess => "the signature would cover more than is read of one",
        _ => "the scheme's label, tag or algorithm cannot be written into a signature's header",
    })
}
