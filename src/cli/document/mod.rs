//! YAML and JSON documents with the place of every key and value, which no parser of JSON keeps.

pub mod cursor;
pub mod json;
mod scalar;
pub mod text;
pub mod value;
pub mod yaml;

use std::rc::Rc;

use hookwarden::verify::bytes::json::JsonError;

use text::Text;
use value::Value;

/// One document.
#[derive(Debug)]
pub struct Document {
    /// The name of its file, as it was given.
    pub file: Rc<str>,
    pub text: Rc<Text>,
    pub root: Value,
}

impl Document {
    /// A file that is one JSON document.
    ///
    /// # Errors
    /// What the filter itself would say of the text.
    pub fn of_json(file: &str, text: String) -> Result<Self, JsonError> {
        let text = Rc::new(Text::of_file(text));
        let root = json::parse(&text)?;
        Ok(Self { file: file.into(), text, root })
    }
}
