//! A scheme read by itself, without a source around it: what the command tries when it explains a refusal.

use super::problem::{Findings, Path};
use super::reader::Node;
use super::scheme::{self, Context};
use super::with::With;
use crate::verify::check::Condition;
use crate::verify::json::Json;
use crate::verify::scheme::Scheme;

/// A scheme, and when it speaks if its header does not tell.
pub type Dialect = (Scheme, Option<Condition>);

/// The dialects of a scheme for secrets, or for public keys, with these configured values. `None` if there are none
/// of that kind, if a value is missing, or if it is no scheme.
#[must_use]
pub fn read(
    scheme: &Json,
    with: &[(String, String)],
    tolerance: Option<&Json>,
    public_keys: bool,
) -> Option<Vec<Dialect>> {
    let mut findings = Findings::default();
    let (shortest, longest) = scheme::TOLERANCES;
    let tolerance = match tolerance {
        Some(json) => Some(Node { path: Path::root(), json }.duration(shortest, longest, &mut findings)?),
        None => None,
    };
    let members = with.iter().map(|(name, value)| (name.clone(), Json::Text(value.clone()))).collect();
    let values = Json::Object(members);
    let with = With::read(Some(&Node { path: Path::root(), json: &values }), &mut Findings::default());
    let context = Context { with: &with, tolerance, public_keys };
    let dialects = scheme::read(&Node { path: Path::root(), json: scheme }, context, &mut findings)?;
    findings.problems.is_empty().then_some(dialects)
}
