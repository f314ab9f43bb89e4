//! What Envoy may let the module call, and may call of it (`capability_restriction_config`): every function, what of a
//! configuration needs it, and what happens without it. `manifest` writes the list of a configuration, `check` compares one
//! with it.
//!
//! A function is always needed unless `src/abi` and `src/filter` show that a configuration cannot lead to it:
//! `tests/abi/host_calls.txt` has the calls of each kind of request.

use hookwarden::config::{Policy, Source};
use hookwarden::handshake::Action;

/// A function of the module or of its host.
struct Capability {
    name: &'static str,
    /// What needs it, the most important first.
    uses: &'static [(Need, Loss)],
}

/// What makes a function necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Every configuration.
    Always,
    /// A memory of events: the upstream's response decides about a claim.
    Replay,
    /// A memory of events that proxies share: a response waits until a claim is given back there.
    Store,
    /// A response that the sender wants instead of the upstream's.
    Acknowledgement,
    /// A limit on failures: an upload that is broken off is one.
    FloodLimit,
    /// Anything that is asked of another server: stores, live secrets, keys, confirmations.
    Calls,
    /// Signatures that Envoy may be able to verify.
    HostCryptography,
}

/// What happens without a function that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Unasked,
    Refusal,
    Peer,
    Time,
    Memory,
    RefusedEvent,
    BrokenOffEvent,
    Order,
    Acknowledgement,
    Failures,
    Calls,
    /// Nothing that a request or an event depends on.
    Nothing,
}

/// What most of them have: one use.
const ALWAYS: &[(Need, Loss)] = &[(Need::Always, Loss::Refusal)];
const ASKED: &[(Need, Loss)] = &[(Need::Always, Loss::Unasked)];
const CALLED: &[(Need, Loss)] = &[(Need::Calls, Loss::Calls)];
const LISTED: &[(Need, Loss)] = &[(Need::Always, Loss::Nothing)];

/// All of them: what the module calls, WASI, and what Envoy calls.
const ALL: [Capability; 39] = [
    Capability { name: "proxy_log", uses: ALWAYS },
    Capability { name: "proxy_set_tick_period_milliseconds", uses: ALWAYS },
    Capability { name: "proxy_get_current_time_nanoseconds", uses: ALWAYS },
    Capability { name: "proxy_get_buffer_bytes", uses: ALWAYS },
    Capability { name: "proxy_get_header_map_pairs", uses: ALWAYS },
    // The status of a response: the SDK stops the VM if it may not be read.
    Capability {
        name: "proxy_get_header_map_value",
        uses: &[(Need::Replay, Loss::Refusal), (Need::Acknowledgement, Loss::Refusal), (Need::Calls, Loss::Refusal)],
    },
    Capability { name: "proxy_replace_header_map_value", uses: ALWAYS },
    Capability { name: "proxy_remove_header_map_value", uses: ALWAYS },
    Capability { name: "proxy_get_property", uses: &[(Need::Always, Loss::Peer)] },
    Capability { name: "proxy_set_property", uses: ALWAYS },
    Capability { name: "proxy_get_shared_data", uses: ALWAYS },
    Capability { name: "proxy_set_shared_data", uses: ALWAYS },
    Capability { name: "proxy_define_metric", uses: ALWAYS },
    Capability { name: "proxy_increment_metric", uses: ALWAYS },
    Capability { name: "proxy_record_metric", uses: ALWAYS },
    Capability { name: "proxy_http_call", uses: CALLED },
    // Every tick chooses the plugin.
    Capability { name: "proxy_set_effective_context", uses: ALWAYS },
    Capability { name: "proxy_continue_stream", uses: CALLED },
    Capability { name: "proxy_send_local_response", uses: ALWAYS },
    // The module then verifies all signatures itself.
    Capability { name: "proxy_call_foreign_function", uses: &[(Need::HostCryptography, Loss::Nothing)] },
    Capability { name: "environ_get", uses: ALWAYS },
    Capability { name: "environ_sizes_get", uses: ALWAYS },
    // They print why a VM stops, and stop it.
    Capability { name: "fd_write", uses: LISTED },
    Capability { name: "random_get", uses: ALWAYS },
    Capability { name: "proc_exit", uses: LISTED },
    Capability { name: "proxy_on_vm_start", uses: LISTED },
    Capability { name: "proxy_on_configure", uses: ALWAYS },
    Capability { name: "proxy_on_tick", uses: &[(Need::Always, Loss::Time)] },
    Capability { name: "proxy_on_context_create", uses: ALWAYS },
    Capability { name: "proxy_on_request_headers", uses: ASKED },
    Capability { name: "proxy_on_request_body", uses: ASKED },
    Capability { name: "proxy_on_request_trailers", uses: ASKED },
    Capability {
        name: "proxy_on_response_headers",
        uses: &[(Need::Replay, Loss::RefusedEvent), (Need::Acknowledgement, Loss::Acknowledgement)],
    },
    Capability { name: "proxy_on_response_body", uses: &[(Need::Store, Loss::Order)] },
    Capability { name: "proxy_on_response_trailers", uses: &[(Need::Store, Loss::Order)] },
    Capability { name: "proxy_on_http_call_response", uses: CALLED },
    Capability {
        name: "proxy_on_log",
        uses: &[(Need::Replay, Loss::BrokenOffEvent), (Need::FloodLimit, Loss::Failures)],
    },
    Capability { name: "proxy_on_delete", uses: &[(Need::Always, Loss::Memory)] },
    Capability { name: "proxy_on_memory_allocate", uses: ALWAYS },
];

/// What a configuration needs.
pub struct Capabilities(Vec<Need>);

/// A function that a configuration needs, and what happens without it.
pub struct Needed {
    pub name: &'static str,
    pub loss: Loss,
}

impl Capabilities {
    /// What a configuration needs; of one that the filter refuses, what every configuration does.
    pub fn of(policy: Option<&Policy>) -> Self {
        Self(policy.map_or_else(|| vec![Need::Always], needs))
    }

    /// The functions, in the order of the list in `docs/hosts.md`.
    pub fn functions(&self) -> Vec<Needed> {
        let needed = |Capability { name, uses }: &Capability| {
            let (_, loss) = uses.iter().find(|(need, _)| self.0.contains(need))?;
            Some(Needed { name, loss: *loss })
        };
        ALL.iter().filter_map(needed).collect()
    }

    /// A text that differs where the functions do.
    pub fn words(&self) -> String {
        self.0.iter().map(|need| need.word()).collect::<Vec<_>>().join(", ")
    }
}

impl Need {
    fn word(self) -> &'static str {
        match self {
            Need::Always => "always",
            Need::Replay => "replay",
            Need::Store => "store",
            Need::Acknowledgement => "acknowledge",
            Need::FloodLimit => "flood_limit",
            Need::Calls => "calls",
            Need::HostCryptography => "host_cryptography",
        }
    }
}

fn needs(policy: &Policy) -> Vec<Need> {
    let any = |is_so: fn(&Source) -> bool| policy.sources.iter().any(|source| is_so(source));
    let has_store = any(|source| source.replay.as_ref().is_some_and(|rule| rule.store.is_some()));
    let fetches = !policy.places.all().is_empty() || !policy.publications.is_empty();
    let confirms = any(|source| source.handshakes.0.iter().any(|own| matches!(own.action, Action::Confirm(_))));
    let needs = [
        (Need::Always, true),
        (Need::Replay, any(|source| source.replay.is_some())),
        (Need::Store, has_store),
        (Need::Acknowledgement, any(|source| source.acknowledgement.is_some())),
        (Need::FloodLimit, any(|source| source.flood.is_some())),
        (Need::Calls, has_store || fetches || confirms),
        (Need::HostCryptography, policy.host_cryptography && policy.checks_known_to_hosts().next().is_some()),
    ];
    needs.into_iter().filter(|(_, is_so)| *is_so).map(|(need, _)| need).collect()
}

impl Loss {
    /// What follows, as a clause behind "so that"; `None` if nothing does.
    pub fn clause(self) -> Option<&'static str> {
        Some(match self {
            Loss::Unasked => "Envoy does not ask the module and forwards requests: forged ones pass",
            Loss::Refusal => "the module refuses its configuration or requests, or its VM stops",
            Loss::Peer => {
                "the module knows nothing of clients: rules about them refuse every request, and live secrets of filter \
                 state are missing"
            }
            Loss::Time => {
                "the module does not notice that time passes: it fetches nothing, and stalled requests stay held"
            }
            Loss::Memory => "what the module holds of a request is never freed, until its VM stops",
            Loss::RefusedEvent => {
                "an event that the upstream does not accept (a 5xx, for example) is not given back: the sender's retry is \
                 taken for a duplicate, and the event is lost"
            }
            Loss::BrokenOffEvent => {
                "an event whose request breaks off is not given back: the sender's retry is taken for a duplicate, and the \
                 event is lost"
            }
            Loss::Order => {
                "a response can arrive before the store has given the event back: a retry that follows at once is taken \
                 for a duplicate, and the event is lost"
            }
            Loss::Acknowledgement => {
                "senders get the upstream's response, and not the one that they want (`acknowledge`)"
            }
            Loss::Failures => "uploads that break off do not count for `flood_limit`",
            Loss::Calls => {
                "no call of the module succeeds: replay stores are unavailable, live secrets and keys do not arrive, and \
                 subscriptions are not confirmed"
            }
            Loss::Nothing => return None,
        })
    }
}
