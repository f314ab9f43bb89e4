//! What a declared length tells about the bytes that were saved.

use super::Captured;

/// Puts right what the declared length proves that saving did to the body: line ends that were changed, and a line
/// end that an editor added. Says so.
pub fn reconcile_length(captured: &mut Captured, declared: Option<usize>) {
    let Some(declared) = declared else { return };
    let body = captured.body.clone();
    if body.len() == declared {
        return;
    }
    let without_end = trim_line_ends(&body);
    if body.len() > declared && without_end.len() <= declared {
        let behind = body.len().saturating_sub(declared);
        captured.body.truncate(declared);
        captured.notes.push(format!(
            "{behind} {} after the body that Content-Length does not count: an editor's line end, left out",
            if behind == 1 { "byte" } else { "bytes" }
        ));
        return;
    }
    for candidate in [body.as_slice(), without_end] {
        let restored = with_crlf(candidate);
        if restored.len() == declared {
            captured.body = restored;
            captured.notes.push(
                "the copy lost the carriage returns of the body's lines; Content-Length shows it, and they were put back"
                    .to_owned(),
            );
            return;
        }
    }
}

/// The text without line ends at its end.
pub fn trim_line_ends(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !matches!(*byte, b'\r' | b'\n')).map_or(0, |at| at.saturating_add(1));
    text.get(..end).unwrap_or_default()
}

/// The text with every line end as CR and LF.
pub fn with_crlf(text: &[u8]) -> Vec<u8> {
    let mut crlf = Vec::with_capacity(text.len());
    let mut last = 0;
    for byte in text {
        if *byte == b'\n' && last != b'\r' {
            crlf.push(b'\r');
        }
        crlf.push(*byte);
        last = *byte;
    }
    crlf
}

/// The text with every line end as LF.
pub fn with_lf(text: &[u8]) -> Vec<u8> {
    let mut lf = Vec::with_capacity(text.len());
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte == b'\r' && bytes.peek() == Some(&&b'\n') {
            continue;
        }
        lf.push(*byte);
    }
    lf
}
