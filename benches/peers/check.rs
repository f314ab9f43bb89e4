//! What a peer verifies, and the requests for it: GitHub's scheme with one, two or eight secrets, or basic auth.

use crate::harness::client::Request;
use crate::harness::senders::{basic, github};

/// As in `benches/filters`.
pub const SECRET: &str = "benchmark-secret-of-32-bytes-len";
pub const USER: &str = "anymail";
pub const PASSWORD: &str = "benchmark-password";

const FORGER: &str = "another-secret-of-32-bytes-lengt";

/// Requests are signed with the last secret, so that whoever tries them in order computes all of them.
const SECRETS: [&str; 8] = [
    "rotated-secret-1-of-32-bytes-len",
    "rotated-secret-2-of-32-bytes-len",
    "rotated-secret-3-of-32-bytes-len",
    "rotated-secret-4-of-32-bytes-len",
    "rotated-secret-5-of-32-bytes-len",
    "rotated-secret-6-of-32-bytes-len",
    "rotated-secret-7-of-32-bytes-len",
    SECRET,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Nothing: everything passes.
    Off,
    One,
    Two,
    Eight,
    Basic,
}

/// The checks of GitHub's scheme.
pub const SIGNED: [Check; 3] = [Check::One, Check::Two, Check::Eight];

impl Check {
    pub fn name(self) -> &'static str {
        match self {
            Check::Off => "off",
            Check::One => "one",
            Check::Two => "two",
            Check::Eight => "eight",
            Check::Basic => "basic",
        }
    }

    /// How many secrets are tried.
    pub fn secrets(self) -> &'static [&'static str] {
        match self {
            Check::Off | Check::Basic => &[],
            Check::One => &SECRETS[7..],
            Check::Two => &SECRETS[6..],
            Check::Eight => &SECRETS,
        }
    }

    pub fn path(self) -> String {
        format!("/hooks/{}", self.name())
    }

    /// A request that passes. The number makes it a new event.
    pub fn genuine(self, body: usize, number: u64) -> Request {
        match self {
            Check::Basic => {
                with_headers(basic(&self.path(), &format!("{USER}:{PASSWORD}"), &payload(body, number)), number)
            }
            _ => with_headers(github(&self.path(), SECRET, &payload(body, number)), number),
        }
    }

    /// The same by somebody who does not know the secret.
    pub fn forged(self, body: usize, number: u64) -> Request {
        match self {
            Check::Basic => {
                with_headers(basic(&self.path(), &format!("{USER}:guessed-password"), &payload(body, number)), number)
            }
            _ => with_headers(github(&self.path(), FORGER, &payload(body, number)), number),
        }
    }

    /// What must not pass: forged, without a proof, and, where the body is signed, with a changed or a longer one.
    pub fn attacks(self, body: usize) -> Vec<(&'static str, Request)> {
        let genuine = self.genuine(body, 1);
        let mut attacks = vec![
            ("signed with another secret", self.forged(body, 1)),
            ("without a proof", genuine.clone().without("Authorization").without("X-Hub-Signature-256")),
        ];
        if self != Check::Basic {
            let mut changed = genuine.body.clone();
            if let Some(last) = changed.last_mut() {
                *last ^= 1;
                attacks.push(("with a changed body", genuine.clone().with_body(changed)));
            }
            let longer = [genuine.body.as_slice(), b" "].concat();
            attacks.push(("with a longer body", genuine.clone().with_body(longer)));
            attacks.push(("with an empty signature", genuine.replacing("X-Hub-Signature-256", "sha256=")));
        }
        attacks
    }
}

fn payload(size: usize, number: u64) -> Vec<u8> {
    let mut body = format!("{{\"event\":{number:012}}}").into_bytes();
    body.resize(size, b' ');
    body
}

/// The headers that GitHub sends besides.
fn with_headers(request: Request, number: u64) -> Request {
    request
        .with("User-Agent", "GitHub-Hookshot/044aadd")
        .with("Accept", "*/*")
        .with("Content-Type", "application/json")
        .with("X-GitHub-Delivery", format!("72d3162e-cc78-11e3-81ab-{number:012x}"))
        .with("X-GitHub-Hook-ID", "292430182")
        .with("X-GitHub-Hook-Installation-Target-ID", "79929171")
        .with("X-GitHub-Hook-Installation-Target-Type", "repository")
}
