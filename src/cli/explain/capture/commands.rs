//! Command lines of HTTPie (`http`, `https`, `xh`) and wget.

use std::fs;
use std::path::Path;

use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::bytes::percent;

use super::entries::Requests;
use super::writing::{self, Writing};
use super::{Captured, body, shell};

/// The name of the program that a text begins with.
fn program(text: &str) -> Option<&str> {
    let text = text.strip_prefix('$').unwrap_or(text).trim_start();
    let word = text.split_whitespace().next()?;
    (text.len() > word.len()).then(|| word.rsplit(['/', '\\']).next().unwrap_or(word))
}

/// A command of HTTPie or xh.
pub fn httpie(text: &str, folder: Option<&Path>) -> Option<Requests> {
    let (text, input) = shell::with_input(text);
    let program = program(&text).filter(|name| ["http", "https", "xh", "xhs"].contains(name))?;
    let scheme = if program.ends_with('s') { "https" } else { "http" };
    Some(vec![read_httpie(&text, scheme, folder, input)])
}

fn read_httpie(text: &str, scheme: &str, folder: Option<&Path>, input: Option<Vec<u8>>) -> Result<Captured, String> {
    let words = words(text)?;
    let mut words = words.into_iter().skip(1);
    let mut captured = Captured::default();
    let (mut fields, mut query) = (Vec::new(), Vec::new());
    let (mut raw, mut url, mut is_form) = (input, None, false);
    while let Some(word) = words.next() {
        let (option, inline) = match word.split_once('=') {
            Some((option, value)) if word.starts_with("--") => (option, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        match option {
            "--raw" => raw = Some(inline.or_else(|| words.next()).unwrap_or_default().into_bytes()),
            "--form" | "-f" => is_form = true,
            "--multipart" => {
                return Err(
                    "HTTPie chooses the boundary of a multipart form anew at every call; capture the bytes".to_owned()
                );
            }
            "--auth" | "-a" | "--auth-type" | "-A" | "--output" | "-o" | "--verify" | "--proxy" | "--session"
            | "--timeout" | "--print" | "-p" | "--pretty" | "--style" | "-s" | "--max-redirects" | "--cert"
            | "--cert-key"
                if inline.is_none() =>
            {
                drop(words.next());
            }
            "<" => raw = words.next().map(|name| file(folder, &name)).transpose()?,
            "<<<" => raw = words.next().map(|text| format!("{text}\n").into_bytes()),
            option if option.starts_with('-') => {}
            word if captured.method.is_empty()
                && url.is_none()
                && word.len() > 2
                && word.bytes().all(|byte| byte.is_ascii_uppercase()) =>
            {
                word.clone_into(&mut captured.method);
            }
            _ if url.is_none() => url = Some(word),
            _ => item(&word, &mut captured, &mut fields, &mut query, folder)?,
        }
    }
    let url = url.ok_or("the command has no URL")?;
    let url = match url.strip_prefix(':') {
        Some(rest) if rest.starts_with('/') || rest.is_empty() => format!("{scheme}://localhost{rest}"),
        Some(rest) => format!("{scheme}://localhost:{rest}"),
        None if url.contains("://") => url,
        None => format!("{scheme}://{url}"),
    };
    captured.add_url(&url)?;
    if !query.is_empty() {
        let mark = if captured.target.contains('?') { '&' } else { '?' };
        captured.target = format!("{}{mark}{}", captured.target, query.join("&"));
    }
    let has_data = raw.is_some() || !fields.is_empty();
    let media_type = if is_form { "application/x-www-form-urlencoded; charset=utf-8" } else { "application/json" };
    if has_data && captured.header("content-type").is_none() {
        captured.add_header("Content-Type", media_type.as_bytes());
    }
    let data = Json::Object(fields);
    captured.body = match raw {
        Some(raw) => raw,
        None if !has_data => Vec::new(),
        None if is_form => body::form(&data).unwrap_or_default(),
        // As Python writes it.
        None => writing::write(&data, Writing::SpacedAscii).into_bytes(),
    };
    if captured.method.is_empty() {
        captured.method = if has_data { "POST" } else { "GET" }.to_owned();
    }
    Ok(captured)
}

/// `Name:value`, `name==value`, `name=value`, `name:=json`, and the same with `@` and a file.
fn item(
    word: &str,
    captured: &mut Captured,
    fields: &mut Vec<(String, Json)>,
    query: &mut Vec<String>,
    folder: Option<&Path>,
) -> Result<(), String> {
    let separators = [":=@", "=@", ":=", "==", "=", ":", ";", "@"];
    let first = separators
        .iter()
        .filter_map(|mark| Some((word.find(mark)?, *mark)))
        .min_by_key(|(at, mark)| (*at, std::cmp::Reverse(mark.len())));
    let Some((at, mark)) = first else {
        return Err("a word of the command is neither a header nor a field".to_owned());
    };
    let (name, rest) = word.split_at(at);
    let value = rest.get(mark.len()..).unwrap_or_default();
    let json = |text: &[u8]| Json::parse_file(text).map_err(|_| "a field of the command is not JSON".to_owned());
    let content = |name: &str| file(folder, name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match mark {
        ":" if !value.is_empty() => captured.add_header(name, value.trim().as_bytes()),
        ";" => captured.add_header(name, b""),
        "==" => {
            let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            let encoded =
                |text: &str| String::from_utf8_lossy(&percent::encode(text.as_bytes(), keep)).replace("%20", "+");
            query.push(format!("{}={}", encoded(name), encoded(value)));
        }
        "=" => fields.push((name.to_owned(), Json::Text(value.to_owned()))),
        ":=" => fields.push((name.to_owned(), json(value.as_bytes())?)),
        "=@" => fields.push((name.to_owned(), Json::Text(content(value)?))),
        ":=@" => fields.push((name.to_owned(), json(&file(folder, value)?)?)),
        "@" => {
            return Err(
                "HTTPie chooses the boundary of a form with files anew at every call; capture the bytes".to_owned()
            );
        }
        _ => {}
    }
    Ok(())
}

/// A command of wget.
pub fn wget(text: &str, folder: Option<&Path>) -> Option<Requests> {
    program(text).filter(|name| *name == "wget" || *name == "wget.exe")?;
    Some(vec![read_wget(text, folder)])
}

fn read_wget(text: &str, folder: Option<&Path>) -> Result<Captured, String> {
    let words = words(text)?;
    let mut words = words.into_iter().skip(1);
    let mut captured = Captured::default();
    let mut url = None;
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--") else {
            match word.as_str() {
                "-O" | "-o" | "-U" | "-T" | "-t" => drop(words.next()),
                word if word.starts_with('-') => {}
                _ => url = Some(word),
            }
            continue;
        };
        let (name, value) =
            option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value.to_owned())));
        let takes = [
            "header",
            "method",
            "body-data",
            "post-data",
            "body-file",
            "post-file",
            "user-agent",
            "referer",
            "output-document",
            "timeout",
        ];
        if !takes.contains(&name) {
            continue;
        }
        let value = value.or_else(|| words.next()).unwrap_or_default();
        match name {
            "header" => super::http::add_line(&mut captured, value.as_bytes())
                .map_err(|()| "a --header of the command is not \"Name: value\"")?,
            "method" => captured.method = value.to_ascii_uppercase(),
            "body-data" | "post-data" => captured.body = value.into_bytes(),
            "body-file" | "post-file" => captured.body = file(folder, &value)?,
            "user-agent" => captured.add_header("User-Agent", value.as_bytes()),
            "referer" => captured.add_header("Referer", value.as_bytes()),
            _ => {}
        }
        if name.starts_with("post-") && captured.method.is_empty() {
            "POST".clone_into(&mut captured.method);
        }
    }
    captured.add_url(&url.ok_or("the command has no URL")?)?;
    if captured.method.is_empty() {
        "GET".clone_into(&mut captured.method);
    }
    if !captured.body.is_empty() && captured.header("content-type").is_none() {
        captured.add_header("Content-Type", b"application/x-www-form-urlencoded");
    }
    Ok(captured)
}

fn words(text: &str) -> Result<Vec<String>, String> {
    let text = text.strip_prefix('$').unwrap_or(text);
    let words = shell::words_with_input(text)?;
    words
        .into_iter()
        .map(|word| String::from_utf8(word).map_err(|_| "a word of the command is not UTF-8".to_owned()))
        .collect()
}

fn file(folder: Option<&Path>, name: &str) -> Result<Vec<u8>, String> {
    let path = folder.unwrap_or(Path::new(".")).join(name);
    fs::read(&path).map_err(|error| format!("{}, which the command sends: {error}", path.display()))
}
