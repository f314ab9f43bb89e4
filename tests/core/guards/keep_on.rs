//! Which responses of the upstream keep a claim.

use hookwarden::guard::keep_on::Statuses;

#[test]
fn a_class_includes_its_statuses_and_itself_and_one_status_only_itself() {
    let parse = |word: &str| Statuses::parse(word).expect("a status or a class");
    for (one, other, expected) in [
        ("4xx", "4xx", true),
        ("4xx", "5xx", false),
        ("4xx", "400", true),
        ("4xx", "499", true),
        ("4xx", "399", false),
        ("4xx", "500", false),
        ("410", "410", true),
        ("410", "411", false),
        ("410", "4xx", false),
    ] {
        assert_eq!(parse(one).includes_all(parse(other)), expected, "{one} includes {other}");
    }
}
