//! Fields that the proxy does not know: misspelt, or in the wrong place. Envoy refuses them; what stands in an `EnvoyFilter`
//! or a resource of Kubernetes may be dropped in silence.
//!
//! The names are those of Envoy's API (`api/envoy/…/*.proto` in envoyproxy/envoy, as of 1.40) and of the CRDs of Istio 1.30
//! and Envoy Gateway 1.8.

use hookwarden::config::nearest::nearest;

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Filter, Host, Setup};
use super::routing;
use crate::cli::document::cursor::Cursor;

/// A message and its fields, as protobuf spells them.
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) fields: &'static [&'static str],
    /// Whether newer versions are likely to have more: only a name that is nearly one of these is wrong.
    pub(super) grows: bool,
}

macro_rules! message {
    ($constant:ident, $name:literal, [$($field:literal),* $(,)?] $(, grows = $grows:literal)?) => {
        const $constant: Message = Message { name: $name, fields: &[$($field),*], grows: false $(|| $grows)? };
    };
}

// envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
message!(HTTP_FILTER, "the HTTP filter", ["name", "typed_config", "config_discovery", "is_optional", "disabled"]);
// envoy/config/core/v3/extension.proto, config_source.proto
message!(
    DISCOVERY,
    "config_discovery",
    ["config_source", "default_config", "apply_default_config_without_warming", "type_urls"]
);
// envoy/extensions/filters/http/wasm/v3/wasm.proto
message!(WASM, "the wasm filter's typed_config", ["config"]);
// envoy/extensions/wasm/v3/wasm.proto
message!(
    PLUGIN,
    "the plugin's config",
    [
        "name",
        "root_id",
        "vm_config",
        "configuration",
        "fail_open",
        "failure_policy",
        "reload_config",
        "capability_restriction_config",
        "allow_on_headers_stop_iteration",
    ]
);
message!(
    VM,
    "vm_config",
    [
        "vm_id",
        "runtime",
        "code",
        "configuration",
        "allow_precompiled",
        "nack_on_code_cache_miss",
        "environment_variables",
        "capability_restriction_config",
    ]
);
message!(ENVIRONMENT, "environment_variables", ["host_env_keys", "key_values"]);
message!(CAPABILITIES, "capability_restriction_config", ["allowed_capabilities"]);
message!(RELOAD, "reload_config", ["backoff"]);
// envoy/config/core/v3/base.proto, http_uri.proto
message!(CODE, "code", ["local", "remote"]);
message!(LOCAL, "local", ["filename", "inline_bytes", "inline_string", "environment_variable", "watched_directory"]);
message!(REMOTE, "remote", ["http_uri", "sha256", "retry_policy"]);
message!(HTTP_URI, "http_uri", ["uri", "cluster", "timeout"]);
// envoy/extensions/filters/http/buffer/v3/buffer.proto
message!(BUFFER, "the buffer filter's typed_config", ["max_request_bytes"]);
message!(BUFFER_PER_ROUTE, "the buffer filter's configuration of a route", ["disabled", "buffer"]);
// envoy/config/route/v3/route_components.proto
message!(FILTER_CONFIG, "the filter's configuration of a route", ["config", "is_optional", "disabled"]);
// envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
message!(
    MANAGER,
    "the HTTP connection manager",
    [
        "codec_type",
        "stat_prefix",
        "rds",
        "route_config",
        "scoped_routes",
        "http_filters",
        "add_user_agent",
        "tracing",
        "common_http_protocol_options",
        "http1_safe_max_connection_duration",
        "http_protocol_options",
        "http2_protocol_options",
        "http3_protocol_options",
        "server_name",
        "server_header_transformation",
        "scheme_header_transformation",
        "max_request_headers_kb",
        "stream_idle_timeout",
        "stream_flush_timeout",
        "request_timeout",
        "request_headers_timeout",
        "drain_timeout",
        "delayed_close_timeout",
        "access_log",
        "access_log_flush_interval",
        "flush_access_log_on_new_request",
        "access_log_options",
        "use_remote_address",
        "xff_num_trusted_hops",
        "original_ip_detection_extensions",
        "early_header_mutation_extensions",
        "internal_address_config",
        "skip_xff_append",
        "via",
        "generate_request_id",
        "preserve_external_request_id",
        "always_set_request_id_in_response",
        "forward_client_cert_details",
        "set_current_client_cert_details",
        "forward_client_cert_matcher",
        "proxy_100_continue",
        "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
        "upgrade_configs",
        "normalize_path",
        "merge_slashes",
        "path_with_escaped_slashes_action",
        "request_id_extension",
        "local_reply_config",
        "strip_matching_host_port",
        "strip_any_host_port",
        "stream_error_on_invalid_http_message",
        "path_normalization_options",
        "strip_trailing_host_dot",
        "proxy_status_config",
        "typed_header_validation_config",
        "append_x_forwarded_port",
        "append_local_overload",
        "add_proxy_protocol_connection_state",
        "forward_proto_config",
    ],
    grows = true
);
// extensions.istio.io/v1alpha1
message!(
    WASM_PLUGIN,
    "the spec of a WasmPlugin",
    [
        "selector",
        "targetRef",
        "targetRefs",
        "url",
        "sha256",
        "imagePullPolicy",
        "imagePullSecret",
        "verificationKey",
        "pluginConfig",
        "pluginName",
        "phase",
        "failStrategy",
        "priority",
        "vmConfig",
        "match",
        "type",
    ]
);
message!(
    TRAFFIC_EXTENSION,
    "the spec of a TrafficExtension",
    ["selector", "targetRefs", "phase", "priority", "match", "wasm", "lua",]
);
message!(
    EXTENSION_WASM,
    "wasm",
    [
        "url",
        "sha256",
        "imagePullPolicy",
        "imagePullSecret",
        "verificationKey",
        "pluginConfig",
        "pluginName",
        "failStrategy",
        "vmConfig",
        "type",
    ]
);
message!(VM_CONFIG, "vmConfig", ["env"]);
message!(VARIABLE, "a variable of vmConfig.env", ["name", "value", "valueFrom"]);
// gateway.envoyproxy.io/v1alpha1
message!(GATEWAY_WASM, "wasm", ["name", "rootID", "code", "config", "failOpen", "env"]);
message!(GATEWAY_ENVIRONMENT, "env", ["hostKeys"]);
message!(GATEWAY_CODE, "code", ["type", "http", "image", "pullPolicy"]);
message!(GATEWAY_IMAGE, "image", ["url", "sha256", "pullSecretRef", "tls"]);

/// The flag that lets the filter hold, and where it belongs.
const FLAG: &str = "allow_on_headers_stop_iteration";

pub fn check(setup: &Setup<'_>, findings: &mut Findings) {
    let plugin = &setup.plugin;
    let mut fields = Fields { host: setup.host, findings };
    if let Some(filter) = &setup.filter {
        fields.filter(filter);
        fields.plugin(plugin);
    }
    match setup.host {
        Host::Istio if setup.filter.is_none() => fields.extension(plugin),
        Host::EnvoyGateway => fields.gateway(plugin),
        _ => {}
    }
    for filter in setup.chain.before("buffer").chain(setup.chain.after("buffer")) {
        if setup.host != Host::EnvoyGateway {
            fields.filter(filter);
        }
    }
    if let Some(manager) = &setup.manager {
        fields.of(&manager.at, &MANAGER);
    }
    let buffer = setup.chain.after("buffer").next().and_then(|filter| filter.at.text_at("name"));
    for name in [buffer, setup.filter.as_ref().and_then(|filter| filter.at.text_at("name"))].into_iter().flatten() {
        for over in routing::overrides(setup, name) {
            match over.config.text_at("@type").unwrap_or_default() {
                kind if kind.ends_with(".BufferPerRoute") => fields.of(&over.config, &BUFFER_PER_ROUTE),
                kind if kind.ends_with(".FilterConfig") => fields.of(&over.config, &FILTER_CONFIG),
                _ => {}
            }
        }
    }
}

pub(super) struct Fields<'f> {
    pub(super) host: Host,
    pub(super) findings: &'f mut Findings,
}

impl Fields<'_> {
    fn filter(&mut self, filter: &Filter<'_>) {
        let is_entry = filter.at.get("typed_config").is_some() || filter.at.get("config_discovery").is_some();
        if is_entry && filter.at.get("@type").is_none() {
            self.of(&filter.at, &HTTP_FILTER);
        }
        if let Some(discovery) = &filter.discovery {
            self.of(discovery, &DISCOVERY);
        }
        match (filter.kind.as_str(), &filter.config) {
            ("wasm", Some(config)) => self.of(config, &WASM),
            ("buffer", Some(config)) => self.of(config, &BUFFER),
            _ => {}
        }
    }

    fn plugin(&mut self, plugin: &Cursor<'_>) {
        // Without a config, the plugin is the filter itself.
        if plugin.get("typed_config").is_some() {
            return;
        }
        self.of(plugin, &PLUGIN);
        let below: [(&[&str], &Message); 9] = [
            (&["vm_config"], &VM),
            (&["vm_config", "environment_variables"], &ENVIRONMENT),
            (&["vm_config", "code"], &CODE),
            (&["vm_config", "code", "local"], &LOCAL),
            (&["vm_config", "code", "remote"], &REMOTE),
            (&["vm_config", "code", "remote", "http_uri"], &HTTP_URI),
            (&["capability_restriction_config"], &CAPABILITIES),
            (&["vm_config", "capability_restriction_config"], &CAPABILITIES),
            (&["reload_config"], &RELOAD),
        ];
        for (names, message) in below {
            if let Some(at) = plugin.at(names) {
                self.of(&at, message);
            }
        }
    }

    fn extension(&mut self, spec: &Cursor<'_>) {
        let wasm = spec.get("wasm");
        match &wasm {
            Some(wasm) => {
                self.of(spec, &TRAFFIC_EXTENSION);
                self.of(wasm, &EXTENSION_WASM);
            }
            None => self.of(spec, &WASM_PLUGIN),
        }
        if let Some(vm) = wasm.unwrap_or_else(|| spec.clone()).get("vmConfig") {
            self.of(&vm, &VM_CONFIG);
            for variable in vm.list("env") {
                self.of(&variable, &VARIABLE);
            }
        }
    }

    fn gateway(&mut self, plugin: &Cursor<'_>) {
        self.of(plugin, &GATEWAY_WASM);
        let below: [(&[&str], &Message); 3] =
            [(&["env"], &GATEWAY_ENVIRONMENT), (&["code"], &GATEWAY_CODE), (&["code", "image"], &GATEWAY_IMAGE)];
        for (names, message) in below {
            if let Some(at) = plugin.at(names) {
                self.of(&at, message);
            }
        }
    }

    /// The members of a map, which should be fields of the message.
    pub(super) fn of(&mut self, at: &Cursor<'_>, message: &Message) {
        for (name, member) in at.members() {
            let plain = snake(name);
            let known = |field: &&str| *field == name || *field == plain;
            if name == "@type" || message.fields.iter().any(known) {
                continue;
            }
            let near = nearest(name, message.fields.iter().copied());
            if message.grows && near.is_none() {
                continue;
            }
            let is_flag = nearest(name, [FLAG].into_iter()).is_some();
            let right = match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None if is_flag => self.where_the_flag_belongs().to_owned(),
                None => format!("known are: {}", message.fields.join(", ")),
            };
            let message = format!("\"{name}\" is no field of {}", message.name);
            self.findings.add(&codes::UNKNOWN_FIELD, &member, message, right);
        }
    }

    fn where_the_flag_belongs(&self) -> &'static str {
        match self.host {
            Host::Istio => {
                "no resource but an EnvoyFilter can set allow_on_headers_stop_iteration, in the plugin's config; or let the chain \
                 hold: \"body_hold\": \"chain\""
            }
            Host::EnvoyGateway => {
                "this resource cannot set allow_on_headers_stop_iteration: let the chain hold, \"body_hold\": \"chain\""
            }
            _ => "allow_on_headers_stop_iteration belongs into the plugin's config, beside vm_config",
        }
    }
}

/// `maxRequestBytes` as `max_request_bytes`.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for char in name.chars() {
        if char.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(char.to_ascii_lowercase());
    }
    text
}
