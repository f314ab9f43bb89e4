//! Reads schemes and checks by themselves, without a source. For the command only; the only entry point for native
//! code.

use super::check;
use super::problem::{Findings, Path, Problem};
use super::reader::Node;
use super::scheme::{self, Context};
use super::with::With;
use crate::verify::bytes::json::Json;
use crate::verify::check::Condition;
use crate::verify::scheme::Scheme;

/// A scheme, and when it applies if its header alone does not decide that.
pub type Dialect = (Scheme, Option<Condition>);

/// The dialects of a scheme for secrets, or for public keys, with these configured values. `None` if there are none
/// of that kind, if a value is missing, or if it is not a scheme.
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

/// The schemes of a check, without its secrets: a signer brings its own. A check with `keys` or `keys_by` uses public
/// keys, one with `secrets` or `secrets_by` does not; without any of them, the scheme decides.
///
/// # Errors
/// Every problem with the scheme, and with its values of `with` and `tolerance`.
pub fn of_check(json: &Json) -> Result<Vec<Dialect>, Vec<Problem>> {
    let has = |name: &str| matches!(json, Json::Object(members) if members.iter().any(|(key, _)| key == name));
    let kinds: &[bool] = match (has("keys") || has("keys_by"), has("secrets") || has("secrets_by")) {
        (true, _) => &[true],
        (false, true) => &[false],
        (false, false) => &[false, true],
    };
    let mut fewest: Option<Vec<Problem>> = None;
    for public_keys in kinds {
        match of_check_with(json, *public_keys) {
            (Some(dialects), problems) if problems.is_empty() => return Ok(dialects),
            // It is the right kind, so something else is wrong.
            (Some(_), problems) => return Err(problems),
            (None, problems) if fewest.as_ref().is_none_or(|fewest| problems.len() < fewest.len()) => {
                fewest = Some(problems);
            }
            (None, _) => {}
        }
    }
    Err(fewest.unwrap_or_default())
}

fn of_check_with(json: &Json, public_keys: bool) -> (Option<Vec<Dialect>>, Vec<Problem>) {
    let mut findings = Findings::default();
    let dialects = Node { path: Path::root(), json }.object(&mut findings).and_then(|mut members| {
        let tolerance = members.take("tolerance").and_then(|node| {
            let (shortest, longest) = scheme::TOLERANCES;
            node.duration(shortest, longest, &mut findings)
        });
        let with_node = members.take("with");
        let with = With::read(with_node.as_ref(), &mut findings);
        let context = Context { with: &with, tolerance, public_keys };
        let provider = check::read_provider(&mut members, context, &mut findings)?;
        with.finish(with_node.as_ref(), &mut findings);
        Some(provider.dialects)
    });
    (dialects, findings.problems)
}
