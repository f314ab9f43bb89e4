//! Limits log lines, so that a flood of forged requests does not become a flood of lines.

use crate::verify::primitives::timestamp::UnixTime;

/// How many lines may be logged at once.
const BURST: u64 = 50;
/// How many more each second.
const PER_SECOND: u64 = 10;

/// The log lines that one configuration may still write.
#[derive(Debug)]
pub struct LogBudget {
    left: u64,
    filled: u64,
    suppressed: u64,
}

impl Default for LogBudget {
    fn default() -> Self {
        Self { left: BURST, filled: 0, suppressed: 0 }
    }
}

impl LogBudget {
    /// Permits one line and returns the number suppressed since the last one; `None` if this line is suppressed.
    pub fn take(&mut self, now: UnixTime) -> Option<u64> {
        let second = now.as_millis() / 1000;
        let earned = second.saturating_sub(std::mem::replace(&mut self.filled, second)).saturating_mul(PER_SECOND);
        let left = self.left.saturating_add(earned).min(BURST);
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
