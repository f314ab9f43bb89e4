//! The order in which a secret is changed without losing an event.

use crate::cli::registry::{self, MadeBy};

/// What the steps speak of.
pub struct Rotation<'a> {
    pub file: &'a str,
    pub source: &'a str,
    /// `--list …`, where the source has several.
    pub list: Option<&'a str>,
    pub provider: Option<&'a str>,
    pub is_public: bool,
    pub old_id: &'a str,
    pub old_env: Option<&'a str>,
    pub new_id: &'a str,
    pub new_env: Option<&'a str>,
}

impl Rotation<'_> {
    /// All that is to be done, with the configuration that adds the new secret.
    pub fn to_add(&self) -> Vec<String> {
        let sender = self.provider.and_then(registry::find);
        let title = sender.as_ref().map_or("the sender", |sender| sender.title.as_str());
        let hint = sender.as_ref().map(|sender| format!(" {}", sender.secret.hint)).unwrap_or_default();
        let env = self.new_env.unwrap_or_default();
        let made_by = sender.as_ref().map(|sender| sender.secret.made_by);
        let make = match (made_by, self.is_public) {
            (_, true) => format!("Get the next public key of {title}, while it still signs with the old one.{hint}"),
            (Some(Some(MadeBy::Sender)), _) => format!(
                "Make the new secret at {title}, and keep the old one working if {title} can: a time in which it signs \
                 with both, or a second endpoint. If it switches at once, go through the next two steps quickly: what is \
                 refused until then comes again only if {title} repeats it.{hint}"
            ),
            (Some(_), _) => format!(
                "Make the new secret: `hookwarden secret new --for {}`. Do not give it to {title} yet.",
                self.provider.unwrap_or_default()
            ),
            (None, _) => "Make the new secret, and do not give it to the sender yet.".to_owned(),
        };
        let change = match made_by {
            _ if self.is_public => format!("Wait until {title} signs with the new key."),
            Some(Some(MadeBy::Sender)) => format!("Let {title} sign with the new secret, if it does not yet."),
            _ => format!("Give the new secret to {title}.{hint}"),
        };
        let repeats = sender.as_ref().map(|sender| format!(" {}", sender.refusal)).unwrap_or_default();
        let list = self.list.map(|list| format!(" --list '{list}'")).unwrap_or_default();
        vec![
            make,
            format!(
                "Set {env} to it where Envoy runs, name {env} in vm_config.environment_variables.host_env_keys, and \
                 restart Envoy: variables are read when it starts. The variable first: a configuration that names one \
                 that is not there closes the source (503), the old secret notwithstanding."
            ),
            "Deploy this configuration. Both secrets are valid from now on.".to_owned(),
            change,
            format!(
                "Watch hookwarden_matches{{source=\"{}\",secret_id=\"{}\"}} begin to grow, and \
                 hookwarden_matches{{source=\"{}\",secret_id=\"{}\"}} stand still for longer than the sender \
                 repeats.{repeats}",
                self.source, self.new_id, self.source, self.old_id
            ),
            format!(
                "Take the old one out: `hookwarden rotate {} --source {}{list} --finish --old-id {}` on the \
                 configuration of step 3. Deploy that, then remove {} from the environment.",
                self.file,
                self.source,
                self.old_id,
                self.old_env.unwrap_or("the old secret's variable, if it had one,")
            ),
        ]
    }

    /// What is left, with the configuration that has no old secret any more.
    pub fn to_finish(&self) -> Vec<String> {
        let mut steps = vec![
            format!(
                "Make sure that hookwarden_matches{{source=\"{}\",secret_id=\"{}\"}} has stood still for longer than the \
                 sender repeats.",
                self.source, self.old_id
            ),
            format!("Deploy this configuration: {} is the secret from now on.", self.new_id),
        ];
        steps.push(match self.old_env {
            Some(env) => format!(
                "Remove {env} from Envoy's environment and from host_env_keys, not before: as long as a configuration \
                 names it, its absence closes the source."
            ),
            None => {
                "The old secret was written in the configuration, so every copy of the file contains it: have the sender revoke it."
                    .to_owned()
            }
        });
        steps
    }
}
