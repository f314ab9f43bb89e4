//! The table of metrics in `docs/operations.md`.

use hookwarden::report;
use hookwarden::step::{Record, Tally};
use hookwarden::verify::Denial;

use crate::base::base;
use crate::documents::{rows, unquoted, yaml};
use crate::links::anchors;
use crate::support::{load, read};

#[test]
fn every_metric_is_documented() {
    let rows = rows("docs/operations.md", "Metrics");
    let names: Vec<_> = rows.iter().map(|row| unquoted(&row[0])).collect();
    let of_source = report::gauges("<source>").into_iter().chain([report::histograms::skew_name("<source>")]);
    let of_all = [
        report::BYTES_HASHED,
        report::SIGNATURES_BY_HOST,
        report::SIGNATURES_BY_FILTER,
        report::SOURCES_CLOSED,
        report::SECRETS_EXPIRING,
        report::CONFIG_HASH,
        report::CONFIG_SINCE,
        report::histograms::CHECK,
        report::histograms::HELD,
        report::histograms::STORE_CALL,
    ];
    for name in of_all.map(str::to_owned).into_iter().chain(of_source) {
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

/// The shipped rules and the dashboard, as text.
fn monitoring() -> String {
    ["alerts.yaml", "dashboard.json"].map(|name| read(format!("envoy/monitoring/{name}")).replace('\\', "")).concat()
}

/// The words after each `prefix` in a text.
fn words<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(prefix).skip(1).map(|rest| {
        let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && !"_|".contains(char)).unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn rules_and_dashboard_name_only_metrics_that_are_documented() {
    let rows = rows("docs/operations.md", "Metrics");
    let known: Vec<&str> = rows.iter().map(|row| unquoted(&row[1]).split('{').next().unwrap_or_default()).collect();
    let text = monitoring();
    let mut named = 0;
    for name in words(&text, "hookwarden_") {
        let name = format!("hookwarden_{}", name.trim_end_matches("_bucket"));
        if ["hookwarden_vm_reload"].contains(&name.as_str()) {
            // Envoy's own, with the plugin's name in it.
            continue;
        }
        assert!(known.contains(&name.as_str()), "{name} is not in the table");
        named += 1;
    }
    assert!(named > 40, "{named}");
}

#[test]
fn every_denial_that_a_rule_or_the_dashboard_names_is_counted_from_the_start() {
    let text = monitoring();
    let codes = words(&text, "code=\"").chain(words(&text, "code=~\"")).flat_map(|codes| codes.split('|'));
    let named: std::collections::BTreeSet<&str> = codes.filter(|code| !code.is_empty()).collect();
    let counted: std::collections::BTreeSet<&str> =
        report::initial::NAMED_DENIALS.iter().map(|denial| denial.code()).collect();
    assert_eq!(named, counted);
}

#[test]
fn every_rule_is_documented_as_it_is() {
    let text = read("envoy/monitoring/alerts.yaml");
    let blocks = text.split("\n      # ").skip(1);
    let rule = |block: &str| {
        let after =
            |key: &str| block.split(key).nth(1).and_then(|rest| rest.split([' ', '\n']).next()).map(str::to_owned);
        let meaning = block.lines().next().unwrap_or_default().to_owned();
        [after("- alert: ").expect("a name"), after("severity: ").expect("a severity"), meaning]
    };
    let shipped: Vec<_> = blocks.map(rule).collect();
    let documented: Vec<_> = rows("docs/operations.md", "Alerts worth having")
        .into_iter()
        .map(|row| [unquoted(&row[0]).to_owned(), row[1].clone(), row[2].clone()])
        .collect();
    assert_eq!(documented, shipped);
}

#[test]
fn every_alert_names_a_section_of_the_runbook() {
    let rules = yaml(&read("envoy/monitoring/alerts.yaml")).remove(0);
    let rules = rules["groups"][0]["rules"].as_array().expect("a list of rules").clone();
    assert!(rules.len() > 20, "{}", rules.len());
    let index = read("docs/runbook.md");
    let index: Vec<&str> = index.lines().filter(|line| line.starts_with("| `Hookwarden")).collect();
    for rule in rules {
        let name = rule["alert"].as_str().expect("a name");
        let runbook = rule["annotations"]["runbook"].as_str().unwrap_or_else(|| panic!("{name} names no runbook"));
        let (path, anchor) = runbook.split_once('#').unwrap_or_else(|| panic!("{name}: {runbook} names no section"));
        let text = read(path);
        assert!(anchors(&text).contains(anchor), "{name}: {path} has no section {anchor}");
        // The section speaks of the alert, the index of the runbook leads there, and so does the table of alerts.
        let section = text.split("\n## ").find(|section| anchors(&format!("# {section}")).contains(anchor));
        assert!(section.is_some_and(|section| section.contains(name)), "{runbook} does not mention {name}");
        let link = format!("(#{anchor})");
        let listed = index.iter().any(|row| row.contains(&format!("`{name}`")) && row.contains(&link));
        assert!(listed, "the index of {path} does not lead from {name} to {anchor}");
        let documented = rows("docs/operations.md", "Alerts worth having");
        let row = documented.iter().find(|row| unquoted(&row[0]) == name).expect("the rule is documented");
        let target = runbook.strip_prefix("docs/").expect("a document");
        assert!(row[3].contains(&format!("({target})")), "docs/operations.md leads from {name} to {}", row[3]);
    }
}
