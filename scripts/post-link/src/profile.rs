//! What functions and branches do: which functions come first, and which branches get a hint.

use std::collections::BTreeMap;

use crate::code::Branch;
use crate::instrument::Place;

/// A branch gets a hint if it is taken in less than this share of its executions, or in all but less than this.
const RARE: f64 = 0.02;

/// The share of all senders that has to reach a branch: hints that matter to few are not worth their four bytes each.
const REACH: f64 = 0.05;

/// How often a branch was not taken, and how often it was. At the entry of a function, how often it was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The condition was 0.
    pub not_taken: u64,
    /// It was not.
    pub taken: u64,
}

/// The average of what functions and branches do for each sender.
///
/// Of a sender only the share counts that it takes, not how often it comes by: a loop of a rare algorithm would otherwise
/// outweigh all other senders.
#[derive(Debug, Default)]
pub struct Profile {
    /// The weight of all senders.
    all: f64,
    shares: BTreeMap<Place, Share>,
}

/// The weight of the senders that reach a place, and of those among them that take the branch there.
#[derive(Debug, Default)]
struct Share {
    reached: f64,
    taken: f64,
}

impl Counts {
    fn all(self) -> u64 {
        self.not_taken + self.taken
    }
}

impl Profile {
    /// Adds what was counted for a sender, which counts as much as `weight` others.
    pub fn add(&mut self, weight: f64, places: &[Place], counts: &[Counts]) {
        self.all += weight;
        for (place, counts) in places.iter().zip(counts).filter(|(_, counts)| counts.all() > 0) {
            let share = self.shares.entry(*place).or_default();
            share.taken += weight * counts.taken as f64 / counts.all() as f64;
            share.reached += weight;
        }
    }

    /// How many branches were reached.
    pub fn reached(&self) -> usize {
        self.branches().count()
    }

    /// The functions that were called, those of the most senders first.
    pub fn functions(&self) -> Vec<u32> {
        let called = self.shares.iter().filter_map(|(place, share)| match place {
            Place::Entry(function) => Some((*function, share.reached)),
            Place::Branch(_) => None,
        });
        let mut called: Vec<_> = called.collect();
        called.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        called.into_iter().map(|(function, _)| function).collect()
    }

    /// The branches that nearly always do the same, and whether that is to be taken.
    pub fn hints(&self) -> BTreeMap<Branch, bool> {
        let hint = |share: &Share| match share.taken / share.reached {
            _ if share.reached < self.all * REACH => None,
            rare if rare < RARE => Some(false),
            usual if usual > 1.0 - RARE => Some(true),
            _ => None,
        };
        self.branches().filter_map(|(branch, share)| Some((branch, hint(share)?))).collect()
    }

    fn branches(&self) -> impl Iterator<Item = (Branch, &Share)> {
        self.shares.iter().filter_map(|(place, share)| match place {
            Place::Branch(branch) => Some((*branch, share)),
            Place::Entry(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRANCH: Branch = Branch { function: 1, number: 2 };

    fn hint(senders: &[(f64, u64, u64)]) -> Option<bool> {
        let mut profile = Profile::default();
        for (weight, not_taken, taken) in senders {
            profile.add(*weight, &[Place::Branch(BRANCH)], &[Counts { not_taken: *not_taken, taken: *taken }]);
        }
        profile.hints().remove(&BRANCH)
    }

    #[test]
    fn hints_at_what_is_nearly_always_the_same() {
        assert_eq!(hint(&[(1.0, 99, 1)]), Some(false));
        assert_eq!(hint(&[(1.0, 1, 99)]), Some(true));
        assert_eq!(hint(&[(1.0, 97, 3)]), None);
    }

    #[test]
    fn gives_no_hint_where_no_request_came_by() {
        assert_eq!(hint(&[(1.0, 0, 0)]), None);
    }

    #[test]
    fn gives_no_hint_where_few_senders_come_by() {
        assert_eq!(hint(&[(96.0, 0, 0), (4.0, 1, 0)]), None);
        assert_eq!(hint(&[(94.0, 0, 0), (6.0, 1, 0)]), Some(false));
    }

    #[test]
    fn counts_senders_and_not_how_often_they_come_by() {
        assert_eq!(hint(&[(1.0, 1_000_000, 0), (1.0, 0, 1)]), None);
        assert_eq!(hint(&[(1.0, 0, 1_000_000), (99.0, 1, 0)]), Some(false));
    }

    #[test]
    fn puts_first_what_the_most_senders_call() {
        let called = Counts { not_taken: 0, taken: 7 };
        let mut profile = Profile::default();
        profile.add(1.0, &[3, 4, 5, 6].map(Place::Entry), &[called, Counts::default(), called, called]);
        profile.add(2.0, &[3, 4, 5, 6].map(Place::Entry), &[Counts::default(), Counts::default(), called, called]);
        assert_eq!(profile.functions(), [5, 6, 3]);
    }
}
