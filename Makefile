# What a person types most. `make help` explains each target.
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
# nothing that we start reports to anybody: src/sightline/__init__.py sees to the others
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
SYSTEM_PATH := $(subst $(CURDIR)/$(BIN):,,$(PATH))
export PATH := $(CURDIR)/$(BIN):$(SYSTEM_PATH)

# a test waits for programs it starts more than it computes: a file of tests on each core
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help env run demo test test-slow lint lock ui report up down faults consumers gpu gpu-bundle clean

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: ## make the environment (.venv) with the versions that were tested
	@PATH="$(SYSTEM_PATH)"; command -v $(PYTHON) >/dev/null || { echo \
	  "Sightline needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }; \
	  $(PYTHON) scripts/environment.py

run: env ## everything: data, training, evaluation, ONNX, MLflow; only what changed since the last run
	@sightline validate
	@sightline repro; status=$$?; sightline log || status=$$?; sightline compare && exit $$status

demo: env ## the first thing to try: one model trained and asked, a minute
	@python scripts/demo.py

test: env ## the tests that take minutes (without those marked slow)
	python -m pytest $(SIDE_BY_SIDE)

test-slow: env ## the tests marked slow: a few minutes each; WHERE=tests/flows takes a part
	python -m pytest $(SIDE_BY_SIDE) -m 'slow and not gpu' $(WHERE)

lint: env ## check style, format and types
	ruff check . && ruff format --check . && pyright

lock: env ## write requirements.lock anew from pyproject.toml; UPGRADE=--upgrade takes newer versions
	uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	  --extra pipeline --extra predict --extra serve --extra verify --extra sign --extra postgres \
	  --group build --group lint --group scripts --group test \
	  --no-emit-index-url --custom-compile-command 'make lock' $(UPGRADE) -o requirements.lock
	uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	  --extra serve --constraint requirements.lock --no-annotate \
	  --no-emit-index-url --custom-compile-command 'make lock' -o docker/serve.lock

ui: env ## the MLflow UI, on 127.0.0.1, after completing its runs
	sightline ui

report: env ## a page for each dataset: what its models reach and what they see
	sightline report

# PREFECT_PORT=4300 MLFLOW_PORT=5300 choose other ports
up: env ## Prefect (server, workers, deployments) and the MLflow UI, on 127.0.0.1
	@python -m flows.services up $(PREFECT_PORT:%=--prefect-port %) $(MLFLOW_PORT:%=--mlflow-port %)

down: ## end all that `make up` started
	@python -m flows.services down

faults: env ## kill every process at every stage, see that nothing is lost; writes docs/faults.md
	PYTHONPATH=.:tests python tests/faults/matrix.py > docs/faults.md.new && mv docs/faults.md.new docs/faults.md

consumers: env ## give the exported models to other runtimes; writes docs/consumers.md
	python scripts/consumers > docs/consumers.md.new && mv docs/consumers.md.new docs/consumers.md

# a bundle brings what its machine's Python lacks in gpu-packages, and is not given an environment
gpu: $(if $(wildcard gpu-packages),,env) ## what the project claims about GPUs, in 8 minutes on one: a table
	@$(if $(wildcard gpu-packages),$(PYTHON),python scripts/gpu/bundle.py --data-only && python) scripts/gpu $(GPU_OPTIONS)

gpu-bundle: env ## what `make gpu` needs on a machine without network, in pieces of 60 MiB
	@python scripts/gpu/bundle.py

clean: ## delete what the pipeline made (data, models, reports), not its cache or the MLflow store
	rm -rf data/raw data/processed data/code data/sources trained models reports logged
