//! What `hookwarden manifest envoy` writes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The bootstrap for this configuration of the plugin, in YAML.
pub fn manifest(plugin: &Value) -> String {
    let mut manifest = Command::new(env!("CARGO_BIN_EXE_hookwarden"))
        .args(["manifest", "envoy", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut input = manifest.stdin.take().expect("it is piped");
    input.write_all(plugin.to_string().as_bytes()).expect("it reads the configuration");
    drop(input);
    let output = manifest.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{plugin}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
