//! Which source a path matches, and ambiguous paths.

use crate::harness::client::{BOTH, Protocol, Request};
use crate::harness::senders::{self, GITHUB};
use crate::harness::setups::{FILTER_HOLDS, TENANT_SECRET, UNMATCHED_ALLOWED};

const BODY: &[u8] = b"{\"path\":1}";

/// Paths that some router reads as `/hooks/github`.
const READ_AS_GITHUB: [&str; 24] = [
    "/hooks/./github",
    "/hooks/x/../github",
    "/x/../hooks/github",
    "/../hooks/github",
    "/hooks/github/.",
    "/hooks/github/x/..",
    "//hooks/github",
    "/hooks//github",
    "/hooks/github//",
    "/hooks/github;v=1",
    "/hooks;v=1/github",
    "/hooks/%67ithub",
    "/hooks/githu%62",
    "/hooks%2fgithub",
    "/hooks%2Fgithub",
    "/hooks/%2e/github",
    "/hooks/x/%2e%2e/github",
    "/hooks/x/.%2E/github",
    "/hooks%5cgithub",
    "/hooks/github%00",
    "/hooks/github%00.png",
    "/hooks/%2567ithub",
    "/hooks/github%3b",
    "/hooks/github%3fx",
];

/// Not ambiguous by RFC 3986, but a lenient router reads them as `/hooks/github`.
const NEARLY_GITHUB: [&str; 4] = ["/Hooks/GitHub", "/HOOKS/GITHUB", "/hooks/github/", "/hooks/GITHUB/"];

#[test]
fn denies_ambiguous_paths_even_with_a_valid_signature() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for path in READ_AS_GITHUB.into_iter().chain(NEARLY_GITHUB) {
        for protocol in BOTH {
            proxy.denies(protocol, &GITHUB.valid(BODY).at(path), "_none", "ambiguous_path");
        }
    }
}

#[test]
fn denies_ambiguous_paths_of_a_source_where_unmatched_requests_are_allowed() {
    let Some(proxy) = UNMATCHED_ALLOWED.take() else { return };
    for path in READ_AS_GITHUB.into_iter().chain(NEARLY_GITHUB) {
        for protocol in BOTH {
            proxy.denies(protocol, &Request::post(path, BODY), "_none", "ambiguous_path");
        }
    }
}

/// Documented rewrites of routers and scripts that lead to `/hooks/github`.
#[test]
fn denies_other_spellings_of_a_sources_path_where_unmatched_requests_are_allowed() {
    let Some(proxy) = UNMATCHED_ALLOWED.take() else { return };
    for path in [
        "/hooks/github.json",
        "/hooks/github.tar.gz",
        "/hooks/github:",
        "/hooks/github~",
        "/hooks/github%20",
        "/hooks/github%09",
        "/hooks/github%e2%80%8b",
        "/hooks/github::$DATA",
        "/hook%c5%bf/github",
        "/hoo%e2%84%aas/github",
        "/hooks%ef%bc%8fgithub",
        "/hooks%c0%afgithub",
        "/hooks/%252567ithub",
        "/index.php/hooks/github",
        "/hooks/github/index.php",
    ] {
        for protocol in BOTH {
            proxy.denies(protocol, &Request::post(path, BODY), "_none", "ambiguous_path");
        }
    }
    for (name, value) in [("X-Original-URL", "/hooks/github"), ("X-Rewrite-URL", "/hooks/GitHub?a")] {
        proxy.denies(Protocol::Http1, &Request::post("/elsewhere", BODY).with(name, value), "_none", "ambiguous_path");
    }
}

#[test]
fn backslashes_never_lead_to_a_source() {
    for shared in [&FILTER_HOLDS, &UNMATCHED_ALLOWED] {
        let Some(proxy) = shared.take() else { return };
        for path in ["/hooks\\github", "\\hooks\\github", "/hooks/x\\..\\github"] {
            // Either Envoy rejects the byte or the module does.
            proxy.lets_nothing_through(&Request::post(path, BODY).wire());
        }
    }
}

#[test]
fn invalid_escapes_never_pass_on_a_sources_path() {
    let Some(proxy) = UNMATCHED_ALLOWED.take() else { return };
    for path in ["/hooks/x/%2e./github%", "/hooks/./github%g0", "/hooks/github%00%"] {
        let reply = Request::post(path, BODY).send(proxy.address, Protocol::Http1);
        assert!(matches!(reply.status, 200 | 400), "{path}: {reply:?}");
    }
    let mark = proxy.upstream.mark();
    proxy.assert_serves_after(mark);
}

#[test]
fn denies_requests_that_match_no_source() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        for path in ["/", "/hooks", "/hooks/", "/hooks/githubx", "/hooks/github/x", "/hooks/github2", "/elsewhere"] {
            proxy.denies(protocol, &GITHUB.valid(BODY).at(path), "_none", "unmatched");
        }
    }
}

#[test]
fn passes_requests_that_match_no_source_where_that_is_allowed() {
    let Some(proxy) = UNMATCHED_ALLOWED.take() else { return };
    let before = proxy.metric("source._none.requests.unmatched");
    for protocol in BOTH {
        for path in ["/", "/hooks", "/hooks/githubx", "/hooks/github/x", "/elsewhere?path=/hooks/github"] {
            let seen = proxy.passes(protocol, &Request::post(path, BODY));
            assert_eq!(seen.identity_headers(), [""; 0]);
        }
    }
    assert_eq!(proxy.metric("source._none.requests.unmatched"), before + 10);
    // Requests that match a source are still verified.
    proxy.denies(Protocol::Http1, &GITHUB.forged(BODY), "github", "signature_mismatch");
}

#[test]
fn the_query_is_not_part_of_the_path() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        for query in ["?", "?a=b", "?/../x", "?//", "?%2f;\\"] {
            let path = format!("/hooks/github{query}");
            if protocol == Protocol::Http2 && query.contains('\\') {
                continue;
            }
            proxy.passes(protocol, &GITHUB.valid(BODY).at(&path));
            proxy.denies(protocol, &GITHUB.forged(BODY).at(&path), "github", "signature_mismatch");
        }
    }
}

#[test]
fn a_path_segment_chooses_the_tenants_secret() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let request = senders::github("/hooks/tenants/acme", TENANT_SECRET, BODY);
        proxy.passes(protocol, &request);
        let other = request.at("/hooks/tenants/other");
        proxy.denies(protocol, &other, "tenants", "secret_unknown");
        proxy.denies(protocol, &other.at("/hooks/tenants/"), "tenants", "secret_unknown");
        let forged = senders::github("/hooks/tenants/acme", GITHUB.secret, BODY);
        proxy.denies(protocol, &forged, "tenants", "signature_mismatch");
    }
}

#[test]
fn a_source_with_hosts_matches_only_those() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let to = |host: &str| Request { host: host.to_owned(), ..GITHUB.valid(BODY).at("/hooks/hosted") };
    for protocol in BOTH {
        for host in ["a.wild.example", "A.Wild.Example", "a.b.wild.example", "a.wild.example:8443"] {
            proxy.passes(protocol, &to(host));
        }
        for host in ["wild.example", "a.wild.example.org", "xwild.example", "hooks.example"] {
            proxy.denies(protocol, &to(host), "_none", "unmatched");
        }
    }
}

#[test]
fn every_spelling_of_a_host_matches_its_source() {
    let Some(proxy) = UNMATCHED_ALLOWED.take() else { return };
    for host in [
        "a.wild.example",
        "A.WILD.EXAMPLE",
        "a.wild.example.",
        "a.wild.example:80",
        "a.wild.example.:80",
        "a.wild.example:",
        "user@a.wild.example",
        "user:password@a.wild.example",
        "user@a.wild.example:80",
        "x@y@a.wild.example",
        "hooks.example@a.wild.example",
    ] {
        let wire = Request { host: host.to_owned(), ..Request::post("/hooks/hosted", BODY) }.wire();
        assert!(proxy.lets_nothing_through(&wire).is_some(), "{host} got no response");
    }
}
