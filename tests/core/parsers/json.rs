//! Reading and writing JSON.

use hookwarden::verify::bytes::json::{Json, JsonPath};

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn path(text: &str) -> JsonPath {
    JsonPath::parse(text).expect("a path")
}

#[test]
fn writing_json_drops_only_white_space() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-12.50",
        "18446744073709551616",
        r#""""#,
        "[]",
        "{}",
        "[1,[2,3],[]]",
        r#"{"b":1,"a":{"c":null},"b":[true,"x"]}"#,
        r#"["\"","\\","/","\n\r\t","\u0000\u001f"," ~é"]"#,
        r#"{"\"\n":1}"#,
    ] {
        assert_eq!(json(text).to_string(), text);
    }
    assert_eq!(json(" { \"a\" : [ 1 , 2 ] } ").to_string(), r#"{"a":[1,2]}"#);
}

#[test]
fn setting_a_value_creates_the_missing_parents() {
    for (before, at, after) in [
        ("{}", "a", r#"{"a":"x"}"#),
        ("null", "a.b", r#"{"a":{"b":"x"}}"#),
        (r#"{"a":1,"b":2}"#, "a", r#"{"a":"x","b":2}"#),
        (r#"{"a":{"c":1}}"#, "a.b", r#"{"a":{"c":1,"b":"x"}}"#),
        ("[1,2]", "1", r#"[1,"x"]"#),
        ("[]", "2", r#"[null,null,"x"]"#),
        ("[1]", "", r#""x""#),
        (r#"{"a":[{"b":1}]}"#, "a.0.b", r#"{"a":[{"b":"x"}]}"#),
    ] {
        let mut value = json(before);
        assert!(value.set(path(at).steps(), Json::Text("x".to_owned())), "{before} at {at}");
        assert_eq!(value.to_string(), after, "{before} at {at}");
    }
    for (value, at) in [("1", "a"), (r#""text""#, "0"), ("[1]", "a"), ("[1]", "-1"), (r#"{"a":true}"#, "a.b")] {
        assert!(!json(value).set(path(at).steps(), Json::Null), "{value} at {at}");
    }
    // A list grows by 64 elements at most, so that no step makes a long one.
    for (at, expected) in [("63", true), ("64", false), ("999999999", false)] {
        assert_eq!(json("[]").set(path(at).steps(), Json::Null), expected, "{at}");
        let behind = (at.parse::<u32>().expect("a number") + 1).to_string();
        assert_eq!(json("[1]").set(path(&behind).steps(), Json::Null), expected, "{behind} behind one");
    }
}

#[test]
fn a_path_goes_through_objects_and_lists() {
    let value = json(r#"{"a":{"b":[10,{"c":"x"}]},"n":null,"0":1}"#);
    for (at, expected) in [
        ("a.b.0", Some("10")),
        ("a.b.1.c", Some(r#""x""#)),
        ("0", Some("1")),
        ("a.b.2", None),
        ("a.b.x", None),
        ("a.c", None),
        ("n", None),
        ("a.b.0.c", None),
    ] {
        assert_eq!(value.at(&path(at)).map(ToString::to_string).as_deref(), expected, "{at}");
    }
    assert_eq!(value.at(&path("")), Some(&value));
    let many = json(r#"{"l":[{"v":1},{"v":2}],"m":[{"v":1},{}],"e":[]}"#);
    for (at, expected) in
        [("l.*.v", vec!["1", "2"]), ("m.*.v", vec![]), ("e.*.v", vec![]), ("l.v", vec![]), ("l.1.v", vec!["2"])]
    {
        let found: Vec<_> = many.all_at(&path(at)).into_iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{at}");
    }
}

#[test]
fn depth_and_size_of_a_document_are_limited() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth: usize| r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
    for make in [&nested as &dyn Fn(usize) -> String, &objects] {
        assert!(Json::parse(make(64).as_bytes()).is_ok());
        for depth in [65, 66, 1000] {
            assert!(Json::parse(make(depth).as_bytes()).is_err(), "{depth}");
        }
    }
    // The list itself is a value, too.
    let long = |values: usize| format!("[{}]", vec!["1"; values].join(","));
    assert!(Json::parse(long(99_999).as_bytes()).is_ok());
    assert!(Json::parse(long(100_000).as_bytes()).is_err());
}

#[test]
fn the_memory_of_a_value_is_counted() {
    let text = "x".repeat(1000);
    for (text, least) in [
        (format!(r#""{text}""#), 1000),
        (format!(r#"["{text}"]"#), 1000 + size_of::<Json>()),
        (format!(r#"{{"a":"{text}"}}"#), 1000 + size_of::<(String, Json)>()),
        (format!(r#"{{"{text}":1}}"#), 1000 + size_of::<(String, Json)>()),
        (format!("1{}", "0".repeat(999)), 1000),
        (format!("[{}]", vec!["1"; 100].join(",")), 100 * size_of::<Json>()),
    ] {
        let held = json(&text).held_bytes();
        assert!((least..=least * 4).contains(&held), "{held} for {least}");
    }
    for text in ["null", "true", "[]", "{}"] {
        assert_eq!(json(text).held_bytes(), 0, "{text}");
    }
}

#[test]
fn a_duplicate_key_is_found_at_any_depth() {
    for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"a":3}"#, r#"[{"x":{"a":1,"a":2}}]"#, r#"{"\u0061":1,"a":2}"#] {
        assert!(json(text).has_duplicate_keys(), "{text}");
    }
    for text in ["{}", r#"{"a":1,"A":2}"#, r#"[{"a":1},{"a":2}]"#, r#"{"a":{"a":1}}"#, r#"["a","a"]"#] {
        assert!(!json(text).has_duplicate_keys(), "{text}");
    }
}

#[test]
fn plain_values_have_a_text_and_a_kind() {
    for (value, text, kind) in [
        ("null", None, "null"),
        ("true", Some("true"), "true or false"),
        ("false", Some("false"), "true or false"),
        ("1.50", Some("1.50"), "a number"),
        ("1e3", None, "a number"),
        ("1E3", None, "a number"),
        (r#""e""#, Some("e"), "text"),
        ("[1]", None, "a list"),
        ("{}", None, "an object"),
    ] {
        assert_eq!((json(value).text(), json(value).kind()), (text, kind), "{value}");
    }
}

#[test]
fn a_path_with_a_star_goes_through_every_element() {
    for (text, expected) in [("a.*.b", true), ("*", true), ("a.b", false), ("a*", false), ("", false)] {
        assert_eq!(path(text).has_wildcard(), expected, "{text}");
    }
}
