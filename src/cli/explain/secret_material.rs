//! What would be right: for a person at a terminal, who asked for it by name, and nowhere else.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::expression::Facts;
use hookwarden::verify::expression::content::Content;
use hookwarden::verify::key::algorithm::SignatureAlgorithm;
use hookwarden::verify::key::secret::Key;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::signature::SignatureScheme;
use hookwarden::verify::{HeaderLine, Request, borrowed};

use super::capture::Captured;
use super::configuration::Configuration;
use super::decision::Decision;
use super::trial;
use crate::cli::config_file::CheckEntry;
use crate::cli::terminal::{STRONG, WARNING};

/// The signed content and the right tags of every check of the source.
pub fn shown(configuration: &Configuration, captured: &Captured, decision: &Decision) -> String {
    let mut out = format!(
        "\n{STRONG}Secret material{STRONG:#} {WARNING}(anyone who sees it can forge this request){WARNING:#}\n"
    );
    let source = decision.source.and_then(|at| configuration.sources.get(at));
    let head = captured.head();
    for check in source.iter().flat_map(|source| source.checks()) {
        for (scheme, _) in trial::schemes(check).unwrap_or_default() {
            match &scheme {
                Scheme::Signature(own) => signature(check, &scheme, own, &head, &captured.body, &mut out),
                Scheme::Credential(_) | Scheme::Jwt(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => {
                    out.push_str(&format!("  {}: is not shown for schemes of this kind\n", check.place));
                }
            }
        }
    }
    out
}

fn signature(
    check: &CheckEntry,
    scheme: &Scheme,
    own: &SignatureScheme,
    head: &[HeaderLine],
    body: &[u8],
    out: &mut String,
) {
    let lines = borrowed(head);
    let request = Request::new(&lines);
    let content = Content::new(body, request.media_type());
    let facts = Facts { request: Some(request), content: Some(&content), ..Facts::default() };
    let values = own.signature.place.values(&facts).unwrap_or_default();
    let sets = own.signature.sets(&values);
    let entries = sets.first().map(Vec::as_slice).unwrap_or_default();
    let facts = Facts { entries, ..facts };
    let timestamp = own.timestamp.as_ref().and_then(|rule| rule.at.value(&facts).ok());
    let facts = Facts { timestamp: timestamp.as_deref(), ..facts };
    for message in own.messages.iter().filter(|message| !message.needs_secret()) {
        let rendered = match message.render(&facts) {
            Ok(rendered) => rendered,
            Err(denial) => {
                out.push_str(&format!("  {}: the signed content cannot be made: {denial}\n", check.place));
                continue;
            }
        };
        out.push_str(&format!(
            "  {}: signed content, {} bytes: {:?}\n",
            check.place,
            rendered.len(),
            String::from_utf8_lossy(&rendered)
        ));
        for (_, secret) in check.secrets() {
            let key = secret.text.as_deref().and_then(|text| scheme.key(text).ok());
            if let (Some(Key::Mac(key)), SignatureAlgorithm::Hmac(_)) = (key, own.algorithm) {
                let mut mac = key.begin();
                mac.update(&rendered);
                let tag = mac.tag();
                let (hex, base64) = (encoding::encode_hex(&tag), encoding::encode_base64(&tag));
                let (hex, base64) =
                    (String::from_utf8_lossy(&hex).into_owned(), String::from_utf8_lossy(&base64).into_owned());
                out.push_str(&format!("  {}: under the secret \"{}\": {hex} or {base64}\n", check.place, secret.id));
            }
        }
    }
}
