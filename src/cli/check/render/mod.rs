//! Findings as text, JSON, or annotations of a workflow.

pub mod codes;
pub mod github;
pub mod json;
pub mod text;
