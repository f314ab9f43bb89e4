use hookwarden::verify::bytes::structured_field::{BareItem, Dictionary, FieldError, Value};

fn parse(field: &str) -> Result<Dictionary<'_>, FieldError> {
    Dictionary::parse(field.as_bytes())
}

/// The value of the only member.
fn bare(item: &str) -> Option<BareItem<'_>> {
    let dictionary = parse(item).ok()?;
    match &dictionary.members().first()?.value {
        Value::Item(item) => Some(item.clone()),
        Value::InnerList(_) => None,
    }
}

#[test]
fn reads_members_in_order_with_their_original_text() {
    let field = "sig1=(\"@method\"  \"x-y\";a;b=?0 );created=1;keyid=\"k\\\"\\\\\", other=:AQI=:;p ,\tflag;x=tok/en";
    let dictionary = parse(field).unwrap();
    let keys: Vec<_> = dictionary.members().iter().map(|member| member.key).collect();
    assert_eq!(keys, ["sig1", "other", "flag"]);

    let sig1 = dictionary.member("sig1").unwrap();
    assert_eq!(sig1.text, "(\"@method\"  \"x-y\";a;b=?0 );created=1;keyid=\"k\\\"\\\\\"");
    assert_eq!(sig1.parameters.value("created"), Some(&BareItem::Integer(1)));
    assert_eq!(sig1.parameters.value("keyid"), Some(&BareItem::String("k\"\\".to_owned())));
    assert_eq!(sig1.parameters.value("alg"), None);
    let Value::InnerList(items) = &sig1.value else { panic!("{sig1:?}") };
    assert_eq!(items[0].value, BareItem::String("@method".to_owned()));
    assert_eq!(items[1].text, "\"x-y\";a;b=?0");
    assert_eq!(items[1].parameters.all(), [("a", BareItem::Boolean(true)), ("b", BareItem::Boolean(false))]);

    let other = dictionary.member("other").unwrap();
    assert_eq!((other.text, &other.value), (":AQI=:;p", &Value::Item(BareItem::Bytes(vec![1, 2]))));
    let flag = dictionary.member("flag").unwrap();
    assert_eq!(flag.value, Value::Item(BareItem::Boolean(true)));
    assert_eq!(flag.parameters.value("x"), Some(&BareItem::Token("tok/en")));
}

#[test]
fn reads_values_of_every_supported_kind() {
    for (field, value) in [
        ("a=0", BareItem::Integer(0)),
        ("a=-0", BareItem::Integer(0)),
        ("a=007", BareItem::Integer(7)),
        ("a=-999999999999999", BareItem::Integer(-999_999_999_999_999)),
        ("a=\"\"", BareItem::String(String::new())),
        ("a=\" ~\"", BareItem::String(" ~".to_owned())),
        ("a=::", BareItem::Bytes(vec![])),
        ("a=?1", BareItem::Boolean(true)),
        ("a", BareItem::Boolean(true)),
        ("*a-b_c.1=*t!", BareItem::Token("*t!")),
    ] {
        assert_eq!(bare(field), Some(value), "{field}");
    }
    assert_eq!(parse("").map(|dictionary| dictionary.members().len()), Ok(0));
    assert_eq!(parse("  ").map(|dictionary| dictionary.members().len()), Ok(0));
}

#[test]
fn refuses_anything_but_a_dictionary() {
    for field in [
        ",",
        "a,",
        "a, ",
        ",a",
        "a,,b",
        "a b",
        "a=",
        "a=;b",
        "a= 1",
        "a =1",
        "A=1",
        "1=1",
        "=1",
        "-a",
        "a;",
        "a;B",
        "a;=1",
        "a=1;b=",
        "a=(",
        "a=()x",
        "a=(1 2",
        "a=(1,2)",
        "a=(1\t2)",
        "a=(\"x\"\"y\")",
        "a=((1))",
        "a=)",
        "a=\"",
        "a=\"\\\"",
        "a=\"\\x\"",
        "a=\"\t\"",
        "a=\"\x7f\"",
        "a=:",
        "a=:AQI=",
        "a=?",
        "a=?2",
        "a=?10",
        "a=-",
        "a=--1",
        "a=1000000000000000",
        "a=1x",
        "a=é",
        "é",
        "\ta",
        "a=\"é\"",
        "a\n",
        "a=1\0",
        "a=!b",
        "a='b'",
    ] {
        assert_eq!(parse(field), Err(FieldError::Malformed), "{field:?}");
    }
    assert_eq!(Dictionary::parse(b"a=\"\xff\""), Err(FieldError::Malformed));
}

#[test]
fn refuses_ambiguous_fields() {
    for field in ["a=1, a=2", "a, b, a", "a;p=1;p=2", "a=(1;p;p)", "a=();p;p"] {
        assert_eq!(parse(field), Err(FieldError::Malformed), "a repeated key: {field}");
    }
    for field in ["a=:AQI:", "a=:AQJ=:", "a=:AQI=\t:", "a=:AQ-_:", "a=:AQI==:"] {
        assert_eq!(parse(field), Err(FieldError::Malformed), "base64 that is not canonical: {field}");
    }
    for field in ["a=1.5", "a=1.", "a=@1618884473", "a=%\"f%c3%bc\""] {
        assert_eq!(parse(field), Err(FieldError::Malformed), "a kind that is not read: {field}");
    }
}

#[test]
fn limits_length_and_numbers() {
    let list = |count: usize, separator: &str, text: &dyn Fn(usize) -> String| {
        (0..count).map(text).collect::<Vec<_>>().join(separator)
    };
    let members = |count| list(count, ",", &|number| format!("a{number}"));
    assert!(parse(&members(16)).is_ok());
    assert_eq!(parse(&members(17)), Err(FieldError::TooLarge));
    let items = |count| format!("a=({})", list(count, " ", &|number| number.to_string()));
    assert!(parse(&items(64)).is_ok());
    assert_eq!(parse(&items(65)), Err(FieldError::TooLarge));
    let parameters = |count| format!("a{}", list(count, "", &|number| format!(";p{number}")));
    assert!(parse(&parameters(16)).is_ok());
    assert_eq!(parse(&parameters(17)), Err(FieldError::TooLarge));
    let text = |length: usize| format!("a=\"{}\"", "x".repeat(length - "a=\"\"".len()));
    assert!(parse(&text(8192)).is_ok());
    assert_eq!(parse(&text(8193)), Err(FieldError::TooLarge));
}
