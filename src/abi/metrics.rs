//! The host's metrics. Nothing depends on them, so errors are ignored.

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

use super::proxy::ProxyWasm;
use crate::report::{Meter, Metric};

impl Meter for ProxyWasm {
    fn define(&self, metric: Metric, name: &str) -> u32 {
        let metric = match metric {
            Metric::Counter => MetricType::Counter,
            Metric::Gauge => MetricType::Gauge,
            Metric::Histogram => MetricType::Histogram,
        };
        hostcalls::define_metric(metric, name).unwrap_or_default()
    }

    fn add(&self, id: u32, by: i64) {
        let _ = hostcalls::increment_metric(id, by);
    }

    fn set(&self, id: u32, value: u64) {
        let _ = hostcalls::record_metric(id, value);
    }
}
