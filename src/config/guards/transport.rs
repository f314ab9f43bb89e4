//! `transport`: how the client must connect.

use super::address::read_networks;
use crate::config::problem::Findings;
use crate::config::reader::Node;
use crate::guard::transport::{ForwardedProto, TlsVersion, TransportRule};
use crate::verify::bytes::json::Json;
use crate::verify::request::is_header_name;

pub(super) fn read(node: &Node<'_>, findings: &mut Findings) -> Option<TransportRule> {
    let mut members = node.object(findings)?;
    let https = members.take("https").map_or(Some(false), |node| node.bool(findings));
    let min_tls_node = members.take("min_tls");
    let min_tls = super::optional(min_tls_node.as_ref(), |node| node.keyword(&TlsVersion::NAMES, findings));
    let certificate = members.take("client_certificate");
    let client_certificate = certificate.as_ref().map_or(Some(false), |node| node.bool(findings));
    let forwarded_node = members.take("insecure_trust_forwarded_proto");
    let forwarded = super::optional(forwarded_node.as_ref(), |node| read_forwarded(node, findings));
    members.finish(findings);
    let rule = TransportRule {
        https: https?,
        min_tls: min_tls?,
        client_certificate: client_certificate?,
        forwarded: forwarded?,
    };
    if let (Some(node), Some(TlsVersion::V1_0 | TlsVersion::V1_1)) = (min_tls_node, rule.min_tls) {
        findings.warning(&node.path, ("is deprecated (RFC 8996)", "use \"1.2\""));
    }
    let of_this_hop = rule.min_tls.is_some() || rule.client_certificate;
    if let Some(node) = forwarded_node {
        if of_this_hop {
            return findings.refuse(
                &node.path,
                (
                    "cannot be combined with \"min_tls\" or \"client_certificate\", which are about the connection to \
                 this proxy",
                    "configure those at the proxy in front",
                ),
            );
        }
        if !rule.https {
            return findings.refuse(&node.path, "has no effect without \"https\": true");
        }
    } else if !rule.https && !of_this_hop {
        return findings.refuse(&node.path, ("requires nothing", "set \"https\": true, or remove it"));
    }
    Some(rule)
}

fn read_forwarded(node: &Node<'_>, findings: &mut Findings) -> Option<ForwardedProto> {
    let mut members = node.object(findings)?;
    let header = members.require("header", findings).and_then(|node| {
        let name = node.text(findings)?;
        if !is_header_name(name) {
            return findings.refuse(&node.path, "must be the name of a header, such as \"X-Forwarded-Proto\"");
        }
        Some(name.to_ascii_lowercase())
    });
    let from = members.require("from", findings).and_then(|node| {
        let list = node.list(findings)?;
        if list.iter().any(|node| matches!(node.json, Json::Text(text) if text.ends_with("/0"))) {
            return findings.refuse(&node.path, ("matches every address", "list only those of the proxies in front"));
        }
        read_networks(&list, findings)
    });
    members.finish(findings);
    Some(ForwardedProto { header: header?, from: from? })
}
