# Entry points for developers and CI. `make` alone lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test check audit sbom bench peers doc postgres deny-tool cyclonedx-tool

CARGO ?= cargo
export RUSTDOCFLAGS ?= -D warnings

# Tools are taken from the PATH, or built once below target/. A debug build takes a minute on two cores, and is fast enough
# here.
DENY_VERSION := 0.20.2
CYCLONEDX_VERSION := 0.5.9
TOOLS := target/tools
WITH_TOOLS := PATH="$$PATH:$(CURDIR)/$(TOOLS)/bin"
DENY := $(WITH_TOOLS) $(CARGO) deny
CYCLONEDX := $(WITH_TOOLS) $(CARGO) cyclonedx
INSTALL := $(CARGO) install --locked --debug --root $(TOOLS) --target-dir $(TOOLS)/build

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the service, on a private PostgreSQL if DATABASE_URL is not set
	@[ -n "$$DATABASE_URL" ] || $(MAKE) --no-print-directory postgres
	$(CARGO) run --release -- serve

# The service without the migration is built by itself, because Cargo unites the features of one build. The other packages
# only make Cargo select the same features of libraries as for the whole workspace, so that nothing is compiled twice.
CORE := --package daybook-core-tests --features daybook-core-tests/alone \
    --package daybook-commands --package daybook-log-server

# Most tests wait, for PostgreSQL's disk and for processes, so more of them run at a time than there are cores.
test: export RUST_TEST_THREADS ?= 4
test: postgres ## Run all tests, on a private PostgreSQL
	$(CARGO) test --workspace
	$(CARGO) test $(CORE) --test core

# Advisories are not part of `check`: their database is fetched over the network, and a check of the tree should give the
# same result offline and tomorrow. `make audit` checks them.
check: deny-tool ## Check formatting, lints, documentation, house style, fold versions, licences and sources
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy $(CORE) --all-targets -- -D warnings
	$(CARGO) doc --workspace --no-deps
	$(CARGO) test --package daybook-tests --test tidy
	$(CARGO) test --package daybook-tests --package daybook-projections --lib fingerprint
	$(DENY) check bans licenses sources

audit: deny-tool ## Check dependencies for known vulnerabilities (fetches the advisory database)
	$(DENY) check advisories

sbom: cyclonedx-tool ## Write the bill of materials of the program to target/daybook.cdx.json (CycloneDX)
	$(CYCLONEDX) --manifest-path services/daybook/Cargo.toml --format json --spec-version 1.5 --describe binaries
	mv services/daybook/daybook_bin.cdx.json target/daybook.cdx.json
	@find . -name '*.cdx.json' -not -path './target/*' -delete
	@echo "target/daybook.cdx.json"

bench: postgres ## Run the benchmarks; each figure is a ratio to what the machine can do
	$(CARGO) run --release --package daybook-tests --bin bench

peers: ## Compare the rebuild with other event-sourcing libraries (needs Node.js; a few minutes)
	tests/bench/peers/run

doc: ## Build the API documentation into target/doc
	$(CARGO) doc --workspace --no-deps
	@echo "target/doc/daybook/index.html"

postgres: ## Install the distribution's PostgreSQL if its server programs are missing
	@for dir in "$$DAYBOOK_POSTGRES_BIN" "$$(pg_config --bindir 2>/dev/null)" $$(echo "$$PATH" | tr ':' ' ') \
	    /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* /Library/PostgreSQL/*/bin \
	    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /home/linuxbrew/.linuxbrew/opt/postgresql*/bin; \
	do \
	    if [ -x "$$dir/initdb" ] && [ -x "$$dir/pg_ctl" ] && [ -x "$$dir/postgres" ]; then exit 0; fi; \
	done; \
	set -eu; \
	as_root() { if [ "$$(id -u)" = 0 ]; then "$$@"; else sudo "$$@"; fi; }; \
	echo "PostgreSQL's server programs are missing; installing the distribution's." >&2; \
	if command -v apt-get >/dev/null; then \
	    : "Keep Debian from creating and starting a server of its own. Daybook starts a private one."; \
	    setting=/etc/postgresql-common/createcluster.d/daybook.conf; \
	    as_root mkdir -p "$${setting%/*}"; \
	    echo 'create_main_cluster = false' | as_root tee "$$setting" >/dev/null; \
	    trap 'as_root rm -f "$$setting"' EXIT; \
	    as_root apt-get update; \
	    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; \
	elif command -v dnf >/dev/null; then as_root dnf install -y postgresql-server; \
	elif command -v apk >/dev/null; then as_root apk add postgresql; \
	elif command -v brew >/dev/null; then brew install postgresql; \
	else echo "No apt-get, dnf, apk or brew here: install PostgreSQL by hand, or set DAYBOOK_POSTGRES_BIN." >&2; exit 1; \
	fi

deny-tool:
	@$(DENY) --version >/dev/null 2>&1 || { $(INSTALL) cargo-deny --version $(DENY_VERSION) && rm -rf $(TOOLS)/build; }

cyclonedx-tool:
	@$(CYCLONEDX) --version >/dev/null 2>&1 || \
	    { $(INSTALL) cargo-cyclonedx --version $(CYCLONEDX_VERSION) && rm -rf $(TOOLS)/build; }
