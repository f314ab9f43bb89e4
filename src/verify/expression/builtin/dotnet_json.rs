//! Autotask: the body with the texts of its JSON escaped as .NET's default encoder escapes them.
//!
//! Source: msoukhomlinov/n8n-nodes-autotask, `nodes/Autotask/helpers/webhook/signature.ts`, which was corrected against
//! live requests.

/// The ASCII characters that are escaped because they have a meaning in HTML or scripts. So is a quotation mark inside
/// a string, which JSON writes as `\\"`.
const ESCAPED: &[u8] = b"&<>'`+";

/// The signed content: JSON as sent, in whose texts `& < > ' \" ` +` and everything beyond ASCII are written as
/// `\uXXXX`, with digits in upper case and UTF-16 surrogates if one unit is not enough. All other bytes stay.
///
/// `None` if it is not UTF-8, or a string is not terminated. Two bodies with the same result hold the same JSON.
#[must_use]
pub fn dotnet_json(body: &[u8]) -> Option<Vec<u8>> {
    let body = std::str::from_utf8(body).ok()?;
    let mut escaped = Vec::with_capacity(body.len());
    let mut within = false;
    let mut chars = body.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                within = !within;
                escaped.push(b'"');
            }
            '\\' if within => match chars.next()? {
                '"' => escape('"', &mut escaped),
                other => {
                    escaped.push(b'\\');
                    push(other, &mut escaped);
                }
            },
            other if within && (!other.is_ascii() || is_escaped(other)) => {
                escape(other, &mut escaped);
            }
            other => push(other, &mut escaped),
        }
    }
    (!within).then_some(escaped)
}

fn is_escaped(char: char) -> bool {
    u8::try_from(char).is_ok_and(|byte| ESCAPED.contains(&byte))
}

fn push(char: char, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

fn escape(char: char, bytes: &mut Vec<u8>) {
    for unit in char.encode_utf16(&mut [0; 2]) {
        bytes.extend_from_slice(format!("\\u{unit:04X}").as_bytes());
    }
}
