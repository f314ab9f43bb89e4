//! `store`: the memory that several proxies share.

use std::rc::Rc;
use std::time::Duration;

use crate::config::header_value::{self, HeaderValue};
use crate::config::problem::Findings;
use crate::config::reader::Node;
use crate::config::secret_text::Environment;
use crate::config::service::{is_plain, read_authority, read_cluster};
use crate::guard::fleet::{Kind, Store, WhenUnavailable};

/// How long a store may take by default.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(250);
/// The shortest and the longest such time.
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));

/// Reads a store: `None` if its credential is missing from the environment, which closes the source.
pub(super) fn read(node: &Node<'_>, environment: Environment<'_>, findings: &mut Findings) -> Option<Option<Store>> {
    let kinds = [("webdis", Kind::Webdis), ("rest", Kind::Rest)];
    let words = [("refuse", WhenUnavailable::Refuse), ("local", WhenUnavailable::Local)];
    let mut members = node.object(findings)?;
    let kind = members.take("kind").map_or(Some(Kind::Webdis), |node| node.keyword(&kinds, findings));
    let cluster = members.require("cluster", findings).and_then(|node| read_cluster(&node, findings));
    let authority = super::optional(members.take("authority").as_ref(), |node| read_authority(node, findings));
    let path = members.take("path").map_or(Some(String::new()), |node| read_path(&node, findings));
    let authorization =
        super::optional(members.take("authorization").as_ref(), |node| header_value::read(node, environment, findings));
    let timeout =
        members.take("timeout").map_or(Some(DEFAULT_TIMEOUT), |node| node.duration(TIMEOUTS.0, TIMEOUTS.1, findings));
    let when_unavailable =
        members.take("unavailable").map_or(Some(WhenUnavailable::Refuse), |node| node.keyword(&words, findings));
    members.finish(findings);
    let (kind, cluster, authority, path) = (kind?, cluster?, authority?, path?);
    let (authorization, timeout, when_unavailable) = (authorization?, timeout?, when_unavailable?);
    let authorization = match authorization {
        None => None,
        Some(HeaderValue::Written(text)) => Some(Rc::new(text)),
        Some(HeaderValue::Closed) => return Some(None),
    };
    let authority = authority.unwrap_or_else(|| cluster.clone());
    Some(Some(Store { kind, cluster, authority, path, authorization, timeout, when_unavailable }))
}

fn read_path(node: &Node<'_>, findings: &mut Findings) -> Option<String> {
    let path = node.text(findings)?;
    let fits = is_plain(path) && path.starts_with('/') && !path.ends_with('/') && !path.contains(['?', '#']);
    if !fits && !path.is_empty() {
        return findings.refuse(
            &node.path,
            (
                "must be the path prefix of the commands, such as \"/prefix\", without a trailing slash",
                "leave it out if there is none",
            ),
        );
    }
    Some(path.to_owned())
}
