# The commands of this repository. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A gate answers the same each time. To explore: PROPTEST_CASES=5000 cargo test --test it
export PROPTEST_RNG_SEED ?= 1

DEVCLUSTER := tests/devcluster/run.sh
HOST := $(shell rustc -vV | sed -n 's/^host: //p')

.PHONY: help check gen test bench screenshots up down image cli demo

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

check: ## the quick gate: format, lints, tests that need no cluster, docs, generated files, chart
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo test --lib --bins --test it
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
	cd tests/devcluster && diff /dev/null <(gofmt -l .) && go vet ./... && go test ./...
	@helm=$$(command -v helm || $(DEVCLUSTER) tool helm); if [[ -n $$helm ]]; then \
		$$helm lint --quiet charts/kliv-secrets --set image.repository=kliv-secrets,image.tag=dev; \
		cargo test --quiet --test cluster deploy::the_plain_file; \
	else echo "chart not linted, deploy/ not compared: no helm yet; make up builds it"; fi

gen: ## writes what is made from the code: CRDs, the chart's copies, deploy/
	cargo run --quiet -- crds --out crds
	cargo run --quiet -- crds --out charts/kliv-secrets/files/crds
	KLIV_GEN=1 cargo test --quiet --test it chart::
	KLIV_GEN=1 cargo test --quiet --test cluster deploy::the_plain_file

test: check ## everything: sets up what it needs, also as root the whole cluster
	$(DEVCLUSTER) build
	cargo test --test cluster
	cargo test --test e2e

bench: ## what import and list cost, against raw writes and the raw LIST
	@cargo test --quiet --release --test cluster bench:: -- --ignored --nocapture

screenshots: ## docs/screenshots: every page of the web UI, in both languages and colour schemes
	cargo test --quiet --test cluster web_pictures:: -- --ignored --nocapture

# Standard output is for the shell: eval "$(make -s up)". All else goes to standard error.
# With -C, make says at the end that it leaves the directory: then that is a comment.
up: ## a whole cluster with operator and kubectl kliv of this checkout; prints the exports to evaluate
	@$(DEVCLUSTER) up >/dev/null
	@tests/devcluster/install.sh >&2
	@$(DEVCLUSTER) env
	@[[ ! -t 1 ]] || printf '# To use it in this shell: eval "$$(make -s up)"\n'
	$(if $(findstring w,$(firstword -$(MAKEFLAGS))),@printf '# ')

down: ## stops the cluster and leaves nothing of it behind
	@$(DEVCLUSTER) down

# A target is named so that macros and build scripts, which run here, stay as they are.
# What cargo tells the tests that it runs is taken away: a crate that heeds it would be
# built again, minutes long, each time this is asked for from elsewhere.
image: ## target/image/kliv-secrets.tar, an image of one static binary; prints its name and tag
	@unset $${!CARGO_PKG_@} $${!CARGO_MANIFEST_@}; RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin kliv-secrets \
		--target $(HOST) --target-dir target >&2
	@$(DEVCLUSTER) image pack --name kliv-secrets --out target/image/kliv-secrets.tar \
		--binary target/$(HOST)/release/kliv-secrets

# The same flags as the image's: what both are made of is built once.
cli: ## kubectl-kliv, one static binary; prints where it is
	@unset $${!CARGO_PKG_@} $${!CARGO_MANIFEST_@}; RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin kubectl-kliv \
		--target $(HOST) --target-dir target >&2
	@echo $(CURDIR)/target/$(HOST)/release/kubectl-kliv

demo: ## the product at work, in a screen or two
	@tests/demo/demo.sh
