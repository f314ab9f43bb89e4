use hookwarden::guard::shape::ShapeRule;
use hookwarden::verify::{Denial, Request, borrowed};

use super::headers;

fn check(rule: &ShapeRule, lines: &[(&str, &str)]) -> Result<(), Denial> {
    let headers = headers(lines);
    rule.check_line(Request::new(&borrowed(&headers)))?;
    rule.check_encoding(Request::new(&borrowed(&headers)))
}

fn methods(list: &[&str]) -> ShapeRule {
    ShapeRule { methods: Some(list.iter().map(|method| (*method).to_owned()).collect()), ..ShapeRule::default() }
}

fn encodings(list: &[&str]) -> ShapeRule {
    ShapeRule { content_encodings: list.iter().map(|coding| (*coding).to_owned()).collect(), ..ShapeRule::default() }
}

#[test]
fn methods_are_case_sensitive() {
    let rule = methods(&["POST", "PUT"]);
    for taken in ["POST", "PUT"] {
        assert_eq!(check(&rule, &[(":method", taken)]), Ok(()), "{taken}");
    }
    for refused in ["GET", "post", "Post", "POSTS", "POS", " POST", "POST, PUT", "", "PATCH"] {
        assert_eq!(check(&rule, &[(":method", refused)]), Err(Denial::MethodNotAllowed), "{refused:?}");
    }
    assert_eq!(check(&rule, &[]), Err(Denial::MethodNotAllowed), "no method");
    let twice = [(":method", "POST"), (":method", "POST")];
    assert_eq!(check(&rule, &twice), Err(Denial::MethodNotAllowed), "two methods");
    assert_eq!(rule.allow(), "POST, PUT");
}

#[test]
fn without_a_list_every_method_is_accepted() {
    for method in ["POST", "get", ""] {
        assert_eq!(check(&ShapeRule::default(), &[(":method", method)]), Ok(()), "{method:?}");
    }
    assert_eq!(ShapeRule::default().allow(), "");
}

#[test]
fn a_query_is_refused_even_if_it_is_empty() {
    let rule = ShapeRule { refuses_query: true, ..ShapeRule::default() };
    for target in ["/hook?", "/hook?a=b", "/?/", "?", "/hook??"] {
        assert_eq!(check(&rule, &[(":path", target)]), Err(Denial::QueryNotAllowed), "{target}");
        assert_eq!(check(&ShapeRule::default(), &[(":path", target)]), Ok(()), "{target}, where queries are taken");
    }
    for target in ["/hook", "/hook%3Fa=b", "/hook&a=b", "/"] {
        assert_eq!(check(&rule, &[(":path", target)]), Ok(()), "{target}");
    }
}

#[test]
fn every_coding_of_every_line_must_be_accepted() {
    let rule = encodings(&["gzip", "br"]);
    let takes: &[&[&str]] = &[
        &[],
        &["identity"],
        &["Identity"],
        &["gzip"],
        &["GZip"],
        &[" gzip "],
        &["gzip,br"],
        &["gzip, br"],
        &["gzip\t,\tidentity"],
        &["gzip", "br"],
        &["identity", "identity"],
    ];
    let refuses: &[&[&str]] = &[
        &["deflate"],
        &["x-gzip"],
        &["gzip2"],
        &["gzi"],
        &["gzip;q=1"],
        &["gzip br"],
        &["\"gzip\""],
        &["*"],
        &[""],
        &[" "],
        &[","],
        &["gzip,"],
        &[",gzip"],
        &["gzip,,br"],
        &["gzip, zstd"],
        &["zstd, gzip"],
        &["gzip", "zstd"],
        &["zstd", "gzip"],
        &["gzip", ""],
    ];
    let lines = |codings: &[&'static str]| -> Vec<_> {
        let names = ["content-encoding", "Content-Encoding"].into_iter().cycle();
        names.zip(codings.iter().copied()).collect()
    };
    for codings in takes {
        assert_eq!(check(&rule, &lines(codings)), Ok(()), "{codings:?}");
    }
    for codings in refuses {
        assert_eq!(check(&rule, &lines(codings)), Err(Denial::ContentEncoding), "{codings:?}");
    }
}

#[test]
fn without_a_list_only_identity_is_accepted() {
    let rule = ShapeRule::default();
    assert_eq!(check(&rule, &[("content-encoding", "identity")]), Ok(()));
    for coding in ["gzip", "br", "", "identity, gzip"] {
        assert_eq!(check(&rule, &[("content-encoding", coding)]), Err(Denial::ContentEncoding), "{coding:?}");
    }
    assert_eq!(
        check(&rule, &[("accept-encoding", "gzip"), ("transfer-encoding", "chunked")]),
        Ok(()),
        "others do not count"
    );
}

#[test]
fn a_coding_that_is_not_text_is_refused() {
    let lines = vec![("content-encoding".to_owned(), b"gzip\xff".to_vec())];
    assert_eq!(encodings(&["gzip"]).check_encoding(Request::new(&borrowed(&lines))), Err(Denial::ContentEncoding));
}

#[test]
fn the_method_is_checked_first_and_the_encoding_last() {
    let rule = ShapeRule { refuses_query: true, ..methods(&["POST"]) };
    let all_wrong = [(":method", "GET"), (":path", "/?"), ("content-encoding", "gzip")];
    assert_eq!(check(&rule, &all_wrong), Err(Denial::MethodNotAllowed));
    let two_wrong = [(":method", "POST"), (":path", "/?"), ("content-encoding", "gzip")];
    assert_eq!(check(&rule, &two_wrong), Err(Denial::QueryNotAllowed));
}
