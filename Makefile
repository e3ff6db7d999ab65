# Every target installs what it needs into .venv from requirements.lock, and is quick the second time.

PYTHON ?= python3
UV_VERSION := 0.13.8
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
KEDRO := $(BIN)/kedro
# Ends a viewer together with all of its processes.
VIEWER := $(BIN)/python -m gsam_edge.viewer
LITERT_VENV := .venv-litert
LITERT_READY := $(LITERT_VENV)/.ready
DOCS_VENV := .venv-docs
DOCS_READY := $(DOCS_VENV)/.ready

# Tests start many processes; without kept bytecode each would compile the libraries anew, a third of its start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow lint viz ui bench proof fuzz runtime docs litert-converter install lock

demo: $(READY) ## the whole job on the shipped sample
	$(KEDRO) run

# One thread in each of the test processes: two torch processes with two threads each stand in each other's way.
test: export OMP_NUM_THREADS = 1
test: $(READY) ## all tests but the slow ones
	$(BIN)/pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

test-slow: KILLS ?= 40
test-slow: $(READY) ## the slow tests; KILLS runs are killed at random
	$(BIN)/pytest -m slow --timeout=3600 --kills=$(KILLS)

lint: $(READY) ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --python-version=3.10 --package=gsam_edge.vision --package=gsam_edge.runtime # what runs on the device
	$(BIN)/lint-imports

viz: $(READY) ## the pipelines in the browser
	$(VIEWER) --port 4141 --query types=nodes,modularPipeline $(KEDRO) viz run --port 4141 --no-browser

# kedro-mlflow looks for `mlflow` on the PATH.
ui: export PATH := $(CURDIR)/$(BIN):$(PATH)
ui: $(READY) ## the MLflow UI in the browser
	$(VIEWER) $(KEDRO) mlflow ui

bench: $(READY) ## every claim's figure, as a ratio against a named reference
	for file in $(filter-out benchmarks/teacher_pays.py,$(wildcard benchmarks/*.py)); do echo "$$file"; $(BIN)/python "$$file" || exit 1; done

proof: $(READY) ## what a teacher is worth, over numbers of labels, subsets and seeds: hours, and it continues where it was
	$(KEDRO) run --pipeline=data_validation
	$(BIN)/python benchmarks/teacher_pays.py

fuzz: N ?= 2000
fuzz: $(READY) ## 20,000 mutated COCO files, and N of each kind of model file: each is read or refused in one message
	$(BIN)/pytest -m slow --timeout=3600 tests/coco/test_fuzz.py
	PYTHONPATH=tests $(BIN)/python -m support.fuzz $(N)

runtime: $(READY) ## the wheel of what runs on the device, without PyTorch and Kedro, into dist/
	$(BIN)/python -m gsam_edge.export.bundle dist

docs: $(DOCS_READY) ## the pages of docs/ as a site, into site/: opens from disk, loads nothing
	$(DOCS_VENV)/bin/python website/pages.py stage build/pages
	$(DOCS_VENV)/bin/zensical build --strict
	$(DOCS_VENV)/bin/python website/pages.py check site

litert-converter: $(LITERT_READY) ## the environment of what converts to LiteRT, whose packages contradict the project's

install: $(READY) ## only the installation

lock: $(READY) ## pin every dependency anew
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet --output-file requirements.lock
	$(BIN)/uv pip compile converters/litert/packages.in --override converters/litert/overrides.txt --constraint requirements.lock \
		--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
		--output-file converters/litert/requirements.lock
	$(BIN)/uv pip compile website/packages.in --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet --output-file website/requirements.lock

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("gsam_edge needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $(READY)

# Without dependencies: the lock names all of them, and some declare versions that overrides.txt replaces.
$(LITERT_READY): $(READY) converters/litert/requirements.lock
	test -x $(LITERT_VENV)/bin/python || $(PYTHON) -m venv $(LITERT_VENV)
	$(BIN)/uv pip install --quiet --python $(LITERT_VENV)/bin/python --no-deps --require-hashes --requirement converters/litert/requirements.lock
	touch $(LITERT_READY)

$(DOCS_READY): website/requirements.lock
	test -x $(DOCS_VENV)/bin/python || $(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement website/requirements.lock
	touch $(DOCS_READY)
