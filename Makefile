# What people and machines run. `make` alone lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test check audit bench peers doc postgres deny-tool

CARGO ?= cargo
export RUSTDOCFLAGS ?= -D warnings

# cargo-deny comes from the PATH, else it is built once below target/ (a minute on two cores; an unoptimised build is
# cheaper to make, and here just as fast to use).
DENY_VERSION := 0.20.2
DENY_ROOT := target/tools
DENY := PATH="$$PATH:$(CURDIR)/$(DENY_ROOT)/bin" $(CARGO) deny

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the service; without DATABASE_URL on a private PostgreSQL
	@[ -n "$$DATABASE_URL" ] || $(MAKE) --no-print-directory postgres
	$(CARGO) run --release -- serve

test: postgres ## Run all tests, on a private PostgreSQL
	$(CARGO) test --workspace

# Advisories are not part of `check`: their database is fetched from a git host, and a check of the tree should give the
# same answer without a network, and tomorrow. `make audit` asks for them.
check: deny-tool ## Format, lints, documentation, house style, folds, licences and sources
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) doc --workspace --no-deps
	$(CARGO) test --package daybook-tests --test tidy
	$(CARGO) test --package daybook-projections --lib fingerprint
	$(DENY) check bans licenses sources

audit: deny-tool ## Known vulnerabilities among the dependencies (fetches the advisory database)
	$(DENY) check advisories

bench: postgres ## The benchmarks: each figure as a ratio to what the machine can do
	$(CARGO) run --release --package daybook-tests --bin bench

peers: ## Daybook's rebuild beside that of other event-sourcing libraries (needs Node.js; a few minutes)
	tests/bench/peers/run

doc: ## Build the documentation of the code into target/doc
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
	    : "Debian would also make and start a server of its own; ours is private, so it is told not to."; \
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
	@$(DENY) --version >/dev/null 2>&1 || { \
	    $(CARGO) install --locked --debug cargo-deny --version $(DENY_VERSION) --root $(DENY_ROOT) \
	        --target-dir $(DENY_ROOT)/build && rm -rf $(DENY_ROOT)/build; }
