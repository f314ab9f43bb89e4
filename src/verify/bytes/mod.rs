//! Reading and writing bytes: challenges, encodings, forms, JSON, structured fields, compression.
//!
//! Depends only on [`Denial`](crate::verify::Denial): it has no notion of requests, keys or schemes.

pub mod challenge;
pub mod checksum;
pub mod encoding;
pub mod form;
pub mod inflate;
pub mod json;
pub mod multipart;
#[cfg(not(target_family = "wasm"))]
mod native;
pub mod percent;
pub mod structured_field;
