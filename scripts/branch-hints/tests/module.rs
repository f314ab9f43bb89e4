//! The tool, run on the module that HOOKWARDEN_WASM names: `make test` sets it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use wasmparser::{BinaryReader, KnownCustom, Operator, Parser, Payload};

/// Bytes of the head of a module, before its first section.
const PREAMBLE: usize = 8;
const SECTION: &[u8] = b"\x19metadata.code.branch_hint";

fn module() -> PathBuf {
    PathBuf::from(
        std::env::var_os("HOOKWARDEN_WASM").expect("HOOKWARDEN_WASM is the path of the module: use `make test`"),
    )
}

fn run(module: &Path, out: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_branch-hints"));
    command.arg(module).arg("--out").arg(out).output().expect("it runs")
}

/// Where the tool writes the module with hints.
fn add_hints(module: &Path, name: &str) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let output = run(module, &out);
    assert!(output.status.success(), "{output:?}");
    out
}

/// One for all tests, because it takes seconds.
fn hinted() -> &'static Path {
    static HINTED: OnceLock<PathBuf> = OnceLock::new();
    HINTED.get_or_init(|| add_hints(&module(), "hinted.wasm"))
}

/// Every section with its head.
fn sections(module: &[u8]) -> Vec<&[u8]> {
    let mut reader = BinaryReader::new(module, 0);
    reader.read_bytes(PREAMBLE).expect("a head");
    let mut sections = Vec::new();
    while !reader.eof() {
        let start = reader.original_position();
        reader.read_u8().expect("a number");
        let size = reader.read_var_u32().expect("a size");
        reader.read_bytes(size as usize).expect("a section");
        sections.push(&module[start..reader.original_position()]);
    }
    sections
}

fn has_hints(section: &[u8]) -> bool {
    section[0] == 0 && section.windows(SECTION.len()).take(6).any(|window| window == SECTION)
}

#[test]
fn only_the_section_with_the_hints_is_new_and_a_second_run_changes_nothing() {
    let before = fs::read(module()).expect("the module");
    let after = fs::read(hinted()).expect("the module with hints");
    let sections_before: Vec<_> = sections(&before).into_iter().filter(|section| !has_hints(section)).collect();
    let (hints, others): (Vec<_>, Vec<_>) = sections(&after).into_iter().partition(|section| has_hints(section));
    assert_eq!(before[..PREAMBLE], after[..PREAMBLE]);
    assert!(sections_before == others, "another section changed");
    assert_eq!(hints.len(), 1);
    let again = fs::read(add_hints(hinted(), "again.wasm")).expect("the module with hints");
    assert!(after == again, "another run gives another module");
}

#[test]
fn every_hint_is_at_a_branch() {
    let module = fs::read(hinted()).expect("the module with hints");
    let (mut imported, mut bodies, mut hints) = (0, Vec::new(), None);
    for payload in Parser::new(0).parse_all(&module) {
        match payload.expect("a valid module") {
            Payload::ImportSection(imports) => {
                let imports = imports.into_iter().map(|import| import.expect("an import").ty);
                imported = imports.filter(|ty| matches!(ty, wasmparser::TypeRef::Func(_))).count();
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
