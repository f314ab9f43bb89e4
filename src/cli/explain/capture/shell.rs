//! Words of a command line, as a POSIX shell, PowerShell or Windows' `cmd` makes them.

/// The words of a command line, as bytes: a shell can write any.
///
/// # Errors
/// What is not closed, and what only the shell itself could fill in.
pub fn words(text: &str) -> Result<Vec<Vec<u8>>, String> {
    if is_cmd(text) {
        cmd_words(text)
    } else if is_powershell(text) {
        powershell_words(text)
    } else {
        posix_words(text, |word| ENDS.contains(&word))
    }
}

/// A command, and what is put into it: by `echo` or `printf` in front of a bar, or by a document behind `<<`.
pub fn with_input(text: &str) -> (String, Option<Vec<u8>>) {
    let text = text.strip_prefix('$').unwrap_or(text).trim_start();
    piped(text).or_else(|| here_document(text)).unwrap_or_else(|| (text.to_owned(), None))
}

fn piped(text: &str) -> Option<(String, Option<Vec<u8>>)> {
    let is_echo = text.starts_with("echo ");
    if !is_echo && !text.starts_with("printf ") {
        return None;
    }
    let names = ["curl", "http", "https", "xh", "xhs"];
    let is_bar = |at: &usize| {
        let behind = text.get(at.saturating_add(1)..).unwrap_or_default().trim_start();
        let ends = |rest: &str| rest.chars().next().is_none_or(char::is_whitespace);
        names.iter().any(|name| behind.strip_prefix(name).is_some_and(ends))
    };
    let at = text.match_indices('|').map(|(at, _)| at).find(is_bar)?;
    let words = posix_words(text.get(..at)?, |_| false).ok()?;
    let has_no_end = !is_echo || words.iter().skip(1).any(|word| word == b"-n" || word == b"-en" || word == b"-ne");
    let last = words.into_iter().skip(1).rfind(|word| !word.starts_with(b"-"))?;
    let input = if has_no_end { last } else { [last.as_slice(), b"\n"].concat() };
    Some((text.get(at.saturating_add(1)..)?.trim_start().to_owned(), Some(input)))
}

fn here_document(text: &str) -> Option<(String, Option<Vec<u8>>)> {
    let at = text.find("<<").filter(|at| !text.get(*at..).is_some_and(|rest| rest.starts_with("<<<")))?;
    let (before, rest) = text.split_at_checked(at)?;
    let (line, document) = rest.split_once('\n')?;
    let line = line.trim_start_matches(['<', '-', ' ']);
    let (mark, behind) = line.split_at(line.find([' ', '|', '>']).unwrap_or(line.len()));
    let mark = mark.trim().trim_matches(['\'', '"']);
    let is_mark = !mark.is_empty() && mark.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let end = document.lines().position(|line| line.trim() == mark).filter(|_| is_mark)?;
    let input: String = document.lines().take(end).flat_map(|line| [line, "\n"]).collect();
    Some((format!("{before} {behind}"), Some(input.into_bytes())))
}

/// The same, with `<` and `<<<` and what they name as words of their own.
///
/// # Errors
/// As [`words`].
pub fn words_with_input(text: &str) -> Result<Vec<Vec<u8>>, String> {
    if is_cmd(text) || is_powershell(text) {
        return words(text);
    }
    let ends = |word: &str| ENDS.contains(&word) && word != "<";
    posix_words(text, ends)
}

/// Words behind which another command begins, or a file that is none of the request.
const ENDS: [&str; 9] = ["|", "||", "&&", ";", "&", ">", ">>", "2>&1", "<"];

/// Whether lines go on as only PowerShell lets them.
fn is_powershell(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end);
    lines.next().is_some_and(|line| line.ends_with('`')) || lines.any(|line| line.ends_with(" `"))
}

/// Quotes as word processors and chats write them.
fn is_curly(char: char) -> bool {
    matches!(char, '\u{2018}'..='\u{201f}' | '«' | '»')
}

const UNCLOSED: &str = "a quote of the command is not closed";
const CURLY: &str = "the command has curly quotes (“ ” or ‘ ’) where a shell wants straight ones: an editor or a \
                     chat changed them; write \" or ' instead";
const SUBSTITUTED: &str = "the command has $(…), which only its shell can fill in: write what stood there when the \
                           request was sent";

/// Whether lines go on, or quotes are written, as only `cmd` does.
fn is_cmd(text: &str) -> bool {
    text.contains("^\"") || text.lines().any(|line| line.trim_end().ends_with('^'))
}

/// The characters that are left.
type Chars<'a, 'b> = &'a mut std::iter::Peekable<std::str::Chars<'b>>;

/// Stands in a text around the number of a piece that was taken out of it.
const MARK: char = '\u{10fffe}';

fn posix_words(text: &str, ends: impl Fn(&str) -> bool) -> Result<Vec<Vec<u8>>, String> {
    // A copy may have the line ends of Windows.
    let text = text.replace("\r\n", "\n");
    let (text, pieces) = take_ansi_c(&text)?;
    let words = shell_words::split(&text).map_err(|_| UNCLOSED.to_owned())?;
    Ok(words.into_iter().take_while(|word| !ends(word.as_str())).map(|word| put_back(&word, &pieces)).collect())
}

/// Takes out every `$'…'`, which the library does not know, and leaves its number.
fn take_ansi_c(text: &str) -> Result<(String, Vec<Vec<u8>>), String> {
    let mut kept = String::with_capacity(text.len());
    let mut pieces = Vec::new();
    let mut chars = text.chars().peekable();
    let mut quote = None;
    while let Some(char) = chars.next() {
        match (quote, char) {
            (None, '$') if chars.peek() == Some(&'\'') => {
                chars.next();
                kept.push_str(&format!("{MARK}{}{MARK}", pieces.len()));
                pieces.push(ansi_c(&mut chars)?);
                continue;
            }
            (None | Some('"'), '$') if chars.peek() == Some(&'(') => return Err(SUBSTITUTED.to_owned()),
            (None, curly) if is_curly(curly) => return Err(CURLY.to_owned()),
            (None, '\'' | '"') => quote = Some(char),
            (Some(open), _) if open == char => quote = None,
            (None | Some('"'), '\\') => {
                kept.push(char);
                kept.extend(chars.next());
                continue;
            }
            _ => {}
        }
        kept.push(char);
    }
    Ok((kept, pieces))
}

/// The bytes of `$'…'` behind its first quote (POSIX.1-2024, section 2.2.4).
fn ansi_c(chars: Chars<'_, '_>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let push = |bytes: &mut Vec<u8>, char: char| bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    loop {
        match chars.next() {
            None => return Err(UNCLOSED.to_owned()),
            Some('\'') => return Ok(bytes),
            Some('\\') => match chars.next() {
                Some('n') => bytes.push(b'\n'),
                Some('r') => bytes.push(b'\r'),
                Some('t') => bytes.push(b'\t'),
                Some('a') => bytes.push(7),
                Some('b') => bytes.push(8),
                Some('e' | 'E') => bytes.push(27),
                Some('f') => bytes.push(12),
                Some('v') => bytes.push(11),
                Some('x') => bytes.extend(u8::try_from(number(chars, 16, 2)).ok()),
                Some('u') => push(&mut bytes, char::from_u32(number(chars, 16, 4)).unwrap_or('\u{fffd}')),
                Some('U') => push(&mut bytes, char::from_u32(number(chars, 16, 8)).unwrap_or('\u{fffd}')),
                Some(digit @ '0'..='7') => {
                    let first = digit.to_digit(8).unwrap_or_default();
                    bytes.extend(u8::try_from(number_from(first, chars, 8, 2) & 0xff).ok());
                }
                Some(other) => push(&mut bytes, other),
                None => return Err(UNCLOSED.to_owned()),
            },
            Some(other) => push(&mut bytes, other),
        }
    }
}

/// A number of at most so many digits.
fn number(chars: Chars<'_, '_>, radix: u32, most: usize) -> u32 {
    number_from(0, chars, radix, most)
}

/// A number that has begun, and at most so many digits more.
fn number_from(first: u32, chars: Chars<'_, '_>, radix: u32, most: usize) -> u32 {
    let mut value = first;
    for _ in 0..most {
        let Some(digit) = chars.peek().and_then(|char| char.to_digit(radix)) else { break };
        value = value.saturating_mul(radix).saturating_add(digit);
        chars.next();
    }
    value
}

fn put_back(word: &str, pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    for (at, part) in word.split(MARK).enumerate() {
        match part.parse::<usize>().ok().filter(|_| at % 2 == 1).and_then(|number| pieces.get(number)) {
            Some(piece) => bytes.extend_from_slice(piece),
            None => bytes.extend_from_slice(part.as_bytes()),
        }
    }
    bytes
}

/// Words as PowerShell makes them, where a backtick escapes and a doubled quote is one.
fn powershell_words(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().filter(|char| *char != '\r').peekable();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (None | Some('"'), '`') => match chars.next() {
                Some('\n') if quote.is_none() => words.extend(word.take()),
                Some('n') => word.get_or_insert_default().push('\n'),
                Some('r') => word.get_or_insert_default().push('\r'),
                Some('t') => word.get_or_insert_default().push('\t'),
                Some('0') => word.get_or_insert_default().push('\0'),
                Some(other) => word.get_or_insert_default().push(other),
                None => {}
            },
            (None | Some('"'), '$') if chars.peek() == Some(&'(') => return Err(SUBSTITUTED.to_owned()),
            (None, curly) if is_curly(curly) => return Err(CURLY.to_owned()),
            (None, '\'' | '"') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '\n' | '|' | ';' | '>') => break,
            (Some(open), _) if open == char => match chars.next_if_eq(&open) {
                Some(_) => word.get_or_insert_default().push(open),
                None => quote = None,
            },
            _ => word.get_or_insert_default().push(char),
        }
    }
    if quote.is_some() {
        return Err(UNCLOSED.to_owned());
    }
    words.extend(word);
    Ok(words.into_iter().map(|word| for_old_powershell(word).into_bytes()).collect())
}

/// Before version 7.3 PowerShell took the quotes inside a word away, and so every one of them was written `\"`.
fn for_old_powershell(word: String) -> String {
    let escaped = word.matches("\\\"").count();
    if escaped > 0 && escaped == word.matches('"').count() { word.replace("\\\"", "\"") } else { word }
}

/// First the carets and percent signs of `cmd`, then the quotes of the C runtime.
fn cmd_words(text: &str) -> Result<Vec<Vec<u8>>, String> {
    // A batch file doubles them.
    let text = text.replace("%%", "%");
    let mut line = String::with_capacity(text.len());
    let mut chars = text.chars().filter(|char| *char != '\r').peekable();
    let mut quoted = false;
    while let Some(char) = chars.next() {
        match char {
            '^' if !quoted => match chars.next() {
                // The line goes on, and its first character means nothing else.
                Some('\n') => line.extend(chars.next()),
                Some(next) => line.push(next),
                None => {}
            },
            '"' => {
                quoted = !quoted;
                line.push(char);
            }
            '\n' if !quoted => break,
            curly if !quoted && is_curly(curly) => return Err(CURLY.to_owned()),
            _ => line.push(char),
        }
    }
    // Browsers double every backslash, which the C runtime undoes only before a quote.
    let are_doubled = text.contains("^\"") && !has_single_backslash(&line);
    Ok(c_runtime_words(&line, are_doubled))
}

/// Whether a backslash that escapes no quote stands alone, or an odd number of them.
fn has_single_backslash(line: &str) -> bool {
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        let run = rest.get(at..).unwrap_or_default();
        let behind = run.trim_start_matches('\\');
        if run.len().saturating_sub(behind.len()) % 2 == 1 && !behind.starts_with('"') {
            return true;
        }
        rest = behind;
    }
    false
}

/// Words as Microsoft's C runtime reads them: `\"` is a quote, backslashes before a quote count half.
fn c_runtime_words(line: &str, are_doubled: bool) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                let mut slashes = 1;
                while chars.next_if_eq(&'\\').is_some() {
                    slashes = usize::saturating_add(slashes, 1);
                }
                let before_quote = chars.peek() == Some(&'"');
                let word = word.get_or_insert_default();
                word.extend(std::iter::repeat_n('\\', if before_quote || are_doubled { slashes / 2 } else { slashes }));
                if before_quote && slashes % 2 == 1 {
                    word.extend(chars.next());
                }
            }
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                word.get_or_insert_default().push('"');
            }
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' | '\t' | '\n' if !quoted => words.extend(word.take().map(String::into_bytes)),
            _ => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word.map(String::into_bytes));
    words
}
