//! How programs write JSON: spacing, escapes, the order of keys.

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub spacing: Spacing,
    pub escapes: Escapes,
    pub is_sorted: bool,
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
    pub slash: Option<Slash>,
    /// Which characters of ASCII are escaped that need not be.
    pub ascii: Option<Ascii>,
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

/// How `/` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slash {
    /// As itself.
    Plain,
    /// As `\/`.
    Escaped,
    /// As `\/` behind `<`, so that no script ends.
    BehindLess,
}

/// Which characters are escaped that need not be, in the programs that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ascii {
    /// The characters.
    pub escaped: &'static str,
    /// Whether the digits of their escapes are in upper case.
    pub is_upper: bool,
    /// Who does so, for people.
    pub whose: &'static str,
}

impl Ascii {
    /// No character: all as themselves.
    pub const PLAIN: Ascii = Ascii { escaped: "", is_upper: false, whose: "as they are" };

    /// Every set, the commonest first.
    pub const ALL: &'static [Ascii] = &[
        Ascii::PLAIN,
        Ascii { escaped: "<>&\u{2028}\u{2029}", is_upper: false, whose: "as Go and Ruby on Rails escape" },
        Ascii { escaped: "<>&'\"", is_upper: true, whose: "as PHP escapes for HTML (Symfony, Laravel, Drupal)" },
        Ascii { escaped: "<>&'\"+`\u{7f}", is_upper: true, whose: "as .NET escapes" },
        Ascii { escaped: "<>&'=\u{2028}\u{2029}", is_upper: false, whose: "as Gson escapes" },
        Ascii { escaped: "<>&'\"\u{85}\u{2028}\u{2029}", is_upper: false, whose: "as Newtonsoft escapes for HTML" },
        Ascii { escaped: "@%<", is_upper: true, whose: "as Meta escapes" },
        Ascii { escaped: "@%<", is_upper: false, whose: "as Meta escapes" },
        Ascii { escaped: "@%<>&'", is_upper: true, whose: "as Meta escapes" },
        Ascii { escaped: "@", is_upper: false, whose: "with \"@\" escaped" },
        Ascii { escaped: "<>", is_upper: true, whose: "as PHP escapes tags" },
        Ascii { escaped: "<>&", is_upper: true, whose: "as PHP escapes tags and ampersands" },
        Ascii { escaped: "<>&'", is_upper: false, whose: "as programs escape for HTML" },
        Ascii { escaped: "\u{2028}\u{2029}", is_upper: false, whose: "as programs escape for JavaScript" },
    ];

    /// Whether it escapes a character.
    pub fn escapes(self, char: char) -> bool {
        self.escaped.contains(char)
    }
}

impl Style {
    /// As it is.
    pub const KEPT: Style = Style {
        spacing: Spacing::Kept,
        escapes: Escapes { unicode: None, slash: None, ascii: None },
        is_sorted: false,
        has_line_end: false,
    };
}

impl Escapes {
    /// How many things are not as they are.
    pub fn count(&self) -> usize {
        [self.unicode.is_some(), self.slash.is_some(), self.ascii.is_some()].iter().filter(|one| **one).count()
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
