//! Forms as `multipart/form-data`, read strictly (RFC 7578; RFC 2046, section 5.1).
//!
//! A parser that is more lenient than the application's, or lenient in another way, would check other fields than the
//! application sees. So everything that parsers are known to read differently is refused: text before the first
//! delimiter or after the last, line ends other than CR LF, folded header lines, repeated parameters, a delimiter
//! followed by more on its line, parts that are encoded or are themselves multipart, and file names that make a part a
//! file to some parsers and a field to others.

use crate::verify::bytes::form::Form;

/// The most parts that are read, files included. Senders' forms have a few dozen; PHP, the most widespread reader,
/// stops at 1,000 fields (`max_input_vars`) and 20 files (`max_file_uploads`).
const MAX_PARTS: usize = 256;
/// The longest head of a part, in bytes: what servers commonly allow one header line of a request.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// The longest boundary, in bytes (RFC 2046, section 5.1.1).
const MAX_BOUNDARY_BYTES: usize = 70;
/// The most parameters of a header; forms use two. Every one is compared with every other.
const MAX_PARAMETERS: usize = 16;

/// Why a body cannot be read as a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultipartError {
    /// The media type is not `multipart/form-data`.
    NotFormData,
    /// The boundary is missing, is given twice, or has characters that it may not have.
    Boundary,
    /// A delimiter, a head or a parameter is not as it should be.
    Malformed,
    /// The closing delimiter is missing, or something follows it.
    Unterminated,
    /// More parts than are read.
    TooManyParts,
    /// A part's head is longer than is read.
    HeadTooLarge,
    /// A part has a `Content-Transfer-Encoding` that changes its bytes, or is multipart itself.
    Encoded,
}

/// The form's fields and the names of its files, in order, repeated ones included. Files are the parts with a file
/// name; their content is passed over.
///
/// `content_type` is the value of the request's header.
///
/// # Errors
/// [`MultipartError`] if the body is anything but one complete form.
pub fn form(content_type: &[u8], body: &[u8]) -> Result<Form, MultipartError> {
    let opening = [b"--".as_slice(), &boundary(content_type)?].concat();
    let mut form = Form::default();
    let mut rest = body.strip_prefix(opening.as_slice()).ok_or(MultipartError::Malformed)?;
    for _ in 0..=MAX_PARTS {
        match rest.strip_prefix(b"--") {
            Some(b"" | b"\r\n") => return Ok(form),
            Some(_) => return Err(MultipartError::Unterminated),
            None => {}
        }
        let part = rest.strip_prefix(b"\r\n").ok_or(MultipartError::Malformed)?;
        let (head, content) = split_head(part)?;
        // A delimiter inside a head, or right behind one, ends the part for some readers and not for others.
        if head.starts_with(&opening) || content.starts_with(&opening) || split_at_crlf(head, &opening).is_some() {
            return Err(MultipartError::Malformed);
        }
        let (value, behind) = split_at_crlf(content, &opening).ok_or(MultipartError::Unterminated)?;
        match kind(head)? {
            PartKind::Field(name) => form.fields.push((name, value.to_vec())),
            PartKind::File(name) => form.files.push(name),
        }
        rest = behind;
    }
    Err(MultipartError::TooManyParts)
}

/// The boundary that the header names.
fn boundary(content_type: &[u8]) -> Result<Vec<u8>, MultipartError> {
    let (media_type, parameters) = split_value(content_type).ok_or(MultipartError::Boundary)?;
    if !media_type.eq_ignore_ascii_case(b"multipart/form-data") {
        return Err(MultipartError::NotFormData);
    }
    let boundary = parameters
        .into_iter()
        .find(|parameter| parameter.name == b"boundary")
        .map(|parameter| parameter.value)
        .ok_or(MultipartError::Boundary)?;
    let is_well_formed = (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len())
        && boundary.iter().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte))
        && !boundary.ends_with(b" ");
    if is_well_formed { Ok(boundary) } else { Err(MultipartError::Boundary) }
}

/// The head of a part, without the empty line that ends it, and what follows.
fn split_head(part: &[u8]) -> Result<(&[u8], &[u8]), MultipartError> {
    const END: &[u8] = b"\r\n\r\n";
    let limit = MAX_HEAD_BYTES.saturating_add(END.len());
    let within = part.get(..limit).unwrap_or(part);
    match within.windows(END.len()).position(|window| window == END) {
        Some(end) => part
            .split_at_checked(end)
            .and_then(|(head, rest)| Some((head, rest.strip_prefix(END)?)))
            .ok_or(MultipartError::Malformed),
        None if part.len() > limit => Err(MultipartError::HeadTooLarge),
        None => Err(MultipartError::Unterminated),
    }
}

/// What precedes the first CR LF that `mark` follows, and what follows `mark`.
///
/// Takes time in proportion to the length of `text`: `mark` holds no CR, so no byte is compared with it twice.
fn split_at_crlf<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut from = text;
    loop {
        let at = from.iter().position(|byte| *byte == b'\r')?;
        let found = from.get(at..)?;
        if let Some(behind) = found.strip_prefix(b"\r\n").and_then(|line| line.strip_prefix(mark)) {
            let (before, _) = text.split_at_checked(text.len().checked_sub(found.len())?)?;
            return Some((before, behind));
        }
        from = found.get(1..)?;
    }
}

/// What a part is.
enum PartKind {
    /// A field with this name.
    Field(Vec<u8>),
    /// A file in a field with this name.
    File(Vec<u8>),
}

/// What the part with this head is.
fn kind(head: &[u8]) -> Result<PartKind, MultipartError> {
    let mut disposition = None;
    let mut rest = Some(head);
    while let Some(lines) = rest {
        let line;
        (line, rest) = match split_at_crlf(lines, b"") {
            Some((line, behind)) => (line, Some(behind)),
            None => (lines, None),
        };
        let (name, value) = split_line(line).ok_or(MultipartError::Malformed)?;
        if name.eq_ignore_ascii_case(b"Content-Disposition") {
            if disposition.replace(value).is_some() {
                return Err(MultipartError::Malformed);
            }
        } else if name.eq_ignore_ascii_case(b"Content-Transfer-Encoding") {
            // RFC 7578, section 4.7: not to be sent, and these three change nothing.
            let identities = [b"7bit".as_slice(), b"8bit", b"binary"];
            if !identities.iter().any(|identity| value.eq_ignore_ascii_case(identity)) {
                return Err(MultipartError::Encoded);
            }
        } else if name.eq_ignore_ascii_case(b"Content-Type") {
            let (group, _) = value.split_at_checked(b"multipart/".len()).unwrap_or((value, b""));
            if group.eq_ignore_ascii_case(b"multipart/") {
                return Err(MultipartError::Encoded);
            }
        }
    }
    disposition.and_then(kind_in_disposition).ok_or(MultipartError::Malformed)
}

/// A header line's name and its value without the blanks around it.
fn split_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let is_clean = !name.is_empty()
        && name.iter().all(is_token_byte)
        && value.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control());
    is_clean.then_some((name, value.strip_prefix(b":")?.trim_ascii()))
}

fn kind_in_disposition(value: &[u8]) -> Option<PartKind> {
    let (disposition, parameters) = split_value(value)?;
    if !disposition.eq_ignore_ascii_case(b"form-data") {
        return None;
    }
    let mut name = None;
    let mut is_file = false;
    let mut has_extended_name = false;
    for parameter in parameters {
        if parameter.name == b"name" {
            if parameter.has_odd_escape {
                return None;
            }
            name = Some(parameter.value);
        } else if parameter.name.starts_with(b"name*") {
            // RFC 7578, section 5.1: not to be used; a reader that does would see another name.
            return None;
        } else if parameter.name == b"filename" {
            // Go and Django treat a part without a file name, or with an empty one, as a field.
            if is_blank(&parameter.value) {
                return None;
            }
            is_file = true;
        } else if parameter.name == b"filename*" {
            if !is_extended_file_name(&parameter.value) {
                return None;
            }
            has_extended_name = true;
        } else if parameter.name.starts_with(b"filename*") {
            // A name in pieces. Some parsers let it replace `filename`, others ignore it.
            return None;
        }
    }
    // RFC 7578, section 4.2: `filename*` is not to be used. Some senders write it beside `filename`; a part that has
    // it alone is a file to some readers and a field to others.
    if has_extended_name && !is_file {
        return None;
    }
    // A file needs a name as well; a form has no part without one.
    name.map(|name| if is_file { PartKind::File(name) } else { PartKind::Field(name) })
}

/// Whether this is an encoded file name that is not empty (RFC 8187, section 3.2). Readers that know `filename*` let
/// it replace `filename`, so an empty one would make a field of the file.
fn is_extended_file_name(value: &[u8]) -> bool {
    let mut pieces = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, name) = (pieces.next(), pieces.next(), pieces.next());
    charset.is_some_and(|charset| charset.eq_ignore_ascii_case(b"utf-8")) && name.is_some_and(|name| !is_blank(name))
}

fn is_blank(text: &[u8]) -> bool {
    text.trim_ascii().is_empty()
}

/// A parameter of a header's value.
struct Parameter {
    /// In lower case.
    name: Vec<u8>,
    value: Vec<u8>,
    /// A backslash precedes something other than a quote or a backslash. Some readers drop it, some keep
    /// it: old browsers send whole Windows paths as file names.
    has_odd_escape: bool,
}

/// A header's value and its parameters, without duplicates.
fn split_value(value: &[u8]) -> Option<(&[u8], Vec<Parameter>)> {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    let (main, mut rest) = value.split_at_checked(end)?;
    let mut parameters: Vec<Parameter> = Vec::new();
    while let Some(text) = rest.strip_prefix(b";") {
        let parameter;
        (parameter, rest) = split_parameter(text.trim_ascii_start())?;
        let is_repeated = parameters.iter().any(|other| other.name == parameter.name);
        if is_repeated || parameters.len() >= MAX_PARAMETERS {
            return None;
        }
        parameters.push(parameter);
        rest = rest.trim_ascii_start();
    }
    rest.is_empty().then_some((main.trim_ascii(), parameters))
}

fn split_parameter(text: &[u8]) -> Option<(Parameter, &[u8])> {
    let (name, rest) = split_token(text)?;
    let name = name.to_ascii_lowercase();
    let rest = rest.strip_prefix(b"=")?;
    let Some(mut quoted) = rest.strip_prefix(b"\"") else {
        let (value, rest) = split_token(rest)?;
        return Some((Parameter { name, value: value.to_vec(), has_odd_escape: false }, rest));
    };
    let mut value = Vec::new();
    let mut has_odd_escape = false;
    loop {
        match quoted {
            [b'"', rest @ ..] => return Some((Parameter { name, value, has_odd_escape }, rest)),
            [b'\\', escaped, rest @ ..] => {
                has_odd_escape |= !matches!(escaped, b'"' | b'\\');
                value.push(*escaped);
                quoted = rest;
            }
            [byte, rest @ ..] => {
                value.push(*byte);
                quoted = rest;
            }
            [] => return None,
        }
    }
}

fn split_token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !is_token_byte(byte)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(token, _)| !token.is_empty())
}

/// RFC 9110, section 5.6.2.
fn is_token_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}
