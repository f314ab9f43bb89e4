//! `message_signature` and `http_signature`: schemes that sign parts of the HTTP message.

use super::value::{read_header, read_key, read_literal};
use super::{Context, DEFAULT_TOLERANCE, TOLERANCES};
use crate::config::problem::Findings;
use crate::config::reader::Node;
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::scheme::draft_cavage::HttpSignatureRule;
use crate::verify::scheme::draft_cavage::HttpSignatureScheme;
use crate::verify::scheme::message_signature::MessageSignatureScheme;
use crate::verify::scheme::message_signature::{Component, MessageSignatureRule};

/// The supported algorithms of RFC 9421, section 6.2.2.
pub(super) const MESSAGE_ALGORITHMS: &[(&str, SignatureAlgorithm)] = &[
    ("hmac-sha256", SignatureAlgorithm::Hmac(HashAlgorithm::Sha256)),
    ("ed25519", SignatureAlgorithm::Public(PublicAlgorithm::Ed25519)),
    ("ecdsa-p256-sha256", SignatureAlgorithm::Public(PublicAlgorithm::EcdsaP256Sha256Raw)),
    ("rsa-v1_5-sha256", SignatureAlgorithm::Public(PublicAlgorithm::RsaPkcs1Sha256)),
    ("rsa-pss-sha512", SignatureAlgorithm::Public(PublicAlgorithm::RsaPssSha512)),
];

pub(super) fn read_message_signature(
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<MessageSignatureScheme> {
    let mut members = node.object(findings)?;
    let algorithm_node = members.require("algorithm", findings);
    let algorithm = algorithm_node.as_ref().and_then(|node| node.keyword(MESSAGE_ALGORITHMS, findings));
    let label = members.take("label").map(|node| read_literal(&node, context, findings));
    let tag = members.take("tag").map(|node| read_literal(&node, context, findings));
    let components = members.require("components", findings).and_then(|node| {
        let list = node.list(findings)?;
        let components: Vec<_> = list.iter().map(|node| read_component(node, findings)).collect();
        components.into_iter().collect::<Option<Vec<_>>>()
    });
    let key = read_key(members.take("key"), findings);
    let max_age = match members.take("max_age") {
        Some(node) => node.duration(TOLERANCES.0, TOLERANCES.1, findings),
        None => Some(DEFAULT_TOLERANCE),
    };
    let insecure_body_unsigned = members.take("insecure_body_unsigned").map_or(Some(false), |node| node.bool(findings));
    let partial = members.take("insecure_partial_coverage").map_or(Some(false), |node| node.bool(findings));
    let path = members.path.clone();
    members.finish(findings);
    let components = components?;
    let target = |component: &Component| matches!(component, Component::TargetUri | Component::Path);
    let covers_request = components.contains(&Component::Method) && components.iter().any(target);
    if !covers_request && !partial? {
        findings.problem(
            &path,
            (
                "must have \"@method\" and \"@target-uri\" (or \"@path\") among its components, or a signature can be \
             moved to another request",
                "\"insecure_partial_coverage\": true if that is intended",
            ),
        );
        return None;
    }
    let needs_url = components
        .iter()
        .any(|component| matches!(component, Component::TargetUri | Component::Scheme | Component::Authority));
    Some(MessageSignatureScheme {
        rule: MessageSignatureRule {
            label: label.map_or(Some(None), |label| label.map(Some))?,
            tag: tag.map_or(Some(None), |tag| tag.map(Some))?,
            algorithm: algorithm_node?.text(findings)?.to_owned(),
            components,
            insecure_body_unsigned: insecure_body_unsigned?,
        },
        event_id_header: None,
        algorithm: algorithm?,
        key: key?,
        public_url: if needs_url { context.with.value("public_url") } else { None },
        max_age: Some(max_age?),
    })
}

pub(super) fn read_component(node: &Node<'_>, findings: &mut Findings) -> Option<Component> {
    let component = Component::parse(node.text(findings)?);
    if component.is_none() {
        findings.problem(&node.path, "must be a component of RFC 9421, such as \"@method\" or \"content-digest\"");
    }
    component
}

pub(super) fn read_http_signature(
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<HttpSignatureScheme> {
    let algorithms: &[(&str, SignatureAlgorithm)] = &[
        ("ed25519", SignatureAlgorithm::Public(PublicAlgorithm::Ed25519)),
        ("rsa-sha256", SignatureAlgorithm::Public(PublicAlgorithm::RsaPkcs1Sha256)),
        ("hmac-sha256", SignatureAlgorithm::Hmac(HashAlgorithm::Sha256)),
    ];
    let mut members = node.object(findings)?;
    let header = members.require("header", findings).and_then(|node| read_header(&node, context, findings));
    let algorithm_node = members.require("algorithm", findings);
    let algorithm = algorithm_node.as_ref().and_then(|node| node.keyword(algorithms, findings));
    let key = read_key(members.take("key"), findings);
    let max_age = match members.take("max_age") {
        Some(node) => node.duration(TOLERANCES.0, TOLERANCES.1, findings),
        None => Some(DEFAULT_TOLERANCE),
    };
    members.finish(findings);
    Some(HttpSignatureScheme {
        rule: HttpSignatureRule { header: header?, algorithm: algorithm_node?.text(findings)?.to_owned() },
        algorithm: algorithm?,
        key: key?,
        max_age: max_age?,
    })
}
