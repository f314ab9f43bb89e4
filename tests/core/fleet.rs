//! Calls to a shared store, and which of its answers count.

use std::rc::Rc;
use std::time::Duration;

use hookwarden::guard::call::Call;
use hookwarden::guard::fleet::{Answer, Kind, Store, WhenUnavailable};
use hookwarden::verify::key::secret::SecretText;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The key of another event.
const OTHER: &str = "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const TOKEN: &str = "Bearer token-of-the-shared-store";
const KINDS: [Kind; 2] = [Kind::Webdis, Kind::Rest];

fn store(kind: Kind) -> Store {
    Store {
        kind,
        cluster: "replay-store".to_owned(),
        authority: "store.example".to_owned(),
        path: String::new(),
        authorization: None,
        timeout: Duration::from_millis(250),
        when_unavailable: WhenUnavailable::Refuse,
    }
}

/// The answer of Webdis to the call for [`KEY`].
fn wrapped(json: &str) -> String {
    format!("{KEY}({json});\n")
}

fn answer(kind: Kind, status: u16, body: impl AsRef<[u8]>) -> Answer {
    store(kind).answer(KEY, status, body.as_ref())
}

fn deleted(kind: Kind, status: u16, body: impl AsRef<[u8]>) -> bool {
    store(kind).deleted(KEY, status, body.as_ref())
}

fn header<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    let mut values = call.headers.iter().filter(|(n, _)| n == name);
    let first = values.next().map(|(_, value)| std::str::from_utf8(value).expect("text"));
    assert!(values.next().is_none(), "{name} is there twice");
    first
}

#[test]
fn claiming_and_giving_back_are_commands_in_the_path() {
    for (kind, query) in [(Kind::Webdis, format!("?jsonp={KEY}")), (Kind::Rest, String::new())] {
        let call = store(kind).claim(KEY, Duration::from_secs(60));
        assert_eq!(call.cluster, "replay-store");
        assert_eq!(call.timeout, Duration::from_millis(250));
        let expected = [
            (":method", "GET".to_owned()),
            (":path", format!("/SET/hookwarden:{KEY}/1/NX/EX/60{query}")),
            (":authority", "store.example".to_owned()),
        ];
        let expected: Vec<_> =
            expected.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
        assert_eq!(call.headers, expected);

        let call = store(kind).give_back(KEY);
        assert_eq!(header(&call, ":path"), Some(format!("/DEL/hookwarden:{KEY}{query}").as_str()));
    }
}

#[test]
fn a_prefix_precedes_the_command() {
    let store = Store { path: "/store".to_owned(), ..store(Kind::Rest) };
    let claim = store.claim(KEY, Duration::from_secs(1));
    assert_eq!(header(&claim, ":path"), Some(format!("/store/SET/hookwarden:{KEY}/1/NX/EX/1").as_str()));
    let give_back = store.give_back(KEY);
    assert_eq!(header(&give_back, ":path"), Some(format!("/store/DEL/hookwarden:{KEY}").as_str()));
}

#[test]
fn a_window_is_rounded_up_to_whole_seconds() {
    let cases = [
        (Duration::from_secs(86_400), 86_400),
        (Duration::from_secs(31 * 86_400), 2_678_400),
        (Duration::from_millis(1001), 2),
        (Duration::from_nanos(1_000_000_001), 2),
        (Duration::from_millis(1999), 2),
        // The store refuses an expiry of zero.
        (Duration::from_millis(1), 1),
        (Duration::ZERO, 1),
        (Duration::MAX, u64::MAX),
    ];
    for (window, seconds) in cases {
        let call = store(Kind::Rest).claim(KEY, window);
        let path = header(&call, ":path").expect("a path");
        assert!(path.ends_with(&format!("/NX/EX/{seconds}")), "{window:?}: {path}");
    }
}

#[test]
fn the_authorization_is_sent_with_every_call_and_never_printed() {
    let authorization = Some(Rc::new(SecretText::new(TOKEN.as_bytes())));
    let store = Store { authorization, ..store(Kind::Webdis) };
    for call in [store.claim(KEY, Duration::from_secs(60)), store.give_back(KEY)] {
        assert_eq!(header(&call, "authorization"), Some(TOKEN));
        for printed in [format!("{call:?}"), format!("{call:#?}"), format!("{store:?}")] {
            assert!(!printed.contains("token-of"), "{printed}");
            assert!(!printed.contains("116, 111, 107"), "nor as numbers: {printed}");
        }
        assert!(format!("{call:?}").contains("authorization"));
    }
}

#[test]
fn an_unclaimed_event_is_claimed() {
    // Webdis 0.1.9 before Redis 7.0.15.
    assert_eq!(answer(Kind::Webdis, 200, format!("{KEY}({{\"SET\":[true,\"OK\"]}});\n")), Answer::Done);
    assert_eq!(answer(Kind::Webdis, 200, format!("{KEY}( {{ \"SET\" : [ true , \"OK\" ] }} );")), Answer::Done);
    assert_eq!(answer(Kind::Rest, 200, "{\"result\":\"OK\"}"), Answer::Done);
    assert_eq!(answer(Kind::Rest, 200, " { \"result\" : \"OK\" } \r\n"), Answer::Done);
}

#[test]
fn an_already_claimed_event_is_taken() {
    assert_eq!(answer(Kind::Webdis, 200, format!("{KEY}({{\"SET\":null}});\n")), Answer::Taken);
    assert_eq!(answer(Kind::Rest, 200, "{\"result\":null}"), Answer::Taken);
}

#[test]
fn an_answer_of_webdis_to_another_call_is_no_answer() {
    // Webdis wrote an answer to the wrong connection, or did not use the function name.
    for json in ["{\"SET\":[true,\"OK\"]}", "{\"SET\":null}", "{\"DEL\":1}"] {
        for body in [
            format!("{OTHER}({json});\n"),
            json.to_owned(),
            format!("({json});\n"),
            format!("{}({json});\n", &KEY[1..]),
            format!("{}({json});\n", &KEY[..63]),
            format!("{}({json});\n", KEY.to_uppercase()),
            format!("{KEY}{KEY}({json});\n"),
            format!(" {KEY}({json});\n"),
            format!("{OTHER}({json});\n{KEY}({json});\n"),
            format!("{KEY}({json});\n{OTHER}({json});\n"),
            format!("{KEY}({OTHER}({json}););\n"),
            format!("{KEY} ({json});\n"),
            format!("{KEY}[{json}];\n"),
            format!("{KEY}({json}"),
            format!("{KEY}({json})"),
            format!("{KEY}({json});x"),
        ] {
            assert_eq!(answer(Kind::Webdis, 200, &body), Answer::Unavailable, "{body}");
            assert!(!deleted(Kind::Webdis, 200, &body), "{body}");
        }
    }
}

#[test]
fn an_answer_of_another_kind_of_store_is_no_answer() {
    for result in ["\"OK\"", "null", "[true,\"OK\"]", "1"] {
        for body in [format!("{{\"result\":{result}}}"), wrapped(&format!("{{\"result\":{result}}}"))] {
            assert_eq!(answer(Kind::Webdis, 200, &body), Answer::Unavailable, "{body}");
            assert!(!deleted(Kind::Webdis, 200, &body), "{body}");
        }
        for command in ["SET", "DEL"] {
            let json = format!("{{\"{command}\":{result}}}");
            for body in [wrapped(&json), json] {
                assert_eq!(answer(Kind::Rest, 200, &body), Answer::Unavailable, "{body}");
                assert!(!deleted(Kind::Rest, 200, &body), "{body}");
            }
        }
    }
}

#[test]
fn every_error_of_a_store_counts_as_no_answer() {
    // Error messages of Redis. Webdis 0.1.9 returns them with status 200, in the first of the forms below.
    let errors = [
        "ERR invalid expire time in 'set' command",
        "ERR wrong number of arguments for 'set' command",
        "ERR syntax error",
        "NOAUTH Authentication required.",
        "NOPERM this user has no permissions to run the 'set' command",
        "NOREPLICAS Not enough good replicas to write.",
        "READONLY You can't write against a read only replica.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "LOADING Redis is loading the dataset in memory",
        "MISCONF Errors writing to the AOF file: No space left on device",
        "MOVED 7365 127.0.0.1:7001",
        "CLUSTERDOWN The cluster is down",
        "OK",
    ];
    for error in errors {
        for json in [
            format!("{{\"SET\":[false,\"{error}\"]}}"),
            format!("{{\"DEL\":[false,\"{error}\"]}}"),
            format!("{{\"error\":\"{error}\"}}"),
            format!("{{\"result\":null,\"error\":\"{error}\"}}"),
            format!("{{\"result\":\"OK\",\"error\":\"{error}\"}}"),
            format!("{{\"result\":1,\"error\":\"{error}\"}}"),
        ] {
            for status in [200, 400, 401, 403, 500] {
                for (kind, body) in [(Kind::Webdis, wrapped(&json)), (Kind::Rest, json.clone())] {
                    assert_eq!(answer(kind, status, &body), Answer::Unavailable, "{status} {body}");
                    assert!(!deleted(kind, status, &body), "{status} {body}");
                }
            }
        }
    }
}

#[test]
fn no_other_status_counts_whatever_the_body_is() {
    // Webdis: 503 without Redis, 403 if its ACL refuses, 304 to a request with an ETag.
    for status in (0..200).chain(201..1000).chain([65535]) {
        for kind in KINDS {
            for json in [
                "{\"SET\":[true,\"OK\"]}",
                "{\"SET\":null}",
                "{\"result\":\"OK\"}",
                "{\"result\":null}",
                "{\"DEL\":1}",
                "{\"result\":1}",
                "",
            ] {
                for body in [json.to_owned(), wrapped(json)] {
                    assert_eq!(answer(kind, status, &body), Answer::Unavailable, "{status} {body}");
                    assert!(!deleted(kind, status, &body), "{status} {body}");
                }
            }
        }
    }
}

#[test]
fn a_near_match_of_an_answer_is_no_answer() {
    let bodies = [
        "",
        " ",
        "OK",
        "\"OK\"",
        "null",
        "true",
        "[]",
        "{}",
        "[true,\"OK\"]",
        "+OK\r\n",
        "$-1\r\n",
        "<html>OK</html>",
        "{\"SET\":\"OK\"}",
        "{\"SET\":true}",
        "{\"SET\":false}",
        "{\"SET\":0}",
        "{\"SET\":1}",
        "{\"SET\":[]}",
        "{\"SET\":{}}",
        "{\"SET\":[true]}",
        "{\"SET\":[null]}",
        "{\"SET\":[\"OK\"]}",
        "{\"SET\":[true,\"ok\"]}",
        "{\"SET\":[true,\"OK \"]}",
        "{\"SET\":[true,\"QUEUED\"]}",
        "{\"SET\":[true,null]}",
        "{\"SET\":[false,null]}",
        "{\"SET\":[false,\"OK\"]}",
        "{\"SET\":[1,\"OK\"]}",
        "{\"SET\":[\"true\",\"OK\"]}",
        "{\"SET\":[true,\"OK\",1]}",
        "{\"SET\":[[true,\"OK\"]]}",
        "{\"set\":[true,\"OK\"]}",
        "{\"set\":null}",
        "{\"GET\":null}",
        "{\"DEL\":1}",
        "{\"DEL\":null}",
        "{\"Result\":\"OK\"}",
        "{\"result\":[true,\"OK\"]}",
        "{\"result\":\"ok\"}",
        "{\"result\":true}",
        "{\"result\":1}",
        "{\"result\":{}}",
        "[{\"result\":\"OK\"}]",
        "{\"SET\":null,\"SET\":[true,\"OK\"]}",
        "{\"SET\":[true,\"OK\"],\"SET\":null}",
        "{\"SET\":[true,\"OK\"],\"result\":null}",
        "{\"result\":null,\"result\":\"OK\"}",
        "{\"SET\":[true,\"OK\"]}{\"SET\":[true,\"OK\"]}",
        "{\"result\":\"OK\"}{\"result\":\"OK\"}",
        "{\"SET\":null} x",
        "foo({\"SET\":[true,\"OK\"]});",
        "\u{feff}{\"SET\":null}",
        "\u{feff}{\"result\":null}",
    ];
    for json in bodies {
        for kind in KINDS {
            for body in [json.to_owned(), wrapped(json)] {
                assert_eq!(answer(kind, 200, &body), Answer::Unavailable, "{kind:?} {body}");
            }
        }
    }
    for json in [b"\0".as_slice(), b"\xff\xfe", b"{\"SET\":[true,\"O\xcb\"]}", b"{\"result\":nul\0}"] {
        for kind in KINDS {
            for body in [json.to_vec(), [KEY.as_bytes(), b"(", json, b");\n"].concat()] {
                assert_eq!(answer(kind, 200, &body), Answer::Unavailable, "{}", body.escape_ascii());
                assert!(!deleted(kind, 200, &body), "{}", body.escape_ascii());
            }
        }
    }
}

/// Every valid answer.
fn right() -> [(Kind, String); 6] {
    [
        (Kind::Webdis, wrapped("{\"SET\":[true,\"OK\"]}")),
        (Kind::Webdis, wrapped("{\"SET\":null}")),
        (Kind::Webdis, wrapped("{\"DEL\":1}")),
        (Kind::Rest, "{\"result\":\"OK\"}".to_owned()),
        (Kind::Rest, "{\"result\":null}".to_owned()),
        (Kind::Rest, "{\"result\":1}".to_owned()),
    ]
}

#[test]
fn a_truncated_answer_is_no_answer() {
    for (kind, body) in right() {
        for length in 0..body.trim_end().len() {
            let part = &body.as_bytes()[..length];
            assert_eq!(answer(kind, 200, part), Answer::Unavailable, "{}", part.escape_ascii());
            assert!(!deleted(kind, 200, part), "{}", part.escape_ascii());
        }
    }
}

#[test]
fn an_answer_with_a_changed_byte_is_a_different_answer_or_none() {
    for (kind, body) in right() {
        let body = body.trim_end();
        for position in 0..body.len() {
            for byte in 0..=u8::MAX {
                let mut changed = body.as_bytes().to_vec();
                changed[position] = byte;
                if changed == body.as_bytes() {
                    continue;
                }
                assert_eq!(answer(kind, 200, &changed), Answer::Unavailable, "{}", changed.escape_ascii());
                // It had already expired.
                let also_deleted = changed == body.replace(":1", ":0").as_bytes();
                assert_eq!(deleted(kind, 200, &changed), also_deleted, "{}", changed.escape_ascii());
            }
        }
    }
}

#[test]
fn an_answer_longer_than_any_valid_one_is_not_read() {
    for (kind, body) in right() {
        let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
        let read = |body: String| answer(kind, 200, &body) != Answer::Unavailable || deleted(kind, 200, &body);
        assert!(read(padded(1024)));
        assert!(!read(padded(1025)));
        assert!(!read(padded(10_000_000)));
    }
    for open in ["[", "{\"SET\":", "{\"a\":[", KEY, "("] {
        for count in [10, 100_000] {
            for body in [open.repeat(count), wrapped(&open.repeat(count))] {
                for kind in KINDS {
                    assert_eq!(answer(kind, 200, &body), Answer::Unavailable);
                    assert!(!deleted(kind, 200, &body));
                }
            }
        }
    }
}

#[test]
fn giving_back_an_expired_claim_succeeds() {
    for count in ["1", "0"] {
        assert!(deleted(Kind::Webdis, 200, wrapped(&format!("{{\"DEL\":{count}}}"))));
        assert!(deleted(Kind::Rest, 200, format!("{{\"result\":{count}}}")));
    }
    for value in ["2", "-1", "-0", "1.0", "1e0", "\"1\"", "true", "null", "[true,\"OK\"]", "[1]", "\"OK\"", "{}", ""] {
        for (kind, body) in
            [(Kind::Webdis, wrapped(&format!("{{\"DEL\":{value}}}"))), (Kind::Rest, format!("{{\"result\":{value}}}"))]
        {
            assert!(!deleted(kind, 200, &body), "{body}");
        }
    }
    for json in ["", "1", "{}", "{\"del\":1}", "{\"SET\":1}", "{\"DEL\":1,\"DEL\":1}", "{\"DEL\":1}1"] {
        assert!(!deleted(Kind::Webdis, 200, wrapped(json)), "{json}");
        assert!(!deleted(Kind::Rest, 200, json.replace("DEL", "result")), "{json}");
    }
}
