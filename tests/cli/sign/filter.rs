//! The filter's verdict on a request that the command made.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookwarden::config;
use hookwarden::filter::{ActivePolicy, BodyBuffer, Context, Exchange};
use hookwarden::guard::memory::{Memory, NotWritten, Versioned};
use hookwarden::guard::pool::Pool;
use hookwarden::step::{Outcome, Step};
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Request, borrowed};
use serde_json::{Value, json};

#[path = "../../core/nothing.rs"]
mod nothing;

use nothing::Nothing;

/// A request as `--as json` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub method: String,
    pub authority: String,
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub now: u64,
}

impl Made {
    pub fn read(json: &Value) -> Self {
        let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("lacks {name}: {json:#}")).to_owned();
        let url = text("url");
        let rest = url.split_once("://").expect("a URL has a scheme").1;
        let (authority, target) = rest.split_at(rest.find('/').expect("a URL has a path"));
        let pair = |pair: &Value| {
            (pair[0].as_str().expect("a name").to_owned(), pair[1].as_str().expect("a value").as_bytes().to_vec())
        };
        let body = match json["body_base64"].as_str() {
            Some(body) => STANDARD.decode(body).expect("base64"),
            None => text("body").into_bytes(),
        };
        Self {
            method: text("method"),
            authority: authority.to_owned(),
            target: target.to_owned(),
            headers: json["headers"].as_array().expect("headers are a list").iter().map(pair).collect(),
            body,
            now: json["now"].as_u64().expect("a time"),
        }
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        value.map(|value| std::str::from_utf8(value).expect("a header is text"))
    }

    /// The verdict of a filter with one source, for this path, that requires `check`.
    pub fn verdict(&self, check: &Value) -> &'static str {
        self.verdict_of(&json!({
            "sources": [{ "name": "tested", "match": { "path": self.path() }, "verify": check }],
        }))
    }

    /// The verdict of a filter under `configuration`: `verified`, `handshake`, or the code of a denial.
    pub fn verdict_of(&self, configuration: &Value) -> &'static str {
        self.verdict_with(configuration, &Nothing)
    }

    /// The same by a filter that remembers in `memory`.
    pub fn verdict_with(&self, configuration: &Value, memory: &dyn Memory) -> &'static str {
        let loaded = config::load(configuration.to_string().as_bytes(), &|_| None)
            .unwrap_or_else(|problems| panic!("{configuration:#}\nis refused: {problems:?}"));
        let policy = ActivePolicy::open(Rc::new(loaded.policy), memory).expect("its guards have memory");
        let mut exchange = Exchange::new(Rc::new(policy), Pool::default());
        let pseudo = [(":method", &self.method), (":authority", &self.authority), (":path", &self.target)];
        let mut head: Vec<_> =
            pseudo.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        head.push((":scheme".to_owned(), b"https".to_vec()));
        head.extend(self.headers.clone());
        let context = Context { now: UnixTime::from_secs(self.now), peer: &Nothing, memory };
        let mut step = exchange.on_headers(Request::new(&borrowed(&head)), self.body.is_empty(), &context);
        if matches!(step, Step::Hold) {
            step = exchange.on_body(&Buffer(&self.body), true, &context);
        }
        let record = match step {
            Step::Continue(passage) => passage.into_parts().1.expect("a verdict"),
            Step::Deny(record) => record,
            Step::Answer(answer) => answer.record.expect("a handshake has a record"),
            Step::Call(call) => {
                let path = call.headers.iter().find(|(name, _)| name == ":path").map(|(_, value)| value.as_slice());
                assert!(path.is_some_and(|path| path.starts_with(b"/?Action=ConfirmSubscription")), "{path:?}");
                return "handshake";
            }
            other => panic!("no verdict but {other:?} on {self:?}"),
        };
        match record.outcome {
            Outcome::Passed => "verified",
            Outcome::Handshake => "handshake",
            Outcome::Denied(refusal) => refusal.code(),
            other => panic!("{other:?}"),
        }
    }
}

/// Memory of a filter that nothing else shares.
#[derive(Default)]
pub struct Remembering(RefCell<HashMap<String, Versioned>>);

impl Memory for Remembering {
    fn create(&self, key: &str, value: &[u8]) -> Result<(), NotWritten> {
        let new = || Versioned { value: value.to_vec(), version: 1 };
        self.0.borrow_mut().entry(key.to_owned()).or_insert_with(new);
        Ok(())
    }

    fn read(&self, key: &str) -> Option<Versioned> {
        let values = self.0.borrow();
        let Versioned { value, version } = values.get(key)?;
        Some(Versioned { value: value.clone(), version: *version })
    }

    fn replace(&self, key: &str, value: &[u8], version: u32) -> Result<(), NotWritten> {
        let mut values = self.0.borrow_mut();
        match values.get_mut(key) {
            Some(present) if present.version == version => {
                *present = Versioned { value: value.to_vec(), version: version + 1 };
                Ok(())
            }
            _ => Err(NotWritten::Contended),
        }
    }
}

struct Buffer<'a>(&'a [u8]);

impl BodyBuffer for Buffer<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        self.0.get(start..start.checked_add(len)?.min(self.0.len())).map(<[u8]>::to_vec)
    }
}
