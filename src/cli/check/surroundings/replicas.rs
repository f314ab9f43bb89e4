//! Several proxies, each of which remembers events alone.

use super::super::codes;
use super::super::findings::Findings;
use super::super::istio_extension::GATEWAY_NAME;
use super::super::objects::{OVERLAY, Object, covers, labels};
use super::super::setup::{Host, Setup, Workloads};
use super::super::sources::Source;
use super::Surroundings;
use crate::cli::document::cursor::Cursor;

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let alone = |source: &&Source<'_>| {
        let replay = source.at.get("replay");
        source.is_enforced() && replay.is_some_and(|replay| replay.get("store").is_none())
    };
    let Some(source) = sources.iter().find(alone) else { return };
    let objects = surroundings.objects;
    for object in objects.iter().filter(|object| runs(object, setup)) {
        let Some((at, how_many)) = several(object, objects) else { continue };
        let message = format!(
            "{how_many} proxies each remember the events of source {:?} alone: a request that was seen by one passes at \
             another",
            source.name
        );
        let right = "give \"replay\" a \"store\" (`hookwarden manifest --store`), or run one proxy";
        findings.add(&codes::REPLAY_ALONE, &at, message, right);
    }
}

/// Whether an object runs the proxies of a plugin.
fn runs(object: &Object<'_>, setup: &Setup<'_>) -> bool {
    let pod = || labels(object.spec.at(&["template", "metadata", "labels"]));
    match (setup.host, &setup.workloads) {
        (Host::EnvoyGateway, _) => object.kind == "EnvoyProxy",
        (_, Some(Workloads { namespace, labels: chosen, .. })) => match object.kind == OVERLAY {
            true => chosen.iter().any(|(name, _)| *name == GATEWAY_NAME),
            false => object.is_workload() && object.namespace == *namespace && covers(chosen, &pod()),
        },
        // A bootstrap in a ConfigMap: the workload of the same file.
        (Host::Envoy, None) => object.is_workload() && object.at.document.file == setup.plugin.document.file,
        _ => false,
    }
}

/// Where an object says that there are several proxies, and how many.
fn several<'a>(object: &Object<'a>, objects: &[Object<'a>]) -> Option<(Cursor<'a>, String)> {
    if object.kind == "DaemonSet" {
        return Some((object.spec.clone(), "as many as there are nodes:".to_owned()));
    }
    let deployment = object.spec.at(&["provider", "kubernetes", "envoyDeployment"]);
    if object.kind == "EnvoyProxy" {
        let kubernetes = object.spec.at(&["provider", "kubernetes"])?;
        if let Some(at) = kubernetes.get("envoyDaemonSet") {
            return Some((at, "as many as there are nodes:".to_owned()));
        }
        let most = kubernetes.at(&["envoyHpa", "maxReplicas"]).filter(above_one);
        let replicas = deployment.and_then(|deployment| deployment.get("replicas")).filter(above_one);
        return most.or(replicas).map(|at| (at.clone(), shown(&at)));
    }
    let scaler = objects.iter().find(|scaler| {
        let target = scaler.spec.get("scaleTargetRef");
        scaler.kind == "HorizontalPodAutoscaler"
            && scaler.namespace == object.namespace
            && target.is_some_and(|target| target.text_at("name") == Some(object.name))
    });
    let most = scaler.and_then(|scaler| scaler.spec.get("maxReplicas")).filter(above_one);
    most.or_else(|| object.spec.get("replicas").filter(above_one)).map(|at| (at.clone(), shown(&at)))
}

fn above_one(at: &Cursor<'_>) -> bool {
    at.value.whole().is_some_and(|number| number > 1)
}

fn shown(at: &Cursor<'_>) -> String {
    at.value.plain().unwrap_or_default().to_owned()
}
