//! Which target uses which option. One that the target would ignore is refused: a sum that is not in the manifest pins nothing.

use super::{Arguments, Target};
use crate::cli::terminal::Failure;

const PLAIN: &[Target] = &[Target::Envoy, Target::Compose];
const ISTIO: &[Target] = &[Target::IstioGateway, Target::IstioSidecar];
const KUBERNETES: &[Target] = &[Target::IstioGateway, Target::IstioSidecar, Target::EnvoyGateway];

/// Refuses the first option that the target does not use.
pub fn check(arguments: &Arguments) -> Result<(), Failure> {
    let options = [
        ("--listen", arguments.listen.is_some(), PLAIN),
        ("--tls", arguments.tls.is_some(), PLAIN),
        ("--live-secrets", arguments.live_secrets, &[Target::Envoy]),
        ("--trusted-hops", arguments.trusted_hops > 0, &[Target::Envoy, Target::Compose, Target::EnvoyGateway]),
        ("--sha256", arguments.sha256.is_some(), KUBERNETES),
        ("--name", arguments.name.is_some(), KUBERNETES),
        ("--namespace", arguments.namespace.is_some(), KUBERNETES),
        ("--secret", arguments.secret.is_some(), KUBERNETES),
        ("--pull-secret", arguments.pull_secret.is_some(), KUBERNETES),
        ("--selector", !arguments.selector.is_empty(), ISTIO),
        ("--wasm-plugin", arguments.wasm_plugin, ISTIO),
        ("--gateway-api", arguments.gateway_api, &[Target::IstioGateway]),
    ];
    for (option, is_given, targets) in options {
        if is_given && !targets.contains(&arguments.target) {
            let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
            let hint = match option {
                "--live-secrets" => "; for the others see docs/live-secrets.md",
                "--trusted-hops" => {
                    "; on Istio it is numTrustedProxies of gatewayTopology, in the mesh's configuration"
                }
                "--sha256" => ": a plain Envoy loads a file, so compare its sum yourself (sha256sum)",
                _ => "",
            };
            return Err(Failure::Message(format!("{option} is for {}{hint}", join(&names))));
        }
    }
    for (option, text) in [("--module", &arguments.module), ("--tls", &arguments.tls)] {
        if let Some(text) = text.as_deref().filter(|text| !is_plain(text)) {
            return Err(Failure::Message(format!(
                "{option} {text:?}: only letters, digits and / . _ - : + ~ % are possible here, and one @ in front of a digest"
            )));
        }
    }
    check_module(arguments)
}

/// Whether a path or URL can stand in a manifest as it is.
fn is_plain(text: &str) -> bool {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-:+~%@".contains(char);
    !text.is_empty() && text.chars().all(is_plain) && text.matches('@').count() < 2
}

/// `the target envoy`, `the targets envoy and compose`.
fn join(names: &[&str]) -> String {
    match names {
        [only] => format!("the target {only}"),
        [first @ .., last] => format!("the targets {} and {last}", first.join(", ")),
        [] => String::new(),
    }
}

/// A plain Envoy is given a file.
fn check_module(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.module {
        Some(module) if PLAIN.contains(&arguments.target) && module.contains("://") => Err(Failure::Message(format!(
            "--module {module}: for this target it is the path of a file, as the proxy sees it; download the module, compare its \
             sum (sha256sum), and name its path"
        ))),
        _ => Ok(()),
    }
}
