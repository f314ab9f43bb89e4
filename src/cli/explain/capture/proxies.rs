//! What proxies save: Envoy's tap filter, Charles, mitmproxy.

use std::collections::BTreeMap;

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::bytes::json::Json;

use super::entries::Requests;
use super::lost::Lost;
use super::value::Members as _;
use super::{Captured, body, headers, http, json, query};

/// A trace of Envoy's tap filter, or the segments of a streamed one.
pub fn envoy_tap(value: &Json) -> Option<Requests> {
    if let Some(trace) = value.first(&["http_buffered_trace", "httpBufferedTrace"]) {
        return Some(vec![read_trace(trace)]);
    }
    if let Some(trace) = value.first(&["socket_buffered_trace", "socketBufferedTrace"]) {
        return Some(read_socket(trace));
    }
    let segment = |value: &Json| value.first(&["http_streamed_trace_segment", "httpStreamedTraceSegment"]).cloned();
    let own = segment(value);
    let segments: Vec<Json> = value.items().unwrap_or_default().iter().filter_map(segment).chain(own).collect();
    (!segments.is_empty()).then(|| streamed(&segments))
}

fn read_trace(trace: &Json) -> Result<Captured, String> {
    let request = trace.member("request").ok_or("the trace has no request; the tap matched the answer only")?;
    let mut captured = Captured::default();
    headers::add(&mut captured, request.member("headers").unwrap_or(&Json::Null))?;
    if let Some(found) = request.member("body") {
        captured.body = chunk(found)?;
        if found.is_true("truncated") {
            captured.lost.push(cut_by_tap());
        }
    }
    let time = request.first_text(&["headers_received_time", "headersReceivedTime"]);
    captured.time = time.and_then(json::tool_time);
    Ok(captured)
}

/// What a socket of Envoy's read: the requests of a connection.
fn read_socket(trace: &Json) -> Requests {
    let reads = trace.list_at("events").iter().filter_map(|event| event.within("read.data"));
    match reads.map(chunk).collect::<Result<Vec<_>, _>>() {
        Ok(chunks) => http::requests(&chunks.concat()),
        Err(error) => vec![Err(error)],
    }
}

fn cut_by_tap() -> Lost {
    Lost {
        advice: "Raise max_buffered_rx_bytes in the tap's output_config, or give the whole body with --body."
            .to_owned(),
        ..Lost::cut()
    }
}

fn chunk(found: &Json) -> Result<Vec<u8>, String> {
    match (found.first_text(&["as_string", "asString"]), found.first_text(&["as_bytes", "asBytes"])) {
        (Some(text), _) => Ok(text.as_bytes().to_vec()),
        (None, Some(text)) => encoding::decode_pasted_base64(text.as_bytes())
            .ok_or_else(|| "\"as_bytes\" of the trace is not base64".to_owned()),
        (None, None) => Ok(Vec::new()),
    }
}

/// The segments of each stream put together.
fn streamed(segments: &[Json]) -> Requests {
    let id = |segment: &Json| segment.text_at("trace_id").or(segment.text_at("traceId")).unwrap_or_default().to_owned();
    let mut positions = BTreeMap::new();
    let mut streams: Vec<Vec<&Json>> = Vec::new();
    for segment in segments {
        let at = *positions.entry(id(segment)).or_insert(streams.len());
        match streams.get_mut(at) {
            Some(stream) => stream.push(segment),
            None => streams.push(vec![segment]),
        }
    }
    let read = |stream: &Vec<&Json>| {
        let mut captured = Captured::default();
        for segment in stream {
            if let Some(found) = segment.first(&["request_headers", "requestHeaders"]) {
                headers::add(&mut captured, found.member("headers").unwrap_or(found))?;
            }
            if let Some(found) = segment.first(&["request_body_chunk", "requestBodyChunk"]) {
                captured.body.extend(chunk(found)?);
                if found.is_true("truncated") {
                    captured.lost.push(cut_by_tap());
                }
            }
        }
        Ok(captured)
    };
    streams.iter().map(read).collect()
}

/// Charles' session as JSON (`.chlsj`).
pub fn charles(value: &Json) -> Option<Requests> {
    let is_one = |value: &&Json| value.has("request.header.headers");
    let read = |value: &Json| {
        let request = value.member("request").unwrap_or(&Json::Null);
        let mut captured =
            Captured { method: value.text_at("method").unwrap_or_default().to_owned(), ..Captured::default() };
        captured.scheme = value.text_at("scheme").map(str::to_owned);
        headers::add(&mut captured, request.within("header.headers").unwrap_or(&Json::Null))?;
        if captured.authority.is_empty() {
            value.text_at("host").unwrap_or_default().clone_into(&mut captured.authority);
        }
        value.text_at("path").unwrap_or_default().clone_into(&mut captured.target);
        query::add(&mut captured, value.first_text(&["query"]), None);
        if let Some(text) = request.text_at("body.encoded") {
            captured.body = encoding::decode_pasted_base64(text.as_bytes()).ok_or("the body is not base64")?;
        } else if let Some(text) = request.text_at("body.text") {
            captured.body = text.as_bytes().to_vec();
            if request.has("contentEncoding") {
                captured.lost.push(Lost::decompressed());
            }
        } else if let Some(size) =
            request.text_at("sizes.body").and_then(|size| size.parse().ok()).filter(|size| *size > 0)
        {
            captured.lost.push(Lost::body(size));
        }
        captured.time = value.text_at("times.start").and_then(json::tool_time);
        Ok(captured)
    };
    let own = std::slice::from_ref(value);
    let found: Requests = value.items().unwrap_or(own).iter().filter(is_one).map(read).collect();
    (!found.is_empty()).then_some(found)
}

/// Flows of mitmproxy as its web interface and its dumps write them in JSON.
pub fn mitmproxy(value: &Json) -> Option<Requests> {
    let is_one =
        |value: &&Json| value.has("request.http_version") && value.has("request.host") && value.has("request.path");
    let read = |value: &Json| {
        let request = value.member("request").unwrap_or(&Json::Null);
        let mut captured =
            Captured { method: request.text_at("method").unwrap_or_default().to_owned(), ..Captured::default() };
        captured.scheme = request.text_at("scheme").map(str::to_owned);
        request.text_at("path").unwrap_or_default().clone_into(&mut captured.target);
        headers::add(&mut captured, request.member("headers").unwrap_or(&Json::Null))?;
        if captured.authority.is_empty() {
            request.first_text(&["pretty_host", "host"]).unwrap_or_default().clone_into(&mut captured.authority);
        }
        let size = request.text_at("contentLength").and_then(|size| size.parse().ok()).unwrap_or(0);
        match request.first(&["raw_content", "content", "text"]) {
            Some(found) => body::take(&mut captured, found, false)?,
            None if size > 0 => captured.lost.push(Lost {
                advice: "Export the flow as HAR: mitmdump -nr flows --set hardump=flows.har.".to_owned(),
                ..Lost::body(size)
            }),
            None => {}
        }
        captured.time = request.text_at("timestamp_start").and_then(json::tool_time);
        Ok(captured)
    };
    let own = std::slice::from_ref(value);
    let found: Requests = value.items().unwrap_or(own).iter().filter(is_one).map(read).collect();
    (!found.is_empty()).then_some(found)
}
