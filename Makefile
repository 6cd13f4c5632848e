# Every target sets up what it needs: Python 3.11, git and make are enough to begin with.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
CODE := adapters receiver tests

.PHONY: demo test check bench chaos format locks clean

demo: $(BIN)/.run ## the whole line on this machine, with a stand-in for OktoPOS
	$(BIN)/python -m receiver demo $(ARGS)

test: $(BIN)/.dev ## every test
	$(BIN)/python -m pytest $(ARGS)

check: $(BIN)/.dev ## the rules of the house: style, types, storeys, nothing declared and missing
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q tests/test_house.py

bench: $(BIN)/.dev ## figures as ratios to a bare server, from one run
	$(BIN)/python -m tests.bench $(ARGS)

chaos: $(BIN)/.dev ## everything goes wrong, and nothing is lost: on both databases, 3 minutes at most
	$(BIN)/python -m tests.chaos $(ARGS)

format: $(BIN)/.dev
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

locks: $(BIN)/.dev ## newest versions that pyproject.toml allows, with hashes
	$(PIP) install pip-tools
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
		--no-emit-index-url --no-emit-find-links --no-header -o requirements.txt pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
		--no-emit-index-url --no-emit-find-links --no-header --extra dev -o requirements-dev.txt pyproject.toml

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setting up .venv (once)"
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "this Python has no venv: on Debian install python3-venv"; exit 1; }

$(BIN)/.run: requirements.txt | $(BIN)/python
	@echo "installing what the receiver needs (once, about half a minute)"
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(BIN)/.dev: requirements-dev.txt | $(BIN)/python
	@echo "installing what the tests need (once, about a minute)"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@ $(BIN)/.run
