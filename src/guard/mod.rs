//! What is not authentication: which source a request is for, and what shape it must have.

pub mod body_size;
pub mod path;
pub mod route;
