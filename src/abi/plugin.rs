//! The callbacks of the plugin: it is configured, and time passes.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

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
}

impl Context for Plugin {
    fn on_done(&mut self) -> bool {
        if let Some(instance) = &self.instance {
            instance.on_done();
        }
        true
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
        if let Some(instance) = &self.instance {
            session::refuse_stalled(instance);
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
