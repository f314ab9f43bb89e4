//! Which way of proving a request is gone: a key for every check, and the first dialect that can be made.

use hookwarden::verify::check::Condition;
use hookwarden::verify::expression::{Expression, Origin};
use hookwarden::verify::request::Request;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::timestamp::UnixTime;

use super::chance::Chance;
use super::draft::{Draft, View};
use super::forge::{self, Dialect};
use super::key::Key;
use super::making::{Making, Order};
use super::proof::{Part, Proof};
use super::tamper::{self, Tamper};
use super::task::{Check, Selector, Task};
use super::trouble::Trouble;

/// A check of every group, with the key that it is proved with.
pub struct Plan<'t> {
    pub steps: Vec<Step<'t>>,
}

/// One check.
pub struct Step<'t> {
    pub check: &'t Check,
    pub key: Key,
    /// Where the request names its list of secrets, and that name.
    pub list: Option<(&'t Selector, &'t str)>,
}

/// What the operator wants of the request, beside its proof.
#[derive(Clone, Default)]
pub struct Wishes {
    pub event_id: Option<String>,
    pub keeps_body: bool,
    /// The dialect, counted from 0.
    pub dialect: Option<usize>,
    pub tamper: Option<Tamper>,
}

/// A request that is proved, and which dialect of each step was taken.
struct Made {
    draft: Draft,
    dialects: Vec<usize>,
}

impl<'t> Plan<'t> {
    /// Finds a key for every group: the configuration's own, or those that were given, in their order.
    pub fn new(
        task: &'t Task,
        given: &[Key],
        (list, id): (Option<&str>, Option<&str>),
        now: UnixTime,
    ) -> Result<Self, Trouble> {
        let mut given = given.iter();
        let replaces_all = given.len() >= task.groups.len();
        let mut steps = Vec::new();
        for group in &task.groups {
            let mut step = None;
            for check in group {
                let list = check.chosen(list)?;
                let own = check.own_key(list.map(|(_, name)| name), id, now)?;
                if let Some(key) = own.filter(|_| !replaces_all) {
                    step = Some(Step { check, key, list });
                    break;
                }
            }
            let step = match (step, group.first(), given.next()) {
                (Some(step), ..) => step,
                (None, Some(check), Some(key)) => Step { check, key: key.clone(), list: check.chosen(list)? },
                (None, check, _) => return Err(no_key(check)),
            };
            steps.push(step);
        }
        if given.next().is_some() {
            return Err(Trouble::new("more secrets were given than there are checks; give one for each"));
        }
        Ok(Self { steps })
    }

    /// What proves that the request is right.
    pub fn proof(&self) -> Result<Proof, Trouble> {
        let parts: Vec<_> = self.steps.iter().map(Step::part).collect();
        Proof::new(&parts)
    }

    /// Makes the first of `bases` that can be made.
    pub fn make(&self, bases: &[Draft], wishes: &Wishes, now: UnixTime, chance: &mut Chance) -> Result<Draft, Trouble> {
        let mut first = None;
        for base in bases {
            match self.make_from(base, wishes, now, chance) {
                Ok(made) => return self.spoil(base, made, wishes, now, chance),
                Err(trouble) => first = first.or(Some(trouble)),
            }
        }
        Err(first.unwrap_or_else(|| Trouble::new("there is nothing to make a request of")))
    }

    /// The signatures that stand in the body, as they are written there.
    pub fn signatures_in_body(&self, draft: &Draft) -> Vec<Vec<u8>> {
        let schemes = self.steps.iter().flat_map(|step| &step.check.dialects).map(|(scheme, _)| scheme);
        schemes
            .filter_map(|scheme| match scheme {
                Scheme::Signature(scheme) if scheme.each.is_none() && scheme.signature.place.needs_body() => {
                    let read = draft.read(View::default(), |facts| {
                        let values = scheme.signature.place.values(facts)?;
                        Ok(values.into_iter().map(|value| value.into_owned()).collect::<Vec<_>>())
                    });
                    Some(read.unwrap_or_default())
                }
                _ => None,
            })
            .flatten()
            .collect()
    }

    fn make_from(&self, base: &Draft, wishes: &Wishes, now: UnixTime, chance: &mut Chance) -> Result<Made, Trouble> {
        let mut draft = base.clone();
        let mut dialects = vec![0; self.steps.len()];
        for (position, step) in self.in_order() {
            let (next, dialect) = step.make(&draft, wishes, now, chance)?;
            draft = next;
            if let Some(own) = dialects.get_mut(position) {
                *own = dialect;
            }
        }
        self.proof()?.judge(&draft, now).map_err(|denial| {
            Trouble::denied(
                denial,
                "the request that came out would be refused; the checks of this source contradict \
                 each other, or the scheme signs its own signature",
            )
        })?;
        Ok(Made { draft, dialects })
    }

    /// What writes into the body comes first, and what covers the whole head last.
    fn in_order(&self) -> Vec<(usize, &Step<'t>)> {
        let mut steps: Vec<_> = self.steps.iter().enumerate().collect();
        steps.sort_by_key(|(_, step)| {
            let schemes = || step.check.dialects.iter().map(|(scheme, _)| scheme);
            (!schemes().any(forge::writes_body), schemes().any(forge::covers_head))
        });
        steps
    }

    /// The same request, wrong in the one way that was asked for; the body is changed later, when all is signed.
    fn spoil(
        &self,
        base: &Draft,
        made: Made,
        wishes: &Wishes,
        now: UnixTime,
        chance: &mut Chance,
    ) -> Result<Draft, Trouble> {
        let Some(tamper) = wishes.tamper else { return Ok(made.draft) };
        let dialect = |position: usize| {
            let step = self.steps.get(position)?;
            step.check.dialects.get(made.dialects.get(position).copied()?)
        };
        let fitting = |with_credentials: bool| {
            (0..self.steps.len()).find(|position| {
                dialect(*position).is_some_and(|(scheme, _)| {
                    tamper.fits(scheme) && (with_credentials || !matches!(scheme, Scheme::Credential(_)))
                })
            })
        };
        let Some(wrong) = fitting(false).or_else(|| fitting(true)) else {
            return Err(Trouble::new(match tamper {
                Tamper::Timestamp => {
                    "this sender signs no time, so that a request of any age is taken: there is nothing to be refused"
                }
                _ => {
                    "the proof is the secret itself and covers nothing, so that a changed body is taken: there is nothing to be refused"
                }
            }));
        };
        if tamper == Tamper::Body {
            return Ok(made.draft);
        }
        let mut draft = base.clone();
        for (position, step) in self.in_order() {
            let Some(dialect) = dialect(position) else { continue };
            let tamper = Some(tamper).filter(|_| position == wrong);
            draft = step.make_as(dialect, &draft, wishes, tamper, now, chance)?;
        }
        Ok(draft)
    }
}

impl Step<'_> {
    /// The check and its key.
    pub fn part(&self) -> Part<'_> {
        Part { check: &self.check.json, dialects: &self.check.dialects, key: &self.key }
    }

    /// Makes the first dialect that can be made, beginning with that which the request speaks already.
    fn make(
        &self,
        base: &Draft,
        wishes: &Wishes,
        now: UnixTime,
        chance: &mut Chance,
    ) -> Result<(Draft, usize), Trouble> {
        let proof = Proof::new(&[self.part()])?;
        let mut order: Vec<_> = self.check.dialects.iter().enumerate().collect();
        match wishes.dialect {
            Some(wanted) => order.retain(|(position, _)| *position == wanted),
            None => order.sort_by_key(|(_, dialect)| !speaks(dialect, base)),
        }
        let mut first = None;
        for (position, dialect) in order {
            let made = self.make_as(dialect, base, wishes, None, now, chance).and_then(|draft| {
                let judged = proof.judge(&draft, now).map(|_| draft);
                judged.map_err(|denial| Trouble::denied(denial, "the request that came out would be refused"))
            });
            match made {
                Ok(draft) => return Ok((draft, position)),
                Err(trouble) => first = first.or(Some(trouble)),
            }
        }
        let count = self.check.dialects.len();
        Err(first.unwrap_or_else(|| Trouble::new(format!("--dialect goes from 1 to {count} for this sender"))))
    }

    fn make_as(
        &self,
        dialect: &Dialect,
        base: &Draft,
        wishes: &Wishes,
        tamper: Option<Tamper>,
        now: UnixTime,
        chance: &mut Chance,
    ) -> Result<Draft, Trouble> {
        let mut draft = base.clone();
        // What another way of the sender reads would be a second proof, and an old one.
        let own = headers(&dialect.0);
        let others = self.check.dialects.iter().flat_map(|(scheme, _)| headers(scheme));
        for name in others.filter(|name| !own.contains(name)) {
            draft.remove_header(name);
        }
        let strange;
        let key = if tamper == Some(Tamper::Secret) {
            strange = self.key.strange();
            &strange
        } else {
            &self.key
        };
        let mut order = Order {
            at: if tamper == Some(Tamper::Timestamp) { tamper::too_long_ago(&dialect.0, now) } else { now },
            event_id: wishes.event_id.clone(),
            keeps_body: wishes.keeps_body,
            spoils_tag: tamper == Some(Tamper::Signature),
            is_late: tamper == Some(Tamper::Timestamp),
            key,
            chance,
        };
        forge::make(dialect, &mut draft, &mut order)?;
        Ok(draft)
    }
}

/// The headers that hold the proof, its time and its id.
fn headers(scheme: &Scheme) -> Vec<&str> {
    let mut headers = scheme.proof_headers();
    if let Scheme::Signature(scheme) = scheme {
        let timestamp = scheme.timestamp.iter().map(|rule| &rule.at);
        headers.extend(timestamp.chain(&scheme.event_id).filter_map(Expression::as_header));
    }
    headers
}

/// Whether the request has the proof of this dialect, be it right or wrong.
fn speaks((scheme, when): &Dialect, draft: &Draft) -> bool {
    let head = draft.head();
    let values = match scheme {
        Scheme::Signature(scheme) if !scheme.signature.place.needs_body() => draft.read(View::default(), |facts| {
            let values = scheme.signature.place.values(facts)?;
            Ok(values.into_iter().map(|value| value.into_owned()).collect::<Vec<_>>())
        }),
        _ => Ok(Vec::new()),
    };
    let entries: Vec<Vec<u8>> = match (scheme, values) {
        (Scheme::Signature(scheme), Ok(values)) => {
            let values: Vec<_> = values.iter().map(|value| std::borrow::Cow::Borrowed(value.as_slice())).collect();
            let first = scheme.signature.sets(&values).into_iter().next().unwrap_or_default();
            first.into_iter().map(<[u8]>::to_vec).collect()
        }
        _ => Vec::new(),
    };
    let view = View { entries: &entries, ..View::default() };
    match when {
        None => scheme.is_presented(Request::new(&head)),
        Some(Condition::Present(at)) => draft.read(view, |facts| at.value(facts)).is_ok(),
        Some(Condition::Equal(left, right)) => {
            let texts = draft.read(view, |facts| Ok((left.render(facts)?, right.render(facts)?)));
            matches!(texts, Ok((left, right)) if left == right)
        }
    }
}

/// Puts an id where a source remembers its events by, beside what the scheme itself has.
pub fn write_replay_id(
    draft: &mut Draft,
    at: &Expression,
    wishes: &Wishes,
    chance: &mut Chance,
) -> Result<(), Trouble> {
    let mut making = Making::new(draft);
    let present = making.read(at).ok();
    let in_body = matches!(at.origin(), Origin::Json(_) | Origin::Form(_) | Origin::Body | Origin::Other);
    let id = match (&wishes.event_id, &present) {
        (Some(id), _) => id.clone(),
        (None, Some(_)) if in_body && wishes.keeps_body => return Ok(()),
        (None, Some(present)) => chance.id_like(&String::from_utf8_lossy(present)),
        (None, None) => chance.uuid(),
    };
    making.write(at, id.as_bytes())
}

fn no_key(check: Option<&Check>) -> Trouble {
    let is_public = check.is_some_and(|check| check.dialects.iter().all(|(scheme, _)| scheme.takes_public_keys()));
    let is_configured = check.is_some_and(Check::has_secrets);
    Trouble::new(match (is_public, is_configured) {
        (true, _) => {
            "this sender signs with a private key, which only it has: make a pair (such as with `openssl genpkey`), give \
             the private half with --secret-file FILE, and configure the public one"
        }
        (false, true) => {
            "no secret of the check is known and valid now: set its environment variable, or give the variables with \
             --env-file FILE, or the secret with --secret-env NAME or --secret-file FILE"
        }
        (false, false) => {
            "no secret: export it and name the variable with --secret-env NAME, or its file with --secret-file FILE"
        }
    })
}
