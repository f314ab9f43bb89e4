//! `transport`: how the client must have come.

use super::address::read_networks;
use crate::config::problem::Findings;
use crate::config::reader::Node;
use crate::guard::transport::{ForwardedProto, TlsVersion, TransportRule};
use crate::verify::json::Json;
use crate::verify::request::is_header_name;

pub(super) fn read(node: &Node<'_>, findings: &mut Findings) -> Option<TransportRule> {
    let mut members = node.object(findings)?;
    let https = members.take("https").map_or(Some(false), |node| node.bool(findings));
    let min_tls_node = members.take("min_tls");
    let min_tls = super::optional(min_tls_node.as_ref(), |node| node.word(&TlsVersion::NAMES, findings));
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
        findings.warning(&node.path, "is a version that nobody should speak any more (RFC 8996); say \"1.2\"");
    }
    let of_this_hop = rule.min_tls.is_some() || rule.client_certificate;
    if let Some(node) = forwarded_node {
        if of_this_hop {
            return findings.refuse(
                &node.path,
                "cannot stand beside \"min_tls\" or \"client_certificate\", which speak of the connection to this \
                 proxy; demand those of the proxy in front",
            );
        }
        if !rule.https {
            return findings.refuse(&node.path, "has no effect without \"https\": true");
        }
    } else if !rule.https && !of_this_hop {
        return findings.refuse(&node.path, "demands nothing; say \"https\": true, or leave it out");
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
            return findings
                .refuse(&node.path, "names everybody; name the addresses of the proxies in front and no others");
        }
        read_networks(&list, findings)
    });
    members.finish(findings);
    Some(ForwardedProto { header: header?, from: from? })
}
