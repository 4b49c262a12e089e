# Commands for users and developers. `make help` lists them.

# The options of `ser study run`; the recipe decides what is empty.
ATTN           ?= none     ## none, local, component, quantum, all (several quoted)
BASELINE       ?= on       ## off: train the attentions alone, without none beside them
CORPUS         ?= demo     ## demo, emodb, iemocap, fau_aibo, manifest or audformat
ROOT           ?=          ## Folder of the corpus; not needed for demo
CORPUS_SET     ?=          ## Options of the corpus, name=value: docs/corpora.md
FILE           ?=          ## Study file in YAML, instead of the settings of a study
RECIPE         ?=          ## paper, recommended, quick or extended
LABELS         ?=          ## words, phonemes, phonemes_x2, utterance (several quoted)
SCOPE          ?=          ## Attention windows in odd frames, such as 9 (several quoted)
FEATURES       ?=          ## Front ends (several quoted): docs/frontends.md
CRITERION      ?=          ## ctc, cross_entropy or joint
FOLDS          ?=          ## speaker, session, groups:K or given
SEEDS          ?= 1        ## Repetitions of every configuration
TRIALS         ?=          ## Trials of a search (extended), or of `make recording`
PRUNER         ?=          ## none, median or wilcoxon, for recipe extended
SET            ?=          ## Other settings, as name=value (several quoted)
WORKERS        ?=          ## Folds trained at once
DEVICE         ?=          ## cpu or cuda (NVIDIA GPUs); GPUs where there are any
OPENSMILE      ?= off      ## on: linear SVMs on functionals of openSMILE as baselines, too
EXECUTOR       ?= local    ## local or ray
GPUS           ?=          ## Share of a GPU per fold on a Ray cluster

# Where results are stored and shown.
SER_HOME       ?= data     ## Folder of results and reports
STORAGE        ?= $(SER_STORAGE)   ## URL of PostgreSQL, for a team: docs/storage.md
TRACKING       ?= $(SER_TRACKING)  ## MLflow tracking server: http://HOST:5000
PORT           ?= 5000     ## Port of `make ui`
DASHBOARD_PORT ?= 8080     ## Port of `make dashboard`

# Development.
PYTHON         ?= python3  ## Python that makes the virtual environment
TORCH          ?=          ## PyTorch's build: cpu or cuda; without an NVIDIA driver cpu
PIP_ARGS       ?=          ## Options of pip install
TEST_WORKERS   ?= auto     ## Test processes: a number, or auto: one per core
ROUNDS         ?= 50       ## Kills of `make chaos`
OUTAGE         ?= answers  ## What `make outages` disturbs: answers or postgresql
STUDIES        ?= 10       ## Studies of `make outages`
OUTAGE_S       ?=          ## Seconds of server outages that replace kills of `make chaos`

VENV := .venv
BIN := $(VENV)/bin
# eSpeak NG, under GPL-3, is installed where the demo corpus is used.
INSTALLED := $(VENV)/installed \
	$(if $(filter demo,$(CORPUS)),$(VENV)/installed-demo) \
	$(if $(filter ray,$(EXECUTOR)),$(VENV)/installed-ray) \
	$(if $(filter pretrained:%,$(FEATURES)),$(VENV)/installed-pretrained) \
	$(if $(filter opensmile%,$(FEATURES)),$(VENV)/installed-opensmile)

# Every value is one word for the shell, also a folder whose name holds blanks.
quote   = '$(subst ','\'',$(strip $(1)))'
option  = $(if $(strip $($(1))),--$(2) $(call quote,$($(1))))
options = $(foreach value,$($(1)),--$(2) $(call quote,$(value)))

# A study file has settings of its own; what is set beside it is passed on, and `ser` refuses it.
default = $(if $(strip $(FILE)),$(filter file,$(origin $(1))))

STUDY_OPTIONS = \
	$(if $(filter-out on off,$(BASELINE)),$(error BASELINE=$(BASELINE): expected on or off)) \
	$(if $(filter off,$(BASELINE)),--no-baseline) \
	$(if $(filter-out on off,$(OPENSMILE)),$(error OPENSMILE=$(OPENSMILE): expected on or off)) \
	$(if $(filter on,$(OPENSMILE)),--opensmile-baselines) \
	$(call option,FILE,file) \
	$(if $(call default,CORPUS),,$(call option,CORPUS,corpus)) \
	$(call option,ROOT,root) \
	$(call options,CORPUS_SET,corpus-set) \
	$(call option,RECIPE,recipe) \
	$(call options,LABELS,labels) \
	$(call options,SCOPE,scope) \
	$(call options,FEATURES,features) \
	$(call option,CRITERION,criterion) \
	$(call option,FOLDS,folds) \
	$(if $(call default,SEEDS),,$(call option,SEEDS,seeds)) \
	$(call option,TRIALS,trials) \
	$(call option,PRUNER,pruner) \
	$(call options,SET,set) \
	$(call option,WORKERS,workers) \
	$(call option,DEVICE,device) \
	$(call option,EXECUTOR,executor) \
	$(call option,GPUS,gpus) \
	$(call option,SER_HOME,home)

# Passed in the environment: a URL may hold a password, which command lines would show to everybody.
ifneq ($(strip $(STORAGE)),)
export SER_STORAGE := $(strip $(STORAGE))
endif
ifneq ($(strip $(TRACKING)),)
export SER_TRACKING := $(strip $(TRACKING))
endif

PYTEST = $(BIN)/python -m pytest -n $(strip $(TEST_WORKERS)) --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup lock study studies report ui dashboard test test-quick check chaos outages bench gpu-check recording simulate clean

help: ## Show targets and settings
	@echo "Targets:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Settings, with their defaults:"
	@awk -F ' *[?]= *| *## ' '/^[A-Z_]+ *[?]=.*## / { \
		shown = ($$2 == "" || $$2 ~ /[$$]/) ? "" : " [" $$2 "]"; \
		printf "  %-16s%s%s\n", $$1, $$3, shown}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make the virtual environment and install everything into it

PIP = $(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(PIP_ARGS)
# Chosen by the pip of the environment when it is made, once: the question to PyTorch's index takes up to three seconds.
torch_build = $(eval torch_build := $(or $(strip $(TORCH)),$(shell $(BIN)/python requirements/torch_build.py)))$(if \
	$(filter cpu cuda,$(torch_build)),$(torch_build),$(error TORCH=$(torch_build): expected cpu or cuda))
TORCH_INDEX = $(if $(filter cpu,$(torch_build)),--index-url https://download.pytorch.org/whl/cpu)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The project itself as a path: the finder that pip would install takes as long as Python's own start, each time.
$(VENV)/installed: pyproject.toml $(wildcard requirements/*.txt) | $(BIN)/python
	$(PIP) --require-hashes $(TORCH_INDEX) -r requirements/torch.txt
	$(PIP) --require-hashes -r requirements/base.txt -r requirements/dev.txt \
		$(if $(filter cuda,$(torch_build)),-r requirements/cuda.txt)
	$(PIP) --no-build-isolation --config-settings editable_mode=compat -e .
	$(BIN)/pip check --disable-pip-version-check
	@touch $@

$(VENV)/installed-%: requirements/%.txt $(VENV)/installed
	$(PIP) --require-hashes -r requirements/$*.txt
	@touch $@

lock: setup ## Write all packages' hashes, after a change of dependencies
	$(BIN)/python requirements/make.py

study: setup ## Run or resume a study of attentions: make study ATTN=quantum
	@$(BIN)/ser study run $(if $(call default,ATTN),,$(call options,ATTN,attention)) $(STUDY_OPTIONS)

studies: setup ## Run or resume a study of all four attentions
	@$(BIN)/ser study run --attention all $(STUDY_OPTIONS)

report: setup ## Report on CORPUS: every variant against its baseline
	@$(BIN)/ser report $(call option,CORPUS,corpus) $(call option,SER_HOME,home)

ui: setup ## Browse the runs with MLflow, on 127.0.0.1
	@$(BIN)/ser ui $(call option,PORT,port) $(call option,SER_HOME,home)

dashboard: setup ## Browse the studies with Optuna's dashboard, on 127.0.0.1
	@$(BIN)/ser dashboard $(call option,DASHBOARD_PORT,port) $(call option,SER_HOME,home)

test: setup ## Run all tests whose needs are installed
	$(PYTEST)

test-quick: setup ## Run all tests but those of Ray and of injected faults
	$(PYTEST) -m 'not ray and not faults'

check: setup ## Check style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py

chaos: setup ## Kill studies at random moments; check that nothing is lost
	$(BIN)/python -m tests.faults.chaos $(or $(call option,OUTAGE_S,outage-s),$(call option,ROUNDS,rounds))

outages: setup ## Run studies on servers that fail; compare their results
	$(BIN)/python -m benchmarks.outages.campaign $(call quote,$(OUTAGE)) $(call option,STUDIES,studies)

bench: setup ## Measure speed and memory: make bench ROOT=/corpora/emodb
	$(BIN)/python -m benchmarks $(call option,ROOT,emodb)

gpu-check: setup ## Check a GPU's results and speed in six minutes
	$(BIN)/python -m benchmarks.gpu_check $(call option,DEVICE,device) $(call option,SER_HOME,home)

simulate: setup ## Simulate how often each test errs (seeded)
	$(BIN)/python -m benchmarks.simulate.command
	$(BIN)/python -m benchmarks.simulate.family_command

recording: setup ## Measure how many folds a coordinator records per second
	$(BIN)/python -m benchmarks.recording.record $(call option,TRIALS,trials)

clean: ## Remove caches; the environment and all results stay
	rm -rf build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
