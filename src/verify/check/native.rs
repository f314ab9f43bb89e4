//! What the command alone needs.

use crate::verify::check::requirement::{Requirement, Verified};
use crate::verify::denial::Denial;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::request::{HeaderLine, Request, Rereading, borrowed};

impl Requirement {
    /// For each sender, in order, the position of the dialect that decides about this request.
    #[must_use]
    pub fn selected_dialects(&self, request: Request<'_>) -> Vec<usize> {
        let senders = self.groups.iter().flat_map(|group| &group.any);
        senders.map(|dialects| dialects.select(request).map_or(0, |(position, _)| position)).collect()
    }

    /// Verifies a complete request.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, head: &[HeaderLine], body: &[u8], now: UnixTime) -> Result<Verified, Denial> {
        let mut proof = self.begin(Request::new(&borrowed(head)), now, Rereading::Possible);
        proof.update(body);
        proof.finish(self, &body, now)
    }
}
