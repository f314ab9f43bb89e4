//! A plugin and all that is known of what surrounds it, whatever kind of file it was found in.

use std::rc::Rc;

use super::codes::Code;
use super::configuration::Configuration;
use crate::cli::document::cursor::Cursor;

/// What runs the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Nothing that is in the files: the configuration alone.
    Unknown,
    /// An Envoy whose configuration is written by hand or by a control plane.
    Envoy,
    /// Istio, through a `TrafficExtension`, a `WasmPlugin` or an `EnvoyFilter`.
    Istio,
    /// Envoy Gateway, through an `EnvoyExtensionPolicy`.
    EnvoyGateway,
}

/// A plugin and its surroundings.
pub struct Setup<'a> {
    pub host: Host,
    /// The object that describes the plugin.
    pub plugin: Cursor<'a>,
    /// The HTTP filter that it is in, where that is in the files.
    pub filter: Option<Filter<'a>>,
    /// Its configuration, if that can be read at all.
    pub configuration: Option<Configuration>,
    pub flag: Flag,
    pub chain: Chain<'a>,
    pub variables: Variables<'a>,
    /// What says that requests pass if the module cannot run.
    pub fails_open: Option<Cursor<'a>>,
    /// Where the module comes from without a sum that pins it.
    pub unpinned: Option<Cursor<'a>>,
    pub manager: Option<Rc<Manager<'a>>>,
    /// The labels and the namespace of the workloads in which it runs, where resources of Kubernetes say so.
    pub workloads: Option<Workloads<'a>>,
}

/// The workloads that a resource chooses.
#[derive(Clone, Debug)]
pub struct Workloads<'a> {
    pub namespace: &'a str,
    pub labels: Vec<(&'a str, &'a str)>,
    /// Whether it runs in front of these workloads, in their sidecars.
    pub are_behind_sidecars: bool,
    /// Whether these workloads are a gateway, as far as the files tell.
    pub are_gateways: bool,
}

/// `allow_on_headers_stop_iteration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    Set,
    Missing,
    /// This kind of resource has no such field.
    Impossible,
    /// Nothing is known of it.
    Unknown,
}

/// The filters around ours.
#[derive(Debug, Default)]
pub struct Chain<'a> {
    pub before: Vec<Filter<'a>>,
    pub after: Vec<Filter<'a>>,
    /// Whether these are all that there are.
    pub is_known: bool,
    /// Why a buffer filter of the files does not hold here.
    pub astray: Vec<Astray<'a>>,
}

/// What keeps a buffer filter from holding a plugin's requests, such as a reference to the wrong object.
#[derive(Clone, Debug)]
pub struct Astray<'a> {
    pub code: &'static Code,
    pub at: Cursor<'a>,
    pub message: String,
    pub right: String,
}

/// An HTTP filter.
#[derive(Clone, Debug)]
pub struct Filter<'a> {
    /// What it is, as the part of its type's name that differs: `buffer`, `lua`, `wasm`.
    pub kind: String,
    pub at: Cursor<'a>,
    /// Its own configuration, out of what it is wrapped in.
    pub config: Option<Cursor<'a>>,
    /// Whether it is ours.
    pub is_ours: bool,
    /// What switches it off.
    pub off: Option<Cursor<'a>>,
    /// How it is discovered, if its configuration comes from elsewhere (ECDS).
    pub discovery: Option<Cursor<'a>>,
}

/// The variables that reach the plugin.
#[derive(Debug, Default)]
pub struct Variables<'a> {
    /// Whether it is known which do.
    pub are_known: bool,
    /// Their names, where each is named, and the value if it is there too.
    pub passed: Vec<(&'a str, Cursor<'a>, Option<&'a str>)>,
    /// Where a missing one would be named.
    pub named_in: &'static str,
}

/// An HTTP connection manager.
#[derive(Debug)]
pub struct Manager<'a> {
    pub at: Cursor<'a>,
    pub listener: Option<Cursor<'a>>,
    pub filter_chain: Option<Cursor<'a>>,
    pub filters: Vec<Filter<'a>>,
    /// Its route configurations, as far as they are in the files.
    pub routes: Vec<Cursor<'a>>,
}

impl<'a> Chain<'a> {
    /// The filters of this kind behind ours.
    pub fn after<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Filter<'a>> {
        self.after.iter().filter(move |filter| filter.kind == kind)
    }

    /// The filters of this kind before ours.
    pub fn before<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Filter<'a>> {
        self.before.iter().filter(move |filter| filter.kind == kind)
    }
}
