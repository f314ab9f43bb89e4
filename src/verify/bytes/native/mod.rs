//! What the command alone needs: a verifier only reads.

mod json;
