//! Resources for Envoy Gateway.

use super::backend::Backend;
use super::envoy::{REQUEST_ID_COMMENT, lines};
use super::kubernetes::{block, common, hostnames, module, sum};
use super::plan::Plan;
use super::template::fill;
use super::{Address, Arguments, Output, clusters, pretty};
use crate::cli::runtime_changes::{REQUEST_ID, UNDERSCORES, setting};
use crate::cli::terminal::Failure;

const TEMPLATE: &str = include_str!("templates/envoy-gateway.yaml");

/// Where Envoy Gateway runs its proxies.
const PROXY_NAMESPACE: &str = "envoy-gateway-system";

const UPSTREAM: &str = "receiver:8080";

/// The resources as one file.
pub fn resources(arguments: &Arguments, plan: &Plan) -> Result<Output, Failure> {
    let names = plan.variables.iter().map(|name| format!("    - {}", pretty::scalar(name)));
    let hops = arguments.trusted_hops;
    let address = match hops {
        0 => String::new(),
        _ => format!("clientIPDetection:\n  xForwardedFor: {{ numTrustedHops: {hops} }}"),
    };
    let certificate = match plan.wants_client_certificate {
        true => format!(
            "# A source wants a client certificate, which is verified by ca.crt of this ConfigMap.\ntls:\n  \
             clientValidation:\n    caCertificateRefs: [{{ kind: ConfigMap, group: \"\", name: {}-ca }}]",
            arguments.name()
        ),
        false => String::new(),
    };
    let clusters = match clusters::all(arguments, plan)?.concat() {
        own if own.is_empty() => own,
        own => {
            let own: String = own.lines().map(|line| format!("    {line}\n")).collect();
            format!("# The clusters that the configuration names.\nstatic_resources:\n  clusters:\n{own}")
        }
    };
    let backend = Backend::of(Address::parse(arguments.upstream.as_deref().unwrap_or(UPSTREAM))?, arguments);
    let mut values = common(arguments, plan, UPSTREAM)?;
    values.extend([
        ("PROXY_NAMESPACE", PROXY_NAMESPACE.to_owned()),
        ("CODE", code(arguments)?),
        ("PLUGIN_ENVIRONMENT", block(plan, lines("env:\n  hostKeys:", names))),
        ("HOSTNAMES", hostnames(plan)),
        ("CLUSTERS", clusters),
        ("CLIENT_ADDRESS", address),
        ("HEADERS", headers(plan)),
        ("CLIENT_CERTIFICATE", certificate),
        ("LIMIT_QUANTITY", format!("{}Mi", plan.limit >> 20)),
        ("BACKEND", backend.reference(arguments)),
    ]);
    let text = fill(TEMPLATE, &values) + &backend.resource(arguments);
    Ok(Output { name: "hookwarden.yaml".to_owned(), text })
}

/// Where the module comes from: an image, or a file that Envoy Gateway downloads.
fn code(arguments: &Arguments) -> Result<String, Failure> {
    let (module, sum) = (module(arguments, "registry.example.com/hookwarden"), sum(arguments));
    let is_file = module.starts_with("http://") || module.starts_with("https://");
    match (&arguments.pull_secret, is_file) {
        (Some(_), true) => Err(Failure::Message(format!(
            "--pull-secret is for an image in a registry, and --module {module} is a file: leave one of them out"
        ))),
        (None, true) => Ok(format!(
            "type: HTTP\nhttp:\n  # The sum pins the file: what sha256sum prints.\n  url: {module}\n  {sum}"
        )),
        (secret, false) => {
            let secret =
                secret.as_ref().map(|name| format!("\n  pullSecretRef: {{ name: {name} }}")).unwrap_or_default();
            Ok(format!(
                "type: Image\nimage:\n  # Your registry. The sum pins the image: its digest, which `make oci` prints.\n  \
                 url: {module}\n  {sum}{secret}"
            ))
        }
    }
}

/// What keeps the headers that senders sign, if anything has to.
fn headers(plan: &Plan) -> String {
    let underscores = "# A sender signs with a header that has an underscore in its name, which would be refused.";
    let needed = [
        (plan.signs_request_id, REQUEST_ID_COMMENT, REQUEST_ID.keep.gateway),
        (plan.reads_underscores, underscores, UNDERSCORES.keep.gateway),
    ];
    let needed: Vec<_> = needed.into_iter().filter(|(is_needed, ..)| *is_needed).collect();
    let members: Vec<_> = needed
        .iter()
        .map(|(_, _, keep)| setting(keep).trim_start_matches("headers: { ").trim_end_matches(" }"))
        .collect();
    let comments = needed.iter().map(|(_, comment, _)| (*comment).to_owned());
    match members.is_empty() {
        true => String::new(),
        false => comments.chain([format!("headers: {{ {} }}", members.join(", "))]).collect::<Vec<_>>().join("\n"),
    }
}
