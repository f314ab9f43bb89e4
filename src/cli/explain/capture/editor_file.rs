//! Files of requests for editors (`.http`, `.rest`): what stands around the request itself.

use super::framing;

/// The text with its variables (`@name = value`) put in; `None` if it sets none or uses none.
pub fn with_variables(text: &str) -> Option<String> {
    if !text.contains("{{") {
        return None;
    }
    let definition = |line: &str| {
        let (name, value) = line.trim_end().strip_prefix('@')?.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    let variables: Vec<_> = text.lines().filter_map(definition).collect();
    if variables.is_empty() {
        return None;
    }
    let mut text = text.to_owned();
    // One may be made of another.
    for _ in 0..4 {
        for (name, value) in &variables {
            text = text.replace(&format!("{{{{{name}}}}}"), value).replace(&format!("{{{{ {name} }}}}"), value);
        }
    }
    Some(text)
}

/// The body without the scripts, the answers and the next request that editors write behind it.
pub fn body_alone(body: &[u8]) -> &[u8] {
    let marks: [&[u8]; 5] = [b"\n###", b"\n> {%", b"\n<> ", b"\n> ./", b"\n>> "];
    let end = (0..body.len())
        .find(|at| body.get(*at..).is_some_and(|rest| marks.iter().any(|mark| rest.starts_with(mark))));
    match end.and_then(|end| body.get(..end)) {
        Some(body) => framing::trim_line_ends(body),
        None => body,
    }
}

/// Whether the body is the name of a file (`< ./body.json`).
pub fn names_file(body: &[u8]) -> bool {
    let line = body.trim_ascii();
    (line.starts_with(b"< ") || line.starts_with(b"<@ ")) && !line.contains(&b'\n')
}
