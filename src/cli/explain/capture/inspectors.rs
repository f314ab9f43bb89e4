//! What inspectors of webhooks export: webhook.site, Pipedream and RequestBin, Hookdeck, ngrok, Smee.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::bytes::json::Json;

use super::entries::Requests;
use super::value::Members as _;
use super::{Captured, body, headers, http, json, query};

/// webhook.site: a request, or the list that its API and its export give.
pub fn webhook_site(value: &Json) -> Option<Requests> {
    let is_one =
        |value: &Json| value.has("uuid") && value.has("headers") && (value.has("content") || value.has("token_id"));
    let read = |value: &Json| {
        let mut captured =
            Captured { method: value.text_at("method").unwrap_or_default().to_owned(), ..Captured::default() };
        headers::add(&mut captured, value.member("headers").unwrap_or(&Json::Null))?;
        captured.add_url(value.text_at("url").unwrap_or_default())?;
        if let Some(content) = value.member("content") {
            body::take(&mut captured, content, false)?;
        }
        captured.time = json::stated_time(value);
        Ok(captured)
    };
    if is_one(value) {
        return Some(vec![read(value)]);
    }
    let list = value.items().unwrap_or(value.list_at("data"));
    (!list.is_empty() && list.iter().all(is_one)).then(|| list.iter().map(read).collect())
}

/// The event of Pipedream's and RequestBin's HTTP source, by itself or in what a workflow shows.
pub fn pipedream(value: &Json) -> Option<Requests> {
    let event =
        ["steps.trigger.event", "trigger.event", "event"].iter().find_map(|path| value.within(path)).unwrap_or(value);
    let is_event = event.has("headers") && event.has("method") && (event.has("client_ip") || event.has("bodyRaw"));
    is_event.then(|| {
        let mut read = json::read(event);
        if let Ok(captured) = &mut read {
            captured.notes.clear();
            captured.time = captured.time.take().or_else(|| json::tool_time(value.text_at("trigger.context.ts")?));
        }
        vec![read]
    })
}

/// A request or an event of Hookdeck's API, or a list of them (`models`).
pub fn hookdeck(value: &Json) -> Option<Requests> {
    let is_one = |value: &Json| value.has("data.headers") && (value.has("data.path") || value.has("source_id"));
    let read = |value: &Json| {
        let data = value.member("data").unwrap_or(&Json::Null);
        let mut captured =
            Captured { method: data.text_at("method").unwrap_or_default().to_owned(), ..Captured::default() };
        headers::add(&mut captured, data.member("headers").unwrap_or(&Json::Null))?;
        data.text_at("path").unwrap_or_default().clone_into(&mut captured.target);
        query::add(&mut captured, data.first_text(&["query"]), data.first(&["parsed_query"]));
        let found = data.first(&["raw_body", "body"]);
        if let Some(found) = found {
            body::take(&mut captured, found, false)?;
        }
        captured.time = json::stated_time(value);
        Ok(captured)
    };
    if is_one(value) {
        return Some(vec![read(value)]);
    }
    let list = value.list_at("models");
    (!list.is_empty() && list.iter().all(is_one)).then(|| list.iter().map(read).collect())
}

/// ngrok's agent API: a request, or the list of them. `raw` is the whole request.
pub fn ngrok(value: &Json) -> Option<Requests> {
    let is_one = |value: &Json| value.has("request.raw") && (value.has("request.headers") || value.has("tunnel_name"));
    let read = |value: &Json| {
        let raw = value.text_at("request.raw").unwrap_or_default();
        let raw = encoding::decode_pasted_base64(raw.as_bytes()).ok_or("\"raw\" of the request is not base64")?;
        let mut captured = http::read_one(&raw)?;
        captured.time = json::stated_time(value);
        Ok(captured)
    };
    if is_one(value) {
        return Some(vec![read(value)]);
    }
    let list = value.list_at("requests");
    (!list.is_empty() && list.iter().all(is_one)).then(|| list.iter().map(read).collect())
}

/// What smee.io sends on: the headers, each a member of its own, beside `body` and `timestamp`.
pub fn smee(value: &Json) -> Option<Requests> {
    let members = value.entries()?;
    let is_smee = value.has("body")
        && value.has("timestamp")
        && !value.has("headers")
        && (value.has("user-agent") || value.has("content-type"));
    is_smee.then(|| {
        let mut captured = Captured::default();
        for (name, line) in
            members.iter().filter(|(name, _)| !matches!(name.as_str(), "body" | "query" | "timestamp" | "rawdata"))
        {
            if let Some(line) = line.text() {
                captured.add_header(name, line.as_bytes());
            }
        }
        let found = value.first(&["rawdata", "body"]).unwrap_or(&Json::Null);
        captured.time = json::stated_time(value);
        vec![body::take(&mut captured, found, false).map(|()| captured)]
    })
}

/// A bundle of Make's webhook: the body's members, and beside them the headers and the method.
pub fn make(value: &Json) -> Option<Requests> {
    let own = std::slice::from_ref(value);
    let all: Vec<_> = value.items().unwrap_or(own).iter().filter(|bundle| bundle.has("__IMTHEADERS__")).collect();
    let read = |bundle: &Json| {
        let method = bundle.text_at("__IMTMETHOD__").unwrap_or_default().to_owned();
        let mut captured = Captured { method, ..Captured::default() };
        headers::add(&mut captured, bundle.member("__IMTHEADERS__").unwrap_or(&Json::Null))?;
        let members = bundle.entries().unwrap_or_default().iter().filter(|(name, _)| !name.starts_with("__IMT"));
        body::take_parsed(&mut captured, &Json::Object(members.cloned().collect()));
        Ok(captured)
    };
    (!all.is_empty()).then(|| all.into_iter().map(read).collect())
}

/// The output of n8n's webhook node with its option *Raw Body*, which keeps the body beside what was parsed.
pub fn n8n(value: &Json) -> Option<Requests> {
    let own = std::slice::from_ref(value);
    let raw = |item: &Json| {
        let file = item.member("binary")?.entries()?.first().map(|(_, file)| file)?;
        file.text_at("data").map(str::to_owned)
    };
    let is_one = |item: &&Json| item.has("json.webhookUrl") && raw(item).is_some();
    let read = |item: &Json| {
        let mut captured = json::read(item.member("json").unwrap_or(&Json::Null))?;
        captured.notes.clear();
        captured.lost.clear();
        body::take(&mut captured, &Json::Text(raw(item).unwrap_or_default()), true)?;
        Ok(captured)
    };
    let found: Requests = value.items().unwrap_or(own).iter().filter(is_one).map(read).collect();
    (!found.is_empty()).then_some(found)
}

/// The journal of WireMock or MockServer.
pub fn mock_server(value: &Json) -> Option<Requests> {
    let list = value.items().unwrap_or(value.list_at("requests"));
    let request = |value: &Json| {
        value
            .first(&["httpRequest", "request"])
            .filter(|request| request.has("absoluteUrl") || request.has("body.rawBytes") || value.has("wasMatched"))
            .cloned()
    };
    let all: Vec<Json> = list.iter().filter_map(request).collect();
    (!all.is_empty() && all.len() == list.len()).then(|| {
        let read = |value: &Json| match value.text_at("body.rawBytes") {
            None => json::read(value),
            Some(raw) => {
                let mut captured = json::read(value)?;
                captured.lost.clear();
                body::take(&mut captured, &Json::Text(raw.to_owned()), true)?;
                Ok(captured)
            }
        };
        all.iter().map(read).collect()
    })
}
