//! A store that several proxies share, behind HTTP: `SET key value NX EX seconds` and `DEL key`.
//!
//! Made for Webdis in front of Redis or Valkey, and for services that take the same commands in the path. Anything
//! but the answers listed here counts as no answer.
//!
//! Webdis before 0.1.20, such as Debian's, may write the late answer to an abandoned call into another call's
//! connection. If that were trusted, a duplicate could pass. So each call makes Webdis wrap its answer in a function
//! name, as for JSONP. The name is the event's key, so the answer to another call counts as no answer.

use std::time::Duration;

use super::call::Call;
use crate::verify::bytes::json::Json;
use crate::verify::key::secret::SecretText;

/// The longest answer that is read. Valid ones have 30 bytes; errors show in the status or the length.
const MAX_ANSWER: usize = 1024;

/// A shared store.
#[derive(Clone, Debug)]
pub struct Store {
    /// What kind of service it is.
    pub kind: Kind,
    /// The host's name of the cluster.
    pub cluster: String,
    /// The value of `Host`.
    pub authority: String,
    /// The path in front of the command: empty, or `/prefix`.
    pub path: String,
    /// The value of `Authorization`.
    pub authorization: Option<std::rc::Rc<SecretText>>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// What happens to a request if the store does not answer.
    pub when_unavailable: WhenUnavailable,
}

/// The kinds of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Webdis: `{"SET":[true,"OK"]}`.
    Webdis,
    /// A service that answers `{"result":"OK"}`.
    Rest,
}

/// What happens to a request if the store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUnavailable {
    /// It is refused.
    Refuse,
    /// The proxy's own memory decides.
    Local,
}

/// The store's answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The event was new, and is claimed now.
    Done,
    /// The event had been claimed.
    Taken,
    /// The store gave no valid answer.
    Unavailable,
}

impl Store {
    /// The call that claims the event for `window`, rounded up to whole seconds.
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
            // Webdis writes whether the command succeeded, then its result.
            (Kind::Webdis, Json::List(list)) => match list.as_slice() {
                [Json::Bool(true), Json::Text(text)] if text == "OK" => Answer::Done,
                _ => Answer::Unavailable,
            },
            _ => Answer::Unavailable,
        }
    }

    /// The call that gives a claim back.
    #[must_use]
    pub fn give_back(&self, key: &str) -> Call {
        self.call(&format!("DEL/hookwarden:{key}"), key)
    }

    /// Whether the answer confirms that the claim on `key` is gone; one that had expired already counts.
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
        Call { cluster: self.cluster.clone(), headers, body: Vec::new(), timeout: self.timeout }
    }

    /// The result of a command: the only member of a short answer with status 200.
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

/// The text within `name(…);`.
fn inside<'a>(body: &'a [u8], name: &str) -> Option<&'a [u8]> {
    body.strip_prefix(name.as_bytes())?.strip_prefix(b"(")?.trim_ascii_end().strip_suffix(b");")
}
