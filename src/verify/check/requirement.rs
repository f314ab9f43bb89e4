//! What a source requires: checks that must all verify, each of which may have alternatives.

use std::rc::Rc;

use crate::verify::check::published::MissingKey;
use crate::verify::check::single::{Check, Match, Progress, Running};
use crate::verify::denial::Denial;
use crate::verify::expression::Expression;
use crate::verify::identity::{Identity, Unidentified};
use crate::verify::key::live::{LiveChange, LiveValues};
use crate::verify::key::secret::Secret;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::request::{HeldBody, Request, Rereading};

/// Every group must verify.
#[derive(Debug)]
pub struct Requirement {
    pub(super) groups: Vec<Group>,
    /// The group whose match identifies an event.
    identifier: Option<usize>,
}

/// Checks of which one is enough. Never empty.
#[derive(Debug)]
pub struct Group {
    /// The alternatives.
    pub any: Vec<Dialects>,
}

/// The ways in which one sender writes its proof. Only the first dialect whose header the request has is checked: a
/// valid proof in one dialect never makes up for an invalid one in another. Never empty.
#[derive(Debug)]
pub struct Dialects {
    /// The checks, in order of precedence.
    pub checks: Vec<Check>,
}

/// Proof that a request satisfied a requirement. Nothing but [`Proof::finish`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    matches: Vec<Match>,
    /// For each group, the place of the check that matched.
    places: Vec<usize>,
    identifier: Option<usize>,
}

impl Verified {
    /// The checks that matched.
    #[must_use]
    pub fn matches(&self) -> &[Match] {
        &self.matches
    }

    /// The same, for what is reported of the request.
    #[must_use]
    pub fn into_matches(self) -> Vec<Match> {
        self.matches
    }

    /// Whether the check at a place in a group is one that matched.
    #[must_use]
    pub fn is_by(&self, (group, place): (usize, usize)) -> bool {
        self.places.get(group) == Some(&place)
    }

    /// What identifies the event, and the list of secrets under whose name it is remembered. `None` unless the
    /// requirement [identifies](Requirement::remember) events.
    #[must_use]
    pub fn identity(&self) -> Option<(&str, &Identity)> {
        let found = self.matches.get(self.identifier?)?;
        Some((found.events_of(), found.identity()?))
    }
}

/// The verification of one request against a requirement.
pub struct Proof {
    groups: Vec<GroupProof>,
}

enum GroupProof {
    /// By the check at this place.
    Matched(usize, Match),
    Denied(Denial),
    Running {
        checks: Vec<(usize, usize, Running)>,
        worst: Option<Denial>,
    },
}

impl Requirement {
    /// A requirement; `None` if it is empty, which would accept every request.
    #[must_use]
    pub fn new(groups: Vec<Group>) -> Option<Self> {
        let empty = groups.is_empty()
            || groups.iter().any(|group| group.any.is_empty() || group.any.iter().any(|any| any.checks.is_empty()));
        (!empty).then_some(Self { groups, identifier: None })
    }

    /// The check at a place in a group, or its first dialect.
    #[must_use]
    pub fn check_at(&self, group: usize, place: usize) -> Option<&Check> {
        self.groups.get(group)?.any.get(place)?.checks.first()
    }

    /// Every check, alternatives included.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.groups.iter().flat_map(|group| &group.any).flat_map(|dialects| &dialects.checks)
    }

    /// Every configured secret once, although each dialect of a sender prepares its own.
    pub fn secrets(&self) -> impl Iterator<Item = Rc<Secret>> {
        let first_dialects = self.groups.iter().flat_map(|group| &group.any).filter_map(|any| any.checks.first());
        first_dialects.flat_map(|check| check.keyring().all())
    }

    /// Whether any secret is live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.checks().any(|check| check.keyring().is_live())
    }

    /// Reads the live secrets for this request again, before [`begin`](Self::begin). `report` gets every change.
    ///
    /// # Errors
    /// [`Denial::SecretUnavailable`], if some group cannot be verified because live secrets are not there.
    pub fn refresh(
        &self,
        request: Request<'_>,
        now: UnixTime,
        values: &dyn LiveValues,
        report: &mut dyn FnMut(LiveChange),
    ) -> Result<(), Denial> {
        let mut is_unavailable = false;
        for group in &self.groups {
            let mut closed = 0_usize;
            for dialects in &group.any {
                let Ok((position, check)) = dialects.select(request) else { continue };
                let is_closed = check.refresh(request, now, values, report);
                // The answer to a handshake is computed with the first dialect.
                if let (Some(first), 1..) = (dialects.checks.first(), position) {
                    first.refresh(request, now, values, &mut |_| ());
                }
                closed = if is_closed { closed.saturating_add(1) } else { closed };
            }
            is_unavailable |= closed == group.any.len();
        }
        if is_unavailable { Err(Denial::SecretUnavailable) } else { Ok(()) }
    }

    /// Makes every [`Verified`] carry the identity of its event: `id` if there is one and the proof covers it,
    /// the scheme's own id, or what was signed. The first group in which every check has an identity gives it. `true` if
    /// that group can be satisfied in several ways: a request that verifies in two of them can count as two events.
    ///
    /// # Errors
    /// [`Unidentified`], if no group can.
    pub fn remember(&mut self, id: Option<&Expression>) -> Result<bool, Unidentified> {
        let mut error = Unidentified::NothingSigned;
        for (position, group) in self.groups.iter_mut().enumerate() {
            let alone = group.any.iter().map(|dialects| dialects.checks.len()).sum::<usize>() == 1;
            let mut checks = group.any.iter().flat_map(|dialects| &dialects.checks);
            match checks.try_for_each(|check| check.identity_basis(id, alone).map(|_| ())) {
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

    /// Whether any check, in any dialect, needs the body.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.checks().any(|check| check.scheme().needs_body())
    }

    /// Reads everything that the checks need from the headers. If one refuses, [`Proof::denial`] reports it, and the
    /// other checks continue, so that nothing but the answer reveals the failure.
    #[must_use]
    pub fn begin(&self, request: Request<'_>, now: UnixTime, rereading: Rereading) -> Proof {
        Proof { groups: self.groups.iter().map(|group| group.begin(request, now, rereading)).collect() }
    }
}

impl Group {
    /// Whether a request has the same identity whichever check verifies it: either all use the sender's event id, or
    /// none has one and all sign the same content.
    fn identifies_alike(&self) -> bool {
        let mut schemes = self.any.iter().flat_map(|dialects| &dialects.checks).map(Check::scheme);
        let Some(first) = schemes.next() else { return true };
        schemes.all(|other| first.identifies_like(other))
    }

    fn check(&self, position: usize, dialect: usize) -> Option<&Check> {
        self.any.get(position)?.checks.get(dialect)
    }

    fn begin(&self, request: Request<'_>, now: UnixTime, rereading: Rereading) -> GroupProof {
        let mut checks = Vec::with_capacity(self.any.len());
        let mut worst = None;
        for (position, dialects) in self.any.iter().enumerate() {
            let begun = dialects
                .select(request)
                .and_then(|(dialect, check)| Ok((dialect, check.begin(request, now, rereading)?)));
            match begun {
                Ok((_, Progress::Matched(found))) => return GroupProof::Matched(position, found),
                Ok((dialect, Progress::Running(running))) => checks.push((position, dialect, running)),
                Err(denial) => worst = worst.max(Some(denial)),
            }
        }
        match worst {
            Some(denial) if checks.is_empty() => GroupProof::Denied(denial),
            worst => GroupProof::Running { checks, worst },
        }
    }

    fn finish(
        &self,
        checks: Vec<(usize, usize, Running)>,
        mut worst: Option<Denial>,
        body: &dyn HeldBody,
        now: UnixTime,
    ) -> Result<(usize, Match), Denial> {
        for (position, dialect, running) in checks {
            match self.check(position, dialect).ok_or(Denial::HostFailure)?.finish(running, body, now) {
                Ok(found) => return Ok((position, found)),
                Err(denial) => worst = worst.max(Some(denial)),
            }
        }
        Err(worst.unwrap_or(Denial::HostFailure))
    }
}

impl Dialects {
    pub(super) fn select(&self, request: Request<'_>) -> Result<(usize, &Check), Denial> {
        let mut checks = self.checks.iter().enumerate();
        if let [only] = self.checks.as_slice() {
            return Ok((0, only));
        }
        checks.clone().find(|(_, check)| check.applies_to(request)).or_else(|| checks.next()).ok_or(Denial::HostFailure)
    }
}

impl GroupProof {
    /// Why it will be refused whatever the body is, if that is already known.
    fn denial(&self) -> Option<Denial> {
        match self {
            GroupProof::Matched(..) => None,
            GroupProof::Denied(denial) => Some(*denial),
            GroupProof::Running { checks, worst } => {
                let denials: Option<Vec<_>> = checks.iter().map(|(_, _, running)| running.denial()).collect();
                denials?.into_iter().max().max(*worst)
            }
        }
    }
}

impl Proof {
    /// Why it will be refused whatever the body is, if that is already known.
    #[must_use]
    pub fn denial(&self) -> Option<Denial> {
        refusal(self.groups.iter().filter_map(GroupProof::denial))
    }

    /// How much heap memory it holds, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let held = |group: &GroupProof| match group {
            GroupProof::Matched(_, found) => found.held_bytes(),
            GroupProof::Denied(_) => 0,
            GroupProof::Running { checks, .. } => checks
                .iter()
                .map(|(_, _, running)| running.held_bytes())
                .fold(checks.capacity().saturating_mul(size_of::<(usize, usize, Running)>()), usize::saturating_add),
        };
        let groups = self.groups.capacity().saturating_mul(size_of::<GroupProof>());
        self.groups.iter().map(held).fold(groups, usize::saturating_add)
    }

    /// Whether any check still needs the body.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.groups.iter().any(|group| matches!(group, GroupProof::Running { .. }))
    }

    /// A key that the request names and its sender may have published since, in a request whose form is right. `body`: as for
    /// [`finish`](Self::finish).
    #[must_use]
    pub fn missing_key(&self, requirement: &Requirement, body: &dyn HeldBody, now: UnixTime) -> Option<MissingKey> {
        self.groups.iter().zip(&requirement.groups).find_map(|(proof, group)| match proof {
            GroupProof::Running { checks, .. } => checks.iter().find_map(|(position, dialect, running)| {
                group.check(*position, *dialect)?.missing_key(running, body, now)
            }),
            GroupProof::Matched(..) | GroupProof::Denied(_) => None,
        })
    }

    /// Takes over the keys that are here now, wherever this one was missing.
    pub fn renew(&mut self, requirement: &Requirement, missing: &MissingKey) {
        for (proof, group) in self.groups.iter_mut().zip(&requirement.groups) {
            let GroupProof::Running { checks, .. } = proof else { continue };
            for (position, dialect, running) in checks {
                if let Some(check) = group.check(*position, *dialect) {
                    check.renew(running, missing);
                }
            }
        }
    }

    /// Feeds more of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        for group in &mut self.groups {
            if let GroupProof::Running { checks, .. } = group {
                checks.iter_mut().for_each(|(_, _, running)| running.update(bytes));
            }
        }
    }

    /// Decides, once the whole body was fed to [`update`](Self::update). `body` is read again only if the first secret
    /// did not match.
    ///
    /// # Errors
    /// In order of precedence: a denial that is not a lack of proof, a denial that the headers alone decide, the denial
    /// of the first group that does not verify. Within a group, the most specific one.
    pub fn finish(self, requirement: &Requirement, body: &dyn HeldBody, now: UnixTime) -> Result<Verified, Denial> {
        if self.groups.is_empty() || self.groups.len() != requirement.groups.len() {
            return Err(Denial::HostFailure);
        }
        let finish = |(proof, group): (GroupProof, &Group)| match proof {
            GroupProof::Matched(place, found) => Ok((place, found)),
            GroupProof::Denied(denial) => Err(denial),
            GroupProof::Running { checks, worst } => group.finish(checks, worst, body, now),
        };
        // Without a denial, which is nearly always, this takes no memory.
        let mut denials: Vec<Denial> = self.denial().into_iter().collect();
        let mut places = Vec::with_capacity(self.groups.len());
        let mut matches = Vec::with_capacity(self.groups.len());
        // Finish all of them even if one is refused: the timing must not reveal which one.
        for group in self.groups.into_iter().zip(&requirement.groups) {
            match finish(group) {
                Ok((place, found)) => {
                    places.push(place);
                    matches.push(found);
                }
                Err(denial) => denials.push(denial),
            }
        }
        match refusal(denials.iter().copied()) {
            Some(denial) => Err(denial),
            None => Ok(Verified { matches, places, identifier: requirement.identifier }),
        }
    }
}

/// The answer for several denials: one that is not a lack of proof comes first. Its answer differs from the others', so
/// if it depended on the other checks, it would reveal whether they verified.
fn refusal(denials: impl Iterator<Item = Denial> + Clone) -> Option<Denial> {
    denials.clone().find(|denial| !denial.is_lack_of_proof()).or_else(|| denials.into_iter().next())
}
