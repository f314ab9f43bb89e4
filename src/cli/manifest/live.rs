//! Live secrets: the filter that reads them from files into filter state, and Envoy's descriptions of those files.

use super::{Output, pretty};
use crate::cli::document::value::{Kind, Member, Value};

/// Where the files are, for Envoy.
const FOLDER: &str = "/etc/hookwarden";

/// What the files need, as a comment.
pub const NEEDS: &str = "\
# The file that was written for each live secret belongs into /etc/hookwarden/sds, and the secret into the file of
# /etc/hookwarden/secrets that is named there, without a line feed at the end. Envoy does not start without them. To change a secret, rename a new file into its
# place: one that is written in place is not seen.
";

/// The configuration with `filter_state` in place of every `env` of a secret.
pub fn with_live_secrets(configuration: &mut Value) {
    let Kind::Map(members) = &mut configuration.kind else {
        if let Kind::List(list) = &mut configuration.kind {
            list.iter_mut().for_each(with_live_secrets);
        }
        return;
    };
    for Member { key, value, .. } in members {
        match (key.as_str(), &mut value.kind) {
            ("secrets", Kind::List(secrets)) => secrets.iter_mut().for_each(make_live),
            // Lists by what a request names.
            ("secrets", Kind::Map(lists)) => {
                let lists = lists.iter_mut().filter_map(|list| match &mut list.value.kind {
                    Kind::List(secrets) => Some(secrets),
                    _ => None,
                });
                lists.flatten().for_each(make_live);
            }
            _ => with_live_secrets(value),
        }
    }
}

fn make_live(secret: &mut Value) {
    let Kind::Map(members) = &mut secret.kind else { return };
    for member in members.iter_mut().filter(|member| member.key == "env") {
        if let Kind::Text(variable) = &member.value.kind {
            let key = format!("hw.{variable}");
            member.value = Value::new(member.at, Kind::Text(key));
            member.key = "filter_state".to_owned();
        }
    }
}

/// The keys of filter state that a configuration names.
pub fn keys(value: &Value, found: &mut Vec<String>) {
    for Member { key, value, .. } in value.members() {
        match &value.kind {
            Kind::Text(text) if key == "filter_state" && !found.contains(text) => found.push(text.clone()),
            _ => keys(value, found),
        }
    }
    value.elements().iter().for_each(|element| keys(element, found));
}

/// The clusters that live secrets are fetched from.
pub fn clusters(value: &Value, found: &mut Vec<String>) {
    for Member { key, value, .. } in value.members() {
        match value.get("cluster").and_then(Value::text) {
            Some(name) if key == "http" && !found.iter().any(|own| own == name) => found.push(name.to_owned()),
            _ => clusters(value, found),
        }
    }
    value.elements().iter().for_each(|element| clusters(element, found));
}

/// The file of a secret: its key without what stands in front of the point.
fn file(key: &str) -> &str {
    key.strip_prefix("hw.").unwrap_or(key)
}

/// Where Envoy finds the description of a secret, for YAML.
fn description(key: &str) -> String {
    pretty::scalar(&format!("{FOLDER}/sds/{}.yaml", file(key)))
}

/// What a file source of secrets wants to know of the proxy, if there is one.
pub fn node(is_used: bool) -> String {
    match is_used {
        false => String::new(),
        true => "# A file source of secrets needs both.\nnode: { id: hookwarden, cluster: hookwarden }\n".to_owned(),
    }
}

/// The filter that puts the secrets into filter state.
pub fn filter(keys: &[String]) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let entries: String = keys
        .iter()
        .map(|key| {
            let (shown, path) = (pretty::scalar(file(key)), description(key));
            let (key, file) = (pretty::scalar(key), file(key));
            format!(
                "        - object_key: {key}
          factory_key: envoy.string
          skip_if_empty: true
          format_string:
            omit_empty_values: true
            text_format_source: {{ inline_string: \"%SECRET({file})%\" }}
            formatters:
              - name: envoy.formatter.generic_secret
                typed_config:
                  \"@type\": type.googleapis.com/envoy.extensions.formatter.generic_secret.v3.GenericSecret
                  secret_configs:
                    {shown}:
                      name: {shown}
                      sds_config:
                        resource_api_version: V3
                        path_config_source: {{ path: {path} }}
"
            )
        })
        .collect();
    format!(
        "# Reads the live secrets into each request's filter state (Envoy 1.38 or newer). It stands before hookwarden.
- name: envoy.filters.http.set_filter_state
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config
    on_request_headers:
{}",
        entries.lines().map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line))).collect::<String>()
    )
}

/// A file for each secret that tells Envoy where it is.
pub fn files(keys: &[String]) -> Vec<Output> {
    let output = |key: &String| {
        let file = file(key);
        let (shown, path) = (pretty::scalar(file), pretty::scalar(&format!("{FOLDER}/secrets/{file}")));
        let text = format!(
            "# {FOLDER}/sds/{file}.yaml: where Envoy finds this secret.
resources:
  - \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: {shown}
    generic_secret:
      secret:
        filename: {path}
        # Envoy looks at the file again when something is renamed in this folder, as Kubernetes does: not if it is written in place.
        watched_directory: {{ path: {FOLDER}/secrets }}
"
        );
        Output { name: format!("{file}.yaml"), text }
    };
    keys.iter().map(output).collect()
}
