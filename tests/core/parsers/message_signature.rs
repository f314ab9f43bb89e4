use std::time::Duration;

use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::scheme::HttpSignatureError as Error;
use hookwarden::verify::scheme::message_signature::{
    ClaimedSignature, Component, Digests, MessageSignatureRule, RequestFacts, begin,
};
use hookwarden::verify::{HeaderLine, Request, borrowed};

use super::headers;

/// The sample of RFC 9530, appendix B, and of RFC 9421, appendix B: `{"hello": "world"}`.
const SHA_256: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
const SHA_512: &str =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

const FACTS: RequestFacts<'_> = RequestFacts {
    method: b"POST",
    target: b"/foo?param=Value&Pet=dog",
    authority: b"example.com",
    scheme: "https",
    public_url: None,
    has_body: false,
};

fn rule(components: &[&str]) -> MessageSignatureRule {
    MessageSignatureRule {
        label: None,
        tag: None,
        algorithm: "hmac-sha256".to_owned(),
        components: components.iter().map(|text| Component::parse(text).unwrap()).collect(),
        insecure_body_unsigned: false,
    }
}

/// The request of RFC 9421, appendix B.2, with this signature input.
fn request(input: &str) -> Vec<HeaderLine> {
    headers(&[
        (":method", "POST"),
        (":authority", "example.com"),
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        ("content-digest", SHA_512),
        ("content-length", "18"),
        ("signature-input", input),
        ("signature", "sig=:AQID:"),
    ])
}

fn begin_with(input: &str, facts: RequestFacts<'_>, rule: &MessageSignatureRule) -> Result<ClaimedSignature, Error> {
    begin(Request::new(&borrowed(&request(input))), facts, rule)
}

fn base_of(components: &str, facts: RequestFacts<'_>) -> Result<String, Error> {
    let signed = begin_with(&format!("sig=({components})"), facts, &rule(&[]))?;
    let base = String::from_utf8(signed.base).unwrap();
    Ok(base.strip_suffix(&format!("\"@signature-params\": ({components})")).unwrap().to_owned())
}

#[test]
fn builds_the_signature_bases_of_the_rfc() {
    // RFC 9421, appendices B.2.1, B.2.2, B.2.3, B.2.5 and B.2.6.
    for (input, lines) in [
        ("();created=1618884473;keyid=\"test-key-rsa-pss\";nonce=\"b3k2pp5k7z-50gnwp.yemd\"", String::new()),
        (
            "(\"@authority\" \"content-digest\" \"@query-param\";name=\"Pet\");created=1618884473;keyid=\"test-key-rsa-pss\";tag=\"header-example\"",
            format!("\"@authority\": example.com\n\"content-digest\": {SHA_512}\n\"@query-param\";name=\"Pet\": dog\n"),
        ),
        (
            "(\"date\" \"@method\" \"@path\" \"@query\" \"@authority\" \"content-type\" \"content-digest\" \"content-length\");created=1618884473;keyid=\"test-key-rsa-pss\"",
            format!(
                "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@query\": ?param=Value&Pet=dog\n\"@authority\": example.com\n\"content-type\": application/json\n\"content-digest\": {SHA_512}\n\"content-length\": 18\n"
            ),
        ),
        (
            "(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"",
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n".to_owned(),
        ),
        (
            "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"",
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n".to_owned(),
        ),
    ] {
        let signed = begin_with(&format!("sig={input}"), FACTS, &rule(&[])).unwrap();
        assert_eq!(String::from_utf8(signed.base).unwrap(), format!("{lines}\"@signature-params\": {input}"));
        assert_eq!(signed.signature, [1, 2, 3]);
        assert_eq!((signed.created, signed.expires), (Some(1_618_884_473), None));
    }
}

#[test]
fn returns_the_parameters() {
    let input = "sig=();created=1;expires=2;keyid=\"k\";alg=\"hmac-sha256\";nonce=\"n\";tag=\"t\";other=?0";
    let signed = begin_with(input, FACTS, &rule(&[])).unwrap();
    assert_eq!((signed.created, signed.expires), (Some(1), Some(2)));
    assert_eq!(signed.key_id.as_deref(), Some("k"));
    assert_eq!(signed.algorithm.as_deref(), Some("hmac-sha256"));
    assert_eq!(signed.nonce.as_deref(), Some("n"));
    assert_eq!(signed.tag.as_deref(), Some("t"));
    for (parameter, error) in [
        ("alg=\"ed25519\"", Error::AlgorithmMismatch),
        ("alg=\"HMAC-SHA256\"", Error::AlgorithmMismatch),
        ("alg=hmac-sha256", Error::Malformed),
        ("keyid=1", Error::Malformed),
        ("nonce", Error::Malformed),
        ("created=-1", Error::TimestampMalformed),
        ("created=\"1\"", Error::TimestampMalformed),
        ("expires", Error::TimestampMalformed),
        ("created=1;created=2", Error::Malformed),
        ("created=1.5", Error::Malformed),
    ] {
        assert_eq!(begin_with(&format!("sig=();{parameter}"), FACTS, &rule(&[])), Err(error), "{parameter}");
    }
}

#[test]
fn derives_components_from_the_request() {
    for (component, facts, line) in [
        ("\"@method\"", RequestFacts { method: b"get", ..FACTS }, "\"@method\": get"),
        ("\"@path\"", RequestFacts { target: b"", ..FACTS }, "\"@path\": /"),
        ("\"@path\"", RequestFacts { target: b"/a%2F/../b?c", ..FACTS }, "\"@path\": /a%2F/../b"),
        ("\"@query\"", RequestFacts { target: b"/a", ..FACTS }, "\"@query\": ?"),
        ("\"@query\"", RequestFacts { target: b"/a?", ..FACTS }, "\"@query\": ?"),
        ("\"@query\"", RequestFacts { target: b"/a?b?c%20", ..FACTS }, "\"@query\": ?b?c%20"),
        ("\"@scheme\"", FACTS, "\"@scheme\": https"),
        ("\"@authority\"", RequestFacts { authority: b"Example.COM:443", ..FACTS }, "\"@authority\": example.com"),
        ("\"@authority\"", RequestFacts { authority: b"example.com:80", ..FACTS }, "\"@authority\": example.com:80"),
        (
            "\"@authority\"",
            RequestFacts { authority: b"example.com:8443", ..FACTS },
            "\"@authority\": example.com:8443",
        ),
        (
            "\"@authority\"",
            RequestFacts { authority: b"example.com:80", scheme: "http", ..FACTS },
            "\"@authority\": example.com",
        ),
        ("\"@target-uri\"", FACTS, "\"@target-uri\": https://example.com/foo?param=Value&Pet=dog"),
        (
            "\"@target-uri\"",
            RequestFacts { public_url: Some("https://Public.example/"), target: b"/a?b", ..FACTS },
            "\"@target-uri\": https://Public.example/a?b",
        ),
        ("\"host\"", RequestFacts { authority: b"Example.com:443", ..FACTS }, "\"host\": Example.com:443"),
    ] {
        assert_eq!(base_of(component, facts), Ok(format!("{line}\n")));
    }
}

#[test]
fn encodes_a_parameter_of_the_query_in_one_way() {
    // RFC 9421, section 2.2.8, both examples.
    let target = b"/path?param=value&foo=bar&baz=batman&qux=";
    let facts = RequestFacts { target, ..FACTS };
    assert_eq!(base_of("\"@query-param\";name=\"qux\"", facts), Ok("\"@query-param\";name=\"qux\": \n".to_owned()));
    let target = b"/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
    for (name, value) in [
        ("var", "this%20is%20a%20big%0Amultiline%20value"),
        ("bar", "with%20plus%20whitespace"),
        ("fa%C3%A7ade%22%3A%20", "something"),
    ] {
        let component = format!("\"@query-param\";name=\"{name}\"");
        assert_eq!(base_of(&component, RequestFacts { target, ..FACTS }), Ok(format!("{component}: {value}\n")));
    }
    for (target, name, error) in [
        ("/a?b=1&b=1", "b", Error::QueryParamDuplicated),
        ("/a?b=1&%62=2", "b", Error::QueryParamDuplicated),
        ("/a?b=1", "c", Error::QueryParamMissing),
        ("/a?b=1", "%62", Error::QueryParamMissing),
        ("/a", "b", Error::QueryParamMissing),
    ] {
        let facts = RequestFacts { target: target.as_bytes(), ..FACTS };
        assert_eq!(base_of(&format!("\"@query-param\";name=\"{name}\""), facts), Err(error), "{target}");
    }
}

#[test]
fn reads_the_query_once_however_many_parameters_are_covered() {
    // A long name that is not covered, every byte of which must be encoded for comparison.
    let names: Vec<String> = (0..60).map(|number| format!("n{number}")).collect();
    let query: String = names.iter().map(|name| format!("{name}=%c3%a9&")).collect();
    let target = format!("/a?{query}{}", "\u{e9}".repeat(1_000_000));
    let components: Vec<String> = names.iter().map(|name| format!("\"@query-param\";name=\"{name}\"")).collect();
    let started = std::time::Instant::now();
    let base = base_of(&components.join(" "), RequestFacts { target: target.as_bytes(), ..FACTS }).unwrap();
    assert!(started.elapsed() < Duration::from_secs(3), "took {:?}", started.elapsed());
    let lines: String = components.iter().map(|component| format!("{component}: %C3%A9\n")).collect();
    assert_eq!(base, lines);
}

#[test]
fn limits_the_number_of_query_parameters_if_one_is_covered() {
    let target = |count: usize| format!("/a?b=1{}", "&c=2".repeat(count - 1));
    let with = |target: &str, component: &str| base_of(component, RequestFacts { target: target.as_bytes(), ..FACTS });
    let component = "\"@query-param\";name=\"b\"";
    assert_eq!(with(&target(1000), component), Ok(format!("{component}: 1\n")));
    assert_eq!(with(&target(1001), component), Err(Error::Excess));
    assert!(with(&target(1001), "\"@query\"").is_ok(), "the query as a whole is not parsed");
}

#[test]
fn joins_the_lines_of_a_header() {
    let mut lines = request("sig=(\"x-multi\" \"x-empty\")");
    lines.extend(headers(&[("X-Multi", "  a\t"), ("x-multi", "b, c"), ("x-multi", ""), ("x-empty", " ")]));
    let base = begin(Request::new(&borrowed(&lines)), FACTS, &rule(&[])).unwrap().base;
    assert!(base.starts_with(b"\"x-multi\": a, b, c, \n\"x-empty\": \n\"@sig"), "{}", base.escape_ascii());
}

#[test]
fn refuses_bytes_that_could_end_a_line() {
    for value in ["a\nb", "a\rb", "a\0", "é", "\x7f"] {
        let mut lines = request("sig=(\"x\")");
        lines.extend(headers(&[("x", value)]));
        assert_eq!(begin(Request::new(&borrowed(&lines)), FACTS, &rule(&[])), Err(Error::FieldMalformed), "{value:?}");
    }
    assert_eq!(base_of("\"@path\"", RequestFacts { target: b"/a\nb", ..FACTS }), Err(Error::FieldMalformed));
    assert_eq!(
        base_of("\"@method\"", RequestFacts { method: b"GET\n\"@path\": /", ..FACTS }),
        Err(Error::FieldMalformed)
    );
}

#[test]
fn refuses_unsupported_and_repeated_components() {
    for component in [
        "\"date\";sf",
        "\"date\";key=\"a\"",
        "\"date\";bs",
        "\"date\";tr",
        "\"@method\";req",
        "\"date\";name=\"a\"",
        "\"date\";x",
        "\"@query-param\"",
        "\"@query-param\";name=a",
        "\"@query-param\";name=\"a\";req",
        "\"@query-param\";key=\"a\"",
        "\"@request-target\"",
        "\"@status\"",
        "\"@signature-params\"",
        "\"@Method\"",
        "\"Date\"",
        "\"\"",
        "\"a b\"",
        "\":method\"",
    ] {
        assert_eq!(base_of(component, FACTS), Err(Error::ComponentUnsupported), "{component}");
    }
    for component in ["date", "1", ":AQI=:", "?1"] {
        assert_eq!(base_of(component, FACTS), Err(Error::Malformed), "{component}");
    }
    for components in ["\"date\" \"@method\" \"date\"", "\"@query-param\";name=\"Pet\" \"@query-param\"; name=\"Pet\""]
    {
        assert_eq!(base_of(components, FACTS), Err(Error::ComponentDuplicated), "{components}");
    }
    assert_eq!(base_of("\"x-absent\"", FACTS), Err(Error::FieldMissing));
    assert_eq!(begin_with("sig=1", FACTS, &rule(&[])), Err(Error::Malformed));
}

#[test]
fn requires_everything_that_the_rule_names_to_be_covered() {
    let wanted = ["@method", "@authority", "@path", "content-digest", "@query-param;name=\"Pet\""];
    let as_input = |names: &[&str]| {
        let items = names.iter().map(|name| match name.split_once(';') {
            Some((name, parameter)) => format!("\"{name}\";{parameter}"),
            None => format!("\"{name}\""),
        });
        format!("sig=({})", items.collect::<Vec<_>>().join(" "))
    };
    assert!(begin_with(&as_input(&wanted), FACTS, &rule(&wanted)).is_ok());
    for left_out in 0..wanted.len() {
        let mut covered = wanted.to_vec();
        covered.remove(left_out);
        assert_eq!(
            begin_with(&as_input(&covered), FACTS, &rule(&wanted)),
            Err(Error::CoverageMissing),
            "without {}",
            wanted[left_out]
        );
    }
}

#[test]
fn requires_the_digest_of_a_body_to_be_covered() {
    let with_body = RequestFacts { has_body: true, ..FACTS };
    assert_eq!(begin_with("sig=(\"@method\")", with_body, &rule(&[])), Err(Error::CoverageMissing));
    assert!(begin_with("sig=(\"content-digest\")", with_body, &rule(&[])).is_ok());
    assert!(begin_with("sig=(\"@method\")", FACTS, &rule(&[])).is_ok());
    let careless = MessageSignatureRule { insecure_body_unsigned: true, ..rule(&[]) };
    let signed = begin_with("sig=(\"@method\")", with_body, &careless).unwrap();
    assert_eq!(signed.digests, Digests::default(), "a digest that is not covered does not count");
}

#[test]
fn selects_the_signature_by_the_rule() {
    let two = "sig=();tag=\"a\", proxy=();tag=\"b\"";
    let labelled = |label: &str| MessageSignatureRule { label: Some(label.to_owned()), ..rule(&[]) };
    let tagged = |tag: &str| MessageSignatureRule { tag: Some(tag.to_owned()), ..rule(&[]) };
    assert_eq!(begin_with(two, FACTS, &rule(&[])), Err(Error::Excess));
    assert_eq!(begin_with(two, FACTS, &labelled("sig")).unwrap().tag.as_deref(), Some("a"));
    assert_eq!(begin_with(two, FACTS, &tagged("a")).unwrap().tag.as_deref(), Some("a"));
    assert_eq!(begin_with(two, FACTS, &labelled("other")), Err(Error::Missing));
    assert_eq!(begin_with(two, FACTS, &tagged("c")), Err(Error::Missing));
    assert_eq!(begin_with(two, FACTS, &labelled("proxy")), Err(Error::Missing), "it has no signature of that label");
    assert_eq!(begin_with("sig=();tag=a", FACTS, &tagged("a")), Err(Error::Missing), "a token is not a string");
    let both = MessageSignatureRule { tag: Some("b".to_owned()), ..labelled("sig") };
    assert_eq!(begin_with(two, FACTS, &both), Err(Error::Missing));
    assert_eq!(begin_with("", FACTS, &rule(&[])), Err(Error::Missing));
}

#[test]
fn refuses_proof_headers_that_are_missing_repeated_or_not_bytes() {
    for name in ["signature", "signature-input"] {
        let mut lines = request("sig=()");
        lines.retain(|(key, _)| key != name);
        assert_eq!(begin(Request::new(&borrowed(&lines)), FACTS, &rule(&[])), Err(Error::Missing));
        let mut lines = request("sig=()");
        lines.extend(headers(&[(name, "b=()")]));
        assert_eq!(begin(Request::new(&borrowed(&lines)), FACTS, &rule(&[])), Err(Error::Duplicated));
        let mut lines = request("sig=()");
        lines.iter_mut().filter(|(key, _)| key == name).for_each(|(_, value)| value.resize(8193, b' '));
        assert_eq!(begin(Request::new(&borrowed(&lines)), FACTS, &rule(&[])), Err(Error::Excess));
    }
    for signature in
        ["sig=\"AQID\"", "sig=AQID", "sig=(:AQID:)", "sig", "sig=:AQID", "sig=:AQI:", "sig=:AQID:, sig=:AQID:"]
    {
        let mut lines = request("sig=()");
        lines.retain(|(key, _)| key != "signature");
        lines.extend(headers(&[("signature", signature)]));
        assert_eq!(begin(Request::new(&borrowed(&lines)), FACTS, &rule(&[])), Err(Error::Malformed), "{signature}");
    }
}

#[test]
fn is_fresh_within_the_age_in_both_directions_limits_included() {
    let signed = begin_with("sig=();created=1000000", FACTS, &rule(&[])).unwrap();
    let age = Some(Duration::from_secs(300));
    for (now, verdict) in [
        (999_699, Err(Error::TimestampFuture)),
        (999_700, Ok(())),
        (1_000_300, Ok(())),
        (1_000_301, Err(Error::TimestampStale)),
    ] {
        assert_eq!(signed.within(age, UnixTime::from_secs(now)), verdict, "{now}");
    }
    assert_eq!(signed.within(age, UnixTime::from_millis(1_000_300_999)), Ok(()), "counted in seconds");
    assert_eq!(signed.within(None, UnixTime::from_secs(9_000_000)), Ok(()));

    let timeless = begin_with("sig=()", FACTS, &rule(&[])).unwrap();
    assert_eq!(timeless.within(age, UnixTime::from_secs(0)), Err(Error::TimestampMissing));
    assert_eq!(timeless.within(None, UnixTime::from_secs(0)), Ok(()));

    let expiring = begin_with("sig=();created=1000000;expires=1000060", FACTS, &rule(&[])).unwrap();
    assert_eq!(expiring.within(age, UnixTime::from_secs(1_000_060)), Ok(()));
    assert_eq!(expiring.within(age, UnixTime::from_secs(1_000_061)), Err(Error::TimestampStale));
    assert_eq!(expiring.within(None, UnixTime::from_secs(1_000_061)), Err(Error::TimestampStale));
    let extreme = begin_with("sig=();created=999999999999999", FACTS, &rule(&[])).unwrap();
    assert_eq!(extreme.within(Some(Duration::MAX), UnixTime::from_millis(u64::MAX)), Ok(()));
}

#[test]
fn every_covered_digest_must_match() {
    use sha2::Digest as _;
    let check = |field: &str, body: &str| {
        let mut lines = request("sig=(\"content-digest\")");
        lines.retain(|(key, _)| key != "content-digest");
        lines.extend(headers(&[("content-digest", field)]));
        begin(Request::new(&borrowed(&lines)), FACTS, &rule(&[]))?
            .check_digest(&sha2::Sha256::digest(body).into(), &sha2::Sha512::digest(body).into())
    };
    let body = "{\"hello\": \"world\"}";
    let both = format!("{SHA_256}, {SHA_512}");
    for field in [SHA_256, SHA_512, &both, &format!("md5=:AAAA:, {SHA_256};p=1, unknown")] {
        assert_eq!(check(field, body), Ok(()), "{field}");
        assert_eq!(check(field, "{\"hello\": \"w0rld\"}"), Err(Error::DigestMismatch), "{field}");
        assert_eq!(check(field, ""), Err(Error::DigestMismatch), "{field}");
    }
    let one_wrong = format!("{}, {SHA_512}", SHA_256.replace("X48E", "X48F"));
    assert_eq!(check(&one_wrong, body), Err(Error::DigestMismatch));
    for field in [
        "",
        "md5=:AAAA:",
        "sha-256",
        "sha-256=:AAAA:",
        "sha-512=:AAAA:",
        "sha-256=\"x\"",
        "sha-256=(:AAAA:)",
        "SHA-256=:AAAA:",
        &format!("{SHA_256}, {SHA_256}"),
        &format!("{SHA_256}, sha-512=:AAAA:"),
        &format!("{SHA_256}, sha-512=1"),
        &format!("sha-256, {SHA_512}"),
        &format!("{SHA_256},"),
    ] {
        assert_eq!(check(field, body), Err(Error::DigestMalformed), "{field}");
    }
}

#[test]
fn digests_agree_with_the_vectors() {
    use sha2::Digest as _;
    for vector in super::shared_vectors("content-digest.json") {
        let body = super::body(&vector);
        let digests = Digests::parse(super::vector_header(&vector, "content-digest").as_bytes());
        let is_right = digests.is_ok_and(|digests| {
            digests.sha256.is_none_or(|digest| digest[..] == sha2::Sha256::digest(&body)[..])
                && digests.sha512.is_none_or(|digest| digest[..] == sha2::Sha512::digest(&body)[..])
        });
        assert_eq!(is_right, vector["expect"] == "valid", "{}", vector["case"]);
    }
}

#[test]
fn agrees_with_the_vectors_that_are_signed_with_hmac() {
    use sha2::Digest as _;
    for vector in super::shared_vectors("http-message-signatures.json") {
        let Some(secret) = vector["secret"].as_str() else { continue };
        let key = hookwarden::verify::bytes::encoding::decode_base64(secret.as_bytes()).unwrap();
        let lines = headers(&super::vector_headers(&vector));
        let (scheme, authority, target) = super::split_url(vector["url"].as_str().unwrap());
        let facts = RequestFacts {
            method: vector["method"].as_str().unwrap().as_bytes(),
            target: target.as_bytes(),
            authority: authority.as_bytes(),
            scheme,
            public_url: None,
            has_body: true,
        };
        // RFC 9421, appendix B.2.5, covers no body.
        let rule = MessageSignatureRule { insecure_body_unsigned: true, ..rule(&[]) };
        let body = super::body(&vector);
        let now = UnixTime::from_secs(vector["now_unix"].as_u64().unwrap());
        let verdict = begin(Request::new(&borrowed(&lines)), facts, &rule).and_then(|signed| {
            signed.within(Some(Duration::from_secs(300)), now)?;
            signed.check_digest(&sha2::Sha256::digest(&body).into(), &sha2::Sha512::digest(&body).into())?;
            Ok(super::hmac_sha256(&key, &signed.base) == signed.signature)
        });
        assert_eq!(verdict == Ok(true), vector["expect"] == "valid", "{}: {verdict:?}", vector["case"]);
    }
}

#[test]
fn reads_components_as_the_configuration_names_them() {
    assert_eq!(Component::parse("@query-param;name=\"a%20b\""), Some(Component::QueryParam("a%20b".to_owned())));
    assert_eq!(Component::parse("content-digest"), Some(Component::Field("content-digest".to_owned())));
    for text in [
        "",
        "@",
        "@status",
        "Content-Digest",
        "a b",
        "@query-param",
        "@query-param;name=a",
        "date;sf",
        "@query-param;name=\"a\";req",
    ] {
        assert_eq!(Component::parse(text), None, "{text}");
    }
}
