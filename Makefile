# make up · make test · make lint · make bench · make chaos · make mutants · make assets; each does its own set-up.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PYTHONUNBUFFERED := 1

.PHONY: up test lint bench chaos mutants assets chromium clean help

help:
	@sed -n '1p' Makefile

$(VENV)/bin/python:
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info[:2] < (3, 13), "Python 3.11 or 3.12 is needed, not " + sys.version'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what Pulse runs on (first time: about a minute)"
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "Installing the tools of tests and checks"
	@$(PIP) install -c constraints.txt -e ".[dev]"
	@touch $@

static/vendor/manifest.json: package-lock.json $(VENV)/.run
	@$(BIN)/python manage.py fetch_assets
	@test ! -e $@ || touch $@

assets: static/vendor/manifest.json

up: $(VENV)/.run assets
	@exec $(BIN)/python -W ignore manage.py up

chromium: $(VENV)/.dev
	@$(BIN)/python tests/browser/chromium.py

# Twice as many processes as two cores: half of the time is spent waiting, for pages and servers.
test: $(VENV)/.dev chromium
	@$(BIN)/python manage.py fetch_assets --dev
	@$(BIN)/python -m quant.warm
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@PULSE_MODE=test $(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python -m pytest -q tests/pulse/test_templates.py

$(VENV)/.bench: $(VENV)/.dev
	@echo "Installing the peers of the benchmarks"
	@$(PIP) install -c constraints.txt -e ".[bench]"
	@touch $@

bench: $(VENV)/.bench
	@for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

SEED ?= 1
KILLS ?= 250
FILLS ?= 20000
MINUTES ?= 300
SIZE ?= 0
# With GOAL=G6 that goal's large run instead of the kills
chaos: $(if $(GOAL),$(VENV)/.dev,$(VENV)/.run)
	@$(if $(GOAL),$(BIN)/python -m tests.trials.run $(GOAL) --seed $(SEED) --size $(SIZE),$(BIN)/python -W ignore manage.py chaos --seed $(SEED) --kills $(KILLS) --fills $(FILLS) --minutes $(MINUTES) $(CHAOS))

# For example make mutants MUTANTS="--only trading/risk/rules --sample 200"
mutants: $(VENV)/.dev
	@$(BIN)/python -m tests.mutants.run --seed $(SEED) $(MUTANTS)

clean:
	@rm -rf $(VENV) var static/vendor node_modules
