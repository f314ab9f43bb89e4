//! The callbacks of the plugin: it is configured, and time passes.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::host::Host as _;
use super::http::{self, CallAnswer, RequestBody};
use super::instance::Instance;
use super::proxy::ProxyWasm;
use super::session;
use super::stream::Stream;
use super::waiting::Waiting;
use crate::guard::call::{Call, Response};

/// How often held requests are looked at.
const TICK: Duration = Duration::from_millis(500);

/// The plugin in one VM: the configuration that new requests meet.
pub(super) struct Plugin {
    /// The host's number of the plugin.
    id: u32,
    instance: Option<Rc<Instance>>,
    /// The calls that were made on ticks and are not answered yet.
    calls: Vec<Pending>,
}

/// A call that is not answered yet.
struct Pending {
    /// The host's number of the call.
    token: u32,
    purpose: Purpose,
}

/// What a call is for. It keeps the configuration that made it: another one may be at work when the answer comes.
enum Purpose {
    /// The document of the place with this number.
    Document(Rc<Instance>, usize),
    /// A named key of the publication with this number.
    NamedKey(Rc<Instance>, usize),
    /// A request that was decided on a tick.
    Request(Waiting),
}

impl Purpose {
    /// Whether both calls fetch the same for the same configuration.
    fn is_that_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Purpose::Document(one, place), Purpose::Document(two, other))
            | (Purpose::NamedKey(one, place), Purpose::NamedKey(two, other)) => place == other && Rc::ptr_eq(one, two),
            _ => false,
        }
    }
}

impl Context for Plugin {
    fn on_http_call_response(&mut self, token: u32, headers: usize, size: usize, _trailers: usize) {
        let Some(position) = self.calls.iter().position(|call| call.token == token) else { return };
        let Pending { purpose, .. } = self.calls.swap_remove(position);
        let answer = match &purpose {
            Purpose::Document(instance, number) => {
                let place = instance.policy.fetchers().place(*number);
                place.and_then(|place| http::document_answer(&place, headers, size))
            }
            Purpose::NamedKey(instance, number) => {
                let rule = instance.policy.named_key_rule(*number);
                rule.and_then(|rule| http::document_answer(&rule.place, headers, size))
            }
            Purpose::Request(_) => (headers > 0).then(|| http::call_answer(size)).flatten(),
        };
        self.conclude(&purpose, answer.as_ref().map(CallAnswer::response));
    }
}

/// The host deletes the plugin. Not `on_done`: a host can then leave that callback out, which it makes for each request, too.
impl Drop for Plugin {
    fn drop(&mut self) {
        if let Some(instance) = &self.instance {
            instance.on_end();
        }
    }
}

impl Plugin {
    /// The plugin that the host calls `id`.
    pub(super) fn new(id: u32) -> Self {
        Self { id, instance: None, calls: Vec::new() }
    }

    fn fetch(&mut self, instance: &Rc<Instance>) {
        for (place, call) in instance.fetches() {
            self.call(&call, Purpose::Document(Rc::clone(instance), place));
        }
        for (number, call) in instance.named_key_fetches() {
            self.call(&call, Purpose::NamedKey(Rc::clone(instance), number));
        }
    }

    /// Makes a call of the plugin's own, which outlives any stream.
    fn call(&mut self, call: &Call, purpose: Purpose) {
        match ProxyWasm.select(self.id).and_then(|()| ProxyWasm.call(call)) {
            Ok(token) => {
                // A host that never answered the last call leaves nothing behind.
                self.calls.retain(|call| !call.purpose.is_that_of(&purpose));
                self.calls.push(Pending { token, purpose });
            }
            Err(_) => self.conclude(&purpose, None),
        }
    }

    /// A call was answered, or could not be made.
    fn conclude(&self, purpose: &Purpose, response: Option<Response<'_>>) {
        match purpose {
            Purpose::Document(instance, place) => instance.on_fetched(*place, response),
            Purpose::NamedKey(instance, number) => instance.on_named_key(*number, response),
            Purpose::Request(Waiting { id, instance, exchange }) => {
                // If the stream is not there any more the request has ended.
                if instance.host.select(*id).is_ok() {
                    session::answer(instance, exchange, response, instance.context_now().now);
                }
                // Back to the plugin. Whatever needs it chooses it again and looks at the result.
                let _ = instance.host.select(self.id);
            }
        }
    }
}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_default();
        let environment = |name: &str| std::env::var(name).ok();
        let Some(instance) = Instance::configure(&ProxyWasm, &text, &environment) else { return false };
        if let Some(former) = self.instance.replace(instance) {
            former.retire();
        }
        self.set_tick_period(TICK);
        true
    }

    fn on_tick(&mut self) {
        if let Some(instance) = self.instance.clone() {
            session::refuse_stalled(&instance);
            for (request, call) in session::decide_waiting(&RequestBody { len: usize::MAX }) {
                self.call(&call, Purpose::Request(request));
            }
            // The streams that were chosen on the way may end before the answer comes.
            let _ = ProxyWasm.select(self.id);
            self.fetch(&instance);
            instance.on_tick();
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(id, self.instance.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
