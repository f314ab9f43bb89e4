//! Limits log lines, so that a flood of forged requests does not become a flood of lines.

use crate::verify::primitives::timestamp::UnixTime;

/// How many lines one source may log at once, and how many more each second.
const OF_SOURCE: (u64, u64) = (50, 10);
/// The same for all sources together, so that a flood on many of them is limited too, and one on a few hides no other.
const OF_ALL: (u64, u64) = (500, 100);

/// The log lines that one source may still write in one VM, or all of them together.
#[derive(Debug)]
pub struct LogBudget {
    burst: u64,
    per_second: u64,
    left: u64,
    filled: u64,
    suppressed: u64,
}

impl Default for LogBudget {
    fn default() -> Self {
        Self::new(OF_SOURCE)
    }
}

impl LogBudget {
    /// The lines of all sources together.
    #[must_use]
    pub fn of_all() -> Self {
        Self::new(OF_ALL)
    }

    fn new((burst, per_second): (u64, u64)) -> Self {
        Self { burst, per_second, left: burst, filled: 0, suppressed: 0 }
    }

    /// As [`Self::take`], if `all` permits the line too.
    pub fn take_within(&mut self, all: &mut LogBudget, now: UnixTime) -> Option<u64> {
        let suppressed = self.take(now)?;
        if all.take(now).is_none() {
            self.suppressed = suppressed.saturating_add(1);
            return None;
        }
        Some(suppressed)
    }

    /// Permits one line and returns the number suppressed since the last one; `None` if this line is suppressed.
    pub fn take(&mut self, now: UnixTime) -> Option<u64> {
        let second = now.as_millis() / 1000;
        let earned = second.saturating_sub(std::mem::replace(&mut self.filled, second)).saturating_mul(self.per_second);
        let left = self.left.saturating_add(earned).min(self.burst);
        match left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Some(std::mem::take(&mut self.suppressed))
            }
            None => {
                self.left = 0;
                self.suppressed = self.suppressed.saturating_add(1);
                None
            }
        }
    }
}
