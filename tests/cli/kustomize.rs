//! `envoy/kubernetes/`: the overlays are what `hookwarden manifest` writes, and kustomize builds them. `BLESS=1` renders them anew.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kubernetes::{Resources, yaml};
use crate::support::hookwarden;

const OVERLAYS: [&str; 3] = ["istio-gateway", "istio-sidecar", "envoy-gateway"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/kubernetes")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_overlay_is_what_the_command_writes() {
    for target in OVERLAYS {
        let ran = hookwarden(&["manifest", target, "envoy/kubernetes/hookwarden.json"], "");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{target}");
        let path = folder().join("overlays").join(target).join("hookwarden.yaml");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &ran.out).expect("it can be written");
        }
        assert_eq!(read(&path), ran.out, "{target}: render it anew with BLESS=1");
    }
    let overlays = fs::read_dir(folder().join("overlays")).expect("a folder");
    let names: Vec<_> =
        overlays.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    assert!(names.len() == OVERLAYS.len() && names.iter().all(|name| OVERLAYS.contains(&name.as_str())), "{names:?}");
}

#[test]
fn every_kustomization_names_files_that_are_there_and_fit_the_schemas() {
    let resources = Resources::read();
    let overlays = OVERLAYS.map(|target| folder().join("overlays").join(target));
    for folder in overlays.iter().chain([&folder().join("base")]) {
        let text = read(&folder.join("kustomization.yaml"));
        let kustomization = yaml(&text).remove(0);
        let listed = kustomization["resources"].as_array().expect("a list");
        assert!(!listed.is_empty());
        for name in listed {
            let path = folder.join(name.as_str().expect("a path"));
            if path.is_dir() {
                assert!(path.join("kustomization.yaml").is_file(), "{}", path.display());
                continue;
            }
            assert_eq!(resources.problems_in(&read(&path)), Vec::<String>::new(), "{}", path.display());
        }
    }
}

#[test]
fn kustomize_builds_every_overlay() {
    let resources = Resources::read();
    for target in OVERLAYS {
        let path = folder().join("overlays").join(target);
        let Ok(output) = Command::new("kubectl").arg("kustomize").arg(&path).output() else {
            let _ = std::io::stderr().write_all(b"SKIPPED kustomize_builds_every_overlay: no kubectl\n");
            return;
        };
        let (built, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{target}: {told}");
        assert!(told.is_empty(), "{target}: {told}");
        assert_eq!(resources.problems_in(&built), Vec::<String>::new(), "{target}");
        let mine = yaml(&read(&path.join("hookwarden.yaml"))).len();
        assert_eq!(yaml(&built).len(), mine + 1, "{target}: the resources, and the namespace");
        let checked = hookwarden(&["check", "--deny-warnings", "-"], &built);
        assert_eq!(checked.code, 0, "{target}: {}", checked.out);
    }
}
