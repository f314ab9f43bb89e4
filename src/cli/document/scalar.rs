//! The characters of a YAML or JSON scalar as it is written, so that a place in its text can be found in the file.

use std::iter::Peekable;
use std::str::CharIndices;

/// Where each character of the scalar at `offset` is that is not white space once it is read, to the end of the
/// text: whoever asks knows how many there are.
pub fn characters(text: &str, offset: usize) -> Vec<usize> {
    let rest = text.get(offset..).unwrap_or_default();
    let written = match rest.chars().next() {
        Some('"') => escaped(rest.char_indices().peekable()),
        Some('\'') => single_quoted(rest.char_indices().peekable()),
        Some('|' | '>') => {
            let content = rest.find('\n').unwrap_or(rest.len());
            rest.char_indices().filter(|(at, char)| *at > content && !char.is_whitespace()).map(|(at, _)| at).collect()
        }
        _ => rest.char_indices().filter(|(_, char)| !char.is_whitespace()).map(|(at, _)| at).collect(),
    };
    written.into_iter().map(|at| offset + at).collect()
}

fn single_quoted(mut chars: Peekable<CharIndices<'_>>) -> Vec<usize> {
    let mut found = Vec::new();
    chars.next();
    while let Some((at, char)) = chars.next() {
        if char == '\'' && chars.next_if(|(_, next)| *next == '\'').is_none() {
            break;
        }
        if !char.is_whitespace() {
            found.push(at);
        }
    }
    found
}

fn escaped(mut chars: Peekable<CharIndices<'_>>) -> Vec<usize> {
    let mut found = Vec::new();
    chars.next();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => break,
            '\\' => match chars.next().map(|(_, escape)| escape) {
                // White space, a line that goes on, or nothing.
                Some('n' | 't' | 'r' | 'v' | 'f' | ' ' | '_' | 'N' | 'L' | 'P' | '\n' | '\r' | '\t') | None => {}
                Some(digits @ ('x' | 'u' | 'U')) => {
                    if !code(&mut chars, digits).is_whitespace() {
                        found.push(at);
                    }
                }
                Some(_) => found.push(at),
            },
            _ if char.is_whitespace() => {}
            _ => found.push(at),
        }
    }
    found
}

/// The character of `\x20`, `\u0020` or `\U00000020`; of a pair of surrogates, which JSON has, any that is not a space.
fn code(chars: &mut Peekable<CharIndices<'_>>, kind: char) -> char {
    let mut digits = |count: usize| -> u32 {
        let digits: String = chars.by_ref().take(count).map(|(_, digit)| digit).collect();
        u32::from_str_radix(&digits, 16).unwrap_or_default()
    };
    let code = digits(match kind {
        'x' => 2,
        'u' => 4,
        _ => 8,
    });
    if (0xd800..0xdc00).contains(&code) {
        // The other half is one character with this one: `\uXXXX`.
        digits(6);
    }
    char::from_u32(code).unwrap_or('?')
}
