//! `hookwarden secret`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::Verdict;
use super::registry::{self, MadeBy, Sender};
use super::senders::{self, source};
use super::terminal::{Failure, Terminal};

/// How many random bytes a secret has, where the sender takes as many.
const BYTES: usize = 32;

/// Makes secrets.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    New(New),
}

/// Generates a secret in the form that a sender accepts, from the system's random generator.
///
/// The secret goes to standard output and is stored nowhere; the next steps go to standard error.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
struct New {
    /// The provider of the check that will hold the secret.
    #[arg(long = "for", value_name = "PROVIDER")]
    provider: String,
    /// The output format.
    #[arg(long, default_value = "text")]
    format: Format,
    /// The user name of basic authentication.
    #[arg(long, default_value = "hookwarden", value_parser = user)]
    user: String,
    /// Generates one even if the sender creates its secrets itself, to try a deployment with `sign`.
    #[arg(long)]
    for_testing: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// The secret alone.
    Text,
    /// A line for an env file.
    Env,
    /// An object with provider, variable and secret.
    Json,
}

const AFTER_HELP: &str = "\
Examples:
  hookwarden secret new --for github
  hookwarden secret new --for postmark --format env >> .env
  hookwarden secret new --for stripe --for-testing --format env > test.env

Exit code 1 if the sender creates its secrets itself, or signs with its own private key.";

pub fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<Verdict, Failure> {
    let What::New(arguments) = &arguments.what;
    let Some(sender) = registry::find(&arguments.provider) else {
        return Err(Failure::Message(senders::unknown(&registry::all(), std::slice::from_ref(&arguments.provider))));
    };
    let (title, hint) = (&sender.title, &sender.secret.hint);
    match sender.secret.made_by {
        None => {
            terminal.error(&format!(
                "{title} signs with a private key that only it has; there is no secret to create. A check needs \
                 its public key, under \"keys\": {hint}"
            ));
            return Ok(Verdict::Bad);
        }
        Some(MadeBy::Sender) if !arguments.for_testing => {
            terminal.error(&format!(
                "{title} creates its own secrets; copy it from there: {hint} See {}. To try a deployment with a secret \
                 of your own: --for-testing",
                sender.documentation
            ));
            return Ok(Verdict::Bad);
        }
        Some(_) => {}
    }
    let secret = make(&sender, &arguments.user)?;
    let variable = source::variable(&sender);
    let text = match arguments.format {
        Format::Text => format!("{secret}\n"),
        Format::Env => format!("{variable}={secret}\n"),
        Format::Json => format!("{:#}\n", json!({ "provider": sender.name, "variable": variable, "secret": secret })),
    };
    terminal.print(&text)?;
    terminal.note(&match sender.secret.made_by {
        Some(MadeBy::Sender) => format!(
            "For tests only, since {title} makes its own: set {variable} to it in Envoy's environment, and sign requests \
             with it: `hookwarden sign --help`."
        ),
        _ => format!(
            "Set {variable} to it in Envoy's environment, and give it to the sender; it is shown only once. {hint}"
        ),
    });
    Ok(Verdict::Good)
}

/// A new secret of the sender's shape.
fn make(sender: &Sender, user: &str) -> Result<String, Failure> {
    let dialect = sender.dialects().into_iter().next().cloned().unwrap_or_default();
    let text = |pointer: &str| dialect.pointer(pointer).and_then(Value::as_str);
    let kinds = ["", "/jwt", "/message_signature", "/http_signature"];
    let key = |member: &str| kinds.iter().find_map(|kind| text(&format!("{kind}/key/{member}")));
    let is_basic = text("/credential/auth_scheme").is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"));
    let prefix = match sender.secret.prefixes.first() {
        _ if is_basic => format!("{user}:"),
        Some(prefix) => prefix.clone(),
        None => key("optional_prefix").unwrap_or_default().to_owned(),
    };
    let bytes = random()?;
    let left = sender.secret.longest.map(|longest| longest.saturating_sub(prefix.len()));
    let text = match (key("encoding"), left) {
        (Some("base64" | "base64-or-text"), _) => STANDARD.encode(bytes),
        // A sender that takes few characters gets as much entropy in each as text can hold.
        (_, Some(left)) if left < hex::encode(bytes).len() => {
            URL_SAFE_NO_PAD.encode(bytes).chars().take(left).collect()
        }
        _ => hex::encode(bytes),
    };
    Ok(prefix + &text)
}

fn random() -> Result<[u8; BYTES], Failure> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::Message(format!("the system provides no random bytes: {error}")))?;
    Ok(bytes)
}

fn user(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    plain.then(|| text.to_owned()).ok_or_else(|| "a user name has no colons, blanks or letters beyond ASCII".to_owned())
}
