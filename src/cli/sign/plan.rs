//! What a request is signed with: a key for every check, and the first dialect that can be signed.

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::expression::Expression;
use hookwarden::verify::expression::message::Message;
use hookwarden::verify::expression::native::Origin;
use hookwarden::verify::key::keyring::Selector;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::scheme::Scheme;

use super::builder::{RequestBuilder, View};
use super::dialect;
use super::error::Error;
use super::key::Key;
use super::rng::Rng;
use super::tamper::{self, Tamper};
use super::task::{Check, Task};
use super::verifier::{Part, Verifier};
use super::writer::{SchemeWriter, SigningContext};

/// A check of every group, with the key that it is verified with.
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

/// What the command line asks for.
#[derive(Clone, Default)]
pub struct Options {
    pub event_id: Option<String>,
    pub keeps_body: bool,
    /// Whether a token without an id gets one.
    pub renews_token: bool,
    /// The dialect, counted from 0.
    pub dialect: Option<usize>,
    pub tamper: Option<Tamper>,
}

/// A request that is verified, and which dialect of each step was taken.
struct Made {
    builder: RequestBuilder,
    dialects: Vec<usize>,
}

impl<'t> Plan<'t> {
    /// Finds a key for every group: the configuration's own, or those that were given, in their order.
    pub fn new(
        task: &'t Task,
        given: &[Key],
        (list, id): (Option<&str>, Option<&str>),
        now: UnixTime,
    ) -> Result<Self, Error> {
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
            return Err(Error::new("more secrets were given than there are checks; give one for each"));
        }
        Ok(Self { steps })
    }

    /// The checks and their keys.
    pub fn parts(&self) -> Vec<Part<'_>> {
        self.steps.iter().map(Step::part).collect()
    }

    /// The values that the senders' signatures are over.
    pub fn signed_values(&self) -> impl Iterator<Item = &Expression> {
        let schemes = self.steps.iter().flat_map(|step| &step.check.dialects).map(|(scheme, _)| scheme);
        let messages = schemes.flat_map(|scheme| match scheme {
            Scheme::Signature(scheme) => scheme.messages.as_slice(),
            Scheme::Credential(_) | Scheme::Jwt(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => &[],
        });
        messages.flat_map(Message::values)
    }

    /// What verifies the request.
    pub fn verifier(&self) -> Result<Verifier, Error> {
        Verifier::new(&self.parts())
    }

    /// Makes the first of `bases` that can be made.
    pub fn make(
        &self,
        bases: &[RequestBuilder],
        options: &Options,
        now: UnixTime,
        rng: &mut Rng,
    ) -> Result<RequestBuilder, Error> {
        let mut first = None;
        for base in bases {
            match self.make_from(base, options, now, rng) {
                Ok(made) => return self.tampered(base, made, options, now, rng),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| Error::new("there is no request to start from")))
    }

    /// The signatures that stand in the body, as they are written there.
    pub fn signatures_in_body(&self, builder: &RequestBuilder) -> Vec<Vec<u8>> {
        let schemes = self.steps.iter().flat_map(|step| &step.check.dialects).map(|(scheme, _)| scheme);
        schemes
            .filter_map(|scheme| match scheme {
                Scheme::Signature(scheme) if scheme.each.is_none() && scheme.signature.place.needs_body() => {
                    let read = builder.read(View::default(), |facts| {
                        let values = scheme.signature.place.values(facts)?;
                        Ok(values.into_iter().map(|value| value.into_owned()).collect::<Vec<_>>())
                    });
                    Some(read.unwrap_or_default())
                }
                Scheme::Signature(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => None,
                // To change one is to change the proof, not what it covers; no such check covers a body that it is in.
                Scheme::Credential(_) | Scheme::Jwt(_) => None,
            })
            .flatten()
            .collect()
    }

    fn make_from(&self, base: &RequestBuilder, options: &Options, now: UnixTime, rng: &mut Rng) -> Result<Made, Error> {
        let mut builder = base.clone();
        let mut dialects = vec![0; self.steps.len()];
        for (position, step) in self.in_order() {
            let (next, dialect) = step.make(&builder, options, now, rng)?;
            builder = next;
            if let Some(own) = dialects.get_mut(position) {
                *own = dialect;
            }
        }
        self.verifier()?.verify(&builder, now).map_err(|denial| {
            Error::denied(
                denial,
                "the resulting request would be denied; the checks of this source contradict \
                 each other, or the scheme signs its own signature",
            )
        })?;
        Ok(Made { builder, dialects })
    }

    /// What writes into the body comes first, and what covers the whole head last.
    fn in_order(&self) -> Vec<(usize, &Step<'t>)> {
        let mut steps: Vec<_> = self.steps.iter().enumerate().collect();
        steps.sort_by_key(|(_, step)| {
            let schemes = || step.check.dialects.iter().map(|(scheme, _)| scheme);
            (!schemes().any(dialect::writes_body), schemes().any(dialect::covers_head))
        });
        steps
    }

    /// The same request, wrong in the one way that was asked for; the body is changed later, when all is signed.
    fn tampered(
        &self,
        base: &RequestBuilder,
        made: Made,
        options: &Options,
        now: UnixTime,
        rng: &mut Rng,
    ) -> Result<RequestBuilder, Error> {
        let Some(tamper) = options.tamper else { return Ok(made.builder) };
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
            return Err(Error::new(match tamper {
                Tamper::Timestamp => "this sender signs no timestamp: a request of any age would be accepted",
                _ => {
                    "the proof is the secret itself and covers nothing: a request with a changed body would still be accepted"
                }
            }));
        };
        if tamper == Tamper::Body {
            return Ok(made.builder);
        }
        let mut builder = base.clone();
        for (position, step) in self.in_order() {
            let Some(dialect) = dialect(position) else { continue };
            let tamper = Some(tamper).filter(|_| position == wrong);
            builder = step.make_as(dialect, &builder, options, tamper, now, rng)?;
        }
        Ok(builder)
    }
}

impl Step<'_> {
    /// The check and its key.
    pub fn part(&self) -> Part<'_> {
        Part { check: &self.check.entry.json, dialects: &self.check.dialects, key: &self.key }
    }

    /// Makes the first dialect that can be made, beginning with the one that the request is in already.
    fn make(
        &self,
        base: &RequestBuilder,
        options: &Options,
        now: UnixTime,
        rng: &mut Rng,
    ) -> Result<(RequestBuilder, usize), Error> {
        let verifier = Verifier::new(&[self.part()])?;
        let mut candidates: Vec<_> = self.check.dialects.iter().enumerate().collect();
        match options.dialect {
            Some(wanted) => candidates.retain(|(position, _)| *position == wanted),
            None => candidates.sort_by_key(|(position, _)| *position != verifier.deciding_dialect(base)),
        }
        let mut first = None;
        for (position, dialect) in candidates {
            let made = self.make_as(dialect, base, options, None, now, rng).and_then(|builder| {
                let judged = verifier.verify(&builder, now).map(|_| builder);
                judged.map_err(|denial| Error::denied(denial, "the resulting request would be denied"))
            });
            match made {
                Ok(builder) => return Ok((builder, position)),
                Err(error) => first = first.or(Some(error)),
            }
        }
        let count = self.check.dialects.len();
        Err(first.unwrap_or_else(|| Error::new(format!("--dialect goes from 1 to {count} for this sender"))))
    }

    fn make_as(
        &self,
        dialect: &Dialect,
        base: &RequestBuilder,
        options: &Options,
        tamper: Option<Tamper>,
        now: UnixTime,
        rng: &mut Rng,
    ) -> Result<RequestBuilder, Error> {
        let mut builder = base.clone();
        // What another way of the sender reads would be a second proof, and an old one.
        let own = headers(&dialect.0);
        let others = self.check.dialects.iter().flat_map(|(scheme, _)| headers(scheme));
        for name in others.filter(|name| !own.contains(name)) {
            builder.remove_header(name);
        }
        let strange;
        let key = if tamper == Some(Tamper::Secret) {
            strange = self.key.replaced();
            &strange
        } else {
            &self.key
        };
        let mut context = SigningContext {
            at: if tamper == Some(Tamper::Timestamp) { tamper::too_long_ago(&dialect.0, now) } else { now },
            event_id: options.event_id.clone(),
            keeps_body: options.keeps_body,
            renews_token: options.renews_token,
            tampers_with_tag: tamper == Some(Tamper::Signature),
            is_late: tamper == Some(Tamper::Timestamp),
            key,
            rng,
        };
        dialect::make(dialect, &mut builder, &mut context)?;
        Ok(builder)
    }
}

/// The headers that hold the proof, its time and its id.
fn headers(scheme: &Scheme) -> Vec<&str> {
    let mut headers = scheme.proof_headers();
    match scheme {
        Scheme::Signature(scheme) => {
            let timestamp = scheme.timestamp.iter().map(|rule| &rule.at);
            headers.extend(timestamp.chain(&scheme.event_id).filter_map(Expression::as_header));
        }
        Scheme::Credential(_) | Scheme::Jwt(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => {}
    }
    headers
}

/// Puts an id where a source remembers its events by, beside what the scheme itself has. `false`: the operator's body has one,
/// which stays.
pub fn write_replay_id(
    builder: &mut RequestBuilder,
    at: &Expression,
    options: &Options,
    rng: &mut Rng,
) -> Result<bool, Error> {
    let mut writer = SchemeWriter::new(builder);
    let present = writer.read(at).ok();
    let in_body = matches!(at.origin(), Origin::Json(_) | Origin::Form(_) | Origin::Body | Origin::Other);
    let id = match (&options.event_id, &present) {
        (Some(id), _) => id.clone(),
        (None, Some(_)) if in_body && options.keeps_body => return Ok(false),
        (None, Some(present)) => rng.id_like(&String::from_utf8_lossy(present)),
        (None, None) => rng.uuid(),
    };
    writer.write(at, id.as_bytes()).map(|()| true)
}

fn no_key(check: Option<&Check>) -> Error {
    let is_public = check.is_some_and(|check| check.dialects.iter().all(|(scheme, _)| scheme.takes_public_keys()));
    let is_configured = check.is_some_and(|check| !check.entry.lists.is_empty());
    Error::new(match (is_public, is_configured) {
        (true, _) => {
            "this sender signs with a private key, which only it has: make a pair (such as with `openssl genpkey`), give \
             the private half with --secret-file FILE, and configure the public one"
        }
        (false, true) => {
            "no secret of the check is known and valid now: set its environment variable, or give the variables with \
             --env-file FILE, or the secret with --secret-env NAME or --secret-file FILE (always so if it is live: \
             \"filter_state\", \"http\", \"jwks\", \"jwk\" or \"x509\")"
        }
        (false, false) => {
            "no secret: export it and name the variable with --secret-env NAME, or its file with --secret-file FILE"
        }
    })
}
