# Everything a user types. `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_ARGS ?=

ATTN ?= none
CORPUS ?= demo
ROOT ?=
CORPUS_SET ?=
RECIPE ?=
LABELS ?=
SCOPE ?=
CRITERION ?=
FOLDS ?=
SEEDS ?= 1
TRIALS ?=
PRUNER ?=
WORKERS ?=
EXECUTOR ?= local
GPUS ?=
SET ?=
SER_HOME ?= data
STORAGE ?= $(SER_STORAGE)
TRACKING ?= $(SER_TRACKING)
PORT ?= 5000
ROUNDS ?= 50
OUTAGE_S ?=
DASHBOARD_PORT ?= 8080

STUDY_OPTIONS = --corpus $(CORPUS) $(if $(RECIPE),--recipe $(RECIPE)) --seeds $(SEEDS) --home $(SER_HOME) \
	$(if $(ROOT),--root $(ROOT)) $(foreach each,$(CORPUS_SET),--corpus-set $(each)) $(foreach each,$(LABELS),--labels $(each)) $(foreach each,$(SCOPE),--scope $(each)) \
	$(if $(TRIALS),--trials $(TRIALS)) $(if $(PRUNER),--pruner $(PRUNER)) \
	$(if $(CRITERION),--criterion $(CRITERION)) $(if $(FOLDS),--folds $(FOLDS)) $(if $(WORKERS),--workers $(WORKERS)) --executor $(EXECUTOR) $(if $(GPUS),--gpus $(GPUS)) $(foreach each,$(SET),--set $(each))

# Handed on in the environment: a URL may hold a password, which command lines would show to everybody.
ifneq ($(STORAGE),)
export SER_STORAGE := $(STORAGE)
endif
ifneq ($(TRACKING),)
export SER_TRACKING := $(TRACKING)
endif

.PHONY: help setup study studies report ui dashboard test check chaos bench recording simulate clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12
	@echo
	@echo "Settings, with what they are now:"
	@echo "  ATTN=$(ATTN) CORPUS=$(CORPUS) ROOT=$(ROOT) CORPUS_SET=$(CORPUS_SET) RECIPE=$(RECIPE) LABELS=$(LABELS) SCOPE=$(SCOPE) CRITERION=$(CRITERION)"
	@echo "  FOLDS=$(FOLDS) SEEDS=$(SEEDS) TRIALS=$(TRIALS) PRUNER=$(PRUNER) WORKERS=$(WORKERS) EXECUTOR=$(EXECUTOR) GPUS=$(GPUS) SET=$(SET) SER_HOME=$(SER_HOME)"
	@echo "  PORT=$(PORT) DASHBOARD_PORT=$(DASHBOARD_PORT) ROUNDS=$(ROUNDS) OUTAGE_S=$(OUTAGE_S)"
	@echo "  STORAGE=$(if $(STORAGE),(set)) (PostgreSQL for a team: postgresql+psycopg://USER:PASSWORD@HOST/DATABASE; SQLite without it)"
	@echo "  TRACKING=$(if $(TRACKING),(set)) (MLflow tracking server: http://HOST:5000; SQLite without it)"

setup: $(VENV)/installed $(if $(filter ray,$(EXECUTOR)),$(VENV)/installed-ray) ## Make the virtual environment and install everything into it

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[demo,dev]'
	@touch $@

$(VENV)/installed-ray: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[ray]'
	@touch $@

study: setup ## Run a study of some attentions: make study ATTN=quantum
	@$(BIN)/ser study run $(foreach each,$(ATTN),--attention $(each)) $(STUDY_OPTIONS)

studies: setup ## Run a study of all four attentions
	@$(BIN)/ser study run --attention all $(STUDY_OPTIONS)

report: setup ## Write the report of CORPUS: every variant against its baseline
	@$(BIN)/ser report --corpus $(CORPUS) --home $(SER_HOME)

ui: setup ## Browse the runs with MLflow, on 127.0.0.1
	@$(BIN)/ser ui --port $(PORT) --home $(SER_HOME)

dashboard: setup ## Look at the studies with Optuna's dashboard, on 127.0.0.1
	@$(BIN)/ser dashboard --port $(DASHBOARD_PORT) --home $(SER_HOME)

test: setup ## Run the tests; what a test needs and does not find is said where it is skipped
	$(BIN)/python -m pytest -n auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

check: setup ## Check style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py

chaos: setup ## Kill studies at ROUNDS random moments, or their servers for OUTAGE_S seconds; see that nothing is lost
	$(BIN)/python -m tests.faults.chaos $(if $(OUTAGE_S),--outage-s $(OUTAGE_S),--rounds $(ROUNDS))

bench: setup ## Measure speed and memory as ratios in one run: make bench ROOT=/corpora/emodb
	$(BIN)/python -m benchmarks $(if $(ROOT),--emodb $(ROOT))

simulate: setup ## Simulate how often each test errs, with the report's own functions (seeded)
	$(BIN)/python -m benchmarks.simulate.command

recording: setup ## Measure how many folds a coordinator records a second, in a study of TRIALS trials
	$(BIN)/python -m benchmarks.recording.record $(if $(TRIALS),--trials $(TRIALS))

clean: ## Remove caches; the environment and everything that was computed stay
	rm -rf build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
