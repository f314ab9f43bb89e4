//! Routing of hosts and paths to sources. A source's refusal shows that it was selected.

use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::guard::path;
use hookwarden::step::Outcome;
use hookwarden::verify::Denial;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Ending, deliver};
use crate::support::{Sent, policy, provider, sources, try_load, with};

/// The outcome of routing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Routed {
    To(String),
    Unmatched,
    Ambiguous,
    /// Forwarded without verification.
    Through,
}

fn to(name: &str) -> Routed {
    Routed::To(name.to_owned())
}

fn routed(policy: &Rc<Policy>, authority: &str, target: &str) -> Routed {
    let sent = Sent::new("POST", authority, target);
    let verdict = deliver(policy, &sent, &Delivery::whole().ending(Ending::Headers));
    match (verdict.source, verdict.record.outcome) {
        (Some(source), Outcome::Denied(Denial::CredentialMissing)) => to(&source.name),
        (None, Outcome::Denied(Denial::Unmatched)) => Routed::Unmatched,
        (None, Outcome::Denied(Denial::AmbiguousPath)) => Routed::Ambiguous,
        (None, Outcome::Unmatched) => Routed::Through,
        other => panic!("{authority} {target} ends in {other:?}"),
    }
}

/// Sources by name: hosts (none: any) and path.
fn routes(unmatched: &str, list: &[(&str, &[&str], &str)]) -> Rc<Policy> {
    let list: Vec<Value> = list
        .iter()
        .map(|(name, hosts, path)| {
            let mut pattern = json!({ "path": path });
            if !hosts.is_empty() {
                pattern = with(pattern, "hosts", json!(hosts));
            }
            json!({ "name": name, "match": pattern, "verify": provider("bearer", &["a-token-of-sixteen-or-more"]) })
        })
        .collect();
    policy(&with(sources(&list), "unmatched", json!(unmatched)))
}

#[test]
fn an_exact_path_matches_itself_only() {
    let policy = routes("deny", &[("hook", &[], "/hooks/github")]);
    assert_eq!(routed(&policy, "any.example", "/hooks/github"), to("hook"));
    assert_eq!(routed(&policy, "any.example", "/hooks/github?x=1"), to("hook"));
    assert_eq!(
        routed(&policy, "any.example", "/hooks/github?x=//../%2f;"),
        to("hook"),
        "the query is no part of the path"
    );
    for other in
        ["/", "/hooks", "/hooks/githu", "/hooks/githubs", "/hooks/github/more", "/other/hooks/github", "/hooks-github"]
    {
        assert_eq!(routed(&policy, "any.example", other), Routed::Unmatched, "{other}");
    }
}

#[test]
fn a_prefix_matches_what_is_below_it() {
    let policy = routes("deny", &[("hook", &[], "/hooks/*")]);
    for below in ["/hooks/", "/hooks/a", "/hooks/a/b/c", "/hooks/a?b", "/hooks/%20", "/hooks/a%C3%A4"] {
        assert_eq!(routed(&policy, "any.example", below), to("hook"), "{below}");
    }
    for other in ["/hooks", "/hookss/a", "/hook/a", "/", "/a/hooks/b"] {
        assert_eq!(routed(&policy, "any.example", other), Routed::Unmatched, "{other}");
    }
}

#[test]
fn the_root_prefix_matches_everything() {
    let policy = routes("deny", &[("all", &[], "/*")]);
    for target in ["/", "/a", "/a/b", "/A/", "/?x"] {
        assert_eq!(routed(&policy, "any.example", target), to("all"), "{target}");
    }
}

#[test]
fn the_most_specific_path_wins_in_any_order() {
    let list: [(&str, &[&str], &str); 4] = [
        ("all", &[], "/*"),
        ("hooks", &[], "/hooks/*"),
        ("deep", &[], "/hooks/deep/*"),
        ("exact", &[], "/hooks/deep/exact"),
    ];
    let mut backwards = list;
    backwards.reverse();
    for list in [list, backwards] {
        let policy = routes("deny", &list);
        for (target, name) in [
            ("/hooks/deep/exact", "exact"),
            ("/hooks/deep/exact2", "deep"),
            ("/hooks/deep/more", "deep"),
            ("/hooks/deep/", "deep"),
            ("/hooks/deeper", "hooks"),
            ("/hooks/deep", "hooks"),
            ("/hooks", "all"),
            ("/", "all"),
        ] {
            assert_eq!(routed(&policy, "any.example", target), to(name), "{target}");
        }
    }
}

#[test]
fn a_host_matches_in_any_case_with_any_port() {
    let policy = routes("deny", &[("hook", &["hooks.example.com"], "/hook")]);
    for host in [
        "hooks.example.com",
        "HOOKS.Example.COM",
        "hooks.example.com:8443",
        "hooks.example.com.",
        "hooks.example.com.:443",
    ] {
        assert_eq!(routed(&policy, host, "/hook"), to("hook"), "{host}");
    }
    for host in [
        "example.com",
        "a.hooks.example.com",
        "hooks.example.com.evil.example",
        "xhooks.example.com",
        "hooks-example.com",
    ] {
        assert_eq!(routed(&policy, host, "/hook"), Routed::Unmatched, "{host}");
    }
}

#[test]
fn hosts_given_in_any_case_match() {
    let policy = routes("deny", &[("hook", &["Hooks.Example.COM", "*.Other.Example"], "/hook")]);
    assert_eq!(routed(&policy, "hooks.example.com", "/hook"), to("hook"));
    assert_eq!(routed(&policy, "a.other.example", "/hook"), to("hook"));
}

#[test]
fn a_wildcard_matches_every_host_below_the_domain_and_not_the_domain() {
    let policy = routes("deny", &[("hook", &["*.example.com"], "/hook")]);
    for host in ["a.example.com", "a.b.example.com", "A.EXAMPLE.COM:443", "a.example.com."] {
        assert_eq!(routed(&policy, host, "/hook"), to("hook"), "{host}");
    }
    for host in ["example.com", "aexample.com", "a.example.com.evil.example", "a.example.org"] {
        assert_eq!(routed(&policy, host, "/hook"), Routed::Unmatched, "{host}");
    }
}

#[test]
fn the_most_specific_host_wins_and_others_are_tried_if_it_lacks_the_path() {
    let policy = routes(
        "deny",
        &[
            ("any", &[], "/*"),
            ("domain", &["*.example.com"], "/hook"),
            ("subdomain", &["*.b.example.com"], "/hook"),
            ("host", &["a.b.example.com"], "/hook"),
        ],
    );
    for (host, target, name) in [
        ("a.b.example.com", "/hook", "host"),
        ("c.b.example.com", "/hook", "subdomain"),
        ("b.example.com", "/hook", "domain"),
        ("example.com", "/hook", "any"),
        ("a.b.example.com", "/other", "any"),
    ] {
        assert_eq!(routed(&policy, host, target), to(name), "{host}{target}");
    }
}

#[test]
fn addresses_are_hosts_too() {
    let policy = routes("deny", &[("four", &["192.0.2.7"], "/hook"), ("six", &["[2001:db8::7]"], "/hook")]);
    assert_eq!(routed(&policy, "192.0.2.7:8080", "/hook"), to("four"));
    assert_eq!(routed(&policy, "[2001:db8::7]", "/hook"), to("six"));
    assert_eq!(routed(&policy, "[2001:DB8::7]:8080", "/hook"), to("six"));
    assert_eq!(routed(&policy, "[2001:db8::8]", "/hook"), Routed::Unmatched);
}

#[test]
fn an_ambiguous_host_is_never_forwarded() {
    let policy = routes("allow", &[("hook", &["hooks.example.com"], "/hook")]);
    for host in [
        "user@hooks.example.com",
        "evil.example@hooks.example.com:443",
        "hooks.example.com@hooks.example.com",
        "hooks.example.com:443",
        "hooks.example.com.",
    ] {
        assert_eq!(routed(&policy, host, "/hook"), to("hook"), "{host}");
    }
    for host in [
        "hooks.example.com/",
        "hooks.example.com:x",
        "hooks.example.com:80:80",
        "hooks.example.com,evil.example",
        "hooks.example.com ",
        " hooks.example.com",
        "hooks.example.com..",
        "hooks%2eexample.com",
        "hooks.example.com#",
        "hooks.example.com\\",
        "hooks。example.com",
        "hooks.example.com:443@evil.example:x",
        "[hooks.example.com]",
    ] {
        let routed = routed(&policy, host, "/hook");
        assert!(matches!(routed, Routed::Ambiguous | Routed::To(_)), "{host:?}: {routed:?}");
    }
}

/// Paths that some parser reads as `/hooks/github`.
const AMBIGUOUS: &[&str] = &[
    "//hooks/github",
    "/hooks//github",
    "/hooks/github//",
    "/./hooks/github",
    "/hooks/./github",
    "/hooks/github/.",
    "/x/../hooks/github",
    "/hooks/x/../github",
    "/hooks/github/x/..",
    "/../hooks/github",
    "/hooks/../hooks/github",
    "/hooks/%67ithub",
    "/%68ooks/github",
    "/hooks%2fgithub",
    "/hooks%2Fgithub",
    "/hooks%5cgithub",
    "/hooks\\github",
    "\\hooks\\github",
    "/hooks/github;x=1",
    "/hooks;x/github",
    "/;/hooks/github",
    "/x/..;/hooks/github",
    "/hooks/%2e/github",
    "/x/%2e%2e/hooks/github",
    "/x/%2E./hooks/github",
    "/hooks/%2567ithub",
    "/hooks%252fgithub",
    "/%252e%252e/hooks/github",
    "/hooks/github%00",
    "/hooks/github%00.png",
    "/hooks/github%3Fx",
    "/hooks/github%23x",
    "/hooks/github#x",
    "/hooks/github\t",
    "/HOOKS/GITHUB",
    "/hooks/GitHub",
    "/hooks/github/",
    "/Hooks/github/",
    "/hooks/github%2f",
    "/hooks/github/%2e",
    "hooks/github",
    "/hooks/github%",
    "/hooks/github%0",
    "/hooks/github%zz",
    "/hooks/github%0a",
    "/hooks/github%20",
    "/hooks/github.",
];

#[test]
fn no_ambiguous_form_of_a_path_matches_its_source_or_is_forwarded() {
    let list: [(&str, &[&str], &str); 1] = [("hook", &["hooks.example.com"], "/hooks/github")];
    let denies = routes("deny", &list);
    let allows = routes("allow", &list);
    for target in AMBIGUOUS {
        let strictly = routed(&denies, "hooks.example.com", target);
        assert!(matches!(strictly, Routed::Ambiguous | Routed::Unmatched), "{target:?}: {strictly:?}");
    }
    // No known server drops everything after the first invalid escape, or trailing blanks and dots; all other readings
    // are real.
    let nobody = [
        "/hooks/github%",
        "/hooks/github%0",
        "/hooks/github%zz",
        "/hooks/github%0a",
        "/hooks/github%20",
        "/hooks/github.",
        "/hooks/github\t",
    ];
    for target in AMBIGUOUS.iter().filter(|target| !nobody.contains(target)) {
        assert_eq!(routed(&allows, "hooks.example.com", target), Routed::Ambiguous, "{target:?}");
        assert_eq!(
            routed(&allows, "other.example.com", target),
            Routed::Through,
            "{target:?} on a host without sources"
        );
    }
}

#[test]
fn an_ambiguous_path_without_a_source_in_any_reading_is_forwarded_if_allowed() {
    let allows = routes("allow", &[("hook", &[], "/hooks/github")]);
    for target in ["/static//app.js", "/a/../b", "/files/100%25", "/a;b", "/A", "/a/"] {
        assert_eq!(routed(&allows, "any.example", target), Routed::Through, "{target:?}");
    }
}

#[test]
fn another_case_or_a_trailing_slash_is_ambiguous_only_if_another_source_could_match() {
    let list: [(&str, &[&str], &str); 2] = [("exact", &[], "/hooks/github"), ("below", &[], "/hooks/*")];
    let policy = routes("allow", &list);
    assert_eq!(
        routed(&policy, "any.example", "/hooks/GitHub"),
        Routed::Ambiguous,
        "exact for one parser, below for another"
    );
    assert_eq!(routed(&policy, "any.example", "/hooks/github/"), Routed::Ambiguous);
    assert_eq!(routed(&policy, "any.example", "/hooks/GitLab"), to("below"), "below for every parser");
    assert_eq!(routed(&policy, "any.example", "/hooks/gitlab/"), to("below"));
    assert_eq!(
        routed(&policy, "any.example", "/Hooks/gitlab"),
        Routed::Ambiguous,
        "below for some parsers, unmatched for others"
    );
}

#[test]
fn sources_whose_paths_are_the_same_to_lenient_routers_are_refused() {
    for (first, second) in [("/hook", "/Hook"), ("/hook", "/hook/"), ("/hooks/*", "/Hooks/*")] {
        let source = |name: &str, path: &str| {
            let verify = provider("bearer", &["a-token-of-sixteen-or-more"]);
            json!({ "name": name, "match": { "path": path }, "verify": verify })
        };
        let refused = try_load(sources(&[source("a", first), source("b", second)]).to_string().as_bytes());
        let problems = refused.err().unwrap_or_default().join("\n");
        assert!(problems.starts_with("$.sources[1].match: differs"), "{first} {second}: {problems}");
    }
    routes("deny", &[("one", &[], "/hooks"), ("below", &[], "/hooks/*")]);
}

#[test]
fn a_format_or_a_blank_after_a_sources_path_is_ambiguous() {
    let policy = routes("allow", &[("hook", &[], "/hooks/a")]);
    for target in ["/hooks/a.json", "/hooks/a%20", "/hooks/a.", "/hooks/a%0a", "/hooks/A.json"] {
        assert_eq!(routed(&policy, "any.example", target), Routed::Ambiguous, "{target}");
    }
}

#[test]
fn a_host_that_is_too_long_matches_no_source() {
    let policy = routes("allow", &[("hook", &["hooks.example.com"], "/hook")]);
    let long = format!("{}com", "a.".repeat(25_000));
    assert_eq!(routed(&policy, &long, "/hook"), Routed::Ambiguous);
    let longest = format!("{}com", "a.".repeat(125));
    assert_eq!((longest.len(), routed(&policy, &longest, "/hook")), (253, Routed::Through));
    assert_eq!(routed(&policy, &format!("a{longest}"), "/hook"), Routed::Ambiguous);
}

/// Every reading that the module documents: paths that some server reads as `/hooks/github`.
const READINGS: &[&str] = &[
    // Path parameters and escapes, in any order; up to three rounds.
    "/hooks/github;v=1",
    "/hooks;v=1/github",
    "/hooks/github;.json",
    "/hooks/%2567ithub",
    "/hooks/%252567ithub",
    "/hooks/github%u002f",
    "/hooks%u002Fgithub",
    "/hooks/git%u0068ub",
    "/hooks%c0%afgithub",
    "/hooks/%c0%ae/github",
    "/hooks/git%c1%a8ub",
    // Cut at, or without controls and blanks, of whatever script.
    "/hooks/github%00.json",
    "/hooks/git%09hub",
    "/hooks%0a/github",
    "/hooks/github%0d%0a",
    "/hooks/github%20",
    "/hooks%20/github",
    "/hooks/%20github",
    "/hooks/github%c2%a0",
    "/hooks/github%e3%80%80",
    "/hooks/github%e2%80%8b",
    "/hooks/git%e2%80%8bhub",
    "/hooks/github%c2%85",
    "/hooks/github%ef%bb%bf",
    // Letters that fold to ASCII, and those that look like it.
    "/hook%c5%bf/github",
    "/hoo%e2%84%aas/github",
    "/hooks/g%c4%b1thub",
    "/hooks/g%c4%b0thub",
    "/hooks/gi%cc%84thub",
    "/hooks/g%c3%adthub",
    "/hooks/%ef%bd%87ithub",
    "/%ef%bd%88%ef%bd%8f%ef%bd%8f%ef%bd%8b%ef%bd%93/github",
    "/hooks%ef%bc%8fgithub",
    "/hooks%e2%88%95github",
    "/hooks/github%e2%80%a4json",
    "/hooks/github%80",
    "/hooks/github%ff",
    "/hooks/github/%80",
    "/hooks/%80github",
    "/ho%6fks/github\\%80",
    "/hooks/github/%e2%80%8b",
    "/hooks/%ef%bb%bf/github",
    "/hooks/github%e2%81%a0",
    "/hooks/github/%c2%a0",
    // Punctuation at the end of a segment.
    "/hooks/github.",
    "/hooks/github...",
    "/hooks/github:",
    "/hooks/github~",
    "/hooks/github*",
    "/hooks/github%2a",
    "/hooks/github,",
    "/hooks/github!",
    "/hooks/github=",
    "/hooks/github'",
    "/hooks/github%22",
    "/hooks/github%",
    "/hooks./github",
    "/hooks/github::$DATA",
    "/hooks::$INDEX_ALLOCATION/github",
    // Formats.
    "/hooks/github.json",
    "/hooks/github.JSON",
    "/hooks/github%2ejson",
    "/hooks/github.tar.gz",
    "/hooks/github.a.b.c.d",
    "/hooks/github.json~",
    "/hooks/github~.json",
    "/hooks/github/.json",
    "/hooks/github.json/",
    "/hooks/github.json%00",
    // Front controllers.
    "/index.php/hooks/github",
    "/INDEX.PHP/hooks/github",
    "/hooks/app.php/github",
    "/cgi-bin.cgi/hooks/github",
    "/hooks/github/index.php",
    "/hooks/github/index.html",
    "/hooks/github/Default.aspx",
];

#[test]
fn no_reading_of_a_sources_path_is_forwarded() {
    let policy = routes("allow", &[("hook", &[], "/hooks/github")]);
    let through: Vec<_> =
        READINGS.iter().filter(|target| routed(&policy, "any.example", target) != Routed::Ambiguous).collect();
    assert!(through.is_empty(), "{through:#?}");
    // Under another source's prefix it does not match that source either.
    let both = routes("allow", &[("hook", &[], "/hooks/github"), ("all", &[], "/*")]);
    let odd: Vec<_> =
        READINGS.iter().filter(|target| routed(&both, "any.example", target) != Routed::Ambiguous).collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

#[test]
fn an_unrelated_page_is_forwarded_if_allowed() {
    let policy = routes(
        "allow",
        &[
            ("hook", &[], "/hooks/github"),
            ("short", &[], "/hook"),
            ("below", &[], "/tenants/*"),
            ("root", &[], "/in/v1.0"),
        ],
    );
    for target in [
        "/",
        "/index.html",
        "/index.php",
        "/favicon.ico",
        "/.well-known/acme-challenge/x",
        "/.env",
        "/hooks",
        "/hooks/",
        "/hooks/github-docs",
        "/hooks/github_",
        "/hooks/github2.json",
        "/hooks/github/docs",
        "/hooks/github/docs.json",
        "/hooks/github:list",
        "/hooks/github.com/x",
        "/hooks/git/hub",
        "/docs/hooks/github",
        "/tenants",
        "/tenantsx/a",
        "/in/v2",
        "/in/v2.1",
        "/%E6%97%A5%E6%9C%AC",
        "/hooks/%E6%97%A5%E6%9C%AC",
        "/gr%C3%B6%C3%9Fe/%C3%BCber",
        "/hooks/caf%C3%A9",
        "/A/B?x=/hooks/github",
        "/search/a+b%20c",
        "/a;b=c/d;e=f",
        "/wiki/Foo_(bar)",
        "/x.php/tenant",
    ] {
        assert_eq!(routed(&policy, "any.example", target), Routed::Through, "{target}");
    }
}

/// The configured path is one reading, and the request may use another.
#[test]
fn a_plain_path_that_a_router_can_read_as_a_sources_is_not_forwarded() {
    for (configured, target) in [
        ("/Hooks/GitHub", "/hooks/github"),
        ("/hooks/github/", "/hooks/github"),
        ("/hooks/github.json", "/hooks/github"),
        ("/hooks/github.json", "/hooks/github.xml"),
        ("/hook.php", "/hook"),
        ("/hook.php", "/hook.php/anything"),
        ("/hook.php", "/HOOK.PHP/anything/else"),
        ("/index.php/hook", "/hook"),
        ("/Tenants/*", "/tenants/acme"),
        ("/hooks/my%20hook", "/hooks/my%2520hook"),
        ("/hooks/my%20hook", "/hooks/m%79%20hook"),
    ] {
        let policy = routes("allow", &[("hook", &[], configured)]);
        assert_eq!(routed(&policy, "any.example", configured.trim_end_matches('*')), to("hook"), "{configured}");
        assert_eq!(routed(&policy, "any.example", target), Routed::Ambiguous, "{target} for {configured}");
        assert_eq!(routed(&policy, "any.example", "/elsewhere"), Routed::Through);
        assert_eq!(routed(&policy, "any.example", &"/word".repeat(500)), Routed::Through, "plain, whatever its length");
    }
}

#[test]
fn sources_that_share_a_reading_are_distinguished_by_their_exact_paths() {
    let list: [(&str, &[&str], &str); 4] =
        [("com", &[], "/t/acme.com"), ("org", &[], "/t/acme.org"), ("bare", &[], "/u"), ("below", &[], "/u/*")];
    let mut backwards = list;
    backwards.reverse();
    for list in [list, backwards] {
        let policy = routes("allow", &list);
        for (target, name) in [("/t/acme.com", "com"), ("/t/acme.org", "org"), ("/u", "bare"), ("/u/x", "below")] {
            assert_eq!(routed(&policy, "any.example", target), to(name), "{target}");
        }
        assert_eq!(routed(&policy, "any.example", "/t/acme"), Routed::Ambiguous);
        assert_eq!(routed(&policy, "any.example", "/t/acme.net"), Routed::Ambiguous);
    }
}

#[test]
fn a_path_with_too_many_readings_is_ambiguous() {
    let policy = routes("allow", &[("hook", &[], "/hooks/github")]);
    let hostile = "/x;1%2fy/b%3b1%252fy/c%253b1%25252fy/a.php/q::s/n~/%2500/n.a.b.c~%25252500z";
    assert_eq!(path::readings(hostile.as_bytes()), None);
    assert_eq!(routed(&policy, "any.example", hostile), Routed::Ambiguous);
    let long = format!("/{}", "a.%25;".repeat(160));
    let begun = std::time::Instant::now();
    assert!(matches!(routed(&policy, "any.example", &long), Routed::Ambiguous | Routed::Through));
    assert!(begun.elapsed().as_millis() < 200, "{:?}", begun.elapsed());
}

#[test]
fn a_header_that_overrides_path_or_host_does_not_bypass_a_source() {
    let policy = routes("allow", &[("hook", &["hooks.example.com"], "/hook"), ("any", &[], "/any/*")]);
    let routed = |host: &str, target: &str, name: &str, value: &str| {
        let sent = Sent::new("POST", host, target).header(name, value);
        deliver(&policy, &sent, &Delivery::whole().ending(Ending::Headers)).record.outcome
    };
    let refused = Outcome::Denied(Denial::AmbiguousPath);
    for name in ["X-Original-URL", "x-rewrite-url"] {
        assert_eq!(routed("hooks.example.com", "/page", name, "/hook"), refused);
        assert_eq!(routed("hooks.example.com", "/page", name, "/Hook/?a=b"), refused);
        assert_eq!(routed("other.example", "/page", name, "/any/thing"), refused);
        assert_eq!(routed("other.example", "/page", name, "/page?x=/any/thing"), Outcome::Unmatched);
        assert_eq!(
            routed("other.example", "/page", name, "/hook"),
            Outcome::Unmatched,
            "the path belongs to another host"
        );
    }
    assert_eq!(routed("other.example", "/hook", "X-Forwarded-Host", "hooks.example.com"), refused);
    assert_eq!(routed("other.example", "/hook", "X-Forwarded-Host", "a.example, Hooks.Example.com:443"), refused);
    assert_eq!(routed("other.example", "/hook", "X-Forwarded-Host", "other.example"), Outcome::Unmatched);
    assert_eq!(routed("other.example", "/page", "X-Forwarded-Host", "hooks.example.com"), Outcome::Unmatched);
    assert_eq!(routed("other.example", "/page", "X-Forwarded-Path", "/hook"), Outcome::Unmatched);
}

#[test]
fn no_spelling_of_a_host_bypasses_its_source() {
    let hosts = ["hooks.example.com", "192.0.2.7", "[2001:db8::7]", "xn--bcher-kva.example"];
    let policy = routes("allow", &[("hook", &hosts, "/hook")]);
    for host in [
        "hooks.example.com:1",
        "HOOKS.EXAMPLE.COM.:65535",
        "192.0.2.7:80",
        "192.0.519",
        "3221225991",
        "0xc0.0.2.7",
        "0300.0.02.07",
        "0xC0000207",
        "[::ffff:192.0.2.7]",
        "[2001:0db8:0:0:0:0:0:7]",
        "[2001:DB8::0.0.0.7]:443",
        "user@192.0.2.7",
    ] {
        assert_eq!(routed(&policy, host, "/hook"), to("hook"), "{host}");
    }
    for host in [
        "",
        ":80",
        ".",
        "b\u{fc}cher.example",
        "hooks.example.com@evil.example",
        "hooks.example.com:pw@evil.example",
        "evil.example@other.example",
        "hooks%2eexample.com",
        "xn--hooks-.example.com",
        "hooks\u{3002}example.com",
        "[2001:db8::7%25eth0]",
        "[::]]",
        "2001:db8::7",
    ] {
        assert_eq!(routed(&policy, host, "/hook"), Routed::Ambiguous, "{host}");
    }
    for host in ["192.0.2.8", "1.2.3.4.5", "[2001:db8::8]", "10", "300.1.2.3", "xn--hooks-4ta.example.com", "08.0.0.1"]
    {
        assert_eq!(routed(&policy, host, "/hook"), Routed::Through, "{host}");
    }
    let other_spelling = routes("deny", &[("hook", &["[2001:DB8:0::7]", "[::ffff:192.0.2.7]"], "/hook")]);
    for host in ["[2001:db8::7]", "192.0.2.7"] {
        assert_eq!(routed(&other_spelling, host, "/hook"), to("hook"), "{host}");
    }
}

/// Changes to a path that a lenient server undoes; each corresponds to one behaviour of real servers.
type Disguise = (&'static str, fn(&str, &mut Random) -> String);

const ESCAPED_ESCAPES: &str = "every escape escaped";
const DISGUISES: &[Disguise] = &[
    ("an escape", |path, random| {
        let at = random.position(path, |char| char != '%');
        let (before, char, after) = split_at_char(path, at);
        format!("{before}%{:02X}{after}", u32::from(char))
    }),
    (ESCAPED_ESCAPES, |path, _| path.replace('%', "%25")),
    ("a slash twice", |path, random| insert(path, random.slash(path), "/")),
    ("a dot segment", |path, random| insert(path, random.slash(path), "/.")),
    ("a segment and back", |path, random| insert(path, random.slash(path), "/x/..")),
    ("a parameter", |path, random| {
        let at = random.segment_end(path);
        insert(path, at, ";p=1")
    }),
    ("a backslash", |path, random| {
        let at = random.slash(path);
        format!("{}\\{}", &path[..at], &path[at + 1..])
    }),
    ("a capital", |path, random| {
        let at = random.position(path, |char| char.is_ascii_lowercase());
        let (before, char, after) = split_at_char(path, at);
        format!("{before}{}{after}", char.to_ascii_uppercase())
    }),
    ("a slash at the end", |path, _| format!("{path}/")),
    ("a NUL and more", |path, _| format!("{path}%00.png")),
];

/// Always the last change: a server that drops parameters before it decodes never sees the slash in it.
const LAST: Disguise = ("a parameter with an escaped slash", |path, random| {
    let at = random.segment_end(path);
    insert(path, at, ";a%2fb")
});

#[test]
fn no_variant_of_a_sources_path_is_forwarded_as_unmatched() {
    let policy = routes("allow", &[("exact", &[], "/hooks/github"), ("below", &[], "/tenants/*")]);
    let mut random = Random(42);
    let mut through = std::collections::BTreeMap::new();
    for _ in 0..6_000 {
        for plain in ["/hooks/github", "/tenants/", "/tenants/acme"] {
            let mut path = plain.to_owned();
            let mut names = Vec::new();
            for _ in 0..=random.below(3) {
                let (name, disguise) = DISGUISES[random.below(DISGUISES.len())];
                // No server is known to decode three times.
                if name != ESCAPED_ESCAPES || !names.contains(&name) {
                    path = disguise(&path, &mut random);
                    names.push(name);
                }
            }
            // After another parameter of the same raw segment, it would be dropped together with that.
            if random.below(4) == 0 && !(names.contains(&"a parameter") && names.contains(&"an escape")) {
                path = LAST.1(&path, &mut random);
                names.push(LAST.0);
            }
            if routed(&policy, "any.example", &path) == Routed::Through {
                names.sort_unstable();
                names.dedup();
                through.entry((names.len(), names.join(", "))).or_insert(path);
            }
        }
    }
    let shortest: Vec<_> = through.iter().take(20).map(|((_, names), path)| format!("{path}  ({names})")).collect();
    assert!(
        through.is_empty(),
        "{} variants are forwarded without verification, among them\n{}",
        through.len(),
        shortest.join("\n")
    );
}

fn insert(path: &str, at: usize, what: &str) -> String {
    format!("{}{what}{}", &path[..at], &path[at..])
}

fn split_at_char(path: &str, at: usize) -> (&str, char, &str) {
    let char = path[at..].chars().next().expect("a character is there");
    (&path[..at], char, &path[at + char.len_utf8()..])
}

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    /// The position of one of the characters that fit.
    fn position(&mut self, path: &str, fits: fn(char) -> bool) -> usize {
        // The two digits of an escape stay unchanged.
        let escaped = |at: usize| path[..at].ends_with('%') || path[..at.saturating_sub(1)].ends_with('%');
        let positions: Vec<_> = path
            .char_indices()
            .filter(|(at, char)| *at > 0 && fits(*char) && !escaped(*at))
            .map(|(at, _)| at)
            .collect();
        positions[self.below(positions.len())]
    }

    fn slash(&mut self, path: &str) -> usize {
        let slashes: Vec<_> = path.match_indices('/').map(|(at, _)| at).collect();
        if slashes.is_empty() { 0 } else { slashes[self.below(slashes.len())] }
    }

    fn segment_end(&mut self, path: &str) -> usize {
        let ends: Vec<_> = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).chain([path.len()]).collect();
        ends[self.below(ends.len())]
    }
}
