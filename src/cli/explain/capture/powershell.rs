//! A web request of PowerShell: assignments, and a command with named parameters.

use std::collections::BTreeMap;

use super::variables;

/// The command as it would be run.
#[derive(Default)]
pub struct Call {
    /// The table of headers.
    pub headers: Vec<(String, String)>,
    parameters: BTreeMap<String, String>,
}

impl Call {
    /// The value of a parameter, by its name in small letters.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Takes a parameter, of which only these two can be tables.
    fn set(&mut self, name: String, value: Value) {
        let text = |value: Value| match value {
            Value::Text(text) => text,
            Value::Table(_) => String::new(),
        };
        match value {
            Value::Table(table) if name == "headers" => {
                self.headers = table.into_iter().map(|(name, value)| (name, text(value))).collect();
            }
            Value::Table(table) if name == "body" => {
                let pairs: Vec<_> = table.into_iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
                self.parameters.insert(name, pairs.join("&"));
            }
            Value::Table(_) => {}
            Value::Text(text) => drop(self.parameters.insert(name, text)),
        }
    }
}

#[derive(Clone)]
enum Value {
    Text(String),
    Table(Vec<(String, Value)>),
}

impl Value {
    /// Its size in bytes.
    fn len(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Table(pairs) => {
                pairs.iter().fold(0, |sum, (name, value)| sum.saturating_add(name.len()).saturating_add(value.len()))
            }
        }
    }
}

/// How many tables are read inside of each other.
const DEEPEST: u8 = 8;

const UNREAD: &str = "the PowerShell command computes a part of the request (a variable, a pipe or $(…)): write what it is \
                      when it runs, or copy as cURL (bash) instead";

/// Reads a text with one `Invoke-WebRequest` or `Invoke-RestMethod`.
///
/// # Errors
/// What only PowerShell itself could fill in.
pub fn read(text: &str) -> Result<Call, String> {
    let mut reader = Reader { rest: text, variables: BTreeMap::new(), depth: 0, copied: 0 };
    let mut call = Call::default();
    let mut is_called = false;
    loop {
        reader.skip(!is_called);
        let Some(first) = reader.rest.chars().next() else { break };
        if matches!(first, '\n' | '|' | ';') && is_called {
            break;
        }
        if first == '#' {
            reader.line();
        } else if first == '$' && !is_called {
            reader.assign()?;
        } else if first == '-' && is_called {
            let name = reader.word().trim_start_matches('-').to_ascii_lowercase();
            let (name, inline) = name
                .split_once(':')
                .map_or((name.clone(), None), |(name, value)| (name.to_owned(), Some(value.to_owned())));
            reader.skip(false);
            // A switch has no value.
            if inline.is_some() || reader.rest.starts_with(['-', '\n']) || reader.rest.is_empty() {
                continue;
            }
            let value = reader.value()?;
            call.set(name, value);
        } else if first == '@' && is_called {
            let name = reader.word().trim_start_matches('@').to_ascii_lowercase();
            match reader.variables.get(&name).cloned() {
                Some(Value::Table(table)) => {
                    table.into_iter().for_each(|(name, value)| call.set(name.to_ascii_lowercase(), value));
                }
                _ => return Err(UNREAD.to_owned()),
            }
        } else {
            let is_text = first == '"' || first == '\'';
            let value = if is_text { reader.value()? } else { Value::Text(reader.word()) };
            let Value::Text(word) = value else { continue };
            let is_command =
                ["invoke-webrequest", "invoke-restmethod", "iwr", "irm"].contains(&word.to_ascii_lowercase().as_str());
            if is_called && word.contains("://") {
                call.parameters.entry("uri".to_owned()).or_insert(word);
            } else if is_command {
                is_called = true;
            } else if word.is_empty() {
                reader.next();
            }
        }
    }
    if let Some(agent) = reader.variables.get("session.useragent").cloned()
        && let Value::Text(agent) = agent
    {
        call.parameters.entry("useragent".to_owned()).or_insert(agent);
    }
    Ok(call)
}

struct Reader<'a> {
    rest: &'a str,
    variables: BTreeMap<String, Value>,
    /// How many tables are open.
    depth: u8,
    /// How many bytes of variables were put in.
    copied: usize,
}

impl Reader<'_> {
    /// Skips blanks, continued lines, and ends of lines where they mean nothing.
    fn skip(&mut self, lines: bool) {
        loop {
            let trimmed = self.rest.trim_start_matches([' ', '\t', '\r']);
            let continued = trimmed.strip_prefix("`\r\n").or_else(|| trimmed.strip_prefix("`\n"));
            let line = trimmed.strip_prefix('\n').filter(|_| lines);
            let Some(rest) = continued.or(line) else {
                self.rest = trimmed;
                return;
            };
            self.rest = rest;
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let char = chars.next()?;
        self.rest = chars.as_str();
        Some(char)
    }

    fn until(&mut self, is_end: impl Fn(char) -> bool) -> String {
        let (word, rest) = self.rest.split_at(self.rest.find(is_end).unwrap_or(self.rest.len()));
        self.rest = rest;
        word.to_owned()
    }

    fn word(&mut self) -> String {
        self.until(|char| char.is_whitespace() || matches!(char, ';' | '|' | '=' | '(' | ')' | '{' | '}'))
    }

    fn line(&mut self) {
        drop(self.until(|char| char == '\n'));
    }

    /// `$name = value`, of which a value that is computed stays unknown.
    fn assign(&mut self) -> Result<(), String> {
        let name = self.word().trim_start_matches('$').to_ascii_lowercase();
        self.skip(false);
        if let Some(rest) = self.rest.strip_prefix('=') {
            self.rest = rest;
            self.skip(false);
            if self.rest.starts_with(['"', '\'', '@', '$']) {
                // What cannot be read may be needed by nothing.
                if let Ok(value) = self.value() {
                    self.variables.insert(name, value);
                }
            } else if self.rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("invoke-"))
                || self.rest.starts_with("iwr")
                || self.rest.starts_with("irm")
            {
                return Ok(());
            }
        }
        self.line();
        Ok(())
    }

    fn value(&mut self) -> Result<Value, String> {
        self.skip(false);
        let text = |text| Ok(Value::Text(text));
        if let Some(rest) = self.rest.strip_prefix("@{") {
            self.rest = rest;
            if self.depth > DEEPEST {
                return Err("the PowerShell command has too many tables inside of each other".to_owned());
            }
            self.depth = self.depth.saturating_add(1);
            let table = self.table();
            self.depth = self.depth.saturating_sub(1);
            return table.map(Value::Table);
        }
        for (open, close) in [("@\"", "\n\"@"), ("@'", "\n'@")] {
            if let Some(rest) = self.rest.strip_prefix(open) {
                let rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
                // One that is not closed goes to the end.
                self.rest = "";
                let (inside, rest) =
                    rest.split_once(close).ok_or("a here-string of the PowerShell command is not closed")?;
                self.rest = rest;
                return text(inside.strip_suffix('\r').unwrap_or(inside).to_owned());
            }
        }
        match self.rest.chars().next() {
            Some('"') => self.double().map(Value::Text),
            Some('\'') => self.single().map(Value::Text),
            Some('(') => self.expression().map(Value::Text),
            Some('$') => {
                let name = self.word().trim_start_matches('$').to_ascii_lowercase();
                // Of these two nothing is needed; `$true` and `$null` say nothing.
                if matches!(name.as_str(), "session" | "true" | "false" | "null") {
                    return text(String::new());
                }
                let value = self.variables.get(&name).ok_or_else(|| UNREAD.to_owned())?;
                self.copied = self.copied.saturating_add(value.len());
                if self.copied > variables::LARGEST {
                    return Err("the variables of the PowerShell command stand for too much".to_owned());
                }
                Ok(value.clone())
            }
            _ => {
                let word = self.until(|char| char.is_whitespace() || matches!(char, ';' | '|' | '}'));
                text(word)
            }
        }
    }

    /// `"a"="b"` in lines, or with semicolons.
    fn table(&mut self) -> Result<Vec<(String, Value)>, String> {
        let mut pairs = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n', ';']);
            if let Some(rest) = self.rest.strip_prefix('}') {
                self.rest = rest;
                return Ok(pairs);
            }
            let name = match self.rest.chars().next() {
                Some('"' | '\'') => self.value()?,
                Some(_) => Value::Text(self.word()),
                None => return Err("a table of the PowerShell command is not closed".to_owned()),
            };
            self.skip(false);
            self.rest =
                self.rest.strip_prefix('=').ok_or("a table of the PowerShell command is not \"name\"=\"value\"")?;
            if let Value::Text(name) = name {
                let value = self.value()?;
                pairs.push((name, value));
            }
        }
    }

    /// `([System.Text.Encoding]::UTF8.GetBytes("…"))`: the text inside.
    fn expression(&mut self) -> Result<String, String> {
        let (before, _) = self.rest.split_once(['"', '\'']).ok_or(UNREAD)?;
        if before.contains('$') || before.contains('|') || before.contains('\n') {
            return Err(UNREAD.to_owned());
        }
        let open = before.matches('(').count();
        self.rest = self.rest.get(before.len()..).unwrap_or_default();
        let Value::Text(inside) = self.value()? else { return Err(UNREAD.to_owned()) };
        for _ in 0..open {
            self.skip(true);
            self.rest = self.rest.strip_prefix(')').ok_or(UNREAD)?;
        }
        Ok(inside)
    }

    fn single(&mut self) -> Result<String, String> {
        let mut text = String::new();
        self.next();
        loop {
            match self.next() {
                Some('\'') if self.rest.starts_with('\'') => {
                    self.next();
                    text.push('\'');
                }
                Some('\'') => return Ok(text),
                Some(char) => text.push(char),
                None => return Err("a quote of the PowerShell command is not closed".to_owned()),
            }
        }
    }

    /// Letters beyond ASCII are copied as `$([char]228)`, those beyond the first plane as two of these.
    fn double(&mut self) -> Result<String, String> {
        let mut units: Vec<u16> = Vec::new();
        let push = |units: &mut Vec<u16>, char: char| units.extend_from_slice(char.encode_utf16(&mut [0; 2]));
        self.next();
        loop {
            match self.next() {
                Some('`') => match self.next() {
                    Some('n') => push(&mut units, '\n'),
                    Some('r') => push(&mut units, '\r'),
                    Some('t') => push(&mut units, '\t'),
                    Some('0') => push(&mut units, '\0'),
                    Some(other) => push(&mut units, other),
                    None => {}
                },
                Some('$') if self.rest.starts_with("([char]") => {
                    let (number, rest) =
                        self.rest.get("([char]".len()..).and_then(|rest| rest.split_once(')')).ok_or(UNREAD)?;
                    self.rest = rest;
                    let number = number.trim();
                    let unit = match number.strip_prefix("0x") {
                        Some(digits) => u16::from_str_radix(digits, 16).ok(),
                        None => number.parse().ok(),
                    };
                    units.push(unit.ok_or(UNREAD)?);
                }
                Some('$')
                    if self.rest.starts_with(|char: char| char.is_ascii_alphabetic() || matches!(char, '(' | '{')) =>
                {
                    return Err(UNREAD.to_owned());
                }
                Some('"') if self.rest.starts_with('"') => {
                    self.next();
                    push(&mut units, '"');
                }
                Some('"') => return Ok(String::from_utf16_lossy(&units)),
                Some(char) => push(&mut units, char),
                None => return Err("a quote of the PowerShell command is not closed".to_owned()),
            }
        }
    }
}
