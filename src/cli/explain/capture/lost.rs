//! What a capture no longer has of the request.

/// A loss. It is said before anything else, and is what went wrong if nothing is known for certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// A stable word.
    pub code: &'static str,
    /// What is lost.
    pub sentence: String,
    /// How to capture it.
    pub advice: String,
}

impl Lost {
    pub fn new(code: &'static str, sentence: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), advice: advice.into() }
    }

    /// Whether it is the body that is lost.
    pub fn is_of_body(&self) -> bool {
        matches!(self.code, "capture_reencoded" | "capture_without_body" | "capture_truncated" | "capture_decompressed")
    }

    /// Whether it is the URL that is lost.
    pub fn is_of_url(&self) -> bool {
        matches!(self.code, "capture_query_decoded" | "capture_variables")
    }

    /// The body was parsed.
    pub fn parsed(how: &str) -> Self {
        Self::new(
            "capture_reencoded",
            format!(
                "The capture holds the body parsed, not its bytes, and the sender signed the bytes. It was written again \
                 here {how}, which may differ."
            ),
            "Save the raw body next to the request, such as rawBody, bodyRaw, or base64, or capture in front of what parses it.",
        )
    }

    /// The body was left out.
    pub fn body(declared: usize) -> Self {
        Self::new(
            "capture_without_body",
            format!(
                "The capture has no body, and the request had one of {declared} bytes: the tool that saved it left the body out."
            ),
            "Export the request with its body, or save the body in a file of its own and give it with --body.",
        )
    }

    /// The body ends early.
    pub fn cut() -> Self {
        Self::new(
            "capture_truncated",
            "The capture holds only the beginning of the body: the tool that saved it has a limit.",
            "Raise the tool's limit, or give the whole body with --body.",
        )
    }

    /// The body is there decompressed.
    pub fn decompressed() -> Self {
        Self::new(
            "capture_decompressed",
            "The capture holds the body decompressed, and the sender may have signed it compressed.",
            "Save the body as it came over the wire.",
        )
    }

    /// A console left out what is nested.
    pub fn nested() -> Self {
        Self::new(
            "capture_truncated",
            "The capture is what a console shows, which has [Object] in place of what is nested deeper.",
            "Print JSON.stringify of the headers, and the raw body as text or base64.",
        )
    }

    /// Values were replaced.
    pub fn masked(names: &str) -> Self {
        Self::new(
            "capture_masked",
            format!("The value of {names} is masked: the program that saved the capture hides such headers."),
            "Capture the request again with masking turned off in that program (a browser: export HAR with sensitive data).",
        )
    }
}

/// Whether a program wrote something in place of a header's value, or of a part of it.
pub fn is_masked(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).trim().to_ascii_lowercase();
    let mut parts = text.rsplit(['=', ' ', ',', ';']);
    let last = parts.next().unwrap_or_default();
    let is_word = WORDS.contains(&last.trim_matches(|char: char| "[]<>(){}*%-_".contains(char)));
    is_word || text.ends_with("...") && !text.contains(' ') || is_hidden(last) || parts.any(is_hidden)
}

/// What programs write in place of a value, also in brackets, and in brackets that are escaped as in a URL.
const WORDS: &[&str] =
    &["redacted", "masked", "filtered", "hidden", "removed", "sanitized", "scrubbed", "omitted", "5bfiltered%5d"];

/// Whether there are signs in place of letters: a row of stars, or of what no header has.
fn is_hidden(part: &str) -> bool {
    let is_sign = |char: char| "█▇■▪●•∙…＊".contains(char);
    let is_all = |signs: &str| part.len() > 2 && part.chars().all(|char| signs.contains(char));
    part.contains(is_sign)
        || part.contains("****")
        || (is_all("*x.") && part.contains('*'))
        || (is_all("x-") && part.contains("xxxx"))
}
