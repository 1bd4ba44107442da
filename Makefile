# Every command here works on a fresh Debian-like machine: what a target needs is set up first, once.
#
#   make serve      the example site at http://127.0.0.1:8080/
#   make test       every test; make lint types: what must hold besides
#   make coverage   the same, and pages of which instructions were run: build/coverage/index.html
#   make clients    only the tests by clients, on one kind of machine: MACHINES=macos
#   make campaign   many more made-up requests than `make test` has time for: SEED=7 REQUESTS=1000000
#
# PYTHON=/some/python3 chooses the Python (3.11 or newer); else it is the newest that is found.

VENV := .venv
BIN := $(VENV)/bin
ARGS :=
REQUESTS := 200000
SEED := 1
MACHINES := emulator

.DELETE_ON_ERROR:
.PHONY: serve test clients coverage lint types check bench campaign setup clean help

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -9

serve: $(VENV)/.serve
	$(BIN)/svc0 serve examples/site $(ARGS)

# The last line of this is pytest's own summary.
test: $(VENV)/.test setup
	$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

# Only the tests in which clients talk to a server, on these machines: MACHINES=native,macos
clients: $(VENV)/.test setup
	$(BIN)/python -m pytest tests/clients -n auto --dist loadgroup --machines=$(MACHINES) $(ARGS)

# All tests, and pages of what was run: build/coverage/index.html.
coverage: $(VENV)/.test setup
	SVC0_COVERAGE=var/coverage $(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS); \
	  status=$$?; $(BIN)/python -m tools.coverage && exit $$status

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(VENV)/.test setup
	$(BIN)/basedpyright

check: lint types test

bench: $(VENV)/.test setup
	$(BIN)/python -m bench $(ARGS)

campaign: $(VENV)/.test setup
	FUZZ_SEED=$(SEED) FUZZ_COUNT=$(REQUESTS) $(BIN)/python -m pytest tests/clients/test_fuzz.py $(ARGS)

# The programs of others that tests use; quick when all is there.
setup: $(VENV)/.serve
	$(BIN)/python -m tests.system

clean:
	rm -rf $(VENV) var build dist

# `find-python` says what to install when there is none.
$(BIN)/python:
	@python=$$(PYTHON="$(PYTHON)" sh tools/find-python) && \
	  echo "$$python -m venv $(VENV)" && "$$python" -m venv $(VENV)

$(VENV)/.serve: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/.serve
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@
