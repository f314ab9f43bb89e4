//! Nothing is measured that does not verify: a peer that lets a forged request pass would be very fast.

use crate::check::Check;
use crate::client::Client;
use crate::measure::arrived;
use crate::peer::Peer;

/// Bodies below, at and above what the peers read at once.
const BODIES: [usize; 4] = [0, 1, 1024, 64 * 1024];

/// Sends forged requests, then a genuine one. An error stops the run.
pub fn prove(peer: &Peer) -> Result<(), String> {
    for (check, address) in &peer.endpoints {
        // A credential is refused before the body has arrived, and the connection may be closed.
        let bodies = if *check == Check::Basic { &BODIES[..3] } else { &BODIES[..] };
        for body in bodies.iter().copied() {
            let (first, attacks) = (arrived(), check.attacks(body));
            let passing = if *check == Check::Off { attacks.len() + 1 } else { 1 };
            for (what, request) in attacks {
                let expected = if *check == Check::Off { (200, 1) } else { (401, 0) };
                let before = arrived();
                let status = Client::new(*address).exchange(&request.wire());
                let status = status.map_err(|error| format!("{}, {}: {error}", peer.title, check.name()))?;
                let seen = arrived() - before;
                if (status, seen) != expected {
                    return Err(format!(
                        "{}, {}: a request of {body} bytes {what} was answered with {status}, and the upstream saw {seen}; \
                         expected {expected:?}",
                        peer.title,
                        check.name()
                    ));
                }
            }
            let before = arrived();
            let status = Client::new(*address).exchange(&check.genuine(body, 0).wire());
            let seen = arrived() - before;
            // What a refused request leaked would have arrived by now.
            if status != Ok(200) || seen != 1 || arrived() - first != passing {
                return Err(format!(
                    "{}, {}: a genuine request of {body} bytes was answered with {status:?}, and the upstream saw {seen}",
                    peer.title,
                    check.name()
                ));
            }
        }
    }
    Ok(())
}
