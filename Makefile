# `make` alone lists the targets. Everything they need goes into .venv inside the clone.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test fuzz cluster lint lock clean

BIN := .venv/bin
READY := .venv/.ready
JOBS ?= 2
FUZZ ?= 20
NOTEBOOKS := $(patsubst %.py,%.ipynb,$(wildcard notebooks/*.py))

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 8

setup: $(READY) ## virtual environment with the locked packages (PYTHON=... names the interpreter)

demo: $(READY) ## the main job: sweep of the stimulation frequency, results/scs_frequency.zarr and its figure
	$(BIN)/dhmodel sweep scs_frequency

test: lint $(NOTEBOOKS) ## lint, all tests and the notebooks, on JOBS=2 processes
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --nbmake --nbmake-timeout=900 tests $(NOTEBOOKS)

cluster: $(READY) ## a sweep on a real SLURM of this machine, disturbed midway; says so where it cannot run
	$(BIN)/python tests/cluster/slurm.py

fuzz: $(READY) ## inputs of every kind, FUZZ=20 times as many as in the tests and others each time
	FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/fuzz

lint: $(READY) ## ruff, mypy and the import floors
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

lock: $(READY) ## newest versions within the bounds of pyproject.toml, for every supported Python, into requirements.lock
	$(BIN)/python -m pip install --quiet --target .uv/lib --upgrade uv
	.uv/lib/bin/uv pip compile --quiet --upgrade --universal --python-version 3.12 --extra dev \
	    --no-annotate --no-header --output-file requirements.lock pyproject.toml

clean: ## remove the environment and all caches; results/ stays
	rm -rf .venv .uv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f notebooks/*.ipynb
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml bootstrap.sh
	./bootstrap.sh
	@touch $@

notebooks/%.ipynb: notebooks/%.py $(READY)
	$(BIN)/jupytext --quiet --to ipynb --output $@ $<
