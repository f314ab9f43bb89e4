//! Keys: configured by the operator, prepared for their algorithm, and chosen by a name in the request.
//!
//! Depends on `primitives` and `request`: it has no notion of expressions or schemes.

pub mod algorithm;
pub mod key_answer;
pub mod key_form;
pub mod key_id;
pub mod key_set;
pub mod keyring;
pub mod live;
pub mod secret;
pub mod secrets;
pub mod text_rule;
