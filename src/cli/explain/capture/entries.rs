//! Which of several requests in a capture is meant.

use super::{Captured, Reading};

/// The requests of a capture, those too that cannot be read.
pub type Requests = Vec<Result<Captured, String>>;

/// Takes the request that is meant: the one that is asked for, the only one, the only one that a source wants, the only
/// one with a body.
///
/// # Errors
/// That it cannot be read, or which ones there are.
pub fn choose(mut all: Requests, reading: Reading<'_>) -> Result<Captured, String> {
    let count = all.len();
    if let Some(wanted) = reading.entry {
        let entry = wanted.checked_sub(1).filter(|at| *at < count).map(|at| all.swap_remove(at));
        return entry.unwrap_or_else(|| Err(format!("has no entry {wanted}: {} is all that it has", counted(count))));
    }
    if count == 1 {
        return all.swap_remove(0);
    }
    let wants = |captured: &Captured| {
        reading.is_wanted.is_some_and(|is_wanted| is_wanted(&captured.authority, &captured.target))
    };
    let has_body = |captured: &Captured| !captured.body.is_empty();
    let tests: [&dyn Fn(&Captured) -> bool; 3] =
        [&|captured| wants(captured) && has_body(captured), &|captured| wants(captured), &has_body];
    for test in tests {
        let mut found = all.iter().enumerate().filter(|(_, entry)| entry.as_ref().is_ok_and(test));
        if let (Some((at, Ok(one))), None) = (found.next(), found.next()) {
            return Ok(taken(one.clone(), at, count));
        }
    }
    // Requests on one connection follow each other: the first is the one that the file is about.
    if all.iter().all(|entry| entry.as_ref().is_ok_and(|captured| captured.form == super::http::FORM)) && count > 0 {
        return all.swap_remove(0).map(|one| taken(one, 0, count));
    }
    let list: Vec<_> = all
        .iter()
        .enumerate()
        .take(20)
        .map(|(at, entry)| match entry {
            Ok(captured) => {
                format!(
                    "  {}  {} {}{}",
                    at.saturating_add(1),
                    captured.method,
                    captured.authority,
                    shown_path(&captured.target)
                )
            }
            Err(_) => format!("  {}  cannot be read", at.saturating_add(1)),
        })
        .collect();
    if list.is_empty() {
        return Err("has no request in it".to_owned());
    }
    Err(format!("has {count} entries; choose one with --entry:\n{}", list.join("\n")))
}

/// A path in which what may be a token is shortened: this one is not of the request that is asked about.
pub fn shown_path(target: &str) -> String {
    let path = target.split(['?', '#', ';']).next().unwrap_or_default();
    let shown = |part: &str| {
        let is_token =
            part.chars().count() > 15 && part.contains(|char: char| char.is_ascii_digit() || !char.is_ascii());
        if is_token { part.chars().take(4).chain(['…']).collect() } else { part.to_owned() }
    };
    path.split('/').map(shown).collect::<Vec<_>>().join("/")
}

fn taken(mut one: Captured, at: usize, count: usize) -> Captured {
    one.notes.push(format!("entry {} of {count} was taken; --entry chooses another", at.saturating_add(1)));
    one
}

fn counted(count: usize) -> String {
    if count == 1 { "one request".to_owned() } else { format!("{count} requests") }
}
