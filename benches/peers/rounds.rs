//! CPU time, in many short rounds. A round has all cases, each time in another order, so that other load on the machine affects
//! all of them alike, and none always follows the same other one.

use crate::measure::size;
use crate::peer::Peer;
use crate::plan::{Case, Effort, needs_new_events};
use crate::start::StartNumber;

pub fn measure(peers: &[Peer], cases: &mut [Case], effort: &Effort, start: &StartNumber) -> Result<(), String> {
    let count = cases.len();
    for (number, case) in cases.iter_mut().enumerate() {
        let peer = &peers[case.peer];
        start.progress(&format!("warm-up {}/{count}: {}, {}", number + 1, peer.title, size(case.body)));
        let requests = (effort.warm_up * effort.requests(case.body) / effort.requests(0)).max(2);
        run(peer, case, requests)?;
    }
    for round in 0..effort.rounds {
        start.progress(&format!("round {}/{} of {count} cases", round + 1, effort.rounds));
        for place in order(round, count) {
            let case = &mut cases[place];
            // So that it does not matter what they have carried before.
            case.pool.borrow_mut().reconnect();
            run(&peers[case.peer], case, effort.lead(case.body))?;
            let spent = run(&peers[case.peer], case, effort.requests(case.body))?;
            case.rounds.push(spent);
        }
    }
    Ok(())
}

/// The places of the cases, in the order of a round: it begins with another one, and steps on by another number.
fn order(round: usize, count: usize) -> impl Iterator<Item = usize> {
    let steps: Vec<usize> = (1..=count).filter(|step| has_no_common_factor(*step, count)).collect();
    let step = steps[round % steps.len()];
    (0..count).map(move |turn| (round + turn * step) % count)
}

fn has_no_common_factor(one: usize, other: usize) -> bool {
    if other == 0 { one == 1 } else { has_no_common_factor(other, one % other) }
}

/// µs of CPU time per request.
fn run(peer: &Peer, case: &mut Case, requests: usize) -> Result<f64, String> {
    let wires = case.wires(requests, needs_new_events(peer));
    let before = peer.spent();
    case.send(&wires, requests)
        .map_err(|error| format!("{}, {}, {}: {error}", peer.title, case.check.name(), size(case.body)))?;
    Ok((peer.spent() - before) as f64 / 1000.0 / requests as f64)
}
