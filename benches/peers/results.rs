//! What was measured, as JSON: the only source of the tables and the chart.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::check::Check;
use crate::latency::{Latency, RATE};
use crate::measure::quantile;
use crate::peer::Peer;
use crate::plan::{Case, Effort, IN_FLIGHT};

pub struct Results<'a> {
    pub peers: &'a [Peer],
    pub cases: &'a [Case],
    pub latencies: &'a [Latency],
    pub effort: &'a Effort,
    pub left_out: &'a [String],
    pub machine: Value,
    pub versions: Value,
    pub is_quick: bool,
    pub seconds: f64,
}

impl Results<'_> {
    pub fn json(&self) -> Value {
        json!({
            "date": date(),
            "command": if self.is_quick { "HOOKWARDEN_BENCH_QUICK=1 make bench-peers" } else { "make bench-peers" },
            "seconds": self.seconds.round(),
            "rounds": self.effort.rounds,
            "in_flight": IN_FLIGHT,
            "machine": self.machine,
            "versions": self.versions,
            "left_out": self.left_out,
            "peers": self.peers.iter().map(|peer| json!({
                "id": peer.id, "title": peer.title, "about": peer.about, "baseline": peer.baseline,
                "processes": peer.pids.len(),
            })).collect::<Value>(),
            "cpu": self.cases.iter().map(|case| self.case(case)).collect::<Value>(),
            "latency": self.latencies.iter().map(|latency| self.latency(latency)).collect::<Value>(),
            "ratios": self.ratios(),
        })
    }

    fn case(&self, case: &Case) -> Value {
        let mut json = json!({
            "peer": self.peers[case.peer].id,
            "check": case.check.name(),
            "body": case.body,
            "accepted": case.is_accepted,
            "requests_per_round": self.effort.requests(case.body),
            "total": spread(&case.rounds),
        });
        if let Some(added) = self.added(case) {
            json["added"] = spread(&added);
        }
        // A proxy that closes the connection after a refusal pays for the next one.
        if case.closed > 0 {
            json["connections_closed"] = json!(case.closed);
        }
        json
    }

    /// The time above that of the same proxy without the check, for each round; `None` for a baseline.
    fn added(&self, case: &Case) -> Option<Vec<f64>> {
        let baseline = self.cases.iter().find(|other| {
            let peer = &self.peers[case.peer];
            self.peers[other.peer].id == peer.baseline && other.check == Check::Off && other.body == case.body
        })?;
        let is_itself = baseline.peer == case.peer && case.check == Check::Off;
        (!is_itself).then(|| case.rounds.iter().zip(&baseline.rounds).map(|(with, without)| with - without).collect())
    }

    fn latency(&self, latency: &Latency) -> Value {
        json!({
            "peer": self.peers[latency.peer].id,
            "body": latency.body,
            "requests_per_second": RATE,
            "samples": latency.samples.len(),
            "p50": rounded(latency.percentile(0.5)),
            "p90": rounded(latency.percentile(0.9)),
            "p99": rounded(latency.percentile(0.99)),
            "total": spread(&latency.spent),
        })
    }

    /// What hookwarden costs compared with others, from medians.
    fn ratios(&self) -> Value {
        const KIB: usize = 1024;
        let find = |peer: &str, check, body, is_accepted| {
            self.cases.iter().find(|case| {
                self.peers[case.peer].id == peer
                    && case.check == check
                    && case.body == body
                    && case.is_accepted == is_accepted
            })
        };
        let added = |peer, check, body| {
            find(peer, check, body, true).and_then(|case| self.added(case)).map(|rounds| quantile(&rounds, 0.5))
        };
        let total = |peer, check, body, is_accepted| {
            find(peer, check, body, is_accepted).map(|case| quantile(&case.rounds, 0.5))
        };
        let mut ratios = Vec::new();
        let mut push = |what: String, ours: Option<f64>, other: Option<f64>| {
            // In a quick run a difference may be lost in noise.
            if let (Some(ours), Some(other)) = (ours, other.filter(|other| *other > 0.0)) {
                ratios.push(json!({ "what": what, "ratio": rounded(ours / other) }));
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
