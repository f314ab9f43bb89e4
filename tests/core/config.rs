//! Configurations in `config/*.json`, each with its expected messages. `BLESS=1` rewrites those.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use hookwarden::config;

use crate::support::try_load;

/// Occurs in values of every fixture that has values, and must not occur in any message.
const PLANTED: &str = "planted";

/// The environment of all fixtures. Its values contain the planted text too.
fn environment(name: &str) -> Option<String> {
    let value = match name {
        "THERE_OF_SEVEN_BYTES" => "planted",
        "THERE_OF_EIGHT_BYTES" => "planted8",
        "THERE_UNEXPANDED" => "${PLANTED_VARIABLE}",
        "THERE_WITH_LINE_BREAK" => "planted-in-the-environment\n",
        "THERE_WITH_COLON" => "user:planted-in-the-environment",
        "THERE_AS_A_HEADER" => "Bearer planted-in-the-environment",
        "THERE_IN_HEX" => "0123456789abcdef0123456789abcdef",
        "EMPTY" => "",
        _ if name.starts_with("THERE") => "planted-in-the-environment",
        _ => return None,
    };
    Some(value.to_owned())
}

/// The messages about a configuration, one per line.
fn said(text: &[u8]) -> String {
    let mut lines = String::new();
    match config::load(text, &environment) {
        Ok(loaded) => {
            lines.push_str("accepted\n");
            for warning in &loaded.warnings {
                let _ = writeln!(lines, "warning: {warning}");
            }
            for source in loaded.policy.sources.iter().filter(|source| source.requirement.is_none()) {
                let _ = writeln!(lines, "closed: {}", source.name);
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            lines.push_str("refused\n");
            for problem in &problems {
                let _ = writeln!(lines, "{problem}");
            }
        }
    }
    lines
}

fn fixtures() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/core/config");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the fixtures are there")
        .map(|entry| entry.expect("they can be listed").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(paths.len() > 40, "{} fixtures only", paths.len());
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a fixture can be read"))).collect()
}

#[test]
fn every_configuration_gets_the_messages_in_the_file_next_to_it() {
    let mut wrong = String::new();
    for (path, text) in fixtures() {
        let said = said(&text);
        let expected_path = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected_path, &said).expect("the expected messages can be written");
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if said != expected {
            let _ = write!(wrong, "\n{name}\n--- expected\n{expected}--- said\n{said}");
        }
        let verdict = if name.starts_with("refuses") { "refused\n" } else { "accepted\n" };
        assert!(said.starts_with(verdict), "{name}: {said}");
    }
    assert!(wrong.is_empty(), "{wrong}\nIf this is right, run with BLESS=1 and review the changes.");
}

#[test]
fn no_message_contains_a_configured_value() {
    for (path, text) in fixtures() {
        let name = path.display();
        // A fixture without text values has no planted text.
        assert!(text.len() < 24 || contains(&text, PLANTED) || contains(&text, "p\0l\0a\0n"), "{name} plants nothing");
        for line in said(&text).lines() {
            // A path contains keys, which may be printed; some are planted to see where they appear.
            let (place, message) = line.split_once(": ").unwrap_or(("", line));
            let message = if place == "warning" {
                message.split_once(": ").map_or(message, |(_, message)| message)
            } else {
                message
            };
            let is_name_of_a_source = place == "closed";
            assert!(is_name_of_a_source || !message.to_lowercase().contains(PLANTED), "{name}: {line}");
        }
    }
}

fn contains(text: &[u8], what: &str) -> bool {
    text.to_ascii_lowercase().windows(what.len()).any(|window| window == what.as_bytes())
}

#[test]
fn every_message_has_a_path_and_a_correction() {
    for (path, text) in fixtures() {
        for line in said(&text).lines().skip(1).filter(|line| !line.starts_with("closed: ")) {
            let line = line.strip_prefix("warning: ").unwrap_or(line);
            let (place, message) = line.split_once(": ").unwrap_or_else(|| panic!("{}: {line}", path.display()));
            assert!(place.starts_with('$'), "{}: {line}", path.display());
            assert!(message.len() > 7 && !message.ends_with(['.', ' ']), "{}: {line}", path.display());
        }
    }
}

/// The valid configuration that the next tests damage.
fn whole() -> Vec<u8> {
    include_bytes!("config/accepts-everything-at-once.json").to_vec()
}

#[test]
fn no_truncated_configuration_is_accepted_or_panics() {
    let text = whole();
    let end = text.iter().rposition(|byte| *byte == b'}').expect("it is an object");
    for length in 0..=end {
        assert!(config::load(&text[..length], &environment).is_err(), "{length}");
    }
}

#[test]
fn no_damaged_byte_causes_a_panic_or_reveals_a_value() {
    let text = whole();
    for at in 0..text.len() {
        for byte in [b'\0', b'"', b'{', b'}', b'[', b',', b'\\', b'0', b'x', 0xff] {
            let mut damaged = text.clone();
            damaged[at] = byte;
            let problems = config::load(&damaged, &environment).err().unwrap_or_default();
            for problem in problems {
                assert!(!problem.message().to_lowercase().contains(PLANTED), "{problem}");
            }
        }
    }
}

#[test]
fn no_missing_line_causes_a_panic() {
    let text = String::from_utf8(whole()).expect("fixtures are text");
    let lines: Vec<_> = text.lines().collect();
    for at in 0..lines.len() {
        let without: Vec<_> = lines.iter().enumerate().filter(|(line, _)| *line != at).map(|(_, line)| *line).collect();
        let _ = config::load(without.join("\n").as_bytes(), &environment);
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    for (open, close) in [("[", "]"), ("{\"sources\":", "}"), ("[{\"a\":", "}]")] {
        for depth in [100, 1_000, 100_000] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert!(try_load(text.as_bytes()).is_err(), "{open} {depth}");
            assert!(try_load(open.repeat(depth).as_bytes()).is_err(), "{open} {depth}");
        }
    }
}

#[test]
fn long_lists_and_texts_are_read_in_a_reasonable_time() {
    let source = |n: usize| {
        format!(
            r#"{{"name":"s{n}","match":{{"path":"/s{n}"}},"verify":{{"provider":"github","secrets":[{{"value":"planted-secret-of-many-letters"}}]}}}}"#
        )
    };
    let sources: Vec<_> = (0..2_000).map(source).collect();
    let text = format!(r#"{{"sources":[{}]}}"#, sources.join(","));
    assert_eq!(try_load(text.as_bytes()).map(|loaded| loaded.policy.sources.len()), Ok(2_000));
    let text = format!(r#"{{"sources":"{}"}}"#, PLANTED.repeat(1_000_000));
    assert_eq!(try_load(text.as_bytes()).err(), Some(vec!["$.sources: must be a list, not text".to_owned()]));
}
