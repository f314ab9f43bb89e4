//! One request: its events and its outcome.

use std::marker::PhantomData;

use super::answer::{Answer, Upstream};
use super::state::{Stream, calls_back, host};
use super::vm::Vm;

/// What the plugin tells the host to do with held data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Continue,
    Pause,
}

/// One request in the VM.
pub struct Request<'a> {
    pub(super) id: u32,
    pub(super) vm: PhantomData<&'a Vm>,
}

unsafe extern "C" {
    fn proxy_on_request_headers(context_id: u32, count: usize, end: bool) -> u32;
    fn proxy_on_request_body(context_id: u32, size: usize, end: bool) -> u32;
    fn proxy_on_request_trailers(context_id: u32, count: usize) -> u32;
    fn proxy_on_response_headers(context_id: u32, count: usize, end: bool) -> u32;
    fn proxy_on_response_body(context_id: u32, size: usize, end: bool) -> u32;
    fn proxy_on_done(context_id: u32) -> bool;
    fn proxy_on_log(context_id: u32);
    fn proxy_on_delete(context_id: u32);
}

impl Request<'_> {
    pub fn headers(&self, end: bool) -> Action {
        let count = self.stream(|stream| stream.headers.len());
        calls_back("proxy_on_request_headers", self.id);
        // SAFETY: the context exists.
        let action = action(unsafe { proxy_on_request_headers(self.id, count, end) });
        self.goes_on(action);
        action
    }

    /// A piece of the body; the host reports how much it holds in total.
    pub fn body(&self, piece: &[u8], end: bool) -> Action {
        let size = self.stream(|stream| {
            stream.body.extend_from_slice(piece);
            stream.body.len()
        });
        calls_back("proxy_on_request_body", self.id);
        // SAFETY: the context exists.
        let action = action(unsafe { proxy_on_request_body(self.id, size, end) });
        self.goes_on(action);
        action
    }

    pub fn trailers(&self, trailers: &[(&str, &str)]) -> Action {
        let trailers: Vec<_> =
            trailers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        let count = trailers.len();
        self.stream(|stream| stream.trailers = trailers);
        calls_back("proxy_on_request_trailers", self.id);
        // SAFETY: the context exists.
        let action = action(unsafe { proxy_on_request_trailers(self.id, count) });
        self.goes_on(action);
        self.stream(|stream| {
            if action == Action::Continue && stream.answers.is_empty() {
                stream.upstream.trailers = Some(stream.trailers.clone());
            }
        });
        action
    }

    /// A response of the upstream, or a local reply.
    pub fn response(&self, status: u16, from_upstream: bool) -> Action {
        self.stream(|stream| (stream.response_status, stream.from_upstream) = (Some(status), from_upstream));
        calls_back("proxy_on_response_headers", self.id);
        // SAFETY: the context exists.
        action(unsafe { proxy_on_response_headers(self.id, 1, false) })
    }

    pub fn response_body(&self) -> Action {
        calls_back("proxy_on_response_body", self.id);
        // SAFETY: the context exists.
        action(unsafe { proxy_on_response_body(self.id, 1, true) })
    }

    /// The names of the trailers that the host still holds.
    pub fn pending_trailers(&self) -> Vec<String> {
        self.stream(|stream| stream.trailers.iter().map(|(name, _)| name.clone()).collect())
    }

    /// Whether the plugin resumed the request after a call, and whether it resumed the response.
    pub fn resumed(&self) -> (bool, bool) {
        self.stream(|stream| stream.resumed)
    }

    /// Ends the request, for any reason.
    pub fn ends(&self) {
        self.stream(|stream| stream.is_over = true);
        // SAFETY: the context exists, and nothing calls it again.
        unsafe {
            calls_back("proxy_on_done", self.id);
            proxy_on_done(self.id);
            calls_back("proxy_on_log", self.id);
            proxy_on_log(self.id);
            calls_back("proxy_on_delete", self.id);
            proxy_on_delete(self.id);
        }
    }

    pub fn answer(&self) -> Option<Answer> {
        self.stream(|stream| stream.answers.last().cloned())
    }

    pub fn answers(&self) -> usize {
        self.stream(|stream| stream.answers.len())
    }

    pub fn upstream(&self) -> Upstream {
        self.stream(|stream| stream.upstream.clone())
    }

    pub fn filter_state(&self) -> Option<String> {
        self.stream(|stream| {
            stream.filter_state.get(&b"hookwarden"[..]).map(|value| String::from_utf8_lossy(value).into_owned())
        })
    }

    fn stream<T>(&self, what: impl FnOnce(&mut Stream) -> T) -> T {
        host(|host| what(host.streams.entry(self.id).or_default()))
    }

    /// Forwards held data if the plugin says so and the request was not answered.
    fn goes_on(&self, action: Action) {
        self.stream(|stream| {
            if action == Action::Continue && stream.answers.is_empty() {
                stream.upstream.headers.get_or_insert_with(|| stream.headers.clone());
                stream.upstream.body.append(&mut stream.body);
            }
        });
    }
}

fn action(code: u32) -> Action {
    match code {
        0 => Action::Continue,
        1 => Action::Pause,
        other => panic!("{other} is not an action"),
    }
}
