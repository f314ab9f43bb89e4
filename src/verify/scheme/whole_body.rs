//! What is kept for a proof that needs the whole body.

use crate::verify::denial::Denial;
use crate::verify::expression::Facts;
use crate::verify::expression::content::Content;
use crate::verify::request::{HeldBody, KeptHeaders, Request, Rereading};
use crate::verify::scheme::kind::{AwaitsBody, Head};

/// The longest body that is read whole, in bytes. Envoy's own limit is lower. The copy lives only while the request is
/// decided, and a VM decides one request at a time, so there is never more than one. It does not count towards any
/// budget: a genuine request must not fail because of what others hold.
const MAX_WHOLE_BODY: usize = 16 * 1024 * 1024;
/// The same if the body is passed on at once and the VM keeps the only copy: Envoy's own default buffer limit.
const MAX_COPY: usize = 1024 * 1024;

/// What is kept of the head, and a copy of the body if the host will not hand it out again.
pub struct WholeBody {
    head: KeptHeaders,
    copy: Option<Vec<u8>>,
}

impl WholeBody {
    /// Keeps what is read of the head, and the headers that the request itself `lists`.
    ///
    /// # Errors
    /// [`Denial::TooManyHeaders`] if that is too long.
    pub fn begin(head: Head<'_>, lists: Vec<String>) -> Result<Self, Denial> {
        let copy = (head.rereading == Rereading::Impossible).then(Vec::new);
        Ok(Self { head: head.headers_read.keep(lists, head.request)?, copy })
    }

    /// Decides with head and body available.
    ///
    /// # Errors
    /// [`Denial::BodyTooLarge`], what the host could not give, or what `decide` refuses.
    pub fn decide<T>(
        self,
        body: &dyn HeldBody,
        decide: impl FnOnce(&Facts<'_>) -> Result<T, Denial>,
    ) -> Result<T, Denial> {
        let whole = match self.copy {
            Some(copy) if copy.len() > MAX_COPY => return Err(Denial::BodyTooLarge),
            Some(copy) => copy,
            None => read_whole(body)?,
        };
        let lines = self.head.lines();
        let request = Request::new(&lines);
        let content = Content::new(&whole, request.media_type());
        decide(&Facts { request: Some(request), content: Some(&content), ..Facts::default() })
    }
}

impl WholeBody {
    /// Reads something of the head that was kept.
    pub fn peek_head<T>(&self, read: impl FnOnce(&Facts<'_>) -> T) -> T {
        read(&Facts { request: Some(Request::new(&self.head.lines())), ..Facts::default() })
    }

    /// Reads something of head and body before the decision.
    ///
    /// # Errors
    /// As [`decide`](Self::decide).
    pub fn peek<T>(&self, body: &dyn HeldBody, read: impl FnOnce(&Facts<'_>) -> T) -> Result<T, Denial> {
        let own;
        let whole = match &self.copy {
            Some(copy) => copy,
            None => {
                own = read_whole(body)?;
                &own
            }
        };
        let lines = self.head.lines();
        let request = Request::new(&lines);
        let content = Content::new(whole, request.media_type());
        Ok(read(&Facts { request: Some(request), content: Some(&content), ..Facts::default() }))
    }
}

impl AwaitsBody for WholeBody {
    fn update(&mut self, bytes: &[u8]) {
        // The copy may exceed the limit by one piece; `decide` then refuses the body.
        if let Some(copy) = self.copy.as_mut().filter(|copy| copy.len() <= MAX_COPY) {
            copy.extend_from_slice(bytes);
        }
    }

    fn held_bytes(&self) -> usize {
        self.head.held_bytes().saturating_add(self.copy.as_ref().map_or(0, Vec::capacity))
    }
}

fn read_whole(body: &dyn HeldBody) -> Result<Vec<u8>, Denial> {
    let mut whole = Vec::new();
    body.replay(&mut |bytes| {
        if whole.len() <= MAX_WHOLE_BODY {
            whole.extend_from_slice(bytes);
        }
    })?;
    if whole.len() > MAX_WHOLE_BODY { Err(Denial::BodyTooLarge) } else { Ok(whole) }
}
