//! Requests, responses and calls in the host: the rest of [`Host`].

use std::time::UNIX_EPOCH;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, Status};

use super::header_map::HeaderMap;
use super::host::{Host, Refused, Severity};
use super::proxy::ProxyWasm;
use super::{log, peer};
use crate::filter::BodyBuffer;
use crate::guard::call::{Call, Response};
use crate::live::place::{Place, Taken};
use crate::report::Reply;
use crate::step::{self, Edits};
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::request::{MAX_HEADERS, Request};

/// How much of the answer to a call is read, in bytes. A good one has 20.
const MAX_ANSWER: usize = 4096;

/// The request's body in the host's buffer.
pub(super) struct RequestBody {
    pub(super) len: usize,
}

impl BodyBuffer for RequestBody {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        hostcalls::get_buffer(BufferType::HttpRequestBody, start, len).ok().flatten()
    }
}

impl Host for ProxyWasm {
    fn clock(&self) -> Option<UnixTime> {
        let since_epoch = hostcalls::get_current_time().ok()?.duration_since(UNIX_EPOCH).ok()?;
        // Not `as_millis`, whose 128 bits wasm has to compute in software, twice in a request.
        let millis = since_epoch.as_secs().checked_mul(1000)?.checked_add(since_epoch.subsec_millis().into())?;
        Some(UnixTime::from_millis(millis))
    }

    fn micros(&self) -> Option<u64> {
        let since_epoch = hostcalls::get_current_time().ok()?.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(since_epoch.as_micros()).ok()
    }

    fn plugin_name(&self) -> String {
        String::from_utf8_lossy(&peer::property(&["plugin_name"])).into_owned()
    }

    fn connection(&self) -> Option<u64> {
        peer::property(&["connection_id"]).try_into().ok().map(u64::from_le_bytes)
    }

    fn edit_headers(&self, edits: &Edits) -> Result<(), Refused> {
        edits.remove.iter().try_for_each(|name| hostcalls::remove_map_value(MapType::HttpRequestHeaders, name))?;
        let mut set = edits.set.iter();
        set.try_for_each(|(name, value)| {
            hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value))
        })?;
        Ok(())
    }

    fn reply(&self, reply: &Reply) {
        let headers = reply.headers.iter().map(|(name, value)| (&**name, value.as_str())).collect();
        let body = Some(&*reply.body).filter(|body| !body.is_empty());
        let _ = hostcalls::send_http_response(reply.status.into(), headers, body);
    }

    fn call(&self, call: &Call) -> Result<u32, Refused> {
        let texts = call.headers.iter().map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value).ok()?)));
        let headers = texts.collect::<Option<Vec<_>>>().ok_or(Refused)?;
        let body = Some(call.body.as_slice()).filter(|body| !body.is_empty());
        Ok(hostcalls::dispatch_http_call(&call.cluster, headers, body, Vec::new(), call.timeout)?)
    }

    fn response_status(&self) -> Option<u16> {
        status_of(MapType::HttpResponseHeaders)
    }

    fn is_response_of_upstream(&self) -> bool {
        let details = peer::property(&["response", "code_details"]);
        details.is_empty() || details == b"via_upstream"
    }

    fn resume_request(&self) -> Result<(), Refused> {
        hostcalls::resume_http_request()?;
        Ok(())
    }

    fn resume_response(&self) {
        let _ = hostcalls::resume_http_response();
    }

    fn select(&self, stream: u32) -> Result<(), Refused> {
        hostcalls::set_effective_context(stream)?;
        Ok(())
    }

    fn set_filter_state(&self, text: &str) {
        // It is for the access log: nothing is decided by it.
        let _ = hostcalls::set_property(vec!["hookwarden"], Some(text.as_bytes()));
    }

    fn log(&self, severity: Severity, line: &str) {
        log::write(severity, line);
    }
}

/// The answer to a call.
pub(super) struct CallAnswer {
    status: u16,
    body: Vec<u8>,
}

impl CallAnswer {
    /// What the filter is told of it.
    pub(super) fn response(&self) -> Response<'_> {
        Response { status: self.status, body: &self.body }
    }
}

/// The answer to a call, if the host gives both status and body.
pub(super) fn call_answer(size: usize) -> Option<CallAnswer> {
    let body = match size.min(MAX_ANSWER) {
        0 => Vec::new(),
        size => hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok().flatten()?,
    };
    Some(CallAnswer { status: status_of(MapType::HttpCallResponseHeaders)?, body })
}

/// The answer to a call for a document. `headers`: how many it has.
pub(super) fn document_answer(place: &Place, headers: usize, size: usize) -> Option<CallAnswer> {
    if headers == 0 || headers > MAX_HEADERS {
        return None;
    }
    let body = match &place.taken {
        // One byte more than there may be shows that it is too large.
        Taken::Body => match size.min(place.max_bytes.saturating_add(1)) {
            0 => Vec::new(),
            size => hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok().flatten()?,
        },
        Taken::Header(name) => {
            let map = HeaderMap::read(MapType::HttpCallResponseHeaders).ok()?;
            Request::new(&map.lines().ok()?).header(name).once().unwrap_or_default().to_vec()
        }
    };
    Some(CallAnswer { status: status_of(MapType::HttpCallResponseHeaders)?, body })
}

/// Removes what only we may say, or the trailers must not go on.
pub(super) fn remove_forged_trailers() -> Result<(), Refused> {
    let map = HeaderMap::read(MapType::HttpRequestTrailers)?;
    let trailers = map.lines()?;
    let mut forged = trailers.iter().map(|(name, _)| name).filter(|name| step::is_reserved(name));
    forged.try_for_each(|name| hostcalls::remove_map_value(MapType::HttpRequestTrailers, name))?;
    Ok(())
}

/// The status in a map of headers.
fn status_of(map: MapType) -> Option<u16> {
    let status = hostcalls::get_map_value_bytes(map, ":status").ok().flatten()?;
    std::str::from_utf8(&status).ok()?.parse().ok()
}

impl From<Status> for Refused {
    fn from(_: Status) -> Self {
        Refused
    }
}
