//! The configuration: the policy that the filter runs, and beside it what was written, for what a policy no longer
//! knows: paths, templates, and the texts of secrets.

use std::rc::Rc;

use hookwarden::config::problem::Problem;
use hookwarden::config::{self, Policy};
use hookwarden::filter::ActivePolicy;
use hookwarden::guard::budget::BudgetBy;
use hookwarden::verify::bytes::json::Json;

use super::peer::Forgetful;
use crate::cli::config_file::{self, CheckEntry, SourceEntry};
use crate::cli::environment::Environment;

/// A valid configuration.
pub struct Configuration {
    /// As the filter runs it.
    pub policy: Rc<Policy>,
    /// Its sources as they are written, in the same order.
    pub sources: Vec<SourceEntry>,
    /// The same policy, at work.
    pub active: Rc<ActivePolicy>,
    pub memory: Forgetful,
    /// What of it cannot be judged here.
    pub unjudged: Unjudged,
    environment: Environment,
}

/// What cannot be judged, for nobody said how the client came. It is taken out of the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unjudged {
    /// Whether the version of TLS is not known.
    pub transport: bool,
    /// Whether the client's address is not known.
    pub address: bool,
}

impl Configuration {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Every problem of it.
    pub fn load(text: &[u8], environment: &Environment, unjudged: Unjudged) -> Result<Self, Vec<Problem>> {
        let loaded = config::load_with_usable_secrets(text, &|name| environment.value(name))?;
        let mut policy = loaded.policy;
        // Nobody else has them yet.
        for source in policy.sources.iter_mut().filter_map(Rc::get_mut) {
            if unjudged.transport {
                source.transport = None;
            }
            if unjudged.address {
                source.address = None;
                source.flood = None;
                source.budget = source.budget.take().filter(|rule| rule.by != BudgetBy::Address);
            }
        }
        let json = Json::parse(text).unwrap_or(Json::Null);
        let sources = config_file::sources(&json, &|name| environment.value(name));
        let memory = Forgetful::default();
        let policy = Rc::new(policy);
        // This memory never refuses.
        let active = ActivePolicy::open(Rc::clone(&policy), &memory).map_err(|_| Vec::new())?;
        let environment = environment.clone();
        Ok(Self { policy, sources, active: Rc::new(active), memory, unjudged, environment })
    }

    /// A configuration with this source only, which is read in the same environment; `None` if it is not valid.
    pub fn with_only(&self, source: &Json) -> Option<Self> {
        let sources = vec![("sources".to_owned(), Json::List(vec![source.clone()]))];
        Self::load(Json::Object(sources).to_string().as_bytes(), &self.environment, self.unjudged).ok()
    }

    /// The checks of every source, with the source's position.
    pub fn checks(&self) -> impl Iterator<Item = (usize, &CheckEntry)> {
        self.sources.iter().enumerate().flat_map(|(at, source)| source.checks().map(move |check| (at, check)))
    }
}
