//! The tables of denials, and every denial code that a document mentions.

use std::collections::BTreeSet;

use hookwarden::config::Source;
use hookwarden::report;
use hookwarden::verify::Denial;

use crate::base::base;
use crate::documents::{documents, quoted, rows};
use crate::support::{assert_none, load};

#[test]
fn the_table_of_denials_matches_the_code() {
    let shown: Vec<_> = rows("docs/denials.md", "Every code").into_iter().map(|row| row[..3].to_vec()).collect();
    let real: Vec<_> = Denial::ALL
        .iter()
        .map(|denial| {
            let (status, is_proof) = status(*denial);
            let star = if is_proof { "*" } else { "" };
            vec![format!("`{denial}`"), format!("{status}{star}"), denial.meaning().trim().to_owned()]
        })
        .collect();
    for (shown, real) in shown.iter().zip(&real) {
        assert_eq!(shown, real, "docs/denials.md; the row should begin | {} |", real.join(" | "));
    }
    assert_eq!(shown.len(), real.len(), "docs/denials.md: the number of rows");
    assert!(rows("docs/denials.md", "Every code").iter().all(|row| !row[3].is_empty()), "each says what to do");
}

#[test]
fn the_table_by_status_is_complete_and_correct() {
    let mut left: BTreeSet<_> = Denial::ALL.iter().map(|denial| denial.code().to_owned()).collect();
    for row in rows("docs/denials.md", "By status") {
        for code in quoted(&row[1], '`') {
            assert!(
                left.remove(&code),
                "docs/denials.md: {code} is not a code, or appears twice in the table by status"
            );
            assert_eq!(
                row[0],
                status(denial(&code).expect("a code")).0.to_string(),
                "docs/denials.md: the status of {code}"
            );
        }
    }
    assert!(left.is_empty(), "docs/denials.md: its table by status lacks {left:?}");
}

#[test]
fn every_mentioned_code_exists() {
    let mut unknown = Vec::new();
    for document in documents() {
        for mark in ["code=", "code\":\"", "code=\"", "code=~\""] {
            for (_, rest) in document.text.match_indices(mark).map(|(at, _)| document.text.split_at(at + mark.len())) {
                let codes = rest.split(|char: char| !char.is_ascii_lowercase() && !"_|".contains(char)).next();
                let codes = codes.unwrap_or_default().split('|').filter(|code| !code.is_empty());
                unknown.extend(
                    codes.filter(|code| denial(code).is_none()).map(|code| format!("{}: {code}", document.path)),
                );
            }
        }
    }
    assert_none(&unknown);
}

/// The status of a denial, and whether a source may choose another with `deny`.
fn status(denial: Denial) -> (u16, bool) {
    let policy = load(&base()).expect("the base is valid").policy;
    let source: &Source = &policy.sources[0];
    let own = report::reply(denial, Some(source)).status;
    if own == source.deny_status { (report::reply(denial, None).status, true) } else { (own, false) }
}

pub fn denial(code: &str) -> Option<Denial> {
    Denial::ALL.iter().copied().find(|denial| denial.code() == code)
}
