//! Templates and values of the scheme language, in words.

/// A template in words: its values and texts in order.
pub fn template(text: &str) -> String {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    let mut is_optional = false;
    let flush = |literal: &mut String, parts: &mut Vec<String>| {
        if !literal.is_empty() {
            parts.push(format!("{:?}", std::mem::take(literal)));
        }
    };
    while let Some(char) = rest.chars().next() {
        let tail = rest.get(char.len_utf8()..).unwrap_or_default();
        rest = match char {
            '{' | '}' if tail.starts_with(char) => {
                literal.push(char);
                tail.get(1..).unwrap_or_default()
            }
            '{' => {
                let (expression, behind) = tail.split_once('}').unwrap_or((tail, ""));
                flush(&mut literal, &mut parts);
                let words = value(expression);
                parts.push(if is_optional { format!("{words} (left out where it is missing)") } else { words });
                behind
            }
            '[' | ']' if tail.starts_with(char) => {
                flush(&mut literal, &mut parts);
                is_optional = char == '[';
                tail.get(1..).unwrap_or_default()
            }
            other => {
                literal.push(other);
                tail
            }
        };
    }
    flush(&mut literal, &mut parts);
    parts.join(" + ")
}

/// A value in words: where it is, and what is done to it.
pub fn value(expression: &str) -> String {
    let mut pieces = expression.split('|');
    let root = pieces.next().unwrap_or_default();
    let (root, optional) = match root.strip_suffix('?') {
        Some(root) => (root, " (or nothing)"),
        None => (root, ""),
    };
    let words = match root.split_once(':') {
        Some(("header", name)) => format!("the header {name:?}"),
        Some(("query", name)) => format!("the query parameter {name:?}"),
        Some(("form", name)) => format!("the form field {name:?}"),
        Some(("json", path)) => format!("the value at {path:?} of the JSON body"),
        Some(("entry", "@0")) => "the first entry of the signature's list".to_owned(),
        Some(("entry", prefix)) => format!("the entry {prefix:?} of the signature's list"),
        Some(("with", name)) => format!("the configured value {name:?}"),
        _ => match root {
            "body" => "the body, byte by byte",
            "timestamp" => "the timestamp, as it was sent",
            "secret" => "the secret",
            "method" => "the method",
            "target" => "path and query, as they were sent",
            "path" => "the path, as it was sent",
            "url" => "the URL that the sender calls (public_url, path and query)",
            "query" => "all parameters of the query",
            "form" => "all fields of the form",
            "sns" => "the lines that Amazon SNS makes of the message",
            "php_serialize" => "the form as PHP's serialize() writes it",
            "plivo_v3" => "the URL and the form in Plivo's order",
            "contentful_path" => "path and query, escaped once more",
            "qsh" => "method, path and query in Atlassian's form",
            "unisender" => "the body with the secret in place of \"auth\"",
            other => other,
        }
        .to_owned(),
    };
    let filters: Vec<_> = pieces.map(filter).collect();
    if filters.is_empty() {
        format!("{words}{optional}")
    } else {
        format!("{words}{optional} ({})", filters.join(", then "))
    }
}

fn filter(name: &str) -> String {
    if let Some(path) = name.strip_prefix("json:") {
        return format!("parsed as JSON, the value at {path:?}");
    }
    match name {
        "lower" => "in lower case",
        "upper" => "in upper case",
        "trim" => "without white space around it",
        "word" => "of letters, digits and -_. only",
        "md5" => "its MD5",
        "sha1" => "its SHA-1",
        "sha256" => "its SHA-256",
        "sha512" => "its SHA-512",
        "crc32" => "its CRC-32 as a number",
        "hex" => "in hexadecimal",
        "base64" => "in base64",
        "base64_decode" => "decoded from base64",
        "base64url_decode" => "decoded from base64url",
        "percent_decode" => "percent-decoded",
        "sorted" => "sorted by name and glued together",
        "sorted_query" => "sorted and written as a query",
        "without_query" => "without the query",
        "with_port" => "with its port",
        "without_port" => "without its port",
        "header_values" => "the values of the headers that it lists",
        "header_pairs" => "the headers that it lists",
        "hubspot_decode" => "with HubSpot's escapes resolved",
        other => other,
    }
    .to_owned()
}
