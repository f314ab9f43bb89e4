//! What was measured, as JSON: the only source of the tables and the chart.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::check::Check;
use crate::latency::RATE;
use crate::measure::quantile;
use crate::peer::Peer;
use crate::plan::{Case, Effort, IN_FLIGHT};
use crate::start::Measured;

pub struct Results<'a> {
    pub peers: &'a [Peer],
    /// One for each start of the peers, at least one.
    pub starts: &'a [Measured],
    pub effort: &'a Effort,
    pub left_out: &'a [String],
    pub machine: Value,
    pub versions: Value,
    pub is_quick: bool,
    pub seconds: f64,
}

impl<'a> Results<'a> {
    pub fn json(&self) -> Value {
        json!({
            "date": date(),
            "command": if self.is_quick { "HOOKWARDEN_BENCH_QUICK=1 make bench-peers" } else { "make bench-peers" },
            "seconds": self.seconds.round(),
            "starts": self.effort.starts,
            "rounds": self.effort.rounds,
            "in_flight": IN_FLIGHT,
            "machine": self.machine,
            "versions": self.versions,
            "left_out": self.left_out,
            "peers": self.peers.iter().map(|peer| json!({
                "id": peer.id, "title": peer.title, "about": peer.about, "baseline": peer.baseline,
                "processes": peer.pids.len(),
            })).collect::<Value>(),
            "cpu": (0..self.starts[0].cases.len()).map(|place| self.case(place)).collect::<Value>(),
            "latency": (0..self.starts[0].latencies.len()).map(|place| self.latency(place)).collect::<Value>(),
            "ratios": self.ratios(),
        })
    }

    /// All rounds of all starts, of the case at a place.
    fn case(&self, place: usize) -> Value {
        let case = &self.starts[0].cases[place];
        let total: Vec<f64> = self.starts.iter().flat_map(|start| &start.cases[place].rounds).copied().collect();
        let mut json = json!({
            "peer": self.peers[case.peer].id,
            "check": case.check.name(),
            "body": case.body,
            "accepted": case.is_accepted,
            "requests_per_round": self.effort.requests(case.body),
            "total": spread(&total),
        });
        let added = self.starts.iter().map(|start| self.added(start, &start.cases[place]));
        if let Some(added) = added.collect::<Option<Vec<_>>>() {
            json["added"] = spread(&added.concat());
        }
        // A proxy that closes the connection after a refusal pays for the next one.
        let closed: usize = self.starts.iter().map(|start| start.cases[place].closed).sum();
        if closed > 0 {
            json["connections_closed"] = json!(closed);
        }
        json
    }

    /// The time above that of the same proxy without the check, for each round of a start; `None` for a baseline.
    fn added(&self, start: &Measured, case: &Case) -> Option<Vec<f64>> {
        let baseline = start.cases.iter().find(|other| {
            let peer = &self.peers[case.peer];
            self.peers[other.peer].id == peer.baseline && other.check == Check::Off && other.body == case.body
        })?;
        let is_itself = baseline.peer == case.peer && case.check == Check::Off;
        (!is_itself).then(|| case.rounds.iter().zip(&baseline.rounds).map(|(with, without)| with - without).collect())
    }

    fn latency(&self, place: usize) -> Value {
        let all: Vec<_> = self.starts.iter().map(|start| &start.latencies[place]).collect();
        let samples: Vec<f64> = all.iter().flat_map(|latency| &latency.samples).copied().collect();
        let spent: Vec<f64> = all.iter().map(|latency| latency.spent).collect();
        json!({
            "peer": self.peers[all[0].peer].id,
            "body": all[0].body,
            "requests_per_second": RATE,
            "samples": samples.len(),
            "p50": rounded(quantile(&samples, 0.5)),
            "p90": rounded(quantile(&samples, 0.9)),
            "p99": rounded(quantile(&samples, 0.99)),
            "total": spread(&spent),
        })
    }

    /// What hookwarden costs compared with others: for each start the ratio of the medians, of these the median, and the
    /// quartiles.
    fn ratios(&self) -> Value {
        const KIB: usize = 1024;
        let find = |start: &'a Measured, peer: &str, check, body, is_accepted| {
            start.cases.iter().find(|case| {
                self.peers[case.peer].id == peer
                    && case.check == check
                    && case.body == body
                    && case.is_accepted == is_accepted
            })
        };
        // A median for each start.
        let added = |peer, check, body| -> Option<Vec<f64>> {
            let of = |start| find(start, peer, check, body, true).and_then(|case| self.added(start, case));
            self.starts.iter().map(|start| Some(quantile(&of(start)?, 0.5))).collect()
        };
        let total = |peer, check, body, is_accepted| -> Option<Vec<f64>> {
            let of = |start| find(start, peer, check, body, is_accepted);
            self.starts.iter().map(|start| Some(quantile(&of(start)?.rounds, 0.5))).collect()
        };
        let mut ratios = Vec::new();
        let mut push = |what: String, ours: Option<Vec<f64>>, other: Option<Vec<f64>>| {
            let (Some(ours), Some(other)) = (ours, other) else { return };
            // In a quick run a difference may be lost in noise.
            if other.iter().all(|other| *other > 0.0) {
                let starts: Vec<f64> = ours.iter().zip(&other).map(|(ours, other)| ours / other).collect();
                ratios.push(json!({ "what": what, "ratio": spread(&starts) }));
            }
        };
        for body in [KIB, 64 * KIB] {
            for (other, name) in [
                ("obligatory", "wasm with HMAC and obligatory calls"),
                ("bare", "wasm with one HMAC only"),
                ("lua", "Lua"),
                ("ext_authz", "ext_authz"),
                ("haproxy", "HAProxy"),
                ("nginx", "njs"),
            ] {
                let what = format!("added, {} KiB: hookwarden to {name}", body / KIB);
                push(what, added("hookwarden", Check::One, body), added(other, Check::One, body));
            }
            let what = format!("added, {} KiB: hookwarden with two secrets to one", body / KIB);
            push(what, added("hookwarden", Check::Two, body), added("hookwarden", Check::One, body));
            let what = format!("total, {} KiB: a refused forged request to an accepted one", body / KIB);
            push(what, total("hookwarden", Check::One, body, false), total("hookwarden", Check::One, body, true));
        }
        for (other, name) in [("obligatory", "wasm with obligatory calls"), ("basic_auth", "Envoy's filter")] {
            let what = format!("added, 1 KiB, basic auth: hookwarden to {name}");
            push(what, added("hookwarden", Check::Basic, KIB), added(other, Check::Basic, KIB));
        }
        Value::from(ratios)
    }
}

/// µs.
fn spread(values: &[f64]) -> Value {
    json!({
        "median": rounded(quantile(values, 0.5)),
        "quartiles": [rounded(quantile(values, 0.25)), rounded(quantile(values, 0.75))],
    })
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Today as `2026-11-28`, in UTC.
fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = time::OffsetDateTime::from_unix_timestamp(seconds as i64).expect("a date of our time");
    format!("{}-{:02}-{:02}", now.year(), u8::from(now.month()), now.day())
}
