//! The module in a second engine gets the same verdicts as in Envoy. `make test-host` runs it.

mod guards;
mod vectors;
