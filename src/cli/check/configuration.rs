//! A plugin's own configuration: what the filter itself says of it, with places in the file.

use std::rc::Rc;

use hookwarden::config::problem::Problem;
use hookwarden::config::{self, Mode, Policy, providers};
use hookwarden::verify::Requirement;
use hookwarden::verify::check::Check;
use hookwarden::verify::scheme::Scheme;

use super::codes;
use super::cursor::Cursor;
use super::documents::Document;
use super::findings::{Findings, Spot};
use super::source::Source as Text;
use super::sources::{self, Source};
use super::value::{Kind, Member, Value};
use super::{json, wording, yaml};

/// A plugin's configuration.
pub struct Configuration {
    pub document: Document,
    /// What the filter would get.
    text: String,
    /// What the filter makes of it; nothing before it was loaded, or if it refuses.
    pub policy: Option<Policy>,
}

impl Configuration {
    /// The configuration in a text: a JSON document in a scalar.
    pub fn of_text(cursor: &Cursor<'_>, text: &str, findings: &mut Findings) -> Option<Self> {
        let source = Rc::new(Text::of_scalar(text, &cursor.document.source, cursor.value.at));
        match json::parse(&source) {
            Ok(root) => Some(Self {
                document: Document { file: Rc::clone(&cursor.document.file), source, root },
                text: text.to_owned(),
                policy: None,
            }),
            Err(error) => {
                let place = source.place(source.offset(error.line, error.column.max(1)));
                let spot = Spot { file: Rc::clone(&cursor.document.file), place, path: "$".to_owned() };
                let right = "the filter reads JSON, also where the file around it is YAML";
                findings.add_at(&codes::NOT_JSON, spot, format!("is not JSON: {}", error.message), right);
                // What was meant, so that the rest can be checked in the same run.
                let meant =
                    yaml::parse(&source).ok()?.into_iter().next().filter(|root| root.get("sources").is_some())?;
                Some(Self {
                    text: meant.to_json(),
                    document: Document { file: Rc::clone(&cursor.document.file), source, root: meant },
                    policy: None,
                })
            }
        }
    }

    /// The configuration as a part of the document.
    pub fn of_value(document: &Document, value: &Value) -> Self {
        Self {
            document: Document {
                file: Rc::clone(&document.file),
                source: Rc::clone(&document.source),
                root: value.clone(),
            },
            text: value.to_json(),
            policy: None,
        }
    }

    pub fn root(&self) -> Cursor<'_> {
        Cursor::root(&self.document)
    }

    /// Shows it to the filter's own reader.
    pub fn load(&mut self, environment: config::Environment<'_>, findings: &mut Findings) {
        let (policy, said) = config::inspect(self.text.as_bytes(), environment);
        self.policy = policy;
        let places = self.document.root.places();
        for problem in &said.problems {
            let spot = self.spot(problem, &places);
            let code = wording::of_problem(&problem.message, &spot.path);
            let (wrong, mut right) = wording::parts(&problem.message, &spot.path);
            if *code == codes::UNKNOWN_PROVIDER
                && let Some(nearest) = self.nearest_provider(&spot.path)
            {
                right = format!("did you mean \"{nearest}\"?");
            }
            findings.add_at(code, spot, wrong, right);
        }
        for warning in &said.warnings {
            let (code, otherwise) = wording::of_warning(&warning.message);
            let spot = self.spot(warning, &places);
            let (wrong, right) = wording::parts(&warning.message, &spot.path);
            let right = match right.is_empty() {
                true if *code == codes::REPLAY_MISSING && !self.could_remember(&spot.path) => {
                    "name the sender's event id: \"replay\" with \"id\": \"header:…\" and \"insecure_unsigned_id\": true, for \
                     nothing else tells its events apart; or let the receiver refuse events that it has seen"
                        .to_owned()
                }
                true => otherwise.to_owned(),
                false => right,
            };
            findings.add_at(code, spot, wrong, right);
        }
    }

    /// The provider whose name differs least from the one at `path`.
    fn nearest_provider(&self, path: &str) -> Option<&'static str> {
        let source = self.source_above(path)?;
        let name = source
            .checks()
            .iter()
            .find(|check| wording::is_above(&check.path.to_string(), path))?
            .text_at("provider")?;
        let distance = |known: &&str| strsim::osa_distance(known, &name.to_ascii_lowercase());
        providers::names().min_by_key(distance).filter(|known| distance(known) <= 2)
    }

    /// Whether the source above `path` may have `replay`: its events can be told apart.
    fn could_remember(&self, path: &str) -> bool {
        let sources = sources::sources(&self.root());
        let above = |source: &Source<'_>| wording::is_above(&source.at.path.to_string(), path);
        let Some(position) = sources.iter().position(above) else { return true };
        let mut root = self.document.root.clone();
        let Some(Value { kind: Kind::List(list), .. }) = root.get_mut("sources") else { return true };
        let Some(Value { kind: Kind::Map(members), .. }) = list.get_mut(position) else { return true };
        let text = |text: &str| Value { at: 0, kind: Kind::Text(text.to_owned()) };
        let window = Member { at: 0, key: "window".to_owned(), value: text("24h") };
        let replay = Value { at: 0, kind: Kind::Map(vec![window]) };
        members.push(Member { at: 0, key: "replay".to_owned(), value: replay });
        let (_, said) = config::inspect(root.to_json().as_bytes(), &|_| Some(config::UNSEEN.to_owned()));
        let replay = format!("$.sources[{position}].replay");
        !said.problems.iter().any(|problem| problem.path.to_string().starts_with(&replay))
    }

    fn source_above(&self, path: &str) -> Option<Source<'_>> {
        sources::sources(&self.root()).into_iter().find(|source| wording::is_above(&source.at.path.to_string(), path))
    }

    /// Whether some request must wait for its body, and so must be held. Where nothing is known, it must.
    pub fn needs_hold(&self) -> bool {
        let Some(policy) = &self.policy else { return true };
        policy.sources.iter().filter(|source| source.mode == Mode::Enforce).any(|source| {
            let checks = source.requirement.iter().flat_map(Requirement::checks);
            source.max_body_bytes.is_some() || source.requirement.is_none() || checks.map(Check::scheme).any(waits)
        })
    }

    /// Where a problem is: at its path, or at the longest path above it that is there. What is wrong within a provider
    /// is wrong with how it is used.
    fn spot(&self, problem: &Problem, places: &[(config::problem::Path, usize)]) -> Spot {
        let path = problem.path.to_string();
        let found = places
            .iter()
            .map(|(other, at)| (other.to_string(), *at))
            .filter(|(other, _)| wording::is_above(other, &path))
            .max_by_key(|(other, _)| other.len());
        let (above, at) = found.unwrap_or_else(|| (path.clone(), self.document.root.at));
        let path = if above.ends_with(".provider") { above } else { path };
        Spot { file: Rc::clone(&self.document.file), place: self.document.source.place(at), path }
    }
}

/// Whether a scheme may need the body.
fn waits(scheme: &Scheme) -> bool {
    match scheme {
        Scheme::Credential(scheme) => scheme.needs_body(),
        Scheme::Jwt(scheme) => scheme.needs_body(),
        Scheme::Signature(_) | Scheme::MessageSignature(_) | Scheme::HttpSignature(_) => true,
    }
}
