//! Malformed framing: wrong lengths, ambiguous ends, bytes that are barely HTTP. Whether Envoy or the module answers,
//! nothing reaches the upstream.

use crate::harness::client::{BOTH, Connection, Protocol, Request, insert_line};
use crate::harness::http2;
use crate::harness::senders::{BASIC, GITHUB};
use crate::harness::setups::{CHAIN_HOLDS, FILTER_HOLDS};

const BODY: &[u8] = b"{\"framing\":1}";

#[test]
fn a_body_shorter_than_its_declared_length_never_reaches_the_upstream() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        for sender in [GITHUB, BASIC] {
            let mut wire = sender.valid(BODY).without("content-length").head();
            let length = format!("Content-Length: {}", BODY.len());
            let lie = String::from_utf8_lossy(&wire).replace(&length, "Content-Length: 100");
            wire = [lie.as_bytes(), BODY].concat();
            if sender.source == "basic" {
                // The credential is in the headers, so the request may pass; Envoy must survive.
                let mut connection = Connection::open(proxy.address);
                connection.send(&wire);
                connection.close_sending_side();
                let _ = connection.try_reply();
                continue;
            }
            proxy.lets_nothing_through(&wire);
        }
    }
}

#[test]
fn a_body_longer_than_its_declared_length_is_cut_to_it() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        let request = GITHUB.valid(BODY);
        let length = format!("Content-Length: {}", BODY.len());
        let head = String::from_utf8_lossy(&request.head()).replace(&length, "Content-Length: 5");
        let wire = [head.as_bytes(), BODY].concat();
        proxy.denies_bytes(&wire, "github", "signature_mismatch");
    }
}

#[test]
fn lengths_that_are_not_numbers_never_reach_the_upstream() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let request = GITHUB.valid(BODY);
    let right = format!("Content-Length: {}", BODY.len());
    for lie in ["-1", "+16", "0x10", "16, 16", "16,17", "1e1", "", " ", "99999999999999999999999999", "abc", "16 16"] {
        let head = String::from_utf8_lossy(&request.head()).replace(&right, &format!("Content-Length: {lie}"));
        proxy.lets_nothing_through(&[head.as_bytes(), BODY].concat());
    }
    let twice = insert_line(&request.wire(), b"Content-Length: 3\r\n");
    proxy.lets_nothing_through(&twice);
}

#[test]
fn http2_lengths_that_differ_from_the_body_never_reach_the_upstream() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        for lie in ["5", "100", "0", "abc", "-1"] {
            let request = GITHUB.valid(BODY).with("content-length", lie);
            let mark = proxy.upstream.mark();
            match http2::send(proxy.address, &request) {
                Ok(reply) => assert!((400..500).contains(&reply.status), "{lie}: {reply:?}"),
                Err(_reset) => {}
            }
            proxy.assert_serves_after(mark);
        }
    }
}

#[test]
fn smuggled_requests_never_reach_the_upstream() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        let hidden = "POST /hooks/github HTTP/1.1\r\nHost: hooks.example\r\nContent-Length: 0\r\n\r\n";
        let smuggled = format!("0\r\n\r\n{hidden}");
        let length = smuggled.len();
        for framing in [
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
            format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
            format!("Content-Length: {length}\r\nTransfer-Encoding : chunked\r\n"),
            format!("Content-Length: {length}\r\nTransfer-Encoding: xchunked\r\n"),
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked, identity\r\n"),
            format!("Content-Length: {length}\r\nTransfer-Encoding:\tchunked\r\n"),
            format!("Content-Length: {length}\r\n Transfer-Encoding: chunked\r\n"),
            format!("Content-Length: {length}\r\nX: a\nTransfer-Encoding: chunked\r\n"),
            format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
            "Transfer-Encoding: gzip, chunked\r\n".to_owned(),
        ] {
            let wire = format!("POST /hooks/github HTTP/1.1\r\nHost: hooks.example\r\n{framing}\r\n{smuggled}");
            proxy.lets_nothing_through(wire.as_bytes());
        }
        for chunks in [
            "5;x=\r\n\n{}{}{\r\n0\r\n\r\n",
            "-1\r\n{\r\n0\r\n\r\n",
            "0x5\r\n{}{}{\r\n0\r\n\r\n",
            "ffffffffffffffffff\r\n{}{}{\r\n0\r\n\r\n",
            "5\r\n{}{}{}{}{}\r\n0\r\n\r\n",
            "5\r\n{}{}{0\r\n\r\n",
        ] {
            let head = "POST /hooks/github HTTP/1.1\r\nHost: hooks.example\r\nTransfer-Encoding: chunked\r\n\r\n";
            proxy.lets_nothing_through(format!("{head}{chunks}").as_bytes());
        }
    }
}

#[test]
fn malformed_requests_never_reach_the_upstream() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    // Forged, because Envoy normalises and forwards some of these.
    let request = GITHUB.forged(BODY);
    let without_host = String::from_utf8_lossy(&request.wire()).replace("Host: hooks.example\r\n", "");
    proxy.lets_nothing_through(without_host.as_bytes());
    for request_line in [
        "POST /hooks/github HTTP/9.9",
        "POST /hooks/github HTTP/1.0",
        "POST /hooks/github",
        "POST  /hooks/github HTTP/1.1",
        "P\x00ST /hooks/github HTTP/1.1",
        "POST /hooks/\x00github HTTP/1.1",
        "POST /hooks/\u{e9} HTTP/1.1",
        "CONNECT hooks.example:443 HTTP/1.1",
        "POST hooks/github HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        let wire = String::from_utf8_lossy(&request.wire()).replace("POST /hooks/github HTTP/1.1", request_line);
        proxy.lets_nothing_through(wire.as_bytes());
    }
    proxy.lets_nothing_through(&insert_line(&request.wire(), b"X-Null: a\0b\r\n"));
    proxy.lets_nothing_through(&insert_line(&request.wire(), b"Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    proxy.lets_nothing_through(&insert_line(
        &request.wire(),
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
    ));
    proxy.lets_nothing_through(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    proxy.lets_nothing_through(&[0xff; 5000]);
}

#[test]
fn methods_and_pseudo_headers_change_nothing() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        for method in ["PUT", "PATCH", "DELETE", "OPTIONS"] {
            let request = Request { method, ..GITHUB.valid(BODY) };
            proxy.passes(protocol, &request);
            let request = Request { method, ..GITHUB.forged(BODY) };
            proxy.denies(protocol, &request, "github", "signature_mismatch");
        }
        // Headers that proxies and frameworks take for another path or method.
        for (name, value) in [
            ("X-HTTP-Method-Override", "GET"),
            ("X-Original-URL", "/elsewhere"),
            ("X-Rewrite-URL", "/elsewhere"),
            ("X-Forwarded-Prefix", "/elsewhere"),
            ("X-Envoy-Original-Path", "/elsewhere"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("Expect", "100-continue"),
        ] {
            if protocol == Protocol::Http2 && name == "Expect" {
                continue;
            }
            let request = GITHUB.forged(BODY).with(name, value);
            proxy.denies(protocol, &request, "github", "signature_mismatch");
        }
    }
}
