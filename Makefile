# One environment, .venv, rebuilt whenever pyproject.toml or constraints.txt change.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.made-from-pyproject-and-constraints
DATA   ?= ../shared/data

# Bytecode is made by the first import and kept, whatever the environment says: pip would compile every file of every
# library, and the tests start hundreds of processes that import the same few.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help env demo test test-system prove bench lint clean
help:
	@echo "make demo         synthesise, convert, verify and show three small cohorts; train a tiny model on them"
	@echo "make test         lint, types, architecture and unit tests (pip only, under 10 minutes on 2 cores)"
	@echo "make test-system  tests that need servers, or the real recordings under DATA=$(DATA)"
	@echo "make prove        the long campaigns; writes docs/evidence/*.json"
	@echo "make bench        conversion and decoding against named peers, as ratios of CPU time"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"sleep2vec needs Python 3.11 to 3.13 and PYTHON=$(PYTHON) is {v[0]}.{v[1]}: name another one, e.g. make PYTHON=python3.11")' 
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/pip install --no-compile --disable-pip-version-check -q -e '.[all,dev]'
	touch $@

env: $(STAMP)

demo: $(STAMP)
	$(BIN)/sleep2vec demo

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Neighbouring tests share what was made for them, so that each core takes half of them and steals at the end.
PYTEST := $(BIN)/pytest -n 2 --dist worksteal

test: lint
	$(PYTEST) tests

test-system: $(STAMP)
	$(PYTEST) --data-root $(DATA) -m system tests

prove: $(STAMP)
	$(BIN)/python -m benchmarks.prove

bench: $(STAMP)
	$(BIN)/python -m benchmarks.convert
	$(BIN)/python -m benchmarks.decode

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache build dist
