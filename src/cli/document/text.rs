//! A text and where each of its bytes is in a file, also if it is a text within a text.

use std::rc::Rc;

use super::scalar;

/// A line and a column, both from 1. Columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// A text and where it came from.
#[derive(Debug)]
pub struct Text {
    pub text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// The file itself.
    File,
    /// A scalar of another text: for each character that is not white space, where it is here and there. Line
    /// breaks and indentation differ between the two, and neither JSON nor the search for a place minds.
    Scalar { within: Rc<Text>, characters: Vec<(usize, usize)> },
}

impl Text {
    /// The text of a file.
    pub fn of_file(text: String) -> Self {
        Self { lines: line_starts(&text), text, origin: Origin::File }
    }

    /// The text of the scalar that begins at `offset` of another text.
    pub fn of_scalar(text: &str, within: &Rc<Self>, offset: usize) -> Self {
        let own = text.char_indices().filter(|(_, char)| !char.is_whitespace()).map(|(offset, _)| offset);
        let characters = own.zip(scalar::characters(&within.text, offset)).collect();
        let origin = Origin::Scalar { within: Rc::clone(within), characters };
        Self { lines: line_starts(text), text: text.to_owned(), origin }
    }

    /// Where the byte at `offset` is in the file.
    pub fn place(&self, offset: usize) -> Place {
        match &self.origin {
            Origin::File => {
                let line = self.lines.partition_point(|start| *start <= offset).max(1);
                let start = self.lines.get(line - 1).copied().unwrap_or_default();
                let before = self.text.get(start..offset.min(self.text.len())).unwrap_or_default();
                Place { line, column: before.chars().count() + 1 }
            }
            Origin::Scalar { within, characters } => {
                let next = characters.partition_point(|(own, _)| *own < offset);
                let nearest = characters.get(next).or(characters.last());
                within.place(nearest.map_or(0, |(_, theirs)| *theirs))
            }
        }
    }

    /// The offset of a line and a column, both from 1.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        rest.char_indices().nth(column.saturating_sub(1)).map_or(self.text.len(), |(offset, _)| start + offset)
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(offset, _)| offset + 1)).collect()
}
