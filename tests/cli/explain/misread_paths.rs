//! Captures that state a path, which no other may replace.

use serde_json::{Value, json};

use super::misread::{BODY, assert_verified, explain, signature, source};
use crate::scratch::Scratch;
use crate::support::hookwarden;

#[test]
fn a_path_in_variables_is_the_one_that_was_called() {
    let printed = |variables: &str| {
        format!(
            "{{'REQUEST_METHOD': 'POST', {variables}, 'HTTP_HOST': 'in.example.net', 'CONTENT_TYPE': 'application/json', 'HTTP_X_HUB_SIGNATURE_256': '{}'}}\n{BODY}",
            signature(BODY)
        )
    };
    for (variables, path, code) in [
        ("'PATH_INFO': '/in/other'", "/in/other", "unmatched"),
        ("'SCRIPT_NAME': '/app', 'PATH_INFO': '/in/billing'", "/app/in/billing", "unmatched"),
        ("'SCRIPT_NAME': '/in', 'PATH_INFO': '/billing', 'QUERY_STRING': 'a=b'", "/in/billing", "verified"),
        ("'REQUEST_URI': 'https://in.example.net/in/other'", "/in/other", "unmatched"),
    ] {
        let said = explain(&printed(variables), &[]);
        assert_eq!((said.path.as_str(), said.code.as_str()), (path, code), "{variables}: {}", said.words);
        // The same in JSON, with the body beside them.
        let object = printed(variables).split_once('\n').expect("two lines").0.replace('\'', "\"");
        let mut object: Value = serde_json::from_str(&object).expect("it is JSON");
        object["body"] = json!(BODY);
        let said = explain(&object.to_string(), &[]);
        assert_eq!((said.path.as_str(), said.code.as_str()), (path, code), "JSON, {variables}: {}", said.words);
    }
    assert!(explain(&printed("'PATH_INFO': 'billing'"), &[]).words.contains("--url"));
}

#[test]
fn a_stated_path_that_cannot_be_read_is_not_replaced_by_that_of_the_source() {
    for stated in [
        json!({ "path": "other" }),
        json!({ "uri": "other/x" }),
        json!({ "host": "in.example.net/in/other" }),
        json!({ "url": { "pathname": "/in/other" } }),
    ] {
        let mut request =
            json!({ "method": "POST", "headers": { "X-Hub-Signature-256": signature(BODY) }, "body": BODY });
        for (name, value) in stated.as_object().expect("an object") {
            request[name] = value.clone();
        }
        let said = explain(&request.to_string(), &[]);
        assert_eq!(said.code, "error", "{stated}: {}", said.words);
        assert!(said.words.contains("--url"), "{stated}: {}", said.words);
        let said = explain(&request.to_string(), &["--url", "https://in.example.net/in/billing"]);
        assert_eq!(said.code, "verified", "{stated}: {}", said.words);
        let scratch = Scratch::new();
        let config = scratch.config(&json!({ "sources": [source("billing", "/in/billing")] }));
        let lines = scratch.file("lines", json!({ "request": request }).to_string());
        let ran = hookwarden(&["explain", "--config", &config, "--batch", &lines], "");
        assert!(ran.out.contains("request_unreadable"), "{stated}: {}", ran.out);
    }
    let event = json!({
        "headers": { "X-Hub-Signature-256": signature(BODY) },
        "requestContext": { "http": { "method": "POST", "path": "/in/other" } },
        "body": BODY
    });
    assert_eq!(explain(&event.to_string(), &[]).path, "/in/other");
    for stated in
        [json!({ "URL": "/in/other" }), json!({ "full_path": "/in/other" }), json!({ "RequestPath": "/in/other" })]
    {
        let mut request =
            json!({ "method": "POST", "headers": { "X-Hub-Signature-256": signature(BODY) }, "body": BODY });
        for (name, value) in stated.as_object().expect("an object") {
            request[name] = value.clone();
        }
        assert_eq!(explain(&request.to_string(), &[]).path, "/in/other", "{stated}");
    }
    let of_flask =
        json!({ "endpoint": "billing", "headers": { "X-Hub-Signature-256": signature(BODY) }, "body": BODY });
    assert_verified("the name of a function is no path", &of_flask.to_string());
}
