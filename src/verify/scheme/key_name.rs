//! How a request names the key that signed it.

use crate::verify::denial::Denial;
use crate::verify::expression::{Expression, Facts};
use crate::verify::key::key_id::{IdForm, MAX_KEY_ID};

/// How a request names the key that signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    /// Where.
    pub at: Expression,
    /// The address around the id, if the request gives an address.
    pub address: Option<Address>,
}

/// The address of a certificate: all of it is fixed but the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What precedes the id, from the scheme on.
    pub before: String,
    /// What follows it.
    pub after: String,
    /// The form of the id.
    pub form: IdForm,
}

impl KeyName {
    /// The id; `None` if the request names no key, which only one that gives an address has to.
    ///
    /// # Errors
    /// A [`Denial`], if it is not of this form.
    pub fn read(&self, facts: &Facts<'_>) -> Result<Option<Vec<u8>>, Denial> {
        let value = match (self.at.value(facts), &self.address) {
            (Err(Denial::HeaderMissing | Denial::FieldMissing), None) => return Ok(None),
            (value, _) => value?,
        };
        let Some(address) = &self.address else {
            return if value.len() <= MAX_KEY_ID { Ok(Some(value)) } else { Err(Denial::FieldMalformed) };
        };
        let rest = value.strip_prefix(address.before.as_bytes());
        let id = rest.and_then(|rest| rest.strip_suffix(address.after.as_bytes()));
        let id = id.filter(|id| address.form.admits(id)).ok_or(Denial::FieldMalformed)?;
        Ok(Some(id.to_vec()))
    }
}
