//! `allow_from`, `deny_from`: which addresses the client may have.

use super::Context;
use crate::config::problem::{Findings, Kind};
use crate::config::reader::Node;
use crate::guard::address::{AddressRule, Networks, parse_network};
use crate::verify::bytes::json::Json;

/// Used in place of a network: the networks that the source's providers publish.
const PROVIDER: &str = "provider";

/// Networks from which no webhook comes over the internet (RFC 1918, 6598, 1122, 3927, 4193, 4291).
const PRIVATE: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
];

/// Reads both lists: no rule if there is neither.
pub(super) fn read(
    allow: Option<&Node<'_>>,
    deny: Option<&Node<'_>>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<Option<AddressRule>> {
    let allowed = super::optional(allow, |node| read_list(node, context, findings));
    let denied = super::optional(deny, |node| read_list(node, context, findings));
    if let Some(node) = allow.filter(|node| names_private_addresses_only(node)) {
        findings.warning_of(
            Kind::PrivateAddresses,
            &node.path,
            (
                "names private addresses only",
                "if they are a load balancer's, every client has one of them: let Envoy find \
             the client's own (use_remote_address, xff_num_trusted_hops)",
            ),
        );
    }
    if let Some(node) = deny.filter(|node| elements(node).iter().any(|node| is_provider(node))) {
        findings.warning(&node.path, ("refuses the sender itself", "did you mean \"allow_from\"?"));
    }
    let rule = AddressRule { allow: allowed?, deny: denied? };
    Some((rule.allow.is_some() || rule.deny.is_some()).then_some(rule))
}

/// Networks, or `"provider"` in place of the list or of an element.
fn read_list(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Networks> {
    let nodes = match node.json {
        Json::Text(text) if text == PROVIDER => vec![node.clone()],
        Json::Text(_) => {
            return findings.refuse(&node.path, "must be a list of networks, or \"provider\"");
        }
        Json::List(_) => node.list(findings)?,
        _ => return node.expected("text or a list", findings),
    };
    let mut texts = Vec::new();
    for node in &nodes {
        if is_provider(node) {
            let published = published(node, context, findings);
            texts.push(published.map(|list| list.into_iter().map(str::to_owned).collect()));
        } else {
            texts.push(
                node.text(findings).filter(|text| is_network(text, node, findings)).map(|text| vec![text.to_owned()]),
            );
        }
    }
    let texts: Vec<String> = texts.into_iter().collect::<Option<Vec<_>>>()?.concat();
    networks(&texts)
}

/// Only networks, without `"provider"`.
pub(super) fn read_networks(nodes: &[Node<'_>], findings: &mut Findings) -> Option<Networks> {
    let mut texts = Vec::new();
    for node in nodes {
        texts.push(node.text(findings).filter(|text| is_network(text, node, findings)));
    }
    networks(&texts.into_iter().collect::<Option<Vec<_>>>()?)
}

fn is_network(text: &str, node: &Node<'_>, findings: &mut Findings) -> bool {
    let parses = parse_network(text).is_some();
    if !parses {
        findings.problem(
            &node.path,
            "must be a network without host bits, such as \"192.0.2.0/24\" or \"2001:db8::/32\", or an \
             address",
        );
    }
    parses
}

fn networks(texts: &[impl AsRef<str>]) -> Option<Networks> {
    texts.iter().map(|text| parse_network(text.as_ref())).collect::<Option<Vec<_>>>().map(Networks::new)
}

/// The networks that the source's providers publish. It is a problem if none does. If only some of the providers of an
/// `any` do, it is a warning, since the others' requests come from other networks.
fn published<'a>(node: &Node<'_>, context: Context<'a>, findings: &mut Findings) -> Option<Vec<&'a str>> {
    let groups = context.senders?;
    let found: Vec<&str> = groups.iter().flatten().flat_map(|sender| &sender.networks).map(String::as_str).collect();
    if found.is_empty() {
        return findings.refuse(
            &node.path,
            ("cannot be \"provider\": no provider of this source publishes its networks", "list them, or leave it out"),
        );
    }
    let publishes_nothing = |group: &&Vec<_>| group.iter().any(|sender: &super::Sender| sender.networks.is_empty());
    let publishes = |group: &&Vec<_>| group.iter().any(|sender: &super::Sender| !sender.networks.is_empty());
    if groups.iter().filter(publishes).any(|group| publishes_nothing(&group)) {
        findings.warning(&node.path, ("covers only some senders of \"any\"", "list the networks of the others too"));
    }
    Some(found)
}

fn is_provider(node: &Node<'_>) -> bool {
    matches!(node.json, Json::Text(text) if text == PROVIDER)
}

fn elements<'a>(node: &Node<'a>) -> Vec<Node<'a>> {
    match node.json {
        Json::List(list) => list.iter().map(|json| Node { path: node.path.clone(), json }).collect(),
        _ => vec![node.clone()],
    }
}

/// Whether all allowed clients have private addresses.
fn names_private_addresses_only(node: &Node<'_>) -> bool {
    let Some(private) = networks(&PRIVATE) else { return false };
    let nodes = elements(node);
    let within = |node: &Node<'_>| match node.json {
        Json::Text(text) => {
            parse_network(text).is_some_and(|net| private.contains(net.network()) && private.contains(net.broadcast()))
        }
        _ => false,
    };
    !nodes.is_empty() && nodes.iter().all(within)
}
