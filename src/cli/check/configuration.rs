//! A plugin's own configuration: what the filter itself says of it, with places in the file.

use std::rc::Rc;

use hookwarden::config::nearest::nearest;
use hookwarden::config::problem::{self, Path, Problem};
use hookwarden::config::{self, Mode, Policy};
use hookwarden::verify::Requirement;

use super::codes;
use super::findings::{Findings, Spot};
use crate::cli::document::Document;
use crate::cli::document::cursor::Cursor;
use crate::cli::document::text::Text;
use crate::cli::document::value::{Kind, Member, Places, Value};
use crate::cli::document::{json, yaml};

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
        let source = Rc::new(Text::of_scalar(text, &cursor.document.text, cursor.value.at));
        match json::parse(&source) {
            Ok(root) => Some(Self {
                document: Document { file: Rc::clone(&cursor.document.file), text: source, root },
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
                    document: Document { file: Rc::clone(&cursor.document.file), text: source, root: meant },
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
                text: Rc::clone(&document.text),
                root: value.clone(),
            },
            text: value.to_json(),
            policy: None,
        }
    }

    pub fn root(&self) -> Cursor<'_> {
        Cursor::root(&self.document)
    }

    /// Shows it to the filter's own reader. `set`: the names of the variables that are known to be set. `origin` is where the
    /// value of a variable stands, if that is in the files.
    pub fn load(
        &mut self,
        environment: config::Environment<'_>,
        set: &[&str],
        origin: &dyn Fn(&str) -> Option<Spot>,
        findings: &mut Findings,
    ) {
        let (policy, said) = config::inspect(self.text.as_bytes(), environment);
        self.policy = policy;
        let places = self.document.root.places();
        for problem in &said.problems {
            self.tell(problem, &problem.right, &places, origin, findings);
        }
        for warning in &said.warnings {
            let spot = self.spot(warning, &places);
            if let Some((wrong, right)) = self.unset(warning, set, &spot.path) {
                findings.add_at(codes::of(&warning.kind), spot, wrong, right);
                continue;
            }
            let right = match warning.right.as_str() {
                "" if warning.kind == problem::Kind::ReplayMissing && !self.could_remember(&warning.path) => {
                    "name the sender's event id: \"replay\" with \"id\": \"header:…\" and \"insecure_unsigned_id\": true, for \
                     nothing else tells its events apart; or let the receiver refuse events that it has seen"
                }
                "" => usual_advice(&warning.kind),
                right => right,
            };
            self.tell(warning, right, &places, origin, findings);
        }
    }

    /// That a variable is not set, with its name, and the one that is set and has nearly this name. What is not written as
    /// names of variables are might be a secret in the wrong place, and is not repeated.
    fn unset(&self, warning: &Problem, set: &[&str], path: &str) -> Option<(String, String)> {
        let name = Some(warning).filter(|warning| warning.kind == problem::Kind::VariableUnset);
        let name = name.and_then(|warning| self.root().find(&warning.path)?.text())?;
        let is_usual = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        let wrong = format!("the variable {name} of {} {}", subject(path), warning.wrong);
        let meant = nearest(name, set.iter().copied()).map(|meant| format!("did you mean {meant}, which is set?"));
        is_usual.then(|| (wrong, meant.unwrap_or_default()))
    }

    fn tell(
        &self,
        problem: &Problem,
        right: &str,
        places: &Places,
        origin: &dyn Fn(&str) -> Option<Spot>,
        findings: &mut Findings,
    ) {
        let spot = self.spot(problem, places);
        let wrong = wrong(problem, &spot.path);
        let moved = self.moved(problem, spot.clone(), origin);
        // What is not written in the configuration itself was encoded by somebody.
        let is_encoded = moved != spot && problem.kind == problem::Kind::SecretUnusable;
        let hint = if is_encoded { ". `echo` adds a line feed, `printf %s` does not" } else { "" };
        findings.add_at(codes::of(&problem.kind), moved, wrong, format!("{right}{hint}"));
    }

    /// What is wrong with a secret is wrong where its value stands, if that is in the files.
    fn moved(&self, problem: &Problem, spot: Spot, origin: &dyn Fn(&str) -> Option<Spot>) -> Spot {
        use problem::Kind;
        let is_of_value = matches!(
            problem.kind,
            Kind::SecretUnusable | Kind::SecretForm | Kind::SecretShort | Kind::SecretPrefix | Kind::VariableUnset
        );
        let at = self.root().find(&problem.path).filter(|_| is_of_value);
        let variable = at.as_ref().and_then(|at| at.text().or_else(|| at.text_at("env")));
        variable.and_then(origin).unwrap_or(spot)
    }

    /// Whether the source above `path` may have `replay`: its events can be told apart.
    fn could_remember(&self, path: &Path) -> bool {
        let path = path.to_string();
        let position = path.strip_prefix("$.sources[").and_then(|rest| rest.split_once(']')?.0.parse::<usize>().ok());
        let sources = self.document.root.get("sources").map(Value::elements).unwrap_or_default();
        let Some(source) = position.and_then(|position| sources.get(position)) else { return true };
        // Alone: with all others beside it, many sources would take minutes.
        let mut root = self.document.root.without("sources");
        let mut source = source.clone();
        let Kind::Map(members) = &mut source.kind else { return true };

        let window = Member { at: 0, key: "window".to_owned(), value: Value::new(0, Kind::Text("24h".to_owned())) };
        let replay = Value::new(0, Kind::Map(vec![window]));
        members.push(Member { at: 0, key: "replay".to_owned(), value: replay });
        let Kind::Map(members) = &mut root.kind else { return true };
        let alone = Value::new(0, Kind::List(vec![source]));
        members.push(Member { at: 0, key: "sources".to_owned(), value: alone });
        let (_, said) = config::inspect(root.to_json().as_bytes(), &|_| Some(config::UNSEEN.to_owned()));
        let replay = Path::root().member("sources").element(0).member("replay");
        !said.problems.iter().any(|problem| replay.is_above(&problem.path))
    }

    /// Whether some request must wait for its body, and so must be held. Where nothing is known, it must.
    pub fn needs_hold(&self) -> bool {
        let Some(policy) = &self.policy else { return true };
        policy.sources.iter().filter(|source| source.mode == Mode::Enforce).any(|source| {
            source.max_body_bytes.is_some() || source.requirement.as_deref().is_none_or(Requirement::needs_body)
        })
    }

    /// Where a problem is: at its path, or at the longest path above it that is there. What is wrong within a provider
    /// is wrong with how it is used.
    fn spot(&self, problem: &Problem, places: &Places) -> Spot {
        let path = problem.path.to_string();
        let mut above = path.as_str();
        let at = loop {
            match (places.get(above), above.rfind(['.', '['])) {
                (Some(at), _) => break *at,
                (None, Some(end)) => above = above.get(..end).unwrap_or_default(),
                (None, None) => break self.document.root.at,
            }
        };
        let path = if above.ends_with(".provider") { above.to_owned() } else { path };
        Spot { file: Rc::clone(&self.document.file), place: self.document.text.place(at), path }
    }
}

/// What is wrong, with its subject where it is a predicate.
fn wrong(problem: &Problem, path: &str) -> String {
    let wrong = &problem.wrong;
    if problem.kind.is_sentence() { wrong.clone() } else { format!("{} {wrong}", subject(path)) }
}

/// The last name of a path; of the text of a secret, the secret.
fn subject(path: &str) -> String {
    let path = path.strip_suffix(".env").or(path.strip_suffix(".value")).unwrap_or(path);
    match path.rsplit_once('.') {
        Some((_, name)) if name.ends_with(']') => name.to_owned(),
        Some((_, name)) => format!("\"{name}\""),
        None => "the configuration".to_owned(),
    }
}

/// What would be right, where a warning does not say it.
fn usual_advice(kind: &problem::Kind) -> &'static str {
    use problem::Kind;
    match kind {
        Kind::SecretPrefix => "see that it is the webhook's own secret, not another key",
        Kind::WeakCredential => "take TLS; and the sender's signature if it has one",
        Kind::ReplayMissing => {
            "add \"replay\": { \"window\": \"24h\" } to the source, or let the receiver refuse events that it has seen"
        }
        Kind::ReplayShort => "make it twice the tolerance or more",
        Kind::WeakBody => "let the receiver ask the sender for the object, by its id",
        Kind::WeakCoverage => "have the sender sign it, and demand that",
        Kind::PlainHash => {
            "if the sender makes an HMAC, as most do, say \"hmac-sha256\" (or its like); otherwise take a long secret"
        }
        Kind::OpenBoundary => "trust neither value beyond what is signed as a whole",
        _ => "",
    }
}
