//! What a runtime changes in a request before the filter sees it: which part of a signed message it touches, the setting
//! that causes it, and the one that stops it on each platform. `check`, `explain` and `manifest` all read this.
//!
//! What Envoy itself does was measured on 1.40; `tests/envoy/request_id.rs` pins the request id. Istio: `networking/core` of
//! its pilot (a gateway uses the remote address and sets no other field of these), `pathNormalization` of its mesh
//! configuration. Envoy Gateway: its translator's `listener.go` and the API of `ClientTrafficPolicy`.
//!
//! Routes are not here: `prefix_rewrite`, `regex_rewrite`, `host_rewrite_literal`, `request_headers_to_add` and the context
//! of traces are written by the router, behind the filter. Nor is the scheme, which is configured (`public_url`).

/// A change that a runtime makes.
pub struct RuntimeChange {
    /// The fields of Envoy's HTTP connection manager that cause or stop it.
    pub fields: &'static [&'static str],
    pub touches: Touches,
    /// What is changed, as the object of a sentence.
    pub what: &'static str,
    /// What to set, so that it stays as the sender wrote it.
    pub keep: Keep,
}

/// The part of a signed message that a change touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches {
    /// The path; never the query.
    Path,
    /// The host in the request. That of a URL is configured (`public_url`).
    Host,
    /// Headers, in lower case; a name that ends in `-` stands for all that begin so.
    Headers(&'static [&'static str]),
    /// Headers with an underscore in their name.
    Underscores,
}

/// What keeps a part unchanged, on each platform.
pub struct Keep {
    pub envoy: &'static str,
    pub istio: &'static str,
    pub gateway: &'static str,
}

impl RuntimeChange {
    /// The fields, for people.
    pub fn cause(&self) -> String {
        if self.fields.is_empty() { "always".to_owned() } else { self.fields.join(", ") }
    }

    /// What to set, for one who does not say where the plugin runs.
    pub fn advice(&self) -> String {
        let Keep { envoy, istio, gateway } = &self.keep;
        let settings = match envoy == istio && envoy == gateway {
            true => format!("{}.", capitalized(envoy)),
            false => format!("On Envoy, {envoy}. On Istio, {istio}. On Envoy Gateway, {gateway}."),
        };
        format!("{settings}{}", self.touches.risk())
    }
}

/// The setting alone, as it is written, of what keeps a part.
pub fn setting(keep: &'static str) -> &'static str {
    let behind = keep.split_once(" with ").or_else(|| keep.split_once("set "));
    behind.map_or(keep, |(_, setting)| setting)
}

impl Touches {
    /// What else depends on the change, as a sentence behind another; may be empty.
    fn risk(self) -> &'static str {
        match self {
            Touches::Path => " Policies that name paths rely on it, so keep paths raw where only webhooks arrive.",
            Touches::Underscores => {
                " A receiver that takes _ for - can be misled by it, so allow it where only webhooks arrive."
            }
            Touches::Host | Touches::Headers(_) => "",
        }
    }

    /// Whether it touches the header of this name, in lower case.
    pub fn header(self, name: &str) -> bool {
        match self {
            Touches::Headers(names) => {
                names.iter().any(|own| *own == name || (own.ends_with('-') && name.starts_with(own)))
            }
            Touches::Underscores => name.contains('_'),
            Touches::Path | Touches::Host => false,
        }
    }
}

pub const DOTS: RuntimeChange = RuntimeChange {
    fields: &["normalize_path"],
    touches: Touches::Path,
    what: "dot segments and escapes",
    keep: Keep {
        envoy: "set normalize_path: false",
        istio: "set meshConfig.pathNormalization.normalization: NONE",
        gateway: "nothing keeps them",
    },
};

pub const SLASHES: RuntimeChange = RuntimeChange {
    fields: &["merge_slashes"],
    touches: Touches::Path,
    what: "repeated slashes",
    keep: Keep {
        envoy: "set merge_slashes: false",
        istio: "set meshConfig.pathNormalization.normalization: BASE or NONE",
        gateway: "set path: { disableMergeSlashes: true } in a ClientTrafficPolicy",
    },
};

pub const ESCAPED_SLASHES: RuntimeChange = RuntimeChange {
    fields: &["path_with_escaped_slashes_action"],
    touches: Touches::Path,
    what: "escaped slashes",
    keep: Keep {
        envoy: "set path_with_escaped_slashes_action: KEEP_UNCHANGED",
        istio: "set meshConfig.pathNormalization.normalization: MERGE_SLASHES, BASE or NONE",
        gateway: "set path: { escapedSlashesAction: KeepUnchanged } in a ClientTrafficPolicy",
    },
};

pub const HOST_PORT: RuntimeChange = RuntimeChange {
    fields: &["strip_any_host_port", "strip_matching_host_port"],
    touches: Touches::Host,
    what: "the port behind the host",
    keep: Keep {
        envoy: "leave strip_any_host_port and strip_matching_host_port out",
        istio: "leave ISTIO_GATEWAY_STRIP_HOST_PORT of istiod unset",
        gateway: "look at what is in front, for it strips none",
    },
};

pub const HOST_DOT: RuntimeChange = RuntimeChange {
    fields: &["strip_trailing_host_dot"],
    touches: Touches::Host,
    what: "the dot at the end of the host",
    keep: Keep {
        envoy: "leave strip_trailing_host_dot out",
        istio: "look for an EnvoyFilter with strip_trailing_host_dot, for Istio itself strips none",
        gateway: "look at what is in front, for it strips none",
    },
};

pub const REQUEST_ID: RuntimeChange = RuntimeChange {
    fields: &["preserve_external_request_id"],
    touches: Touches::Headers(&["x-request-id"]),
    what: "x-request-id",
    keep: Keep {
        envoy: "set preserve_external_request_id: true",
        istio: "merge preserve_external_request_id: true into the gateway's connection manager with an EnvoyFilter",
        gateway: "add a ClientTrafficPolicy with headers: { requestID: PreserveOrGenerate }",
    },
};

/// The request id of a sender that sends none.
pub const REQUEST_ID_ADDED: RuntimeChange = RuntimeChange {
    fields: &["generate_request_id"],
    touches: Touches::Headers(&["x-request-id"]),
    what: "x-request-id",
    keep: Keep {
        envoy: "set generate_request_id: false",
        istio: "merge generate_request_id: false into the gateway's connection manager with an EnvoyFilter",
        gateway: "add a ClientTrafficPolicy with headers: { requestID: Preserve }",
    },
};

/// The 15th character of a request id that is a UUID, where Envoy notes whether the request is traced.
pub const REQUEST_ID_TRACED: RuntimeChange = RuntimeChange {
    fields: &["tracing", "request_id_extension"],
    touches: Touches::Headers(&["x-request-id"]),
    what: "one digit of x-request-id",
    keep: Keep {
        envoy: "set pack_trace_reason: false in request_id_extension (UuidRequestIdConfig), or leave tracing out",
        istio: "merge request_id_extension with pack_trace_reason: false into the connection manager with an EnvoyFilter",
        gateway: "leave tracing out of the EnvoyProxy, or patch request_id_extension with pack_trace_reason: false",
    },
};

pub const UNDERSCORES: RuntimeChange = RuntimeChange {
    fields: &["common_http_protocol_options.headers_with_underscores_action"],
    touches: Touches::Underscores,
    what: "headers with an underscore in their name",
    keep: Keep {
        envoy: "set headers_with_underscores_action: ALLOW",
        istio: "leave headers_with_underscores_action out of EnvoyFilters",
        gateway: "add a ClientTrafficPolicy with headers: { withUnderscoresAction: Allow }",
    },
};

const ANOTHER_HEADER: &str = "have the sender sign another header: no setting keeps this one as a stranger sent it";

/// What an edge proxy writes itself, or takes from strangers.
pub const FORWARDED: RuntimeChange = RuntimeChange {
    fields: &["use_remote_address"],
    touches: Touches::Headers(&["x-forwarded-for", "x-forwarded-proto", "x-forwarded-client-cert", "x-envoy-"]),
    what: "headers that speak of the client",
    keep: Keep { envoy: ANOTHER_HEADER, istio: ANOTHER_HEADER, gateway: ANOTHER_HEADER },
};

/// What belongs to one connection, and ends with it.
pub const HOP_BY_HOP: RuntimeChange = RuntimeChange {
    // Always.
    fields: &[],
    touches: Touches::Headers(&["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"]),
    what: "headers of a connection",
    keep: Keep { envoy: ANOTHER_HEADER, istio: ANOTHER_HEADER, gateway: ANOTHER_HEADER },
};

/// Those that a configuration switches on or off by a boolean field of the same meaning.
pub const SWITCHES: [&RuntimeChange; 4] = [&DOTS, &SLASHES, &HOST_PORT, &HOST_DOT];

/// Those of headers that no setting of a webhook's listener should undo.
pub const OF_HEADERS: [&RuntimeChange; 2] = [&FORWARDED, &HOP_BY_HOP];

/// Where a route of Envoy that rewrites paths keeps the one that was called.
pub const PATH_BEFORE_ROUTE: &str = "x-envoy-original-path";

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
