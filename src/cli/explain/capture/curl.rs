//! A `curl` command line, as browsers, inspectors and documentation write it.

use std::fs;
use std::path::Path;

use hookwarden::verify::bytes::{encoding, percent};

use super::curl_options::{LETTERS_WITH_VALUE, WITH_VALUE, WITHOUT_VALUE};
use super::{Captured, OtherBody, shell};
use crate::cli::http_request::Url;

/// Whether a text begins as a `curl` command.
pub fn is_command(text: &[u8]) -> bool {
    if text.starts_with(b"echo ") || text.starts_with(b"printf ") {
        let is_put_in =
            |text: &str| shell::with_input(text).1.is_some() && shell::with_input(text).0.starts_with("curl");
        return std::str::from_utf8(text).is_ok_and(is_put_in);
    }
    let text = text.strip_prefix(b"$").unwrap_or(text).trim_ascii_start();
    let word = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let name = word.rsplit(|byte| matches!(*byte, b'/' | b'\\')).next().unwrap_or_default();
    text.len() > word.len() && (name == b"curl" || name.eq_ignore_ascii_case(b"curl.exe"))
}

/// Reads a command; files that it names are looked for in `folder`.
pub fn read(text: &str, folder: Option<&Path>) -> Result<Captured, String> {
    let (text, input) = shell::with_input(text);
    let words = shell::words(&text)?;
    let mut command = Command { folder, input, ..Command::default() };
    let total = words.len();
    let mut words = words.into_iter().skip(1);
    loop {
        let position = total.saturating_sub(words.len()).saturating_add(1);
        let Some(word) = words.next() else { break };
        let behind = command.unknown.take();
        match std::str::from_utf8(&word) {
            Ok(long) if long.starts_with("--") => command.long(long, &mut words)?,
            Ok(short) if short.starts_with('-') && short.len() > 1 => command.short(short, &mut words)?,
            Ok(bare) => command.bare.push(Bare { text: bare.to_owned(), position, behind }),
            Err(_) => return Err(format!("word {position} of the curl command is not UTF-8")),
        }
    }
    command.choose_url()?;
    command.finish()
}

/// A word that belongs to no option that is known.
struct Bare {
    text: String,
    /// Its place in the command, from 1.
    position: usize,
    /// The option in front of it, if that is one that is not known.
    behind: Option<String>,
}

impl Bare {
    fn looks_like_url(&self) -> bool {
        self.text.contains("://")
    }
}

#[derive(Default)]
struct Command<'a> {
    folder: Option<&'a Path>,
    /// What is put into it.
    input: Option<Vec<u8>>,
    method: Option<String>,
    url: Option<String>,
    user: Option<String>,
    headers: Vec<Vec<u8>>,
    data: Vec<Vec<u8>>,
    /// The same with the line ends of files kept.
    data_with_line_ends: Vec<Vec<u8>>,
    strips: bool,
    is_get: bool,
    is_json: bool,
    /// The words that could be the URL.
    bare: Vec<Bare>,
    /// The option that was read last, if it is not known.
    unknown: Option<String>,
    notes: Vec<String>,
}

type Words<'a> = &'a mut dyn Iterator<Item = Vec<u8>>;

impl Command<'_> {
    fn long(&mut self, option: &str, words: Words<'_>) -> Result<(), String> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.as_bytes().to_vec())),
            None => (option, None),
        };
        let mut next =
            || value.clone().or_else(|| words.next()).ok_or(format!("{name} of the curl command has no value"));
        match name {
            "--header" => {
                let line = next()?;
                if line.starts_with(b"@") {
                    return Err(
                        "-H @file of the curl command names a file of header lines, which is not read: write each of \
                                them as -H 'Name: value'"
                            .to_owned(),
                    );
                }
                self.headers.push(line);
            }
            "--request" => self.method = Some(text(next()?)?),
            "--url" if self.url.is_some() => return Err("the curl command has two URLs; keep one".to_owned()),
            "--url" => self.url = Some(text(next()?)?),
            "--user" => self.user = Some(text(next()?)?),
            "--oauth2-bearer" => self.headers.push([b"Authorization: Bearer ".as_slice(), &next()?].concat()),
            "--user-agent" => self.headers.push([b"User-Agent: ".as_slice(), &next()?].concat()),
            "--referer" => self.headers.push([b"Referer: ".as_slice(), &next()?].concat()),
            "--cookie" => self.headers.push([b"Cookie: ".as_slice(), &next()?].concat()),
            "--data" | "--data-ascii" => self.add_data(next()?, true)?,
            "--data-binary" => self.add_data(next()?, false)?,
            "--json" => {
                self.is_json = true;
                self.add_data(next()?, false)?;
            }
            "--data-raw" => {
                let bytes = next()?;
                self.push(bytes.clone(), bytes);
            }
            "--data-urlencode" => self.add_encoded(&next()?)?,
            "--form" | "--form-string" => {
                return Err(
                    "curl chooses the boundary of a multipart form anew at every call, so the command does not \
                            hold the bytes that were sent; capture those"
                        .to_owned(),
                );
            }
            "--get" => self.is_get = true,
            "--head" => self.method = Some("HEAD".to_owned()),
            "--upload-file" => {
                let name = text(next()?)?;
                let bytes = self.file(&name)?;
                self.push(bytes.clone(), bytes);
                self.method.get_or_insert_with(|| "PUT".to_owned());
            }
            "--next" => {
                return Err("the curl command sends several requests (--next); keep one of them".to_owned());
            }
            "--config" => {
                drop(next()?);
                self.notes.push("--config of the curl command names a file of options, which is not read".to_owned());
            }
            _ if WITH_VALUE.contains(&name) => drop(next()?),
            _ if WITHOUT_VALUE.contains(&name) => {}
            _ => {
                let is_name = name.len() < 40
                    && name
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte));
                let shown = if is_name { name } else { "an option" };
                self.notes.push(format!("{shown} of the curl command is not known here, and is passed over"));
                self.unknown = value.is_none().then(|| shown.to_owned());
            }
        }
        Ok(())
    }

    /// Takes the one word that is the URL. What a word says is not shown: it may be a part of a signature.
    fn choose_url(&mut self) -> Result<(), String> {
        let bare = std::mem::take(&mut self.bare);
        let is_alone = self.url.is_none() && bare.len() == 1;
        let mut candidates = Vec::new();
        for word in bare {
            match &word.behind {
                Some(option) if !is_alone && word.looks_like_url() => {
                    return Err(format!(
                        "word {} of the curl command follows {option}, which is not known here: it may be its \
                         value or the URL; take that option away",
                        word.position
                    ));
                }
                Some(_) if !is_alone || !word.looks_like_url() => {}
                _ => candidates.push(word),
            }
        }
        let is_chosen = self.url.is_some();
        let stray = match candidates.as_slice() {
            [only] if !is_chosen => {
                self.url = Some(only.text.clone());
                return Ok(());
            }
            [] => return Ok(()),
            [only] => only,
            [first, .., last] => {
                candidates.iter().find(|word| !word.looks_like_url()).unwrap_or(if is_chosen { first } else { last })
            }
        };
        Err(format!(
            "word {} of the curl command belongs to no option, and the URL is elsewhere: a quote is missing around a \
             value, or the command is written for another shell",
            stray.position
        ))
    }

    fn short(&mut self, option: &str, words: Words<'_>) -> Result<(), String> {
        let mut letters = option.strip_prefix('-').unwrap_or(option).chars();
        while let Some(letter) = letters.next() {
            if !LETTERS_WITH_VALUE.contains(letter) {
                match letter {
                    'G' => self.is_get = true,
                    'I' => self.method = Some("HEAD".to_owned()),
                    _ => {}
                }
                continue;
            }
            let rest = letters.as_str();
            let value = match rest {
                "" => words.next().ok_or(format!("-{letter} of the curl command has no value"))?,
                rest => rest.as_bytes().to_vec(),
            };
            let name = match letter {
                'H' => "--header",
                'X' => "--request",
                'd' => "--data",
                'A' => "--user-agent",
                'e' => "--referer",
                'b' => "--cookie",
                'u' => "--user",
                'F' => "--form",
                'T' => "--upload-file",
                'K' => "--config",
                _ => return Ok(()),
            };
            return self.long(name, &mut std::iter::once(value));
        }
        Ok(())
    }

    /// `-d` and `--data-binary`: text, or `@` and the name of a file, of which `-d` drops the line ends.
    fn add_data(&mut self, value: Vec<u8>, strips: bool) -> Result<(), String> {
        let Some(name) = value.strip_prefix(b"@") else {
            self.push(value.clone(), value);
            return Ok(());
        };
        let bytes = self.file(&text(name.to_vec())?)?;
        if strips {
            let stripped: Vec<u8> = bytes.iter().copied().filter(|byte| !matches!(*byte, b'\r' | b'\n' | 0)).collect();
            self.strips |= stripped != bytes;
            self.push(stripped, bytes);
        } else {
            self.push(bytes.clone(), bytes);
        }
        Ok(())
    }

    fn add_encoded(&mut self, value: &[u8]) -> Result<(), String> {
        let at = value.iter().position(|byte| matches!(*byte, b'=' | b'@'));
        let (name, content) = match at {
            Some(at) => {
                let (name, rest) = value.split_at(at);
                let content = match rest {
                    [b'@', file @ ..] => self.file(&text(file.to_vec())?)?,
                    _ => rest.get(1..).unwrap_or_default().to_vec(),
                };
                (name, content)
            }
            None => (&[][..], value.to_vec()),
        };
        let mut bytes = name.to_vec();
        if !name.is_empty() {
            bytes.push(b'=');
        }
        percent::encode_into(&mut bytes, &content, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        self.push(bytes.clone(), bytes);
        Ok(())
    }

    fn push(&mut self, bytes: Vec<u8>, with_line_ends: Vec<u8>) {
        self.data.push(bytes);
        self.data_with_line_ends.push(with_line_ends);
    }

    fn file(&self, name: &str) -> Result<Vec<u8>, String> {
        if name == "-" {
            let missing =
                "the curl command sends what is put into it (@-), which is not in the capture: give it with --body";
            return self.input.clone().ok_or_else(|| missing.to_owned());
        }
        let path = self.folder.unwrap_or(Path::new(".")).join(name);
        fs::read(&path).map_err(|error| format!("{}, which the curl command sends: {error}", path.display()))
    }

    fn finish(self) -> Result<Captured, String> {
        let mut captured = Captured { form: "a curl command", notes: self.notes, ..Captured::default() };
        for line in &self.headers {
            let mut halves = line.splitn(2, |byte| matches!(*byte, b':' | b';'));
            let (Some(name), Some(value)) = (halves.next(), halves.next()) else { continue };
            let value = value.trim_ascii();
            // `-H 'Name:'` removes a header that curl itself would send.
            if value.is_empty() && !line.ends_with(b";") {
                continue;
            }
            captured.add_header(std::str::from_utf8(name).map_err(|_| "a header's name is not UTF-8")?.trim(), value);
        }
        let separator: &[u8] = if self.is_json { b"" } else { b"&" };
        let body = self.data.join(separator);
        let (_, user) = Url::parse_captured(self.url.as_deref().ok_or("the curl command has no URL")?)?;
        captured.add_url(self.url.as_deref().unwrap_or_default())?;
        if let Some(user) = self.user.or(user)
            && captured.header("authorization").is_none()
        {
            let value = [b"Basic ".as_slice(), &encoding::encode_base64(user.as_bytes())].concat();
            captured.add_header("Authorization", &value);
        }
        let sends = !self.data.is_empty();
        if self.is_get && sends {
            let separator = if captured.target.contains('?') { '&' } else { '?' };
            captured.target = format!("{}{separator}{}", captured.target, String::from_utf8_lossy(&body));
        } else {
            captured.body = body;
            let media_type = if self.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
            if sends && !captured.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                captured.add_header("Content-Type", media_type.as_bytes());
            }
        }
        if self.strips {
            captured.other_bodies.push(OtherBody {
                code: "curl_strips_line_ends",
                sentence: "curl -d @file drops every line end of the file; the signature covers the file as it is.",
                advice: "Send the file with --data-binary @file.",
                bytes: self.data_with_line_ends.join(separator),
            });
        }
        let usual = if sends && !self.is_get { "POST" } else { "GET" };
        captured.method = self.method.unwrap_or_else(|| usual.to_owned());
        Ok(captured)
    }
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "a value of the curl command is not UTF-8".to_owned())
}
