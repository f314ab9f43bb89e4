//! A store that several proxies share, behind HTTP: `SET key value NX EX seconds` and `DEL key`.
//!
//! Made for Webdis in front of Redis or Valkey, and for services that take the same commands in the path. Whatever
//! is not one of the answers written down here counts as no answer.
//!
//! Webdis before 0.1.20, such as Debian's, may write the late answer to a call that was given up into another call's
//! connection. Believed, it would let a duplicate pass. So Webdis is told to wrap each answer in a name, which it does
//! for JSONP, and the name is the event's: an answer to another question counts as no answer.

use std::time::Duration;

use crate::verify::json::Json;
use crate::verify::secret::SecretText;

/// The longest answer that is read. The right ones have 30 bytes; an error is known by its status or its length.
const MAX_ANSWER: usize = 1024;

/// A shared store.
#[derive(Clone, Debug)]
pub struct Store {
    /// What answers there.
    pub kind: Kind,
    /// The host's name of the cluster.
    pub cluster: String,
    /// What is written into `Host`.
    pub authority: String,
    /// What stands before the command in the path: empty, or `/prefix`.
    pub path: String,
    /// The value of `Authorization`.
    pub authorization: Option<std::rc::Rc<SecretText>>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// What becomes of a request when the store does not answer.
    pub when_unavailable: WhenUnavailable,
}

/// What answers for a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Webdis: `{"SET":[true,"OK"]}`.
    Webdis,
    /// A service that answers `{"result":"OK"}`.
    Rest,
}

/// What becomes of a request when the store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUnavailable {
    /// It is refused.
    Refuse,
    /// The proxy's own memory decides.
    Local,
}

/// A request to the store, for the host to send. It has no body.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The host's name of the cluster.
    pub cluster: String,
    /// Pseudo headers and headers. `Debug` shows their names only: `authorization` may be among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// What the store says of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nobody had claimed the event; it is claimed now.
    Done,
    /// Somebody had.
    Taken,
    /// Neither is certain.
    Unavailable,
}

impl Store {
    /// Claims the event for `window`, counted in whole seconds and never shorter.
    #[must_use]
    pub fn claim(&self, key: &str, window: Duration) -> Call {
        let part = u64::from(window.subsec_nanos() > 0);
        let seconds = window.as_secs().saturating_add(part).max(1);
        self.call(&format!("SET/hookwarden:{key}/1/NX/EX/{seconds}"), key)
    }

    /// Reads the answer to the claim on `key`.
    #[must_use]
    pub fn answer(&self, key: &str, status: u16, body: &[u8]) -> Answer {
        let Some(result) = self.result("SET", key, status, body) else { return Answer::Unavailable };
        match (self.kind, &result) {
            (_, Json::Null) => Answer::Taken,
            (Kind::Rest, Json::Text(text)) if text == "OK" => Answer::Done,
            // A status stands behind whether it is no error.
            (Kind::Webdis, Json::List(list)) => match list.as_slice() {
                [Json::Bool(true), Json::Text(text)] if text == "OK" => Answer::Done,
                _ => Answer::Unavailable,
            },
            _ => Answer::Unavailable,
        }
    }

    /// Gives a claim back.
    #[must_use]
    pub fn give_back(&self, key: &str) -> Call {
        self.call(&format!("DEL/hookwarden:{key}"), key)
    }

    /// Whether, by the answer to the return of `key`, the claim is there no longer. One that had ended already counts.
    #[must_use]
    pub fn deleted(&self, key: &str, status: u16, body: &[u8]) -> bool {
        match self.result("DEL", key, status, body) {
            Some(Json::Number(count)) => count == "0" || count == "1",
            _ => false,
        }
    }

    fn call(&self, command: &str, key: &str) -> Call {
        let name = if self.kind == Kind::Webdis { format!("?jsonp={key}") } else { String::new() };
        let mut headers = vec![
            (":method".to_owned(), b"GET".to_vec()),
            (":path".to_owned(), format!("{}/{command}{name}", self.path).into_bytes()),
            (":authority".to_owned(), self.authority.clone().into_bytes()),
        ];
        let authorization = self.authorization.iter().map(|text| ("authorization".to_owned(), text.header_value()));
        headers.extend(authorization);
        Call { cluster: self.cluster.clone(), headers, timeout: self.timeout }
    }

    /// What a command gave: the only member of a short answer with status 200.
    fn result(&self, command: &str, key: &str, status: u16, body: &[u8]) -> Option<Json> {
        if status != 200 || body.len() > MAX_ANSWER {
            return None;
        }
        let (text, member) = match self.kind {
            Kind::Webdis => (inside(body, key)?, command),
            Kind::Rest => (body, "result"),
        };
        let Ok(Json::Object(members)) = Json::parse(text) else { return None };
        let [(name, value)] = <[(String, Json); 1]>::try_from(members).ok()?;
        (name == member).then_some(value)
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Call")
            .field("cluster", &self.cluster)
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// The text within `name(…);`.
fn inside<'a>(body: &'a [u8], name: &str) -> Option<&'a [u8]> {
    body.strip_prefix(name.as_bytes())?.strip_prefix(b"(")?.trim_ascii_end().strip_suffix(b");")
}
