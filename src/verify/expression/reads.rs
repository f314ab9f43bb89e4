//! Which headers a value is read from.

use crate::verify::expression::context::Facts;
use crate::verify::expression::root::{Builtin, Root};
use crate::verify::expression::value::Expression;

impl Expression {
    /// The headers that it reads, by their lower-case names, pseudo headers among them. Those that a list of its names
    /// are [`listed_names`](Self::listed_names).
    #[must_use]
    pub fn headers(&self) -> Vec<&str> {
        match &self.root {
            Root::Header(name) => vec![name],
            Root::Method => vec![":method"],
            Root::Target | Root::Path | Root::Url(_) | Root::Query(_) | Root::QueryFields => vec![":path"],
            Root::Form(_) | Root::FormFields => vec!["content-type"],
            Root::Builtin(builtin, _) => match builtin {
                Builtin::PlivoV3 => vec![":method", ":path", "content-type"],
                Builtin::PhpSerialize => vec!["content-type"],
                Builtin::ContentfulPath => vec![":path"],
                Builtin::Qsh => vec![":method", ":path"],
                Builtin::Sns | Builtin::Unisender => Vec::new(),
            },
            Root::Literal(_)
            | Root::Body
            | Root::Timestamp
            | Root::Secret
            | Root::Json(_)
            | Root::Entry(_)
            | Root::EntryAt(_) => Vec::new(),
        }
    }

    /// The names in the list of headers that this is; none if it is not a list, or the request has none.
    #[must_use]
    pub fn listed_names(&self, facts: &Facts<'_>) -> Vec<String> {
        let Some(separator) = self.list_separator() else { return Vec::new() };
        let list = Self { root: self.root.clone(), optional: false, filters: Vec::new() }.value(facts);
        let list = list.unwrap_or_default();
        let names = list.split(|byte| *byte == separator).filter_map(|name| std::str::from_utf8(name).ok());
        names.filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect()
    }
}
