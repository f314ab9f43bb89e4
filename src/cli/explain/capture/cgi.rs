//! The path that variables of CGI state, as PHP (`$_SERVER`), Django (`META`), Rack and WSGI have them.

use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::bytes::percent;

use super::lost::Lost;
use super::value::Members as _;
use super::{Captured, query};

/// Takes path and query from the variables that have them.
///
/// # Errors
/// The URL cannot be read.
pub fn add_target(captured: &mut Captured, variables: &Json) -> Result<(), String> {
    let text = |name: &str| variables.first_text(&[name]).unwrap_or_default();
    let called = ["REQUEST_URI", "RAW_URI", "REQUEST_PATH"].map(text).into_iter().find(|called| !called.is_empty());
    match called {
        Some(called) => captured.state_target(called)?,
        // A server takes the application's own path off, and undoes the escapes.
        None => add_decoded(captured, &[text("SCRIPT_NAME"), text("PATH_INFO")].concat())?,
    }
    if !captured.target.contains('?') {
        query::add(captured, Some(text("QUERY_STRING")), None);
    }
    Ok(())
}

fn add_decoded(captured: &mut Captured, path: &str) -> Result<(), String> {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte);
    if path.bytes().all(keep) {
        return captured.state_target(path);
    }
    captured.lost.push(Lost::new(
        "capture_query_decoded",
        "The capture holds the path decoded; it was written again here, which may differ from what was called.",
        "If the sender signs the URL, give the one that was called with --url.",
    ));
    captured.state_target(&String::from_utf8_lossy(&percent::encode(path.as_bytes(), keep)))
}
