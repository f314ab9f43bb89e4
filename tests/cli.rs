//! The command, run as a user runs it.
//!
//! Where a new test goes: one file per command in `tests/cli/`.

#![allow(unreachable_pub, reason = "nothing here is a library")]

#[path = "cli/check.rs"]
mod check;
#[path = "cli/env_file.rs"]
mod env_file;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/kubernetes.rs"]
mod kubernetes;
#[path = "cli/kustomize.rs"]
mod kustomize;
#[path = "cli/manifest.rs"]
mod manifest;
#[path = "cli/manifests_crds.rs"]
mod manifests_crds;
#[path = "cli/manners.rs"]
mod manners;
#[path = "cli/registry.rs"]
mod registry;
#[path = "cli/rotate.rs"]
mod rotate;
#[path = "cli/runtime_changes.rs"]
mod runtime_changes;
#[path = "cli/schema.rs"]
mod schema;
#[path = "cli/scratch.rs"]
mod scratch;
#[path = "cli/secret.rs"]
mod secret;
#[path = "cli/sign.rs"]
mod sign;
#[path = "cli/support.rs"]
mod support;
