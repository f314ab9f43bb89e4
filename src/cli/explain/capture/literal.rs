//! Values as source code and consoles write them: literals of JavaScript and Python, and what `console.log` and `print`
//! show.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::bytes::json::Json;

const DEPTH: u8 = 60;

/// The value at the beginning of a text, and what is behind it.
pub fn parse(text: &str) -> Option<(Json, &str)> {
    let mut parser = Parser { rest: text };
    let value = parser.value(0)?;
    Some((value, parser.rest))
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let skip = |rest: &str, start: &str, end: &str| {
                let inside = rest.strip_prefix(start)?;
                Some(inside.find(end).map_or(rest.len(), |at| at.saturating_add(start.len()).saturating_add(end.len())))
            };
            match skip(self.rest, "//", "\n").or_else(|| skip(self.rest, "/*", "*/")) {
                Some(length) => self.rest = self.rest.get(length..).unwrap_or_default(),
                None => return,
            }
        }
    }

    fn take(&mut self, token: &str) -> bool {
        self.blank();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let char = chars.next()?;
        self.rest = chars.as_str();
        Some(char)
    }

    fn word(&mut self) -> String {
        self.blank();
        let end =
            self.rest.find(|char: char| !(char.is_alphanumeric() || "_$.-".contains(char))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn value(&mut self, depth: u8) -> Option<Json> {
        if depth > DEPTH {
            return None;
        }
        let inner = depth.saturating_add(1);
        if self.take("{") || self.take("%{") {
            return self.object(inner);
        }
        // How Node shows an object without a prototype.
        if self.take("[Object: null prototype]") {
            return self.value(inner);
        }
        for left_out in ["[Object]", "[Array]", "[Function]", "[Getter]", "[Getter/Setter]"] {
            if self.take(left_out) {
                return Some(Json::Null);
            }
        }
        if self.take("[") {
            return self.list(inner, "]");
        }
        if self.take("(") {
            let Json::List(mut items) = self.list(inner, ")")? else { return None };
            // A tuple, or a value in parentheses.
            return Some(if items.len() == 1 { items.swap_remove(0) } else { Json::List(items) });
        }
        if self.take("<Buffer") {
            return self.buffer();
        }
        self.blank();
        if self.rest.starts_with(['"', '\'', '`']) {
            return self.texts(false);
        }
        let word = self.word();
        match word.as_str() {
            "" => None,
            "true" | "True" => Some(Json::Bool(true)),
            "false" | "False" => Some(Json::Bool(false)),
            "null" | "undefined" | "None" | "nil" => Some(Json::Null),
            "b" | "r" | "u" | "br" | "rb" if self.rest.starts_with(['"', '\'']) => self.texts(word.contains('b')),
            "new" | "await" => self.value(inner),
            number if number.starts_with(|char: char| char.is_ascii_digit() || char == '-') => {
                serde_json::from_str::<serde_json::Number>(number).ok().map(|number| Json::Number(number.to_string()))
            }
            "JSON.stringify" | "json.dumps" if self.take("(") => {
                let value = self.value(inner)?;
                self.close();
                Some(Json::Text(value.to_string()))
            }
            // PHP's var_export, and what Symfony and Laravel dump.
            "array" if self.take("(") => self.list(inner, ")"),
            _ if word.starts_with("array") && self.dumped_list() => self.list(inner, "]"),
            _ if self.take("(") => {
                let first = if self.take(")") { return Some(Json::Null) } else { self.value(inner)? };
                self.close();
                Some(first)
            }
            // The name of a class in front of an object, as Node shows it.
            _ if self.take("{") => self.object(inner),
            _ => None,
        }
    }

    /// Skips to the parenthesis that closes a call.
    fn close(&mut self) {
        let mut open = 1_usize;
        while let Some(char) = self.next() {
            match char {
                '(' => open = open.saturating_add(1),
                ')' => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }

    fn object(&mut self, depth: u8) -> Option<Json> {
        let mut members = Vec::new();
        loop {
            if self.take("}") {
                return Some(Json::Object(members));
            }
            self.blank();
            let name = if self.rest.starts_with(['"', '\'', '`']) {
                self.texts(false)?.text()?.to_owned()
            } else if self.take("[") {
                // A symbol of Node's, such as `[Symbol(kHeaders)]`.
                let (_, rest) = self.rest.split_once(']')?;
                self.rest = rest;
                String::new()
            } else {
                self.word()
            };
            // A tuple of Elixir.
            if members.is_empty() && self.rest.trim_start().starts_with(',') {
                self.take(",");
                let Json::List(rest) = self.list(depth, "}")? else { return None };
                return Some(Json::List([vec![Json::Text(name)], rest].concat()));
            }
            // Ruby and Elixir have an arrow.
            if !self.take("=>") && !self.take(":") {
                return None;
            }
            let value = self.value(depth)?;
            if !name.is_empty() {
                members.push((name, value));
            }
            if !self.take(",") && !self.rest.trim_start().starts_with('}') {
                return None;
            }
        }
    }

    /// A list; PHP also writes its maps so, with an arrow behind each key.
    fn list(&mut self, depth: u8, end: &str) -> Option<Json> {
        let (mut items, mut members) = (Vec::new(), Vec::new());
        loop {
            if self.take(end) {
                let is_list = members.iter().enumerate().all(|(at, (name, _))| *name == at.to_string());
                let values = |members: Vec<(String, Json)>| members.into_iter().map(|(_, value)| value).collect();
                return Some(match (items.is_empty(), members.is_empty(), is_list) {
                    (true, false, true) => Json::List(values(members)),
                    (true, false, false) => Json::Object(members),
                    _ => Json::List(items),
                });
            }
            let value = self.value(depth)?;
            if self.take("=>") {
                members.push((value.text()?.to_owned(), self.value(depth)?));
            } else {
                items.push(value);
            }
            // Dumps have lines in place of commas.
            let next = self.rest.trim_start();
            if !self.take(",") && !next.starts_with(end) && members.is_empty() {
                return None;
            }
        }
    }

    /// Skips `:3 [` behind `array`.
    fn dumped_list(&mut self) -> bool {
        let rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
        match rest.trim_start_matches(|char: char| char.is_ascii_digit()).trim_start().strip_prefix('[') {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// `7b 22 … >`, which Node cuts after fifty bytes.
    fn buffer(&mut self) -> Option<Json> {
        let (inside, rest) = self.rest.split_once('>')?;
        self.rest = rest;
        let mut words = inside.split_whitespace();
        let digits: String = words
            .by_ref()
            .take_while(|word| word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .collect();
        let bytes = encoding::decode_hex(digits.as_bytes())?;
        Some(buffer_of(&bytes, inside.contains("...")))
    }

    /// One or several texts with plus signs between.
    fn texts(&mut self, is_bytes: bool) -> Option<Json> {
        let mut units = Vec::new();
        loop {
            self.blank();
            let quote = self.next()?;
            self.text(quote, &mut units)?;
            let before = self.rest;
            if !self.take("+") {
                self.rest = before;
                break;
            }
            self.blank();
            if !self.rest.starts_with(['"', '\'', '`']) {
                return None;
            }
        }
        if is_bytes {
            let bytes: Option<Vec<u8>> = units.iter().map(|unit| u8::try_from(*unit).ok()).collect();
            return Some(buffer_of(&bytes?, false));
        }
        Some(Json::Text(String::from_utf16_lossy(&units)))
    }

    /// The rest of a text, as UTF-16, in which JavaScript writes letters beyond the first plane as two escapes.
    fn text(&mut self, quote: char, units: &mut Vec<u16>) -> Option<()> {
        let push = |units: &mut Vec<u16>, char: char| units.extend_from_slice(char.encode_utf16(&mut [0; 2]));
        loop {
            match self.next()? {
                '\\' => match self.next()? {
                    'n' => push(units, '\n'),
                    'r' => push(units, '\r'),
                    't' => push(units, '\t'),
                    'b' => push(units, '\u{8}'),
                    'f' => push(units, '\u{c}'),
                    'v' => push(units, '\u{b}'),
                    '0' => push(units, '\0'),
                    '\n' => {}
                    'x' => units.push(self.hex(2)?),
                    'u' if self.rest.starts_with('{') => {
                        let (digits, rest) = self.rest.get(1..)?.split_once('}')?;
                        self.rest = rest;
                        push(units, char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                    }
                    'u' => units.push(self.hex(4)?),
                    other => push(units, other),
                },
                '$' if quote == '`' && self.rest.starts_with('{') => return None,
                char if char == quote => return Some(()),
                char => push(units, char),
            }
        }
    }

    fn hex(&mut self, digits: usize) -> Option<u16> {
        let (number, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        u16::from_str_radix(number, 16).ok()
    }
}

/// Bytes as Node writes a buffer in JSON.
fn buffer_of(bytes: &[u8], is_cut: bool) -> Json {
    let data = String::from_utf8_lossy(&encoding::encode_base64(bytes)).into_owned();
    let member = |name: &str, value| (name.to_owned(), value);
    Json::Object(vec![
        member("type", Json::Text("Buffer".to_owned())),
        member("data", Json::Text(data)),
        member("truncated", Json::Bool(is_cut)),
    ])
}
