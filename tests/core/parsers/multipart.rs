use hookwarden::verify::Denial;
use hookwarden::verify::bytes::multipart::{self, MultipartError};
use hookwarden::verify::expression::content::Content;

const TYPE: &str = "multipart/form-data; boundary=xYzZY";

fn read(body: &str) -> Result<Vec<(String, String)>, MultipartError> {
    read_as(TYPE, body)
}

fn read_as(content_type: &str, body: &str) -> Result<Vec<(String, String)>, MultipartError> {
    let text_of = |bytes| String::from_utf8(bytes).unwrap();
    multipart::form(content_type.as_bytes(), body.as_bytes())
        .map(|form| form.fields.into_iter().map(|(name, value)| (text_of(name), text_of(value))).collect())
}

/// A form with these parts, each a head and a value.
fn form(parts: &[(&str, &str)]) -> String {
    let parts: String = parts.iter().map(|(head, value)| format!("--xYzZY\r\n{head}\r\n\r\n{value}\r\n")).collect();
    format!("{parts}--xYzZY--\r\n")
}

fn field(name: &str) -> String {
    format!("Content-Disposition: form-data; name=\"{name}\"")
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn reads_fields_in_order_and_keeps_repeated_ones() {
    let body = form(&[(&field("b"), "2"), (&field("a"), "1"), (&field("b"), "3")]);
    assert_eq!(read(&body), Ok(vec![pair("b", "2"), pair("a", "1"), pair("b", "3")]));
}

#[test]
fn a_value_is_every_byte_between_its_head_and_the_delimiter() {
    for value in ["", "\r\n", "a\r\nb", "\n", "--xYzZ", "a--xYzZY", "\n--xYzZY", "\r\r", "\r\n--xYzZ", "é", "a=b&c"] {
        assert_eq!(read(&form(&[(&field("a"), value)])), Ok(vec![pair("a", value)]), "{value:?}");
    }
    let every_byte: Vec<u8> = (0..=255).collect();
    let body = [b"--xYzZY\r\nContent-Disposition: form-data; name=a\r\n\r\n".as_slice(), &every_byte, b"\r\n--xYzZY--"];
    assert_eq!(
        multipart::form(TYPE.as_bytes(), &body.concat()).map(|form| form.fields),
        Ok(vec![(b"a".to_vec(), every_byte)])
    );
}

#[test]
fn skips_files_but_keeps_and_counts_their_names() {
    for parameter in [
        "filename=\"x.txt\"",
        "FileName=x",
        "filename=x; filename*=utf-8''x%20y",
        "filename*=UTF-8'en'x; filename=x",
        "filename=\"C:\\a\\b.txt\"",
    ] {
        let head = format!("{}; {parameter}\r\nContent-Type: application/octet-stream", field("file"));
        let body = form(&[(&field("a"), "1"), (&head, "bytes"), (&field("b"), "2")]);
        assert_eq!(read(&body), Ok(vec![pair("a", "1"), pair("b", "2")]), "{parameter}");
        let files = multipart::form(TYPE.as_bytes(), body.as_bytes()).map(|form| form.files);
        assert_eq!(files, Ok(vec![b"file".to_vec()]), "{parameter}");
    }
    let file = format!("{}; filename=f", field("f"));
    assert_eq!(read(&form(&[(file.as_str(), ""); 256])), Ok(vec![]));
    assert_eq!(read(&form(&[(file.as_str(), ""); 257])), Err(MultipartError::TooManyParts));
}

#[test]
fn refuses_a_file_name_that_some_parsers_ignore() {
    for parameter in [
        "filename=\"\"",
        "FileName=\"\"",
        "filename=\" \"",
        "filename=",
        "filename",
        "filename*=UTF-8''x",
        "filename*=UTF-8''",
        "filename*0=x",
        // Go and Django let the second replace the first.
        "filename=x; filename*=UTF-8''",
        "filename*=UTF-8''; filename=x",
        "filename=x; filename*=\"\"",
        "filename=x; filename*=x",
        "filename=x; filename*=''x",
        "filename=x; filename*=utf-7''x",
        "filename=x; filename*0=\"\"",
        "filename=x; filename*0*=UTF-8''",
        "filename=\"\"; filename*=UTF-8''x",
    ] {
        let body = form(&[(&field("a"), "1"), (&format!("{}; {parameter}", field("role")), "admin")]);
        assert_eq!(read(&body), Err(MultipartError::Malformed), "{parameter}");
        let content = Content::new(body.as_bytes(), TYPE.as_bytes());
        assert_eq!(content.fields(), Err(Denial::BodyMalformed), "{parameter}");
        assert_eq!(content.field("a"), Err(Denial::BodyMalformed), "{parameter}");
    }
}

#[test]
fn a_whole_form_may_have_no_files_but_a_single_field_may() {
    let file = format!("{}; filename=x", field("attachment-1"));
    let body = form(&[(&field("a"), "1"), (&file, "unsigned"), (&file, "unsigned")]);
    let content = Content::new(body.as_bytes(), TYPE.as_bytes());
    assert_eq!(content.fields(), Err(Denial::BodyMalformed));
    assert_eq!(content.field("a"), Ok(b"1".as_slice()));
    assert_eq!(content.field("b"), Err(Denial::FieldMissing));
    assert_eq!(content.field("attachment-1"), Err(Denial::FieldDuplicated));

    let body = form(&[(&field("a"), "1"), (&field("b"), "2")]);
    let content = Content::new(body.as_bytes(), TYPE.as_bytes());
    assert_eq!(content.fields().map(<[_]>::len), Ok(2));
}

#[test]
fn a_field_and_a_file_of_one_name_are_duplicates() {
    let token = field("token");
    let file = format!("{token}; filename=x");
    for parts in [[&token, &file], [&file, &token], [&token, &token], [&file, &file]] {
        let body = form(&parts.map(|head| (head.as_str(), "t")));
        let content = Content::new(body.as_bytes(), TYPE.as_bytes());
        assert_eq!(content.field("token"), Err(Denial::FieldDuplicated), "{parts:?}");
    }
    let body = form(&[(&file, "t")]);
    assert_eq!(Content::new(body.as_bytes(), TYPE.as_bytes()).field("token"), Err(Denial::FieldMissing));
}

#[test]
fn the_last_field_of_a_name_counts_where_no_file_has_it() {
    let file = |name: &str| format!("{}; filename=x", field(name));
    for (parts, expected) in [
        (vec![(field("token"), "1"), (field("token"), "2"), (field("other"), "3")], Ok(b"2".as_slice())),
        (vec![(file("other"), "3"), (field("token"), "1")], Ok(b"1")),
        (vec![(field("token"), "1"), (file("token"), "2")], Err(Denial::FieldDuplicated)),
        (vec![(file("token"), "2"), (field("token"), "1")], Err(Denial::FieldDuplicated)),
        (vec![(field("other"), "3")], Err(Denial::FieldMissing)),
        (vec![(file("other"), "3")], Err(Denial::FieldMissing)),
    ] {
        let parts: Vec<_> = parts.iter().map(|(head, value)| (head.as_str(), *value)).collect();
        let body = form(&parts);
        assert_eq!(Content::new(body.as_bytes(), TYPE.as_bytes()).last_field("token"), expected, "{parts:?}");
    }
}

#[test]
fn reads_names_as_tokens_and_as_quoted_text_with_escapes() {
    for (written, name) in [
        ("a", "a"),
        ("\"a b\"", "a b"),
        (r#""a\"b\\c""#, "a\"b\\c"),
        ("\"a%22b\"", "a%22b"),
        ("\"é;=\"", "é;="),
        ("\"\"", ""),
    ] {
        let head = format!("content-disposition:form-data ; NAME={written}");
        assert_eq!(read(&form(&[(&head, "1")])), Ok(vec![pair(name, "1")]), "{written}");
    }
}

#[test]
fn refuses_a_part_with_an_ambiguous_name() {
    for head in [
        "",
        "X: y",
        "Content-Disposition: form-data",
        "Content-Disposition: form-data; name",
        "Content-Disposition: form-data; name=",
        "Content-Disposition: form-data; name=a b",
        "Content-Disposition: form-data; name=\"a",
        "Content-Disposition: form-data; name=\"a\"b",
        "Content-Disposition: form-data; name=\"a\\b\"",
        "Content-Disposition: form-data; name=\"a\";",
        "Content-Disposition: form-data; name=a; name=b",
        "Content-Disposition: form-data; name=a; NAME=b",
        "Content-Disposition: form-data; name=a; name*=UTF-8''b",
        "Content-Disposition: form-data; name*0=a",
        "Content-Disposition: form-data; filename=a",
        "Content-Disposition: attachment; name=a",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
        "Content-Disposition: form-data;\r\n name=a",
        "Content-Disposition: form-data; name=a\r\n folded",
        "Content-Disposition: form-data; name=a\r\nno colon",
        "Content-Disposition : form-data; name=a",
        "Content-Disposition: form-data; name=a\nX: y",
        "Content-Disposition: form-data; name=a\rX: y",
        "Content-Disposition: form-data; name=\"a\0\"",
        ": a\r\nContent-Disposition: form-data; name=a",
    ] {
        assert_eq!(read(&form(&[(head, "1")])), Err(MultipartError::Malformed), "{head:?}");
    }
}

#[test]
fn refuses_parts_that_are_encoded_or_multipart() {
    for header in [
        "Content-Transfer-Encoding: base64",
        "content-transfer-encoding: quoted-printable",
        "Content-Type: Multipart/mixed; boundary=b",
    ] {
        let head = format!("{}\r\n{header}", field("a"));
        assert_eq!(read(&form(&[(&head, "1")])), Err(MultipartError::Encoded), "{header}");
    }
    for header in [
        "Content-Transfer-Encoding: 8bit",
        "Content-Transfer-Encoding: Binary",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: multi",
    ] {
        let head = format!("{}\r\n{header}", field("a"));
        assert_eq!(read(&form(&[(&head, "1")])), Ok(vec![pair("a", "1")]), "{header}");
    }
}

#[test]
fn refuses_a_body_that_is_not_one_complete_form() {
    let whole = form(&[(&field("a"), "1")]);
    let shortest = whole.len() - "\r\n".len();
    for end in 0..whole.len() {
        assert_eq!(read(&whole[..end]).is_ok(), end == shortest, "cut at {end}");
    }
    for (body, error) in [
        (format!("\r\n{whole}"), MultipartError::Malformed),
        (format!("preamble\r\n{whole}"), MultipartError::Malformed),
        (format!("{whole}\r\n"), MultipartError::Unterminated),
        (format!("{whole}epilogue"), MultipartError::Unterminated),
        (format!("{whole}{whole}"), MultipartError::Unterminated),
        (whole.replace("\r\n", "\n"), MultipartError::Malformed),
        (whole.replace("--xYzZY\r\n", "--xYzZY \r\n"), MultipartError::Malformed),
        (whole.replace("--xYzZY\r\n", "--xYzZYZ\r\n"), MultipartError::Malformed),
        (whole.replace("1\r\n--xYzZY--", "1\r\n--xYzZYZ--"), MultipartError::Malformed),
        (whole.replace("1\r\n--xYzZY--", "1\n--xYzZY--"), MultipartError::Unterminated),
    ] {
        assert_eq!(read(&body), Err(error), "{body:?}");
    }
    assert_eq!(read("--xYzZY--\r\n"), Ok(vec![]), "a form without fields");
}

#[test]
fn refuses_a_delimiter_inside_or_directly_after_a_head() {
    for part in [
        "--xYzZY\r\n\r\n--xYzZY\r\nContent-Disposition: form-data; name=b\r\n\r\n2\r\n",
        "--xYzZY\r\nContent-Disposition: form-data; name=a\r\n\r\n--xYzZY\r\nContent-Disposition: form-data; name=b\r\n\r\n2\r\n",
        "--xYzZY\r\nContent-Disposition: form-data; name=a\r\n--xYzZY: x\r\n\r\n1\r\n",
        "--xYzZY\r\n--xYzZY: x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n",
    ] {
        assert_eq!(read(&format!("{part}--xYzZY--")), Err(MultipartError::Malformed), "{part:?}");
    }
}

#[test]
fn reads_the_boundary_that_the_header_names() {
    let longest = "b".repeat(70);
    for (content_type, boundary) in [
        ("Multipart/Form-Data;BOUNDARY=x".to_owned(), "x"),
        ("multipart/form-data; charset=utf-8; boundary=\"a b=:?\"".to_owned(), "a b=:?"),
        (format!("multipart/form-data; boundary={longest}"), longest.as_str()),
        (
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW".to_owned(),
            "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
    ] {
        let body = form(&[(&field("a"), "1")]).replace("xYzZY", boundary);
        assert_eq!(read_as(&content_type, &body), Ok(vec![pair("a", "1")]), "{content_type}");
    }
}

#[test]
fn refuses_a_content_type_without_one_valid_boundary() {
    let too_long = format!("multipart/form-data; boundary={}", "b".repeat(71));
    for content_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=a; boundary=a",
        "multipart/form-data; boundary=a, multipart/form-data; boundary=b",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\r\nb\"",
        "multipart/form-data; boundary=\"a\\\"b\"",
        "multipart/form-data; boundary=a b",
        &too_long,
    ] {
        assert_eq!(read_as(content_type, "--a--"), Err(MultipartError::Boundary), "{content_type:?}");
    }
    for content_type in
        ["", "application/x-www-form-urlencoded", "multipart/mixed; boundary=a", "multipart/form-data-x; boundary=a"]
    {
        assert_eq!(read_as(content_type, "--a--"), Err(MultipartError::NotFormData), "{content_type:?}");
    }
}

#[test]
fn limits_the_length_of_a_head() {
    let fill =
        |length: usize| format!("{}\r\nX: {}", field("a"), "x".repeat(length - field("a").len() - "\r\nX: ".len()));
    assert_eq!(read(&form(&[(&fill(8192), "1")])), Ok(vec![pair("a", "1")]));
    assert_eq!(read(&form(&[(&fill(8193), "1")])), Err(MultipartError::HeadTooLarge));
    // One that does not end is too long as soon as its end could not be in it any more.
    let endless = |length: usize| format!("--xYzZY\r\n{}", "x".repeat(length));
    for (length, expected) in [
        (0, MultipartError::Unterminated),
        (8192, MultipartError::Unterminated),
        (8192 + 4, MultipartError::Unterminated),
        (8192 + 5, MultipartError::HeadTooLarge),
        (8192 + 6, MultipartError::HeadTooLarge),
    ] {
        assert_eq!(read(&endless(length)), Err(expected), "{length}");
    }
}

#[test]
fn takes_time_in_proportion_to_the_body() {
    // Near misses of a delimiter, repeated; and line ends only.
    for value in ["\r\n--xYzZ".repeat(200_000), "\r".repeat(1_600_000), "\r\n".repeat(800_000)] {
        let started = std::time::Instant::now();
        assert_eq!(read(&form(&[(&field("a"), &value)])).map(|fields| fields.len()), Ok(1));
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "took {:?}", started.elapsed());
    }
}

#[test]
fn reads_the_forms_of_a_mail_sender() {
    let vectors = super::shared_vectors("sendgrid-inbound-parse.json");
    for vector in vectors {
        let content_type = super::vector_header(&vector, "content-type");
        let form = multipart::form(content_type.as_bytes(), &super::body(&vector)).unwrap();
        assert_eq!(form.fields, [(b"from".to_vec(), b"Alice <alice@example.com>".to_vec())]);
    }
}
