# What a newcomer types. `make demo` and `make test` work from a fresh clone; everything else is for those who stay.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help demo test test-long bench contest conformance mdrp lint fmt pages

help: ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: pages ## a city of simulated drivers, and its pages in a browser
	cargo build --release --locked
	exec $(TARGET)/release/beeline demo

test: ## every test but the long ones; at most 25 minutes from a fresh clone on two cores
	scripts/test.sh

test-long: pages ## the same rules over many more cases and rounds, and the measurements
	scripts/test-long.sh

bench: ## the figures of docs/benchmarks, taken on this machine
	cargo build --release --locked --workspace
	$(TARGET)/release/loadtest steady --server-bin $(TARGET)/release/beeline --out $(TARGET)/steady.json
	$(TARGET)/release/loadtest stalled --server-bin $(TARGET)/release/beeline --out $(TARGET)/slow-readers.json
	$(TARGET)/release/loadtest stalled --server-bin $(TARGET)/release/beeline --tls --kind never --out $(TARGET)/slow-readers-tls.json
	$(TARGET)/release/loadtest claims --server-bin $(TARGET)/release/beeline --out $(TARGET)/claims.json
	$(TARGET)/release/loadtest handshakes --server-bin $(TARGET)/release/beeline --out $(TARGET)/handshakes.json

contest: ## a million contested assignments against the real server; the history must show one winner each
	BEELINE_CONTEST=$${BEELINE_CONTEST:-1000000} cargo test --release --locked --test stories -- contest --nocapture

conformance: ## the Autobahn suite (wstest on the PATH, Python 2.7) against a test build with /ws/echo, in no release
	scripts/conformance.sh

mdrp: ## dispatch on the public instances in $BEELINE_MDRP (default ../shared/data/mdrp)
	cargo build --release --locked
	scripts/mdrp.sh $(TARGET)/release/beeline

lint: ## what .ci/run checks before the tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --document-private-items

fmt: ## write all code in the one style
	cargo fmt --all

# The libraries of the pages, from npm's lock file. A bare `cargo build` works without them: its pages say what is missing.
pages: $(if $(wildcard package.json),static/vendor/vendor.css)

node_modules/.installed: package-lock.json
	scripts/need.sh npm npm
	npm ci --no-audit --no-fund
	touch $@

static/vendor/vendor.css: node_modules/.installed scripts/vendor.mjs
	npm run --silent vendor
	touch $@
