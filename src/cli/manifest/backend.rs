//! Where a route of the Gateway API leads: a Service, or what is outside of the cluster.

use std::net::IpAddr;

use super::{Address, Arguments, pretty};

/// What receives verified requests.
pub enum Backend {
    /// A Service, and its namespace if that is another one than the route's.
    Service { name: String, namespace: Option<String>, port: u16 },
    /// A host or an address, which is no Service.
    Outside { address: Address },
}

impl Backend {
    /// `receiver` is a Service beside the route, `receiver.hooks.svc` and `receiver.hooks.svc.cluster.local` one of a
    /// namespace; everything else is outside.
    pub fn of(address: Address, arguments: &Arguments) -> Self {
        let Address { host, port } = address;
        let parts: Vec<_> = host.split('.').collect();
        match parts.as_slice() {
            [name] if host.parse::<IpAddr>().is_err() && !host.contains(':') => {
                Self::Service { name: (*name).to_owned(), namespace: None, port }
            }
            [name, namespace, "svc", ..] => {
                let namespace = (*namespace != arguments.namespace()).then(|| (*namespace).to_owned());
                Self::Service { name: (*name).to_owned(), namespace, port }
            }
            _ => Self::Outside { address: Address { host, port } },
        }
    }

    /// As an element of `backendRefs`.
    pub fn reference(&self, arguments: &Arguments) -> String {
        match self {
            Self::Service { name, namespace: None, port } => {
                format!("{{ name: {}, port: {port} }}", pretty::scalar(name))
            }
            Self::Service { name, namespace: Some(namespace), port } => {
                format!("{{ name: {}, namespace: {}, port: {port} }}", pretty::scalar(name), pretty::scalar(namespace))
            }
            Self::Outside { .. } => {
                format!("{{ group: gateway.envoyproxy.io, kind: Backend, name: {}-receiver }}", arguments.name())
            }
        }
    }

    /// The further resource without which the reference leads nowhere, if there is one.
    pub fn resource(&self, arguments: &Arguments) -> String {
        let (own, from) = (arguments.name(), arguments.namespace());
        match self {
            Self::Service { namespace: None, .. } => String::new(),
            Self::Service { name, namespace: Some(namespace), .. } => {
                let (name, namespace) = (pretty::scalar(name), pretty::scalar(namespace));
                format!(
                    "---
# The receiver is in another namespace, which must let routes of this one in.
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata:
  name: {own}
  namespace: {namespace}
spec:
  from:
    - {{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: {from} }}
  to:
    - {{ group: \"\", kind: Service, name: {name} }}
"
                )
            }
            Self::Outside { address: Address { host, port } } => {
                let host = pretty::scalar(host);
                let endpoint = match host.trim_matches('"').parse::<IpAddr>() {
                    Ok(_) => format!("ip: {{ address: {host}, port: {port} }}"),
                    Err(_) => format!("fqdn: {{ hostname: {host}, port: {port} }}"),
                };
                format!(
                    "---
# The receiver is no Service of the cluster. Envoy Gateway takes this kind only with extensionApis.enableBackend: true in
# its own configuration.
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata:
  name: {own}-receiver
  namespace: {from}
spec:
  endpoints:
    - {endpoint}
"
                )
            }
        }
    }
}
