//! The callbacks of the plugin: it is configured, and time passes.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::host::Host as _;
use super::http;
use super::instance::Instance;
use super::proxy::ProxyWasm;
use super::session;
use super::stream::Stream;

/// How often held requests are looked at.
const TICK: Duration = Duration::from_millis(500);

/// The plugin in one VM: the configuration that new requests meet.
#[derive(Default)]
pub(super) struct Plugin {
    instance: Option<Rc<Instance>>,
    /// The calls that were made on ticks and are not answered yet.
    calls: Vec<Fetch>,
}

/// A call for a document.
struct Fetch {
    /// The host's number of the call.
    token: u32,
    /// The configuration that made it: another one may be at work when the answer comes.
    instance: Rc<Instance>,
    /// The number of the place.
    place: usize,
}

impl Context for Plugin {
    fn on_http_call_response(&mut self, token: u32, headers: usize, size: usize, _trailers: usize) {
        let Some(position) = self.calls.iter().position(|call| call.token == token) else { return };
        let Fetch { instance, place, .. } = self.calls.swap_remove(position);
        let fetched = instance.policy.fetchers().place(place);
        let answer = fetched.and_then(|fetched| http::document_answer(&fetched, headers, size));
        instance.on_fetched(place, answer.as_ref().map(|answer| answer.response()));
    }

    fn on_done(&mut self) -> bool {
        if let Some(instance) = &self.instance {
            instance.on_done();
        }
        true
    }
}

impl Plugin {
    fn fetch(&mut self, instance: &Rc<Instance>) {
        for (place, call) in instance.fetches() {
            match ProxyWasm.call(&call) {
                Ok(token) => {
                    // A host that never answered the last call leaves nothing behind.
                    self.calls.retain(|call| call.place != place || !Rc::ptr_eq(&call.instance, instance));
                    self.calls.push(Fetch { token, instance: Rc::clone(instance), place });
                }
                Err(_) => instance.on_fetched(place, None),
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
