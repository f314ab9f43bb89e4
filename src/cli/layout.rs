//! Text in lines that fit: paragraphs, labels, tables.

use super::terminal::{FAINT, STRONG};

/// The longest line of running text.
pub const WIDTH: usize = 100;

/// Breaks a text into lines of at most `width` characters, at blanks.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let length = shown(&line).saturating_add(shown(word)).saturating_add(1);
        if !line.is_empty() && length > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// How wide a text is where its styles (`ESC [ … m`) are not counted.
fn shown(text: &str) -> usize {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().map_or(0, |part| part.chars().count());
    let rest = parts.map(|part| part.split_once('m').map_or(0, |(_, text)| text.chars().count()));
    rest.fold(first, usize::saturating_add)
}

/// A text behind a label, its further lines below its first.
pub fn labelled(label: &str, text: &str) -> String {
    const COLUMN: usize = 15;
    let mut page = String::new();
    for (number, line) in wrap(text, WIDTH.saturating_sub(COLUMN)).iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        page.push_str(&format!("{STRONG}{label:<COLUMN$}{STRONG:#}{line}\n"));
    }
    page
}

/// A point of a list.
pub fn point(text: &str) -> String {
    let lines = wrap(text, WIDTH.saturating_sub(4));
    let marks = std::iter::once("- ").chain(std::iter::repeat("  "));
    lines.iter().zip(marks).map(|(line, mark)| format!("  {mark}{line}\n")).collect()
}

/// Columns below their headings, as wide as they must be.
pub fn table<const COLUMNS: usize>(headings: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize, heading: &str| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(heading.chars().count())
    };
    let widths: Vec<_> = headings.iter().enumerate().map(|(column, heading)| width(column, heading)).collect();
    let line = |cells: &[&str]| {
        let padded: Vec<_> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut page = format!("{FAINT}{}{FAINT:#}\n", line(&headings));
    for row in rows {
        let cells: Vec<_> = row.iter().map(String::as_str).collect();
        let line = line(&cells);
        // The first column is what can be typed.
        let (first, rest) = line.split_at(cells.first().map_or(0, |cell| cell.len()));
        page.push_str(&format!("{STRONG}{first}{STRONG:#}{rest}\n"));
    }
    page
}
