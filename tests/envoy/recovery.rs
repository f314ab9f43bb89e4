//! A VM that crashes: nothing passes unverified meanwhile, and with `FAIL_RELOAD` it is restarted.
//!
//! The module is the real one with a memory limit written into it, which one body that must be parsed as a whole
//! exceeds, or one head. The allocation fails, and the VM traps.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::bootstrap::at;
use crate::harness::client::{Protocol, Request, TIMEOUT};
use crate::harness::launch::{Setup, wasm};
use crate::harness::listeners::manager;
use crate::harness::senders;
use crate::harness::setups::{guarded, guards};
use crate::harness::{Proxy, honest, wait_for};

/// How much the VM's memory may grow, in pages of 64 KiB.
const PAGES: u64 = 96;
/// Twice as much.
const TOO_LARGE: usize = 12 << 20;
/// How much it may grow if a head is to exceed it, in pages of 64 KiB: 2 MiB.
const PAGES_FOR_HEADS: u64 = 32;
/// The most that Envoy can be told to accept of headers, in KiB.
const MAX_HEADERS: u64 = 8192;

/// Sources with a streamed body, with a replay memory, and with a body that must be parsed.
fn setup(policy: &'static str, pages: u64) -> Option<Setup> {
    let module = wasm()?;
    let parsed = json!({
        "scheme": {
            "signature": {"header": "X-Sig", "encoding": "hex"},
            "algorithm": "hmac-sha256",
            "signed": "{json:id}",
        },
        "secrets": [{"value": senders::GENERIC.secret}],
    });
    let mut heavy = guarded("parsed", json!({}));
    heavy["verify"] = parsed;
    let once = guarded("once", json!({"replay": {"window": "1h", "duplicate": 409}}));
    let mut setup = guards([heavy, once]).edit(move |bootstrap, folder| {
        let small = folder.join("small.wasm");
        std::fs::write(&small, bounded(&module, pages)).expect("the module can be written");
        let listener = at(bootstrap, "/static_resources/listeners/0");
        manager(listener)["max_request_headers_kb"] = json!(MAX_HEADERS);
        let filters = at(manager(listener), "/http_filters").as_array_mut().expect("a list");
        let plugin = filters.iter_mut().find(|filter| filter["name"] == "envoy.filters.http.wasm").expect("the plugin");
        let config = at(plugin, "/typed_config/config");
        assert_eq!(config["failure_policy"], "FAIL_RELOAD", "the shipped bootstrap restarts a VM");
        config["failure_policy"] = json!(policy);
        *at(config, "/vm_config/code/local/filename") = json!(small);
    });
    setup.buffer_limit = Some(32 << 20);
    Some(setup)
}

/// The module with a limit to its memory.
fn bounded(module: &Path, pages: u64) -> Vec<u8> {
    const MEMORY: u8 = 5;

    let module = std::fs::read(module).expect("the module can be read");
    let (header, mut rest) = module.split_at(8);
    let mut bounded = header.to_vec();
    let mut found = false;
    while let Some((&id, behind)) = rest.split_first() {
        let (length, behind) = number(behind);
        let (section, behind) = behind.split_at(usize::try_from(length).expect("a length"));
        rest = behind;
        let mut section = section.to_vec();
        if id == MEMORY {
            // One memory; its limits are a minimum and, with flag 1, a maximum.
            assert_eq!(section[0], 1, "one memory");
            let (minimum, _) = number(&section[2..]);
            section = [vec![1, 1], leb(minimum), leb(minimum + pages)].concat();
            found = true;
        }
        bounded.push(id);
        bounded.extend(leb(section.len() as u64));
        bounded.extend(section);
    }
    assert!(found, "the module has a memory of its own");
    bounded
}

/// A number in LEB128, and the bytes after it.
fn number(bytes: &[u8]) -> (u64, &[u8]) {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a complete number");
    let (digits, rest) = bytes.split_at(end + 1);
    (digits.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f)), rest)
}

fn leb(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A request that crashes the VM with the limited memory.
fn poison() -> Request {
    let body = [b"{\"id\":\"".to_vec(), vec![b'a'; TOO_LARGE], b"\"}".to_vec()].concat();
    Request::post("/hooks/parsed", body).with("X-Sig", "00".repeat(32))
}

fn forged() -> Request {
    senders::github("/hooks/github", "guessed-guessed-guessed-guessed", b"{}")
}

/// Crashes the VM in this function of the module. Nothing reaches the upstream.
fn crash(proxy: &Proxy, request: &Request, function: &str) {
    let mark = proxy.upstream.mark();
    let reply = request.send(proxy.address, Protocol::Http1);
    assert!(reply.status >= 500, "{reply:?}");
    proxy.upstream.assert_nothing_since(mark);
    let line = format!("Function: {function} failed: Uncaught");
    let crashed = wait_for(TIMEOUT, || proxy.unread_without_secrets().contains(&line).then_some(()));
    assert!(crashed.is_some(), "the VM did not crash in {function}: {}", proxy.log());
}

/// Sends a forged and an honest request until an honest one passes again. No forged one does meanwhile.
fn recover(proxy: &Proxy) {
    let deadline = Instant::now() + TIMEOUT;
    let mut refused = 0;
    loop {
        let mark = proxy.upstream.mark();
        let status = forged().send(proxy.address, Protocol::Http1).status;
        assert!(status == 401 || status >= 500, "a forged request got {status}");
        proxy.upstream.assert_nothing_since(mark);
        if honest().send(proxy.address, Protocol::Http1).status == 200 {
            break;
        }
        refused += 1;
        assert!(Instant::now() < deadline, "the VM is not restarted");
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("restarted after {refused} refusals");
}

#[test]
fn a_crashed_vm_is_restarted_and_nothing_passes_unverified_meanwhile() {
    let Some(setup) = setup("FAIL_RELOAD", PAGES) else { return };
    let Some(proxy) = Proxy::start(&setup) else { return };
    let event = honest().at("/hooks/once");
    for _ in 0..3 {
        let fresh = honest();
        assert_eq!(fresh.send(proxy.address, Protocol::Http1).status, 200);
        let first = event.send(proxy.address, Protocol::Http1).status;
        assert!([200, 409].contains(&first));
        crash(&proxy, &poison(), "proxy_on_request_body");
        recover(&proxy);
        let mark = proxy.upstream.mark();
        assert_eq!(event.send(proxy.address, Protocol::Http1).status, 409, "shared data survives");
        proxy.upstream.assert_nothing_since(mark);
    }
    // The crash is expected in the log.
    proxy.unread_without_secrets();
}

#[test]
fn a_vm_that_crashes_on_a_head_lets_nothing_pass_and_is_restarted() {
    let Some(setup) = setup("FAIL_RELOAD", PAGES_FOR_HEADS) else { return };
    let Some(proxy) = Proxy::start(&setup) else { return };
    // Read in place, a head that fits into the memory once is not too large.
    let fits = "a".repeat(3 << 19);
    assert_eq!(honest().with("X-Padding", &fits).send(proxy.address, Protocol::Http1).status, 200);
    // Genuine, but too large. Of the first, a forged name has to be copied to be removed. The second does not fit at all: Envoy
    // finds no room for it in the VM, which ends, but not before the module has refused the request.
    let copied = honest().with(&format!("x-hookwarden-{fits}"), "1");
    let whole = honest().with("X-Padding", "a".repeat(4 << 20));
    for (request, function) in [(copied, "proxy_on_request_headers"), (whole, "proxy_on_memory_allocate")] {
        assert_eq!(honest().send(proxy.address, Protocol::Http1).status, 200);
        crash(&proxy, &request, function);
        recover(&proxy);
    }
    proxy.unread_without_secrets();
}

#[test]
fn a_crashed_vm_stays_down_with_fail_closed() {
    let Some(setup) = setup("FAIL_CLOSED", PAGES) else { return };
    let Some(proxy) = Proxy::start(&setup) else { return };
    assert_eq!(honest().send(proxy.address, Protocol::Http1).status, 200);
    crash(&proxy, &poison(), "proxy_on_request_body");
    let mark = proxy.upstream.mark();
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        for request in [honest(), forged()] {
            assert!(request.send(proxy.address, Protocol::Http1).status >= 500);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    proxy.upstream.assert_nothing_since(mark);
    proxy.unread_without_secrets();
}

#[test]
fn without_the_memory_limit_the_same_request_is_denied() {
    let Some(mut unlimited) = setup("FAIL_RELOAD", PAGES) else { return };
    unlimited.edits.clear();
    let Some(proxy) = Proxy::start(&unlimited) else { return };
    let mark = proxy.upstream.mark();
    let reply = poison().send(proxy.address, Protocol::Http1);
    assert!(reply.status >= 400, "{reply:?}");
    proxy.upstream.assert_nothing_since(mark);
    assert_eq!(honest().send(proxy.address, Protocol::Http1).status, 200);
}
