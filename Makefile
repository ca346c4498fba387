# Fieldbook. `make run` and `make test` are all that a fresh machine with Rust, Node and make needs.

CARGO      ?= cargo
TARGET     := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
WEB        := web-client
WEB_SOURCE := $(shell find $(WEB)/src $(WEB)/public -type f 2>/dev/null) $(wildcard $(WEB)/*.ts $(WEB)/*.html $(WEB)/*.json)
# Not `npm ci`: it refuses a lock file that leaves out optional packages of other platforms.
NPM_INSTALL := npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: run build test check bench mutants property sessions fuzz format tools \
	test-rust test-web test-interop test-browser check-rust check-web

## run: build everything and serve it on http://127.0.0.1:8080, data in ./data
run: build
	./target/release/fieldbook serve --data ./data

## build: the web client and the server, in one binary: target/release/fieldbook
build: $(WEB)/dist/index.html
	$(CARGO) build --release --locked -p fieldbook
	@if [ "$(TARGET)" != target ]; then mkdir -p target/release && ln -sf "$(abspath $(TARGET))/release/fieldbook" target/release/fieldbook; fi

## test: every test
test: tools test-rust test-web test-interop test-browser

## check: format, lints, types
check: check-rust check-web

## bench: Fieldbook beside other servers, some twenty minutes; BENCH="…" for arguments, such as BENCH="--only fan-out"
bench: build tests/load/peers/sync-server/node_modules/.package-lock.json
	$(CARGO) build --release --locked -p fieldbook-load
	$(CARGO) run --release --locked -p fieldbook-load -- $(BENCH)

## format: put everything into its format
format: $(WEB)/node_modules/.package-lock.json
	$(CARGO) fmt --all
	cd $(WEB) && npm run --silent format

# What tests need beside Rust and Node: installed on Debian as root, named elsewhere.
tools:
	@./tests/tools.sh

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	cd $(WEB) && $(NPM_INSTALL)
	@touch $@

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB_SOURCE)
	cd $(WEB) && npm run --silent build
	@touch $@

## mutants: does the simulator notice all bugs of the list, when they are planted? (some minutes)
mutants:
	$(CARGO) test --locked -p fieldbook-core --test mutants -- --ignored --nocapture

SEEDS ?= 20000
FROM  ?= 0
## property: is everything that is admitted harmless, and nothing refused that a client makes? SEEDS=20000 FROM=0
property:
	FIELDBOOK_SEEDS=$(SEEDS) FIELDBOOK_FROM=$(FROM) $(CARGO) test --locked -p fieldbook-core --test admission -- --nocapture

CHANGES ?= 1000000
## sessions: is anything refused that stock JavaScript clients write? CHANGES=1000000 FROM=0
sessions: tests/interop/node_modules/.package-lock.json
	cd tests/interop && node sessions.mjs "$(abspath $(TARGET))/js-changes.bin" $(CHANGES) $(FROM)
	FIELDBOOK_CHANGES="$(abspath $(TARGET))/js-changes.bin" $(CARGO) test --locked -p fieldbook-core --test admission -- --ignored --nocapture

## fuzz: real inputs of each fuzz target, altered; no nightly needed; SEEDS=20000 FROM=0
fuzz:
	FIELDBOOK_SEEDS=$(SEEDS) FIELDBOOK_FROM=$(FROM) $(CARGO) test --locked -p fieldbook-fuzz --test bounded -- --nocapture

# Tests run against the binary of the dev profile, whose dependencies are optimised. It is built by
# building all tests, so that dependencies are built once, with the same features.
test-binary: $(WEB)/dist/index.html
	$(CARGO) nextest run --locked --workspace --no-run

.PHONY: test-binary

test-rust: test-binary
	$(CARGO) nextest run --locked --workspace

test-web: $(WEB)/node_modules/.package-lock.json
	cd $(WEB) && npm test --silent

tests/interop/node_modules/.package-lock.json: tests/interop/package-lock.json
	cd tests/interop && $(NPM_INSTALL)
	@touch $@

test-interop: test-binary tests/interop/node_modules/.package-lock.json
	cd tests/interop && FIELDBOOK_BIN="$(abspath $(TARGET))/debug/fieldbook" npm test --silent

tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	cd tests/browser && $(NPM_INSTALL)
	@touch $@

test-browser: test-binary tests/browser/node_modules/.package-lock.json
	cd tests/browser && FIELDBOOK_BIN="$(abspath $(TARGET))/debug/fieldbook" npm test --silent

tests/load/peers/sync-server/node_modules/.package-lock.json: tests/load/peers/sync-server/package-lock.json
	cd tests/load/peers/sync-server && $(NPM_INSTALL)
	@touch $@

check-rust: $(WEB)/dist/index.html
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) check --locked --manifest-path tests/fuzz/cargo-fuzz/Cargo.toml --target-dir "$(TARGET)/cargo-fuzz"

check-web: $(WEB)/node_modules/.package-lock.json tests/interop/node_modules/.package-lock.json tests/browser/node_modules/.package-lock.json
	cd $(WEB) && npm run --silent lint
	cd $(WEB) && npm run --silent check
	cd tests/interop && npm run --silent check
	cd tests/browser && npm run --silent check
