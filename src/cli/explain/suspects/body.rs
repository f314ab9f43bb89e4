//! Suspects of plain bytes: line ends, white space, byte order marks, and bodies that were wrapped or unwrapped.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::bytes::json::Json;

use super::json_text::{self, Tree};
use super::{Change, Mistake, Scene};
use crate::cli::explain::capture::{trim_line_ends, with_crlf, with_lf};

const RAW: &str = "Take the bytes of the body before anything reads it: whatever parses, logs or rewrites it must come after \
                   hookwarden. If it was only saved so, save it again byte by byte.";

/// Adds a body, with the code of a mistake, what happened, and what to do.
type Add<'a> = &'a mut dyn FnMut(Vec<u8>, &'static str, &str, &str);

/// The changes of this file.
pub fn changes(scene: &Scene<'_>, changes: &mut Vec<Change>) {
    let body = scene.captured.body.as_slice();
    let mut add = |bytes: Vec<u8>, code: &'static str, sentence: &str, advice: &str| {
        changes.push(Change::of_body(bytes, Mistake::new(code, sentence, advice)));
    };
    let is_signed_without = "The body ends in a line end that was not signed: an editor or a tool added it.";
    let saved = "Save the body byte by byte (no editor; curl --data-binary, printf %s). If it arrives like this, look at what \
                 is in front.";
    for end in [b"\r\n".as_slice(), b"\n", b"\r"] {
        if let Some(shorter) = body.strip_suffix(end) {
            add(shorter.to_vec(), "body_trailing_newline", is_signed_without, saved);
        }
    }
    add(trim_line_ends(body).to_vec(), "body_trailing_newline", is_signed_without, saved);
    for end in [b"\n".as_slice(), b"\r\n"] {
        let sentence = "The sender signed a line end behind the body that is missing here: something trimmed it.";
        add([body, end].concat(), "body_trailing_newline", sentence, RAW);
    }
    add(with_lf(body), "body_line_endings", "The body has CRLF line ends here, and LF where it was signed.", RAW);
    add(with_crlf(body), "body_line_endings", "The body has LF line ends here, and CRLF where it was signed.", RAW);
    let both = "The body has CRLF line ends here, and LF where it was signed, and a line end more.";
    add(trim_line_ends(&with_lf(body)).to_vec(), "body_line_endings", both, RAW);
    let more = "The body has LF line ends here, and CRLF where it was signed, also behind its last line.";
    add([with_crlf(trim_line_ends(body)).as_slice(), b"\r\n"].concat(), "body_line_endings", more, RAW);
    let less = "The body has LF line ends here, and CRLF where it was signed, and a line end more.";
    add(with_crlf(trim_line_ends(body)), "body_line_endings", less, RAW);
    match body.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => {
            add(
                rest.to_vec(),
                "body_bom",
                "The body begins with a byte order mark that was not signed: an editor added it.",
                saved,
            );
        }
        None => add(
            [b"\xef\xbb\xbf".as_slice(), body].concat(),
            "body_bom",
            "The sender signed a byte order mark in front of the body that is missing here.",
            RAW,
        ),
    }
    let trimmed = "The body has white space around it that was not signed.";
    add(body.trim_ascii().to_vec(), "body_whitespace", trimmed, saved);
    add(body.trim_ascii_start().to_vec(), "body_whitespace", trimmed, saved);
    add(body.trim_ascii_end().to_vec(), "body_whitespace", trimmed, saved);
    if !body.is_empty() {
        let empty = "The signature covers an empty body: the sender, or what signs for it, signed before there was one, or \
                     after it was read.";
        let advice = "Sign the bytes that are sent: in a signing proxy or test script, look at whether the body's stream was \
                      consumed before.";
        add(Vec::new(), "body_empty", empty, advice);
        add(
            b"{}".to_vec(),
            "body_empty",
            "The signature covers \"{}\": the sender signed an object before filling it.",
            advice,
        );
    } else {
        let missing = "The body is missing: the signature covers an empty JSON object.";
        add(b"{}".to_vec(), "body_missing", missing, "Look at what dropped the body on its way.");
    }
    wrapped(body, &mut add);
}

/// Bodies that something put into something else.
fn wrapped(body: &[u8], add: Add<'_>) {
    if let Some(decoded) = encoding::decode_pasted_base64(body.trim_ascii()).filter(|decoded| !decoded.is_empty()) {
        let sentence = "The body is base64 here, and the sender signed the bytes that it stands for (a serverless gateway's \
                        isBase64Encoded, or a log).";
        add(
            decoded,
            "body_base64",
            sentence,
            "Decode it once before the request is checked, or capture it after it was decoded.",
        );
    }
    let sentence = "The sender signed the base64 of the body.";
    add(encoding::encode_base64(body), "body_base64", sentence, "Say {body|base64} in a scheme of your own.");
    let Ok(text) = std::str::from_utf8(body) else { return };
    let trimmed = text.trim();
    match Json::parse(body) {
        Ok(Json::Text(inner)) => {
            let sentence = "The body is a JSON text with the signed body in it: it was encoded twice.";
            add(inner.into_bytes(), "body_json_string", sentence, RAW);
        }
        Ok(Json::Object(members)) => unwrapped(&members, text, add),
        _ => {}
    }
    if trimmed.len() > 1 {
        let quoted = json_text::quoted(trimmed);
        let sentence = "The sender signed the body as a JSON text, in quotes and with escapes: it encoded it twice.";
        add(quoted.into_bytes(), "body_json_string", sentence, "Have the sender sign what it sends.");
    }
    let escapes = [("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    let plain = escapes.iter().fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain));
    if plain != text {
        let sentence =
            "The body has HTML escapes (&quot; and such) that were not signed: a page, a log or a firewall wrote it.";
        add(plain.into_bytes(), "body_html_escaped", sentence, RAW);
    }
    if text.contains("\\\"") && !trimmed.starts_with('"') {
        let plain = text.replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\");
        let sentence =
            "The body has backslashes before its quotes that were not signed: it was copied out of a log or of code.";
        add(plain.into_bytes(), "body_escaped", sentence, RAW);
    }
    for quote in ["'", "b'", "\"", "`"] {
        let end = quote.trim_start_matches('b');
        if let Some(inner) = trimmed.strip_prefix(quote).and_then(|rest| rest.strip_suffix(end)) {
            let sentence =
                "The body has quotes around it that were not signed: it was printed by a program or a shell.";
            add(inner.as_bytes().to_vec(), "body_quoted", sentence, RAW);
        }
    }
}

/// The members of an object that may be the body: what gateways and queues wrap it into.
fn unwrapped(members: &[(String, Json)], text: &str, add: Add<'_>) {
    let sentence = "The signed body is a member of this body: a gateway, queue or log wrapped it.";
    let advice = "Unwrap it before the request is checked, or capture the request in front of what wraps it.";
    let tree = Tree::parse(text);
    for (key, value) in members {
        if let Json::Text(inner) = value
            && inner.len() > 1
        {
            add(inner.clone().into_bytes(), "body_wrapped", sentence, advice);
            if let Some(decoded) = encoding::decode_pasted_base64(inner.as_bytes()).filter(|decoded| decoded.len() > 1)
            {
                add(decoded, "body_wrapped", sentence, advice);
            }
        }
        if let (Json::Object(_) | Json::List(_), Some(raw)) =
            (value, tree.as_ref().and_then(|tree| tree.member_text(key)))
        {
            add(raw.as_bytes().to_vec(), "body_wrapped", sentence, advice);
        }
    }
}
