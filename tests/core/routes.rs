//! Which source a host and a path lead to. A source's refusal tells that it was asked.

use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::step::Outcome;
use hookwarden::verify::Denial;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Ending, deliver};
use crate::support::{Sent, policy, provider, sources, try_load, with};

/// Where a request is led.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Led {
    To(String),
    Unmatched,
    Ambiguous,
    /// Let go without any proof.
    Through,
}

fn to(name: &str) -> Led {
    Led::To(name.to_owned())
}

fn led(policy: &Rc<Policy>, authority: &str, target: &str) -> Led {
    let sent = Sent::new("POST", authority, target);
    let verdict = deliver(policy, &sent, &Delivery::whole().ending(Ending::Headers));
    match (verdict.record.source, verdict.record.outcome) {
        (Some(source), Outcome::Denied(Denial::CredentialMissing)) => to(&policy.sources[source].name),
        (None, Outcome::Denied(Denial::Unmatched)) => Led::Unmatched,
        (None, Outcome::Denied(Denial::AmbiguousPath)) => Led::Ambiguous,
        (None, Outcome::Unmatched) => Led::Through,
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
    assert_eq!(led(&policy, "any.example", "/hooks/github"), to("hook"));
    assert_eq!(led(&policy, "any.example", "/hooks/github?x=1"), to("hook"));
    assert_eq!(
        led(&policy, "any.example", "/hooks/github?x=//../%2f;"),
        to("hook"),
        "the query is no part of the path"
    );
    for other in
        ["/", "/hooks", "/hooks/githu", "/hooks/githubs", "/hooks/github/more", "/other/hooks/github", "/hooks-github"]
    {
        assert_eq!(led(&policy, "any.example", other), Led::Unmatched, "{other}");
    }
}

#[test]
fn a_prefix_matches_what_is_below_it() {
    let policy = routes("deny", &[("hook", &[], "/hooks/*")]);
    for below in ["/hooks/", "/hooks/a", "/hooks/a/b/c", "/hooks/a?b", "/hooks/%20", "/hooks/a%C3%A4"] {
        assert_eq!(led(&policy, "any.example", below), to("hook"), "{below}");
    }
    for other in ["/hooks", "/hookss/a", "/hook/a", "/", "/a/hooks/b"] {
        assert_eq!(led(&policy, "any.example", other), Led::Unmatched, "{other}");
    }
}

#[test]
fn the_prefix_of_everything_matches_everything() {
    let policy = routes("deny", &[("all", &[], "/*")]);
    for target in ["/", "/a", "/a/b", "/A/", "/?x"] {
        assert_eq!(led(&policy, "any.example", target), to("all"), "{target}");
    }
}

#[test]
fn the_most_specific_path_wins_in_whatever_order_they_stand() {
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
            assert_eq!(led(&policy, "any.example", target), to(name), "{target}");
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
        assert_eq!(led(&policy, host, "/hook"), to("hook"), "{host}");
    }
    for host in [
        "example.com",
        "a.hooks.example.com",
        "hooks.example.com.evil.example",
        "xhooks.example.com",
        "hooks-example.com",
    ] {
        assert_eq!(led(&policy, host, "/hook"), Led::Unmatched, "{host}");
    }
}

#[test]
fn hosts_given_in_any_case_match() {
    let policy = routes("deny", &[("hook", &["Hooks.Example.COM", "*.Other.Example"], "/hook")]);
    assert_eq!(led(&policy, "hooks.example.com", "/hook"), to("hook"));
    assert_eq!(led(&policy, "a.other.example", "/hook"), to("hook"));
}

#[test]
fn a_wildcard_matches_every_host_below_the_domain_and_not_the_domain() {
    let policy = routes("deny", &[("hook", &["*.example.com"], "/hook")]);
    for host in ["a.example.com", "a.b.example.com", "A.EXAMPLE.COM:443", "a.example.com."] {
        assert_eq!(led(&policy, host, "/hook"), to("hook"), "{host}");
    }
    for host in ["example.com", "aexample.com", "a.example.com.evil.example", "a.example.org"] {
        assert_eq!(led(&policy, host, "/hook"), Led::Unmatched, "{host}");
    }
}

#[test]
fn the_most_specific_host_wins_and_the_others_are_asked_where_it_has_no_such_path() {
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
        assert_eq!(led(&policy, host, target), to(name), "{host}{target}");
    }
}

#[test]
fn addresses_are_hosts_too() {
    let policy = routes("deny", &[("four", &["192.0.2.7"], "/hook"), ("six", &["[2001:db8::7]"], "/hook")]);
    assert_eq!(led(&policy, "192.0.2.7:8080", "/hook"), to("four"));
    assert_eq!(led(&policy, "[2001:db8::7]", "/hook"), to("six"));
    assert_eq!(led(&policy, "[2001:DB8::7]:8080", "/hook"), to("six"));
    assert_eq!(led(&policy, "[2001:db8::8]", "/hook"), Led::Unmatched);
}

#[test]
fn a_host_that_two_readers_could_take_for_different_ones_never_goes_through() {
    let policy = routes("allow", &[("hook", &["hooks.example.com"], "/hook")]);
    for host in [
        "user@hooks.example.com",
        "evil.example@hooks.example.com:443",
        "hooks.example.com@hooks.example.com",
        "hooks.example.com:443",
        "hooks.example.com.",
    ] {
        assert_eq!(led(&policy, host, "/hook"), to("hook"), "{host}");
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
        let led = led(&policy, host, "/hook");
        assert!(matches!(led, Led::Ambiguous | Led::To(_)), "{host:?}: {led:?}");
    }
}

/// Forms of `/hooks/github` that some reader takes for it.
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
fn no_ambiguous_form_of_a_path_reaches_its_source_or_goes_through() {
    let list: [(&str, &[&str], &str); 1] = [("hook", &["hooks.example.com"], "/hooks/github")];
    let denies = routes("deny", &list);
    let allows = routes("allow", &list);
    for target in AMBIGUOUS {
        let strictly = led(&denies, "hooks.example.com", target);
        assert!(matches!(strictly, Led::Ambiguous | Led::Unmatched), "{target:?}: {strictly:?}");
    }
    // A reader who drops what follows the first wrong escape, or blanks and dots at the end, is not one that
    // webhooks reach; all others are.
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
        assert_eq!(led(&allows, "hooks.example.com", target), Led::Ambiguous, "{target:?}");
        assert_eq!(led(&allows, "other.example.com", target), Led::Through, "{target:?} of a host without sources");
    }
}

#[test]
fn an_ambiguous_path_that_is_nobodys_in_any_reading_goes_through_where_that_is_allowed() {
    let allows = routes("allow", &[("hook", &[], "/hooks/github")]);
    for target in ["/static//app.js", "/a/../b", "/files/100%25", "/a;b", "/A", "/a/"] {
        assert_eq!(led(&allows, "any.example", target), Led::Through, "{target:?}");
    }
}

#[test]
fn a_path_in_another_case_or_with_a_slash_is_ambiguous_only_where_it_could_be_another_sources() {
    let list: [(&str, &[&str], &str); 2] = [("exact", &[], "/hooks/github"), ("below", &[], "/hooks/*")];
    let policy = routes("allow", &list);
    assert_eq!(led(&policy, "any.example", "/hooks/GitHub"), Led::Ambiguous, "exact for one reader, below for another");
    assert_eq!(led(&policy, "any.example", "/hooks/github/"), Led::Ambiguous);
    assert_eq!(led(&policy, "any.example", "/hooks/GitLab"), to("below"), "below for everybody");
    assert_eq!(led(&policy, "any.example", "/hooks/gitlab/"), to("below"));
    assert_eq!(
        led(&policy, "any.example", "/Hooks/gitlab"),
        Led::Ambiguous,
        "below for some readers, nobody's for others"
    );
}

#[test]
fn sources_whose_paths_lenient_routers_take_for_the_same_are_refused() {
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
fn a_format_or_a_blank_behind_a_sources_path_is_a_disguise() {
    let policy = routes("allow", &[("hook", &[], "/hooks/a")]);
    for target in ["/hooks/a.json", "/hooks/a%20", "/hooks/a.", "/hooks/a%0a", "/hooks/A.json"] {
        assert_eq!(led(&policy, "any.example", target), Led::Ambiguous, "{target}");
    }
}

#[test]
fn a_host_longer_than_hosts_can_be_is_nobodys() {
    let policy = routes("allow", &[("hook", &["hooks.example.com"], "/hook")]);
    let long = format!("{}com", "a.".repeat(25_000));
    assert_eq!(led(&policy, &long, "/hook"), Led::Ambiguous);
}

/// What a sender can do to a path so that a lenient reader still takes it for the same; each undone by one thing
/// that real servers do.
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

/// Comes last where it comes: a reader who drops parameters before he decodes never sees the slash in it.
const LAST: Disguise = ("a parameter with an escaped slash", |path, random| {
    let at = random.segment_end(path);
    insert(path, at, ";a%2fb")
});

#[test]
fn no_disguise_of_a_sources_path_goes_through_where_unmatched_requests_may() {
    let policy = routes("allow", &[("exact", &[], "/hooks/github"), ("below", &[], "/tenants/*")]);
    let mut random = Random(42);
    let mut through = std::collections::BTreeMap::new();
    for _ in 0..6_000 {
        for plain in ["/hooks/github", "/tenants/", "/tenants/acme"] {
            let mut path = plain.to_owned();
            let mut names = Vec::new();
            for _ in 0..=random.below(3) {
                let (name, disguise) = DISGUISES[random.below(DISGUISES.len())];
                // Nobody is known to decode three times.
                if name != ESCAPED_ESCAPES || !names.contains(&name) {
                    path = disguise(&path, &mut random);
                    names.push(name);
                }
            }
            // Behind another parameter of the same raw segment it would be dropped with it.
            if random.below(4) == 0 && !(names.contains(&"a parameter") && names.contains(&"an escape")) {
                path = LAST.1(&path, &mut random);
                names.push(LAST.0);
            }
            if led(&policy, "any.example", &path) == Led::Through {
                names.sort_unstable();
                names.dedup();
                through.entry((names.len(), names.join(", "))).or_insert(path);
            }
        }
    }
    let shortest: Vec<_> = through.iter().take(20).map(|((_, names), path)| format!("{path}  ({names})")).collect();
    assert!(
        through.is_empty(),
        "{} disguises go through without a proof, among them\n{}",
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
        // The two digits of an escape stay as they are.
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
