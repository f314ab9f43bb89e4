use hookwarden::verify::bytes::percent;
use hookwarden::verify::expression::builtin::{
    contentful_path, dotnet_json, php_serialize, plivo_v3, qsh, sns, unisender,
};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    pairs.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

/// The signed content of an SNS message with these members.
fn sns_of(members: &[(&str, &str)]) -> Option<String> {
    sns(&|name| members.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())).map(text)
}

const NOTIFICATION: [(&str, &str); 5] =
    [("Type", "Notification"), ("MessageId", "m"), ("TopicArn", "arn"), ("Message", "one\ntwo"), ("Timestamp", "t")];

#[test]
fn sns_signs_the_members_of_the_type_in_a_fixed_order() {
    let content = "Message\none\ntwo\nMessageId\nm\nTimestamp\nt\nTopicArn\narn\nType\nNotification\n";
    assert_eq!(sns_of(&NOTIFICATION).as_deref(), Some(content));

    let mut with_more = NOTIFICATION.to_vec();
    with_more.extend([("Subject", "s"), ("SubscribeURL", "https://x"), ("Token", "x")]);
    let content = "Message\none\ntwo\nMessageId\nm\nSubject\ns\nTimestamp\nt\nTopicArn\narn\nType\nNotification\n";
    assert_eq!(sns_of(&with_more).as_deref(), Some(content), "a subject is signed, members of another type are not");

    for kind in ["SubscriptionConfirmation", "UnsubscribeConfirmation"] {
        with_more[0] = ("Type", kind);
        let content = format!(
            "Message\none\ntwo\nMessageId\nm\nSubscribeURL\nhttps://x\nTimestamp\nt\nToken\nx\nTopicArn\narn\nType\n{kind}\n"
        );
        assert_eq!(sns_of(&with_more), Some(content));
    }
}

#[test]
fn sns_refuses_missing_members_other_types_and_lines_that_could_move() {
    for (missing, _) in NOTIFICATION {
        let mut members = NOTIFICATION.to_vec();
        members.retain(|(name, _)| *name != missing);
        assert_eq!(sns_of(&members), None, "without {missing}");
    }
    for kind in ["", "notification", "Notification\n", "Confirmation"] {
        let mut members = NOTIFICATION.to_vec();
        members[0] = ("Type", kind);
        assert_eq!(sns_of(&members), None, "{kind:?}");
    }
    // The same lines as a message "one" with the rest in its id.
    let moved = [
        ("Type", "Notification"),
        ("Message", "one"),
        ("MessageId", "two\nMessageId\nm"),
        ("TopicArn", "arn"),
        ("Timestamp", "t"),
    ];
    assert_eq!(sns_of(&moved), None);
    assert_eq!(sns_of(&[NOTIFICATION.as_slice(), &[("Subject", "a\nb")]].concat()), None);
    assert_eq!(sns_of(&[("Type", "SubscriptionConfirmation")]), None);
}

#[test]
fn php_serialize_sorts_fields_and_counts_bytes() {
    let form = pairs(&[("b", "2"), ("p_signature", "x"), ("a", "gü"), ("empty", "")]);
    assert_eq!(
        text(php_serialize(&form, b"p_signature")),
        "a:3:{s:1:\"a\";s:3:\"gü\";s:1:\"b\";s:1:\"2\";s:5:\"empty\";s:0:\"\";}"
    );
    assert_eq!(text(php_serialize(&[], b"")), "a:0:{}");
    let injected = pairs(&[("a", "\";s:1:\"b\";s:1:\"2")]);
    assert_eq!(text(php_serialize(&injected, b"")), "a:1:{s:1:\"a\";s:16:\"\";s:1:\"b\";s:1:\"2\";}");
}

#[test]
fn plivo_v3_covers_each_of_the_four_cases() {
    let form = pairs(&[("To", "2"), ("From", "+1"), ("To", "1")]);
    for (method, url, form, content) in [
        ("POST", "https://e.example/a?b=2&a=1", form.as_slice(), "https://e.example/a?a=1&b=2.From+1To1To2"),
        ("POST", "https://e.example/a", &form, "https://e.example/a?From+1To1To2"),
        ("POST", "https://e.example/a?b=2&a=1", &[], "https://e.example/a?a=1&b=2"),
        ("POST", "https://e.example/a", &[], "https://e.example/a"),
        ("GET", "https://e.example/a?b=2&a=1", &[], "https://e.example/a?a=1&b=2"),
        ("GET", "https://e.example/a", &[], "https://e.example/a"),
        ("GET", "https://e.example/a?a=1", &form, "https://e.example/a?From=+1&To=1&To=2&a=1"),
    ] {
        assert_eq!(text(plivo_v3(method.as_bytes(), url.as_bytes(), form)), content);
    }
    let url = b"https://e.example/?q=a%20b+c&e&q=%26";
    assert_eq!(text(plivo_v3(b"GET", url, &[])), "https://e.example/?e=&q=&&q=a b c", "decoded, and sorted by value");
}

#[test]
fn plivo_v3_agrees_with_the_senders_library() {
    for vector in super::shared_vectors("plivo--v3.json") {
        let form: Vec<_> = percent::pairs(&super::body(&vector)).collect();
        let method = vector["method"].as_str().unwrap();
        let mut content = plivo_v3(method.as_bytes(), vector["url"].as_str().unwrap().as_bytes(), &form);
        content.push(b'.');
        content.extend_from_slice(super::vector_header(&vector, "x-plivo-signature-v3-nonce").as_bytes());
        let tag = super::hmac_sha256(vector["secret"].as_str().unwrap().as_bytes(), &content);
        let is_right = super::vector_header(&vector, "x-plivo-signature-v3").split(',').any(|candidate| {
            hookwarden::verify::bytes::encoding::decode_base64(candidate.as_bytes()).as_ref() == Some(&tag)
        });
        assert_eq!(is_right, vector["expect"] == "valid", "{}", vector["case"]);
    }
}

#[test]
fn contentful_path_escapes_a_query_twice() {
    for (target, content) in [
        ("/webhook", "/webhook"),
        ("/web%20hook?q=a%20b&w=%C3%A9", "/web%2520hook?q%253Da%252520b%2526w%253D%2525C3%2525A9"),
        ("/a?", "/a"),
        ("/a?b?c", "/a?b%253Fc"),
        ("/;,:@&=+$!'()*~#", "/;,:@&=+$!'()*~#"),
        ("/[é]", "/%5B%C3%A9%5D"),
        ("", ""),
    ] {
        assert_eq!(text(contentful_path(target.as_bytes())), content, "{target}");
    }
}

#[test]
fn contentful_path_agrees_with_the_senders_library() {
    for vector in super::shared_vectors("contentful.json") {
        let names = super::vector_header(&vector, "x-contentful-signed-headers");
        let lines: Vec<String> =
            names.split(',').map(|name| format!("{name}:{}", super::vector_header(&vector, name))).collect();
        let (_, _, target) = super::split_url(vector["url"].as_str().unwrap());
        let content = [
            vector["method"].as_str().unwrap().as_bytes(),
            &contentful_path(target.as_bytes()),
            lines.join(";").as_bytes(),
            &super::body(&vector),
        ]
        .join(&b'\n');
        let tag = hex::encode(super::hmac_sha256(vector["secret"].as_str().unwrap().as_bytes(), &content));
        let is_right = tag == super::vector_header(&vector, "x-contentful-signature");
        let is_only_old = vector["case"] == "neg: timestamp too old";
        assert_eq!(is_right, vector["expect"] == "valid" || is_only_old, "{}", vector["case"]);
    }
}

#[test]
fn qsh_is_the_canonical_request_of_the_senders_documentation() {
    for (method, target, content) in [
        (
            "get",
            "/path/to/service?zee_last=param&repeated=parameter%201&first=param&repeated=parameter%202",
            "GET&/path/to/service&first=param&repeated=parameter%201,parameter%202&zee_last=param",
        ),
        ("POST", "/webhook", "POST&/webhook&"),
        ("GET", "", "GET&/&"),
        ("GET", "/", "GET&/&"),
        ("GET", "/a/", "GET&/a&"),
        ("GET", "/a//", "GET&/a/&"),
        ("GET", "/project&a=b?x=y", "GET&/project%26a=b&x=y"),
        ("GET", "/a?jwt=x.y.z&b=1", "GET&/a&b=1"),
        ("GET", "/a?b=1&A=2&a=3&B=4", "GET&/a&A=2&B=4&a=3&b=1"),
        ("GET", "/a?q=b+c*%7E%2a,!'()&e", "GET&/a&e=&q=b%20c%2A~%2A%2C%21%27%28%29"),
        ("GET", "/a?q=2&q=10&q=%C3%A9", "GET&/a&q=%C3%A9,10,2"),
    ] {
        assert_eq!(text(qsh(method.as_bytes(), target.as_bytes())), content);
    }
}

#[test]
fn qsh_hashes_to_the_claim_of_the_vectors() {
    use sha2::Digest as _;
    for vector in super::shared_vectors("atlassian-connect.json") {
        let (_, _, target) = super::split_url(vector["url"].as_str().unwrap());
        let content = qsh(vector["method"].as_str().unwrap().as_bytes(), target.as_bytes());
        assert_eq!(hex::encode(sha2::Sha256::digest(content)), vector["params"]["qsh"].as_str().unwrap());
    }
}

const AUTH: &str = "0123456789abcdef0123456789abcdef";

fn unisender_of(body: &str) -> Option<String> {
    unisender(body.as_bytes(), b"KEY").map(text)
}

#[test]
fn unisender_replaces_the_one_top_level_auth() {
    for (front, rest) in [
        ("{\"auth\":\"", "\"}"),
        ("{ \"auth\" :\n\"", "\" }"),
        ("{\"a\":[1,{\"auth\":\"x\",\"b\":\"}]\\\"{\"}],\"n\":-1.5e3,\"t\":true , \"auth\":\"", "\",\"z\":null}"),
        ("{\"a\":\"\\\\\",\"auth\":\"", "\",\"e\":\"\"}"),
    ] {
        assert_eq!(unisender_of(&format!("{front}{AUTH}{rest}")), Some(format!("{front}KEY{rest}")));
    }
}

#[test]
fn unisender_refuses_every_other_body() {
    let upper = AUTH.to_uppercase();
    for body in [
        String::new(),
        "{}".to_owned(),
        AUTH.to_owned(),
        format!("\"{AUTH}\""),
        format!("[\"auth\",\"{AUTH}\"]"),
        format!("{{\"auth\":\"{AUTH}\"}}\n"),
        format!("{{\"auth\":\"{AUTH}\"}}\u{80}\0"),
        format!("{{\"auth\":\"{AUTH}\"}}{{}}"),
        format!(" {{\"auth\":\"{AUTH}\"}}"),
        format!("{{\"auth\":\"{AUTH}\""),
        format!("{{\"auth\":\"{AUTH}"),
        format!("{{\"auth\":\"{AUTH}\",}}"),
        format!("{{\"auth\":\"{AUTH}\",\"auth\":\"{AUTH}\"}}"),
        format!("{{\"auth\":\"{AUTH}\",\"auth\":\"x\"}}"),
        format!("{{\"auth\":\"x\",\"auth\":\"{AUTH}\"}}"),
        format!("{{\"auth\":\"{AUTH}\",\"copy\":\"{AUTH}\"}}"),
        format!("{{\"auth\":\"{AUTH}0\"}}"),
        format!("{{\"auth\":\"{}\"}}", &AUTH[1..]),
        format!("{{\"auth\":\"{upper}\"}}"),
        format!("{{\"auth\":[\"{AUTH}\"]}}"),
        format!("{{\"auth\":{{\"auth\":\"{AUTH}\"}}}}"),
        format!("{{\"a\":{{\"auth\":\"{AUTH}\"}}}}"),
        format!("{{\"\\u0061uth\":\"{AUTH}\"}}"),
        format!("{{\"Auth\":\"{AUTH}\"}}"),
        "{\"auth\":null}".to_owned(),
        "{\"auth\":\" \"}".to_owned(),
        "{\"auth\":\"\"}".to_owned(),
    ] {
        assert_eq!(unisender_of(&body), None, "{body:?}");
    }
}

#[test]
fn unisender_agrees_with_the_vectors() {
    for vector in super::shared_vectors("unisender-go.json") {
        let content = unisender(&super::body(&vector), vector["secret"].as_str().unwrap().as_bytes());
        match vector["case"].as_str().unwrap() {
            // Well-formed; only the hash is wrong.
            "valid-real-capture" | "valid-anymail-helper-indented" | "reserialised-body" | "tampered-body" => {
                assert!(content.is_some(), "{}", vector["case"]);
            }
            case => assert_eq!(content, None, "{case}"),
        }
    }
}

#[test]
fn unisender_takes_time_in_proportion_to_the_body() {
    for filler in ["\\\\".repeat(500_000), "[".repeat(1_000_000), "\"\"".repeat(500_000), AUTH[..31].repeat(30_000)] {
        for body in
            [format!("{{\"a\":\"{filler}\",\"auth\":\"{AUTH}\"}}"), format!("{{\"a\":{filler},\"auth\":\"{AUTH}\"}}")]
        {
            let started = std::time::Instant::now();
            let _ = unisender_of(&body);
            assert!(started.elapsed() < std::time::Duration::from_secs(10), "took {:?}", started.elapsed());
        }
    }
}

#[test]
fn dotnet_json_escapes_within_texts_only() {
    for (body, content) in [
        (r#"{"a":"b"}"#, r#"{"a":"b"}"#),
        (r#"{"a<b":"&<>'`+"}"#, r#"{"a\u003Cb":"\u0026\u003C\u003E\u0027\u0060\u002B"}"#),
        (r#"{"a":"say \"x\" \\ \n \/ \u00e9"}"#, r#"{"a":"say \u0022x\u0022 \\ \n \/ \u00e9"}"#),
        ("{\"a\":\"é\u{1F600}\u{7f}\"}", "{\"a\":\"\\u00E9\\uD83D\\uDE00\u{7f}\"}"),
        ("[1e+2, +, é]", "[1e+2, +, é]"),
        // Outside of a text a backslash is nothing, and the quotation mark behind it begins one.
        (r#"\"a<"\<"#, r#"\"a\u003C"\<"#),
        ("", ""),
    ] {
        assert_eq!(dotnet_json(body.as_bytes()).map(text).as_deref(), Some(content), "{body}");
    }
}

#[test]
fn dotnet_json_refuses_what_it_cannot_read() {
    for body in [&b"{\"a\":\"b}"[..], b"\"\\", b"\"\\\"", b"\"\xff\""] {
        assert_eq!(dotnet_json(body), None, "{}", String::from_utf8_lossy(body));
    }
}
