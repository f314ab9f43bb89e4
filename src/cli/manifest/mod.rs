//! `hookwarden manifest`.

mod envoy;
mod kubernetes;
mod live;
mod plan;
mod pretty;
mod template;

use std::fs;
use std::path::Path;

use clap::ValueEnum;

use super::Verdict;
use super::check;
use super::terminal::{Failure, Terminal};
use plan::{Hold, Plan};

/// Writes complete manifests for Envoy, docker compose, Istio or Envoy Gateway from a plugin's configuration.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// For what.
    #[arg(value_enum)]
    target: Target,
    /// The plugin's configuration, as JSON; "-" is standard input.
    #[arg(value_name = "CONFIGURATION")]
    file: String,
    /// Writes files into this folder instead of printing them. Existing files are not overwritten.
    #[arg(long, value_name = "FOLDER")]
    out: Option<String>,
    /// Where verified requests go [default: what is usual for the target].
    #[arg(long, value_name = "HOST:PORT")]
    upstream: Option<String>,
    /// Where Envoy listens (envoy, compose) [default: 127.0.0.1:10000, in a container 0.0.0.0:10000].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// How many proxies in front are trusted to set X-Forwarded-For.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    trusted_hops: u8,
    /// The folder on the proxy with tls.crt and tls.key, and ca.crt for client certificates (envoy, compose). TLS is
    /// left out unless this is given or a source wants it.
    #[arg(long, value_name = "FOLDER")]
    tls: Option<String>,
    /// The address of a replay store (envoy, compose) [default: its cluster's name, port 7379].
    #[arg(long, value_name = "HOST:PORT")]
    store: Option<String>,
    /// The module: a path (envoy, compose), or where it is pulled from.
    #[arg(long, value_name = "PATH|URL")]
    module: Option<String>,
    /// The checksum that pins the module (Istio, Envoy Gateway).
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// The name of the resources (Istio, Envoy Gateway).
    #[arg(long, default_value = "webhooks")]
    name: String,
    /// The namespace (Istio, Envoy Gateway).
    #[arg(long, default_value = "webhooks")]
    namespace: String,
    /// A label of the workload; may be repeated (Istio) [default: that of the name].
    #[arg(long, value_name = "NAME=VALUE")]
    selector: Vec<String>,
    /// Takes every secret of an environment variable from a file instead, and uses a changed file without a restart
    /// (envoy; Envoy 1.38 or newer).
    #[arg(long)]
    live_secrets: bool,
    /// The Kubernetes Secret with the variables (Istio, Envoy Gateway).
    #[arg(long, default_value = "webhook-secrets")]
    secret: String,
}

const EXAMPLES: &str = "\
Examples:
  hookwarden manifest envoy plugin.json --upstream 127.0.0.1:8080 > envoy.yaml
  hookwarden manifest envoy plugin.json --live-secrets --out deploy
  hookwarden manifest compose plugin.json --out deploy
  hookwarden manifest istio-gateway plugin.json --upstream receiver.hooks.svc.cluster.local:8080
  hookwarden manifest envoy-gateway plugin.json --upstream receiver:8080 | kubectl apply -f -";

/// What manifests are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// A bootstrap for a plain Envoy.
    Envoy,
    /// A compose file and the bootstrap of its Envoy.
    Compose,
    /// An ingress gateway of Istio.
    IstioGateway,
    /// The sidecar of one workload in Istio.
    IstioSidecar,
    /// A Gateway of Envoy Gateway.
    EnvoyGateway,
}

/// A file to be written.
struct Output {
    name: String,
    text: String,
}

/// A host and a port.
struct Address {
    host: String,
    port: u16,
}

impl Address {
    fn parse(text: &str) -> Result<Self, Failure> {
        let parsed = text.rsplit_once(':').and_then(|(host, port)| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_' | ':');
            let fits = !host.is_empty() && host.chars().all(plain);
            fits.then_some(Self { host: host.to_owned(), port: port.parse().ok()? })
        });
        parsed.ok_or_else(|| Failure::Message(format!("{text} is not a host and port, such as 127.0.0.1:8080")))
    }
}

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    // One that this target does not use may still be mistyped.
    for address in [&arguments.upstream, &arguments.listen, &arguments.store].into_iter().flatten() {
        Address::parse(address)?;
    }
    let hold = match arguments.target {
        Target::Envoy | Target::Compose => Hold::Filter,
        Target::IstioGateway | Target::IstioSidecar | Target::EnvoyGateway => Hold::Chain,
    };
    let document = match check::configuration_in(&arguments.file)? {
        Ok(document) => document,
        Err(refused) => {
            terminal.note(&refused);
            return Ok(Verdict::Bad);
        }
    };
    if arguments.live_secrets && arguments.target != Target::Envoy {
        return Err(Failure::Message(
            "--live-secrets is for the target envoy; for the others see docs/live-secrets.md".to_owned(),
        ));
    }
    let mut document = document;
    if arguments.live_secrets {
        live::with_live_secrets(&mut document.root);
    }
    let plan = Plan::new(&document, hold);
    let refused = check::refusals(&document, &plan.configuration);
    if !refused.is_empty() {
        terminal.note(&refused);
        return Ok(Verdict::Bad);
    }
    let outputs = match arguments.target {
        Target::Envoy => envoy::bootstrap(arguments, &plan)?,
        Target::Compose => envoy::compose(arguments, &plan)?,
        Target::IstioGateway | Target::IstioSidecar => vec![kubernetes::istio(arguments, &plan)?],
        Target::EnvoyGateway => vec![kubernetes::gateway(arguments, &plan)?],
    };
    match &arguments.out {
        Some(folder) => write(Path::new(folder), &outputs, terminal)?,
        None => terminal.print(&join(&outputs))?,
    }
    let remarks = check::remarks(outputs.iter().map(|output| (output.name.as_str(), output.text.clone())));
    if !remarks.is_empty() {
        terminal.note(&remarks);
    }
    Ok(Verdict::Good)
}

/// Several files as several documents.
fn join(outputs: &[Output]) -> String {
    match outputs {
        [only] => only.text.clone(),
        several => several.iter().map(|output| format!("---\n# {}\n{}", output.name, output.text)).collect(),
    }
}

fn write(folder: &Path, outputs: &[Output], terminal: &mut Terminal) -> Result<(), Failure> {
    let failure = |path: &Path, why: &dyn std::fmt::Display| Failure::Message(format!("{}: {why}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failure(folder, &error))?;
    let paths: Vec<_> = outputs.iter().map(|output| folder.join(&output.name)).collect();
    if let Some(path) = paths.iter().find(|path| path.exists()) {
        return Err(failure(path, &"is there already; name another folder, or move it away"));
    }
    for (path, output) in paths.iter().zip(outputs) {
        fs::write(path, &output.text).map_err(|error| failure(path, &error))?;
        terminal.note(&format!("wrote {}", path.display()));
    }
    Ok(())
}
