//! The path of a request whose capture does not say it: that of the only source that it can be for.

use hookwarden::verify::{Request, borrowed};

use super::capture::Captured;
use super::configuration::Configuration;
use super::trial;
use crate::cli::config_file::SourceEntry;

/// Puts in the host and the path of the only source, or of the only one whose proof the request presents.
pub fn put_in(captured: &mut Captured, configuration: &Configuration) {
    if !captured.target.is_empty() || captured.has_unread_path {
        return;
    }
    let head = captured.head();
    let lines = borrowed(&head);
    let request = Request::new(&lines);
    let presents = |source: &&SourceEntry| {
        let mut dialects = source.checks().filter_map(trial::schemes).flatten();
        dialects.any(|(scheme, _)| scheme.is_presented(request))
    };
    let source = match configuration.sources.as_slice() {
        [only] => only,
        several => {
            let mut presented = several.iter().filter(presents);
            match (presented.next(), presented.next()) {
                (Some(only), None) => only,
                _ => return,
            }
        }
    };
    if source.pattern.is_empty() || source.pattern.contains('*') {
        return;
    }
    captured.target.clone_from(&source.pattern);
    let host = source.hosts.first().filter(|host| captured.authority.is_empty() && !host.contains('*'));
    if let Some(host) = host {
        captured.authority.clone_from(host);
    }
    captured.notes.push(format!(
        "the capture does not say which path was called; that of the source \"{}\" was taken, --url gives another",
        source.name
    ));
}
