//! A store of events for sources that would otherwise remember them in each proxy alone.

use crate::cli::document::value::{Kind, Member, Value};

/// The cluster of a store that a configuration does not name.
const CLUSTER: &str = "replay-store";

/// Whether a source remembers events in each proxy alone, so that an event passes once for each of them.
pub fn is_missing(configuration: &Value) -> bool {
    sources(configuration).iter().filter_map(|source| source.get("replay")).any(|replay| replay.get("store").is_none())
}

/// Gives every source that remembers events a store: that of the other sources, or one of our own name. False if none
/// remembers events.
pub fn add(configuration: &mut Value) -> bool {
    let named = sources(configuration).iter().find_map(|source| source.at(&["replay", "store", "cluster"])?.text());
    let cluster = named.unwrap_or(CLUSTER).to_owned();
    let Some(Value { kind: Kind::List(list), .. }) = configuration.get_mut("sources") else { return false };
    let mut remembers = false;
    for replay in list.iter_mut().filter_map(|source| source.get_mut("replay")) {
        remembers = true;
        let at = replay.at;
        let member = |key: &str, kind: Kind| Member { at, key: key.to_owned(), value: Value::new(at, kind) };
        if let (true, Kind::Map(members)) = (replay.get("store").is_none(), &mut replay.kind) {
            members.push(member("store", Kind::Map(vec![member("cluster", Kind::Text(cluster.clone()))])));
        }
    }
    remembers
}

fn sources(configuration: &Value) -> &[Value] {
    configuration.get("sources").map(Value::elements).unwrap_or_default()
}
