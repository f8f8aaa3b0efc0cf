# Two commands do all the set-up: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= var/demo
export DAGSTER_DISABLE_TELEMETRY := yes
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help demo serve test test-long lint types bench lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: requirements/base.txt pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements/base.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.base ## make a synthetic city, sync it, publish it, show one household
	$(BIN)/python -m musubi demo --dir $(DEMO)

serve: $(VENV)/.base ## open the console on the demo city
	$(BIN)/python -m musubi --workspace $(DEMO)/workspace serve

test: lint ## lint, types, import rules and the whole test suite
	$(BIN)/python -m pytest -n auto

test-long: $(VENV)/.dev ## the long searches too
	$(BIN)/python -m pytest -n auto -m "long or not long" --override-ini "addopts=--import-mode=importlib --benchmark-disable"

lint: types ## ruff and import rules
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy --cache-dir .mypy_cache

bench: $(VENV)/.dev ## the benchmark book (tests/bench)
	$(BIN)/python -m pytest tests/bench --benchmark-only -o addopts="--import-mode=importlib" -s

lock: ## resolve requirements anew (needs uv)
	uv pip compile pyproject.toml --extra build --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements/base.txt
	uv pip compile pyproject.toml --extra build --extra dev --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements/dev.txt

clean: ## remove what the commands above made
	rm -rf $(VENV) var .mypy_cache .ruff_cache .hypothesis
