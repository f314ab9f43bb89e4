//! Envoy with one filter or another. Each is a process of its own with one worker, and the bootstrap of the repository
//! without its access log.

use std::any::Any;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::authorizer::start_authorizer;
use crate::check::{Check, PASSWORD, SECRET, SIGNED, USER};
use crate::harness::Proxy;
use crate::harness::bootstrap::{self, Hold, at};
use crate::harness::capabilities::written;
use crate::harness::launch::Setup;
use crate::nginx::password_file;
use crate::peer::{Absent, Peer};

const FILTERS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const MANY: u32 = 10_000;

/// What starts a peer.
pub type Start = fn(SocketAddr) -> Result<Peer, Absent>;

pub const ALL: [Start; 13] = [
    plain,
    noop,
    bare,
    obligatory,
    lua,
    ext_authz,
    basic_auth,
    hookwarden,
    guarded,
    many_sources,
    held_by_chain,
    plain_logged,
    logged,
];

fn plain(upstream: SocketAddr) -> Result<Peer, Absent> {
    start(
        Describe { id: "envoy", title: "Envoy, no filter", about: "envoy/envoy.yaml without the filter" },
        &[Check::Off],
        &without(upstream),
    )
}

fn noop(upstream: SocketAddr) -> Result<Peer, Absent> {
    let setup = wasm(upstream, "bench_noop.wasm")?;
    let about = "benches/filters/noop.rs";
    start(Describe { id: "noop", title: "Envoy, wasm that does nothing", about }, &[Check::Off], &setup)
}

fn bare(upstream: SocketAddr) -> Result<Peer, Absent> {
    let setup = wasm(upstream, "bench_bare.wasm")?;
    let about = "benches/filters/bare.rs: one header, the body, one HMAC";
    start(Describe { id: "bare", title: "Envoy, wasm, one HMAC only", about }, &[Check::One], &setup)
}

fn obligatory(upstream: SocketAddr) -> Result<Peer, Absent> {
    let setup = wasm(upstream, "bench_obligatory.wasm")?;
    let about = "benches/filters/obligatory.rs: the same with every call of the host that hookwarden cannot do without";
    let title = "Envoy, wasm, HMAC and obligatory calls";
    start(Describe { id: "obligatory", title, about }, &[Check::One, Check::Basic], &setup)
}

fn lua(upstream: SocketAddr) -> Result<Peer, Absent> {
    let mut keys = String::new();
    for check in SIGNED {
        let secrets: Vec<_> = check.secrets().iter().map(|secret| format!("key(\"{secret}\")")).collect();
        let _ = writeln!(keys, "    [\"{}\"] = {{ {} }},", check.path(), secrets.join(", "));
    }
    let code = include_str!("hmac.lua").replace("__KEYS__", &keys);
    let filter = typed("lua.v3.Lua", json!({ "default_source_code": { "inline_string": code } }));
    let about = "benches/peers/hmac.lua: HMAC-SHA256 in LuaJIT, for the filter's API has no digest";
    start(Describe { id: "lua", title: "Envoy, Lua", about }, &SIGNED, &with_filter(without(upstream), "lua", filter))
}

fn ext_authz(upstream: SocketAddr) -> Result<Peer, Absent> {
    let (service, address) = start_authorizer()?;
    let filter = typed(
        "ext_authz.v3.ExtAuthz",
        json!({
            "transport_api_version": "V3",
            "failure_mode_allow": false,
            "with_request_body": { "max_request_bytes": 4 << 20, "allow_partial_message": false },
            "allowed_headers": { "patterns": [{ "exact": "x-hub-signature-256" }] },
            "http_service": {
                "server_uri": { "uri": format!("http://{address}"), "cluster": "authorizer", "timeout": "10s" },
            },
        }),
    );
    let setup = with_filter(without(upstream), "ext_authz", filter).edit(move |bootstrap, _| {
        let mut cluster = bootstrap::cluster(bootstrap, "receiver").clone();
        cluster["name"] = json!("authorizer");
        cluster["load_assignment"]["cluster_name"] = json!("authorizer");
        bootstrap::set_endpoint(&mut cluster, address);
        at(bootstrap, "/static_resources/clusters").as_array_mut().expect("a list").push(cluster);
    });
    let about = "benches/peers/authorizer.rs over HTTP/1.1: threads, native SHA-256. The time of both processes";
    let mut peer =
        start(Describe { id: "ext_authz", title: "Envoy, ext_authz to a Rust service", about }, &SIGNED, &setup)?;
    peer.pids.push(service.envoy.id());
    peer.processes.push(Box::new(service));
    Ok(peer)
}

fn basic_auth(upstream: SocketAddr) -> Result<Peer, Absent> {
    let filter = typed("basic_auth.v3.BasicAuth", json!({ "users": { "inline_string": password_file() } }));
    let describe =
        Describe { id: "basic_auth", title: "Envoy, its own basic auth", about: "envoy.filters.http.basic_auth" };
    start(describe, &[Check::Basic], &with_filter(without(upstream), "basic_auth", filter))
}

fn hookwarden(upstream: SocketAddr) -> Result<Peer, Absent> {
    let about = "one process with a source for each check; no guard but the size of the body. Here and in all rows of \
                 hookwarden, Envoy calls what the configuration needs, as `hookwarden manifest` writes it";
    let checks = [Check::One, Check::Two, Check::Eight, Check::Basic];
    let sources = checks.into_iter().map(source).collect();
    start(Describe { id: "hookwarden", title: "hookwarden", about }, &checks, &ours(upstream, sources))
}

fn guarded(upstream: SocketAddr) -> Result<Peer, Absent> {
    let networks: Vec<_> =
        (0..19).map(|number| format!("198.51.{number}.0/24")).chain(["127.0.0.0/8".to_owned()]).collect();
    let mut source = source(Check::One);
    for (name, value) in [
        ("methods", json!(["POST"])),
        ("query", json!("deny")),
        ("allow_from", json!(networks)),
        ("replay", json!({ "window": "1h", "entries": 100_000 })),
        ("rate_limit", json!({ "requests": 1_000_000, "per": "1s" })),
        ("flood_limit", json!({ "failures": 1_000_000, "per": "1s" })),
    ] {
        source[name] = value;
    }
    let about =
        "methods, query, 20 networks, a replay memory, a rate limit and a flood limit; each request is a new event";
    start(
        Describe { id: "guarded", title: "hookwarden, every guard", about },
        &[Check::One],
        &ours(upstream, vec![source]),
    )
}

fn many_sources(upstream: SocketAddr) -> Result<Peer, Absent> {
    let other = |number: u32| {
        let verify = json!({ "provider": "github", "secrets": [{ "value": SECRET }] });
        json!({ "name": format!("other-{number}"), "match": { "path": format!("/{number}") }, "verify": verify })
    };
    let sources: Vec<_> = (1..MANY).map(other).chain([source(Check::One)]).collect();
    let describe =
        Describe { id: "many", title: "hookwarden, 10,000 sources", about: "the request belongs to the last one" };
    // As for one of them, since all are alike and the command takes half a minute for all.
    let capabilities = written(&json!({ "sources": [source(Check::One)] }));
    let setup = Setup { bare_upstream: Some(upstream), ..Setup::new(json!({ "sources": sources })) };
    start(describe, &[Check::One], &setup.restricted_to(capabilities))
}

fn held_by_chain(upstream: SocketAddr) -> Result<Peer, Absent> {
    let setup = ours(upstream, vec![source(Check::One)]).body_hold(Hold::Chain);
    let about = "envoy/envoy-chain.yaml: Envoy's buffer filter holds the request";
    start(Describe { id: "chain", title: "hookwarden, held by the chain", about }, &[Check::One], &setup)
}

fn plain_logged(upstream: SocketAddr) -> Result<Peer, Absent> {
    let setup = with_access_log(without(upstream));
    let describe = Describe {
        id: "envoy-logged",
        title: "Envoy, no filter, access log",
        about: "the access log of envoy/envoy.yaml",
    };
    Ok(Peer { baseline: "envoy-logged", ..start(describe, &[Check::Off], &setup)? })
}

fn logged(upstream: SocketAddr) -> Result<Peer, Absent> {
    let setup = with_access_log(ours(upstream, vec![source(Check::One)]));
    let peer = start(
        Describe { id: "logged", title: "hookwarden, access log", about: "the access log of envoy/envoy.yaml" },
        &[Check::One],
        &setup,
    )?;
    Ok(Peer { baseline: "envoy-logged", ..peer })
}

fn source(check: Check) -> Value {
    let verify = if check == Check::Basic {
        json!({ "provider": "basic", "secrets": [{ "value": format!("{USER}:{PASSWORD}") }] })
    } else {
        let secrets: Vec<_> = check.secrets().iter().map(|secret| json!({ "value": secret })).collect();
        json!({ "provider": "github", "secrets": secrets })
    };
    json!({ "name": check.name(), "match": { "path": check.path() }, "verify": verify, "max_body_bytes": 4 << 20 })
}

fn ours(upstream: SocketAddr, sources: Vec<Value>) -> Setup {
    Setup { bare_upstream: Some(upstream), ..Setup::new(json!({ "sources": sources })) }.restricted()
}

fn without(upstream: SocketAddr) -> Setup {
    Setup { bare_upstream: Some(upstream), ..Setup::new(json!({})) }.hold(Hold::NoFilter)
}

fn wasm(upstream: SocketAddr, name: &str) -> Result<Setup, Absent> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let default = root.join("target/wasm32-wasip1/release/examples");
    let folder = std::env::var_os("HOOKWARDEN_BENCH_FILTERS").map_or(default, PathBuf::from);
    let module = root.join(folder).join(name);
    if !module.exists() {
        return Err(Absent::Missing(format!("{name}, which make bench-peers builds")));
    }
    Ok(Setup { module: Some(module), bare_upstream: Some(upstream), ..Setup::new(json!({})) })
}

fn with_access_log(setup: Setup) -> Setup {
    let file = setup.file;
    setup.edit(move |bootstrap, _| {
        let mut shipped = bootstrap::read(&format!("{}/envoy/{file}", env!("CARGO_MANIFEST_DIR")));
        at(bootstrap, MANAGER)["access_log"] = at(&mut shipped, MANAGER)["access_log"].take();
    })
}

fn typed(name: &str, mut config: Value) -> Value {
    config["@type"] = json!(format!("type.googleapis.com/envoy.extensions.filters.http.{name}"));
    config
}

fn with_filter(setup: Setup, name: &'static str, config: Value) -> Setup {
    let filter = json!({ "name": format!("envoy.filters.http.{name}"), "typed_config": config });
    setup.edit(move |bootstrap, _| at(bootstrap, FILTERS).as_array_mut().expect("a list").insert(0, filter.clone()))
}

struct Describe {
    id: &'static str,
    title: &'static str,
    about: &'static str,
}

fn start(describe: Describe, checks: &[Check], setup: &Setup) -> Result<Peer, Absent> {
    let Some(started) = Proxy::try_start(setup) else {
        return Err(Absent::Missing("Envoy or the module, which make envoy and make wasm provide".to_owned()));
    };
    let proxy = started.map_err(|printed| Absent::Broken(format!("{} did not start: {printed}", describe.title)))?;
    let Describe { id, title, about } = describe;
    Ok(Peer {
        id,
        baseline: "envoy",
        title,
        about,
        endpoints: checks.iter().map(|check| (*check, proxy.address)).collect(),
        pids: vec![proxy.pid()],
        processes: vec![Box::new(proxy) as Box<dyn Any>],
    })
}
