//! The examples in the documents are read by the real parser.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use hookwarden::verify::scheme::SchemeKind;
use hookwarden::{config, report, step};
use serde_json::{Value, json};

use crate::denials::denial;
use crate::documents::{all_blocks, blocks_of, yaml};
use crate::schemes::weaknesses;
use crate::support::{assert_none, load, read, read_json, secret, variable};

#[test]
fn json_examples_are_accepted() {
    let mut problems = Vec::new();
    for block in blocks_of("json").iter().filter(|block| !block.place.starts_with("docs/senders/")) {
        let place = &block.place;
        match (block.words.as_slice(), serde_json::from_str::<Value>(&block.text)) {
            (_, Err(error)) => problems.push(format!("{place}: not JSON: {error}")),
            ([], Ok(value)) if value.get("event").is_some() => check_log_line(place, &value),
            ([], Ok(value)) => problems.extend(problems_in(place, &value)),
            ([word], Ok(_)) if word == "refused" => {}
            ([word], Ok(file)) if word == "provider" => {
                let check = check_of(&file["scheme"], &file["vectors"][0]);
                let found = load(&whole(&check).expect("a check is part of a configuration")).err();
                problems.extend(found.iter().flatten().map(|problem| format!("{place}: {problem}")));
            }
            ([word, file], Ok(value)) if word == "handshake" => {
                let shipped = &read_json(file)["handshake"];
                let is_shipped = *shipped == value || shipped.as_array().is_some_and(|list| list.contains(&value));
                assert!(is_shipped, "{place}: is not a handshake of {file}");
            }
            ([file], Ok(value)) => {
                let shipped = read_json(file);
                assert_eq!(shipped["scheme"], value, "{place}: is not the scheme of {file}");
                let vector = shipped["vectors"].as_array().and_then(|vectors| vectors.first()).expect("a vector");
                let whole = whole(&check_of(&value, vector)).expect("a check is part of a configuration");
                // Warnings about short secrets of vectors do not matter here.
                problems.extend(against_schema(&whole).map(|refusal| format!("{place}: the schema: {refusal}")));
                let found = load(&whole).err().unwrap_or_default();
                problems.extend(found.iter().map(|problem| format!("{place}: {problem}")));
            }
            (words, Ok(_)) => problems.push(format!("{place}: what is `json {}`?", words.join(" "))),
        }
    }
    assert_none(&problems);
}

#[test]
fn a_refused_example_is_followed_by_all_of_its_problems() {
    let blocks = all_blocks();
    let refused = blocks.iter().enumerate().filter(|(_, block)| block.words == ["refused"]);
    for (position, block) in refused {
        let problems = config::load(block.text.as_bytes(), &variable).expect_err("the example is refused");
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let shown = blocks.get(position + 1).filter(|next| next.language == "text" && next.words == ["problems"]);
        let shown = shown.unwrap_or_else(|| panic!("{}: lacks a block `text problems` after it", block.place));
        assert_eq!(shown.text.trim_end(), lines.join("\n"), "{}", shown.place);
    }
}

#[test]
fn yaml_examples_are_accepted_and_complete() {
    let shipped = &yaml(&read("envoy/envoy.yaml"))[0]["stats_config"];
    let mut problems = Vec::new();
    for block in blocks_of("yaml") {
        let documents = yaml(&block.text);
        for document in &documents {
            if let Some(stats) = document.get("stats_config") {
                assert_eq!(stats, shipped, "{}: differs from envoy/envoy.yaml", block.place);
            }
        }
        let buffers = block.text.contains("name: envoy.filters.http.buffer");
        for plugin in documents.iter().flat_map(plugins) {
            problems.extend(problems_in(&block.place, &plugin.configuration));
            let wanted = variables_in(&plugin.configuration);
            assert_eq!(
                wanted, plugin.variables,
                "{}: the variables that are read, and those that are passed",
                block.place
            );
            let chain = plugin.configuration["body_hold"] == "chain";
            assert!(chain || plugin.may_hold, "{}: nothing holds; allow_on_headers_stop_iteration", block.place);
            assert!(!chain || buffers, "{}: nothing holds; envoy.filters.http.buffer", block.place);
        }
    }
    assert_none(&problems);
}

#[test]
fn envoy_accepts_the_bootstraps() {
    let tool = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_file());
    let (Some(envoy), Some(wasm)) = (tool("HOOKWARDEN_ENVOY"), tool("HOOKWARDEN_WASM")) else {
        let required = env::var("HOOKWARDEN_REQUIRE_ENVOY").is_ok_and(|value| value == "1");
        assert!(!required, "HOOKWARDEN_ENVOY and HOOKWARDEN_WASM must name the programs; `make test` does");
        // Not `eprintln!`, which is captured if a test succeeds.
        let line =
            b"SKIPPED envoy_accepts_the_bootstraps: no Envoy (HOOKWARDEN_ENVOY) or no module (HOOKWARDEN_WASM)\n";
        let _ = std::io::stderr().write_all(line);
        return;
    };
    let shipped = "target/wasm32-wasip1/release/hookwarden.wasm";
    for (number, block) in blocks_of("yaml").iter().filter(|block| block.text.contains("static_resources:")).enumerate()
    {
        assert!(block.text.contains(shipped), "{}: the module is where `make wasm` puts it", block.place);
        let text = block.text.replace(shipped, &wasm.display().to_string());
        let path = env::temp_dir().join(format!("hookwarden-docs-{}-{number}.yaml", std::process::id()));
        fs::write(&path, text).expect("a temporary file can be written");
        let mut command = Command::new(&envoy);
        command.args(["--mode", "validate", "--log-level", "error", "-c"]).arg(&path);
        command.envs(variables_in_text(&block.text).iter().map(|name| (name.clone(), secret(name))));
        let output = command.output().expect("Envoy starts");
        let _ = fs::remove_file(&path);
        assert!(output.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&output.stderr));
    }
}

/// The problems and warnings of an example, completed to a whole configuration if it is a part of one.
fn problems_in(place: &str, example: &Value) -> Vec<String> {
    let Some(whole) = whole(example) else {
        return vec![format!("{place}: is not a part of a configuration that this test recognises")];
    };
    if let Some(refusal) = against_schema(&whole) {
        return vec![format!("{place}: docs/hookwarden.schema.json: {refusal}")];
    }
    let weaknesses = weaknesses();
    let found = match load(&whole) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    let found = found.iter().filter(|problem| !weaknesses.contains(&problem.message()));
    found.map(|problem| format!("{place}: {problem}")).collect()
}

/// Why the shipped JSON Schema rejects a configuration, if it does.
fn against_schema(configuration: &Value) -> Option<String> {
    let mut compiler = boon::Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("hookwarden.json", read_json("docs/hookwarden.schema.json")).expect("it can be added");
    let mut schemas = boon::Schemas::new();
    let index = compiler.compile("hookwarden.json", &mut schemas).expect("it is a schema");
    schemas.validate(configuration, index).err().map(|error| error.to_string())
}

/// A check of `scheme` with the keys and values of one of its vectors.
fn check_of(scheme: &Value, vector: &Value) -> Value {
    let list = if vector.get("keys").is_some() { "keys" } else { "secrets" };
    let texts = vector[list].as_array().expect("keys or secrets");
    let texts: Vec<_> = texts.iter().map(|text| json!({ "value": text, "insecure_short_secret": true })).collect();
    let mut check = json!({ "scheme": scheme, list: texts });
    if let Some(with) = vector.get("with") {
        check["with"] = with.clone();
    }
    check
}

/// A configuration that contains `example`.
fn whole(example: &Value) -> Option<Value> {
    let has = |names: &[&str]| names.iter().any(|name| example.get(name).is_some());
    let secrets = json!([{ "env": "SECRET" }]);
    if has(&["sources"]) {
        return Some(example.clone());
    }
    let source = if has(&["match"]) {
        example.clone()
    } else {
        let guards = ["methods", "transport", "flood_limit", "rate_limit", "replay"];
        let check = if has(&guards) {
            json!({ "provider": "stripe", "secrets": secrets })
        } else if has(&["any", "provider", "scheme"]) || example.is_array() {
            example.clone()
        } else if has(&["env", "value"]) {
            json!({ "provider": "github", "secrets": [example] })
        } else if has(&["dialects"]) || SchemeKind::ALL.iter().any(|kind| has(&[kind.key()])) {
            json!({ "scheme": example, "secrets": secrets })
        } else {
            return None;
        };
        let mut source = json!({ "name": "example", "match": { "path": "/example" }, "verify": check });
        if let (true, Some(members)) = (has(&guards), source.as_object_mut()) {
            members.extend(example.as_object().cloned().unwrap_or_default());
        }
        source
    };
    Some(json!({ "sources": [source] }))
}

fn check_log_line(place: &str, line: &Value) {
    let denial = denial(line["code"].as_str().unwrap_or_default());
    let denial = denial.unwrap_or_else(|| panic!("{place}: unknown code"));
    assert_eq!(line["status"], report::reply(denial, None).status, "{place}: the status");
    let record = step::Record::denied(denial.into(), 0);
    let real = report::log_line(&record, None, b"192.0.2.7:41234", b"id", 0).expect("a denial has a line");
    let real: Value = serde_json::from_str(&real).expect("a log line is JSON");
    let members = |value: &Value| value.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>());
    assert_eq!(members(line), members(&real), "{place}: the members");
}

/// A plugin in an example.
struct Plugin {
    configuration: Value,
    /// The variables that its VM gets.
    variables: BTreeSet<String>,
    /// Whether it may hold headers.
    may_hold: bool,
}

/// Plugins as written for Envoy (`configuration`) and for Istio (`pluginConfig`), at any depth.
fn plugins(value: &Value) -> Vec<Plugin> {
    let texts = |list: &Value, member: Option<&str>| {
        let list = list.as_array().into_iter().flatten();
        let text = |item: &Value| member.map_or(item, |name| &item[name]).as_str().map(str::to_owned);
        list.filter_map(text).collect::<BTreeSet<_>>()
    };
    let mut found = Vec::new();
    if let Some(text) = value.pointer("/configuration/value").and_then(Value::as_str) {
        found.push(Plugin {
            configuration: serde_json::from_str(text).expect("the plugin's configuration is JSON"),
            variables: texts(&value["vm_config"]["environment_variables"]["host_env_keys"], None),
            may_hold: value["allow_on_headers_stop_iteration"] == true,
        });
    }
    if let Some(configuration) = value.get("pluginConfig") {
        let env = &value["vmConfig"]["env"];
        let from_host = env.as_array().into_iter().flatten().all(|variable| variable["valueFrom"] == "HOST");
        assert!(from_host, "secrets come from the host's environment");
        let variables = texts(env, Some("name"));
        found.push(Plugin { configuration: configuration.clone(), variables, may_hold: false });
    }
    let children: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    };
    found.extend(children.into_iter().flat_map(plugins));
    found
}

fn variables_in(configuration: &Value) -> BTreeSet<String> {
    match configuration {
        Value::Array(list) => list.iter().flat_map(variables_in).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(name) if key == "env" => BTreeSet::from([name.clone()]),
                other => variables_in(other),
            })
            .collect(),
        _ => BTreeSet::new(),
    }
}

fn variables_in_text(text: &str) -> BTreeSet<String> {
    yaml(text).iter().flat_map(plugins).flat_map(|plugin| plugin.variables).collect()
}
