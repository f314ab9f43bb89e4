//! Maps of headers that break the format: the VM survives them, and nothing passes.

use crate::host::{Action, Vm, on_a_fresh_vm};
use crate::{check, config, signed, source};

/// A map as the format has it: lines, and the number of lines that it claims to have.
fn map(count: u32, lines: &[(&[u8], &[u8])]) -> Vec<u8> {
    let word = |len: usize| u32::try_from(len).expect("short").to_le_bytes();
    let lengths = lines.iter().flat_map(|(name, value)| [word(name.len()), word(value.len())]).flatten();
    let texts = lines.iter().flat_map(|(name, value)| [*name, b"\0", *value, b"\0"].concat());
    count.to_le_bytes().into_iter().chain(lengths).chain(texts).collect()
}

fn configured(vm: &Vm) {
    let mut github = config(&[source("github", check("github"))]);
    // What is unmatched passes, so a head that loses lines would.
    github["unmatched"] = "allow".into();
    assert!(vm.configure(&github));
}

/// The verdict about a request for which the host hands over these bytes.
fn assert_refused(vm: &Vm, bytes: &[u8]) {
    vm.hand_over(bytes);
    let request = vm.request("/github", &[]);
    assert_eq!(request.headers(true), Action::Pause, "{}", bytes.escape_ascii());
    let answer = request.answer().expect("it is answered");
    assert_eq!(answer.status, 503, "{}", bytes.escape_ascii());
    assert!(request.upstream().is_nothing());
}

#[test]
fn a_map_that_breaks_the_format_is_refused() {
    on_a_fresh_vm(|vm| {
        configured(vm);
        let lines: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/elsewhere"), (b"x-empty", b"")];
        let right = map(3, &lines);
        vm.hand_over(&right);
        assert_eq!(vm.request("/github", &[]).headers(true), Action::Continue, "the map itself is right");
        assert_refused(vm, &map(0, &[]));
        for end in 0..right.len() {
            assert_refused(vm, &right[..end]);
        }
        for count in [4, 1000, u32::MAX / 8, u32::MAX / 8 + 2, u32::MAX] {
            assert_refused(vm, &map(count, &lines));
        }
        for at in 4..28 {
            let mut longer = right.clone();
            longer[at] = 0xff;
            assert_refused(vm, &longer);
        }
        let latin: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/elsewhere"), (b"x-caf\xe9", b"")];
        assert_refused(vm, &map(3, &latin));
    });
}

#[test]
fn any_bytes_are_a_value() {
    on_a_fresh_vm(|vm| {
        configured(vm);
        let every: Vec<u8> = (0..=255).collect();
        let lines: [(&[u8], &[u8]); 3] = [(b":path", b"/elsewhere"), (b"x-every", &every), (b":method", b"GET")];
        vm.hand_over(&map(3, &lines));
        assert_eq!(vm.request("/elsewhere", &[]).headers(true), Action::Continue);
    });
}

#[test]
fn trailers_that_cannot_be_read_are_refused() {
    on_a_fresh_vm(|vm| {
        configured(vm);
        let request = signed(vm, b"body");
        assert_eq!(request.headers(false), Action::Pause);
        assert_eq!(request.body(b"body", false), Action::Pause);
        vm.hand_over(&map(2, &[(b"x-hookwarden-source", b"forged")]));
        assert_eq!(request.trailers(&[("x-hookwarden-source", "forged")]), Action::Pause);
        assert_eq!(request.answer().expect("it is answered").status, 503);
        assert!(request.upstream().is_nothing());
    });
}
