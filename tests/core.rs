//! Layers 1 to 3 without a host: events go into the filter, steps come out.
//!
//! Where a new test goes: a way to send is vectors in `providers/NAME.json`, and nothing else; what every provider
//! file must have `providers.rs`; several secrets `secrets.rs`; what other verifiers get wrong
//! `mistakes.rs`; what an attacker tried `attacks.rs`; `any`, lists and modes `decision.rs`; lengths, limits and a host
//! that fails `body.rs`; paths and hosts `routes.rs`; the guards on their own `guards/`; what a shared store is asked and
//! answers `fleet.rs`; the plugin's configuration a pair of files in `config/`, and what it makes of guards
//! `configured.rs`; what may be printed `hygiene.rs`; who may use whom `arrows.rs`; requests from outside of the project
//! `shared.rs`.
//!
//! `PROVIDER=stripe` replays that provider's vectors only.
//! `BLESS=1` writes the expected messages of `config/` anew; read what changed before it is kept.

#![allow(
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "the clock is banned in the filter, not in its tests; nothing here is a library"
)]

#[path = "core/delivery.rs"]
mod delivery;
#[path = "core/support.rs"]
mod support;
#[path = "core/vector.rs"]
mod vector;

#[path = "core/arrows.rs"]
mod arrows;
#[path = "core/attacks.rs"]
mod attacks;
#[path = "core/body.rs"]
mod body;
#[path = "core/config.rs"]
mod config;
#[path = "core/configured.rs"]
mod configured;
#[path = "core/decision.rs"]
mod decision;
#[path = "core/fleet.rs"]
mod fleet;
#[path = "core/guards/mod.rs"]
mod guards;
#[path = "core/hygiene.rs"]
mod hygiene;
#[path = "core/mistakes.rs"]
mod mistakes;
#[path = "core/parsers/mod.rs"]
mod parsers;
#[path = "core/private_key.rs"]
mod private_key;
#[path = "core/providers.rs"]
mod providers;
#[path = "core/public_key.rs"]
mod public_key;
#[path = "core/replay.rs"]
mod replay;
#[path = "core/routes.rs"]
mod routes;
#[path = "core/secrets.rs"]
mod secrets;
#[path = "core/shared.rs"]
mod shared;
