//! Changes of a text in one place, written as what is around it.

use crate::cli::document::value::Value;

/// The text with `entry` behind the last element of `list`.
pub fn added(text: &str, list: &Value, entry: &str) -> Option<String> {
    let last = list.elements().last()?;
    let before = match list.elements() {
        [.., previous, last] => text.get(previous.end..last.at)?,
        _ => text.get(list.at..last.at)?,
    };
    // What precedes the last element, without its comma or bracket: a blank, nothing, or a line break and blanks.
    let gap = before.trim_start_matches(['[', ',']);
    let blank = list.elements().len() == 1 && gap.is_empty() && !is_dense(text, last);
    let gap = if blank { " " } else { gap };
    let entry = if is_dense(text, last) { dense(entry) } else { entry.to_owned() };
    spliced(text, last.end..last.end, &format!(",{gap}{entry}"))
}

/// The text without the element of `list` at `position`.
pub fn removed(text: &str, list: &Value, position: usize) -> Option<String> {
    let elements = list.elements();
    let element = elements.get(position)?;
    let range =
        match (position.checked_sub(1).and_then(|before| elements.get(before)), elements.get(position.checked_add(1)?))
        {
            (_, Some(next)) => element.at..next.at,
            (Some(previous), None) => previous.end..element.end,
            (None, None) => return None,
        };
    spliced(text, range, "")
}

/// The text with another member in `object`, behind its last one.
pub fn extended(text: &str, object: &Value, name: &str, value: &str) -> Option<String> {
    let last = &object.members().last()?.value;
    let member = if is_dense(text, object) { format!(",{name:?}:{value:?}") } else { format!(", {name:?}: {value:?}") };
    spliced(text, last.end..last.end, &member)
}

/// Whether an object is written without blanks.
fn is_dense(text: &str, object: &Value) -> bool {
    text.get(object.at..object.end).is_some_and(|object| !object.contains([' ', '\n', '\t']))
}

fn dense(entry: &str) -> String {
    // Neither ids nor names of variables have blanks.
    entry.replace(' ', "")
}

fn spliced(text: &str, range: std::ops::Range<usize>, new: &str) -> Option<String> {
    Some(format!("{}{new}{}", text.get(..range.start)?, text.get(range.end..)?))
}
