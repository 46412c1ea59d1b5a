# The one front door: `make help` lists what there is to do.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
SOURCES := eventflow tests $(wildcard stores examples docs conftest.py)

# The many processes that tests start would compile every module again and again without it.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: compare help demo test test-deep check format-check lint imports types wheel bench docs lock format clean .venv

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP) ## Analyse real documents, kill a worker, lose nothing
	@$(BIN)/python examples/demo.py

test: $(STAMP) ## Run the tests, the documentation and the examples
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile

test-deep: $(STAMP) ## Run all tests, also the long ones, with many more examples
	@EVENTFLOW_HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -q -n 2 --dist loadfile --timeout 1800 -m "deep or not deep"

check: format-check lint imports types wheel test ## Run every check that a change must pass

format-check: $(STAMP)
	@echo "check: format"
	@$(BIN)/ruff format --quiet --check .

lint: $(STAMP)
	@echo "check: lint"
	@$(BIN)/ruff check --quiet .

imports: $(STAMP)
	@echo "check: imports"
	@$(BIN)/lint-imports --no-cache

types: $(STAMP)
	@echo "check: types"
	@$(BIN)/mypy
	@$(BIN)/pyright

wheel: $(STAMP)
	@echo "check: wheel"
	@$(BIN)/python -m pytest -q tests/architecture/test_wheel.py

bench: $(STAMP) ## Measure speed on this machine, beside the bare speed of the store
	@$(BIN)/python -m tests.benchmarks.run

compare: .venv-compare ## Measure eventflow beside its peers, and write the page of it anew
	@.venv-compare/bin/python -m tests.benchmarks.compare.run

.venv-compare: pyproject.toml tests/benchmarks/compare/requirements.txt
	@echo "installing the peers into .venv-compare"
	@"$(PYTHON)" -m venv .venv-compare
	@.venv-compare/bin/python -m pip install -qq --disable-pip-version-check -r tests/benchmarks/compare/requirements.txt
	@.venv-compare/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

docs: $(STAMP) ## Draw the diagrams of the documentation and write the help texts again
	@$(BIN)/python docs/diagrams.py
	@$(BIN)/python docs/commands.py

lock: $(STAMP) ## Resolve the development dependencies again into tests/requirements.txt
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--upgrade --quiet --no-header --no-annotate --no-emit-index-url --output-file tests/requirements.txt
	@$(BIN)/uv pip compile pyproject.toml --extra cli --group compare --universal --python-version 3.11 \
		--upgrade --quiet --no-header --no-annotate --no-emit-index-url \
		--output-file tests/benchmarks/compare/requirements.txt

format: $(STAMP) ## Format the code and mend what the linter can mend
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

clean: ## Remove everything that can be made again
	@rm -rf .venv .venv-compare .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .coverage build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv: $(STAMP)

# `stores` is here because an editable install maps each package by name: a new store needs a new map.
$(STAMP): pyproject.toml tests/requirements.txt $(wildcard stores)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "eventflow needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "installing the development environment into .venv; this takes some minutes, and once only"
	@"$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r tests/requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
