//! Collections of API clients: Postman, Insomnia, Bruno.

use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::bytes::percent;

use super::entries::Requests;
use super::lost::Lost;
use super::value::Members as _;
use super::variables::Variables;
use super::{Captured, Reading, body, headers, within, yaml};

/// A collection of Postman, version 2, or one request of it.
pub fn postman(value: &Json) -> Option<Requests> {
    let is_request = |request: &Json| {
        request.has("url") && !request.has("headers") && (request.has("header") || request.has("body.mode"))
    };
    let mut found = Vec::new();
    collect(value, 0, &mut found);
    if found.is_empty() && is_request(value) {
        found.push(value);
    }
    let own = value.list_at("variable").iter();
    let pair = |one: &Json| Some((one.text_at("key")?.to_owned(), one.text_at("value")?.to_owned()));
    let variables = Variables::new(own.filter_map(pair));
    (!found.is_empty()).then(|| found.into_iter().map(|request| read_postman(&variables, request)).collect())
}

/// The requests of a collection, from all folders.
fn collect<'a>(value: &'a Json, depth: u8, found: &mut Vec<&'a Json>) {
    if depth > 12 {
        return;
    }
    for item in value.list_at("item") {
        match item.member("request") {
            Some(request @ Json::Object(_)) => found.push(request),
            _ => collect(item, depth.saturating_add(1), found),
        }
    }
}

fn read_postman(variables: &Variables, request: &Json) -> Result<Captured, String> {
    let filled = |text: &str| variables.fill(text).unwrap_or_else(|| text.to_owned());
    let mut captured =
        Captured { method: request.text_at("method").unwrap_or_default().to_owned(), ..Captured::default() };
    if let Some(lines) = request.member("header") {
        headers::add(&mut captured, lines)?;
    }
    for (_, value) in &mut captured.headers {
        *value = filled(&String::from_utf8_lossy(value)).into_bytes();
    }
    let url = request.text_at("url.raw").or_else(|| request.text_at("url")).unwrap_or_default();
    captured.add_url(&filled(url))?;
    let content = request.member("body").unwrap_or(&Json::Null);
    match content.text_at("mode") {
        Some("raw") => captured.body = filled(content.text_at("raw").unwrap_or_default()).into_bytes(),
        Some("urlencoded") => take_fields(&mut captured, content.list_at("urlencoded"), "key"),
        Some("graphql") => {
            if let Some(query) = content.member("graphql") {
                body::take_parsed(&mut captured, query);
            }
        }
        Some("formdata") => return Err(boundary()),
        Some("file") => {
            return Err("the collection names a file as body, which is not in it: give that with --body".to_owned());
        }
        _ => {}
    }
    note_variables(&mut captured);
    Ok(captured)
}

/// Insomnia's export, version 4.
pub fn insomnia(value: &Json) -> Option<Requests> {
    let is_request = |resource: &&Json| resource.text_at("_type") == Some("request") && resource.has("url");
    let resources = value.list_at("resources");
    let variables =
        resources.iter().filter(|one| one.text_at("_type") == Some("environment")).find_map(|one| one.member("data"));
    let variables = of_environment(variables);
    let found: Requests =
        resources.iter().filter(is_request).map(|request| read_insomnia(request, &variables)).collect();
    (!found.is_empty()).then_some(found)
}

/// YAML: Insomnia's export, version 5, a request of Bruno as OpenCollection, and whatever has its requests in it as JSON
/// would.
pub fn yaml(text: &str, reading: Reading<'_>) -> Option<Requests> {
    let is_insomnia = text.starts_with("type: collection.insomnia");
    let names = ["http_interactions", "opencollection", "info", "http", "request", "requests", "method", "url"];
    let is_other = || yaml::begins_with_key(text, &names) && text.contains("headers:");
    if !(is_insomnia || is_other()) {
        return None;
    }
    let document = yaml::parse(text)?;
    if is_insomnia {
        let mut requests = Vec::new();
        nested(document.list_at("collection"), "children", 0, &mut requests);
        let variables = of_environment(document.within("environments.data"));
        return (!requests.is_empty()).then(|| requests.iter().map(|one| read_insomnia(one, &variables)).collect());
    }
    if document.has("http.method") {
        return Some(vec![read_open_collection(document.member("http").unwrap_or(&Json::Null))]);
    }
    let found = within::find(&document, reading, 0)?;
    (!found.is_empty()).then_some(found)
}

/// The requests below a list, which have a method.
fn nested<'a>(list: &'a [Json], below: &str, depth: u8, found: &mut Vec<&'a Json>) {
    for one in list {
        if one.has("method") && one.has("url") {
            found.push(one);
        } else if depth < 12 {
            nested(one.list_at(below), below, depth.saturating_add(1), found);
        }
    }
}

fn read_open_collection(request: &Json) -> Result<Captured, String> {
    let method = request.text_at("method").unwrap_or_default().to_ascii_uppercase();
    let mut captured = Captured { method, ..Captured::default() };
    headers::add(&mut captured, request.member("headers").unwrap_or(&Json::Null))?;
    captured.add_url(request.text_at("url").unwrap_or_default())?;
    match (request.text_at("body.type"), request.within("body.data")) {
        (Some("multipart-form"), _) => return Err(boundary()),
        (Some("form-urlencoded"), Some(Json::List(fields))) => take_fields(&mut captured, fields, "name"),
        (_, Some(Json::Text(text))) => captured.body = text.clone().into_bytes(),
        _ => {}
    }
    note_variables(&mut captured);
    Ok(captured)
}

fn of_environment(data: Option<&Json>) -> Variables {
    let own = data.and_then(Json::entries).unwrap_or_default().iter();
    Variables::new(own.filter_map(|(name, value)| Some((name.clone(), value.text()?.to_owned()))))
}

fn read_insomnia(request: &Json, variables: &Variables) -> Result<Captured, String> {
    let filled = |text: &str| variables.fill(text).unwrap_or_else(|| text.to_owned());
    let mut captured =
        Captured { method: request.text_at("method").unwrap_or_default().to_owned(), ..Captured::default() };
    headers::add(&mut captured, request.member("headers").unwrap_or(&Json::Null))?;
    captured.add_url(&filled(request.text_at("url").unwrap_or_default()))?;
    let parameters: Vec<String> = request
        .list_at("parameters")
        .iter()
        .filter(|one| !one.is_true("disabled"))
        .filter_map(|one| {
            Some(format!("{}={}", escaped(one.text_at("name")?), escaped(one.text_at("value").unwrap_or_default())))
        })
        .collect();
    if !parameters.is_empty() {
        let mark = if captured.target.contains('?') { '&' } else { '?' };
        captured.target = format!("{}{mark}{}", captured.target, parameters.join("&"));
    }
    match (request.text_at("body.text"), request.list_at("body.params")) {
        (Some(text), _) => captured.body = filled(text).into_bytes(),
        (None, []) => {}
        (None, _) if request.text_at("body.mimeType").is_some_and(|kind| kind.starts_with("multipart/")) => {
            return Err(boundary());
        }
        (None, fields) => take_fields(&mut captured, fields, "name"),
    }
    note_variables(&mut captured);
    Ok(captured)
}

/// A request of Bruno (`.bru`).
pub fn bruno(text: &str) -> Option<Requests> {
    let block = |name: &str| {
        let text = format!("\n{}", text.replace("\r\n", "\n"));
        let (_, rest) = text.split_once(&format!("\n{name} {{\n"))?;
        let (inside, _) = rest.split_once("\n}")?;
        Some(inside.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect::<Vec<_>>().join("\n"))
    };
    block("meta")?;
    let methods = ["post", "put", "patch", "get", "delete", "options", "head"];
    let (method, request) = methods.iter().find_map(|method| Some((method, block(method)?)))?;
    let value = |name: &str| {
        request
            .lines()
            .filter_map(|line| line.trim().split_once(':'))
            .find(|(own, _)| *own == name)
            .map(|(_, value)| value.trim())
    };
    let mut captured = Captured { method: method.to_ascii_uppercase(), ..Captured::default() };
    let read = |captured: &mut Captured| {
        for line in block("headers").unwrap_or_default().lines().filter(|line| !line.trim_start().starts_with('~')) {
            if let Some((name, value)) = line.trim().split_once(':') {
                captured.add_header(name.trim(), value.trim().as_bytes());
            }
        }
        captured.add_url(value("url").unwrap_or_default())?;
        let kinds = ["body:json", "body:text", "body:xml", "body"];
        captured.body = kinds.iter().find_map(|kind| block(kind)).unwrap_or_default().into_bytes();
        if let Some(fields) = block("body:form-urlencoded") {
            let fields = fields.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('~'));
            let fields: Vec<Json> = fields.filter_map(|line| line.split_once(':')).map(field).collect();
            take_fields(captured, &fields, "name");
        }
        if block("body:multipart-form").is_some() {
            return Err(boundary());
        }
        note_variables(captured);
        Ok(())
    };
    Some(vec![read(&mut captured).map(|()| captured)])
}

/// A name or value of a query as the client writes it, unless it is escaped already.
fn escaped(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!*'()%,:@/$".contains(&byte);
    String::from_utf8_lossy(&percent::encode(text.as_bytes(), keep)).into_owned()
}

fn boundary() -> String {
    "the client chooses the boundary of a multipart form anew at every call, so the collection does not hold the bytes \
     that were sent; capture those"
        .to_owned()
}

fn field((name, value): (&str, &str)) -> Json {
    let text = |text: &str| Json::Text(text.trim().to_owned());
    Json::Object(vec![("name".to_owned(), text(name)), ("value".to_owned(), text(value))])
}

/// Fields of a form, as the client sends them.
fn take_fields(captured: &mut Captured, fields: &[Json], name: &str) {
    let fields = fields.iter().filter(|field| !field.is_true("disabled"));
    let members = fields.filter_map(|field| {
        Some((field.text_at(name)?.to_owned(), Json::Text(field.text_at("value").unwrap_or_default().to_owned())))
    });
    captured.body = body::form(&Json::Object(members.collect())).unwrap_or_default();
    captured.lost.push(Lost::parsed("as a form"));
    if captured.header("content-type").is_none() {
        captured.add_header("Content-Type", b"application/x-www-form-urlencoded");
    }
}

fn note_variables(captured: &mut Captured) {
    let has_mark = |bytes: &[u8]| bytes.windows(2).any(|pair| pair == b"{{");
    let in_head = captured.headers.iter().any(|(_, value)| has_mark(value));
    if in_head || captured.authority.contains("{{") || captured.target.contains("{{") {
        captured.lost.push(Lost::new(
            "capture_variables",
            "The collection has variables ({{…}}) in the URL or in headers, which only the client fills in.",
            "Copy the request as cURL from the client, which fills them in.",
        ));
    }
}
