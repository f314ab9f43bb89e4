//! Which modules may use which. Reads all of `src/`, and fails on a dependency that is not in the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every top-level module of the crate, and which others it may use. A new module needs a line here.
const MAY_USE: &[(&str, &[&str])] = &[
    ("verify", &[]),
    ("private_key", &["verify"]),
    ("guard", &["verify"]),
    ("handshake", &["verify"]),
    ("live", &["guard", "verify"]),
    ("config", &["guard", "handshake", "live", "verify"]),
    ("step", &["guard", "handshake", "verify"]),
    ("report", &["config", "guard", "handshake", "live", "step", "verify"]),
    ("filter", &["config", "guard", "handshake", "live", "report", "step", "verify"]),
    ("abi", &["config", "filter", "guard", "handshake", "live", "report", "step", "verify"]),
    ("cli", &["config", "filter", "guard", "handshake", "live", "private_key", "report", "step", "verify"]),
];

/// Every module of `verify`, from the ground up, and which others it may use: none that comes later in this table.
const MODULES_OF_VERIFY: &[(&str, &[&str])] = &[
    ("denial", &[]),
    ("bytes", &["denial"]),
    ("primitives", &["bytes", "denial"]),
    ("identity", &["denial", "primitives"]),
    ("request", &["bytes", "denial"]),
    ("expression", &["bytes", "denial", "primitives", "request"]),
    ("key", &["bytes", "denial", "primitives", "request"]),
    ("scheme", &["bytes", "denial", "expression", "identity", "key", "primitives", "request"]),
    ("check", &["bytes", "denial", "expression", "identity", "key", "primitives", "request", "scheme"]),
];

/// What the kinds of proof share. Every other module in `verify/scheme` is a kind, and none may use another.
const SHARED_BY_KINDS: &[&str] = &["http", "key_name", "kind", "native", "whole_body"];

/// The most files and folders that `verify` may have, so that it stays easy to survey.
const MAX_MODULES_OF_VERIFY: usize = 10;

/// The modules in which no two files use each other, directly or through others.
const WITHOUT_CYCLES: &[&str] = &["abi", "filter", "guard", "live", "private_key", "verify"];

/// Every dependency, and the files or modules that own it: one file of the library, and the command if it needs the
/// crate itself. A new dependency needs a line here.
const OWNERS: &[(&str, &[&str])] = &[
    ("anstream", &["cli/terminal"]),
    ("anstyle", &["cli/terminal"]),
    ("base64", &["verify/bytes/encoding", "cli"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli/completions"]),
    ("clap_mangen", &["cli/man"]),
    ("crc32fast", &["verify/bytes/checksum"]),
    ("ed25519_dalek", &["verify/primitives/public_key", "private_key"]),
    ("flate2", &["cli/explain"]),
    ("getrandom", &["cli/secret", "cli/sign"]),
    ("hex", &["verify/bytes/encoding", "cli"]),
    ("hmac", &["verify/primitives/mac"]),
    ("httparse", &["cli/explain"]),
    ("humantime", &["config/reader", "cli"]),
    ("ipnet", &["guard/address"]),
    ("md5", &["verify/primitives/mac"]),
    ("miniz_oxide", &["verify/bytes/inflate"]),
    ("p256", &["verify/primitives/public_key", "private_key"]),
    ("percent_encoding", &["verify/bytes/form"]),
    ("proxy_wasm", &["abi"]),
    ("rsa", &["verify/primitives/public_key", "private_key"]),
    ("saphyr_parser", &["cli/document"]),
    ("serde", &["verify/bytes/json"]),
    ("serde_json", &["verify/bytes/json", "cli"]),
    ("sha1", &["verify/primitives/mac"]),
    ("sha2", &["verify/primitives/mac"]),
    ("shell_words", &["cli/explain"]),
    ("spki", &["verify/primitives/public_key", "private_key"]),
    ("subtle", &["verify/primitives/token"]),
    ("time", &["verify/primitives/timestamp", "verify/primitives/native"]),
    ("ureq", &["cli/sign"]),
];

/// What only the adapter and the command may use: time, environment, randomness, I/O.
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

/// Exceptions below those that are pure: addresses as values.
const PURE: &[&[&str]] = &[
    &["std", "net", "IpAddr"],
    &["std", "net", "Ipv4Addr"],
    &["std", "net", "Ipv6Addr"],
    &["std", "net", "SocketAddr"],
];

#[test]
fn modules_use_only_modules_below_them() {
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
    assert!(wrong.is_empty(), "dependencies that are not in the table:\n{}", wrong.join("\n"));
}

#[test]
fn modules_of_verify_use_only_modules_below_them() {
    let mut wrong = Vec::new();
    for (position, (module, allowed)) in MODULES_OF_VERIFY.iter().enumerate() {
        let below: BTreeSet<_> = MODULES_OF_VERIFY.iter().take(position).map(|(module, _)| module).collect();
        let above = allowed.iter().filter(|allowed| !below.contains(allowed));
        wrong.extend(above.map(|above| format!("the table lets {module} use {above}, which is not below it")));
    }
    let allowed_by_module: BTreeMap<_, _> = MODULES_OF_VERIFY.iter().copied().collect();
    let files = files();
    let modules = modules(&files);
    for file in files.iter().filter(|file| file.module.len() > 1 && file.module.starts_with(&["verify".to_owned()])) {
        let Some(allowed) = allowed_by_module.get(file.module[1].as_str()) else {
            wrong.push(format!("{}: the module {} is not in the table", file.name, file.module[1]));
            continue;
        };
        for used in file.modules_used(&modules) {
            match used.as_slice() {
                [verify] if verify == "verify" => {
                    wrong.push(format!(
                        "{}: uses a re-export of verify instead of the module that defines it",
                        file.name
                    ));
                }
                [verify, module, ..]
                    if verify == "verify" && *module != file.module[1] && !allowed.contains(&module.as_str()) =>
                {
                    wrong.push(format!("{}: {} uses {module}", file.name, file.module[1]));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "dependencies that are not in the table:\n{}", wrong.join("\n"));
}

#[test]
fn verify_has_few_modules() {
    let modules: BTreeSet<_> = fs::read_dir(source_folder().join("verify"))
        .expect("src/verify can be read")
        .map(|entry| entry.expect("src/verify can be read").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(modules.len() <= MAX_MODULES_OF_VERIFY, "{} modules: {modules:?}", modules.len());
}

#[test]
fn kinds_of_proof_do_not_use_each_other() {
    let files = files();
    let modules = modules(&files);
    let kind_of = |module: &[String]| {
        let is_below = module.len() > 2 && module[0] == "verify" && module[1] == "scheme";
        module.get(2).filter(|kind| is_below && !SHARED_BY_KINDS.contains(&kind.as_str())).cloned()
    };
    let kinds: BTreeSet<_> = files.iter().filter_map(|file| kind_of(&file.module)).collect();
    assert!(kinds.len() >= 5, "the kinds have moved: {kinds:?}");
    let mut wrong = Vec::new();
    for file in &files {
        let Some(own) = kind_of(&file.module) else { continue };
        let others = file.modules_used(&modules).into_iter().filter_map(|used| kind_of(&used));
        wrong.extend(others.filter(|other| *other != own).map(|other| format!("{}: {own} uses {other}", file.name)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_files_depend_on_each_other_in_a_cycle() {
    let files = files();
    let modules = modules(&files);
    let mut uses: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for file in &files {
        if file.module.first().is_some_and(|module| WITHOUT_CYCLES.contains(&module.as_str())) {
            uses.entry(file.module.clone()).or_default().extend(file.modules_used(&modules));
        }
    }
    // A module that uses none, or that none uses, is not part of a cycle and can be removed.
    loop {
        let used: BTreeSet<_> = uses.values().flatten().cloned().collect();
        let before = uses.len();
        uses.retain(|module, uses| used.contains(module) && !uses.is_empty());
        let left: BTreeSet<_> = uses.keys().cloned().collect();
        uses.values_mut().for_each(|uses| uses.retain(|module| left.contains(module)));
        if uses.len() == before {
            break;
        }
    }
    let circles: Vec<_> = uses
        .iter()
        .map(|(user, used)| {
            let used: Vec<_> = used.iter().map(|module| module.join("::")).collect();
            format!("{} uses {}", user.join("::"), used.join(", "))
        })
        .collect();
    assert!(circles.is_empty(), "modules that use each other:\n{}", circles.join("\n"));
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
            wrong.push(format!("{dependency} is in the table but not a dependency"));
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

/// Everything else in `abi` could be shared with another adapter.
#[test]
fn only_the_callbacks_and_the_host_behind_them_name_the_sdk() {
    let shared = ["abi/host", "abi/instance", "abi/session"];
    let of_the_sdk = ["entry", "http", "log", "memory", "metrics", "peer", "plugin", "proxy", "signatures", "stream"];
    for file in files() {
        let module = file.module.join("/");
        if shared.contains(&module.as_str()) {
            assert!(!file.names_crate("proxy_wasm"), "{} names the SDK", file.name);
            let uses = |path: &&Named| {
                let used = path.segments.iter().find(|segment| *segment != "super");
                path.segments.first().is_some_and(|first| first == "super")
                    && used.is_some_and(|used| of_the_sdk.contains(&used.as_str()))
            };
            let used = file.paths.iter().find(uses).map(|path| path.segments.join("::"));
            assert_eq!(used, None, "{} uses what names the SDK", file.name);
        }
    }
    for module in shared {
        assert!(files().iter().any(|file| file.module.join("/") == module), "{module} has moved");
    }
}

#[test]
fn only_the_adapter_reads_the_time_and_the_environment() {
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
fn the_parser_of_paths_finds_every_path() {
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
        assert!(paths.contains(expected), "{expected} is missing from {paths:?}");
    }
    assert!(!paths.contains("std::net"), "only the item imported from it");
    assert!(
        !paths.iter().any(|path| path.contains("comment") || path.contains("nothing") || path.contains("text")),
        "{paths:?}"
    );
}

fn source_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The crates in `[dependencies]`, including those of the command, as code names them.
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
    /// Whether it begins with `::`, so that its first segment is a crate.
    is_global: bool,
}

fn files() -> Vec<File> {
    let mut files = Vec::new();
    collect(&source_folder(), &mut files);
    assert!(files.len() > 10, "src/ has moved");
    files
}

/// The modules that have a file.
fn modules(files: &[File]) -> BTreeSet<Vec<String>> {
    files.iter().map(|file| file.module.clone()).filter(|module| !module.is_empty()).collect()
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
    /// The top-level modules in paths that begin with `crate::` or enough `super::`.
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

    /// The other modules that its paths refer to: through `crate::` and `super::`, and its children.
    fn modules_used(&self, modules: &BTreeSet<Vec<String>>) -> BTreeSet<Vec<String>> {
        let leads_to = |path: &Named| -> Option<Vec<String>> {
            let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
            let absolute = match path.segments.first().map(String::as_str)? {
                "crate" | "hookwarden" => path.segments[1..].to_vec(),
                "super" => {
                    [self.module.get(..self.module.len().checked_sub(supers)?)?, &path.segments[supers..]].concat()
                }
                // A single word is `mod child;`, a variable, or an item of this file.
                _ if path.segments.len() == 1 => return None,
                _ => [&self.module[..], &path.segments[..]].concat(),
            };
            let prefixes = (1..=absolute.len()).rev().map(|length| absolute[..length].to_vec());
            prefixes.into_iter().find(|prefix| modules.contains(prefix)).filter(|module| *module != self.module)
        };
        self.paths.iter().filter_map(leads_to).collect()
    }

    fn names_crate(&self, name: &str) -> bool {
        // A module of the same name shadows the crate, whether it is a child or imported.
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

/// Words, `::` and other characters, without comments, string literals and lifetimes.
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
                // A keyword never starts a path: `use ::time`.
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

/// Every path; groups in braces after `use` are expanded.
fn paths(tokens: &[Token]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        i = match tokens.get(i..i + 2) {
            // A visibility such as `pub(in crate::verify)` is not a use.
            Some([Token::Word(word), Token::Other('(')]) if word == "pub" => {
                let end = tokens.iter().skip(i).position(|token| *token == Token::Other(')'));
                end.map_or(tokens.len(), |end| i + end)
            }
            _ => path_at(tokens, i, &[], false, &mut found),
        };
    }
    found
}

/// Reads the path at `i`, after `prefix`, and returns where it ends.
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
    // Separators in a group are not paths, and `self` in a group is its prefix.
    if i > start && !segments.is_empty() {
        found.push(Named { segments, is_global });
        return i;
    }
    i + 1
}
