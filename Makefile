# What can be done here; `make` alone lists it. Everything is prepared on the way.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help deps test lint clean

help: ## list what make can do
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

test: $(STAMP) ## prepare everything and run all tests
	$(BIN)/pytest

lint: $(STAMP) ## check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

clean: ## remove what was built, keep .venv
	rm -rf build .pytest_cache .ruff_cache
