# What a person types most. `make help` explains each target.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# nothing that we start reports to anybody
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help env run test test-slow lint ui report clean up down faults

help: ## say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | \
	  while IFS=$$'\t' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

# made anew only when what it is made from changes
$(VENV)/.made: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || \
	  { echo "Sightline needs Python 3.11 or newer: make run PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[pipeline,test]'
	@touch $@

env: $(VENV)/.made ## make the environment (.venv) with the versions that were tested

run: env ## everything: data, training, evaluation, ONNX, MLflow; only what changed since the last run
	@sightline validate
	@dvc repro --keep-going; status=$$?; sightline log || status=$$?; sightline compare && exit $$status

test: env ## the tests that take minutes (without those marked slow)
	python -m pytest

test-slow: env ## the tests marked slow: a few minutes each
	python -m pytest -m 'slow and not gpu' $(WHERE)

lint: env ## check style and format
	ruff check . && ruff format --check .

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
	PYTHONPATH=tests python tests/faults/matrix.py > docs/faults.md.new && mv docs/faults.md.new docs/faults.md

clean: ## delete what the pipeline made (data, models, reports), not its cache or the MLflow store
	rm -rf data/raw data/processed models reports
