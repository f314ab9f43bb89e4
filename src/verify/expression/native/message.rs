//! Templates in reverse, and what a template leaves open.

use crate::verify::expression::message::{Message, Part};
use crate::verify::expression::value::Expression;
use crate::verify::primitives::timestamp::Unit;

impl Message {
    /// Its only value, and what that value must be for the template to render as `text`. `None` if the template has no
    /// value or several, or `text` does not match its literal text.
    #[must_use]
    pub fn solve<'a>(&self, text: &'a [u8]) -> Option<(&Expression, &'a [u8])> {
        let parts: Vec<_> = self.parts().collect();
        match parts.as_slice() {
            [Part::Value(value)] => Some((value, text)),
            [Part::Literal(before), Part::Value(value)] => Some((value, text.strip_prefix(before.as_slice())?)),
            [Part::Value(value), Part::Literal(after)] => Some((value, text.strip_suffix(after.as_slice())?)),
            [Part::Literal(before), Part::Value(value), Part::Literal(after)] => {
                Some((value, text.strip_prefix(before.as_slice())?.strip_suffix(after.as_slice())?))
            }
            _ => None,
        }
    }

    /// Whether bytes can move from one signed value to the next, or within one that is glued together, under the same
    /// signature. `unit`: how the timestamp is written.
    #[must_use]
    pub fn lets_bytes_move(&self, unit: Option<Unit>) -> bool {
        let varying = matches!(unit, Some(Unit::SecondsOrMilliseconds | Unit::Fraction));
        let of_digits = matches!(unit, Some(Unit::Seconds | Unit::Milliseconds)) || varying;
        let parts: Vec<_> = self.parts().collect();
        let value = |at: usize| match parts.get(at) {
            Some(Part::Value(value)) if value.literal().is_none() => Some(value),
            _ => None,
        };
        let opens = |at: usize| match (value(at), value(at.saturating_add(1))) {
            (Some(left), _) if left.concatenates() => true,
            // Only the sender and the receiver know how the secret begins.
            (Some(_), Some(right)) if right.is_the_secret() => false,
            (Some(left), Some(_)) if left.is_timestamp() => varying,
            // Digits directly followed by another value could move into it.
            (Some(left), Some(right)) if right.is_timestamp() => {
                let is_movable = value(at.saturating_add(2)).is_some_and(|behind| !behind.is_the_secret());
                left.ends_anywhere() && of_digits && is_movable
            }
            (Some(left), Some(_)) => left.ends_anywhere(),
            _ => false,
        };
        (0..parts.len()).any(opens)
    }
}
