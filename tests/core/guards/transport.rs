use hookwarden::guard::address::{Networks, parse_network};
use hookwarden::guard::transport::{ForwardedProto, TlsVersion, TransportRule};
use hookwarden::verify::{Denial, Request, borrowed};

use super::{Client, headers};

const INSECURE: Result<(), Denial> = Err(Denial::TransportInsecure);
/// The proxy in front that is trusted in these tests.
const PROXY: &str = "10.0.0.5";

fn https() -> TransportRule {
    TransportRule { https: true, ..TransportRule::default() }
}

fn forwarded(header: &str) -> TransportRule {
    let from = Networks::new(["10.0.0.5", "2001:db8::5"].iter().map(|text| parse_network(text).unwrap()).collect());
    TransportRule { forwarded: Some(ForwardedProto { header: header.to_owned(), from }), ..https() }
}

fn over(tls: Option<&'static str>) -> Client {
    Client { tls, ..Client::default() }
}

/// A plaintext client behind a proxy. The host took its address from `X-Forwarded-For`.
fn behind() -> Client {
    Client { address: Some("203.0.113.9:0"), ..Client::default() }
}

fn check(rule: &TransportRule, lines: &[(&str, &str)], client: &Client) -> Result<(), Denial> {
    rule.check(Request::new(&borrowed(&headers(lines))), client)
}

#[test]
fn versions_are_read_as_the_host_writes_them_and_no_others() {
    let read: Vec<_> =
        ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"].iter().map(|text| TlsVersion::parse(text.as_bytes())).collect();
    let known: Vec<_> = TlsVersion::NAMES.iter().map(|(_, version)| Some(*version)).collect();
    assert_eq!(read, known);
    assert_eq!(TlsVersion::NAMES.map(|(name, _)| name), ["1.0", "1.1", "1.2", "1.3"]);
    assert!(TlsVersion::NAMES.windows(2).all(|pair| pair[0].1 < pair[1].1), "later is greater");
    for text in
        ["", "TLSv1.4", "TLSv1.20", "TLSv2", "tlsv1.2", "TLS 1.2", "1.2", "SSLv3", "DTLSv1.2", "TLSv1.2 ", "unknown"]
    {
        assert_eq!(TlsVersion::parse(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn https_is_tls_on_this_hop() {
    for version in ["TLSv1", "TLSv1.3"] {
        assert_eq!(check(&https(), &[], &over(Some(version))), Ok(()));
    }
    assert_eq!(check(&https(), &[], &over(None)), INSECURE);
}

#[test]
fn headers_are_ignored_unless_a_proxy_is_trusted() {
    let lines = [
        (":scheme", "https"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-ssl", "on"),
        ("x-forwarded-for", PROXY),
        ("forwarded", "proto=https"),
        ("front-end-https", "on"),
    ];
    assert_eq!(check(&https(), &lines, &behind()), INSECURE);
}

#[test]
fn versions_are_accepted_from_the_oldest_allowed_one() {
    let written = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    for (oldest, (name, min_tls)) in TlsVersion::NAMES.into_iter().enumerate() {
        let rule = TransportRule { min_tls: Some(min_tls), ..TransportRule::default() };
        for (version, text) in written.into_iter().enumerate() {
            let expected = if version >= oldest { Ok(()) } else { Err(Denial::TlsVersion) };
            assert_eq!(check(&rule, &[], &over(Some(text))), expected, "{text} if the oldest is {name}");
        }
        assert_eq!(check(&rule, &[], &over(Some("TLSv9"))), Err(Denial::TlsVersion), "an unknown version");
        assert_eq!(check(&rule, &[], &over(None)), INSECURE, "none");
    }
}

#[test]
fn a_client_certificate_must_have_been_verified_on_this_hop() {
    let rule = TransportRule { client_certificate: true, ..TransportRule::default() };
    let client = |tls, certificate| Client { tls, certificate, ..Client::default() };
    assert_eq!(check(&rule, &[], &client(Some("TLSv1.3"), true)), Ok(()));
    assert_eq!(check(&rule, &[], &client(Some("TLSv1.3"), false)), Err(Denial::ClientCertificateMissing));
    assert_eq!(check(&rule, &[], &client(None, true)), INSECURE, "even if the host reports a certificate on plaintext");
}

#[test]
fn the_host_is_queried_for_a_certificate_only_if_one_is_required() {
    let client = Client { tls: Some("TLSv1.3"), certificate: true, ..Client::default() };
    check(&https(), &[], &client).unwrap();
    assert_eq!(client.asked.get(), 1, "only the version: every query is a host call");
}

#[test]
fn a_trusted_proxy_may_report_that_the_client_used_tls() {
    let rule = forwarded("x-forwarded-proto");
    let vouched: &[&[(&str, &str)]] = &[
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", PROXY)],
        &[("X-Forwarded-Proto", "HTTPS"), ("X-Forwarded-For", "203.0.113.9, 10.0.0.5")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "203.0.113.9,10.0.0.5 ")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", PROXY)],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "::ffff:10.0.0.5")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "10.0.0.5:4711")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "unknown, [2001:db8::5]:4711")],
    ];
    for lines in vouched {
        assert_eq!(check(&rule, lines, &behind()), Ok(()), "{lines:?}");
    }
}

#[test]
fn the_proxy_in_front_is_the_peer_or_the_last_that_the_host_wrote() {
    let rule = forwarded("x-forwarded-proto");
    for (forwarded_for, address, expected) in [
        // The host reports its peer; the header does not matter.
        ("10.0.0.5", Some("10.0.0.5:4711"), Ok(())),
        ("203.0.113.9", Some("10.0.0.5:50000"), Ok(())),
        ("", Some("[2001:db8::5]:4711"), Ok(())),
        ("", Some("[::ffff:10.0.0.5]:4711"), Ok(())),
        ("10.0.0.5", Some("198.51.100.1:4711"), INSECURE),
        ("203.0.113.9, 10.0.0.5", Some("198.51.100.1:40000"), INSECURE),
        ("10.0.0.5", Some("198.51.100.1"), INSECURE),
        // The host took the client from the header, in which it precedes the host's peer.
        ("203.0.113.9, 10.0.0.5", Some("203.0.113.9:0"), Ok(())),
        ("2001:db8::9, 10.0.0.5", Some("[2001:db8::9]:0"), Ok(())),
        ("10.0.0.5, 203.0.113.9, 198.51.100.1", Some("203.0.113.9:0"), INSECURE),
        // It took the last entry, which a stranger may have written.
        ("10.0.0.5", Some("10.0.0.5:0"), INSECURE),
        ("203.0.113.9, 10.0.0.5", Some("10.0.0.5:0"), INSECURE),
        ("::ffff:10.0.0.5", Some("10.0.0.5:0"), INSECURE),
        ("2001:db8::5", Some("[2001:db8::5]:0"), INSECURE),
        // The listener has no addresses.
        ("10.0.0.5", Some("/run/envoy.sock"), INSECURE),
        ("10.0.0.5", Some(""), INSECURE),
        ("10.0.0.5", None, INSECURE),
    ] {
        let lines = [("x-forwarded-proto", "https"), ("x-forwarded-for", forwarded_for)];
        let client = Client { address, ..Client::default() };
        assert_eq!(check(&rule, &lines, &client), expected, "{forwarded_for:?} and {address:?}");
    }
    let peer = Client { address: Some("10.0.0.5:4711"), ..Client::default() };
    assert_eq!(check(&rule, &[("x-forwarded-proto", "https")], &peer), Ok(()), "without the other header");
    assert_eq!(check(&rule, &[("x-forwarded-proto", "http")], &peer), INSECURE);
}

#[test]
fn only_a_plain_value_from_the_trusted_proxy_counts() {
    let rule = forwarded("x-forwarded-proto");
    let refused: &[&[(&str, &str)]] = &[
        &[],
        // The value.
        &[("x-forwarded-for", PROXY)],
        &[("x-forwarded-proto", ""), ("x-forwarded-for", PROXY)],
        &[("x-forwarded-proto", "http"), ("x-forwarded-for", PROXY)],
        &[("x-forwarded-proto", "on"), ("x-forwarded-for", PROXY)],
        &[("x-forwarded-proto", "httpsx"), ("x-forwarded-for", PROXY)],
        &[("x-forwarded-proto", "https,https"), ("x-forwarded-for", PROXY)],
        &[("x-forwarded-proto", "https, http"), ("x-forwarded-for", PROXY)],
        &[("x-forwarded-proto", "https"), ("x-forwarded-proto", "https"), ("x-forwarded-for", PROXY)],
        &[("x-forwarded-proto", "https"), ("X-Forwarded-Proto", "http"), ("x-forwarded-for", PROXY)],
        &[("x-forwarded-ssl", "on"), ("x-forwarded-for", PROXY)],
        &[(":scheme", "https"), ("x-forwarded-for", PROXY)],
        // The sender of the value.
        &[("x-forwarded-proto", "https")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "10.0.0.4")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "10.0.0.6")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "10.0.0.5, 203.0.113.9")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "10.0.0.5,")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", "10.0.0.5, unknown")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", PROXY), ("x-forwarded-for", "203.0.113.9")],
        &[("x-forwarded-proto", "https"), ("x-forwarded-for", PROXY), ("X-Forwarded-For", "")],
        &[("x-forwarded-proto", "https"), ("forwarded", "for=10.0.0.5;proto=https"), ("x-real-ip", PROXY)],
    ];
    for lines in refused {
        assert_eq!(check(&rule, lines, &behind()), INSECURE, "{lines:?}");
    }
    let lines = [("x-forwarded-proto", "https"), ("x-forwarded-for", PROXY)];
    let nobody = TransportRule {
        forwarded: Some(ForwardedProto { header: "x-forwarded-proto".to_owned(), from: Networks::default() }),
        ..https()
    };
    assert_eq!(check(&nobody, &lines, &behind()), INSECURE, "nobody is trusted");
}

#[test]
fn the_header_for_ssl_says_on() {
    let rule = forwarded("x-forwarded-ssl");
    for (value, expected) in [("on", Ok(())), ("off", INSECURE), ("1", INSECURE), ("on,on", INSECURE), ("", INSECURE)] {
        let lines = [("X-Forwarded-Ssl", value), ("x-forwarded-for", PROXY)];
        assert_eq!(check(&rule, &lines, &behind()), expected, "{value:?}");
    }
}

#[test]
fn a_proxy_in_front_cannot_report_versions_or_certificates() {
    let lines = [("x-forwarded-proto", "https"), ("x-forwarded-for", PROXY)];
    let version = TransportRule { min_tls: Some(TlsVersion::V1_0), ..forwarded("x-forwarded-proto") };
    assert_eq!(check(&version, &lines, &behind()), INSECURE);
    let certificate = TransportRule { client_certificate: true, ..forwarded("x-forwarded-proto") };
    assert_eq!(check(&certificate, &lines, &behind()), INSECURE);
}

#[test]
fn tls_on_this_hop_needs_no_header() {
    let lines = [("x-forwarded-proto", "http"), ("x-forwarded-for", "203.0.113.9")];
    assert_eq!(check(&forwarded("x-forwarded-proto"), &lines, &over(Some("TLSv1.2"))), Ok(()));
}
