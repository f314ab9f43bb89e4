//! The module's entry point. The macro exports `_initialize`; the SDK needs unsafe code for that.

use super::plugin::Plugin;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    proxy_wasm::set_root_context(|id| Box::new(Plugin::new(id)));
}}
