//! What YAML and JSON documents are made of, with the place of every key and value.

use std::collections::HashMap;

use hookwarden::config::problem::Path;
use hookwarden::verify::bytes::json::Json;

/// Where each value begins, by its path; of a key that is there twice, the last.
pub type Places = HashMap<String, usize>;

/// A value, and where it is in its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where it begins.
    pub at: usize,
    /// Where it ends; of a document that is not JSON, where it begins.
    pub end: usize,
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    Text(String),
    List(Vec<Value>),
    Map(Vec<Member>),
}

/// A key and its value. A map has a member for each time a key is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub at: usize,
    pub key: String,
    pub value: Value,
}

impl Value {
    /// A value that begins here.
    pub fn new(at: usize, kind: Kind) -> Self {
        Self { at, end: at, kind }
    }

    /// The member `name`: as it is, or in the spelling of protobuf's JSON, `max_request_bytes` or `maxRequestBytes`.
    pub fn member(&self, name: &str) -> Option<&Member> {
        let Kind::Map(members) = &self.kind else { return None };
        members.iter().rfind(|member| member.key == name).or_else(|| {
            let camel = camel(name);
            members.iter().rfind(|member| member.key == camel)
        })
    }

    /// The value of the member `name`, if it is not null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.member(name).map(|member| &member.value).filter(|value| value.kind != Kind::Null)
    }

    /// The same without the member `name`.
    pub fn without(&self, name: &str) -> Self {
        let kind = match &self.kind {
            Kind::Map(members) => Kind::Map(members.iter().filter(|member| member.key != name).cloned().collect()),
            other => other.clone(),
        };
        Self { kind, ..*self }
    }

    /// The value of the member `name`, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        match &mut self.kind {
            Kind::Map(members) => members.iter_mut().find(|member| member.key == name).map(|member| &mut member.value),
            _ => None,
        }
    }

    /// The value behind several names.
    pub fn at(&self, names: &[&str]) -> Option<&Value> {
        names.iter().try_fold(self, |value, name| value.get(name))
    }

    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a list; none of anything else.
    pub fn elements(&self) -> &[Value] {
        match &self.kind {
            Kind::List(list) => list,
            _ => &[],
        }
    }

    /// The members of a map; none of anything else.
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Map(members) => members,
            _ => &[],
        }
    }

    /// What it says where a boolean is meant. Envoy and Kubernetes read the words of YAML 1.1, too, and protobuf's wrappers may be
    /// written out as `{ value: true }`.
    pub fn truth(&self) -> Option<bool> {
        match &self.kind {
            Kind::Bool(value) => Some(*value),
            Kind::Text(text) => match text.as_str() {
                "true" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
                "false" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
                _ => None,
            },
            Kind::Map(_) => self.get("value")?.truth(),
            _ => None,
        }
    }

    /// Whether it says yes.
    pub fn is_true(&self) -> bool {
        self.truth() == Some(true)
    }

    /// A whole number, also where it is written as text or as a double.
    pub fn whole(&self) -> Option<u64> {
        let (Kind::Number(text) | Kind::Text(text)) = &self.kind else {
            return self.get("value").and_then(Value::whole);
        };
        let plain = text.strip_suffix(".0").unwrap_or(text).replace('_', "");
        plain.parse().ok()
    }

    /// The plain scalar as text, as Kubernetes and protobuf take it.
    pub fn plain(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) | Kind::Number(text) => Some(text),
            Kind::Bool(true) => Some("true"),
            Kind::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// As JSON, repeated keys included.
    pub fn json(&self) -> Json {
        match &self.kind {
            Kind::Null => Json::Null,
            Kind::Bool(value) => Json::Bool(*value),
            Kind::Number(text) => Json::Number(text.clone()),
            Kind::Text(text) => Json::Text(text.clone()),
            Kind::List(list) => Json::List(list.iter().map(Value::json).collect()),
            Kind::Map(members) => {
                Json::Object(members.iter().map(|member| (member.key.clone(), member.value.json())).collect())
            }
        }
    }

    /// As the text of JSON, without white space.
    pub fn to_json(&self) -> String {
        self.json().to_string()
    }

    /// Every path in it and where the value or its key begins. Of a key that occurs twice, the later one.
    pub fn places(&self) -> Places {
        let mut places = Places::from([(Path::root().to_string(), self.at)]);
        self.collect(&Path::root(), &mut places);
        places
    }

    fn collect(&self, path: &Path, places: &mut Places) {
        for (position, value) in self.elements().iter().enumerate() {
            let path = path.element(position);
            places.insert(path.to_string(), value.at);
            value.collect(&path, places);
        }
        for member in self.members() {
            let path = path.member(&member.key);
            places.insert(path.to_string(), member.at);
            member.value.collect(&path, places);
        }
    }
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    Json::Text(text.to_owned()).to_string()
}

fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for char in name.chars() {
        match char {
            '_' => upper = true,
            char if upper => {
                camel.extend(char.to_uppercase());
                upper = false;
            }
            char => camel.push(char),
        }
    }
    camel
}
