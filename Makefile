# Every target does its own set-up: a fresh clone needs Python 3.11+, make, and nothing before.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := shared services/wizard services/qbwc-gateway services/qbo-worker services/log deploy/local
STAMP := $(VENV)/.installed
SOURCES := $(foreach package,$(PACKAGES),$(package)/src)

.DEFAULT_GOAL := help
.PHONY: help install run test retest lint types bench lock clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

install: $(STAMP) ## Set up .venv with the locked dependencies and the qbsync command

$(STAMP): requirements.lock $(foreach package,$(PACKAGES),$(package)/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(foreach package,$(PACKAGES),-e $(package))
	@touch $(STAMP)

run: $(STAMP) ## Start the whole system with the sandbox (Ctrl-C stops it)
	@$(BIN)/qbsync up --sandbox

test: $(STAMP) ## Run the whole test suite: in parallel, then the whole system end to end
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m pytest --ignore=tests/e2e
	@$(BIN)/python -m pytest -n 2 tests/e2e

retest: $(STAMP) ## Run again what failed, then the whole system end to end
	@$(BIN)/python -m pytest --ignore=tests/e2e --last-failed --last-failed-no-failures none || test $$? -eq 5
	@$(BIN)/python -m pytest -n 2 tests/e2e

lint: $(STAMP) ## Check style, import contracts and module sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m tests.architecture.module_sizes

types: $(STAMP) ## Check types, strictly
	$(BIN)/mypy $(SOURCES)

bench: $(STAMP) ## Measure what docs/quality.md promises
	$(BIN)/python -m tests.bench

lock: ## Pin requirements.in again (needs uv)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 requirements.in -o requirements.lock

clean: ## Remove the environment, caches and the sandbox's data
	rm -rf $(VENV) .qbsync .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
