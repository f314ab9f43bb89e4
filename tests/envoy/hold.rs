//! Nothing of a denied request reaches the upstream, and all of an accepted one does: byte by byte, with trailers,
//! without a body, over the limits, and where neither filter nor chain holds it.

use crate::harness::bootstrap::Hold;
use crate::harness::client::{BOTH, Connection, Protocol, Request, TIMEOUT};
use crate::harness::http2::{self, Ending};
use crate::harness::senders::{self, GITHUB};
use crate::harness::setups::{self, CHAIN_HOLDS, CHAIN_HOLDS_TWO_WORKERS, FILTER_HOLDS, FILTER_HOLDS_TWO_WORKERS};
use crate::harness::setups::{NEW_SECRET, OLD_SECRET, UNMATCHED_ALLOWED};
use crate::harness::upstream::Received;
use crate::harness::{Proxy, SharedProxy, honest, wait_for};

/// Both ways to hold a request; the tests apply to each.
static BOTH_HOLDS: [&SharedProxy; 2] = [&FILTER_HOLDS, &CHAIN_HOLDS];

const BODY: &[u8] = b"{\"slow\":\"post\"}";

#[test]
fn nothing_of_a_slow_post_that_is_denied_reaches_the_upstream() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        let request = GITHUB.forged(BODY);
        let state = proxy.snapshot();
        let mut connection = Connection::open(proxy.address);
        connection.send(&request.head());
        // The only worker has served another request since, so Envoy has seen these headers.
        proxy.assert_serves_after(state.mark);
        let mark = proxy.upstream.mark();
        let (first, last) = request.body.split_at(request.body.len() - 1);
        for byte in first {
            connection.send(&[*byte]);
        }
        proxy.assert_serves_after(mark);
        let state = proxy.snapshot();
        connection.send(last);
        let reply = connection.reply();
        proxy.assert_denied_since(&state, "github", "signature_mismatch", &reply);
    }
}

#[test]
fn a_slow_post_that_is_accepted_arrives_unchanged() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        for request in [GITHUB.valid(BODY), GITHUB.valid(BODY).in_chunks(1)] {
            let mark = proxy.upstream.mark();
            let mut connection = Connection::open(proxy.address);
            let wire = request.wire();
            let (head, body) = wire.split_at(request.head().len());
            connection.send(head);
            proxy.assert_serves_after(mark);
            let mark = proxy.upstream.mark();
            for byte in body {
                connection.send(&[*byte]);
            }
            let reply = connection.reply();
            proxy.assert_passed_since(mark, &request, &reply);
        }
    }
}

#[test]
fn a_large_body_arrives_unchanged_and_a_changed_one_does_not() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        let body = pattern(700_000);
        for protocol in BOTH {
            for request in [GITHUB.valid(&body), GITHUB.valid(&body).in_chunks(1000)] {
                proxy.passes(protocol, &request);
                let mut changed = body.clone();
                changed[350_000] ^= 0x80;
                proxy.denies(protocol, &request.with_body(changed), "github", "signature_mismatch");
            }
        }
    }
}

#[test]
fn a_body_with_trailers_is_verified_when_the_trailers_arrive() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        let request = GITHUB.valid(BODY).in_chunks(4).with_trailer("x-checksum", "abc");
        let seen = proxy.passes(Protocol::Http2, &request);
        assert_only_checksum(&seen);
        let forged = GITHUB.forged(BODY).with_trailer("x-checksum", "abc");
        proxy.denies(Protocol::Http2, &forged, "github", "signature_mismatch");

        // In HTTP/1.1 trailers follow the last chunk.
        let mut wire = GITHUB.forged(BODY).in_chunks(4).wire();
        wire.truncate(wire.len() - 2);
        wire.extend_from_slice(b"x-checksum: abc\r\n\r\n");
        proxy.denies_bytes(&wire, "github", "signature_mismatch");
    }
}

#[test]
fn trailers_without_a_body_are_verified_as_an_empty_body() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        let request = GITHUB.valid(b"").with_trailer("x-checksum", "abc");
        proxy.passes(Protocol::Http2, &request);
        let forged = GITHUB.forged(b"").with_trailer("x-checksum", "abc");
        proxy.denies(Protocol::Http2, &forged, "github", "signature_mismatch");
    }
}

#[test]
fn forged_identity_in_trailers_does_not_reach_the_upstream() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        let request = GITHUB
            .valid(BODY)
            .in_chunks(4)
            .with_trailer("x-hookwarden-source", "stripe")
            .with_trailer("x_hookwarden_key_id", "forged")
            .with_trailer("x-checksum", "abc");
        let seen = proxy.passes(Protocol::Http2, &request);
        assert_only_checksum(&seen);
        assert_eq!(seen.header_text("x-hookwarden-source"), Some("github"));
    }
}

/// Envoy's buffer filter sets a Content-Length, so that HTTP/1.1 has no place for trailers.
fn assert_only_checksum(seen: &Received) {
    match seen.header("content-length") {
        None => assert_eq!(seen.trailers, [("x-checksum".to_owned(), b"abc".to_vec())]),
        Some(_) => assert_eq!(seen.trailers, []),
    }
}

#[test]
fn an_empty_body_and_no_body_are_the_empty_signed_content() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            proxy.passes(protocol, &GITHUB.valid(b""));
            proxy.denies(protocol, &GITHUB.forged(b""), "github", "signature_mismatch");
            proxy.denies(protocol, &GITHUB.valid(BODY).with_body(""), "github", "signature_mismatch");
            let get = Request { method: "GET", ..GITHUB.valid(b"") };
            proxy.passes(protocol, &get);
            proxy.denies(protocol, &get.without("x-hub-signature-256"), "github", "signature_missing");
        }
        for protocol in BOTH {
            // The end of stream is in a frame or chunk of its own.
            proxy.passes(protocol, &GITHUB.valid(b"").in_chunks(1));
            proxy.denies(protocol, &GITHUB.forged(b"").in_chunks(1), "github", "signature_mismatch");
        }
        proxy.passes(Protocol::Http1, &GITHUB.valid(BODY).with("Expect", "100-continue"));
    }
}

#[test]
fn credentials_are_verified_without_waiting_for_the_body() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let request = senders::BASIC.forged(BODY);
    let state = proxy.snapshot();
    let mut connection = Connection::open(proxy.address);
    connection.send(&request.head());
    let reply = connection.reply();
    proxy.assert_denied_since(&state, "basic", "credential_mismatch", &reply);
}

#[test]
fn a_body_over_the_limit_of_the_source_is_denied_by_its_declared_length() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            let largest = GITHUB.valid(&pattern(1000)).at("/hooks/small");
            proxy.passes(protocol, &largest);
            let over = GITHUB.valid(&pattern(1001)).at("/hooks/small");
            proxy.denies(protocol, &over, "small", "body_too_large");
        }
        // The declared length is enough.
        let state = proxy.snapshot();
        let mut connection = Connection::open(proxy.address);
        connection.send(&GITHUB.valid(&pattern(1001)).at("/hooks/small").head());
        let reply = connection.reply();
        proxy.assert_denied_since(&state, "small", "body_too_large", &reply);
    }
}

#[test]
fn a_body_over_the_limit_of_the_source_is_denied_without_a_declared_length() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            let largest = GITHUB.valid(&pattern(1000)).at("/hooks/small").in_chunks(100);
            proxy.passes(protocol, &largest);
            let over = GITHUB.valid(&pattern(1001)).at("/hooks/small").in_chunks(100);
            proxy.denies(protocol, &over, "small", "body_too_large");
        }
    }
}

#[test]
fn a_body_over_the_buffer_limit_of_envoy_is_refused_by_envoy() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            for request in [GITHUB.valid(&pattern(3_000_000)), GITHUB.valid(&pattern(3_000_000)).in_chunks(65536)] {
                let mark = proxy.upstream.mark();
                let reply = request.at("/hooks/large").send(proxy.address, protocol);
                assert_eq!(reply.status, 413, "{reply:?}");
                proxy.upstream.assert_nothing_since(mark);
                proxy.assert_serves_after(mark);
            }
        }
    }
}

#[test]
fn answers_503_and_logs_the_missing_flag_when_envoy_does_not_deliver_the_body() {
    let mut plugin = setups::plugin(Hold::Neither);
    plugin["stall_timeout"] = serde_json::json!("1s");
    let Some(proxy) = Proxy::start(&setups::with_plugin(plugin, Hold::Neither, 1)) else { return };
    let mark = proxy.upstream.mark();
    for protocol in BOTH {
        let reply = GITHUB.valid(BODY).send(proxy.address, protocol);
        crate::harness::assert_denial(&reply, "hold_unsupported", &|| Vec::new());
    }
    proxy.wait_for_log(&["hookwarden", "allow_on_headers_stop_iteration"]);
    assert_eq!(proxy.metric("source.github.denials.hold_unsupported"), 2);
    // A request without a body still works.
    let reply = GITHUB.valid(b"").send(proxy.address, Protocol::Http2);
    assert_eq!(reply.status, 200, "{reply:?}");
    proxy.upstream.only_request_since(mark);
}

#[test]
fn nothing_of_an_aborted_request_reaches_the_upstream() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        for request in [honest(), GITHUB.forged(BODY)] {
            let mark = proxy.upstream.mark();
            let mut connection = Connection::open(proxy.address);
            let wire = request.wire();
            connection.send(&wire[..wire.len() - 1]);
            proxy.assert_serves_after(mark);
            let mark = proxy.upstream.mark();
            drop(connection);
            proxy.assert_serves_after(mark);
        }
    }
}

#[test]
fn a_connection_serves_an_honest_request_after_a_denied_one() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        let mut connection = Connection::open(proxy.address);
        for _ in 0..3 {
            let state = proxy.snapshot();
            connection.send(&GITHUB.forged(BODY).wire());
            let reply = connection.reply();
            proxy.assert_denied_since(&state, "github", "signature_mismatch", &reply);
            let request = honest();
            let mark = proxy.upstream.mark();
            connection.send(&request.wire());
            let reply = connection.reply();
            proxy.assert_passed_since(mark, &request, &reply);
        }
    }
}

#[test]
fn pipelined_requests_are_decided_one_by_one() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        let request = honest();
        let mark = proxy.upstream.mark();
        let mut connection = Connection::open(proxy.address);
        connection.send(&[GITHUB.forged(BODY).wire(), request.wire()].concat());
        assert_eq!(connection.reply().status, 401);
        let reply = connection.reply();
        proxy.assert_passed_since(mark, &request, &reply);
    }
}

#[test]
fn concurrent_connections_do_not_mix_up_verdicts() {
    const CONNECTIONS: usize = 8;
    const ROUNDS: usize = 30;

    for shared in [&FILTER_HOLDS_TWO_WORKERS, &CHAIN_HOLDS_TWO_WORKERS] {
        let Some(proxy) = shared.take() else { return };
        let mark = proxy.upstream.mark();
        let address = proxy.address;
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|client| {
                std::thread::spawn(move || {
                    let mut connection = Connection::open(address);
                    for round in 0..ROUNDS {
                        let body = [pattern(client * 1000), format!("{client} {round}").into_bytes()].concat();
                        let secret = if round % 3 == 0 { NEW_SECRET } else { OLD_SECRET };
                        let valid = senders::github("/hooks/rotated", secret, &body).in_chunks(700);
                        connection.send(&valid.wire());
                        assert_eq!(connection.reply().status, 200);
                        let mut changed = body;
                        changed.push(b'!');
                        connection.send(&valid.with_body(changed).wire());
                        assert_eq!(connection.reply().status, 401);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().expect("every verdict was correct");
        }
        let seen = proxy.upstream.only_requests_since(mark, CONNECTIONS * ROUNDS);
        assert!(seen.iter().all(|seen| !seen.body.ends_with(b"!")), "no changed body arrived");
    }
}

#[test]
fn streams_of_one_connection_are_decided_one_by_one() {
    for shared in BOTH_HOLDS {
        let Some(proxy) = shared.take() else { return };
        let passing = honest();
        let mark = proxy.upstream.mark();
        let replies = http2::send_streams(
            proxy.address,
            &[
                (GITHUB.forged(BODY), Ending::Complete),
                (GITHUB.valid(BODY), Ending::Abandoned),
                (passing.clone(), Ending::Complete),
                (GITHUB.valid(BODY).with_body(&BODY[1..]), Ending::Complete),
                (senders::STRIPE.forged(BODY), Ending::Complete),
            ],
        );
        let statuses: Vec<_> = replies.iter().map(|reply| reply.as_ref().map(|reply| reply.status)).collect();
        assert_eq!(statuses, [Some(401), None, Some(200), Some(401), Some(401)]);
        let seen = proxy.upstream.only_request_since(mark);
        assert_eq!(seen.body, passing.body);
        let mark = proxy.upstream.mark();
        proxy.assert_serves_after(mark);
    }
}

#[test]
fn requests_that_are_not_held_may_exceed_the_buffer_limit() {
    let Some(proxy) = UNMATCHED_ALLOWED.take() else { return };
    let large = pattern(3_000_000);
    for protocol in BOTH {
        for path in ["/elsewhere", "/hooks/observed-large"] {
            proxy.passes(protocol, &GITHUB.valid(&large).at(path).in_chunks(50_000));
            proxy.passes(protocol, &GITHUB.forged(&large).at(path));
        }
    }
    assert_ne!(proxy.metric("source.observed-large.denials.signature_mismatch"), 0);
}

/// Shows that these tests detect a leak: with `"body_hold": "chain"` and no buffer filter, the upstream sees the headers
/// of a request that is denied later.
#[test]
fn the_upstream_of_these_tests_sees_an_incomplete_request() {
    let setup = setups::with_plugin(setups::plugin(Hold::Chain), Hold::Neither, 1);
    let Some(proxy) = Proxy::start(&setup) else { return };
    let mark = proxy.upstream.mark();
    let request = GITHUB.forged(BODY);
    let mut connection = Connection::open(proxy.address);
    connection.send(&request.head());
    let leaked = wait_for(TIMEOUT, || (proxy.upstream.bytes_since(mark) > 0).then_some(()));
    assert!(leaked.is_some(), "the headers should reach the upstream");
    connection.send(&request.body);
    assert_eq!(connection.reply().status, 401);
}

/// A body of any length in which a moved or lost part shows.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}
