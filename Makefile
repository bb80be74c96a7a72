# Everything a newcomer needs: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# The seeded demonstration company's data and the generated Asterisk live here.
VAR    ?= var
export CALLCENTER_VAR ?= $(VAR)

.PHONY: help run test check bench fast-test doctor front-end lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

$(VENV)/.ready: requirements.lock pyproject.toml hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Set PYTHON=…")'
	@$(PYTHON) -m venv $(VENV) || { echo "No venv module: apt-get install python3-venv"; exit 1; }
	@echo "Installing Python packages into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@CALLCENTER_SKIP_FRONT_END=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

front-end: $(VENV)/.ready  ## build the console's web pages (skipped when nothing changed)
	@$(BIN)/python tools/build_front_end.py

run: front-end  ## the whole call center with its demonstration company
	@exec $(BIN)/callcenter up --demo

doctor: $(VENV)/.ready  ## what this machine lacks, and how to get it
	@$(BIN)/callcenter doctor

check: $(VENV)/.ready  ## linters, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fast-test: front-end  ## unit, property and simulation tests only
	$(BIN)/python -m pytest -m "not asterisk and not browser and not slow"

test: check front-end  ## all levels: units, properties, simulation, real Asterisk, real browser
	$(BIN)/python -m pytest

bench: front-end  ## the benchmarks; results go to benchmarks/results/
	$(BIN)/python -m benchmarks

lock: $(VENV)/.ready  ## renew requirements.lock from pyproject.toml
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --all-build-deps --extra test \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
		--output-file requirements.lock pyproject.toml

clean:  ## remove the virtual environment, the built pages and the demonstration's data
	rm -rf $(VENV) agent_console/static var
