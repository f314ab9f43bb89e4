//! How many log lines refusals may write.

use hookwarden::report::LogBudget;
use hookwarden::verify::primitives::timestamp::UnixTime;

use crate::support::NOW;

/// How many of `tries` lines are permitted at once, `seconds` after [`NOW`].
fn permitted(budget: &mut LogBudget, tries: usize, seconds: u64) -> usize {
    (0..tries).filter(|_| budget.take(UnixTime::from_secs(NOW + seconds)).is_some()).count()
}

#[test]
fn permits_fifty_lines_at_once_and_ten_more_each_second() {
    let mut budget = LogBudget::default();
    assert_eq!(permitted(&mut budget, 1_000, 0), 50);
    assert_eq!(permitted(&mut budget, 1_000, 1), 10);
    assert_eq!(permitted(&mut budget, 1_000, 3), 20);
    assert_eq!(permitted(&mut budget, 1_000, 3_600), 50, "a quiet hour saves up no more than a burst");
}

#[test]
fn the_next_line_says_how_many_were_suppressed_before_it() {
    let mut budget = LogBudget::default();
    assert_eq!(budget.take(UnixTime::from_secs(NOW)), Some(0));
    assert_eq!(permitted(&mut budget, 149, 0), 49);
    assert_eq!(budget.take(UnixTime::from_secs(NOW + 1)), Some(100));
    assert_eq!(budget.take(UnixTime::from_secs(NOW + 1)), Some(0), "each is reported once");
}

#[test]
fn a_clock_that_fails_or_goes_back_permits_no_extra_lines() {
    let mut budget = LogBudget::default();
    assert_eq!(permitted(&mut budget, 1_000, 0), 50);
    assert_eq!(budget.take(UnixTime::from_millis(0)), None);
    assert_eq!(permitted(&mut LogBudget::default(), 1_000, 0), 50);
}

#[test]
fn a_flood_on_one_source_does_not_hide_the_lines_of_another() {
    let mut all = LogBudget::of_all();
    let (mut flooded, mut quiet) = (LogBudget::default(), LogBudget::default());
    let now = UnixTime::from_secs(NOW);
    let logged = (0..100_000).filter(|_| flooded.take_within(&mut all, now).is_some()).count();
    assert_eq!(logged, 50);
    assert_eq!(quiet.take_within(&mut all, now), Some(0));
}

#[test]
fn a_flood_on_all_sources_is_limited_too() {
    let mut all = LogBudget::of_all();
    let now = UnixTime::from_secs(NOW);
    let mut sources: Vec<LogBudget> = (0..100).map(|_| LogBudget::default()).collect();
    let mut flood = |now: UnixTime| {
        let tries = sources.iter_mut().flat_map(|source| {
            std::iter::repeat_with(|| source.take_within(&mut all, now)).take(100).collect::<Vec<_>>()
        });
        tries.flatten().collect::<Vec<u64>>()
    };
    assert_eq!(flood(now), [0; 500]);
    let later = flood(UnixTime::from_secs(NOW + 1));
    assert_eq!(later.len(), 100);
    assert!(later.iter().any(|suppressed| *suppressed > 0), "what both limits suppressed is reported");
}
