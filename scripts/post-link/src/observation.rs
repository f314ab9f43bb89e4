//! What functions and branches do while the senders send.

use crate::instrument::Instrumented;
use crate::profile::{Counts, Profile};
use crate::vm::{Program, Request};
use crate::workload::Sender;

/// One of so many valid requests may be refused: what a provider needs of the host may be missing here.
const REFUSED: usize = 50;

/// What was seen.
#[derive(Default)]
pub struct Observation {
    /// What functions and branches did.
    pub profile: Profile,
    /// How many requests were accepted while it was counted.
    pub accepted: usize,
    /// Who sent the requests that were not accepted, and therefore not counted.
    pub refused: Vec<String>,
}

impl Observation {
    /// Runs the module for each sender.
    pub fn of(instrumented: &Instrumented, senders: &[Sender]) -> Result<Self, String> {
        let program = Program::new(&instrumented.module).map_err(|error| error.to_string())?;
        let mut observation = Self::default();
        for sender in senders {
            let counts = observation.run(&program, sender).map_err(|error| format!("{}: {error}", sender.name))?;
            observation.profile.add(sender.weight, &instrumented.places, &counts);
        }
        observation.check()
    }

    /// Sends everything once before it counts: what happens only once in a VM, such as the definition of metrics, is not what
    /// requests usually do.
    fn run(&mut self, program: &Program, sender: &Sender) -> Result<Vec<Counts>, wasmi::Error> {
        let Some(first) = sender.requests.first() else { return Ok(Vec::new()) };
        let mut vm = program.start(&sender.configuration, first.now)?;
        let mut valid: Vec<&Request> = Vec::new();
        for request in &sender.requests {
            match vm.send(request)? {
                true => valid.push(request),
                false => self.refused.push(sender.name.clone()),
            }
        }
        vm.tick()?;
        vm.send(first)?;
        vm.forget_counts();
        for round in 1..=sender.rounds {
            for request in &valid {
                vm.send(request)?;
            }
            if round == sender.rounds / 2 {
                vm.tick()?;
            }
        }
        self.accepted += valid.len() * sender.rounds;
        Ok(vm.counts())
    }

    fn check(self) -> Result<Self, String> {
        let mut names = self.refused.clone();
        names.dedup();
        if self.refused.len() * REFUSED > self.accepted {
            return Err(format!(
                "{} valid requests were not accepted; see what the requests of these senders need in src/host.rs: {}",
                self.refused.len(),
                names.join(", ")
            ));
        }
        Ok(self)
    }
}
