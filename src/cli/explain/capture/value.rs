//! What the readers of captures ask of JSON. `null` counts as absent.

use hookwarden::verify::bytes::json::{Json, JsonPath};

/// Members of objects and lists, by name and by path.
pub trait Members {
    /// A member of an object.
    fn member(&self, name: &str) -> Option<&Json>;
    /// The first of these members that is there.
    fn first(&self, names: &[&str]) -> Option<&Json>;
    /// The value at a path such as `log.entries.0`.
    fn within(&self, path: &str) -> Option<&Json>;
    /// The text, number or truth value at a path, as text.
    fn text_at(&self, path: &str) -> Option<&str>;
    /// The first of these members that is text.
    fn first_text(&self, names: &[&str]) -> Option<&str>;
    /// The elements of the list at a path; none if there is no such list.
    fn list_at(&self, path: &str) -> &[Json];
    /// Whether there is something at a path.
    fn has(&self, path: &str) -> bool;
    /// Whether the value at a path is `true`.
    fn is_true(&self, path: &str) -> bool;
    /// The elements, if it is a list.
    fn items(&self) -> Option<&[Json]>;
    /// The members, if it is an object.
    fn entries(&self) -> Option<&[(String, Json)]>;
}

impl Members for Json {
    fn member(&self, name: &str) -> Option<&Json> {
        let (_, value) = self.entries()?.iter().find(|(own, _)| own == name)?;
        (*value != Json::Null).then_some(value)
    }

    fn first(&self, names: &[&str]) -> Option<&Json> {
        names.iter().find_map(|name| self.member(name))
    }

    fn within(&self, path: &str) -> Option<&Json> {
        self.at(&JsonPath::parse(path)?)
    }

    fn text_at(&self, path: &str) -> Option<&str> {
        self.within(path)?.text()
    }

    fn first_text(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| match self.member(name) {
            Some(Json::Text(text)) => Some(text.as_str()),
            _ => None,
        })
    }

    fn list_at(&self, path: &str) -> &[Json] {
        self.within(path).and_then(Json::items).unwrap_or_default()
    }

    fn has(&self, path: &str) -> bool {
        self.within(path).is_some()
    }

    fn is_true(&self, path: &str) -> bool {
        self.within(path) == Some(&Json::Bool(true))
    }

    fn items(&self) -> Option<&[Json]> {
        match self {
            Json::List(items) => Some(items),
            _ => None,
        }
    }

    fn entries(&self) -> Option<&[(String, Json)]> {
        match self {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }
}
