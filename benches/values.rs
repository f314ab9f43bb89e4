//! Reading values out of a request: templates, JSON, forms.

#![allow(
    clippy::disallowed_methods,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark measures time, is no library, and uses what it shares with others in part"
)]

mod micro;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hookwarden::guard::pool::Pool;
use hookwarden::step::Step;
use hookwarden::verify::bytes::form;
use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::primitives::mac::{HashAlgorithm, MacKey};
use serde_json::json;

use crate::micro::Host;

fn main() {
    let mut criterion = micro::criterion();
    json_and_forms(&mut criterion);
    templates(&mut criterion);
    criterion.final_summary();
}

fn json_and_forms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("values");
    let path = JsonPath::parse("data.last.id").expect("a path");
    for members in [10, 1000] {
        let list: Vec<_> = (0..members).map(|number| json!({ "id": number, "text": "some text\n" })).collect();
        let text = json!({ "list": list, "data": { "last": { "id": "evt_1" } } }).to_string();
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("JSON, {} bytes", text.len()), |bencher| {
            bencher.iter(|| {
                let json = Json::parse(black_box(text.as_bytes())).ok()?;
                json.at(&path).and_then(Json::text).map(str::len)
            });
        });
        let text: String = (0..members).map(|number| format!("field{number}=some+text%0A&")).collect();
        let text = format!("{text}id=evt_1");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("form, {} bytes", text.len()), |bencher| {
            bencher.iter(|| {
                let pairs = form::pairs(black_box(text.as_bytes()))?;
                form::unique(&pairs, "id").ok().map(<[u8]>::len)
            });
        });
    }
    group.finish();
}

/// Whole decisions, because a template has no meaning without one.
fn templates(criterion: &mut Criterion) {
    let body = json!({ "id": "evt_1", "type": "order.paid", "filler": "x".repeat(900) }).to_string();
    let cases = [
        ("the body", "{body}", body.clone()),
        ("a header and the body", "{header:User-Agent}.{body}", format!("GitHub-Hookshot/044aadd.{body}")),
        ("two values of the JSON", "{json:id}:{json:type}", "evt_1:order.paid".to_owned()),
    ];
    let mut group = criterion.benchmark_group("templates");
    for (name, template, signed) in cases {
        let scheme = json!({ "signature": { "header": "X-Signature", "encoding": "hex" }, "algorithm": "hmac-sha256",
            "signed": template });
        let verify = json!({ "scheme": scheme, "secrets": [{ "value": micro::SECRET }] });
        let text = json!({ "sources": [{ "name": "own", "match": { "path": "/hooks/0" }, "verify": verify }] });
        let host = Host::default();
        let (policy, pool) = (micro::open(&micro::policy(&text.to_string()), &host), Pool::default());
        let mut mac = MacKey::new(HashAlgorithm::Sha256, micro::SECRET.as_bytes()).expect("a key").begin();
        mac.update(signed.as_bytes());
        let tag: String = mac.tag().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut sent = micro::delivery(0, body.clone().into_bytes());
        sent.headers.push(("x-signature".to_owned(), tag.into_bytes()));
        assert!(matches!(micro::decide(&policy, &pool, &host, &sent), Step::Continue(_)), "{name}");
        group.bench_function(name, |bencher| bencher.iter(|| micro::decide(&policy, &pool, &host, &sent)));
    }
    group.finish();
}
