//! How a request names the key that signed it.

use crate::verify::denial::Denial;
use crate::verify::expression::{Expression, Facts};
use crate::verify::key::key_set::MAX_KEY_ID;

/// The longest id in an address, in bytes. Known ones have 32 to 80.
const MAX_ID_IN_ADDRESS: usize = 128;

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

/// The form of an id in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdForm {
    /// Hexadecimal digits in lower case.
    Hex,
    /// Letters, digits, `-` and `_`.
    Word,
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

impl IdForm {
    /// Whether an id has this form.
    fn admits(self, id: &[u8]) -> bool {
        let admits = |byte: &u8| match self {
            IdForm::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            IdForm::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        };
        (1..=MAX_ID_IN_ADDRESS).contains(&id.len()) && id.iter().all(admits)
    }
}
