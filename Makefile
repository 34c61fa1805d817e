# make: build the templates.  make help: the rest.  Each target makes the virtual environment when it is missing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SOURCES := setup.cfg pyproject.toml

.DEFAULT_GOAL := build
.PHONY: build test check fix up down bench proof requirements clean help

build: $(VENV)/.local  ## make the templates, lint them, write templates/ (the default)
	$(BIN)/python build.py

test: $(VENV)/.test  ## run the tests; of the long ones that seldom change a sample, by the commit
	$(BIN)/python -m tests.system
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(VENV)/.dev  ## the quick gate: ruff, mypy, build --check, release --check, unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python build.py --check
	$(BIN)/python build.py release --check
	$(BIN)/python -m pytest -n 2 -q tests/unit tests/templates

fix: $(VENV)/.dev  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

up: $(VENV)/.local  ## the to-do list in the embedded emulator
	$(BIN)/python build.py up todo

down: $(VENV)/.local  ## delete what is in the emulator, and end it
	$(BIN)/python build.py down

bench: $(VENV)/.local  ## measure: builds against cfn-lint and the AWS CDK (needs node), up to the first answer, edge caching (needs nginx)
	$(BIN)/python -m benchmarks

proof: $(VENV)/.test  ## every test, and the long proofs: 220 publishers killed with -9, a release of 5 GB (half an hour)
	$(BIN)/python -m tests.system
	WHOLE=1 $(BIN)/python -m pytest -n 2 --dist loadgroup
	$(BIN)/python -m tests.publishing.proof
	$(BIN)/python -m tests.handlers.software_updates.large

requirements: $(VENV)/.test  ## write docs/requirements.md and docs/house-rules.md from tests and rules
	$(BIN)/python -m tests.evidence --write
	$(BIN)/python -m tests.house_rules --write

clean:  ## remove what make made here (never templates/)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache

help:
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 20

# One stamp for each extra, so that `make` need not wait for what only the tests need.
$(VENV)/.local $(VENV)/.test $(VENV)/.dev: $(VENV)/.%: $(SOURCES) | $(VENV)/bin/python
	@echo "installing what '$*' needs into $(VENV): half a minute the first time"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than Python 3.11; type: make PYTHON=python3.11 (or newer)" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "error: $(PYTHON) cannot make a virtual environment; on Debian type: apt-get install python3-venv" >&2; exit 2; }
