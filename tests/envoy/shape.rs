//! The shape of a request, which is checked before the proof: method, query, encoding, size.

use serde_json::json;

use crate::harness::bootstrap::at;
use crate::harness::client::{BOTH, Connection, Protocol, Request};
use crate::harness::launch::{Setup, has_one_limit};
use crate::harness::senders::GITHUB;
use crate::harness::setups::{guarded, guards};
use crate::harness::{Proxy, SharedProxy};
use crate::hold::pattern;

const BODY: &[u8] = b"{\"shape\":1}";

static PROXY: SharedProxy = SharedProxy::new(|| {
    guards([
        guarded("post", json!({"methods": ["POST", "PUT"]})),
        guarded("no-query", json!({"query": "deny"})),
        guarded("query", json!({"query": "allow"})),
        guarded("packed", json!({"content_encodings": ["gzip", "br"]})),
        guarded("small", json!({"max_body_bytes": LIMIT})),
        guarded(
            "strict",
            json!({
                "methods": ["POST"], "query": "deny", "max_body_bytes": 10,
                "transport": {"https": true}, "allow_from": ["192.0.2.0/24"],
            }),
        ),
    ])
});

const LIMIT: usize = 100_000;

fn to(source: &str) -> Request {
    GITHUB.valid(BODY).at(&format!("/hooks/{source}"))
}

fn with_method(method: &'static str, request: Request) -> Request {
    Request { method, ..request }
}

#[test]
fn other_methods_get_405_with_an_allow_header() {
    let Some(proxy) = PROXY.take() else { return };
    for protocol in BOTH {
        proxy.passes(protocol, &to("post"));
        proxy.passes(protocol, &with_method("PUT", to("post")));
        for method in ["GET", "PATCH", "DELETE", "OPTIONS"] {
            let request = with_method(method, to("post"));
            let reply = proxy.denies(protocol, &request, "post", "method_not_allowed");
            assert_eq!(reply.header("allow"), Some("POST, PUT"));
        }
    }
    let bare = with_method("GET", GITHUB.valid(b"").at("/hooks/post"));
    proxy.denies(Protocol::Http1, &bare, "post", "method_not_allowed");
    // Denied by Envoy or by the module.
    for method in ["post", "Post", "POSTS", "CONNECT", "TRACE", "PRI"] {
        proxy.lets_nothing_through(&with_method(method, to("post")).wire());
    }
}

#[test]
fn a_query_is_denied_where_configured() {
    let Some(proxy) = PROXY.take() else { return };
    for protocol in BOTH {
        proxy.passes(protocol, &to("no-query"));
        for target in ["/hooks/no-query?", "/hooks/no-query?a=1", "/hooks/no-query??", "/hooks/no-query?%3f"] {
            proxy.denies(protocol, &to("no-query").at(target), "no-query", "query_not_allowed");
        }
        for target in ["/hooks/query?a=1&a=2", "/hooks/query?", "/hooks/github?a=1"] {
            proxy.passes(protocol, &to("query").at(target));
        }
    }
}

#[test]
fn an_encoded_body_is_denied_unless_the_source_allows_the_encoding() {
    let Some(proxy) = PROXY.take() else { return };
    for protocol in BOTH {
        for encoding in ["gzip", "GZIP", "deflate", "br", "x-gzip", "identity, gzip", "gzip,", "", "*", "gz ip"] {
            let request = to("github").with("content-encoding", encoding);
            proxy.denies(protocol, &request, "github", "content_encoding");
        }
        proxy.passes(protocol, &to("github").with("content-encoding", "identity"));
        for encoding in ["gzip", "Gzip", "br", "gzip, br", "identity"] {
            proxy.passes(protocol, &to("packed").with("content-encoding", encoding));
        }
        for encoding in ["deflate", "gzip, deflate", "gzip;q=1"] {
            let request = to("packed").with("content-encoding", encoding);
            proxy.denies(protocol, &request, "packed", "content_encoding");
        }
        let lines = to("packed").with("content-encoding", "gzip").with("content-encoding", "deflate");
        proxy.denies(protocol, &lines, "packed", "content_encoding");
    }
}

#[test]
fn a_declared_length_over_the_limit_is_denied_before_the_body_is_read() {
    let Some(proxy) = PROXY.take() else { return };
    let request = GITHUB.valid(&pattern(LIMIT + 1)).at("/hooks/small");
    let state = proxy.snapshot();
    let mut connection = Connection::open(proxy.address);
    connection.send(&request.head());
    let reply = connection.reply();
    proxy.assert_denied_since(&state, "small", "body_too_large", &reply);
    for protocol in BOTH {
        proxy.denies(protocol, &request, "small", "body_too_large");
        proxy.passes(protocol, &GITHUB.valid(&pattern(LIMIT)).at("/hooks/small"));
    }
}

/// Envoy buffers a piece of the body before the module sees it, and a piece can be as large as Envoy's read buffer. With a
/// limit that is larger by this much, the module always answers first. Envoy 1.36 has no second limit, and may answer first.
#[test]
fn the_source_denies_a_body_that_grows_too_large_before_envoy_does() {
    const ONE_READ: usize = 131_072;

    if has_one_limit() {
        return;
    }
    for ahead in [16_384, 1_048_576] {
        let margin = ahead + ONE_READ;
        let setup = guards([guarded("small", json!({"max_body_bytes": LIMIT}))]).edit(move |bootstrap, _| {
            *at(bootstrap, "/static_resources/listeners/0/per_connection_buffer_limit_bytes") = json!(ahead);
        });
        let Some(proxy) = Proxy::start(&Setup { buffer_limit: Some((LIMIT + margin) as u32), ..setup }) else { return };
        for protocol in BOTH {
            for size in [1, 1000, 1024, 16_384, 16_385, 65_536, 99_999, 1_000_000] {
                // Small chunks are slow, and their number makes no difference.
                let length = if size < 1000 { LIMIT + 1 } else { LIMIT + 2 * margin };
                let over = GITHUB.valid(&pattern(length)).at("/hooks/small").in_chunks(size);
                proxy.denies(protocol, &over, "small", "body_too_large");
                let largest = GITHUB.valid(&pattern(LIMIT)).at("/hooks/small").in_chunks(size);
                proxy.passes(protocol, &largest);
            }
        }
    }
}

#[test]
fn the_shape_is_checked_in_order_and_before_the_transport() {
    let Some(proxy) = PROXY.take() else { return };
    let mut request = GITHUB.forged(BODY).at("/hooks/strict?a=1").with("content-encoding", "gzip");
    request.method = "PUT";
    for (code, mend) in [
        ("method_not_allowed", (|request| with_method("POST", request)) as fn(Request) -> Request),
        ("query_not_allowed", |request| request.at("/hooks/strict")),
        ("content_encoding", |request| request.without("content-encoding")),
        ("body_too_large", |request| request.with_body("{}")),
        ("transport_insecure", |request| request),
    ] {
        proxy.denies(Protocol::Http1, &request, "strict", code);
        request = mend(request);
    }
}
