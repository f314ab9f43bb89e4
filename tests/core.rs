//! Tests without a host: events go into the filter, steps come out.
//!
//! Where a new test goes: a new sender needs only vectors, in `providers/NAME.json`; requirements on every provider
//! file `providers.rs`; requests derived from a valid vector `neighbours.rs`; several secrets `secrets.rs`; what other
//! verifiers get wrong `mistakes.rs`; attacks `attacks.rs`; `any`, lists and modes `decision.rs`; lengths, limits and a
//! host that fails `body.rs`; when a refusal is answered `answers.rs`; handshakes `handshakes.rs`; what a stranger gets out
//! of them `oracles.rs`; memory of held requests `held.rs`; consequences of a verdict `steps.rs`; paths and hosts
//! `routes.rs`; when a claim is kept `claims.rs`; budgets `limits.rs`; identities of events `events.rs`; the guards on their
//! own `guards/`; the shared store `fleet.rs`; documents that are fetched `live.rs`; live secrets `live_secrets.rs`; the plugin's
//! configuration a pair of files in `config/`, and its guards `configured.rs`; secrets in output `hygiene.rs`; metrics
//! `metrics.rs`; signatures that a host verifies `host_signatures.rs`; the number of log lines `log_budget.rs`; dependencies between modules `arrows.rs`; external vectors
//! `shared.rs` and `wycheproof.rs`.
//!
//! `PROVIDER=stripe` replays that provider's vectors only.
//! `BLESS=1 PROVIDER=stripe` adds the missing neighbours of its first valid vector to its file.
//! `BLESS=1` rewrites the expected messages of `config/`; review the changes before you commit them.

#![allow(
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "the clock is banned in the filter, not in its tests; nothing here is a library"
)]

#[path = "core/delivery.rs"]
mod delivery;
#[path = "core/invariants.rs"]
mod invariants;
#[path = "core/nothing.rs"]
mod nothing;
#[path = "core/proxy.rs"]
mod proxy;
#[path = "core/second_opinion.rs"]
mod second_opinion;
#[path = "core/support.rs"]
mod support;
#[path = "core/vector.rs"]
mod vector;

#[path = "core/answers.rs"]
mod answers;
#[path = "core/arrows.rs"]
mod arrows;
#[path = "core/attacks.rs"]
mod attacks;
#[path = "core/body.rs"]
mod body;
#[path = "core/claims.rs"]
mod claims;
#[path = "core/config.rs"]
mod config;
#[path = "core/configured.rs"]
mod configured;
#[path = "core/current.rs"]
mod current;
#[path = "core/decision.rs"]
mod decision;
#[path = "core/events.rs"]
mod events;
#[path = "core/evidence.rs"]
mod evidence;
#[path = "core/fleet.rs"]
mod fleet;
#[path = "core/guards/mod.rs"]
mod guards;
#[path = "core/handshakes.rs"]
mod handshakes;
#[path = "core/held.rs"]
mod held;
#[path = "core/host_signatures.rs"]
mod host_signatures;
#[path = "core/hygiene.rs"]
mod hygiene;
#[path = "core/identity.rs"]
mod identity;
#[path = "core/limits.rs"]
mod limits;
#[path = "core/listening.rs"]
mod listening;
#[path = "core/live.rs"]
mod live;
#[path = "core/live_hosts.rs"]
mod live_hosts;
#[path = "core/live_jwk.rs"]
mod live_jwk;
#[path = "core/live_keys.rs"]
mod live_keys;
#[path = "core/live_nameless.rs"]
mod live_nameless;
#[path = "core/live_secrets.rs"]
mod live_secrets;
#[path = "core/log_budget.rs"]
mod log_budget;
#[path = "core/metrics.rs"]
mod metrics;
#[path = "core/mistakes.rs"]
mod mistakes;
#[path = "core/neighbours.rs"]
mod neighbours;
#[path = "core/oracles.rs"]
mod oracles;
#[path = "core/parsers/mod.rs"]
mod parsers;
#[path = "core/plaid.rs"]
mod plaid;
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
#[path = "core/steps.rs"]
mod steps;
#[path = "core/unprotected.rs"]
mod unprotected;
#[path = "core/wycheproof.rs"]
mod wycheproof;
