//! What the module runs to be observed: requests that it accepts, of every provider, and many of the two usual kinds.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::providers;
use crate::vm::Request;

/// A provider, or one of the usual kinds of requests.
pub struct Sender {
    /// For messages.
    pub name: String,
    /// It counts as much as this many providers.
    pub weight: f64,
    /// The plugin's configuration.
    pub configuration: Value,
    /// Its valid requests.
    pub requests: Vec<Request>,
    /// How often they are sent while it counts.
    pub rounds: usize,
}

/// When the usual requests arrive, in milliseconds since 1970.
const NOW: u64 = 1_700_000_000_000;

/// The bodies of the usual requests are of this byte. The signatures are those with the secret:
///
/// ```sh
/// head -c 1024 /dev/zero | tr '\0' x | openssl dgst -sha256 -hmac workload-secret-of-32-bytes-long
/// ```
const FILLING: u8 = b'x';
const SECRET: &str = "workload-secret-of-32-bytes-long";
const SIGNED: [(usize, &str); 3] = [
    (0, "30aa5192c9bffa6afd369fe27e75ed49fb5ceba651047d569cad098ab6b4a982"),
    (1024, "bee5737e850fa2f4e3ca9d76614fc5a19f8f563b14f2758a045f7c7b9e1fd450"),
    (65536, "1c77f6f070fc1f34f523703d3ed50b0a71883d5ef444dbd9622d48d5204e11e9"),
];
const CREDENTIAL: &str = "anymail:workload-password";

/// In how many pieces bodies arrive.
pub const PIECES: [usize; 2] = [1, 3];

/// How often the usual requests are repeated: often enough for what a tick causes to be rare, as it is in a proxy.
const ROUNDS: usize = 20;

/// Everything that is sent.
///
/// The two usual kinds, an HMAC over the body and a credential in the head, count as much as all providers together: most
/// requests are of these, and a branch that few providers take has to be a rare one for them.
pub fn workload(folder: &Path) -> Result<Vec<Sender>, String> {
    let mut senders = providers::read(folder)?;
    let weight = senders.len() as f64 / 2.0;
    for (name, requests) in [("github", signed()), ("basic", credentials())] {
        let name = format!("the usual {name}");
        senders.push(Sender { name, weight, configuration: configuration(), requests, rounds: ROUNDS });
    }
    Ok(senders)
}

fn configuration() -> Value {
    json!({"sources": [
        {"name": "github", "match": {"path": "/hooks/github"},
         "verify": {"provider": "github", "secrets": [{"id": "signs", "value": SECRET}]}},
        {"name": "anymail", "match": {"path": "/anymail/*"},
         "verify": {"provider": "basic", "secrets": [{"value": CREDENTIAL}]}},
    ]})
}

fn signed() -> Vec<Request> {
    let requests =
        |(size, tag): (usize, &str)| in_pieces("/hooks/github", ("x-hub-signature-256", format!("sha256={tag}")), size);
    SIGNED.into_iter().flat_map(requests).collect()
}

fn credentials() -> Vec<Request> {
    let credential = format!("Basic {}", STANDARD.encode(CREDENTIAL));
    let requests = |(size, _)| in_pieces("/anymail/sendgrid/tracking", ("authorization", credential.clone()), size);
    SIGNED.into_iter().flat_map(requests).collect()
}

fn in_pieces(path: &str, proof: (&str, String), size: usize) -> Vec<Request> {
    let length = size.to_string();
    let headers = [
        (":authority", "hooks.example.com"),
        (":path", path),
        (":method", "POST"),
        (":scheme", "https"),
        ("accept", "*/*"),
        ("user-agent", "GitHub-Hookshot/044aadd"),
        ("x-github-event", "push"),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("x-github-hook-id", "292430182"),
        ("content-type", "application/json"),
        ("content-length", &length),
        (proof.0, &proof.1),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "0f7ae9f6-1b3c-4e5d-8a9b-0c1d2e3f4a5b"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let request = |pieces| Request { headers: headers.to_vec(), body: vec![FILLING; size], pieces, now: NOW };
    PIECES.map(request).to_vec()
}
