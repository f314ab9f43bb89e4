//! A value of a document together with its path and its place.

use hookwarden::config::problem::Path;

use super::Document;
use super::text::Place;
use super::value::{Kind, Value};

/// A value, and how it was reached.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    pub document: &'a Document,
    pub value: &'a Value,
    pub path: Path,
    /// Where its key begins, or the value itself if it has none.
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn root(document: &'a Document) -> Self {
        Self { document, value: &document.root, path: Path::root(), at: document.root.at }
    }

    /// The member `name`, if it is not null.
    pub fn get(&self, name: &str) -> Option<Self> {
        let member = self.value.member(name).filter(|member| member.value.kind != Kind::Null)?;
        Some(Self { value: &member.value, path: self.path.member(&member.key), at: member.at, ..self.clone() })
    }

    /// The value behind several names.
    pub fn at(&self, names: &[&str]) -> Option<Self> {
        names.iter().try_fold(self.clone(), |cursor, name| cursor.get(name))
    }

    /// The elements of a list; none of anything else.
    pub fn elements(&self) -> Vec<Self> {
        let element = |(position, value): (usize, &'a Value)| Self {
            value,
            path: self.path.element(position),
            at: value.at,
            ..self.clone()
        };
        self.value.elements().iter().enumerate().map(element).collect()
    }

    /// The elements of the list `name`.
    pub fn list(&self, name: &str) -> Vec<Self> {
        self.get(name).map(|list| list.elements()).unwrap_or_default()
    }

    /// The members of a map; none of anything else.
    pub fn members(&self) -> Vec<(&'a str, Self)> {
        let members = self.value.members().iter();
        members
            .map(|member| {
                let path = self.path.member(&member.key);
                (member.key.as_str(), Self { value: &member.value, path, at: member.at, ..self.clone() })
            })
            .collect()
    }

    /// The value at `path`, which is this or one below it.
    pub fn find(&self, path: &Path) -> Option<Self> {
        if self.path == *path {
            return Some(self.clone());
        }
        let below = self.elements().into_iter().chain(self.members().into_iter().map(|(_, member)| member));
        below.filter(|cursor| cursor.path.is_above(path)).find_map(|cursor| cursor.find(path))
    }

    pub fn text(&self) -> Option<&'a str> {
        self.value.text()
    }

    /// The text of the member `name`.
    pub fn text_at(&self, name: &str) -> Option<&'a str> {
        self.value.get(name).and_then(Value::text)
    }

    /// Whether the member `name` says yes.
    pub fn is_true_at(&self, name: &str) -> bool {
        self.value.get(name).is_some_and(Value::is_true)
    }

    pub fn place(&self) -> Place {
        self.document.text.place(self.at)
    }
}
