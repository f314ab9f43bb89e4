//! Configuration pushes: Envoy reads its listeners from a file, which is replaced while it runs.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::Proxy;
use crate::harness::bootstrap::at;
use crate::harness::launch::Setup;

/// Moves the listeners to a file in the folder of this Envoy. After all other edits.
pub fn with_dynamic_listeners(setup: Setup) -> Setup {
    setup.edit(|bootstrap, folder| {
        let listeners = at(bootstrap, "/static_resources/listeners").take();
        at(bootstrap, "/static_resources")["listeners"] = json!([]);
        write(folder, listeners);
        bootstrap["node"] = json!({"id": "test", "cluster": "test"});
        bootstrap["dynamic_resources"] = json!({"lds_config": {
            "resource_api_version": "V3",
            "path_config_source": {"path": file(folder), "watched_directory": {"path": folder}},
        }});
    })
}

/// Replaces the plugin's configuration, as a control plane would, and waits until Envoy has accepted or rejected it.
#[track_caller]
pub fn push(proxy: &Proxy, plugin: &Value) -> Pushed {
    push_changed(proxy, |config| *at(config, "/configuration/value") = json!(plugin.to_string()))
}

/// The same with any change to what Envoy is told of the plugin.
#[track_caller]
pub fn push_changed(proxy: &Proxy, change: impl Fn(&mut Value)) -> Pushed {
    let mut listeners = read(proxy.folder());
    for listener in listeners.as_array_mut().expect("a list") {
        let filters = at(listener, "/filter_chains/0/filters/0/typed_config/http_filters");
        let wasm = filters.as_array_mut().into_iter().flatten().find(|f| f["name"] == "envoy.filters.http.wasm");
        change(at(wasm.expect("the wasm filter"), "/typed_config/config"));
    }
    let counts = || (count(proxy, "update_success"), count(proxy, "update_rejected"));
    let (accepted, rejected) = counts();
    write(proxy.folder(), listeners);
    let result = crate::harness::wait_for(crate::harness::client::TIMEOUT, || match counts() {
        (now, _) if now > accepted => Some(Pushed::Accepted),
        (_, now) if now > rejected => Some(Pushed::Rejected),
        _ => None,
    });
    result.expect("Envoy reads the file")
}

/// The result of a configuration push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The workers apply it asynchronously.
    Accepted,
    Rejected,
}

fn count(proxy: &Proxy, name: &str) -> u64 {
    let name = format!("listener_manager.lds.{name}: ");
    let text = proxy.admin("/stats?filter=listener_manager.lds").text();
    let value = text.lines().find_map(|line| line.strip_prefix(&name));
    value.and_then(|text| text.parse().ok()).expect("Envoy counts updates")
}

fn file(folder: &Path) -> PathBuf {
    folder.join("listeners.json")
}

fn read(folder: &Path) -> Value {
    let text = std::fs::read(file(folder)).expect("the listeners were written");
    let mut response: Value = serde_json::from_slice(&text).expect("JSON");
    response["resources"].take()
}

/// Replaces the file atomically.
fn write(folder: &Path, mut listeners: Value) {
    for listener in listeners.as_array_mut().expect("a list of listeners") {
        listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
    }
    let new = folder.join("listeners.json.new");
    std::fs::write(&new, json!({"resources": listeners}).to_string()).expect("the listeners can be written");
    std::fs::rename(new, file(folder)).expect("the file can be replaced");
}
