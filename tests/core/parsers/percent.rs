use hookwarden::verify::bytes::form;
use hookwarden::verify::bytes::percent;

fn pairs(text: &str) -> Vec<(String, String)> {
    let text_of = |bytes| String::from_utf8(bytes).unwrap();
    percent::pairs(text.as_bytes()).map(|(name, value)| (text_of(name), text_of(value))).collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn decodes_pairs_in_order_and_leaves_out_empty_ones() {
    assert_eq!(pairs("b=2&&a=1&"), [pair("b", "2"), pair("a", "1")]);
    assert_eq!(pairs("a&=b&c=d=e"), [pair("a", ""), pair("", "b"), pair("c", "d=e")]);
    assert_eq!(pairs(""), []);
    assert_eq!(pairs("a+b=c%20d%2Be&caf%C3%A9=%e2%9c%93"), [pair("a b", "c d+e"), pair("café", "✓")]);
}

#[test]
fn keeps_a_percent_sign_without_two_digits() {
    for text in ["%", "%4", "%zz", "%4z", "100%", "%-1"] {
        assert_eq!(percent::decode_form(text.as_bytes()), text.as_bytes(), "{text}");
    }
    assert_eq!(percent::decode_form(b"%%41"), b"%A");
    assert_eq!(percent::decode_form(b"%2541"), b"%41", "decoded once, not twice");
    assert_eq!(percent::decode_form(b"%00%ff"), b"\x00\xff");
}

#[test]
fn encodes_with_upper_case_digits_and_decodes_its_own_output() {
    assert_eq!(percent::encode("é/ ~".as_bytes(), |byte| byte.is_ascii_alphanumeric()), b"%C3%A9%2F%20%7E");
    let all: Vec<u8> = (0..=255).collect();
    let written: String = all.iter().map(|byte| format!("%{byte:02X}")).collect();
    assert_eq!(percent::encode(&all, |_| false), written.as_bytes());
    let encoded = percent::encode(&all, |byte| byte.is_ascii_alphanumeric());
    assert_eq!(percent::decode_form(&encoded), all);
}

#[test]
fn splits_a_target_at_its_first_question_mark() {
    assert_eq!(percent::split_target(b"/a?b?c"), (b"/a".as_slice(), Some(b"b?c".as_slice())));
    assert_eq!(percent::split_target(b"/a?"), (b"/a".as_slice(), Some(b"".as_slice())));
    assert_eq!(percent::split_target(b"/a"), (b"/a".as_slice(), None));
    assert_eq!(percent::split_target(b""), (b"".as_slice(), None));
}

#[test]
fn a_form_has_up_to_a_thousand_fields() {
    for (count, is_read) in [(1000, true), (1001, false), (1002, false)] {
        let text = vec!["a=1"; count].join("&");
        assert_eq!(form::pairs(text.as_bytes()).map(|pairs| pairs.len()), is_read.then_some(count), "{count}");
    }
}
