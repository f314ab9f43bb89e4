//! Who may use whom. Reads all of `src/`, and fails on an arrow that is not in the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every module at the top of the crate, and whom it may use beside itself. A new module needs a line here.
const MAY_USE: &[(&str, &[&str])] = &[
    ("verify", &[]),
    ("guard", &["verify"]),
    ("handshake", &["verify"]),
    ("config", &["guard", "handshake", "verify"]),
    ("step", &["guard", "verify"]),
    ("report", &["config", "guard", "step", "verify"]),
    ("filter", &["config", "guard", "handshake", "report", "step", "verify"]),
    ("abi", &["config", "filter", "guard", "handshake", "report", "step", "verify"]),
    ("cli", &["config", "filter", "guard", "handshake", "report", "step", "verify"]),
];

/// Every crate that we depend on, and the files that own it, or the modules whose files do: one file of the library,
/// and beside it the command, where that needs the crate itself. A new dependency needs a line here.
const OWNERS: &[(&str, &[&str])] = &[
    ("anstream", &["cli/terminal"]),
    ("anstyle", &["cli/terminal"]),
    ("base64", &["verify/encoding", "cli"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli/completions"]),
    ("clap_mangen", &["cli/man"]),
    ("crc32fast", &["verify/expression"]),
    ("ed25519_dalek", &["verify/public_key"]),
    ("flate2", &["cli/explain"]),
    ("getrandom", &["cli/secret", "cli/sign"]),
    ("hex", &["verify/encoding", "cli"]),
    ("hmac", &["verify/mac"]),
    ("httparse", &["cli/explain"]),
    ("humantime", &["config/reader", "cli"]),
    ("ipnet", &["guard/address"]),
    ("md5", &["verify/mac"]),
    ("p256", &["verify/public_key"]),
    ("percent_encoding", &["verify/form"]),
    ("proxy_wasm", &["abi"]),
    ("rsa", &["verify/public_key"]),
    ("saphyr_parser", &["cli/check"]),
    ("serde", &["verify/json"]),
    ("serde_json", &["verify/json", "cli"]),
    ("sha1", &["verify/mac"]),
    ("sha2", &["verify/mac"]),
    ("shell_words", &["cli/explain"]),
    ("spki", &["verify/public_key"]),
    ("strsim", &["cli/check", "cli/senders"]),
    ("subtle", &["verify/token"]),
    ("time", &["verify/timestamp"]),
    ("ureq", &["cli/sign"]),
];

/// What only the adapter (and a command) may ask: the time, the environment, chance, the outside.
const IMPURE: &[&[&str]] = &[
    &["std", "env"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "process"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["std", "time", "UNIX_EPOCH"],
    &["std", "hash", "RandomState"],
    &["std", "collections", "hash_map", "RandomState"],
];

/// What stands below one of these and asks nobody: addresses as values.
const PURE: &[&[&str]] = &[
    &["std", "net", "IpAddr"],
    &["std", "net", "Ipv4Addr"],
    &["std", "net", "Ipv6Addr"],
    &["std", "net", "SocketAddr"],
];

#[test]
fn modules_use_only_what_stands_below_them() {
    let mut wrong = Vec::new();
    let known: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    for file in files() {
        let Some(user) = file.module.first() else { continue };
        let Some(allowed) = known.get(user.as_str()) else {
            wrong.push(format!("{}: the module {user} is not in the table", file.name));
            continue;
        };
        for used in file.top_level_modules_used() {
            if used != *user && known.contains_key(used.as_str()) && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: {user} uses {used}", file.name));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that are not in the table:\n{}", wrong.join("\n"));
}

#[test]
fn every_dependency_is_named_by_its_owner_only() {
    let owners: BTreeMap<_, _> = OWNERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for dependency in dependencies() {
        if !owners.contains_key(dependency.as_str()) {
            wrong.push(format!("{dependency} has no owner in the table"));
        }
    }
    let files = files();
    for (dependency, owners) in OWNERS {
        let users: Vec<_> = files.iter().filter(|file| file.names_crate(dependency)).collect();
        let owns = |owner: &str, file: &File| Path::new(&file.module.join("/")).starts_with(owner);
        if !dependencies().contains(*dependency) {
            wrong.push(format!("{dependency} is in the table and no dependency"));
        }
        for owner in *owners {
            if !users.iter().any(|file| owns(owner, file)) {
                wrong.push(format!("{dependency} is not used by its owner {owner}"));
            }
        }
        let foreign = users.iter().filter(|file| !owners.iter().any(|owner| owns(owner, file)));
        wrong.extend(
            foreign.map(|user| format!("{} uses {dependency}, which is {}'s", user.name, owners.join("'s and "))),
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn only_the_adapter_knows_the_time_and_the_environment() {
    let mut wrong = Vec::new();
    for file in files() {
        let may_ask = |module: &String| module == "abi" || module == "cli";
        if file.name == "main.rs" || file.module.first().is_some_and(may_ask) {
            continue;
        }
        for path in &file.paths {
            let is_below = |prefix: &&[&str]| {
                path.segments.iter().map(String::as_str).take(prefix.len()).eq(prefix.iter().copied())
            };
            if IMPURE.iter().any(is_below) && !PURE.iter().any(is_below) {
                wrong.push(format!("{}: {}", file.name, path.segments.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_arrows_reads_them() {
    let text = r#"
        //! crate::comment
        use crate::{step::{self, Edits}, verify::Denial as D};
        use ::time::OffsetDateTime;
        use super::json::Json; /* crate::nothing */
        use std::net::{IpAddr, Ipv4Addr};
        pub(crate) use std::time::Duration;
        fn f(s: &'static str) -> ::time::Date { let c = '"'; crate::filter::g::<hex::Error>("crate::text") }
    "#;
    let paths: BTreeSet<_> = paths(&tokens(text)).into_iter().map(|path| path.segments.join("::")).collect();
    for expected in [
        "crate::step",
        "crate::step::Edits",
        "crate::verify::Denial",
        "super::json::Json",
        "std::time::Duration",
        "time::Date",
        "time::OffsetDateTime",
        "crate::filter::g",
        "hex::Error",
        "std::net::IpAddr",
        "std::net::Ipv4Addr",
    ] {
        assert!(paths.contains(expected), "{expected} is not among {paths:?}");
    }
    assert!(!paths.contains("std::net"), "only what is taken out of it");
    assert!(
        !paths.iter().any(|path| path.contains("comment") || path.contains("nothing") || path.contains("text")),
        "{paths:?}"
    );
}

fn source_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The crates in `[dependencies]`, and those that only the command has, as code names them.
fn dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(source_folder().with_file_name("Cargo.toml")).expect("Cargo.toml can be read");
    let mut is_ours = false;
    let mut crates = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_ours = line.ends_with("dependencies]") && !line.contains("dev-") && !line.contains("build-");
        } else if let Some((name, _)) = line.split_once('=').filter(|_| is_ours && !line.starts_with('#')) {
            // The package md-5 is the crate md5.
            crates.insert(name.trim().replace('-', "_").replace("md_5", "md5"));
        }
    }
    crates
}

/// A file of source, its module, and every path in it.
struct File {
    name: String,
    module: Vec<String>,
    paths: Vec<Named>,
}

/// A path: `a::b::c`.
struct Named {
    segments: Vec<String>,
    /// Whether it begins with `::` and so with a crate.
    is_global: bool,
}

fn files() -> Vec<File> {
    let mut files = Vec::new();
    collect(&source_folder(), &mut files);
    assert!(files.len() > 10, "src/ is not where it was");
    files
}

fn collect(folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("src/ can be read") {
        let path = entry.expect("src/ can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("source is text");
            let name = path.strip_prefix(source_folder()).expect("it is in src/").to_string_lossy().replace('\\', "/");
            let stem = name.trim_end_matches(".rs").trim_end_matches("/mod");
            let module = stem.split('/').filter(|part| *part != "lib" && *part != "main").map(str::to_owned).collect();
            files.push(File { name, module, paths: paths(&tokens(&text)) });
        }
    }
}

impl File {
    /// The names behind `crate::` and behind as many `super::` as lead there.
    fn top_level_modules_used(&self) -> BTreeSet<String> {
        let top_level = |path: &Named| -> Option<String> {
            let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
            match path.segments.first().map(String::as_str) {
                Some("crate" | "hookwarden") => path.segments.get(1).cloned(),
                Some("super") if supers >= self.module.len() => path.segments.get(supers).cloned(),
                _ => None,
            }
        };
        self.paths.iter().filter_map(top_level).collect()
    }

    fn names_crate(&self, name: &str) -> bool {
        // A module of the same name hides the crate, whether it stands below this one or was brought here.
        let is_below = source_folder().join(self.module.join("/")).join(format!("{name}.rs")).exists();
        let is_brought = self.paths.iter().any(|path| {
            let first = path.segments.first().map(String::as_str);
            matches!(first, Some("super" | "crate")) && path.segments.last().is_some_and(|last| last == name)
        });
        if is_below || is_brought {
            return false;
        }
        // A path of one segment is a variable or a function of the same name.
        self.paths.iter().any(|path| {
            (path.is_global || path.segments.len() > 1) && path.segments.first().is_some_and(|first| first == name)
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Colons,
    Other(char),
}

/// Words, `::` and other characters; without comments, text, and lifetimes.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |position: usize| chars.get(position).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match (at(i), at(i + 1)) {
            ('/', '/') => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            ('/', '*') => {
                while i < chars.len() && (at(i), at(i + 1)) != ('*', '/') {
                    i += 1;
                }
                i += 2;
            }
            ('r', '"' | '#') if !matches!(tokens.last(), Some(Token::Other('#'))) && raw_fence(&chars, i).is_some() => {
                let fence = raw_fence(&chars, i).unwrap_or_default();
                i += fence + 2;
                while i < chars.len() && !(at(i) == '"' && (1..=fence).all(|n| at(i + n) == '#')) {
                    i += 1;
                }
                i += fence + 1;
            }
            ('"', _) => {
                i += 1;
                while i < chars.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            ('\'', next) if next == '\\' || at(i + 2) == '\'' => {
                i += if next == '\\' { 3 } else { 2 };
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            ('\'', _) => {
                i += 1;
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
            }
            (':', ':') => {
                tokens.push(Token::Colons);
                i += 2;
            }
            (char, _) if char.is_alphanumeric() || char == '_' => {
                let start = i;
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
                let word: String = chars[start..i].iter().collect();
                // A keyword never belongs to a path: `use ::time`.
                let is_keyword =
                    ["use", "in", "as", "return", "mut", "dyn", "impl", "for", "where"].contains(&word.as_str());
                tokens.push(if is_keyword { Token::Other(' ') } else { Token::Word(word) });
            }
            (char, _) => {
                if !char.is_whitespace() {
                    tokens.push(Token::Other(char));
                }
                i += 1;
            }
        }
    }
    tokens
}

/// How many `#` a raw string has, if one begins here.
fn raw_fence(chars: &[char], at: usize) -> Option<usize> {
    let before = at.checked_sub(1).and_then(|before| chars.get(before)).copied().unwrap_or(' ');
    let fence = chars.get(at + 1..)?.iter().take_while(|char| **char == '#').count();
    let is_start = !before.is_alphanumeric() && before != '_';
    (is_start && chars.get(at + 1 + fence) == Some(&'"')).then_some(fence)
}

/// Every path, those in braces behind `use` taken apart.
fn paths(tokens: &[Token]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        i = path_at(tokens, i, &[], false, &mut found);
    }
    found
}

/// Reads the path at `i`, behind `prefix`; says where it ends.
fn path_at(tokens: &[Token], mut i: usize, prefix: &[String], is_global: bool, found: &mut Vec<Named>) -> usize {
    let begins_global = tokens.get(i) == Some(&Token::Colons);
    let is_global = is_global || (begins_global && prefix.is_empty());
    i += usize::from(begins_global);
    let mut segments = prefix.to_vec();
    let start = i;
    while let Some(Token::Word(word)) = tokens.get(i) {
        if word != "self" {
            segments.push(word.clone());
        }
        i += 1;
        if tokens.get(i) != Some(&Token::Colons) {
            break;
        }
        i += 1;
        if tokens.get(i) == Some(&Token::Other('{')) {
            i += 1;
            while i < tokens.len() && tokens.get(i) != Some(&Token::Other('}')) {
                let next = path_at(tokens, i, &segments, is_global, found);
                i = next.max(i + usize::from(next == i));
            }
            return i + 1;
        }
    }
    // What stands between the words of a list is no path, and `self` in one is the path before it.
    if i > start && !segments.is_empty() {
        found.push(Named { segments, is_global });
        return i;
    }
    i + 1
}
