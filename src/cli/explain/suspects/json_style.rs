//! How programs write JSON: spacing, escapes, the order of keys.

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub spacing: Spacing,
    pub escapes: Escapes,
    pub is_sorted: bool,
    pub are_numbers_short: bool,
    pub has_line_end: bool,
}

/// The white space between tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// As it is.
    Kept,
    /// None.
    Compact,
    /// After commas and colons.
    Spaced,
    /// After commas only.
    Commas,
    /// After colons only.
    Colons,
    /// Lines, indented by so many blanks; by tabs if none.
    Lines(usize),
    /// Lines as Jackson writes them: blanks around colons, lists in one line.
    Jackson,
}

/// Which characters of texts are escaped. `None` is as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Escapes {
    pub unicode: Option<Unicode>,
    /// Whether `/` is written `\/`.
    pub slash: Option<bool>,
    pub html: Option<Html>,
}

/// How characters beyond ASCII are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unicode {
    /// As themselves.
    Plain,
    /// As `\u` and four lower-case digits.
    Lower,
    /// The same in upper case.
    Upper,
}

/// How `<`, `>` and `&` are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Html {
    /// As themselves.
    Plain,
    /// As `\u003c` and such, U+2028 and U+2029 too.
    Escaped,
    /// `=` and `'` too.
    Gson,
}

impl Style {
    /// As it is.
    pub const KEPT: Style = Style {
        spacing: Spacing::Kept,
        escapes: Escapes { unicode: None, slash: None, html: None },
        is_sorted: false,
        are_numbers_short: false,
        has_line_end: false,
    };
}

impl Escapes {
    /// How many things are not as they are.
    pub fn count(&self) -> usize {
        [self.unicode.is_some(), self.slash.is_some(), self.html.is_some()].iter().filter(|one| **one).count()
    }
}

impl Spacing {
    /// Every spacing that programs write, the commonest first.
    pub const ALL: &'static [Spacing] = &[
        Spacing::Compact,
        Spacing::Spaced,
        Spacing::Lines(2),
        Spacing::Lines(4),
        Spacing::Lines(0),
        Spacing::Jackson,
        Spacing::Commas,
        Spacing::Colons,
    ];

    /// What it is, for people.
    pub fn words(self) -> &'static str {
        match self {
            Spacing::Kept => "with its own white space",
            Spacing::Compact => "without white space (JSON.stringify, Go, PHP, Ruby)",
            Spacing::Spaced => "with a blank after each comma and colon (Python's json.dumps)",
            Spacing::Commas => "with a blank after each comma",
            Spacing::Colons => "with a blank after each colon",
            Spacing::Lines(2) => "in lines indented by 2 blanks",
            Spacing::Lines(4) => "in lines indented by 4 blanks",
            Spacing::Lines(_) => "in lines indented by tabs",
            Spacing::Jackson => "in lines as Jackson writes them",
        }
    }
}
