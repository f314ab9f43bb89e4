//! A request as an object: the form of the vectors in `providers/*.json`, and what applications and tools without a form
//! of their own write.

use hookwarden::verify::bytes::json::Json;

use super::value::Members as _;
use super::{Captured, Stated, body, cgi, headers, query};
use crate::cli::clock;

const METHOD: &[&str] =
    &["method", "httpMethod", "Method", "requestMethod", "request_method", "verb", "REQUEST_METHOD"];
const URL: &[&str] = &[
    "url",
    "originalUrl",
    "original_url",
    "absoluteUrl",
    "full_url",
    "fullUrl",
    "requestUrl",
    "request_url",
    "webhookUrl",
    "Url",
    "href",
    "uri",
    "request_uri",
    "target",
    "endpoint",
    "rawUrl",
    "urlPath",
    "rawPath",
    "path",
    "pathname",
];
/// The same in other spellings, without regard to case, underscores and hyphens.
const URL_SPELLINGS: &[&str] = &[
    "url",
    "fullurl",
    "requesturl",
    "originalurl",
    "absoluteurl",
    "rawurl",
    "uri",
    "fulluri",
    "requesturi",
    "rawuri",
    "path",
    "fullpath",
    "originalpath",
    "requestpath",
    "rawpath",
    "pathinfo",
    "pathname",
    "requesttarget",
];
const HOST: &[&str] = &["authority", "host", "hostname"];
const HEADERS: &[&str] =
    &["multiValueHeaders", "rawHeaders", "raw_headers", "headers", "header", "Headers", "request_headers"];
/// Members with the bytes of the body, and then those that a parser may have filled.
const RAW_BODY: &[&str] = &["rawBody", "bodyRaw", "raw_body", "body_raw", "RawBody", "raw"];
const BASE64_BODY: &[&str] = &["body_base64", "bodyBase64", "bodyAsBase64", "body_b64", "contentBase64"];
const BODY: &[&str] =
    &["body", "Body", "content", "payload", "data", "request_body", "requestBody", "request_data", "postData"];
const QUERY: &[&str] = &["rawQueryString", "query_string", "queryString", "querystring", "rawQuery", "search", "query"];
const PARSED_QUERY: &[&str] =
    &["multiValueQueryStringParameters", "queryStringParameters", "query", "Query", "queryParams"];
const TIME: &[&str] = &["time", "now", "now_unix"];
/// Times of tools; what is none is passed over.
const TOOL_TIME: &[&str] = &[
    "timestamp",
    "received_at",
    "receivedAt",
    "created_at",
    "createdAt",
    "delivered_at",
    "ingested_at",
    "startedDateTime",
    "started_at",
    "start",
    "loggedDateString",
];
/// Members that say how the others are written, or what follows from them.
const HOW: &[&str] = &[
    "body_encoding",
    "bodyEncoding",
    "client_ip",
    "cookies",
    "encoding",
    "ip",
    "isBase64Encoded",
    "is_base64",
    "params",
    "pathParameters",
    "protocol",
    "proto",
    "httpVersion",
    "http_version",
    "remote_addr",
    "request",
    "requestContext",
    "resource",
    "response",
    "routeKey",
    "scheme",
    "size",
    "stageVariables",
    "version",
];
/// Members of vectors and batches.
const BESIDE: &[&str] = &[
    "case",
    "configuration",
    "expect",
    "expect_response",
    "handshake",
    "id",
    "keys",
    "notes",
    "origin",
    "provider",
    "public_key",
    "secret",
    "secret_kind",
    "secrets",
    "source",
    "with",
];
/// Whether an object says itself what was sent.
pub fn is_request(value: &Json) -> bool {
    let has = |names: &[&str]| value.first(names).is_some();
    let has_body = || has(RAW_BODY) || has(BASE64_BODY) || has(BODY);
    let has_url = value.first_text(URL).is_some();
    if value.has("REQUEST_METHOD") && value.has("HTTP_HOST") {
        return true;
    }
    has(HEADERS) && (has_url || has(METHOD) || has_body()) || (has_url && (has(METHOD) || has_body()))
}

/// Reads a request that is an object: method, URL (or target and host), headers, body and time under the names that tools
/// give them.
///
/// # Errors
/// What is missing or of the wrong kind.
pub fn read(value: &Json) -> Result<Captured, String> {
    let Some(members) = value.entries() else { return Err("the request is not a JSON object".to_owned()) };
    if value.has("sources") {
        return Err("this is a configuration; the request comes second".to_owned());
    }
    if let Some(captured) = variables(value, members) {
        return captured;
    }
    // Recorders and clients of JavaScript write it in lower case, and send it in capitals.
    let method = value.first_text(METHOD).unwrap_or_default().to_ascii_uppercase();
    let mut captured = Captured { method, ..Captured::default() };
    value.first_text(HOST).unwrap_or_default().clone_into(&mut captured.authority);
    let is_host_of_url = captured.authority.contains('/');
    if is_host_of_url {
        captured.authority.clear();
    }
    if let Some(headers) = value.first(HEADERS) {
        headers::add(&mut captured, headers)?;
    }
    let spelled =
        members.iter().filter(|(name, _)| is_spelled_url(name)).filter_map(|(name, _)| value.first_text(&[name]));
    let urls: Vec<&str> = URL.iter().filter_map(|name| value.first_text(&[name])).chain(spelled).collect();
    let whole = urls.iter().find(|url| url.contains("://"));
    let target = urls.iter().find(|url| url.starts_with('/'));
    match (whole, target) {
        // A path beside the URL is more exact where it has a query that the URL lacks.
        (Some(url), _) => captured.add_url(url)?,
        (None, Some(target)) => {
            if captured.target.is_empty() {
                (*target).clone_into(&mut captured.target);
            }
        }
        (None, None) if captured.target.is_empty() && value.first(HEADERS).is_none() => {
            return Err(
                "lacks \"url\", or \"target\" and \"host\"; if this is the body alone, give it with --body and the \
                        header lines with --headers"
                    .to_owned(),
            );
        }
        (None, None) => captured.has_unread_path = is_host_of_url || states_path(value),
    }
    if !captured.target.contains('?') {
        query::add(&mut captured, value.first_text(QUERY), value.first(PARSED_QUERY));
    }
    take_body(&mut captured, value)?;
    captured.time = stated_time(value);
    left_out(&mut captured, members);
    Ok(captured)
}

/// The variables of CGI, as PHP (`$_SERVER`), Django (`META`), Rack and WSGI have them, with the body beside them.
fn variables(value: &Json, members: &[(String, Json)]) -> Option<Result<Captured, String>> {
    let is_header = |name: &str| name.starts_with("HTTP_") && name != "HTTP_VERSION";
    if !value.has("REQUEST_METHOD")
        || !members.iter().any(|(name, _)| is_header(name))
        || value.first(HEADERS).is_some()
    {
        return None;
    }
    let mut captured = Captured { method: value.text_at("REQUEST_METHOD")?.to_owned(), ..Captured::default() };
    for (name, line) in members {
        let counts = is_header(name) || name == "CONTENT_TYPE" || name == "CONTENT_LENGTH";
        if let Some(line) = line.text().filter(|line| counts && !line.is_empty()) {
            captured.add_header(&headers::of_variable(name), line.as_bytes());
        }
    }
    let stated = cgi::add_target(&mut captured, value);
    Some(stated.and_then(|()| take_body(&mut captured, value)).map(|()| captured))
}

fn take_body(captured: &mut Captured, value: &Json) -> Result<(), String> {
    let names = |word: &str| {
        value
            .first_text(&["encoding", "bodyEncoding", "body_encoding"])
            .is_some_and(|own| own.eq_ignore_ascii_case(word))
    };
    let is_base64 = value.is_true("isBase64Encoded") || value.is_true("is_base64") || names("base64");
    if value.has("body") && value.has("body_base64") {
        return Err("needs either \"body\" or \"body_base64\", as text".to_owned());
    }
    let is_full = |body: &&Json| !matches!(body, Json::Text(text) if text.is_empty());
    if let Some(raw) = value.first(RAW_BODY).filter(is_full) {
        return body::take(captured, raw, is_base64);
    }
    if let Some(encoded) = value.first(BASE64_BODY) {
        return body::take(captured, encoded, true);
    }
    match value.first(BODY) {
        Some(Json::Object(members))
            if members.is_empty() && captured.declared_length().is_some_and(|length| length != 2) =>
        {
            Ok(())
        }
        Some(found) => {
            body::take(captured, described(found).unwrap_or(found), is_base64)?;
            body::decode_if_declared(captured);
            Ok(())
        }
        None => Ok(()),
    }
}

/// The whole URL that an object names.
pub fn whole_url(value: &Json) -> Option<&str> {
    URL.iter().filter_map(|name| value.first_text(&[name])).find(|url| url.contains("://"))
}

/// Whether it names a path or URL, in whatever way. Flask calls its own functions endpoints.
fn states_path(value: &Json) -> bool {
    let is_url = |name: &str| name != "endpoint" && (URL.contains(&name) || is_spelled_url(name));
    let members = value.entries().unwrap_or_default();
    members.iter().filter(|(name, _)| is_url(name)).any(|(_, stated)| match stated {
        Json::Text(text) => !text.is_empty(),
        stated => stated.items().is_some() || stated.entries().is_some(),
    })
}

fn is_spelled_url(name: &str) -> bool {
    let plain: String = name.chars().filter(|char| !"_-".contains(*char)).collect();
    URL_SPELLINGS.contains(&plain.to_ascii_lowercase().as_str())
}

/// Whether it has a time by the names of our own.
pub fn has_time(value: &Json) -> bool {
    value.first(TIME).is_some()
}

/// The text of a body that a client of APIs keeps beside its kind, such as `{"mode": "json", "json": "…"}`.
fn described(found: &Json) -> Option<&Json> {
    let kinds = ["mode", "contentType", "mimeType", "encoding"];
    let is_described = kinds.iter().any(|kind| found.has(kind)) || (found.has("type") && found.has("raw"));
    let text = ["raw", "text", "json", "body", "xml", "string"].iter().find_map(|name| match found.member(name) {
        Some(text @ Json::Text(_)) => Some(text),
        _ => None,
    });
    text.filter(|_| is_described)
}

/// The time that an object states, as seconds, milliseconds or text.
pub fn stated_time(value: &Json) -> Option<Stated> {
    if let Some(text) = value.first(TIME).and_then(Json::text) {
        return Some(Stated { text: text.to_owned(), place: "the capture's own time" });
    }
    let of_gateway =
        ["requestContext.timeEpoch", "requestContext.requestTimeEpoch"].iter().find_map(|path| value.text_at(path));
    let text = of_gateway.or_else(|| TOOL_TIME.iter().find_map(|name| value.text_at(name)))?;
    tool_time(text)
}

/// A time that a tool writes; `None` if it cannot be read.
pub fn tool_time(text: &str) -> Option<Stated> {
    let text = text.trim();
    // As databases print it, in UTC.
    let text = match (text.len(), text.split_once(' ')) {
        (19.., Some((date, time))) if date.len() == 10 => {
            let zone = if time.contains(['+', 'Z']) { "" } else { "Z" };
            format!("{date}T{time}{zone}")
        }
        _ => text.to_owned(),
    };
    clock::read(&text)?;
    Some(Stated { text, place: "the capture's own time" })
}

/// Names what was not read, once.
fn left_out(captured: &mut Captured, members: &[(String, Json)]) {
    let known =
        [METHOD, URL, HOST, HEADERS, RAW_BODY, BASE64_BODY, BODY, QUERY, PARSED_QUERY, TIME, TOOL_TIME, HOW, BESIDE];
    let is_name = |name: &str| {
        !name.is_empty()
            && name.len() < 40
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.@$".contains(&byte))
    };
    let names: Vec<_> = members
        .iter()
        .filter(|(name, value)| *value != Json::Null && !known.iter().any(|list| list.contains(&name.as_str())))
        .filter(|(name, _)| !is_spelled_url(name))
        .map(|(name, _)| if is_name(name) { format!("\"{name}\"") } else { "a member with a long name".to_owned() })
        .collect();
    if names.is_empty() {
        return;
    }
    let more = names.len().saturating_sub(12);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown: Vec<_> = names.into_iter().take(12).collect();
    captured.notes.push(format!(
        "left out, for they are not known to say what was sent: {}{more}; a body or a time goes by the name \"body\" or \"time\"",
        shown.join(", ")
    ));
}
