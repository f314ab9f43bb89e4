//! Expressions: their syntax, evaluation and inverse.

use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::expression::message::{Message, TemplateError};
use hookwarden::verify::expression::native::{Origin, UrlParts, like};
use hookwarden::verify::expression::{Expression, ExpressionError, Facts};
use hookwarden::verify::{Denial, Request, borrowed};

use super::headers;

fn expression(text: &str) -> Expression {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn parse(text: &str) -> Result<Expression, ExpressionError> {
    Expression::parse(text, &|name| (name == "given").then(|| "configured".to_owned()))
}

/// The value of `header:X-Value` after these filters.
fn filtered(filters: &str, value: &str) -> Result<String, Denial> {
    let headers = headers(&[(":method", "POST"), ("x-value", value)]);
    let lines = borrowed(&headers);
    let facts = Facts { request: Some(Request::new(&lines)), ..Facts::default() };
    let bytes = expression(&format!("header:X-Value{filters}")).value(&facts)?;
    Ok(String::from_utf8(bytes).expect("text"))
}

#[test]
fn every_filter_does_what_its_name_says() {
    for (filters, value, expected) in [
        ("", " As It Is ", " As It Is "),
        ("|lower", "AbC-ü", "abc-ü"),
        ("|upper", "AbC-ü", "ABC-ü"),
        ("|trim", " \t a b ", "a b"),
        ("|word", "a-Z_0.9", "a-Z_0.9"),
        ("|sha1|hex", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("|sha256|hex", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("|md5|hex", "abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("|crc32", "123456789", "3421780262"),
        ("|hex", "a?", "613f"),
        ("|base64", "a??", "YT8/"),
        ("|base64", "a", "YQ=="),
        ("|base64url", "a??>", "YT8_Pg"),
        ("|base64url_padded", "a??>", "YT8_Pg=="),
        ("|base64_decode", "YT8/", "a??"),
        ("|base64url_decode", "YT8_Pg", "a??>"),
        ("|percent_decode", "a%2Fb+c", "a/b+c"),
        ("|without_query", "https://a/b?c=d?e", "https://a/b"),
        ("|without_query", "/b", "/b"),
        ("|with_port", "https://a/b?c", "https://a:443/b?c"),
        ("|with_port", "http://a", "http://a:80"),
        ("|with_port", "https://a:8443/b", "https://a:8443/b"),
        ("|with_port", "https://u:p@a/b", "https://u:p@a:443/b"),
        ("|with_port", "https://[::1]/b", "https://[::1]:443/b"),
        ("|with_port", "https://[::1]:8443/b", "https://[::1]:8443/b"),
        ("|with_port", "https://a?b/c", "https://a:443?b/c"),
        ("|with_port", "/b", "/b"),
        ("|without_port", "https://a:443/b:1", "https://a/b:1"),
        ("|without_port", "https://a/b:1", "https://a/b:1"),
        ("|without_port", "https://[::1]:8443/b", "https://[::1]/b"),
        ("|without_port", "https://[::1]/b", "https://[::1]/b"),
        ("|hubspot_decode", "/a%3Ab%2fc%20%3f%4", "/a:b/c%20?%4"),
        ("|media_type", "Application/JSON; charset=utf-8", "application/json"),
        ("|base64_decode|json:a.b", "eyJhIjp7ImIiOiJ4In19", "x"),
        ("|lower|hex", "A", "61"),
    ] {
        assert_eq!(filtered(filters, value).as_deref(), Ok(expected), "{value}{filters}");
    }
    for (filters, value, denial) in [
        ("|word", "a b", Denial::FieldMalformed),
        ("|base64_decode", "!", Denial::FieldMalformed),
        ("|base64url_decode", "Y/8", Denial::FieldMalformed),
        ("|sorted", "a", Denial::BodyMalformed),
    ] {
        assert_eq!(filtered(filters, value), Err(denial), "{value}{filters}");
    }
}

#[test]
fn a_possible_braintree_challenge_is_refused_as_a_payload() {
    for challenge in ["0123456789abcdef0123", "0123456789abcdef0123456789abcdef", " 0123456789abcdef0123\n"] {
        assert_eq!(filtered("|braintree_payload", challenge), Err(Denial::FieldMalformed), "{challenge}");
    }
    for payload in ["0123456789abcdef012", "0123456789abcdef0123456789abcdef0", "0123456789abcdef012g", "PD94bWw+", ""]
    {
        assert_ne!(filtered("|braintree_payload", payload), Err(Denial::FieldMalformed), "{payload}");
    }
}

#[test]
fn every_invalid_expression_has_its_own_error() {
    for (text, expected) in [
        ("header:", ExpressionError::BadName),
        ("header:a b", ExpressionError::BadName),
        ("query:", ExpressionError::BadName),
        ("form:", ExpressionError::BadName),
        ("entry:", ExpressionError::BadName),
        ("entry:@", ExpressionError::BadName),
        ("entry:@10", ExpressionError::BadName),
        ("entry:@x", ExpressionError::BadName),
        ("json:a..b", ExpressionError::BadName),
        ("body|json:a..b", ExpressionError::BadName),
        ("cookie:a", ExpressionError::UnknownRoot("cookie".to_owned())),
        ("bodies", ExpressionError::UnknownRoot("bodies".to_owned())),
        ("", ExpressionError::UnknownRoot(String::new())),
        ("body|rot13", ExpressionError::UnknownFilter),
        ("with:missing", ExpressionError::MissingValue("missing".to_owned())),
        ("url", ExpressionError::MissingValue("public_url".to_owned())),
    ] {
        assert_eq!(parse(text), Err(expected), "{text}");
    }
    assert_eq!(expression("with:given").literal(), Some(&b"configured"[..]));
    assert_eq!(expression("with:given|upper").literal(), None);
}

#[test]
fn a_plain_header_or_json_member_is_recognised() {
    assert_eq!(expression("header:X-Id").as_header(), Some("x-id"));
    assert_eq!(expression("header:X-Id|lower").as_header(), None);
    assert_eq!(expression("json:a.b").as_json(), JsonPath::parse("a.b").as_ref());
    assert_eq!(expression("json:a.b|lower").as_json(), None);
    assert_eq!(expression("body").as_header(), None);
    assert_eq!(expression("body").as_json(), None);
}

#[test]
fn a_value_knows_its_origin() {
    let path = JsonPath::parse("a.b").expect("a path");
    for (text, expected) in [
        ("header:X-Id|lower", Origin::Header("x-id")),
        ("query:q", Origin::Query("q")),
        ("form:f", Origin::Form("f")),
        ("form_last:f", Origin::Form("f")),
        ("json:a.b", Origin::Json(&path)),
        ("entry:v1=", Origin::Entry("v1=")),
        ("entry:@3", Origin::EntryAt(3)),
        ("body|sha256|hex", Origin::Body),
        ("method", Origin::Other),
        ("with:given", Origin::Other),
    ] {
        assert_eq!(expression(text).origin(), expected, "{text}");
    }
    assert_eq!(expression("header:X-Id?|lower").unfiltered(), expression("header:X-Id"));
    assert_eq!(expression("header:Signed|header_values").header_list_separator(), Some(' '));
    assert_eq!(expression("header:Signed|header_pairs").header_list_separator(), Some(','));
    assert_eq!(expression("header:Signed").header_list_separator(), None);
}

#[test]
fn undoing_an_expression_is_the_inverse_of_evaluating_it() {
    for (filters, value, written) in [
        ("", "Any", Some("Any")),
        ("|lower", "abc", Some("abc")),
        ("|lower", "Abc", None),
        ("|upper", "ABC", Some("ABC")),
        ("|upper", "Abc", None),
        ("|trim", "a b", Some("a b")),
        ("|trim", " a", None),
        ("|word", "a-b", Some("a-b")),
        ("|word", "a b", None),
        ("|base64_decode", "a??>", Some("YT8/Pg==")),
        ("|base64url_decode", "a??>", Some("YT8_Pg")),
        ("|braintree_payload", "PD94bWw+", Some("PD94bWw+")),
        ("|percent_decode", "a/b", Some("a%2Fb")),
        ("|json:a.b", "x", Some(r#"{"a":{"b":"x"}}"#)),
        ("|base64_decode|json:a", "x", Some("eyJhIjoieCJ9")),
        ("|hex", "61", None),
        ("|sha256", "x", None),
    ] {
        let undone = expression(&format!("header:X-Value{filters}")).undo(value.as_bytes(), None);
        assert_eq!(undone, written.map(|text| text.as_bytes().to_vec()), "{value}{filters}");
        if let Some(written) = written {
            assert_eq!(filtered(filters, written).as_deref(), Ok(value), "{written}{filters}");
        }
    }
}

#[test]
fn undoing_keeps_everything_but_the_value() {
    let undo = |text: &str, value: &str, present: &str| {
        let undone = expression(text).undo(value.as_bytes(), Some(present.as_bytes()));
        undone.map(|bytes| String::from_utf8(bytes).expect("text"))
    };
    assert_eq!(undo("header:a|json:b", "x", r#"{"a":1,"b":"y"}"#).as_deref(), Some(r#"{"a":1,"b":"x"}"#));
    // {"a":1,"b":"y"} and {"a":1,"b":"x"}
    let nested = undo("header:a|base64_decode|json:b", "x", "eyJhIjoxLCJiIjoieSJ9");
    assert_eq!(nested.as_deref(), Some("eyJhIjoxLCJiIjoieCJ9"));
    assert_eq!(undo("header:a|json:b", "x", "no JSON"), None);
    assert_eq!(undo("header:a|json:b", "x", "").as_deref(), Some(r#"{"b":"x"}"#));
}

#[test]
fn a_text_takes_the_type_of_the_present_value_if_it_can() {
    let text = |text: &str| Json::Text(text.to_owned());
    for (present, given, expected) in [
        (Some(Json::Number("1".to_owned())), "23", Json::Number("23".to_owned())),
        (Some(Json::Number("1".to_owned())), "2x", text("2x")),
        (Some(Json::Bool(true)), "false", Json::Bool(false)),
        (Some(Json::Bool(false)), "true", Json::Bool(true)),
        (Some(Json::Bool(true)), "no", text("no")),
        (Some(text("1")), "23", text("23")),
        (None, "true", text("true")),
    ] {
        assert_eq!(like(present.as_ref(), text(given)), expected, "{given} for {present:?}");
    }
}

fn message(template: &str) -> Result<Message, TemplateError> {
    Message::parse(template, &|_| None)
}

#[test]
fn every_invalid_template_has_its_own_error() {
    for (template, expected) in [
        ("", TemplateError::Empty),
        ("{body", TemplateError::Unbalanced),
        ("body}", TemplateError::Unbalanced),
        ("[[{body}", TemplateError::Unbalanced),
        ("{body}]]", TemplateError::Unbalanced),
        ("[[{body}[[.]]]]", TemplateError::Unbalanced),
        ("{bodies}", TemplateError::Expression(ExpressionError::UnknownRoot("bodies".to_owned()))),
    ] {
        assert_eq!(message(template).err(), Some(expected), "{template}");
    }
    assert_eq!(message("{{a}}").expect("a template").literal(), Some(b"{a}".to_vec()));
    assert_eq!(message("{body}").expect("a template").literal(), None);
}

#[test]
fn a_template_with_one_value_is_solved_for_it() {
    let solved = |template: &str, text: &str| {
        let message = message(template).expect("a template");
        message.solve(text.as_bytes()).map(|(value, rest)| (value.clone(), String::from_utf8_lossy(rest).into_owned()))
    };
    let id = expression("header:X-Id");
    for (template, text, expected) in [
        ("{header:X-Id}", "abc", Some("abc")),
        ("v1={header:X-Id}", "v1=abc", Some("abc")),
        ("{header:X-Id};", "abc;", Some("abc")),
        ("<{header:X-Id}>", "<abc>", Some("abc")),
        ("v1={header:X-Id}", "v2=abc", None),
        ("{header:X-Id};", "abc", None),
        ("<{header:X-Id}>", "<abc", None),
        ("<{header:X-Id}>", "abc>", None),
        ("abc", "abc", None),
        ("{header:X-Id}{header:X-Id}", "abcabc", None),
    ] {
        let expected = expected.map(|value| (id.clone(), value.to_owned()));
        assert_eq!(solved(template, text), expected, "{template} for {text}");
    }
}

#[test]
fn a_template_knows_what_a_signature_over_it_covers() {
    let is = |template: &str| {
        let message = message(template).expect("a template");
        (message.covers_body(), message.needs_body(), message.needs_secret(), message.always_holds_secret())
    };
    for (template, expected) in [
        ("{body}", (true, true, false, false)),
        ("{timestamp}.{body}", (true, true, false, false)),
        ("{body|sha256|hex}", (true, true, false, false)),
        ("{body|base64}", (true, true, false, false)),
        ("{body|lower}", (false, true, false, false)),
        ("{body|crc32}", (false, true, false, false)),
        ("{json:a}", (false, true, false, false)),
        ("{header:X-Id}", (false, false, false, false)),
        ("{secret}{body}", (true, true, true, true)),
        ("[[{secret}.]]{body}", (true, true, true, false)),
        ("{secret|lower}{header:X-Id}", (false, false, true, false)),
    ] {
        assert_eq!(is(template), expected, "{template}");
    }
}

#[test]
fn a_template_knows_where_bytes_could_move_between_values() {
    for (template, open, behind_timestamp) in [
        ("{header:X-Id}.{body}", false, false),
        ("{header:X-Id}{body}", true, false),
        ("{header:X-Id|lower}{body}", true, false),
        ("{header:X-Id|sha256|hex}{body}", false, false),
        ("{body}{header:X-Id}", false, false),
        ("{header:X-Id}{timestamp}", false, false),
        ("{timestamp}{body}", false, true),
        ("{timestamp}.{body}", false, false),
        ("{timestamp}{header:X-Id}{body}", true, true),
        ("{body}{timestamp}", false, false),
    ] {
        let message = message(template).expect("a template");
        assert_eq!(message.has_open_boundary(), open, "{template}");
        assert_eq!(message.has_timestamp_at_boundary(), behind_timestamp, "{template}");
    }
}

/// An expression where `public_url` is configured.
fn with_url(text: &str) -> Expression {
    let with = |name: &str| (name == "public_url").then(|| "https://hooks.example.com".to_owned());
    Expression::parse(text, &with).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

#[test]
fn a_value_tells_which_parts_of_the_head_it_covers() {
    let nothing = UrlParts::default();
    let target = UrlParts { path: true, query: true, ..nothing };
    let whole = UrlParts { host: true, ..target };
    for (text, url, method) in [
        ("url", whole, false),
        ("url|without_query", UrlParts { host: true, path: true, ..nothing }, false),
        ("url|lower", whole, false),
        ("plivo_v3", whole, true),
        ("target", target, false),
        ("contentful_path", target, false),
        ("qsh", target, true),
        ("path", UrlParts { path: true, ..nothing }, false),
        ("query", UrlParts { query: true, ..nothing }, false),
        ("query:id", UrlParts { parameters: true, ..nothing }, false),
        ("method", nothing, true),
        ("header:X-Id", nothing, false),
        ("body", nothing, false),
        ("php_serialize", nothing, false),
        ("sns", nothing, false),
    ] {
        let value = with_url(text);
        assert_eq!((value.url_parts(), value.covers_method()), (url, method), "{text}");
    }
    assert!(expression("header:X-Request-Id").reads_header("x-request-id"));
    assert!(expression("header:X-Request-Id|lower").reads_header("x-request-id"));
    assert!(!expression("header:X-Id").reads_header("x-request-id"));
    assert!(!expression("query:x-request-id").reads_header("x-request-id"));
}

#[test]
fn a_value_tells_whether_it_covers_the_whole_body() {
    for (text, expected) in [
        ("body", true),
        ("body|sha256|hex", true),
        ("body|base64", true),
        ("body|dotnet_json", true),
        ("unisender", true),
        ("php_serialize", true),
        ("plivo_v3", true),
        ("form|sorted", true),
        ("form|sorted_query", true),
        ("query|sorted", false),
        ("body|lower", false),
        ("body|crc32", false),
        ("form:a", false),
        ("json:a", false),
        // Some of its members.
        ("sns", false),
        ("header:X-Id|sha256|hex", false),
    ] {
        assert_eq!(with_url(text).covers_content(), expected, "{text}");
    }
}

#[test]
fn a_value_tells_which_other_values_are_taken_out_of_it() {
    for (text, other, expected) in [
        ("body", "json:a", true),
        ("body", "form:a", true),
        ("body", "header:X-Id", false),
        ("body|sha256|hex", "json:a", false),
        ("json:a", "form:a", false),
        ("json:a", "json:a", true),
        ("json:a", "json:b", false),
        ("json:a", "json:a|lower", true),
        ("json:a|lower", "json:a|lower", true),
        ("json:a|lower", "json:a", false),
        ("header:X-Id", "header:X-Id|lower", true),
        ("header:X-Id", "header:X-Other", false),
        ("sns", "json:MessageId", true),
        ("sns", "json:Subject", false),
        ("sns", "header:X-Id", false),
        ("php_serialize", "json:MessageId", false),
    ] {
        assert_eq!(with_url(text).covers(&with_url(other)), expected, "{text} and {other}");
    }
    assert!(expression("sns").is_sns());
    assert!(!expression("body").is_sns());
}

#[test]
fn a_value_is_protected_where_no_byte_of_it_can_be_its_neighbours() {
    for (template, value, expected) in [
        ("{header:X-Id}", "header:X-Id", true),
        ("v1.{header:X-Id}", "header:X-Id", true),
        ("{header:X-Other}", "header:X-Id", false),
        // Behind it.
        ("{header:X-Id}.v1", "header:X-Id", true),
        ("{header:X-Id}.{body}", "header:X-Id", true),
        ("{header:X-Id}{body}", "header:X-Id", false),
        ("{header:X-Id}{timestamp}", "header:X-Id", true),
        ("{json:id}.{json:amount}", "json:id", false),
        ("{json:id|word}.{json:amount}", "json:id|word", true),
        // Before it.
        ("{timestamp}{header:X-Id}", "header:X-Id", true),
        ("{timestamp}.{header:X-Id}", "header:X-Id", true),
        ("{header:X-Other}{header:X-Id}", "header:X-Id", false),
        ("{header:X-Other}.{header:X-Id}", "header:X-Id", true),
        ("{json:kind|word}.{header:X-Id}", "header:X-Id", true),
        ("{json:kind}.{header:X-Id}", "header:X-Id", false),
        ("{body}.{header:X-Id}", "header:X-Id", false),
        // On both sides, one of which is open.
        ("{timestamp}{header:X-Id}{body}", "header:X-Id", false),
        ("{header:X-Other}{header:X-Id}.v1", "header:X-Id", false),
        // Once is enough.
        ("{header:X-Id}{body}.{header:X-Other}.{header:X-Id}", "header:X-Id", true),
        // In what has lines or is everything.
        ("{sns}{header:X-Other}", "json:MessageId", true),
        ("{header:X-Other}{body}", "json:id", true),
        ("{header:X-Other}{body|base64}", "json:id", false),
    ] {
        let message = message(template).expect("a template");
        assert_eq!(message.protects(&expression(value)), expected, "{value} in {template}");
    }
}
