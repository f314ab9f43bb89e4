//! How the host reaches a service that the filter calls.

use super::problem::Findings;
use super::reader::Node;

/// Reads the name of a cluster.
pub(super) fn read_cluster(node: &Node<'_>, findings: &mut Findings) -> Option<String> {
    let name = node.text(findings)?;
    if !is_plain(name) {
        return findings.refuse(&node.path, "must be the name of a cluster of Envoy, such as \"webdis\"");
    }
    Some(name.to_owned())
}

/// Reads the value of `Host`.
pub(super) fn read_authority(node: &Node<'_>, findings: &mut Findings) -> Option<String> {
    let text = node.text(findings)?;
    if !is_plain(text) || text.contains(['/', '?', '#', '@']) {
        return findings.refuse(&node.path, "must be a host, optionally with a port: \"store.example.com\"");
    }
    Some(text.to_owned())
}

/// Whether a text is one or more visible ASCII characters.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
