# StreamSync: `make run` shows it, `make check` is what CI runs.

# Nothing where there is no Node.js to build it with. Read late: `make dashboard` comes first.
DASHBOARD = $(shell test ! -e dashboard/sealed/site.rs || echo dashboard)
# The crash tests need failpoints; no shipped build has them. All shipped builds have VRL and jemalloc, which
# the demo does without: its first build is what a newcomer waits for.
FEATURES = --features "failpoints vrl $(DASHBOARD)"
DEMO = --no-default-features --features "$(DASHBOARD)"
CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help setup dashboard run run-kafka test test-dashboard test-clients test-api test-senders test-image test-packages test-peers test-kafka repeat check lint licences bench bench-history bench-live bench-transform bench-write fuzz schema fmt doc clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: ## Check for what is needed; as root on Debian install it
	@scripts/setup

dashboard: setup ## Build the dashboard, if it has changed, for the feature of this name (needs Node.js)
	scripts/dashboard

run: dashboard ## Build and run the demo: real series through Kafka, Postgres and GraphQL, and the dashboard
	$(CARGO) run $(DEMO) -- demo $(if $(PACE),--pace $(PACE))

run-kafka: dashboard ## The same on a real Apache Kafka (needs Java 17 and Maven)
	$(CARGO) build $(DEMO)
	scripts/kafka run $(CARGO) run $(DEMO) -- demo $(if $(PACE),--pace $(PACE))

# A failing part does not keep the others from running.
test: dashboard ## Run every test that needs no container engine
	failed=0; $(CARGO) test --no-fail-fast $(FEATURES) || failed=1; scripts/test-dashboard || failed=1; exit $$failed

test-dashboard: dashboard ## Run the tests of the dashboard, in Chromium on the running server (needs Node.js)
	$(CARGO) build $(FEATURES)
	scripts/test-dashboard

test-clients: dashboard ## Run the tests of clients, our own and public ones from npm, on the running server (needs Node.js)
	$(CARGO) build $(FEATURES)
	scripts/test-clients

test-api: dashboard ## Run the tests of the HTTP API with schemathesis, pyarrow, pandas and Confluent's serialisers (needs Python 3.11)
	$(CARGO) build $(FEATURES)
	scripts/test-api

test-senders: dashboard ## Run the tests of programs that write over HTTP: Prometheus, its cases for receivers, Telegraf, OpenTelemetry, influxdb-client (needs Go and Python 3.11)
	$(CARGO) build $(FEATURES)
	scripts/test-senders

PEERS := prometheus_peer a_header_name_that_is_not_utf8
test-peers: dashboard ## Run the tests beside a Prometheus server and kcat (of Debian)
	scripts/setup peers
	$(CARGO) test $(FEATURES) --test specs -- --include-ignored $(PEERS)

test-image: ## Run the build steps of the Dockerfile without a container engine (needs Python; the dashboard's Node.js)
	@scripts/setup api || { printf '\n**** SKIPPED: test-image: Python is missing ****\n'; exit 0; }; scripts/test-dockerfile

test-packages: dashboard ## Check docker-compose.yml and deploy, install the Debian package, and run the binary as pod and unit do (needs Python 3.11; root)
	$(CARGO) build $(FEATURES)
	scripts/test-packages

test-kafka: dashboard ## Run the same suite, and what only it can show, on a real Apache Kafka (needs Java 17 and Maven)
	$(CARGO) test $(FEATURES) --no-run
	scripts/kafka run sh -c '$(CARGO) test --no-fail-fast $(FEATURES) --lib; lib=$$?; \
		$(CARGO) test $(FEATURES) --test specs -- --include-ignored $(PEERS:%=--skip %) && exit $$lib'

fuzz: ## Decode and map INPUTS= hostile records of each format (1,000,000, from SEED=)
	INPUTS=$${INPUTS:-1000000} $(CARGO) test --quiet $(FEATURES) --lib -- transform::tests::fuzz

repeat: dashboard ## Run the tests that match TEST= 50 times in a row
	set -e; for i in $$(seq 50); do $(CARGO) test --quiet $(FEATURES) $(TEST); done

check: setup lint licences test test-clients test-api test-senders test-image test-packages test-peers ## All that CI asks for: format, lints, docs, licences, tests

lint: dashboard ## Format, clippy and docs, warnings denied
	$(CARGO) fmt --check
	$(CARGO) clippy --no-default-features -- -D warnings
	$(CARGO) clippy --all-targets $(FEATURES) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items $(FEATURES)

licences: ## Licences, bans and sources of the dependencies (cargo-deny; those from npm need Node.js)
	scripts/cargo-deny --all-features check licenses bans sources
	scripts/with-node node dashboard/scripts/licences.mjs || test $$? -eq 75

bench: setup ## Ingest benchmark on Apache Kafka; see docs/benchmarks.md
	$(CARGO) build --release --locked
	scripts/kafka run node benches/ingest.mjs

bench-history: setup ## Benchmark of questions about the past; see docs/benchmarks.md
	$(CARGO) build --release --locked
	node benches/history.mjs
	ROWS=$${ROWS:-5000000} CONTESTANTS=streamsync,plain scripts/kafka run node benches/ingest.mjs

# The server under test has core 0 to itself; all else is started on core 1.
LIVE := $(CARGO) build --release --locked --features stock-websocket --bin streamsync --bench live
bench-live: setup ## Live delivery benchmark against other servers; see docs/benchmarks.md
	$(LIVE)
	BUILD="$(LIVE)" taskset -c 1 scripts/kafka run node benches/live.mjs

bench-transform: setup ## Benchmark of decoding and mapping beside parsers and stream processors; see docs/benchmarks.md
	scripts/bench-transform

bench-write: setup ## Benchmark of points written over HTTP, beside VictoriaMetrics and InfluxDB; see docs/benchmarks.md
	$(CARGO) build --release --locked --bin streamsync --bench write
	scripts/kafka run sh -c '$(CARGO) bench --locked --bench write && node benches/write.mjs'

schema: ## Regenerate schema.graphql
	$(CARGO) run --quiet -- schema > schema.graphql.new
	mv schema.graphql.new schema.graphql

fmt: ## Format the code
	$(CARGO) fmt

doc: ## Build the documentation of the code
	$(CARGO) doc --no-deps --document-private-items

clean: ## Remove build output and the demo's data
	$(CARGO) clean
	scripts/kafka stop
	rm -rf .streamsync dashboard/.next dashboard/out dashboard/sealed
