//! Hostile requests: every kind that the other tests have, none of which may reach the upstream.

use crate::connection::{Reply, ReusedConnection};
use crate::events::{self, EVENT, SENDERS};
use crate::harness::client::{Request, insert_line};
use crate::harness::senders::now;
use crate::setup;

/// What attackers write into identity headers.
pub const FORGED_IDENTITY: &str = "forged-identity";
/// A secret of no source.
const WRONG: &[u8] = b"guessed-guessed-guessed-guessed-1";

/// The outcome of a hostile request.
pub enum Outcome {
    Answered(Reply),
    /// It was aborted, or Envoy closed the connection.
    Aborted,
    /// It should have got a response.
    Unanswered,
}

pub const KINDS: u64 = 26;

/// Sends an attack of this kind. `number` is an event that no other request has; `accepted` is a request that passed.
pub fn attack(kind: u64, number: u64, accepted: Option<&Request>, connection: &mut ReusedConnection) -> Outcome {
    let sender = &SENDERS[(number % SENDERS.len() as u64) as usize];
    let path = format!("/hooks/{}", sender.source);
    // Identifies it among the requests that arrive.
    let name = format!("x{kind}-{number}");
    let marked = |request: Request| request.without(EVENT).with(EVENT, &name);
    let honest = || marked((sender.sign)(&path, number));
    let forged = |path: &str, body: String| {
        let tag = events::hex(&crate::harness::senders::hmac_sha256(WRONG, &[body.as_bytes()]));
        marked(Request::post(path, body).with("X-Hub-Signature-256", format!("sha256={tag}")))
    };
    let github = |path: &str| forged(path, events::body(number));
    let alone = |wire: &[u8], connection: &mut ReusedConnection| match connection.round_trip_alone(wire) {
        Some(reply) => Outcome::Answered(reply),
        None => Outcome::Aborted,
    };
    let request = match kind {
        0 => github("/hooks/github"),
        1 => github("/hooks/stored"),
        // Stale, and from the future.
        2 => marked(events::stripe_at(now() - 3600, "/hooks/stripe", number)),
        3 => marked(events::stripe_at(now() + 3600, "/hooks/stripe", number)),
        4 => marked(events::rfc9421_at(now() - 3600, "/hooks/rfc9421", number)),
        // A valid signature over another body, and over a part of it.
        5 => marked(events::github("/hooks/github", number)).with_body(events::body(number + 1)),
        6 => {
            let mut request = marked(events::jwt("/hooks/jwt", number));
            request.body.truncate(request.body.len() / 2);
            request
        }
        7 => marked(events::rfc9421("/hooks/rfc9421", number)).with_body("{}"),
        // Aborted uploads of valid requests.
        8 => {
            let wire = honest().wire();
            connection.send_and_abort(&wire[..wire.len() - 2]);
            return Outcome::Aborted;
        }
        9 => {
            let wire = honest().in_chunks(64).wire();
            connection.send_and_abort(&wire[..wire.len() - 5]);
            return Outcome::Aborted;
        }
        10 => {
            let wire = honest().wire();
            connection.send_and_abort(&wire[..40]);
            return Outcome::Aborted;
        }
        // Many headers, and more than Envoy accepts.
        11 => {
            (0..60).fold(github("/hooks/github"), |request, n| request.with(&format!("x-flood-{n}"), "y".repeat(400)))
        }
        12 => {
            let request = (0..150).fold(honest(), |request, n| request.with(&format!("x-flood-{n}"), "y"));
            return alone(&request.wire(), connection);
        }
        13 => {
            let spellings =
                ["/hooks/%67ithub", "/hooks//github", "/hooks/github/", "/hooks/github;a=b", "/hooks/x%2f..%2fgithub"];
            github(spellings[(number % 5) as usize])
        }
        14 => github("/hooks/github")
            .with("X-Hookwarden-Source", FORGED_IDENTITY)
            .with("X-Hookwarden-Key-Id", FORGED_IDENTITY),
        // Replays. Before any request was accepted, a valid one would be honest.
        15 | 16 => match accepted {
            Some(accepted) => marked(accepted.clone()),
            None => github("/hooks/github"),
        },
        // A valid request that is too large.
        17 => {
            let body = "z".repeat(5000 + (number % 100_000) as usize);
            let tag = events::hex(&crate::harness::senders::hmac_sha256(setup::GITHUB.as_bytes(), &[body.as_bytes()]));
            marked(Request::post("/hooks/small", body).with("X-Hub-Signature-256", format!("sha256={tag}")))
        }
        18 => honest().at("/hooks/unknown"),
        // Two signatures, and none.
        19 => {
            let valid = marked(events::github("/hooks/github", number));
            let tag = valid.header("X-Hub-Signature-256").to_vec();
            valid.with("X-Hub-Signature-256", tag)
        }
        20 => marked(Request::post(path, events::body(number))),
        // Requests that Envoy itself rejects.
        21 => {
            let wire = insert_line(&honest().wire(), b"Transfer-Encoding: chunked\r\n");
            return alone(&wire, connection);
        }
        22 => {
            let wire = insert_line(&honest().wire(), b"X-Nul: a\0b\r\n");
            return alone(&wire, connection);
        }
        23 => marked(match number % 3 {
            0 => events::jwt_by(setup::JWT, "none", now() + 600, "/hooks/jwt", number),
            1 => events::jwt_by("another-secret-of-32-bytes-and-more", "HS256", now() + 600, "/hooks/jwt", number),
            _ => events::jwt_by(setup::JWT, "HS256", now() - 600, "/hooks/jwt", number),
        }),
        24 => marked(events::basic("/hooks/basic", number)).replacing("Authorization", "Basic c29hazpndWVzc2Vk"),
        _ => github("/hooks/flooded"),
    };
    match connection.round_trip(&request.wire()) {
        Some(reply) => Outcome::Answered(reply),
        None => Outcome::Unanswered,
    }
}
