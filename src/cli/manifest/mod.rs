//! `hookwarden manifest`.

mod backend;
mod capabilities;
mod clusters;
mod envoy;
mod envoy_gateway;
mod istio;
mod kubernetes;
mod live;
mod options;
mod plan;
mod pretty;
mod store;
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
    /// Where Envoy listens, or on which address of the machine compose publishes its port (envoy, compose) [default:
    /// 127.0.0.1:10000, for compose 0.0.0.0:10000].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// How many proxies in front are trusted to set X-Forwarded-For (envoy, compose, Envoy Gateway).
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    trusted_hops: u8,
    /// The folder on the proxy with tls.crt and tls.key, and ca.crt for client certificates (envoy, compose). TLS is
    /// left out unless this is given or a source wants it.
    #[arg(long, value_name = "FOLDER")]
    tls: Option<String>,
    /// The address of a replay store. Sources with replay that name none get it [default: its cluster's name, port 7379].
    #[arg(long, value_name = "HOST:PORT")]
    store: Option<String>,
    /// The module: the path of a file (envoy, compose), or the image or URL from which it is pulled. With --hold filter: an
    /// image that is mounted, http:// of a Service, or a path.
    #[arg(long, value_name = "PATH|URL")]
    module: Option<String>,
    /// The checksum that pins the module: the digest of its image, or the sum of the file (Istio, Envoy Gateway).
    #[arg(long, value_name = "HEX", value_parser = sum)]
    sha256: Option<String>,
    /// The name of the resources (Istio, Envoy Gateway) [default: webhooks].
    #[arg(long)]
    name: Option<String>,
    /// The namespace (Istio, Envoy Gateway) [default: webhooks].
    #[arg(long)]
    namespace: Option<String>,
    /// A label of the workload; may be repeated (Istio) [default: that of the name].
    #[arg(long, value_name = "NAME=VALUE")]
    selector: Vec<String>,
    /// Takes every secret of an environment variable from a file instead, and uses a changed file without a restart
    /// (envoy; Envoy 1.38 or newer).
    #[arg(long)]
    live_secrets: bool,
    /// The Kubernetes Secret with the variables (Istio, Envoy Gateway) [default: webhook-secrets].
    #[arg(long)]
    secret: Option<String>,
    /// The Kubernetes Secret with which the module's image is pulled from its registry (Istio, Envoy Gateway).
    #[arg(long, value_name = "NAME")]
    pull_secret: Option<String>,
    /// Who holds requests until they are verified (Istio) [default: chain].
    #[arg(long, value_enum)]
    hold: Option<Hold>,
    /// Writes a WasmPlugin instead of a TrafficExtension, for Istio before 1.30.
    #[arg(long)]
    wasm_plugin: bool,
    /// Writes a Gateway and an HTTPRoute of the Gateway API instead of Istio's own resources (istio-gateway).
    #[arg(long)]
    gateway_api: bool,
}

const EXAMPLES: &str = "\
Examples:
  hookwarden manifest envoy plugin.json --upstream 127.0.0.1:8080 > envoy.yaml
  hookwarden manifest envoy plugin.json --live-secrets --out deploy
  hookwarden manifest compose plugin.json --out deploy
  hookwarden manifest istio-gateway plugin.json --upstream receiver.hooks.svc.cluster.local:8080
  hookwarden manifest envoy-gateway plugin.json --upstream receiver:8080 | kubectl apply -f -";

impl Arguments {
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("webhooks")
    }

    fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("webhooks")
    }

    fn secret(&self) -> &str {
        self.secret.as_deref().unwrap_or("webhook-secrets")
    }
}

/// A SHA-256, with or without the word in front of it.
fn sum(text: &str) -> Result<String, String> {
    let sum = text.strip_prefix("sha256:").unwrap_or(text);
    let is_sum = sum.len() == 64 && sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let refused = || {
        "not 64 digits 0-9 and a-f: of an image it is the digest that `make oci` or its registry prints, of a file what sha256sum \
         prints"
            .to_owned()
    };
    is_sum.then(|| sum.to_owned()).ok_or_else(refused)
}

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

impl Target {
    /// As it is written on the command line.
    fn name(self) -> &'static str {
        match self {
            Target::Envoy => "envoy",
            Target::Compose => "compose",
            Target::IstioGateway => "istio-gateway",
            Target::IstioSidecar => "istio-sidecar",
            Target::EnvoyGateway => "envoy-gateway",
        }
    }
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
            fits.then_some(Self { host: host.to_owned(), port: port.parse().ok().filter(|port| *port > 0)? })
        });
        parsed.ok_or_else(|| Failure::Message(format!("{text} is not a host and port, such as 127.0.0.1:8080")))
    }
}

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    // One that this target does not use may still be mistyped.
    for address in [&arguments.upstream, &arguments.listen, &arguments.store].into_iter().flatten() {
        Address::parse(address)?;
    }
    options::check(arguments)?;
    let hold = hold(arguments)?;
    let mut document = match check::configuration_in(&arguments.file)? {
        Ok(document) => document,
        Err(refused) => {
            terminal.note(&refused);
            return Ok(Verdict::Bad);
        }
    };
    if arguments.live_secrets {
        live::with_live_secrets(&mut document.root);
    }
    if arguments.store.is_some() && !store::add(&mut document.root) {
        return Err(Failure::Message("--store: no source has \"replay\", so nothing would use it".to_owned()));
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
        Target::IstioGateway | Target::IstioSidecar => vec![istio::resources(arguments, &plan, hold)?],
        Target::EnvoyGateway => vec![envoy_gateway::resources(arguments, &plan)?],
    };
    let remarks = check::remarks(outputs.iter().map(|output| (output.name.as_str(), output.text.clone())));
    if remarks.are_errors {
        terminal.note(&remarks.text);
        terminal.note("nothing was written: this target cannot do what the configuration needs");
        return Ok(Verdict::Bad);
    }
    match &arguments.out {
        Some(folder) => write(Path::new(folder), &outputs, terminal)?,
        None => terminal.print(&join(&outputs))?,
    }
    if !remarks.text.is_empty() {
        terminal.note(&remarks.text);
    }
    Ok(Verdict::Good)
}

/// Who holds requests, and whether the target can have it so.
fn hold(arguments: &Arguments) -> Result<Hold, Failure> {
    let refused = |text: &str| Err(Failure::Message(text.to_owned()));
    let is_istio = matches!(arguments.target, Target::IstioGateway | Target::IstioSidecar);
    let usual = match arguments.target {
        Target::Envoy | Target::Compose => Hold::Filter,
        Target::IstioGateway | Target::IstioSidecar | Target::EnvoyGateway => Hold::Chain,
    };
    match arguments.hold {
        Some(hold) if hold != usual && !is_istio => {
            refused("--hold is for the targets istio-gateway and istio-sidecar: this one can be held in one way only")
        }
        hold => Ok(hold.unwrap_or(usual)),
    }
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
