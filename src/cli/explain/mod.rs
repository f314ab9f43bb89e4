//! `hookwarden explain`: why a captured request is let through or refused, and what really went wrong.

pub mod advice;
mod assumed_path;
mod batch;
mod capture;
pub mod configuration;
pub mod decision;
mod differences;
mod expected;
mod explanation;
mod handshake;
mod live;
pub mod peer;
mod report;
mod secret_material;
mod suspects;
mod trial;
mod walk;
mod when;

use std::path::{Path, PathBuf};

use capture::{Captured, FORMS, Reading};
use configuration::Configuration;
use peer::PeerArguments;
use suspects::Effort;
use when::Arrival;

use super::environment::Environment;
use super::terminal::{Failure, Terminal};
use super::{Verdict, arguments, given_secret, input, layout};

/// Explains why a captured request is forwarded or refused.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The configuration, unless --config names it, and the captured request, in one of many forms (--forms); - is
    /// standard input
    #[arg(value_name = "CONFIGURATION] [REQUEST", num_args = 0..=2)]
    files: Vec<PathBuf>,
    /// The configuration: the JSON of the plugin
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file with the header lines, with or without a request line; --body has the body
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
    /// The file with the exact bytes of the body
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The method, if the capture lacks it
    #[arg(long, value_name = "METHOD", value_parser = arguments::method)]
    method: Option<String>,
    /// The URL that was called, if the capture lacks it
    #[arg(long, value_name = "URL", value_parser = arguments::url)]
    url: Option<String>,
    /// The number of the request, counted from 1, in a capture that has several
    #[arg(long, value_name = "NUMBER", value_parser = arguments::entry, conflicts_with = "headers")]
    entry: Option<usize>,
    /// When the request arrived: RFC 3339, or seconds or milliseconds since 1970
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A file of NAME=value lines to read secrets from instead of the environment
    #[arg(long, value_name = "FILE")]
    env_file: Option<String>,
    /// The environment variable that holds a live secret: once for all, or once for each in their order
    #[arg(long, value_name = "NAME", conflicts_with = "batch")]
    secret_env: Vec<String>,
    /// The file that holds a live secret; those of variables come first
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    secret_file: Vec<PathBuf>,
    #[command(flatten)]
    peer: PeerArguments,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Many requests: a line of JSON each, {"configuration": …, "request": …, "time": …}; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["headers", "body", "entry", "show_secret_material"])]
    batch: Option<PathBuf>,
    /// With --batch: tries everything on every request, including two mistakes at once; slower
    #[arg(long, requires = "batch")]
    thorough: bool,
    /// Lists the forms of captures that are read, how each is got, and what to do with those that are not
    #[arg(long, conflicts_with_all = ["config", "headers", "body", "batch", "entry"])]
    forms: bool,
    /// Shows the expected signature and the signed content, on a terminal only: anyone who sees it can forge this
    /// request
    #[arg(long)]
    show_secret_material: bool,
}

const AFTER_HELP: &str = "\
Examples:
  hookwarden explain hookwarden.json request.http --at 2026-11-21T10:00:00Z
  hookwarden explain hookwarden.json capture.har --env-file secrets.env
  pbpaste | hookwarden explain --config hookwarden.json -          (a curl command)
  hookwarden explain hookwarden.json --headers head.txt --body body.bin --format json
  hookwarden explain --batch corpus.jsonl > verdicts.jsonl

Exit codes: 0 the request verifies (with --batch: all do); 1 it does not; 2 the command failed.";

/// How an explanation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    let failure = |error: String| Failure::Message(error);
    if arguments.forms {
        terminal.print(&forms(arguments.format))?;
        return Ok(Verdict::Good);
    }
    if arguments.show_secret_material && !terminal.is_watched() {
        return Err(failure(
            "--show-secret-material works on a terminal only, so that no file or log holds the secret".to_owned(),
        ));
    }
    let environment = Environment::of_file_or_process(arguments.env_file.as_deref())?;
    let peer = arguments.peer.peer();
    if let Some(at) = &arguments.at {
        when::asked(at).map_err(failure)?;
    }
    if let Some(from) = &arguments.batch {
        let usual = arguments.config.as_deref().or(arguments.files.first().map(PathBuf::as_path));
        if let Some(usual) = usual.filter(|path| *path != Path::new("-")) {
            input::read_configuration(usual)?;
        }
        let common = batch::Common {
            environment: &environment,
            configuration: usual,
            peer: &peer,
            at: arguments.at.as_deref(),
            effort: if arguments.thorough { Effort::Thorough } else { Effort::Quick },
        };
        return batch::run(from, &common, terminal);
    }
    let (configuration_path, request_path) = paths(arguments)?;
    let text = live::with_secrets(
        input::read_configuration(configuration_path)?,
        &given_secret::given(&arguments.secret_env, &arguments.secret_file, &environment)?,
    )?;
    let configuration = match Configuration::load(&text, &environment, peer.unjudged()) {
        Ok(configuration) => configuration,
        Err(problems) => {
            let list: Vec<_> = problems.iter().map(|problem| format!("  {problem}")).collect();
            let name = configuration_path.display();
            return Err(failure(format!("{name}: invalid configuration:\n{}", list.join("\n"))));
        }
    };
    let captured = read_request(arguments, request_path, &configuration).map_err(failure)?;
    let arrival = Arrival::of(arguments.at.as_deref(), &captured, &configuration).map_err(failure)?;
    let explanation = terminal.waiting("searching for the cause", || {
        explanation::explain(&configuration, &captured, &peer, &arrival, Effort::Thorough)
    });
    let shown = match arguments.format {
        Format::Text => report::text(&explanation, &captured, &arrival),
        Format::Json => format!("{:#}\n", report::json(&explanation, &captured, &arrival)),
    };
    terminal.print(&shown)?;
    if arguments.show_secret_material {
        terminal.print(&secret_material::shown(&configuration, &captured, &explanation.decision))?;
    }
    Ok(if explanation.decision.is_settled() { Verdict::Good } else { Verdict::Bad })
}

/// The forms of captures.
fn forms(format: Format) -> String {
    match format {
        Format::Json => {
            let list: Vec<_> = FORMS
                .iter()
                .map(|form| serde_json::json!({ "name": form.name, "is_read": form.is_read(), "how": form.how }))
                .collect();
            format!("{:#}\n", serde_json::Value::from(list))
        }
        Format::Text => {
            let mut text = String::new();
            for (is_read, title) in [(true, "Read:"), (false, "Recognised, and not read:")] {
                text.push_str(&format!("{title}\n"));
                for form in FORMS.iter().filter(|form| form.is_read() == is_read) {
                    text.push_str(&format!("  {}\n", form.name));
                    for line in layout::wrap(form.how, layout::WIDTH.saturating_sub(6)) {
                        text.push_str(&format!("      {line}\n"));
                    }
                }
            }
            text
        }
    }
}

/// The configuration's file, and the request's.
fn paths(arguments: &Arguments) -> Result<(&Path, Option<&Path>), Failure> {
    let mut files = arguments.files.iter().map(PathBuf::as_path);
    let configuration = arguments.config.as_deref().or_else(|| files.next()).ok_or_else(|| {
        Failure::Message(
            "a configuration and a request are required: hookwarden explain hookwarden.json request.http".to_owned(),
        )
    })?;
    let request = files.next();
    if files.next().is_some() || (request.is_some() && arguments.headers.is_some()) {
        return Err(Failure::Message(
            "expected one configuration and one request; use --headers and --body in place of a request".to_owned(),
        ));
    }
    if configuration == Path::new("-")
        && request.is_none_or(|request| request == configuration)
        && arguments.headers.is_none()
    {
        return Err(Failure::Message("standard input can be the configuration or the request, not both".to_owned()));
    }
    Ok((configuration, request))
}

/// Reads the request in whatever form it is, and puts in what the command line says.
fn read_request(arguments: &Arguments, path: Option<&Path>, configuration: &Configuration) -> Result<Captured, String> {
    let bytes = |path: &Path| {
        input::read(path).map_err(|failure| match failure {
            Failure::Message(error) => error,
            Failure::ClosedPipe => "standard input was closed".to_owned(),
        })
    };
    let body = arguments.body.as_deref().map(bytes).transpose()?;
    let mut captured = match (&arguments.headers, path) {
        (Some(headers), _) => {
            let lines = bytes(headers)?;
            let decoded = input::decoded(&lines).map_err(|error| format!("{}: {error}", headers.display()))?;
            capture::from_files(decoded.as_deref().unwrap_or(&lines), body.unwrap_or_default())?
        }
        (None, path) => {
            let path = path.unwrap_or(Path::new("-"));
            let routes = &configuration.policy.routes;
            let is_wanted = |authority: &str, target: &str| {
                let path = target.split('?').next().unwrap_or_default();
                routes.find(authority.as_bytes(), path.as_bytes()).is_ok()
            };
            let reading =
                Reading { folder: path.parent(), entry: arguments.entry, is_wanted: Some(&is_wanted), depth: 0 };
            let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
            let mut captured = Captured::read(&bytes(path)?, reading).map_err(|error| format!("{name}: {error}"))?;
            if let Some(body) = body {
                captured.replace_body(body);
            }
            captured
        }
    };
    if arguments.url.is_none() {
        assumed_path::put_in(&mut captured, configuration);
    }
    captured.complete(arguments.method.as_deref(), arguments.url.as_deref())?;
    Ok(captured)
}
