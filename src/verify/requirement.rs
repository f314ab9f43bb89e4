//! What a source demands: checks that must all hold, each of which may have alternatives.

use super::check::{Check, Match, Progress, Rereading, Running};
use super::expression::Expression;
use super::identity::{Identity, Unidentified};
use super::secret::Secret;
use super::timestamp::UnixTime;
use super::{Denial, HeldBody, Request};

/// Every group must hold.
#[derive(Debug)]
pub struct Requirement {
    groups: Vec<Group>,
    /// The group whose match identifies an event.
    identifier: Option<usize>,
}

/// One of these is enough. Never empty.
#[derive(Debug)]
pub struct Group {
    /// The checks of which one is enough.
    pub any: Vec<Dialects>,
}

/// Ways in which one sender writes its proof. The first whose header the request has decides alone: a right
/// proof in one dialect never rescues a wrong one in another. Never empty.
#[derive(Debug)]
pub struct Dialects {
    /// The checks, in order of precedence.
    pub checks: Vec<Check>,
}

/// Proof that a request satisfied a requirement. Nothing but [`Proof::finish`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    matches: Vec<Match>,
    identifier: Option<usize>,
}

impl Verified {
    /// What matched, a check each.
    #[must_use]
    pub fn matches(&self) -> &[Match] {
        &self.matches
    }

    /// What identifies the event, and what the request called the list of secrets that it belongs to. `None` where the
    /// requirement was not told to [remember](Requirement::remember).
    #[must_use]
    pub fn identity(&self) -> Option<(&str, &Identity)> {
        let found = self.matches.get(self.identifier?)?;
        Some((found.list(), found.identity()?))
    }
}

/// One request on its way through a requirement.
pub struct Proof {
    groups: Vec<GroupProof>,
}

enum GroupProof {
    Matched(Match),
    Running { checks: Vec<(usize, usize, Running)>, worst: Option<Denial> },
}

impl Requirement {
    /// A requirement; `None` if there is nothing in it, for that would let everything through.
    #[must_use]
    pub fn new(groups: Vec<Group>) -> Option<Self> {
        let empty = groups.is_empty()
            || groups.iter().any(|group| group.any.is_empty() || group.any.iter().any(|any| any.checks.is_empty()));
        (!empty).then_some(Self { groups, identifier: None })
    }

    /// Every check, whether or not another would be enough.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.groups.iter().flat_map(|group| &group.any).flat_map(|dialects| &dialects.checks)
    }

    /// Every configured secret once, though each dialect of a sender prepares it anew.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let first_dialects = self.groups.iter().flat_map(|group| &group.any).filter_map(|any| any.checks.first());
        first_dialects.flat_map(|check| check.keyring().all())
    }

    /// From now on, every [`Verified`] says what identifies its event: `id` where there is one and the proof covers it,
    /// the scheme's own id, or what was signed. The first group in which every check has an identity gives it. `true` if
    /// that group can be satisfied in several ways: a request that proves itself in two of them can count as two events.
    ///
    /// # Errors
    /// [`Unidentified`], if no group can.
    pub fn remember(&mut self, id: Option<&Expression>) -> Result<bool, Unidentified> {
        let mut error = Unidentified::NothingSigned;
        for (position, group) in self.groups.iter_mut().enumerate() {
            let alone = group.any.iter().map(|dialects| dialects.checks.len()).sum::<usize>() == 1;
            let mut checks = group.any.iter().flat_map(|dialects| &dialects.checks);
            match checks.try_for_each(|check| check.identifies(id, alone).map(|_| ())) {
                Ok(()) => {
                    for check in group.any.iter_mut().flat_map(|dialects| &mut dialects.checks) {
                        check.remember(id, alone)?;
                    }
                    self.identifier = Some(position);
                    return Ok(!alone && !group.identifies_alike());
                }
                Err(Unidentified::IdNotCovered) => error = Unidentified::IdNotCovered,
                Err(Unidentified::NothingSigned) => {}
            }
        }
        Err(error)
    }

    /// For each sender, in order, the position of the dialect that decides about this request.
    #[cfg(not(target_family = "wasm"))]
    #[must_use]
    pub fn spoken(&self, request: Request<'_>) -> Vec<usize> {
        let senders = self.groups.iter().flat_map(|group| &group.any);
        senders.map(|dialects| dialects.select(request).map_or(0, |(position, _)| position)).collect()
    }

    /// Takes from the headers all that the checks need of them.
    ///
    /// # Errors
    /// The denial of the first group that can no longer hold.
    pub fn begin(&self, request: Request<'_>, now: UnixTime, rereading: Rereading) -> Result<Proof, Denial> {
        self.groups
            .iter()
            .map(|group| group.begin(request, now, rereading))
            .collect::<Result<_, _>>()
            .map(|groups| Proof { groups })
    }
}

impl Group {
    /// Whether a request has one identity, however it is proved: each way has the sender's id of the event, or none has
    /// one and the same is signed.
    fn identifies_alike(&self) -> bool {
        let mut schemes = self.any.iter().flat_map(|dialects| &dialects.checks).map(Check::scheme);
        let Some(first) = schemes.next() else { return true };
        schemes.all(|other| first.identifies_like(other))
    }

    fn begin(&self, request: Request<'_>, now: UnixTime, rereading: Rereading) -> Result<GroupProof, Denial> {
        let mut checks = Vec::new();
        let mut worst = None;
        for (position, dialects) in self.any.iter().enumerate() {
            let (dialect, check) = dialects.select(request)?;
            match check.begin(request, now, rereading) {
                Ok(Progress::Matched(found)) => return Ok(GroupProof::Matched(found)),
                Ok(Progress::Running(running)) => checks.push((position, dialect, running)),
                Err(denial) => worst = worst.max(Some(denial)),
            }
        }
        match worst {
            Some(denial) if checks.is_empty() => Err(denial),
            worst => Ok(GroupProof::Running { checks, worst }),
        }
    }

    fn finish(
        &self,
        checks: Vec<(usize, usize, Running)>,
        mut worst: Option<Denial>,
        body: &dyn HeldBody,
        now: UnixTime,
    ) -> Result<Match, Denial> {
        for (position, dialect, running) in checks {
            let check = self.any.get(position).and_then(|dialects| dialects.checks.get(dialect));
            match check.ok_or(Denial::HostFailure)?.finish(running, body, now) {
                Ok(found) => return Ok(found),
                Err(denial) => worst = worst.max(Some(denial)),
            }
        }
        Err(worst.unwrap_or(Denial::HostFailure))
    }
}

impl Dialects {
    fn select(&self, request: Request<'_>) -> Result<(usize, &Check), Denial> {
        let mut checks = self.checks.iter().enumerate();
        if let [only] = self.checks.as_slice() {
            return Ok((0, only));
        }
        checks.clone().find(|(_, check)| check.speaks(request)).or_else(|| checks.next()).ok_or(Denial::HostFailure)
    }
}

impl Proof {
    /// Whether anything still waits for the body.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.groups.iter().any(|group| matches!(group, GroupProof::Running { .. }))
    }

    /// Feeds more of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        for group in &mut self.groups {
            if let GroupProof::Running { checks, .. } = group {
                checks.iter_mut().for_each(|(_, _, running)| running.update(bytes));
            }
        }
    }

    /// Decides, once the whole body was fed to [`update`](Self::update). `body` is read again only where the
    /// first secret did not match.
    ///
    /// # Errors
    /// The denial of the first group that does not hold; within a group, the most specific one.
    pub fn finish(self, requirement: &Requirement, body: &dyn HeldBody, now: UnixTime) -> Result<Verified, Denial> {
        if self.groups.is_empty() || self.groups.len() != requirement.groups.len() {
            return Err(Denial::HostFailure);
        }
        self.groups
            .into_iter()
            .zip(&requirement.groups)
            .map(|(proof, group)| match proof {
                GroupProof::Matched(found) => Ok(found),
                GroupProof::Running { checks, worst } => group.finish(checks, worst, body, now),
            })
            .collect::<Result<_, _>>()
            .map(|matches| Verified { matches, identifier: requirement.identifier })
    }
}
