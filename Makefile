# Two commands set up everything: `make run` and `make test`. Both need Python 3.11 or later and nothing else.
PYTHON ?= python3
PORT ?= 8024
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run install dev test lint format bench bench-peers chaos lock clean

run: install  ## start the server on port 8024
	$(BIN)/telecine serve --port $(PORT)

install: $(VENV)/.installed  ## .venv with `telecine` in it

dev: $(VENV)/.dev

test: dev  ## every test; four at a time, for they wait for their servers as much as they work
	$(BIN)/python -m pytest -n 4 $(ARGS)

lint: dev  ## formatting, lint, types, layers, lock files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_locks.py

format: dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: dev  ## print the table of figures; ARGS="pairs --before TREE" compares with another checkout
	$(BIN)/python -m bench $(ARGS)

bench-peers: dev  ## other gateways beside ours, installed for the occasion
	$(BIN)/python -m bench.peers $(ARGS)

chaos: dev  ## 2,000 jobs, failing upstreams, 50 kills; ARGS="--tasks 200 --kills 8" for less
	$(BIN)/python -m chaos $(ARGS)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Telecine needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python requirements.lock pyproject.toml
	@echo "Installing Telecine into $(VENV) (once; about a minute) ..."
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.installed requirements-dev.lock tests/npm/package-lock.json tests/clients/requirements.lock
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(BIN)/python -m tests.npm
	$(BIN)/python -m tests.clients
	@touch $@

# Lock files: pip's own format, with hashes and without addresses. Needs `pip install uv` in any environment, and npm.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--group build -o requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--group build --group dev -o requirements-dev.lock pyproject.toml
	for folder in bench/peers tests/clients; do (cd $$folder && $(CURDIR)/$(BIN)/python $(CURDIR)/tools/lock_pip.py); done
	for folder in bench/peers tests/npm; do $(BIN)/python tools/lock_npm.py $$folder; done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache dist build
