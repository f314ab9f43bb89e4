//! The arguments of `hookwarden sign`.

use std::path::PathBuf;

use hookwarden::verify::primitives::timestamp::UnixTime;

use super::output::Form;
use super::tamper::Tamper;
use crate::cli::arguments;
use crate::cli::clock;
use crate::cli::explain::peer::{Peer, PeerArguments};
use crate::cli::terminal::Failure;

/// How long `--send` waits for the answer, in seconds.
const TIMEOUT: u64 = 30;

const EXAMPLES: &str = "\
Examples:
  hookwarden sign --provider stripe --secret-env STRIPE_WEBHOOK_SECRET
  hookwarden sign --provider github --secret-file secret.txt --body event.json --header 'X-GitHub-Event: push' --as http
  hookwarden sign --config hookwarden.json --source stripe --env-file .env --send http://localhost:10000
  hookwarden sign --provider slack --secret-env SLACK_SIGNING_SECRET --tamper timestamp --send https://hooks.example.com/slack
  openssl genpkey -algorithm ed25519 -out key.pem && hookwarden sign --provider discord --secret-file key.pem --as json

Secrets are never arguments: name the environment variable or the file that holds one.
Exit codes: 0 the request is made, or was answered with 2xx; 1 the source refuses it, or it was answered otherwise or as a
duplicate; 2 it cannot be made or sent.";

/// Makes the request that a sender would make, correctly signed or with exactly one mistake
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The provider (`hookwarden senders` lists them); with --config, selects the source that uses it
    #[arg(long, value_name = "NAME", required_unless_present = "config")]
    pub(super) provider: Option<String>,
    /// A configuration; the request is made for one of its sources; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The source of the configuration [default: the only one]
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(super) source: Option<String>,

    /// The environment variable with the secret or the private key; repeat it for each check of a source
    #[arg(long, value_name = "NAME", help_heading = "Secrets")]
    pub(super) secret_env: Vec<String>,
    /// The file with the secret or the private key; - is standard input
    #[arg(long, value_name = "FILE", help_heading = "Secrets")]
    pub(super) secret_file: Vec<PathBuf>,
    /// A file of NAME=value lines, which take precedence over the environment
    #[arg(long, value_name = "FILE", help_heading = "Secrets")]
    pub(super) env_file: Option<String>,
    /// The id of the secret in the configuration [default: the first that is valid and known]
    #[arg(long, value_name = "ID", requires = "config", help_heading = "Secrets")]
    pub(super) secret_id: Option<String>,
    /// The name of the list, for a check with "secrets_by" [default: the first]
    #[arg(long, value_name = "NAME", requires = "config", help_heading = "Secrets")]
    pub(super) secrets_of: Option<String>,

    /// The body; - is standard input [default: a sample event of the sender]
    #[arg(long, value_name = "FILE", help_heading = "The request")]
    pub(super) body: Option<PathBuf>,
    /// The URL that the sender calls
    #[arg(long, value_name = "URL", help_heading = "The request")]
    pub(super) url: Option<String>,
    /// The method
    #[arg(long, value_name = "METHOD", value_parser = arguments::method, help_heading = "The request")]
    pub(super) method: Option<String>,
    /// Adds or replaces a header
    #[arg(long, short = 'H', value_name = "NAME: VALUE", help_heading = "The request")]
    pub(super) header: Vec<String>,
    /// A value that the provider's scheme needs, such as public_url
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "config", help_heading = "The request")]
    pub(super) with: Vec<String>,
    /// The time of signing: 2026-11-21T10:00:00Z, seconds or milliseconds since 1970, or -10m [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "The request")]
    pub(super) at: Option<String>,
    /// The event's id [default: a new one every time]
    #[arg(long, value_name = "ID", help_heading = "The request")]
    pub(super) event_id: Option<String>,
    /// The number of the dialect, for a sender that writes its proof in several ways, counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "The request")]
    pub(super) dialect: Option<u32>,
    /// Makes the request by which the sender checks an endpoint, not an event; =N selects the N-th of several
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        value_parser = clap::value_parser!(u32).range(1..),
        conflicts_with_all = ["body", "method", "event_id", "dialect", "tamper"],
        help_heading = "The request"
    )]
    pub(super) handshake: Option<u32>,
    /// Makes exactly one mistake
    #[arg(long, value_name = "WHAT", help_heading = "The request")]
    pub(super) tamper: Option<Tamper>,

    #[command(flatten, next_help_heading = "The connection, with --config")]
    pub(super) peer: PeerArguments,

    /// The output format
    #[arg(long = "as", value_name = "FORM", help_heading = "Output")]
    pub(super) form: Option<Form>,
    /// Sends the request and shows the answer; a URL without a path keeps the request's; --as json shows both
    #[arg(long, value_name = "URL", help_heading = "Output")]
    pub(super) send: Option<String>,
    /// The timeout for the answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Output")]
    pub(super) timeout: u64,
    /// Trusts the certificates in this file instead of the system's
    #[arg(long, value_name = "FILE", requires = "send", help_heading = "Output")]
    pub(super) ca: Option<PathBuf>,
    /// Accepts any certificate: an attacker on the network can read the request, which may contain a credential
    #[arg(long, requires = "send", conflicts_with = "ca", help_heading = "Output")]
    pub(super) insecure_tls: bool,
}

impl Arguments {
    /// Refuses what cannot be asked for at once.
    pub(super) fn check(&self) -> Result<(), Failure> {
        // Standard input can be read once.
        let files = self.secret_file.iter().chain(&self.body).chain(&self.config);
        if files.filter(|path| path.to_str() == Some("-")).count() > 1 {
            return Err(Failure::Message(
                "only one of --config, --body and --secret-file can be standard input".to_owned(),
            ));
        }
        if let (Some(_), Some(Form::Curl | Form::Http | Form::Har)) = (&self.send, self.form) {
            return Err(Failure::Message("--send shows the answer; with it, --as is json or nothing".to_owned()));
        }
        if self.config.is_none() && self.peer.peer() != Peer::default() {
            return Err(Failure::Message(
                "--client-address, --tls and --client-certificate say how the client came to a source: name it with --config"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// The time of signing.
    pub(super) fn time(&self) -> Result<UnixTime, Failure> {
        let Some(text) = &self.at else { return Ok(clock::now()) };
        clock::read_relative(text, clock::now()).ok_or_else(|| {
            Failure::Message(format!(
                "--at {text}: not a time; use 2026-11-21T10:00:00Z, seconds since 1970, or a distance from now such as -10m"
            ))
        })
    }

    /// The values that the provider's scheme needs.
    pub(super) fn values(&self) -> Result<Vec<(String, String)>, Failure> {
        let pairs = self.with.iter().map(|pair| match pair.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(Failure::Message(format!("--with {pair}: not NAME=VALUE"))),
        });
        pairs.collect()
    }

    /// The list of secrets and the secret that are to be used, if any is named.
    pub(super) fn choice(&self) -> (Option<&str>, Option<&str>) {
        (self.secrets_of.as_deref(), self.secret_id.as_deref())
    }
}
