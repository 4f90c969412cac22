# Everything here makes its own environment in .venv, from pyproject.toml, when it is first needed
# and again when pyproject.toml changed. Nothing but Python >= 3.11 has to be there.

# The first Python on the path that runs and is new enough.
CANDIDATES = python3 python3.14 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(CANDIDATES); do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV   ?= .venv
PROGRAMS = $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN     = $(VENV)/$(PROGRAMS)
# The tests of a laptop with two cores; more workers only make them wait for each other. A file's
# tests share what they are about, and files come in the order of conftest.py.
WORKERS ?= 2
PYTEST   = -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# BLAS has one thread unless it is told otherwise: two in each worker would spin for a core.
test test-fast test-order test-other machine: export OPENBLAS_NUM_THREADS ?= 1
SEEDS   ?= 1 2 3 4 5
# Anew each time; a warning is an error, and all of them are shown.
SPHINX  = $(BIN)/python -m sphinx -c docs -d docs/_build/doctrees -E -W --keep-going -q

.DEFAULT_GOAL := help
.PHONY: help demo lab test-fast test test-order test-oldest test-colab test-other test-rounding net \
  bench docs docs-links format check check-js machine student curious notebooks check-links binder-trial dist \
  changelog clean

help:                ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/: .*## /\t/' | expand -t 14

demo: $(VENV)/base   ## simulate a group, find its networks, write demo/networks.png
	@$(BIN)/python -m nbica demo

lab: $(VENV)/lab     ## the same in JupyterLab, at the first notebook
	@JUPYTER_PATH=$(CURDIR)/nbica/viewer/jupyter:$$JUPYTER_PATH \
	  $(BIN)/jupyter lab notebooks/01_your_first_networks.ipynb

test-fast: check     ## style and unit tests, in a minute: no browser, no notebook, no cohort
	@$(BIN)/python $(PYTEST) -m "not slow and not real" tests $(ARGS)

test: check          ## style, unit tests and strict notebooks
	@$(BIN)/python $(PYTEST) $(ARGS)

test-order: $(VENV)/test ## the tests (no notebook) in five other orders (SEEDS="1 2 …")
	@for seed in $(SEEDS); do $(BIN)/python $(PYTEST) tests --shuffle $$seed $(ARGS) || exit 1; done

# The oldest dependencies, and Colab's, are in environments of their own. The oracle asks for newer
# ones than nbica does, so it is installed without what it asks for.
test-oldest: pyproject.toml ## all tests and notebooks with the oldest dependencies
	@$(MAKE) --no-print-directory OTHER=$(VENV)-oldest ASKED= LIMITS= test-other

test-colab: pyproject.toml ## all tests with the versions that Colab has (tools/colab.txt)
	@$(MAKE) --no-print-directory OTHER=$(VENV)-colab ASKED=declared LIMITS='-c tools/colab.txt' test-other

test-other:
	@test -d $(OTHER) || $(PYTHON) -m venv $(OTHER)
	@$(OTHER)/$(PROGRAMS)/python -m pip install --quiet --disable-pip-version-check packaging $(LIMITS)
	@$(OTHER)/$(PROGRAMS)/python -m tools.oldest $(ASKED) > $(OTHER)/asked.txt
	@$(OTHER)/$(PROGRAMS)/python -m pip install --quiet --disable-pip-version-check \
	  -r $(OTHER)/asked.txt $(LIMITS)
	@$(OTHER)/$(PROGRAMS)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  -e . "$$($(OTHER)/$(PROGRAMS)/python -m tools.oldest oracle)"
	@$(OTHER)/$(PROGRAMS)/python $(PYTEST) $(ARGS)

# Other processors round otherwise: no test may see it, no notebook show it. One is played by noise
# of the size of rounding (tests/rounding), one is the oldest that OpenBLAS knows.
ROUNDING = tests/decomposition tests/matching/test_pairing.py tests/signal/test_ties.py
test-rounding: $(VENV)/test ## as other processors round: noise from SEED=1, and an old kernel
	@NBICA_ROUNDING_SEED=$(or $(SEED),1) PYTHONPATH=$(CURDIR)/tests/rounding \
	  $(BIN)/python $(PYTEST) notebooks $(ROUNDING) $(ARGS)
	@OPENBLAS_CORETYPE=Prescott \
	  $(BIN)/python $(PYTEST) $(ROUNDING) $(ARGS)

net: $(VENV)/test    ## break nbica line by line: does a notebook notice? (half an hour)
	@$(BIN)/python -m tools.mutants

bench: $(VENV)/bench ## time and memory side by side with nilearn (QUICK=1: fits alone, 5 minutes)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

docs: $(VENV)/docs   ## the site, in docs/_build/html: gallery, guides, API
	@$(SPHINX) -b html . docs/_build/html
	@echo "Open docs/_build/html/index.html"

docs-links: $(VENV)/docs ## ask all addresses in notebooks and guides whether they live (online)
	@$(SPHINX) -b linkcheck . docs/_build/linkcheck

student: $(VENV)/test ## the notebooks for learners, without the cells that test them
	@$(BIN)/python -m tools.student build/student

curious: $(VENV)/test ## change parameters as a learner does: does all still run? (NAMES="01 03")
	@$(BIN)/python -m tools.curious $(NAMES)

notebooks: $(VENV)/test ## run all notebooks anew and save them in canonical form
	@$(BIN)/python notebooks/refresh.py

format: $(VENV)/test ## put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

check: $(VENV)/test  ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m mypy

check-js: $(VENV)/base ## the viewers' JavaScript by TypeScript, which npm installs into build/js
	@$(BIN)/python -m tools.check_js

machine: $(VENV)/test ## what may make a difference here: processor, BLAS, versions
	@$(BIN)/python -m tools.machine

check-links: $(VENV)/test ## ask all addresses of the data sets whether they live (online; NAMES="adhd …")
	@$(BIN)/python -m tools.check_links $(NAMES)

binder-trial: $(VENV)/test ## build and use a Binder session here: 2 GB, one CPU (as root; PY312=PATH)
	@$(BIN)/python -m tools.binder_trial $(if $(PY312),--python $(PY312)) $(ARGS)

dist: $(VENV)/dist   ## build the sdist and, from it, the wheel, in dist/, and check both
	@rm -rf dist build
	@$(BIN)/python -m build --no-isolation --outdir dist . > /dev/null
	@$(BIN)/python -m twine check --strict dist/*
	@$(BIN)/check-wheel-contents dist/*.whl

changelog: $(VENV)/dist ## show what changes/ adds to CHANGELOG.md (FINAL=1: write it)
	@$(BIN)/towncrier build $(if $(FINAL),--yes,--draft)

clean:               ## remove the environment and everything computed here
	rm -rf $(VENV) demo build dist docs/_build docs/api/generated nbica.egg-info .pytest_cache .ruff_cache .mypy_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "nbica needs Python 3.11 or newer, and none is on the path." \
	  "Install one, or say where it is: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Making an environment in $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)

# One stamp for each set of packages; a failed install leaves none.
$(VENV)/base: $(BIN)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/lab $(VENV)/test $(VENV)/bench $(VENV)/docs $(VENV)/dist: $(VENV)/%: $(BIN)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@
