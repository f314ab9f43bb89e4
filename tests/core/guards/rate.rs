use std::time::Duration;

use hookwarden::guard::rate::Rate;
use hookwarden::verify::primitives::timestamp::UnixTime;

use super::{Dice, NOW, after};

const MILLI: Duration = Duration::from_millis(1);

/// Takes as many as there are at this moment.
fn drain(rate: Rate, state: &mut u64, now: UnixTime) -> usize {
    let mut taken = 0;
    while let Ok(next) = rate.take(*state, now) {
        *state = next;
        taken += 1;
    }
    taken
}

#[test]
fn as_many_as_the_burst_pass_at_once_and_one_each_interval() {
    for (count, per, burst, interval) in [
        (1, 1, 1, 1000),
        (10, 1, 10, 100),
        (10, 1, 1, 100),
        (10, 1, 25, 100),
        (100, 60, 100, 600),
        (1, 86_400, 3, 86_400_000),
    ] {
        let rate = Rate::new(count, Duration::from_secs(per), burst);
        let mut state = 0;
        assert_eq!(drain(rate, &mut state, after(0)), burst as usize, "at once: {rate:?}");
        for n in 1..=5 {
            assert_eq!(drain(rate, &mut state, after(n * interval - 1)), 0, "just before the next: {rate:?}");
            assert_eq!(drain(rate, &mut state, after(n * interval)), 1, "one each interval: {rate:?}");
        }
    }
}

#[test]
fn an_unused_bucket_is_full_and_no_fuller() {
    let rate = Rate::new(10, Duration::from_secs(1), 10);
    let mut state = 0;
    assert_eq!(drain(rate, &mut state, after(0)), 10);
    assert!(!Rate::is_full(state, after(999)));
    assert!(Rate::is_full(state, after(1000)));
    for later in [1000, 5000, 1_000_000_000] {
        assert_eq!(drain(rate, &mut state, after(later)), 10, "{later} ms later");
    }
}

#[test]
fn the_wait_is_exact() {
    let mut dice = Dice(4);
    for _ in 0..1000 {
        let (count, burst) = (1 + dice.below(1000), 1 + dice.below(50));
        let per = Duration::from_secs(1 + dice.below(3600));
        let rate = Rate::new(u32::try_from(count).unwrap(), per, u32::try_from(burst).unwrap());
        let mut state = 0;
        drain(rate, &mut state, after(0));
        let wait = rate.take(state, after(0)).unwrap_err();
        assert_eq!(rate.peek(state, after(0)), Err(wait));
        let millis = u64::try_from(wait.div_ceil_millis()).unwrap();
        assert!(rate.take(state, after(millis)).is_ok(), "after {wait:?}: {rate:?}");
        assert!(rate.take(state, after(millis - 1)).is_err(), "a millisecond before {wait:?}: {rate:?}");
        assert!(wait <= per, "{wait:?}: {rate:?}");
    }
}

trait Millis {
    fn div_ceil_millis(&self) -> u128;
}

impl Millis for Duration {
    fn div_ceil_millis(&self) -> u128 {
        self.as_nanos().div_ceil(MILLI.as_nanos())
    }
}

#[test]
fn peeking_takes_nothing_and_agrees_with_taking() {
    let mut dice = Dice(5);
    let rate = Rate::new(7, Duration::from_secs(1), 3);
    let (mut state, mut now) = (0, 0);
    for _ in 0..1000 {
        now += dice.below(200);
        let taken = rate.take(state, after(now));
        assert_eq!(rate.peek(state, after(now)), taken.map(drop), "at {now}");
        state = taken.unwrap_or(state);
    }
}

#[test]
fn it_agrees_with_a_model_of_a_token_bucket() {
    let mut dice = Dice(6);
    for _ in 0..200 {
        // Intervals of whole milliseconds, so that the model's numbers are exact.
        let (interval, burst) = (1 + dice.below(500), 1 + dice.below(20));
        let rate = Rate::new(1000, Duration::from_millis(1000 * interval), u32::try_from(burst).unwrap());
        let (mut state, mut now) = (0, 0);
        // The model counts thousandths of a token.
        let mut level = burst * interval;
        for _ in 0..200 {
            let passed = dice.below(interval * 2);
            now += passed;
            level = (level + passed).min(burst * interval);
            let expected = level >= interval;
            let taken = rate.take(state, after(now));
            assert_eq!(taken.is_ok(), expected, "at {now} ms, interval {interval}, burst {burst}");
            if let Ok(next) = taken {
                state = next;
                level -= interval;
            }
        }
    }
}

#[test]
fn high_rates_are_exact_to_a_percent() {
    for (count, per) in [(1_000_000, 1), (999_999, 1), (600_000, 1), (300_001, 1), (1_000_000, 60), (7, 1)] {
        let rate = Rate::new(count, Duration::from_secs(per), count);
        let mut state = 0;
        drain(rate, &mut state, after(0));
        let more: usize = (1..=1000).map(|millis| drain(rate, &mut state, after(millis))).sum();
        let (more, exact) = (more as f64, f64::from(count) / per as f64);
        assert!((more - exact).abs() <= exact / 100.0 + 1.0, "{more} in a second, and not {exact}");
    }
}

#[test]
fn the_slowest_and_largest_bucket_is_exact() {
    let rate = Rate::new(1, Duration::from_secs(86_400), 1_000_000);
    let mut state = 0;
    assert_eq!(drain(rate, &mut state, after(0)), 1_000_000);
    assert_eq!(drain(rate, &mut state, after(86_399_999)), 0);
    assert_eq!(drain(rate, &mut state, after(86_400_000)), 1);
}

#[test]
fn a_clock_that_jumps_back_makes_nobody_wait_longer_than_for_a_burst() {
    for (count, burst, longest) in [(10, 10, 1000), (10, 50, 5000), (1000, 1, 1000)] {
        let rate = Rate::new(count, Duration::from_secs(1), burst);
        for ahead in [1, 100, 999, 1000, 2001, 10_000, 86_400_000, 100 * 365 * 86_400_000] {
            let mut state = 0;
            drain(rate, &mut state, UnixTime::from_millis(NOW + ahead));
            let extra = drain(rate, &mut state, after(0));
            assert!(extra <= 1, "{extra} after a jump of {ahead} ms: {rate:?}");
            let wait = rate.take(state, after(0)).unwrap_err();
            assert!(wait.as_millis() <= longest + 100, "{wait:?} after a jump of {ahead} ms: {rate:?}");
            let millis = u64::try_from(wait.div_ceil_millis()).unwrap();
            assert_eq!(drain(rate, &mut state, after(millis)), 1, "and continues as usual: {ahead} ms, {rate:?}");
            let full = millis + u64::try_from(longest).unwrap();
            assert_eq!(drain(rate, &mut state, after(full)), burst as usize, "{ahead} ms, {rate:?}");
        }
    }
}

#[test]
fn threads_whose_clocks_differ_by_little_get_no_more_than_the_burst() {
    let rate = Rate::new(1000, Duration::from_secs(1), 5);
    for behind in [1, 5, 10, 500, 990] {
        let mut state = 0;
        assert_eq!(drain(rate, &mut state, after(1000)), 5);
        for _ in 0..10 {
            assert_eq!(drain(rate, &mut state, after(1000 - behind)), 0, "{behind} ms behind");
        }
    }
}

#[test]
fn a_state_of_another_rate_is_corrected_by_the_first_take() {
    let slow = Rate::new(1, Duration::from_secs(86_400), 1000);
    let fast = Rate::new(10, Duration::from_secs(1), 10);
    let mut state = 0;
    drain(slow, &mut state, after(0));
    assert_eq!(drain(fast, &mut state, after(0)), 1);
    assert_eq!(fast.peek(state, after(0)), Err(Duration::from_millis(100)));
    assert_eq!(drain(fast, &mut state, after(1000)), 10);
    for mut state in [u64::MAX, u64::MAX - 1, 1 << 63] {
        assert_eq!(drain(fast, &mut state, after(0)), 1);
        assert_eq!(drain(fast, &mut state, after(1000)), 10);
    }
}

#[test]
fn extreme_times_do_not_bypass_a_rate() {
    let rate = Rate::new(1, Duration::from_secs(1), 2);
    let mut state = 0;
    assert_eq!(drain(rate, &mut state, UnixTime::from_millis(0)), 2);
    // Beyond the range of the counter nothing passes, or no more than the burst.
    let mut state = 0;
    let end = UnixTime::from_millis(u64::MAX);
    let taken = (0..100).filter(|_| rate.take(state, end).map(|next| state = next).is_ok()).count();
    assert!(taken <= 2 || state == u64::MAX, "{taken}");
}
