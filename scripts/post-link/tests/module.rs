//! The tool, run on the module that HOOKWARDEN_WASM names: `make test` sets it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use wasmparser::{ElementItems, ExternalKind, KnownCustom, Operator, Parser, Payload, TypeRef};

fn module() -> PathBuf {
    PathBuf::from(
        std::env::var_os("HOOKWARDEN_WASM").expect("HOOKWARDEN_WASM is the path of the module: use `make test`"),
    )
}

fn run(module: &Path, out: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_post-link"));
    command.arg(module).arg("--out").arg(out).output().expect("it runs")
}

/// Where the tool writes the arranged module.
fn arrange(module: &Path, name: &str) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let output = run(module, &out);
    assert!(output.status.success(), "{output:?}");
    out
}

/// One for all tests, because it takes seconds.
fn arranged() -> &'static Path {
    static ARRANGED: OnceLock<PathBuf> = OnceLock::new();
    ARRANGED.get_or_init(|| arrange(&plain(), "arranged.wasm"))
}

/// The module as cargo made it, beside the one that HOOKWARDEN_WASM names.
fn plain() -> PathBuf {
    let plain = module().parent().expect("a folder").join("deps/hookwarden.wasm");
    assert!(plain.exists(), "no {}: use `make test`", plain.display());
    plain
}

/// What a module has, in its order.
#[derive(Default)]
struct Parts {
    /// How many functions it imports.
    imported: usize,
    /// The types of its own.
    types: Vec<u32>,
    /// The instructions of each, as text; functions in them are numbers of this list, imported ones being before its first.
    bodies: Vec<Vec<String>>,
    /// Their names outside.
    exports: Vec<(String, u32)>,
    /// Those that are called by number.
    table: Vec<u32>,
    /// What no order of functions touches.
    others: Vec<String>,
}

fn parts(path: &Path) -> Parts {
    let module = fs::read(path).expect("the module");
    let mut parts = Parts::default();
    for payload in Parser::new(0).parse_all(&module) {
        match payload.expect("a valid module") {
            Payload::ImportSection(imports) => {
                let imports = imports.into_iter().map(|import| import.expect("an import"));
                parts.others.extend(imports.map(|import| {
                    parts.imported += usize::from(matches!(import.ty, TypeRef::Func(_)));
                    format!("{import:?}")
                }));
            }
            Payload::FunctionSection(types) => parts.types.extend(types.into_iter().map(|ty| ty.expect("a type"))),
            Payload::CodeSectionEntry(body) => {
                let locals = body.get_locals_reader().expect("locals").into_iter().map(|local| format!("{local:?}"));
                let mut text: Vec<String> = locals.collect();
                let operators = body.get_operators_reader().expect("operators");
                text.extend(operators.into_iter().map(|operator| format!("{:?}", operator.expect("an operator"))));
                parts.bodies.push(text);
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export.expect("an export");
                    match export.kind {
                        ExternalKind::Func => parts.exports.push((export.name.to_owned(), export.index)),
                        _ => parts.others.push(format!("{export:?}")),
                    }
                }
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    let ElementItems::Functions(functions) = element.expect("elements").items else {
                        panic!("other elements than functions")
                    };
                    parts.table.extend(functions.into_iter().map(|function| function.expect("a function")));
                }
            }
            Payload::DataSection(data) => {
                parts.others.extend(data.into_iter().map(|data| format!("{:?}", data.expect("data").data)));
            }
            Payload::GlobalSection(globals) => {
                parts.others.extend(globals.into_iter().map(|global| format!("{:?}", global.expect("a global").ty)));
            }
            Payload::StartSection { .. } => panic!("a start function, which this does not compare"),
            _ => {}
        }
    }
    parts
}

/// Starts at the exports and the table, and follows the calls: a function has the same type and the same instructions in both,
/// and wherever one calls a function the other calls its counterpart.
#[test]
fn the_functions_are_the_same_in_another_order() {
    let (before, after) = (parts(&plain()), parts(arranged()));
    assert_eq!(before.others, after.others);
    assert_eq!(before.types.len(), after.types.len());
    let names = |parts: &Parts| parts.exports.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after));
    assert_eq!(before.table.len(), after.table.len());
    let exported = before.exports.iter().zip(&after.exports).map(|((_, before), (_, after))| (*before, *after));
    let mut pending: Vec<(u32, u32)> = exported.chain(before.table.iter().copied().zip(after.table.clone())).collect();
    let mut counterparts = BTreeMap::new();
    while let Some((old, new)) = pending.pop() {
        if let Some(known) = counterparts.insert(old, new) {
            assert_eq!(known, new, "{old} would be two functions");
            continue;
        }
        let Some(place) = (old as usize).checked_sub(before.imported) else {
            assert_eq!(old, new, "an imported function is another one");
            continue;
        };
        let counterpart = new as usize - after.imported;
        assert_eq!(before.types[place], after.types[counterpart], "{old} and {new}");
        let (one, other) = (&before.bodies[place], &after.bodies[counterpart]);
        assert_eq!(one.len(), other.len(), "{old} and {new}");
        for (one, other) in one.iter().zip(other) {
            match (called(one), called(other)) {
                (Some(one), Some(other)) => pending.push((one, other)),
                _ => assert_eq!(one, other, "{old} and {new}"),
            }
        }
    }
    let reached: BTreeSet<_> = counterparts.values().collect();
    assert_eq!(reached.len(), counterparts.len(), "two functions became one");
    let own = counterparts.keys().filter(|function| **function as usize >= before.imported).count();
    assert!(own * 100 > before.types.len() * 99, "only {own} of {} functions were compared", before.types.len());
}

fn called(operator: &str) -> Option<u32> {
    operator.strip_prefix("Call { function_index: ")?.strip_suffix(" }")?.parse().ok()
}

#[test]
fn what_requests_call_comes_first() {
    let parts = parts(arranged());
    let is_among_the_first = |name: &str| {
        let export = parts.exports.iter().find(|(export, _)| export == name);
        export.expect("an export").1 as usize - parts.imported < 200
    };
    for name in ["proxy_on_context_create", "proxy_on_request_headers", "proxy_on_request_body", "proxy_on_delete"] {
        assert!(is_among_the_first(name), "{name}");
    }
    assert!(!is_among_the_first("proxy_on_configure"), "it runs once, before the requests");
}

#[test]
fn another_run_changes_nothing() {
    let once = fs::read(arranged()).expect("the arranged module");
    let twice = fs::read(arrange(arranged(), "again.wasm")).expect("the arranged module");
    assert!(once == twice, "another run gives another module");
}

#[test]
fn the_module_is_arranged() {
    let (tested, arranged) = (fs::read(module()).expect("the module"), fs::read(arranged()).expect("the module"));
    assert!(tested == arranged, "{} is not what the tool makes of the plain module", module().display());
}

#[test]
fn every_hint_is_at_a_branch() {
    let module = fs::read(arranged()).expect("the arranged module");
    let (mut imported, mut bodies, mut hints) = (0, Vec::new(), None);
    for payload in Parser::new(0).parse_all(&module) {
        match payload.expect("a valid module") {
            Payload::ImportSection(imports) => {
                let imports = imports.into_iter().map(|import| import.expect("an import").ty);
                imported = imports.filter(|ty| matches!(ty, TypeRef::Func(_))).count();
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::BranchHints(section) = section.as_known() {
                    assert!(bodies.is_empty(), "the hints come after the code");
                    hints = Some(section);
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body),
            _ => {}
        }
    }
    let (mut count, mut last_function) = (0, None);
    for function in hints.expect("hints") {
        let function = function.expect("a function");
        assert!(last_function < Some(function.func), "the functions are sorted");
        last_function = Some(function.func);
        let body = &bodies[function.func as usize - imported];
        let mut last = None;
        for hint in function.hints {
            let hint = hint.expect("a hint");
            assert!(last < Some(hint.func_offset), "the offsets are sorted");
            last = Some(hint.func_offset);
            let at = body.range().start + hint.func_offset as usize;
            assert!(matches!(module[at], 0x04 | 0x0d), "{:#x} is at {at}", module[at]);
            let mut operators = body.get_operators_reader().expect("operators").into_iter_with_offsets();
            let operator = operators.find_map(|operator| operator.ok().filter(|(_, offset)| *offset == at));
            assert!(matches!(operator, Some((Operator::If { .. } | Operator::BrIf { .. }, _))), "{at}: {operator:?}");
            count += 1;
        }
    }
    assert!(count > 500, "{count} hints");
}

#[test]
fn a_file_that_is_no_module_is_refused_and_kept() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("text.wasm");
    fs::write(&path, "This is no module.").expect("a file");
    let output = run(&path, &path);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("text.wasm") && message.contains("scripts/cargo-wasm --lib"), "{message}");
    assert_eq!(fs::read_to_string(&path).expect("a file"), "This is no module.");
}
