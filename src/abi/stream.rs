//! The callbacks of a stream: one request and its response.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{self, MapType};

use super::header_map::HeaderMap;
use super::host::{Action, Host as _};
use super::http::{self, RequestBody};
use super::instance::Instance;
use super::proxy::ProxyWasm;
use super::session::Session;
use crate::report;
use crate::verify::Denial;
use crate::verify::request::MAX_HEADERS;

/// One stream.
pub(super) struct Stream {
    id: u32,
    /// The configuration at the time when the stream was created.
    instance: Option<Rc<Instance>>,
    /// The request, once its headers came.
    session: Option<Session>,
}

impl Stream {
    pub(super) fn new(id: u32, instance: Option<Rc<Instance>>) -> Self {
        Self { id, instance, session: None }
    }
}

impl Context for Stream {
    fn on_http_call_response(&mut self, _token: u32, headers: usize, size: usize, _trailers: usize) {
        let Some(session) = &self.session else { return };
        let answer = (headers > 0).then(|| http::call_answer(size)).flatten();
        session.on_call_response(answer.as_ref().map(|answer| answer.response()));
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, count: usize, end: bool) -> types::Action {
        let Some(instance) = &self.instance else {
            ProxyWasm.reply(&report::reply(Denial::HostFailure, None));
            return types::Action::Pause;
        };
        let session = self.session.insert(Session::new(self.id, instance));
        let action = if count > MAX_HEADERS {
            session.on_failure(Denial::TooManyHeaders)
        } else {
            let map = HeaderMap::read(MapType::HttpRequestHeaders);
            match map.as_ref().map(HeaderMap::lines) {
                Ok(Ok(lines)) if !lines.is_empty() => session.on_headers(&lines, end),
                // Every request has a path: a head without lines is not the one that goes on.
                _ => session.on_failure(Denial::HostFailure),
            }
        };
        action.into()
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> types::Action {
        // Without a session the request was refused.
        let on_body = |session: &Session| session.on_body(&RequestBody { len: size }, end);
        self.session.as_ref().map_or(Action::Pause, on_body).into()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> types::Action {
        // First of all, because the trailers may be forwarded in another callback than this one.
        let removed = http::remove_forged_trailers();
        let on_trailers = |session: &Session| session.on_trailers(&RequestBody { len: usize::MAX }, removed);
        self.session.as_ref().map_or(Action::Pause, on_trailers).into()
    }

    fn on_http_response_headers(&mut self, _count: usize, _end: bool) -> types::Action {
        self.session.as_ref().map_or(Action::Continue, Session::on_response).into()
    }

    fn on_http_response_body(&mut self, _size: usize, _end: bool) -> types::Action {
        self.session.as_ref().map_or(Action::Continue, Session::on_more_response).into()
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> types::Action {
        self.session.as_ref().map_or(Action::Continue, Session::on_more_response).into()
    }

    fn on_log(&mut self) {
        if let Some(session) = &self.session {
            session.on_end();
        }
    }
}

impl From<Action> for types::Action {
    fn from(action: Action) -> Self {
        match action {
            Action::Continue => types::Action::Continue,
            Action::Pause => types::Action::Pause,
        }
    }
}
