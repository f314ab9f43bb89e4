//! What is fetched, how often, and how long it may be used.

use std::rc::Rc;
use std::time::Duration;

use crate::guard::call::Call;
use crate::guard::table;

/// A document behind one of the host's clusters. It is fetched with `GET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The host's name of the cluster.
    pub cluster: String,
    /// The value of `Host`.
    pub authority: String,
    /// The path, with its query.
    pub path: String,
    /// Which part of the answer is the document.
    pub taken: Taken,
    /// Other headers. None of them is secret: a credential is added by the cluster's own filters.
    pub headers: Vec<(String, String)>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The time between two fetches.
    pub refresh: Duration,
    /// How long a document may be used, counted from the call that fetched it.
    pub max_age: Duration,
    /// The longest body, in bytes.
    pub max_bytes: usize,
}

/// Which part of an answer is the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Its body.
    Body,
    /// The value of this header, in lower case. If it is repeated there is none.
    Header(String),
}

/// Who needs a place: its first user gives it a name for the log and the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The source.
    pub source: String,
    /// The id of the secret or key.
    pub id: String,
}

/// The places of a configuration. Those who need the same document share one fetch.
#[derive(Clone, Debug, Default)]
pub struct Places(Vec<(Rc<Place>, User)>);

/// An earlier place has the same document under other conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differs;

impl Place {
    /// The call that fetches it.
    pub(super) fn call(&self) -> Call {
        let mut headers = vec![
            (":method".to_owned(), b"GET".to_vec()),
            (":path".to_owned(), self.path.clone().into_bytes()),
            (":authority".to_owned(), self.authority.clone().into_bytes()),
        ];
        headers.extend(self.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())));
        Call { cluster: self.cluster.clone(), headers, body: Vec::new(), timeout: self.timeout }
    }

    /// A digest of what is fetched, whatever the conditions: a configuration that changes only those keeps the document.
    pub(super) fn digest(&self) -> [u8; 32] {
        let taken: [&[u8]; 2] = match &self.taken {
            Taken::Body => [b"body", b""],
            Taken::Header(name) => [b"header", name.as_bytes()],
        };
        let mut parts = vec![self.cluster.as_bytes(), self.authority.as_bytes(), self.path.as_bytes()];
        parts.extend(taken);
        parts.extend(self.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
        table::digest(&parts)
    }
}

impl Places {
    /// The number of a place, which is added unless it is there.
    ///
    /// # Errors
    /// [`Differs`], if the same document is there under other conditions: there can be no two answers to how long it may
    /// be used.
    pub fn add(&mut self, place: Place, user: User) -> Result<usize, Differs> {
        let digest = place.digest();
        match self.0.iter().enumerate().find(|(_, (other, _))| other.digest() == digest) {
            Some((number, (other, _))) if **other == place => Ok(number),
            Some(_) => Err(Differs),
            None => {
                self.0.push((Rc::new(place), user));
                Ok(self.0.len().saturating_sub(1))
            }
        }
    }

    /// All of them, by number, with their first users.
    #[must_use]
    pub fn all(&self) -> &[(Rc<Place>, User)] {
        &self.0
    }
}
