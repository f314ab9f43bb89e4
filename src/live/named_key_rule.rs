//! How a sender is asked for a key that a request names.

use std::rc::Rc;

use super::place::{Place, User};
use crate::guard::call::Call;
use crate::guard::table;
use crate::verify::bytes::json::Json;
use crate::verify::key::key_answer::KeyAnswer;
use crate::verify::key::key_id::IdForm;

/// How a sender is asked for a key that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedKeyRule {
    /// The place. If the id is in the path, its path ends before it.
    pub place: Rc<Place>,
    /// Where the call has the id.
    pub id_in: IdIn,
    /// The form of an id. No other one is asked for.
    pub form: IdForm,
    /// How the answer is read.
    pub answer: KeyAnswer,
    /// Who needs the keys.
    pub user: User,
}

/// Where a call has the id of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdIn {
    /// In the path, followed by this.
    Path(String),
    /// In a body of JSON, under this name.
    Body(String),
}

impl NamedKeyRule {
    /// The call for the key with this id.
    pub(super) fn call(&self, id: &str) -> Call {
        let mut place = Place::clone(&self.place);
        match &self.id_in {
            IdIn::Path(after) => {
                place.path = format!("{}{id}{after}", place.path);
                place.call()
            }
            IdIn::Body(name) => {
                let [name, id] = [name, id].map(|text| Json::quoted(text).unwrap_or_default());
                place.call().post(format!("{{{name}:{id}}}").into_bytes())
            }
        }
    }

    /// A digest of what is asked for, whatever the conditions: a configuration that changes only those keeps the keys.
    pub(super) fn digest(&self) -> [u8; 32] {
        let place = &self.place;
        let (kind, text) = match &self.id_in {
            IdIn::Path(after) => ("path", after),
            IdIn::Body(name) => ("body", name),
        };
        table::digest(&[&place.cluster, &place.authority, &place.path, kind, text].map(|text: &str| text.as_bytes()))
    }
}
