//! The list of capabilities in `docs/hosts.md`: whole, and each comment says what its line is for.

use serde_json::{Value, json};

use crate::manifest::manifest;
use crate::support::read;

const DOCUMENT: &str = "docs/hosts.md";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:orders";

/// A function of the list, and the words of its comment.
fn documented() -> Vec<(String, Vec<String>)> {
    let text = read(DOCUMENT);
    let block = text.split("allowed_capabilities:\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a list");
    let lines = block.lines().filter_map(|line| line.trim().split_once(": {}"));
    let words = |comment: &str| -> Vec<String> {
        let comment = comment.trim().trim_start_matches("# ");
        comment.split(", ").filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    lines.map(|(name, comment)| (name.to_owned(), words(comment))).collect()
}

/// The functions that the manifest for this configuration has, and what tells its VM from others.
fn written(source: &Value) -> (Vec<String>, Vec<String>) {
    let text = manifest(&json!({ "sources": [source] }));
    let list = text.split("allowed_capabilities:\n").nth(1).expect("a list");
    let names = list.lines().map_while(|line| line.trim().strip_suffix(": {}")).map(str::to_owned);
    let vm = list.lines().find_map(|line| line.trim().strip_prefix("value: ")).expect("a text").trim_matches('"');
    (names.collect(), vm.split(", ").map(str::to_owned).collect())
}

/// A source for everything that can need a function.
fn sources() -> Vec<Value> {
    let source = |more: Value| {
        let secrets = json!([{"env": "GITHUB_SECRET"}]);
        let mut source =
            json!({"name": "own", "match": {"path": "/own"}, "verify": {"provider": "github", "secrets": secrets}});
        source.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        source
    };
    let scheme =
        json!({"signature": {"header": "X-Sig", "encoding": "hex"}, "algorithm": "hmac-sha256", "signed": "{body}"});
    let http = json!({"cluster": "vault", "path": "/v1/secret/data/github", "pointer": "/data/data/current"});
    vec![
        source(json!({})),
        source(json!({"replay": {"window": "24h"}})),
        source(json!({"replay": {"window": "24h", "store": {"cluster": "webdis"}}})),
        source(json!({"flood_limit": {"failures": 20, "per": "1m"}})),
        source(json!({"acknowledge": true, "verify": {
            "scheme": scheme, "acknowledgement": {"content_type": "text/plain", "body": "yes"}, "secrets": [{"env": "OWN"}],
        }})),
        source(json!({"verify": {"provider": "github", "secrets": [{"http": http}]}})),
        source(json!({"verify": {"provider": "wise", "keys": [{"env": "WISE_PUBLIC_KEY"}]}})),
        source(json!({
            "verify": {"provider": "plaid", "keys": [{"jwk": {"cluster": "plaid", "authority": "sandbox.plaid.com"}}]},
        })),
        source(json!({
            "verify": {"provider": "amazon-sns", "with": {"topic_arn": TOPIC}, "keys": [{"env": "SNS_PUBLIC_KEY"}]},
            "handshake": {"topics": [TOPIC], "cluster": "sns"},
        })),
    ]
}

#[test]
fn the_list_is_that_of_a_manifest_for_each_need() {
    let documented = documented();
    assert!(documented.len() > 35, "{documented:?}");
    let mut shown = Vec::new();
    for source in sources() {
        let (names, words) = written(&source);
        let is_needed = |comment: &[String]| comment.is_empty() || comment.iter().any(|word| words.contains(word));
        let expected: Vec<_> =
            documented.iter().filter(|(_, comment)| is_needed(comment)).map(|(name, _)| name.clone()).collect();
        assert_eq!(names, expected, "{DOCUMENT}, and what `manifest` writes for {words:?}: {source}");
        shown.extend(names);
    }
    let unused: Vec<_> = documented.iter().map(|(name, _)| name).filter(|name| !shown.contains(name)).collect();
    assert!(unused.is_empty(), "nothing needs {unused:?}");
}
