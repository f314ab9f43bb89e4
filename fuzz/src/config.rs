//! The plugin's configuration, and the responses of a shared store.

use std::time::Duration;

use hookwarden::config;
use hookwarden::guard::fleet::{Answer, Kind, Store, WhenUnavailable};

use crate::input::Input;

/// The value of every variable. No message may contain it.
const SECRET: &str = "zEcret-0f-thE-environm3nt";
/// The key of the event that is claimed.
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    if input.byte() % 4 != 0 {
        return configuration(input.rest());
    }
    let kind = *input.pick(&[Kind::Webdis, Kind::Rest]);
    let status = [200, 201, 404, 500][usize::from(input.byte()) % 4];
    let body = input.rest();
    let store = Store {
        kind,
        cluster: "store".to_owned(),
        authority: "store".to_owned(),
        path: String::new(),
        authorization: None,
        timeout: Duration::from_millis(250),
        when_unavailable: WhenUnavailable::Refuse,
    };
    let answer = store.answer(KEY, status, body);
    if answer != Answer::Unavailable || store.deleted(KEY, status, body) {
        assert_eq!(status, 200, "an error is mistaken for an answer");
        let (head, tail) = (format!("{KEY}("), &body[..body.len().min(KEY.len() + 1)]);
        assert!(kind == Kind::Rest || tail == head.as_bytes(), "the answer to another call: {}", body.escape_ascii());
    }
    if answer == Answer::Done {
        assert!(body.windows(2).any(|two| two == b"OK"), "mistaken for a claim: {}", body.escape_ascii());
    }
}

fn configuration(text: &[u8]) {
    let environment = |name: &str| name.contains('S').then(|| SECRET.to_owned());
    let (policy, findings) = config::inspect(text, &environment);
    assert!(policy.is_some() || !findings.problems.is_empty(), "refused without a problem");
    let messages = findings.problems.iter().chain(&findings.warnings).map(ToString::to_string);
    for message in messages {
        assert!(!message.contains(SECRET), "a message contains a secret");
    }
    if let Some(policy) = policy {
        assert!(!format!("{policy:?}").contains(SECRET), "Debug output contains a secret");
        assert!(!policy.sources.is_empty());
        assert!(serde_json::from_slice::<serde_json::Value>(text).is_ok(), "a loaded configuration is JSON");
    }
}
