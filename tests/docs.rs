//! The documents say what the code does: their examples are read by the real parser, their tables are compared with
//! the code, their links lead somewhere.
//!
//! What a fenced block of the documents must be is told by its info string:
//!
//! - `json`: a configuration, or any one object or list out of one; it must be accepted, with no warning but that a
//!   sender's scheme is weak. A log line is one too.
//! - `json providers/x.json`: the scheme of that file, exactly; it must take the file's own keys.
//! - `json refused`, and behind it `text problems`: a configuration that is refused, and every line it is refused with.
//! - `yaml`: what is a plugin's configuration in it must be accepted; its variables must reach the filter, and
//!   something must hold. A whole bootstrap is shown to Envoy too, where there is one.
//!
//! - `sh`: every `hookwarden …` in it is a command that there is, with options that it has.
//!
//! `docs/senders.md` is made of the providers; `tests/senders.rs` reads its examples.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use hookwarden::config::{self, BodyHold, Loaded, Mode, Source, Unmatched};
use hookwarden::guard::fleet::{Kind, WhenUnavailable};
use hookwarden::guard::replay::{OnDuplicate, WhenFull};
use hookwarden::guard::shape::ShapeRule;
use hookwarden::report;
use hookwarden::step::Tally;
use hookwarden::verify::Denial;
use hookwarden::verify::expression::Expression;
use hookwarden::verify::jwt::JwtAlgorithm;
use serde::Deserialize as _;
use serde_json::{Value, json};

// --- examples ---------------------------------------------------------------------------------------------------

#[test]
fn json_examples_are_accepted() {
    let mut problems = Vec::new();
    for block in blocks_of("json").iter().filter(|block| !block.place.starts_with("docs/senders.md")) {
        let place = &block.place;
        match (block.words.as_slice(), serde_json::from_str::<Value>(&block.text)) {
            (_, Err(error)) => problems.push(format!("{place}: not JSON: {error}")),
            ([], Ok(value)) if value.get("event").is_some() => check_log_line(place, &value),
            ([], Ok(value)) => problems.extend(judge(place, &value)),
            ([word], Ok(_)) if word == "refused" => {}
            ([file], Ok(value)) => {
                let shipped = read_json(file);
                assert_eq!(shipped["scheme"], value, "{place}: is not the scheme of {file}");
                let vector = shipped["vectors"].as_array().and_then(|vectors| vectors.first()).expect("a vector");
                let whole = whole(&check_of(&value, vector)).expect("a check is part of a configuration");
                // Short secrets of vectors are warned of, which is no matter here.
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
fn a_refused_example_stands_before_every_line_that_it_is_refused_with() {
    let blocks = all_blocks();
    let refused = blocks.iter().enumerate().filter(|(_, block)| block.words == ["refused"]);
    for (position, block) in refused {
        let problems = config::load(block.text.as_bytes(), &variable).expect_err("the example is refused");
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let shown = blocks.get(position + 1).filter(|next| next.language == "text" && next.words == ["problems"]);
        let shown = shown.unwrap_or_else(|| panic!("{}: lacks a block `text problems` behind it", block.place));
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
            problems.extend(judge(&block.place, &plugin.configuration));
            let wanted = variables_in(&plugin.configuration);
            assert_eq!(wanted, plugin.variables, "{}: the variables that are read, and that arrive", block.place);
            let chain = plugin.configuration["body_hold"] == "chain";
            assert!(chain || plugin.may_hold, "{}: nothing holds; allow_on_headers_stop_iteration", block.place);
            assert!(!chain || buffers, "{}: nothing holds; envoy.filters.http.buffer", block.place);
        }
    }
    assert_none(&problems);
}

#[test]
fn bootstraps_are_what_envoy_takes() {
    let tool = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_file());
    let (Some(envoy), Some(wasm)) = (tool("HOOKWARDEN_ENVOY"), tool("HOOKWARDEN_WASM")) else {
        let required = env::var("HOOKWARDEN_REQUIRE_ENVOY").is_ok_and(|value| value == "1");
        assert!(!required, "HOOKWARDEN_ENVOY and HOOKWARDEN_WASM must name the programs; `make test` does");
        // Not `eprintln!`, which is captured where a test succeeds.
        let line =
            b"SKIPPED bootstraps_are_what_envoy_takes: no Envoy (HOOKWARDEN_ENVOY) or no module (HOOKWARDEN_WASM)\n";
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

/// The problems and warnings of an example, which is wrapped into a whole configuration if it is a part of one.
fn judge(place: &str, example: &Value) -> Vec<String> {
    let Some(whole) = whole(example) else {
        return vec![format!("{place}: is no part of a configuration that this test knows")];
    };
    if let Some(refusal) = against_schema(&whole) {
        return vec![format!("{place}: docs/hookwarden.schema.json: {refusal}")];
    }
    let weaknesses = weaknesses();
    let found = match load(&whole) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    let found = found.iter().filter(|problem| !weaknesses.contains(&problem.message));
    found.map(|problem| format!("{place}: {problem}")).collect()
}

/// What the shipped JSON Schema has against a configuration.
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

/// What is said of schemes that leave something open.
fn weaknesses() -> BTreeSet<String> {
    rows("docs/configuration.md", "Weak schemes").into_iter().map(|row| unquoted(&row[0]).to_owned()).collect()
}

/// A configuration that holds `example`.
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
        } else if has(&["credential", "signature", "dialects", "jwt", "message_signature", "http_signature"]) {
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
    let denial = denial.unwrap_or_else(|| panic!("{place}: there is no such code"));
    assert_eq!(line["status"], report::reply(denial, None, None).status, "{place}: the status");
    let record = hookwarden::step::Record::denied(None, denial.into(), 0);
    let policy = load(&base()).expect("the base is valid").policy;
    let real = report::log_line(&record, &policy, b"192.0.2.7:41234", b"id", 0).expect("a denial has a line");
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

/// Plugins as Envoy has them (`configuration`) and as Istio has them (`pluginConfig`), at any depth.
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

fn yaml(text: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(text).map(|part| Value::deserialize(part).expect("YAML")).collect()
}

// --- tables -----------------------------------------------------------------------------------------------------

/// Where each object of the reference stands in [`base`].
const OBJECTS: &[(&str, &str)] = &[
    ("", ""),
    ("source", "/sources/0"),
    ("match", "/sources/0/match"),
    ("transport", "/sources/0/transport"),
    ("forwarded_proto", "/sources/0/transport/insecure_trust_forwarded_proto"),
    ("flood_limit", "/sources/0/flood_limit"),
    ("rate_limit", "/sources/0/rate_limit"),
    ("replay", "/sources/0/replay"),
    ("store", "/sources/0/replay/store"),
    ("authorization", "/sources/0/replay/store/authorization"),
    ("deny", "/sources/0/deny"),
    ("any", "/sources/0/verify/1"),
    ("check", "/sources/0/verify/0"),
    ("secret", "/sources/0/verify/0/secrets/0"),
    ("secrets_by", "/sources/0/verify/1/any/0/secrets_by"),
    ("scheme", "/sources/0/verify/2/scheme"),
    ("credential", "/sources/0/verify/1/any/0/scheme/credential"),
    ("signature", "/sources/0/verify/2/scheme/signature"),
    ("key", "/sources/0/verify/2/scheme/key"),
    ("timestamp", "/sources/0/verify/2/scheme/timestamp"),
    ("event_id", "/sources/0/verify/2/scheme/event_id"),
    ("when", "/sources/0/verify/2/scheme/when"),
    ("jwt", "/sources/0/verify/3/scheme/jwt"),
    ("claim", "/sources/0/verify/3/scheme/jwt/claims/sub"),
    ("event_id", "/sources/0/verify/3/scheme/event_id"),
    ("message_signature", "/sources/0/verify/4/scheme/message_signature"),
    ("http_signature", "/sources/0/verify/5/scheme/http_signature"),
];

/// A valid configuration with every object in it.
fn base() -> Value {
    let secrets = json!([{ "env": "SECRET" }]);
    json!({ "sources": [{
        "name": "base",
        "match": { "path": "/base" },
        "transport": {
            "https": true,
            "insecure_trust_forwarded_proto": { "header": "X-Forwarded-Proto", "from": ["10.0.0.0/8"] },
        },
        "flood_limit": { "failures": 20, "per": "1m" },
        "rate_limit": { "requests": 100, "per": "1m" },
        "replay": { "window": "1h", "store": { "cluster": "webdis", "authorization": { "env": "SECRET" } } },
        "deny": { "status": 418 },
        "verify": [
            { "provider": "stripe", "secrets": secrets },
            { "any": [{
                "scheme": { "credential": { "header": "X-Token" } },
                "secrets_by": { "header": "X-Event", "secrets": { "a": secrets } },
            }] },
            {
                "scheme": {
                    "algorithm": "hmac-sha256",
                    "signature": { "header": "X-Signature", "encoding": "hex" },
                    "signed": "{header:X-Id}.{timestamp}.{body}",
                    "key": { "encoding": "text" },
                    "timestamp": { "header": "X-Time", "unit": "s" },
                    "event_id": { "header": "X-Id" },
                    "when": { "present": "header:X-Signature" },
                },
                "secrets": secrets,
            },
            {
                "scheme": {
                    "jwt": {
                        "at": "header:X-Token",
                        "algorithms": ["HS256"],
                        "claims": { "sub": { "equals": "{body|sha256|hex}", "when": "body" } },
                    },
                    "event_id": { "claim": "jti" },
                },
                "secrets": secrets,
            },
            {
                "scheme": { "message_signature": { "algorithm": "hmac-sha256", "components": ["@method", "@path"] } },
                "secrets": secrets,
            },
            {
                "scheme": { "http_signature": { "algorithm": "hmac-sha256", "header": "X-Signature" } },
                "secrets": secrets,
            },
        ],
    }] })
}

/// The rows of the two tables of keys: type, default, limits, by `object.key`.
fn documented_keys() -> BTreeMap<String, [String; 3]> {
    let mut keys = BTreeMap::new();
    for path in ["docs/configuration.md", "docs/schemes.md"] {
        for row in rows(path, "Every key") {
            let [key, kind, default, limits, _] = row.try_into().expect("five columns");
            let key = unquoted(&key).to_owned();
            assert!(keys.insert(key.clone(), [kind, default, limits]).is_none(), "{path}: {key} stands twice");
        }
    }
    keys
}

#[test]
fn every_key_of_the_configuration_is_documented_and_no_other() {
    load(&base()).expect("the base is valid");
    let documented: BTreeSet<_> = documented_keys().into_keys().collect();
    let known: BTreeSet<_> = OBJECTS
        .iter()
        .flat_map(|(object, pointer)| known_keys(pointer).into_iter().map(|key| name(object, &key)))
        .collect();
    let missing: Vec<_> = known.difference(&documented).map(|key| format!("{key} is not documented")).collect();
    let surplus: Vec<_> = documented.difference(&known).map(|key| format!("{key} is documented and unknown")).collect();
    assert_none(&[missing, surplus].concat());
}

#[test]
fn types_limits_and_necessity_are_documented_as_they_are() {
    let documented = documented_keys();
    let mut wrong = Vec::new();
    for (object, pointer) in OBJECTS {
        for key in known_keys(pointer) {
            let name = name(object, &key);
            let Some([kind, default, limits]) = documented.get(&name) else { continue };
            // Beside `this or that` the other one would be the problem.
            let instead_of = default.strip_prefix("this or ").map(|other| quoted(other, '`')).unwrap_or_default();
            let says = |value: Value| problem_at(pointer, &key, value, &instead_of).unwrap_or_default();
            // `template, or list` is a template, and may be more.
            let kind = kind.split(',').next().unwrap_or_default();
            let fits = match says(Value::Null).strip_prefix("must be ").and_then(|text| text.split(',').next()) {
                Some("text") => ["text", "duration", "time", "template", "value"].contains(&kind),
                Some("text or a list") => kind == "text",
                Some("a whole number") => kind == "number",
                Some("true or false") => kind == "boolean",
                Some("a list") => kind.starts_with("list of "),
                _ => !["text", "duration", "time", "template", "value", "number", "boolean"].contains(&kind),
            };
            if !fits {
                wrong.push(format!("{name}: {kind} is not its type: {}", says(Value::Null)));
            }
            let said = [says(json!("zzzz")), says(json!(u64::MAX))];
            for text in &said {
                if let Some(words) = text.strip_prefix("must be one of ") {
                    if quoted(words, '"') != quoted(limits, '`') {
                        wrong.push(format!("{name}: {limits} are not its words: {words}"));
                    }
                } else if let Some(range) = text.split(" from ").nth(1).and_then(|rest| rest.split(',').next())
                    && !limits.contains(range)
                {
                    wrong.push(format!("{name}: {limits} is not its range: {range}"));
                }
            }
            let lacking = format!("lacks \"{key}\"");
            let needed =
                problems_with(pointer, &key, None, &BTreeSet::new()).iter().any(|(_, message)| *message == lacking);
            if needed != (default == "required") {
                wrong.push(format!("{name}: {default} in the column of defaults, and it is needed: {needed}"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn defaults_are_documented_as_they_are() {
    let verify = json!({ "provider": "stripe", "secrets": [{ "env": "SECRET" }] });
    let config = json!({ "sources": [{ "name": "a", "match": { "path": "/a" }, "verify": verify }] });
    let policy = load(&config).expect("it is valid").policy;
    let source = &policy.sources[0];
    let check = source.requirement.as_ref().and_then(|requirement| requirement.checks().next()).expect("a check");
    assert_eq!((policy.body_hold, policy.unmatched), (BodyHold::Filter, Unmatched::Deny));
    assert_eq!((source.mode, source.max_body_bytes), (Mode::Enforce, None));
    assert!(source.credential_headers.is_empty());
    assert_eq!(source.deny_status, 401);
    assert_eq!(check.scheme().tolerance(), Some(Duration::from_secs(300)));
    assert_eq!(source.shape, ShapeRule::default());
    let (window, cluster) = (json!({ "window": "1h" }), json!({ "window": "1h", "store": { "cluster": "webdis" } }));
    let replay = |replay: &Value| {
        let mut config = config.clone();
        config["sources"][0]["replay"] = replay.clone();
        let mut sources = load(&config).expect("it is valid").policy.sources;
        sources.pop().and_then(|source| source.replay).expect("a rule")
    };
    let (plain, stored) = (replay(&window), replay(&cluster));
    assert_eq!((plain.when_full, plain.duplicate), (WhenFull::Refuse, OnDuplicate::Answer(200)));
    assert_eq!((plain.entries, plain.give_back_from, plain.unsigned_id), (100_000, 500, None));
    let store = stored.store.expect("a store");
    assert_eq!((store.kind, store.when_unavailable), (Kind::Webdis, WhenUnavailable::Refuse));
    assert_eq!((store.timeout, store.path.as_str()), (Duration::from_millis(250), ""));

    let documented = documented_keys();
    let seconds = format!("`{}s`", Duration::as_secs(&policy.stall_timeout));
    for (key, default) in [
        ("body_hold", "`filter`"),
        ("unmatched", "`deny`"),
        ("stall_timeout", seconds.as_str()),
        ("source.mode", "`enforce`"),
        ("source.max_body_bytes", "none"),
        ("source.deny", "the provider's, or 401"),
        ("source.remove_credentials", "`false`"),
        ("secret.insecure_short_secret", "`false`"),
        ("source.methods", "any"),
        ("source.content_encodings", "none"),
        ("source.query", "`allow`"),
        ("transport.https", "`false`"),
        ("transport.client_certificate", "`false`"),
        ("flood_limit.burst", "`failures`"),
        ("rate_limit.burst", "`requests`"),
        ("rate_limit.by", "`source`"),
        ("replay.insecure_unsigned_id", "`false`"),
        ("replay.entries", "`100000`"),
        ("replay.when_full", "`refuse`"),
        ("replay.duplicate", "`200`"),
        ("replay.give_back_from", "`500`"),
        ("store.kind", "`webdis`"),
        ("store.authority", "the cluster's name"),
        ("store.timeout", "`250ms`"),
        ("store.unavailable", "`refuse`"),
        ("timestamp.tolerance", "`5m`"),
        ("message_signature.max_age", "`5m`"),
        ("http_signature.max_age", "`5m`"),
        ("jwt.leeway", "`0s`"),
        ("signature.position", "`all`"),
    ] {
        assert_eq!(documented[key][1], default, "{key}");
    }
}

#[test]
fn the_words_of_a_scheme_are_documented_and_no_others() {
    let scheme = "/sources/0/verify/2/scheme";
    for (heading, pointer, key) in [
        ("Algorithms", scheme.to_owned(), "algorithm"),
        ("Encodings", format!("{scheme}/signature"), "encoding"),
        ("Keys", format!("{scheme}/key"), "encoding"),
        ("`timestamp`", format!("{scheme}/timestamp"), "unit"),
    ] {
        let said = problem_at(&pointer, key, json!("zzzz"), &BTreeSet::new()).unwrap_or_default();
        let documented = first_cells("docs/schemes.md", heading);
        assert_eq!(quoted(&said, '"'), documented, "docs/schemes.md: the table below {heading}");
    }
    let text = read("docs/schemes.md");
    for (name, _) in JwtAlgorithm::NAMES {
        assert!(text.contains(&format!("`{name}`")), "docs/schemes.md lacks {name}");
    }
}

#[test]
fn the_values_of_a_scheme_are_documented_and_no_others() {
    let path = "docs/schemes.md";
    let with = |_: &str| Some("https://hooks.example.com".to_owned());
    let mut roots = first_cells(path, "Roots");
    roots.extend(first_cells(path, "Built-ins"));
    let filters = first_cells(path, "Filters");
    let mut wrong = Vec::new();
    let texts = roots.iter().cloned().chain(filters.iter().map(|filter| format!("body|{filter}")));
    for text in texts {
        if let Err(error) = Expression::parse(&text, &with) {
            wrong.push(format!("{path}: {text}: {error:?}"));
        }
    }
    assert_none(&wrong);
    let names = |texts: &BTreeSet<String>| {
        let pairs = texts.iter().map(|text| text.split_once(':').map_or((text.as_str(), ""), |(name, _)| (name, ":")));
        pairs.map(|(name, colon)| format!("{name}{colon}")).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&roots), parsed_words("src/verify/expression/root.rs"), "{path}: roots");
    assert_eq!(names(&filters), parsed_words("src/verify/expression/filter.rs"), "{path}: filters");
}

/// The words that the function `parse` of a file compares with; those that take a name behind a colon end in one.
fn parsed_words(path: &str) -> BTreeSet<String> {
    let text = read(path);
    let (_, parse) = text.split_once("fn parse(").expect("it has a parser");
    let (parse, _) = parse.split_once("\n    }\n").expect("it ends");
    let (named, plain) = parse.rsplit_once("match text {").expect("it compares words");
    let word = |line: &str| line.trim().strip_prefix('"')?.split_once('"').map(|(word, _)| word.to_owned());
    let mut words: BTreeSet<_> = plain.lines().filter_map(word).collect();
    words.extend(named.lines().filter_map(word).map(|word| format!("{word}:")));
    words.extend(quoted(named, '"').into_iter().filter(|word| word.ends_with(':')));
    words
}

/// The words in backticks in the first column of a table.
fn first_cells(path: &str, heading: &str) -> BTreeSet<String> {
    rows(path, heading).iter().flat_map(|row| quoted(&row[0], '`')).collect()
}

#[test]
fn senders_that_the_reference_names_use_what_they_stand_beside() {
    let mut wrong = Vec::new();
    for heading in ["Roots", "Filters", "Built-ins", "Algorithms", "Encodings", "Keys", "`timestamp`"] {
        for row in rows("docs/schemes.md", heading) {
            let words = quoted(&row[0], '`');
            let names: Vec<_> = words.iter().map(|word| word.split(':').next().unwrap_or_default()).collect();
            for sender in quoted(row.last().expect("a column"), '`') {
                let scheme = config::providers::text(&sender).unwrap_or_default();
                if !names.iter().any(|name| scheme.contains(name)) {
                    wrong.push(format!("docs/schemes.md: {heading}: {sender} has none of {}", row[0]));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn weaknesses_are_documented_as_they_are_said() {
    let source = read("src/config/weakness.rs");
    let said: BTreeSet<_> = quoted(&source, '"').into_iter().filter(|text| text.contains(' ')).collect();
    assert_eq!(weaknesses(), said, "docs/configuration.md: the table below Weak schemes");
}

#[test]
fn the_table_of_denials_is_the_code() {
    let shown: Vec<_> = rows("docs/denials.md", "Denials").into_iter().map(|row| row[..3].to_vec()).collect();
    let real: Vec<_> = Denial::ALL
        .iter()
        .map(|denial| {
            let (status, is_proof) = status(*denial);
            let star = if is_proof { "*" } else { "" };
            vec![format!("`{denial}`"), format!("{status}{star}"), denial.meaning().trim().to_owned()]
        })
        .collect();
    for (shown, real) in shown.iter().zip(&real) {
        assert_eq!(shown, real, "docs/denials.md; the row should begin | {} |", real.join(" | "));
    }
    assert_eq!(shown.len(), real.len(), "docs/denials.md: the number of rows");
    assert!(rows("docs/denials.md", "Denials").iter().all(|row| !row[3].is_empty()), "each says what to do");
}

#[test]
fn the_table_of_denials_in_the_readme_is_complete_and_true() {
    let mut left: BTreeSet<_> = Denial::ALL.iter().map(|denial| denial.code().to_owned()).collect();
    for row in rows("README.md", "Denials") {
        for code in quoted(&row[1], '`') {
            assert!(left.remove(&code), "README.md: {code} is no code, or stands twice");
            assert_eq!(row[0], status(denial(&code).expect("a code")).0.to_string(), "README.md: the status of {code}");
        }
    }
    assert!(left.is_empty(), "README.md: its table of denials lacks {left:?}");
}

#[test]
fn metrics_are_documented_under_their_names() {
    let rows = rows("docs/operations.md", "Metrics");
    let names: Vec<_> = rows.iter().map(|row| unquoted(&row[0])).collect();
    for name in [report::BYTES_HASHED, report::SOURCES_CLOSED, report::SECRETS_EXPIRING] {
        assert!(names.contains(&format!("wasmcustom.{name}").as_str()), "docs/operations.md lacks {name}");
    }
    let policy = load(&base()).expect("the base is valid").policy;
    let tally = Tally {
        source: Some(0),
        remembered: 1,
        dropped: 1,
        given_back: 1,
        stuck: 1,
        store_failures: 1,
        duplicates_passed: 1,
        ..Tally::default()
    };
    let of_memory = report::memory_metrics(&tally, &policy);
    assert_eq!(of_memory.len(), 6);
    for (name, _, _) in of_memory {
        let name = format!("wasmcustom.{}", name.replace(".base.", ".<source>."));
        assert!(names.contains(&name.as_str()), "docs/operations.md lacks {name}");
    }
    let record = hookwarden::step::Record::denied(Some(0), Denial::SignatureMismatch.into(), 0);
    for counter in report::counters(&record, &policy) {
        let name = counter.name(record.source, &policy);
        let name = name.replace(".base.", ".<source>.");
        let name = name.replace(".requests.denied", ".requests.<outcome>");
        let name = format!("wasmcustom.{}", name.replace(".denials.signature_mismatch", ".denials.<code>"));
        assert!(names.contains(&name.as_str()), "docs/operations.md lacks {name}");
    }
}

/// The status of a denial, and whether a source may choose another with `deny`.
fn status(denial: Denial) -> (u16, bool) {
    let policy = load(&base()).expect("the base is valid").policy;
    let source: &Source = &policy.sources[0];
    let own = report::reply(denial, Some(source), None).status;
    if own == source.deny_status { (report::reply(denial, None, None).status, true) } else { (own, false) }
}

/// The keys that the parser takes in an object, by its own words.
fn known_keys(pointer: &str) -> Vec<String> {
    let unknown = "zzzzzzzzzzzzzzzzzzzz";
    let message = problem_at(pointer, unknown, Value::Null, &BTreeSet::new()).expect("an unknown key is a problem");
    let (_, known) = message.split_once("known are ").unwrap_or_else(|| panic!("{pointer}: {message}"));
    quoted(known, '"').into_iter().collect()
}

/// What is said of a key of the base, if it has this value and stands instead of others.
fn problem_at(pointer: &str, key: &str, value: Value, instead_of: &BTreeSet<String>) -> Option<String> {
    let path = format!("{}.{key}", json_path(pointer));
    let problems = problems_with(pointer, key, Some(value), instead_of);
    problems.into_iter().find(|(at, _)| *at == path).map(|(_, message)| message)
}

/// The problems of the base with a key set to a value, or taken away, and without some others.
fn problems_with(pointer: &str, key: &str, value: Option<Value>, without: &BTreeSet<String>) -> Vec<(String, String)> {
    let mut config = base();
    let object = config.pointer_mut(pointer).and_then(Value::as_object_mut).expect("the base has this object");
    object.retain(|name, _| name != key && !without.contains(name));
    object.extend(value.map(|value| (key.to_owned(), value)));
    match load(&config) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into_iter().map(|problem| (problem.path.to_string(), problem.message)).collect(),
    }
}

fn json_path(pointer: &str) -> String {
    pointer.split('/').skip(1).fold("$".to_owned(), |path, part| match part.parse::<usize>() {
        Ok(position) => format!("{path}[{position}]"),
        Err(_) => format!("{path}.{part}"),
    })
}

fn name(object: &str, key: &str) -> String {
    if object.is_empty() { key.to_owned() } else { format!("{object}.{key}") }
}

// --- the command --------------------------------------------------------------------------------------------------

/// The built command's answer to these arguments.
fn told(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookwarden"));
    let output = command.args(arguments).env("GITHUB_WEBHOOK_SECRET", secret("")).output().expect("the command starts");
    assert!(
        output.status.code().is_some_and(|code| code < 2),
        "hookwarden {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the command writes UTF-8")
}

/// The commands below this one, by its help.
fn commands_below(command: &[&str]) -> Vec<String> {
    let help = told(&[command, &["--help"]].concat());
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every command with what may be said behind it, such as `secret new`.
fn commands() -> Vec<String> {
    let mut all = Vec::new();
    for name in commands_below(&[]) {
        let below = commands_below(&[&name]);
        if below.is_empty() {
            all.push(name);
        } else {
            all.extend(below.iter().map(|below| format!("{name} {below}")));
        }
    }
    all
}

/// The long options of a command, by its help.
fn options(command: &str) -> BTreeSet<String> {
    let words: Vec<_> = command.split(' ').chain(["--help"]).collect();
    let help = told(&words);
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    // What stands behind the first one explains it, and may name others.
    let first = |line: &str| line.split([' ', ',', '[', '=']).find(|word| word.starts_with("--")).map(str::to_owned);
    lines.filter_map(first).collect()
}

/// The words of a text that are long options.
fn long_options(text: &str) -> BTreeSet<String> {
    let is_part = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    let words = text.split(|char: char| !is_part(char)).filter(|word| word.starts_with("--") && word.len() > 2);
    words.map(str::to_owned).collect()
}

/// The sections of `docs/command.md`, by the commands in their headings.
fn sections() -> BTreeMap<String, String> {
    let text = read("docs/command.md");
    let mut sections = BTreeMap::new();
    for section in text.split("\n## ").skip(1) {
        let (heading, body) = section.split_once('\n').expect("a section has a text");
        for name in quoted(heading, '`').iter().filter_map(|name| name.strip_prefix("hookwarden ")) {
            assert!(
                sections.insert(name.to_owned(), body.to_owned()).is_none(),
                "docs/command.md: {name} stands twice"
            );
        }
    }
    sections
}

#[test]
fn every_command_has_its_section_and_every_option_stands_in_it() {
    let (commands, sections) = (commands(), sections());
    let documented: BTreeSet<_> = sections.keys().cloned().collect();
    assert_eq!(documented, commands.iter().cloned().collect(), "docs/command.md: its sections, and the commands");
    let mut wrong = Vec::new();
    let mut known = BTreeSet::from(["--help".to_owned(), "--version".to_owned()]);
    for command in &commands {
        let (options, documented) = (options(command), long_options(&prose(&sections[command])));
        let missing = options.difference(&documented).filter(|option| *option != "--help");
        wrong.extend(missing.map(|option| format!("docs/command.md: {command} lacks {option}")));
        known.extend(options);
    }
    for (command, section) in &sections {
        let mentioned = quoted(&prose(section), '`');
        let mentioned = mentioned.iter().filter(|words| words.starts_with("--")).flat_map(|words| long_options(words));
        let surplus = mentioned.filter(|option| !known.contains(option));
        wrong.extend(surplus.map(|option| format!("docs/command.md: {command}: there is no {option}")));
    }
    assert_none(&wrong);
}

#[test]
fn commands_that_are_shown_take_the_options_they_are_shown_with() {
    let commands: BTreeMap<_, _> = commands().into_iter().map(|name| (name.clone(), options(&name))).collect();
    let mut wrong = Vec::new();
    let mut shown = BTreeSet::new();
    for block in blocks_of("sh") {
        let text = block.text.replace("\\\n", " ");
        let parts = text.lines().flat_map(|line| line.split(['|', ';', '(', ')'])).flat_map(|part| part.split("&&"));
        for part in parts {
            let part = part.split(" #").next().unwrap_or_default().trim();
            let part = part.split_once("--bin hookwarden -- ").map_or(part, |(_, rest)| rest);
            let Some(call) = part.strip_prefix("hookwarden ") else { continue };
            let found = commands.iter().find(|(name, _)| format!("{call} ").starts_with(&format!("{name} ")));
            let Some((name, options)) = found else {
                wrong.push(format!("{}: there is no {part}", block.place));
                continue;
            };
            shown.insert(name.clone());
            let surplus: Vec<_> = long_options(call).difference(options).cloned().collect();
            wrong.extend(surplus.iter().map(|option| format!("{}: {name} has no {option}", block.place)));
        }
    }
    let without = commands.keys().filter(|name| !shown.contains(*name));
    wrong.extend(without.map(|name| format!("no example shows {name}")));
    assert_none(&wrong);
}

#[test]
fn the_codes_of_check_are_documented_as_they_are() {
    let codes: Value = serde_json::from_str(&told(&["check", "--codes", "--format", "json"])).expect("JSON");
    let text = |code: &Value, name: &str| code[name].as_str().unwrap_or_default().to_owned();
    let link = |code: &Value| {
        let docs = text(code, "docs");
        let place = docs.strip_prefix("docs/").map_or(format!("../{docs}"), str::to_owned);
        let (_, anchor) = docs.split_once('#').expect("a section");
        format!("[{}]({place})", anchor.replace('-', " "))
    };
    let real: Vec<_> = codes
        .as_array()
        .expect("a list")
        .iter()
        .map(|code| vec![format!("`{}`", text(code, "code")), text(code, "severity"), text(code, "about"), link(code)])
        .collect();
    let shown = rows("docs/command.md", "Codes of `check`");
    for real in &real {
        assert!(shown.contains(real), "docs/command.md lacks the row | {} |", real.join(" | "));
    }
    assert_eq!(shown.len(), real.len(), "docs/command.md: the number of codes");
}

#[test]
fn what_programs_read_is_documented() {
    let folder = env::temp_dir().join(format!("hookwarden-docs-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    let path = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file can be written");
        path.to_str().expect("the path is UTF-8").to_owned()
    };
    let verify = json!({ "provider": "github", "secrets": [{ "env": "GITHUB_WEBHOOK_SECRET" }] });
    let source = json!({ "name": "github", "match": { "path": "/github" }, "verify": verify });
    let config = path("hookwarden.json", &json!({ "sources": [source] }).to_string());
    let request = "POST /github HTTP/1.1\r\nHost: a\r\nX-Hub-Signature-256: sha256=00\r\n\r\n{}";
    let request_file = path("request.http", request);
    let batch = path("batch.jsonl", &json!({ "id": 1, "request": request }).to_string());
    let sections = sections();
    let mut wrong = Vec::new();
    for (command, arguments) in [
        ("check", vec!["check", &config, "--format", "json"]),
        ("explain", vec!["explain", &config, &request_file, "--format", "json"]),
        ("explain", vec!["explain", &config, "--batch", &batch]),
        ("senders", vec!["senders", "stripe", "--format", "json"]),
        ("secret new", vec!["secret", "new", "--for", "github", "--format", "json"]),
        ("rotate", vec!["rotate", &config, "--source", "github", "--format", "json"]),
        ("sign", vec!["sign", "--provider", "github", "--secret-env", "GITHUB_WEBHOOK_SECRET", "--as", "json"]),
    ] {
        let answer: Value =
            serde_json::from_str(&told(&arguments)).unwrap_or_else(|error| panic!("{command}: {error}"));
        // What stands in a scheme and a source is documented where those are.
        let depth = if command == "senders" { 1 } else { 4 };
        let missing = members(&answer, depth);
        let documented = quoted(&sections[command], '`');
        let names = |words: &String| words.split(['.', ' ', ',']).map(str::to_owned).collect::<Vec<_>>();
        let documented: BTreeSet<_> = documented.iter().flat_map(names).collect();
        wrong.extend(missing.difference(&documented).map(|name| format!("docs/command.md: {command} lacks `{name}`")));
    }
    let _ = fs::remove_dir_all(&folder);
    assert_none(&wrong);
}

/// The names of a value's members, so deep; a list counts as its elements.
fn members(value: &Value, depth: usize) -> BTreeSet<String> {
    match value {
        Value::Array(list) => list.iter().flat_map(|element| members(element, depth)).collect(),
        Value::Object(own) if depth > 0 => {
            own.iter().flat_map(|(name, value)| members(value, depth - 1).into_iter().chain([name.clone()])).collect()
        }
        _ => BTreeSet::new(),
    }
}

// --- words and links ----------------------------------------------------------------------------------------------

#[test]
fn the_readme_has_the_steps_of_the_decision() {
    let steps = |text: &str| {
        let lines = text.lines().map(|line| line.trim_start_matches("//!").trim_start());
        let numbered = lines.filter(|line| line.starts_with(|char: char| char.is_ascii_digit()));
        let titles = numbered.filter_map(|line| line.split_once(".**")?.0.split_once(". **"));
        titles.map(|(number, title)| format!("{number}. {title}")).collect::<Vec<_>>()
    };
    let readme = read("README.md");
    let decision = readme.split("\n## ").find(|section| section.starts_with("The decision\n")).expect("it is there");
    let real = steps(&read("src/lib.rs"));
    assert!(real.len() > 5, "src/lib.rs has the decision");
    assert_eq!(steps(decision), real, "README.md, and src/lib.rs");
}

#[test]
fn every_code_that_is_mentioned_exists() {
    let mut unknown = Vec::new();
    for document in documents() {
        for mark in ["code=", "code\":\"", "code=\"", "code=~\""] {
            for (_, rest) in document.text.match_indices(mark).map(|(at, _)| document.text.split_at(at + mark.len())) {
                let codes = rest.split(|char: char| !char.is_ascii_lowercase() && !"_|".contains(char)).next();
                let codes = codes.unwrap_or_default().split('|').filter(|code| !code.is_empty());
                unknown.extend(
                    codes.filter(|code| denial(code).is_none()).map(|code| format!("{}: {code}", document.path)),
                );
            }
        }
    }
    assert_none(&unknown);
}

#[test]
fn every_identifier_in_backticks_exists() {
    let mut known: String = files_below(&["src", "envoy", "providers", ".ci"]).into_iter().map(read).collect();
    known.extend(["Makefile", "Cargo.toml"].map(read));
    known.extend(all_blocks().into_iter().map(|block| block.text));
    let mut unknown = Vec::new();
    for document in documents() {
        let identifiers = quoted(&prose(&document.text), '`');
        let identifiers = identifiers.iter().filter(|word| {
            word.contains('_')
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        });
        unknown.extend(
            identifiers
                .filter(|word| !known.contains(word.trim_start_matches("hookwarden_")))
                .map(|word| format!("{}: {word}", document.path)),
        );
    }
    assert_none(&unknown);
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let folder = Path::new(&document.path).parent().unwrap_or(Path::new("")).to_owned();
        let text = prose(&document.text);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { PathBuf::from(&document.path) } else { folder.join(file) };
            let full = root().join(&path);
            let anchored =
                anchor.is_empty() || fs::read_to_string(&full).is_ok_and(|text| anchors(&text).contains(anchor));
            if !full.exists() || !anchored {
                broken.push(format!("{}: {target}", document.path));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn make_targets_that_are_mentioned_exist() {
    let makefile = read("Makefile");
    let is_target = |word: &str| makefile.lines().any(|line| line.starts_with(&format!("{word}:")));
    let mut unknown = Vec::new();
    for document in documents() {
        for (at, mark) in document.text.match_indices("make ") {
            let (before, rest) = (&document.text[..at], &document.text[at + mark.len()..]);
            let word: String = rest.chars().take_while(|char| char.is_ascii_lowercase() || *char == '-').collect();
            if (before.ends_with('`') || before.ends_with('\n')) && !is_target(&word) {
                unknown.push(format!("{}: make {word}", document.path));
            }
        }
    }
    assert_none(&unknown);
}

/// The anchors that GitHub makes of the headings.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let kept = |char: &char| char.is_alphanumeric() || " -_".contains(*char);
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

// --- documents ------------------------------------------------------------------------------------------------------

/// A file with prose.
struct Document {
    path: String,
    text: String,
}

/// A fenced block.
struct Block {
    /// The document, and the line of its fence.
    place: String,
    language: String,
    /// What follows the language.
    words: Vec<String>,
    text: String,
}

fn documents() -> Vec<Document> {
    let mut paths: Vec<_> = ["README.md", "CHANGELOG.md", "SECURITY.md"].map(str::to_owned).into();
    paths.extend(files_below(&["docs"]).into_iter().filter(|path| path.ends_with(".md")));
    paths.into_iter().map(|path| Document { text: read(&path), path }).collect()
}

fn all_blocks() -> Vec<Block> {
    documents().iter().flat_map(blocks).collect()
}

fn blocks_of(language: &str) -> Vec<Block> {
    all_blocks().into_iter().filter(|block| block.language == language).collect()
}

fn blocks(document: &Document) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = document.text.lines().zip(1..);
    while let Some((fence, number)) = lines.next() {
        let Some(info) = fence.trim_start().strip_prefix("```") else { continue };
        let indent = fence.len() - fence.trim_start().len();
        let mut words = info.split_whitespace().map(str::to_owned);
        let text = lines.by_ref().map(|(line, _)| line).take_while(|line| line.trim() != "```");
        let text: String = text.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect();
        let language = words.next().unwrap_or_default();
        blocks.push(Block { place: format!("{}:{number}", document.path), language, words: words.collect(), text });
    }
    blocks
}

/// The text without its fenced blocks.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// The rows of the first table below a heading, without its head, as cells.
fn rows(path: &str, heading: &str) -> Vec<Vec<String>> {
    let text = read(path);
    let mut lines = text.lines().skip_while(|line| line.trim_start_matches('#') != format!(" {heading}"));
    let table: Vec<_> =
        lines.by_ref().skip_while(|line| !line.starts_with('|')).take_while(|l| l.starts_with('|')).collect();
    assert!(table.len() > 2, "{path}: there is a table below {heading}");
    let cells = |line: &&str| {
        let inner = line.trim().trim_start_matches('|').strip_suffix('|').unwrap_or_default();
        inner.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let rows: Vec<_> = table.iter().skip(2).map(cells).collect();
    let columns = cells(&table[0]).len();
    for row in &rows {
        assert_eq!(row.len(), columns, "{path}: the columns of {row:?}");
    }
    rows
}

/// Every text between two of `mark`.
fn quoted(text: &str, mark: char) -> BTreeSet<String> {
    text.split(mark).skip(1).step_by(2).map(str::to_owned).collect()
}

fn unquoted(cell: &str) -> &str {
    cell.trim_matches('`')
}

fn denial(code: &str) -> Option<Denial> {
    Denial::ALL.iter().copied().find(|denial| denial.code() == code)
}

fn load(configuration: &Value) -> Result<Loaded, Vec<config::problem::Problem>> {
    config::load(configuration.to_string().as_bytes(), &variable)
}

/// An environment in which every variable is set.
fn variable(name: &str) -> Option<String> {
    Some(secret(name))
}

/// A secret of the form that the name promises: nearly all fit every scheme.
fn secret(name: &str) -> String {
    let text = match name {
        _ if name.contains("ANYMAIL") => "anymail:a-long-password-0123456789",
        // RFC 8032, section 7.1, test 1.
        _ if name.ends_with("_PUBLIC_KEY") => "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        _ => "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
    };
    text.to_owned()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<str>) -> String {
    let path = path.as_ref();
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn read_json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of all text files in these folders, at any depth, sorted.
fn files_below(folders: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).is_ok() {
                let path = path.strip_prefix(root()).expect("it is below the root");
                files.push(path.to_str().expect("paths are UTF-8").to_owned());
            }
        }
    }
    files.sort();
    files
}

#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
