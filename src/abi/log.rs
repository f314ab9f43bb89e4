//! The host's log.

use proxy_wasm::hostcalls;
use proxy_wasm::types::LogLevel;

use super::host::Severity;

/// Writes a line.
pub(super) fn write(severity: Severity, line: &str) {
    let level = match severity {
        Severity::Info => LogLevel::Info,
        Severity::Warning => LogLevel::Warn,
        Severity::Error => LogLevel::Error,
    };
    // If the host refuses, there is nowhere else to report it.
    let _ = hostcalls::log(level, line);
}
