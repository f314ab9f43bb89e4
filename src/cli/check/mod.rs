//! `hookwarden check`.

mod codes;
mod configuration;
pub mod documents;
mod envoy;
mod findings;
mod gateway;
mod gateway_proxy;
mod gateway_target;
mod istio;
mod istio_extension;
mod kubernetes_secret;
mod objects;
mod render;
mod setup;
pub mod sources;
pub mod surroundings;
mod variables;

use std::rc::Rc;

use clap::ValueEnum;
use hookwarden::config;
use hookwarden::verify::primitives::timestamp::{UnixTime, parse_rfc3339};

use super::document::Document;
use super::document::cursor::Cursor;
use super::document::text::Place;
use super::document::value::Value;
use super::terminal::{Failure, Terminal};
use super::{Verdict, clock};
use codes::Severity;
use configuration::Configuration;
use documents::File;
use envoy::Proxies;
use findings::{Finding, Findings, Spot};
use setup::{Chain, Flag, Host, Setup, Variables};
use surroundings::Surroundings;
use variables::Values;

/// Checks plugin configurations, and the proxy configuration around them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The files to check together, because one may need what another has: a plugin's JSON, an Envoy bootstrap or xDS
    /// resources (YAML or JSON), Istio or Envoy Gateway resources. "-" is standard input.
    #[arg(value_name = "FILE", required_unless_present = "codes")]
    files: Vec<String>,
    /// A file of NAME=value lines with the values of environment variables, so that the secrets themselves are
    /// checked too. Without it every variable that is named counts as set.
    #[arg(long, value_name = "FILE")]
    env_file: Vec<String>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Counts warnings as errors.
    #[arg(long)]
    deny_warnings: bool,
    /// Checks the dates of secrets as of this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Lists every code that a finding can have, as JSON with --format json.
    #[arg(long)]
    codes: bool,
}

const EXAMPLES: &str = "\
Examples:
  hookwarden check envoy.yaml
  hookwarden check --env-file production.env --deny-warnings envoy.yaml
  hookwarden check trafficextension.yaml envoyfilter.yaml deployment.yaml
  kubectl get trafficextensions,envoyfilters -A -o yaml | hookwarden check -

Exit code: 0 no errors, 1 errors, 2 the command failed.";

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// Workflow commands, which GitHub shows next to the lines.
    Github,
}

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    if arguments.codes {
        terminal.print(&render::codes::render(arguments.format == Format::Json))?;
        return Ok(Verdict::Good);
    }
    let values = Values::read(&arguments.env_file)?;
    let now = match &arguments.at {
        Some(text) => parse_rfc3339(text).ok_or_else(|| {
            Failure::Message("--at must be a time such as 2026-12-31T00:00:00Z (RFC 3339)".to_owned())
        })?,
        None => clock::now(),
    };
    let files = arguments.files.iter().map(|name| File::read(name)).collect::<Result<Vec<_>, _>>()?;
    let checked = check(files, &values, now);
    let findings =
        if arguments.deny_warnings { checked.findings.iter().map(stricter).collect() } else { checked.findings };
    let text = match arguments.format {
        Format::Text => render::text::render(&findings, checked.plugins, &checked.files),
        Format::Json => render::json::render(&findings, checked.plugins),
        Format::Github => render::github::render(&findings),
    };
    terminal.print(&text)?;
    let is_wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if is_wrong { Verdict::Bad } else { Verdict::Good })
}

/// Reads a file that is a plugin's configuration and nothing else.
///
/// # Errors
/// It cannot be read. Within: what is wrong with it, as text.
pub fn configuration_in(name: &str) -> Result<Result<Document, String>, Failure> {
    let mut findings = Findings::default();
    let file = File::read(name)?;
    let names = [Rc::clone(&file.name)];
    let mut documents = file.documents(&mut findings);
    documents.retain(is_bare);
    let document = match documents.len() {
        1 => documents.pop(),
        _ => None,
    };
    let found = findings.sorted(&names);
    Ok(document.ok_or_else(|| match found.is_empty() {
        true => format!("{name}: is not a plugin's configuration, one JSON object with \"sources\"\n"),
        false => render::text::render(&found, 0, &names),
    }))
}

/// Why the filter would refuse this configuration, as text; empty if it would not. The places are those of the document.
pub fn refusals(document: &Document, configuration: &Value) -> String {
    let mut findings = Findings::default();
    let seen = |_: &str| Some(config::UNSEEN.to_owned());
    Configuration::of_value(document, configuration).load(&seen, &[], &|_| None, &mut findings);
    let names = [Rc::clone(&document.file)];
    let mut found = findings.sorted(&names);
    found.retain(|finding| finding.severity == Severity::Error);
    if found.is_empty() { String::new() } else { render::text::render(&found, 1, &names) }
}

/// What is wrong with files that are not there yet.
pub struct Remarks {
    /// Empty if there is nothing but notes.
    pub text: String,
    pub are_errors: bool,
}

/// What a check finds wrong with these files.
pub fn remarks<'a>(files: impl Iterator<Item = (&'a str, String)>) -> Remarks {
    let files = files.map(|(name, text)| File::of_text(name, text)).collect();
    let Checked { mut findings, plugins, files } = check(files, &Values::default(), clock::now());
    findings.retain(|finding| finding.severity != Severity::Note);
    let are_errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    let text = if findings.is_empty() { String::new() } else { render::text::render(&findings, plugins, &files) };
    Remarks { text, are_errors }
}

/// What a run found.
struct Checked {
    findings: Vec<Finding>,
    /// How many plugins of ours there are.
    plugins: usize,
    files: Vec<Rc<str>>,
}

fn check(files: Vec<File>, values: &Values, now: UnixTime) -> Checked {
    let mut findings = Findings::default();
    let names: Vec<_> = files.iter().map(|file| Rc::clone(&file.name)).collect();
    let documents: Vec<_> = files.into_iter().flat_map(|file| file.documents(&mut findings)).collect();
    let objects = objects::objects(&documents);
    let mut proxies = Proxies::default();
    for document in documents.iter().filter(|document| document.root.get("apiVersion").is_none()) {
        proxies.survey(document);
    }
    proxies.resolve_routes(&documents);
    proxies.resolve_discovery();
    let mut setups = proxies.setups(&mut findings);
    setups.extend(istio::setups(&objects, &mut findings));
    setups.extend(gateway::setups(&objects, &mut findings));
    setups.extend(documents.iter().filter(|document| is_bare(document)).map(bare));
    for setup in &mut setups {
        let Setup { configuration, variables, .. } = setup;
        if let Some(configuration) = configuration {
            let set = values.set(variables);
            let held = kubernetes_secret::of_variables(variables, &objects, &mut findings);
            let value = |name: &str| match held.get(name) {
                Some(held) => Some(held.value.clone()),
                None => values.of_plugin(variables, name),
            };
            configuration.load(&value, &set, &|name| held.get(name).map(|held| held.spot.clone()), &mut findings);
        }
    }
    let surroundings = Surroundings { documents: &documents, proxies: &proxies, objects: &objects, now };
    for setup in &setups {
        surroundings::check(setup, &surroundings, &mut findings);
    }
    surroundings::check_proxies(&surroundings, &setups, &mut findings);
    tell_of_files_without_plugin(&names, &documents, &setups, &mut findings);
    Checked { plugins: setups.len(), findings: findings.sorted(&names), files: names }
}

/// Whether a document is a plugin's configuration and nothing else.
fn is_bare(document: &Document) -> bool {
    let root = &document.root;
    let is_other = ["apiVersion", "static_resources", "resources", "@type", "services", "filter_chains"];
    let is_ours = ["sources", "source", "body_hold", "unmatched", "stall_timeout"];
    !is_other.iter().any(|name| root.get(name).is_some()) && is_ours.iter().any(|name| root.member(name).is_some())
}

fn bare(document: &Document) -> Setup<'_> {
    Setup {
        host: Host::Unknown,
        plugin: Cursor::root(document),
        configuration: Some(Configuration::of_value(document, &document.root)),
        flag: Flag::Unknown,
        chain: Chain::default(),
        variables: Variables::default(),
        fails_open: None,
        unpinned: None,
        manager: None,
        filter: None,
        workloads: None,
    }
}

fn tell_of_files_without_plugin(
    names: &[Rc<str>],
    documents: &[Document],
    setups: &[Setup<'_>],
    findings: &mut Findings,
) {
    let right = "what is looked for: a wasm filter whose name, root_id or module says hookwarden or whose configuration \
                 has \"sources\"; a TrafficExtension or WasmPlugin; an EnvoyExtensionPolicy; or the plugin's own JSON";
    for name in names.iter().filter(|name| !documents.iter().any(|document| document.file == **name)) {
        if !findings.have_any_in(name) {
            let spot = Spot { file: Rc::clone(name), place: Place { line: 1, column: 1 }, path: "$".to_owned() };
            findings.add_at(&codes::NO_PLUGIN, spot, "this file is empty", right);
        }
    }
    for document in documents {
        let of_file = |other: &Document| other.file == document.file;
        let has_plugin = setups.iter().any(|setup| {
            let at = setup.manager.as_ref().map(|manager| manager.at.document);
            of_file(setup.plugin.document) || at.is_some_and(of_file)
        });
        let is_first = documents.iter().find(|other| of_file(other)).is_some_and(|first| std::ptr::eq(first, document));
        let (is_first, root) = (is_first && !has_plugin, Cursor::root(document));
        if is_first && setups.is_empty() {
            findings.add(&codes::NO_PLUGIN, &root, "this file has no hookwarden plugin", right);
        } else if is_first {
            findings.add(
                &codes::NOTHING_HERE,
                &root,
                "this file has no hookwarden plugin; it is used as context for the others",
                "",
            );
        }
    }
}

/// A finding where warnings count as errors.
fn stricter(finding: &Finding) -> Finding {
    let severity = match finding.severity {
        Severity::Warning => Severity::Error,
        other => other,
    };
    Finding { severity, ..finding.clone() }
}
