//! The table of metrics in `docs/operations.md`.

use hookwarden::report;
use hookwarden::step::{Record, Tally};
use hookwarden::verify::Denial;

use crate::base::base;
use crate::documents::{rows, unquoted};
use crate::support::load;

#[test]
fn every_metric_is_documented() {
    let rows = rows("docs/operations.md", "Metrics");
    let names: Vec<_> = rows.iter().map(|row| unquoted(&row[0])).collect();
    for name in [report::BYTES_HASHED, report::SOURCES_CLOSED, report::SECRETS_EXPIRING] {
        assert!(names.contains(&format!("wasmcustom.{name}").as_str()), "docs/operations.md lacks {name}");
    }
    let policy = load(&base()).expect("the base is valid").policy;
    let source = Some(policy.sources[0].as_ref());
    let tally = Tally {
        remembered: 1,
        dropped: 1,
        given_back: 1,
        stuck: 1,
        store_failures: 1,
        duplicates_passed: 1,
        ..Tally::default()
    };
    let changes: Vec<_> = report::changes(&tally).collect();
    assert_eq!(changes.len(), 6);
    for change in changes {
        let name = format!("wasmcustom.{}", change.counter.name(source).replace(".base.", ".<source>."));
        assert!(names.contains(&name.as_str()), "docs/operations.md lacks {name}");
    }
    let record = Record::denied(Denial::SignatureMismatch.into(), 0);
    for counter in report::counters(&record) {
        let name = counter.name(source);
        let name = name.replace(".base.", ".<source>.");
        let name = name.replace(".requests.denied", ".requests.<outcome>");
        let name = format!("wasmcustom.{}", name.replace(".denials.signature_mismatch", ".denials.<code>"));
        assert!(names.contains(&name.as_str()), "docs/operations.md lacks {name}");
    }
}
