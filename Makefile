SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

# A folder of your own for the demo, such as DATA=../shared/data/ham10000; empty draws a phantom.
DATA ?=
# More arguments for pytest, such as ARGS='-k splitting -x'.
ARGS ?=
# Tests of one file run in one process, which share what is trained for them.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

DEMO := build/demo$(if $(DATA),-$(notdir $(DATA:/=)))
SOURCE := $(or $(DATA),$(DEMO)/phantom)
DEMO_PATIENTS := 400
DEMO_RECIPES := metadata_linear image_frozen fusion_frozen
DEMO_RUNS := $(DEMO_RECIPES:%=$(DEMO)/runs/%)

.PHONY: help setup demo test fast lint bench docs lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with the locked versions; nothing to do when it is up to date

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	    f"{sys.executable} is Python {sys.version.split()[0]}, 3.11 or later is needed; " \
	    "name another: make setup PYTHON=python3.12")'
	@echo "Installing into $(VENV): several GB with torch, some minutes ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check -r requirements.lock \
	    | awk '/Downloading .* [MG]B\)|^Installing/ {print substr($$0, 1, 100); fflush()}'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "$(VENV) is ready; next: make demo"

demo: setup ## From images to reports of three recipes; DATA=folder takes your own images
	@$(if $(DATA),test -d "$(DATA)" || { echo "DATA=$(DATA) is not a folder" >&2; exit 2; })
	@$(if $(DATA),:,$(call say,Draw $(DEMO_PATIENTS) synthetic patients))
	@$(if $(DATA),:,test -d $(SOURCE) || $(BIN)/lesionlab phantom $(SOURCE) \
	    --patients $(DEMO_PATIENTS) --seed 0)
	@$(call say,Prepare: read$(,) check$(,) group$(,) split$(,) store)
	@$(BIN)/lesionlab prepare "$(SOURCE)" --out $(DEMO)/data
	@$(call say,Audit: what would make the numbers a lie)
	@$(BIN)/lesionlab audit $(DEMO)/data
	@for recipe in $(DEMO_RECIPES); do \
	    $(call say,Train and evaluate $$recipe); \
	    $(BIN)/lesionlab train $(DEMO)/data --recipe $$recipe --out $(DEMO)/runs/$$recipe; \
	    $(BIN)/lesionlab evaluate $(DEMO)/runs/$$recipe; \
	done
	@$(call say,Compare on the same test images)
	@$(BIN)/lesionlab compare $(DEMO_RUNS) --out $(DEMO)/leaderboard
	@$(call say,Open in a browser)
	@printf '%s\n' $(DEMO)/data/audit.html $(DEMO_RUNS:%=%/report/report.html) \
	    $(DEMO)/leaderboard/leaderboard.html

test: setup lint ## Lint, then all tests
	@$(PYTEST) $(ARGS)

fast: setup ## The tests that need neither real images nor a training run
	@$(PYTEST) -m 'not slow' $(ARGS)

lint: setup ## ruff, import contracts, pyright
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/pyright

bench: setup ## Run the benchmarks
	@for script in benchmarks/bench_*.py; do \
	    $(call say,$$script); $(BIN)/python "$$script"; \
	done

docs: setup ## Write the generated parts of the docs again
	@$(BIN)/python docs/generate.py

lock: ## Pin the newest versions that pyproject.toml allows in requirements.lock
	@rm -rf build/lock
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/pip install --quiet --upgrade pip
	@build/lock/bin/pip install --quiet --editable '.[train,dicom,ray,remote]' --group test
	@{ sed '/^[^#]/,$$d' requirements.lock; build/lock/bin/pip freeze --all --exclude-editable \
	    | grep -viE '^(pip|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)=='; } > build/requirements.lock
	@mv build/requirements.lock requirements.lock
	@rm -rf build/lock

clean: ## Remove what was built and cached, but not .venv
	@rm -rf build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

, := ,
say = printf '\n== %s\n' "$(1)"
