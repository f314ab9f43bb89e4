//! Arrays as PHP's `print_r` and `var_dump` show them.

use hookwarden::verify::bytes::json::Json;

/// The array at the beginning of a text, and what is behind it.
pub fn parse(text: &str) -> Option<(Json, &str)> {
    print_r(text, 0).or_else(|| var_dump(text, 0))
}

/// `Array`, `(`, lines of `[name] => value`, `)`.
fn print_r(text: &str, depth: u8) -> Option<(Json, &str)> {
    let mut rest = text.strip_prefix("Array")?.trim_start().strip_prefix('(').filter(|_| depth < 8)?;
    let mut members = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix(')') {
            return Some((Json::Object(members), behind));
        }
        let (name, behind) = rest.strip_prefix('[')?.split_once("] =>")?;
        let behind = behind.strip_prefix(' ').unwrap_or(behind);
        // One that is broken breaks the whole, which keeps the time linear.
        if behind.strip_prefix("Array").is_some_and(|behind| behind.trim_start().starts_with('(')) {
            let (inner, behind) = print_r(behind, depth.saturating_add(1))?;
            members.push((name.to_owned(), unlisted(inner)));
            rest = behind;
            continue;
        }
        let (line, behind) = behind.split_once('\n').unwrap_or((behind, ""));
        members.push((name.to_owned(), Json::Text(line.trim_end_matches('\r').to_owned())));
        rest = behind;
    }
}

/// `array(2) {`, `["name"]=>`, `string(5) "value"`, `}`: the lengths say where a text ends.
fn var_dump(text: &str, depth: u8) -> Option<(Json, &str)> {
    let (_, mut rest) = text.strip_prefix("array(")?.split_once('{').filter(|_| depth < 8)?;
    let mut members = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((Json::Object(members), behind));
        }
        let (name, behind) = rest.strip_prefix('[')?.split_once("]=>")?;
        let name = name.trim_matches('"').to_owned();
        let behind = behind.trim_start();
        let (value, behind) = match dumped_text(behind) {
            Some(found) => found,
            None if behind.starts_with("array(") => {
                let (inner, behind) = var_dump(behind, depth.saturating_add(1))?;
                (unlisted(inner), behind)
            }
            None => {
                let (line, behind) = behind.split_once('\n')?;
                (Json::Text(line.to_owned()), behind)
            }
        };
        members.push((name, value));
        rest = behind;
    }
}

/// `string(5) "value"`, by its length.
pub fn dumped_text(text: &str) -> Option<(Json, &str)> {
    let text = text.strip_prefix("string(")?;
    let (length, rest) = text.split_at_checked(text.find(|char: char| !char.is_ascii_digit())?)?;
    let (value, rest) = rest.strip_prefix(") \"")?.split_at_checked(length.parse().ok()?)?;
    Some((Json::Text(value.to_owned()), rest.strip_prefix('"')?))
}

/// An array with the keys 0, 1, … as a list.
fn unlisted(value: Json) -> Json {
    match value {
        Json::Object(members) if members.iter().enumerate().all(|(at, (name, _))| *name == at.to_string()) => {
            Json::List(members.into_iter().map(|(_, value)| value).collect())
        }
        value => value,
    }
}
