//! The values of environment variables: from an environment file, from the set-up itself, or not known.

use hookwarden::config;

use super::setup::Variables;
use crate::cli::env_file;
use crate::cli::terminal::Failure;

/// What is known of the values.
#[derive(Debug, Default)]
pub struct Values {
    /// Those of the environment files; `None` if there are none.
    given: Option<env_file::Variables>,
}

impl Values {
    /// Reads environment files; of two values the later one counts.
    pub fn read(files: &[String]) -> Result<Self, Failure> {
        let mut given = env_file::Variables::new();
        for name in files {
            given.extend(env_file::read(name)?);
        }
        Ok(Self { given: (!files.is_empty()).then_some(given) })
    }

    /// The names of the variables that the plugin finds, as far as they are known.
    pub fn set<'a>(&'a self, variables: &Variables<'a>) -> Vec<&'a str> {
        let given = self.given.iter().flat_map(|given| given.keys().map(String::as_str));
        let written = variables.passed.iter().filter(|(_, _, value)| value.is_some()).map(|(name, _, _)| *name);
        written.chain(given).collect()
    }

    /// What the plugin would find under `name`. Without an environment file every variable is taken to be set, to
    /// what nobody can see from here.
    pub fn of_plugin(&self, variables: &Variables<'_>, name: &str) -> Option<String> {
        let written = variables.passed.iter().find(|(other, _, _)| *other == name).and_then(|(_, _, value)| *value);
        match (written, &self.given) {
            // Named and left empty is a mistake of its own, which the set-up is told of.
            (Some(value), _) => Some(if value.is_empty() { config::UNSEEN } else { value }.to_owned()),
            (None, Some(given)) => given.get(name).cloned(),
            (None, None) => Some(config::UNSEEN.to_owned()),
        }
    }
}
