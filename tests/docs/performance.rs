//! Every figure of `make bench-peers` in the documents is that of docs/performance.json. After a change to the tables or
//! the chart, `BLESS=1 cargo test --test docs performance` writes them again, without a new measurement.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{read, read_json, root};

#[path = "../../benches/peers/chart.rs"]
mod chart;
#[path = "../../benches/peers/tables.rs"]
mod tables;

const JSON: &str = "docs/performance.json";
const DOCUMENTS: [&str; 2] = ["README.md", "docs/performance.md"];

#[test]
fn tables_and_chart_are_those_of_the_measurement() {
    let results = read_json(JSON);
    for path in DOCUMENTS {
        let text = read(path);
        let filled = tables::fill(&text, &results).unwrap_or_else(|error| panic!("{path}: {error}"));
        compare(path, &filled);
    }
    compare("docs/performance.svg", &chart::chart(&results));
}

fn compare(path: &str, expected: &str) {
    if std::env::var("BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(root().join(path), expected).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    assert!(read(path) == expected, "{path} and {JSON} differ; make bench-peers writes both, BLESS=1 the first");
}

#[test]
fn every_table_is_shown() {
    let text: String = DOCUMENTS.map(read).concat();
    let shown: BTreeSet<_> = text.split("<!-- bench:").skip(1).filter_map(|rest| rest.split(" -->").next()).collect();
    for name in tables::SECTIONS.into_iter().chain(["readme", "peers"]) {
        assert!(shown.contains(name), "no document shows {name}");
    }
}

#[test]
fn the_measurement_is_a_full_run() {
    let results = read_json(JSON);
    assert_eq!(results["command"], "make bench-peers", "{JSON} is of a quick run");
    assert_eq!(results["left_out"], json!([]), "{JSON} lacks a peer");
}
