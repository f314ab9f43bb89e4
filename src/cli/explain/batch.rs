//! Very many requests: a line of JSON each, and a verdict line for each.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hookwarden::guard::address;
use hookwarden::verify::bytes::json::{Json, JsonPath};
use serde_json::{Value, json};

use super::assumed_path;
use super::capture::{Captured, Reading, stated_time};
use super::configuration::{Configuration, Unjudged};
use super::explanation::explain;
use super::peer::{Peer, Tls};
use super::suspects::Effort;
use super::when::Arrival;
use crate::cli::environment::Environment;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{Verdict, input};

/// How many configurations are kept parsed.
const KEPT: usize = 2000;
/// How much is written at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// A batch, and the configurations that it has read.
struct Batch<'a> {
    environment: &'a Environment,
    /// The configuration of lines that have none.
    usual: Option<&'a Path>,
    asked: &'a Peer,
    at: Option<&'a str>,
    effort: Effort,
    configurations: HashMap<Key, Result<Rc<Configuration>, Wrong>>,
}

/// What tells configurations apart.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// The text, or the path of a file.
    text: String,
    is_path: bool,
    /// The variables of the line, as text.
    variables: String,
    knows_tls: bool,
    knows_address: bool,
}

/// A line that cannot be judged: the code, and why.
#[derive(Clone, Debug)]
struct Wrong(&'static str, String);

/// What is common to all lines.
pub struct Common<'a> {
    /// Where secrets are read from.
    pub environment: &'a Environment,
    /// The configuration of lines that have none.
    pub configuration: Option<&'a Path>,
    /// How the client came, where a line does not say.
    pub peer: &'a Peer,
    /// When the requests arrived, where a line does not say.
    pub at: Option<&'a str>,
    /// How much is tried for each.
    pub effort: Effort,
}

/// Reads lines from a file, or from standard input, and writes a verdict for each.
///
/// # Errors
/// Only where the lines cannot be read or the verdicts not be written: a bad line is a verdict, too.
pub fn run(from: &Path, common: &Common<'_>, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    let mut input = BufReader::with_capacity(256 * 1024, input::open(from)?);
    let mut batch = Batch {
        environment: common.environment,
        usual: common.configuration,
        asked: common.peer,
        at: common.at,
        effort: common.effort,
        configurations: HashMap::new(),
    };
    let mut line = Vec::new();
    let mut out = String::new();
    let (mut count, mut verified, mut wrong) = (0_u64, 0_u64, 0_u64);
    let mut number = 0_u64;
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number = number.saturating_add(1);
        if line.trim_ascii().is_empty() {
            continue;
        }
        count = count.saturating_add(1);
        // A file of Windows may begin with a byte order mark.
        let verdict = batch.judge(number, line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line));
        match verdict.get("outcome").and_then(Value::as_str) {
            Some("passed") => verified = verified.saturating_add(1),
            Some("error") => wrong = wrong.saturating_add(1),
            _ => {}
        }
        out.push_str(&verdict.to_string());
        out.push('\n');
        // Whoever feeds line by line gets the verdict before the next.
        if out.len() > CHUNK || input.buffer().is_empty() {
            terminal.print(&out)?;
            out.clear();
        }
        terminal.progress(|| format!("{count} requests, {verified} verified"));
    }
    terminal.print(&out)?;
    let refused = count.saturating_sub(verified).saturating_sub(wrong);
    terminal.note(&format!("{count} requests: {verified} verified, {refused} not, {wrong} errors"));
    Ok(if verified == count { Verdict::Good } else { Verdict::Bad })
}

impl Batch<'_> {
    /// The verdict on one line.
    fn judge(&mut self, number: u64, line: &[u8]) -> Value {
        let parsed: Result<Value, _> = serde_json::from_slice(line);
        let id = parsed.as_ref().ok().and_then(|line| line.get("id").or_else(|| line.pointer("/request/id"))).cloned();
        let judged = match &parsed {
            Ok(parsed) => self.judge_parsed(line, parsed),
            Err(error) => Err(Wrong("line_unreadable", format!("not JSON: column {}", error.column()))),
        };
        let mut verdict = judged.unwrap_or_else(|Wrong(code, error)| {
            json!({ "source": null, "outcome": "error", "code": code, "finding": null, "error": error })
        });
        if let Some(members) = verdict.as_object_mut() {
            members.insert("line".to_owned(), json!(number));
            if let Some(id) = id {
                members.insert("id".to_owned(), id);
            }
        }
        verdict
    }

    fn judge_parsed(&mut self, text: &[u8], line: &Value) -> Result<Value, Wrong> {
        let unreadable = |error: String| Wrong("request_unreadable", error);
        let document = Json::parse_file(text).map_err(|error| unreadable(error.message.to_owned()))?;
        let mut captured = match (line.get("request"), JsonPath::parse("request").and_then(|path| document.at(&path))) {
            (Some(Value::String(text)), _) => {
                Captured::read(text.as_bytes(), Reading::default()).map_err(unreadable)?
            }
            (Some(_), Some(request)) => Captured::of_json(request, Reading::default()).map_err(unreadable)?,
            _ => return Err(unreadable("lacks \"request\"".to_owned())),
        };
        captured.check_path().map_err(unreadable)?;
        captured.time = stated_time(&document).or(captured.time);
        let peer = self.peer(line)?;
        let configuration = self.configuration(line, &peer)?;
        assumed_path::put_in(&mut captured, &configuration);
        let asked = captured.time.is_none().then_some(self.at).flatten();
        let arrival = Arrival::of(asked, &captured, &configuration).map_err(|error| Wrong("time_unreadable", error))?;
        let explanation = explain(&configuration, &captured, &peer, &arrival, self.effort);
        Ok(json!({
            "source": explanation.source,
            "outcome": explanation.decision.word(),
            "code": explanation.decision.code(),
            "status": explanation.decision.status,
            "secrets": explanation.decision.matches,
            "finding": explanation.finding_code(),
            "certain": explanation.findings.first().map(|finding| finding.is_certain),
        }))
    }

    /// How the client came: as the line says, or as the command line does.
    fn peer(&self, line: &Value) -> Result<Peer, Wrong> {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let mut peer = self.asked.clone();
        if let Some(address) = text("client_address") {
            if address::client_address(address.as_bytes()).is_none() {
                return Err(Wrong("line_unreadable", format!("\"client_address\" is no address: {address:?}")));
            }
            peer.address = Some(address.to_owned());
        }
        if let Some(tls) = text("tls") {
            peer.tls = Some(Tls::parse(tls).map_err(|error| Wrong("line_unreadable", format!("\"tls\" {error}")))?);
        }
        if let Some(has_certificate) = line.get("client_certificate").and_then(Value::as_bool) {
            peer.has_certificate = has_certificate;
        }
        Ok(peer)
    }

    /// The configuration of a line, parsed once.
    fn configuration(&mut self, line: &Value, peer: &Peer) -> Result<Rc<Configuration>, Wrong> {
        let (text, is_path) = match (line.get("configuration").or_else(|| line.get("config")), self.usual) {
            (Some(Value::String(text)), _) if text.trim_start().starts_with('{') => (text.clone(), false),
            (Some(Value::String(path)), _) => (path.clone(), true),
            (Some(object @ Value::Object(_)), _) => (object.to_string(), false),
            (Some(_), _) => {
                return Err(Wrong(
                    "configuration_missing",
                    "\"configuration\" is neither an object nor a path".to_owned(),
                ));
            }
            (None, Some(path)) => (path.display().to_string(), true),
            (None, None) => return Err(Wrong("configuration_missing", "lacks \"configuration\"".to_owned())),
        };
        let variables = line.get("environment").filter(|value| value.is_object());
        let key = Key {
            text,
            is_path,
            variables: variables.map(Value::to_string).unwrap_or_default(),
            knows_tls: peer.tls.is_some(),
            knows_address: peer.address.is_some(),
        };
        if let Some(known) = self.configurations.get(&key) {
            return known.clone();
        }
        if self.configurations.len() >= KEPT {
            self.configurations.clear();
        }
        let read = self.load(&key, variables);
        self.configurations.insert(key, read.clone());
        read
    }

    fn load(&self, key: &Key, variables: Option<&Value>) -> Result<Rc<Configuration>, Wrong> {
        let text = if key.is_path {
            let path = PathBuf::from(&key.text);
            fs::read(&path).map_err(|error| Wrong("configuration_missing", format!("{}: {error}", path.display())))?
        } else {
            key.text.clone().into_bytes()
        };
        let own = variables.and_then(Value::as_object).map(|members| {
            let texts = members.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            Environment::of(texts.collect::<BTreeMap<_, _>>())
        });
        let unjudged = Unjudged { transport: !key.knows_tls, address: !key.knows_address };
        match Configuration::load(&text, own.as_ref().unwrap_or(self.environment), unjudged) {
            Ok(configuration) => Ok(Rc::new(configuration)),
            Err(problems) => {
                let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
                Err(Wrong("configuration_refused", list.join("; ")))
            }
        }
    }
}
