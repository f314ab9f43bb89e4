//! What a release contains, read back as those who load it do, and what other repositories use of this one: the action and
//! the hook.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::read::GzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The head of a module, and something that shows where it ends.
const MODULE: &[u8] = b"\0asm\x01\0\0\0 and the rest \0\xff";

/// Runs `scripts/oci` on `module`, in a folder of the test `name`.
fn layout(name: &str, module: &[u8]) -> (Output, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("release").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be created");
    let (file, written) = (folder.join("module.wasm"), folder.join("layout"));
    fs::write(&file, module).expect("the file can be written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/oci");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python).arg(script).arg(&file).arg(&written).args(["1.2.3", "abcdef"]).output();
    (output.expect("Python 3 is installed"), written)
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("JSON")
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The blob that a descriptor names, whose size and digest it must have.
fn blob(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let name = descriptor["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).expect("a digest");
    let blob = fs::read(layout.join("blobs/sha256").join(name)).expect("the blob is there");
    assert_eq!(descriptor["size"], blob.len(), "{descriptor}");
    assert_eq!(digest(&blob), name, "{descriptor}");
    blob
}

/// The manifest of the only image.
fn manifest(layout: &Path) -> Value {
    assert_eq!(json(&fs::read(layout.join("oci-layout")).expect("a layout"))["imageLayoutVersion"], "1.0.0");
    let index = json(&fs::read(layout.join("index.json")).expect("an index"));
    assert_eq!(index["manifests"].as_array().map(Vec::len), Some(1), "{index}");
    json(&blob(layout, &index["manifests"][0]))
}

/// The module, found as Istio and Envoy Gateway find it: the last layer must be a packed archive, and `plugin.wasm` one of
/// its files.
fn fetched(layout: &Path) -> Vec<u8> {
    let manifest = manifest(layout);
    let layer = manifest["layers"].as_array().and_then(|layers| layers.last()).expect("a layer");
    assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    let layer = blob(layout, layer);
    let mut archive = tar::Archive::new(GzDecoder::new(layer.as_slice()));
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        if entry.path().expect("a path").file_name().is_some_and(|name| name == "plugin.wasm") {
            let mut module = Vec::new();
            entry.read_to_end(&mut module).expect("the entry is complete");
            return module;
        }
    }
    panic!("no plugin.wasm in the last layer")
}

#[test]
fn image_holds_the_module_where_fetchers_look_for_it() {
    let (output, layout) = layout("holds", MODULE);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fetched(&layout), MODULE);
}

#[test]
fn image_describes_its_layer_and_module() {
    let (_, layout) = layout("describes", MODULE);
    let manifest = manifest(&layout);
    let config = json(&blob(&layout, &manifest["config"]));
    let mut tar = Vec::new();
    GzDecoder::new(blob(&layout, &manifest["layers"][0]).as_slice()).read_to_end(&mut tar).expect("packed");
    assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", digest(&tar)));
    let annotations = &manifest["annotations"];
    assert_eq!(annotations["dev.hookwarden.module.sha256"], digest(MODULE));
    assert_eq!(annotations["org.opencontainers.image.version"], "1.2.3");
    assert_eq!(annotations["org.opencontainers.image.revision"], "abcdef");
}

#[test]
fn same_module_gives_the_same_image_and_its_digest_is_printed() {
    let (first, layout_of_first) = layout("same-1", MODULE);
    let (_, layout_of_second) = layout("same-2", MODULE);
    let index = fs::read_to_string(layout_of_first.join("index.json")).expect("an index");
    assert_eq!(index, fs::read_to_string(layout_of_second.join("index.json")).expect("an index"));
    let printed = String::from_utf8(first.stdout).expect("text");
    let digest = json(index.as_bytes())["manifests"][0]["digest"].clone();
    assert!(printed.contains(digest.as_str().expect("a digest")), "{printed}");
}

#[test]
fn refuses_what_is_no_module() {
    let (output, layout) = layout("refuses", b"<!doctype html>");
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("is no WebAssembly module: build it with `make module`"), "{error}");
    assert!(!layout.join("index.json").exists());
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(repository(path)).expect("the file is there");
    serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The action's last step, run by the shell that the runner would use. The home folder has the command where the step before
/// installs it.
fn run_action(name: &str, files: &str, deny_warnings: &str) -> Output {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("action").join(name);
    let _ = fs::remove_dir_all(&home);
    let bin = home.join(".cache/hookwarden/bin");
    fs::create_dir_all(&bin).expect("the folder can be created");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hookwarden"), bin.join("hookwarden")).expect("a link");
    let action = yaml(".github/actions/check/action.yml");
    let step = action["runs"]["steps"].as_array().and_then(|steps| steps.last()).expect("a step").clone();
    assert_eq!(step["shell"], "bash");
    let variables =
        [("FILES", files, "files"), ("ENV_FILE", "", "env-file"), ("DENY_WARNINGS", deny_warnings, "deny-warnings")];
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().expect("a script")]);
    for (variable, value, input) in variables {
        assert_eq!(step["env"][variable], format!("${{{{ inputs.{input} }}}}"));
        assert!(action["inputs"][input].is_object(), "{input}");
        command.env(variable, value);
    }
    command.env("HOME", &home).current_dir(repository("")).output().expect("bash runs")
}

#[test]
fn action_accepts_what_is_right_and_annotates_what_is_not() {
    let good = run_action("good", "envoy/envoy.yaml envoy/envoy-chain.yaml", "false");
    assert!(good.status.success(), "{good:?}");
    let strict = run_action("strict", "envoy/envoy.yaml", "true");
    assert!(!strict.status.success(), "the example has warnings: {strict:?}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("action");
    let broken = folder.join("broken.json");
    fs::write(&broken, r#"{ "sources": [{ "name": "x" }] }"#).expect("the file can be written");
    let bad = run_action("bad", &broken.display().to_string(), "false");
    assert!(!bad.status.success());
    assert!(String::from_utf8_lossy(&bad.stdout).contains("::error "), "{bad:?}");
}

#[test]
fn hook_runs_a_command_that_exists() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let entry = hooks[0]["entry"].as_str().expect("an entry");
    let words: Vec<_> = entry.split(' ').collect();
    assert_eq!(words.first(), Some(&"hookwarden"));
    let output = Command::new(env!("CARGO_BIN_EXE_hookwarden")).args(&words[1..]).arg("envoy/envoy.yaml").output();
    assert!(output.expect("the command runs").status.success());
}

#[test]
fn workflows_use_targets_and_scripts_that_exist() {
    let makefile = fs::read_to_string(repository("Makefile")).expect("a Makefile");
    let mut seen = 0;
    for workflow in [".github/workflows/ci.yml", ".github/workflows/release.yml"] {
        let workflow = yaml(workflow);
        for (_, job) in workflow["jobs"].as_object().expect("jobs") {
            assert!(job["timeout-minutes"].is_number() || job["needs"].is_string(), "a job without a limit: {job}");
            for step in job["steps"].as_array().expect("steps") {
                for line in step["run"].as_str().unwrap_or_default().lines() {
                    let mut words = line.split_whitespace();
                    match words.next() {
                        Some("make") => {
                            let target = words.next().expect("a target");
                            assert!(makefile.contains(&format!("\n{target}: ")), "make {target}");
                            seen += 1;
                        }
                        Some(script) if script.starts_with('.') => {
                            assert!(repository(script).exists(), "{script}");
                            seen += 1;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    assert!(seen >= 3, "the steps are not read");
}
