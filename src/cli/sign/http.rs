//! The two schemes that sign parts of the HTTP message: RFC 9421, and draft-cavage-http-signatures before it.

use hookwarden::verify::Request;
use hookwarden::verify::encoding;
use hookwarden::verify::http_scheme::{HttpSignatureScheme, MessageSignatureScheme};
use hookwarden::verify::http_signature::{self, HttpFacts};
use hookwarden::verify::mac::HashAlgorithm;
use hookwarden::verify::message_signature::{self, Component, Facts, MessageSignatureError};
use hookwarden::verify::timestamp::write_http_date;

use super::draft::Draft;
use super::making::Order;
use super::trouble::Trouble;

/// The label of a signature, where neither the scheme nor the sender's own event has one.
const LABEL: &str = "sig1";
/// What draft-cavage signatures cover.
const COVERED: &str = "(request-target) host date digest";

/// Signs `draft` as RFC 9421 has it.
pub fn make_message_signature(
    scheme: &MessageSignatureScheme,
    draft: &mut Draft,
    order: &mut Order<'_>,
) -> Result<(), Trouble> {
    let digest = Component::Field("content-digest".to_owned());
    let mut components = scheme.rule.components.clone();
    if !draft.body.is_empty() && !components.contains(&digest) {
        components.push(digest);
    }
    for component in &components {
        if let Component::Field(name) = component {
            fill_field(name, draft, order)?;
        }
    }
    let identifiers: Vec<_> = components.iter().map(identifier).collect();
    let seconds = order.at.as_millis().checked_div(1000).unwrap_or_default();
    let key_id = own_parameter(draft, "keyid").unwrap_or_else(|| "hookwarden".to_owned());
    let nonce = order.fresh_id(own_parameter(draft, "nonce").as_deref().map(str::as_bytes));
    let tag = scheme.rule.tag.as_ref().map(|tag| format!(";tag={}", quoted(tag))).unwrap_or_default();
    let parameters = format!(
        "({});created={seconds};keyid={};alg={};nonce={}{tag}",
        identifiers.join(" "),
        quoted(&key_id),
        quoted(&scheme.rule.algorithm),
        quoted(&nonce),
    );
    let label = scheme.rule.label.clone().or_else(|| own_label(draft)).unwrap_or_else(|| LABEL.to_owned());
    draft.set_header("signature-input", format!("{label}={parameters}").as_bytes())?;
    draft.set_header("signature", format!("{label}=:AAAA:").as_bytes())?;

    let head = draft.head();
    let request = Request::new(&head);
    let is_plain = scheme.public_url.as_deref().is_some_and(|url| url.starts_with("http:"));
    let facts = Facts {
        method: request.method(),
        target: request.target(),
        authority: request.authority(),
        scheme: if is_plain { "http" } else { "https" },
        public_url: scheme.public_url.as_deref(),
        has_body: !draft.body.is_empty(),
    };
    let signed = message_signature::begin(request, facts, &scheme.rule).map_err(trouble)?;
    let tag = order.key.tag(scheme.algorithm, &scheme.key, order.chance, &mut |_| Ok(signed.base.clone()))?;
    let tag = encoding::encode_base64(&order.sent(tag));
    draft.set_header("signature", &[label.as_bytes(), b"=:", &tag, b":"].concat())
}

/// Signs `draft` as draft-cavage-http-signatures has it.
pub fn make_http_signature(
    scheme: &HttpSignatureScheme,
    draft: &mut Draft,
    order: &mut Order<'_>,
) -> Result<(), Trouble> {
    let date = write_http_date(order.at).ok_or_else(|| Trouble::new("the time cannot be written as a date"))?;
    draft.set_header("date", date.as_bytes())?;
    let digest = encoding::encode_base64(&HashAlgorithm::Sha256.digest(&draft.body));
    draft.set_header("digest", &[b"sha-256=", digest.as_slice()].concat())?;
    let own = draft.header(&scheme.rule.header).map(|value| String::from_utf8_lossy(value).into_owned());
    let key_id = own.as_deref().and_then(|value| value.split_once("keyid=\"")?.1.split_once('"'));
    let key_id = key_id.map_or("hookwarden", |(id, _)| id).to_owned();
    let value = |signature: &[u8]| {
        let signature = String::from_utf8_lossy(signature);
        let algorithm = &scheme.rule.algorithm;
        format!(r#"keyid="{key_id}", algorithm="{algorithm}", signature="{signature}", headers="{COVERED}""#)
    };
    draft.set_header(&scheme.rule.header, value(b"AAAA").as_bytes())?;

    let head = draft.head();
    let request = Request::new(&head);
    let facts = HttpFacts { method: request.method(), target: request.target(), authority: request.authority() };
    let signed = http_signature::begin(request, facts, &scheme.rule).map_err(trouble)?;
    let tag = order.key.tag(scheme.algorithm, &scheme.key, order.chance, &mut |_| Ok(signed.base.clone()))?;
    let tag = encoding::encode_base64(&order.sent(tag));
    draft.set_header(&scheme.rule.header, value(&tag).as_bytes())
}

/// Writes a header that is covered, where it can be computed.
fn fill_field(name: &str, draft: &mut Draft, order: &mut Order<'_>) -> Result<(), Trouble> {
    match name {
        "content-digest" => {
            let digest = encoding::encode_base64(&HashAlgorithm::Sha256.digest(&draft.body));
            draft.set_header(name, &[b"sha-256=:", digest.as_slice(), b":"].concat())
        }
        "date" => {
            let date = write_http_date(order.at).ok_or_else(|| Trouble::new("the time cannot be written as a date"))?;
            draft.set_header(name, date.as_bytes())
        }
        "content-length" => draft.set_header(name, draft.body.len().to_string().as_bytes()),
        "content-type" if draft.header(name).is_none() => draft.set_header(name, b"application/json"),
        "host" => Ok(()),
        _ if draft.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) => Ok(()),
        _ => draft.set_header(name, order.chance.uuid().as_bytes()),
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
fn own_label(draft: &Draft) -> Option<String> {
    let input = std::str::from_utf8(draft.header("signature-input")?).ok()?;
    input.split_once('=').map(|(label, _)| label.trim().to_owned()).filter(|label| !label.is_empty())
}

/// A text among the parameters of the signature in the sender's own event.
fn own_parameter(draft: &Draft, name: &str) -> Option<String> {
    let input = std::str::from_utf8(draft.header("signature-input")?).ok()?;
    let (_, behind) = input.split_once(&format!(";{name}=\""))?;
    behind.split_once('"').map(|(value, _)| value.to_owned())
}

fn trouble(error: MessageSignatureError) -> Trouble {
    Trouble::new(match error {
        MessageSignatureError::QueryParamMissing | MessageSignatureError::QueryParamDuplicated => {
            "the signature must cover a parameter of the query that the URL does not have once; give it with --url"
        }
        MessageSignatureError::FieldMissing | MessageSignatureError::FieldMalformed => {
            "the signature must cover a header that is missing, or holds signs that cannot be signed; give it with --header"
        }
        MessageSignatureError::Excess => "the signature would cover more than is read of one",
        _ => "the scheme's label, tag or algorithm cannot be written into a signature's header",
    })
}
