//! The capabilities of a configuration, as `hookwarden manifest` writes them.

use serde_json::Value;

use crate::harness::bootstrap::at;
use crate::harness::launch::Setup;
use crate::harness::listeners::manager;
use crate::harness::manifest::manifest;

/// What a manifest has of capabilities in the plugin's `config`.
#[derive(Clone)]
pub struct Written {
    pub restriction: Value,
    /// What tells the VM from one with another list.
    pub vm_configuration: Value,
}

/// What the manifest for this configuration has.
pub fn written(plugin: &Value) -> Written {
    let mut bootstrap: Value = serde_yaml_ng::from_str(&manifest(plugin)).expect("YAML");
    let config = config(&mut bootstrap);
    Written {
        restriction: at(config, "/capability_restriction_config").take(),
        vm_configuration: at(config, "/vm_config/configuration").take(),
    }
}

impl Written {
    /// The functions.
    pub fn names(&self) -> Vec<&str> {
        let list = self.restriction["allowed_capabilities"].as_object().expect("a list");
        list.keys().map(String::as_str).collect()
    }

    /// Puts it in place of what the plugin's `config` has.
    pub fn write(&self, config: &mut Value) {
        config["capability_restriction_config"] = self.restriction.clone();
        config["vm_config"]["configuration"] = self.vm_configuration.clone();
    }
}

/// The plugin's `config` in a bootstrap.
pub fn config(bootstrap: &mut Value) -> &mut Value {
    let filters = at(manager(at(bootstrap, "/static_resources/listeners/0")), "/http_filters");
    let plugin =
        filters.as_array_mut().into_iter().flatten().find(|filter| filter["name"] == "envoy.filters.http.wasm");
    at(plugin.expect("the plugin"), "/typed_config/config")
}

impl Setup {
    /// With what this setup's configuration needs, and nothing else.
    pub fn restricted(self) -> Self {
        let written = written(self.plugin.as_ref().expect("a configuration"));
        self.restricted_to(written)
    }

    /// With these capabilities only.
    pub fn restricted_to(self, written: Written) -> Self {
        self.edit(move |bootstrap, _| written.write(config(bootstrap)))
    }
}
