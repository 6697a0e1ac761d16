# One door: `make run` sets up what is missing under .venv/ and starts ctosd in the foreground; Ctrl-C stops it.
# Needs GNU make, Python >= 3.11 with its venv module, and a package registry the first time. Nothing outside this
# folder is touched. PYTHON=/path/to/python picks the interpreter, CONFIG=file another configuration, ARGS=... more options.

SHELL  := /bin/sh
VENV   := .venv
BIN    := $(VENV)/bin
CONFIG ?= etc/ctos.yaml
ARGS   ?=
TESTS  ?= tests
EXAMPLES ?= 10000
SEEDS  ?= 100
VENUE  ?=
CODE   := ctosd drivers strategies
SOURCES := $(shell find $(CODE) -name '*.py' 2>/dev/null)

# A virtual environment does not survive being moved or copied: its scripts name their place.
HOME_OF_VENV := $(shell cat $(VENV)/.home 2>/dev/null)
ifneq ($(HOME_OF_VENV),$(CURDIR))
MOVED := moved
endif

# Hashes make the registry's honesty irrelevant; wheels only, so that installing runs nobody's set-up code.
PIP := $(BIN)/python -m pip --disable-pip-version-check --require-virtualenv --no-input -qq

.PHONY: run setup test crashes adversary torture bench check lock clean help moved
.DEFAULT_GOAL := help

help:
	@echo 'make run     set up and start ctosd in the foreground (CONFIG=$(CONFIG))'
	@echo 'make test    run every test (TESTS=tests/core for a part)'
	@echo 'make crashes kill -9 at each step on every venue, and power cuts with more seeds'
	@echo 'make torture every fault x place, amend, cancel, fill, stream x 100 seeds (SEEDS=5, VENUE=okx for a part)'
	@echo 'make adversary 10,000 lives of the kernel before a hostile venue (EXAMPLES=$(EXAMPLES))'
	@echo 'make bench   run the benchmarks and print their figures'
	@echo 'make check   format, lint, types, import rules, the systemd unit'
	@echo 'make lock    solve the dependencies again and write .ci/requirements*.txt'
	@echo 'make clean   remove .venv and caches; var/ stays, it is your data'

run: $(VENV)/.compiled
	@$(BIN)/python -IS .ci/foreground.py $(BIN)/ctosd --config $(CONFIG) $(ARGS)

setup: $(VENV)/.compiled

test: $(VENV)/.test $(VENV)/.clients $(VENV)/.compiled
	$(BIN)/python -m pytest -n auto --dist loadgroup $(TESTS)

crashes: $(VENV)/.test $(VENV)/.compiled
	CTOS_CRASHES=1 $(BIN)/python -m pytest tests/test_crashes.py tests/test_power.py

torture: $(VENV)/.test $(VENV)/.compiled
	$(BIN)/python -m tests.drivers.torture --seeds $(SEEDS) --venue '$(VENUE)'

adversary: $(VENV)/.test $(VENV)/.compiled
	CTOS_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/kernel/test_nothing_lost.py

bench: $(VENV)/.test $(VENV)/.clients $(VENV)/.compiled
	@for file in tests/bench/bench_*.py; do echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/unit.py

# uv solves for every Python and platform at once. A lock names packages and hashes, never a place: uv writes none unasked.
UV_COMPILE = $(BIN)/uv pip compile -q --upgrade --no-config --universal --python-version 3.11 --generate-hashes --no-header
lock: $(VENV)/.run
	$(PIP) install 'uv>=0.9'
	$(UV_COMPILE) pyproject.toml --extra build -o .ci/requirements.txt
	$(UV_COMPILE) pyproject.toml --extra build --extra data --extra test -c .ci/requirements.txt -o .ci/requirements-test.txt
	$(UV_COMPILE) .ci/clients.in -o .ci/requirements-clients.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find $(CODE) tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.home: $(MOVED)
	@.ci/venv $(VENV) $(PYTHON)
	@echo '$(CURDIR)' > $@

$(VENV)/.run: $(VENV)/.home .ci/requirements.txt pyproject.toml
	@echo 'setting up: locked dependencies into $(VENV)/ (once)'
	@$(PIP) install --no-deps --require-hashes --only-binary :all: -r .ci/requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run .ci/requirements-test.txt
	@echo 'setting up: the tools of the tests into $(VENV)/ (once)'
	@$(PIP) install --no-deps --require-hashes --only-binary :all: -r .ci/requirements-test.txt
	@touch $@

$(VENV)/.clients: $(VENV)/.home .ci/requirements-clients.txt
	@echo 'setting up: clients of the venues that others wrote into $(VENV)/clients/ (once)'
	@.ci/venv $(VENV)/clients $(PYTHON)
	@$(VENV)/clients/bin/python -m pip --disable-pip-version-check --require-virtualenv --no-input -qq \
		install --no-deps --require-hashes --only-binary :all: -r .ci/requirements-clients.txt
	@touch $@

# An environment may forbid writing bytecode (PYTHONDONTWRITEBYTECODE); then every start would compile everything.
$(VENV)/.compiled: $(VENV)/.run $(SOURCES)
	@$(BIN)/python -m compileall -q $(CODE) && touch $@
