# Each target makes its own virtual environment. The plain commands behind them are in README.md.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all lint docs clean

demo: $(VENV)/.ready
	$(BIN)/phenovae demo --out runs/demo

test: $(VENV)/.ready-dev
	$(BIN)/pytest

test-all: $(VENV)/.ready-dev
	$(BIN)/pytest -m "slow or not slow"

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.ready-docs
	$(BIN)/python docs/make_site.py --out build/site

$(VENV)/.ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -r requirements.txt -e .
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/pip install -r requirements.txt -e ".[all,dev]"
	touch $@

$(VENV)/.ready-docs: $(VENV)/.ready
	$(BIN)/pip install -r requirements.txt -e ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
