//! The query, where a tool keeps it beside the path.

use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::bytes::percent;

use super::Captured;
use super::lost::Lost;
use super::value::Members as _;

/// Adds a query to the path: the text of it, or else its decoded parameters, written again.
pub fn add(captured: &mut Captured, text: Option<&str>, parsed: Option<&Json>) {
    if captured.target.is_empty() {
        return;
    }
    if let Some(text) = text.map(|text| text.trim_start_matches('?')).filter(|text| !text.is_empty()) {
        captured.target = format!("{}?{text}", captured.target);
        return;
    }
    let Some(parameters) = parsed.and_then(Json::entries) else { return };
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = |text: &str| String::from_utf8_lossy(&percent::encode(text.as_bytes(), keep)).into_owned();
    let mut pairs = Vec::new();
    for (name, value) in parameters {
        let values = value.items().map_or_else(|| vec![value], |items| items.iter().collect());
        pairs.extend(
            values.into_iter().filter_map(|value| Some(format!("{}={}", encoded(name), encoded(value.text()?)))),
        );
    }
    if pairs.is_empty() {
        return;
    }
    captured.target = format!("{}?{}", captured.target, pairs.join("&"));
    captured.lost.push(Lost::new(
        "capture_query_decoded",
        "The capture holds the query decoded; it was written again here, which may differ from what was called.",
        "If the sender signs the URL, give the one that was called with --url.",
    ));
}
