//! The readings of a path.

use std::collections::BTreeSet;

use hookwarden::guard::path::{
    fold, is_ambiguous, is_plain, is_script, readings, resembles, resembles_below, without_slash,
};

#[test]
fn a_path_that_servers_read_differently_is_ambiguous() {
    for path in [
        "", "hook", "/a\\b", "/a;b", "/a#b", "/a\tb", "/a\u{7f}", "/\u{e9}", "//a", "/a//b", "/a/.", "/a/./b", "/..",
        "/a/../b", "/%", "/%4", "/%zz", "/%+1", "/%41", "/%0a", "/%7f", "/%2d", "/%2e", "/%5f", "/%7e", "/%2f", "/%2F",
        "/%5c", "/%3b", "/%25", "/%3f", "/%23",
    ] {
        assert!(is_ambiguous(path.as_bytes()), "{path:?}");
    }
    for path in ["/", "/hook", "/a/b/", "/A", "/a.b", "/.a", "/...", "/a:b", "/%20", "/%c3%a9", "/a%40b"] {
        assert!(!is_ambiguous(path.as_bytes()), "{path:?}");
    }
}

#[test]
fn only_lower_case_words_between_single_slashes_are_plain() {
    for path in ["/", "/hook", "/a/b", "/a-b_c/1"] {
        assert!(is_plain(path.as_bytes()), "{path:?}");
    }
    for path in ["", "a", "aa", "//", "/a/", "/a//b", "/A", "/a.b", "/a%20", "/\u{e9}"] {
        assert!(!is_plain(path.as_bytes()), "{path:?}");
    }
}

#[test]
fn trailing_slashes_are_dropped_except_a_lone_one() {
    for (path, expected) in [("/", "/"), ("/a/", "/a"), ("/a", "/a"), ("", "")] {
        assert_eq!(without_slash(path.as_bytes()), expected.as_bytes(), "{path:?}");
    }
    for (path, expected) in [("/", "/"), ("//", "/"), ("/A//", "/a"), ("/a", "/a"), ("", "")] {
        assert_eq!(fold(path.as_bytes()), expected.as_bytes(), "{path:?}");
    }
}

#[test]
fn a_reading_with_marks_resembles_only_the_path_that_it_begins_with() {
    for (reading, path, expected) in [
        ("/hook\u{301}/a", "/hook/", true),
        ("/hook/a\u{301}", "/hook/", true),
        ("/a/hook\u{301}/b", "/a/hook/", true),
        ("/hooks\u{301}", "/hook/", false),
        ("/hook\u{301}", "/hook/", false),
        ("/other\u{301}/a", "/hook/", false),
    ] {
        assert_eq!(resembles_below(reading.as_bytes(), path.as_bytes()), expected, "{reading} {path}");
    }
}

/// The readings of a path, in the form in which they are compared.
fn read(path: &[u8]) -> BTreeSet<Vec<u8>> {
    readings(path).expect("it has few readings")
}

#[test]
fn a_path_is_read_in_exactly_the_ways_that_are_listed() {
    let cases: &[(&[u8], &[&[u8]])] = &[
        (b"/", &[]),
        (b"/hook", &[]),
        (b"/hook/a-b_c", &[]),
        // Parameters and escapes, up to three times.
        (b"/hook;v=1", &[b"/hook"]),
        (b"/a;v=1/b;w", &[b"/a/b"]),
        (b"/a%2fb", &[b"/a/b"]),
        (b"/%2568ook", &[b"/%68ook", b"/hook"]),
        (b"/%252568ook", &[b"/%2568ook", b"/%68ook", b"/hook"]),
        (b"/%25252568ook", &[b"/%252568ook", b"/%2568ook", b"/%68ook"]),
        (b"/hook%3bv=1", &[b"/hook"]),
        (b"/a%u002fb", &[b"/a/b"]),
        (b"/a%U002fb", &[b"/a/b"]),
        (b"/a%c0%afb", &[b"/a/b"]),
        (b"/a%zzb", &[]),
        (b"/a%u00zzb", &[]),
        // Cut at characters that end a path in some parsers, or without them.
        (b"/hook#x", &[b"/hook"]),
        (b"/hook?x", &[b"/hook"]),
        (b"/hook\tx", &[b"/hook", b"/hookx"]),
        (b"/hook%00.png", &[b"/hook", b"/hook.png", b"/hook%00"]),
        // Empty and dot segments.
        (b"/a//b", &[b"/a/b"]),
        (b"/a/./b", &[b"/a/b"]),
        (b"/a/../b", &[b"/b"]),
        (b"/a/c/../b", &[b"/a/b"]),
        (b"/../b", &[b"/b"]),
        // Punctuation at the end of a segment, except where legitimate names end in it; and streams.
        (b"/hook.", &[b"/hook"]),
        (b"/a./b", &[b"/a/b"]),
        (b"/hook~!", &[b"/hook"]),
        (b"/hook-", &[]),
        (b"/hook_", &[]),
        (b"/hook::$data", &[b"/hook"]),
        (b"/hook:list", &[]),
        // Scripts in front, and the index at the end.
        (b"/index.php/hook", &[b"/hook"]),
        (b"/front.cgi/hook", &[b"/hook"]),
        (b"/hook/index.html", &[b"/hook", b"/hook/index"]),
        (b"/hook/default.aspx", &[b"/hook", b"/hook/default"]),
        (b"/index.html", &[b"/", b"/index"]),
        (b"/index/hook", &[]),
        // Formats.
        (b"/hook.json", &[b"/hook"]),
        (b"/a.tar.gz", &[b"/a.tar", b"/a"]),
        (b"/a.b.c.d", &[b"/a.b.c", b"/a.b", b"/a"]),
        (b"/v1.2/hook", &[]),
        (b"/hook/.json", &[b"/hook"]),
        (b"/.json", &[]),
    ];
    for (path, others) in cases {
        let expected: BTreeSet<_> = others.iter().map(|reading| reading.to_vec()).chain([fold(path)]).collect();
        assert_eq!(read(path), expected, "{}", String::from_utf8_lossy(path));
    }
}

#[test]
fn readings_are_lower_case_without_trailing_slashes() {
    for path in ["/HOOK", "/hook/", "/Hook//"] {
        assert_eq!(read(path.as_bytes()), BTreeSet::from([b"/hook".to_vec()]), "{path}");
    }
}

#[test]
fn letters_that_look_like_ascii_are_read_as_ascii() {
    let slashes =
        ["\\", "\u{2044}", "\u{2215}", "\u{29f8}", "\u{ff3c}", "\u{ff0f}"].map(|slash| ("/a/b", format!("/a{slash}b")));
    let dots =
        ["\u{2024}", "\u{3002}", "\u{fe52}", "\u{ff61}", "\u{ff0e}"].map(|dot| ("/b", format!("/a/{dot}{dot}/b")));
    let letters =
        [("/hooks", "/hook\u{17f}"), ("/hook", "/hoo\u{212a}"), ("/git", "/g\u{131}t"), ("/git", "/g\u{130}t")]
            .map(|(plain, path)| (plain, path.to_owned()));
    let wide = [("/hook", "/\u{ff28}\u{ff4f}\u{ff4f}\u{ff4b}".to_owned()), ("/ab!", "/ab\u{ff01}".to_owned())];
    let blanks = [
        ' ', '\u{80}', '\u{a0}', '\u{ad}', '\u{1680}', '\u{180e}', '\u{2000}', '\u{200b}', '\u{200f}', '\u{2028}',
        '\u{202f}', '\u{205f}', '\u{2064}', '\u{3000}', '\u{feff}',
    ]
    .map(|blank| ("/hook", format!("/ho{blank}ok")));
    let all = slashes.into_iter().chain(dots).chain(letters).chain(wide).chain(blanks);
    for (plain, path) in all {
        assert!(read(path.as_bytes()).contains(plain.as_bytes()), "{path:?} is not read as {plain}");
    }
    for path in ["/ho\u{a1}ok", "/ho\u{e9}ok", "/ho\u{2010}ok", "/ho\u{2065}ok", "/ho\u{1f600}ok"] {
        assert_eq!(read(path.as_bytes()), BTreeSet::from([path.as_bytes().to_vec()]), "{path} looks like nothing");
    }
}

#[test]
fn invalid_utf8_is_read_as_lenient_parsers_read_it() {
    // Overlong forms of two, three and four bytes.
    for path in
        [&b"/a\xc0\xafb"[..], b"/a\xe0\x80\xafb", b"/a\xf0\x80\x80\xafb", b"/a\xe2\x81\x84b", b"/a\xf0\x82\x81\x84b"]
    {
        assert!(read(path).contains(&b"/a/b"[..]), "{path:x?}");
    }
    // A lone continuation byte is dropped.
    for path in [&b"/ho\x80ok"[..], b"/ho\xbfok"] {
        assert!(read(path).contains(&b"/hook"[..]), "{path:x?}");
    }
    // A truncated or invalid letter is unchanged.
    for path in [&b"/hook\xc0"[..], b"/ho\xc0ok", b"/ho\xe2ok", b"/ho\xffok"] {
        assert_eq!(read(path), BTreeSet::from([path.to_vec()]), "{path:x?}");
    }
}

#[test]
fn a_non_ascii_letter_stands_for_up_to_three_letters_and_at_most_half_of_a_segment() {
    for (reading, path, expected) in [
        ("/hook\u{301}", "/hook", true),
        ("/h\u{301}ook", "/hook", true),
        ("/\u{301}hook", "/hook", true),
        ("/a/hook\u{301}/b", "/a/hook/b", true),
        // Up to three letters each.
        ("/hook\u{fb03}", "/hookffi", true),
        ("/hook\u{fb03}", "/hookffix", false),
        ("/hook\u{fb03}\u{fb03}", "/hookffiffi", true),
        ("/hook\u{fb03}\u{fb03}", "/hookffiffix", false),
        // At most as many as there are other letters.
        ("/a\u{301}", "/a", true),
        ("/a\u{301}\u{301}", "/a", false),
        ("/ab\u{301}\u{301}", "/ab", true),
        // The text before the first mark and after the last one is at the ends, and the text between marks is in this
        // order.
        ("/ook\u{301}", "/hook", false),
        ("/\u{301}hoo", "/hook", false),
        ("/h\u{301}o\u{301}k", "/hook", true),
        ("/ho\u{301}oh\u{301}ok", "/hohook", false),
        ("/x\u{301}ook", "/hook", false),
        ("/h\u{301}ook", "/hxyook", true),
        // Every segment is compared, and none may be missing.
        ("/hook\u{301}/a", "/hook", false),
        ("/hook\u{301}", "/hook/a", false),
        ("/hook\u{301}/b", "/hook/a", false),
    ] {
        assert_eq!(resembles(reading.as_bytes(), path.as_bytes()), expected, "{reading} {path}");
    }
    // Every invalid byte counts that does not follow another.
    assert!(resembles(b"/hook\x80\x80\x80\x80\x80", b"/hook"));
    assert!(resembles(b"/hook\xff\xff\xff\xff", b"/hook"));
    assert!(!resembles(b"/hook\xff\xff\xff\xff\xff", b"/hook"));
}

#[test]
fn a_script_has_a_name_and_one_of_the_endings_in_any_case() {
    for path in ["/hook.php", "/a/b.CGI", "/a.b.aspx", "/x.py"] {
        assert!(is_script(path.as_bytes()), "{path}");
    }
    for path in ["/.php", "/a/.php", "/hookphp", "/hook.php/a", "/hook.phpx", "/", ""] {
        assert!(!is_script(path.as_bytes()), "{path}");
    }
}
