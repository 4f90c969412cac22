# Everything here makes its own environment in .venv, from pyproject.toml, when it is first needed
# and again when pyproject.toml changed. Nothing but Python >= 3.11 has to be there.

# The first Python on the path that runs and is new enough.
CANDIDATES = python3 python3.14 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(CANDIDATES); do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV   ?= .venv
BIN     = $(VENV)/bin
# The tests of a laptop with two cores; more workers only make them wait for each other.
WORKERS ?= 2
# Anew each time; a warning is an error, and all of them are shown.
SPHINX  = $(BIN)/python -m sphinx -c docs -d docs/_build/doctrees -E -W --keep-going -q

.DEFAULT_GOAL := help
.PHONY: help demo lab test test-oldest test-rounding net bench docs docs-links format check check-js \
  notebooks check-links binder-trial clean

help:                ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/: .*## /\t/' | expand -t 14

demo: $(VENV)/base   ## simulate a group, find its networks, write demo/networks.png
	@$(BIN)/python -m nbica demo

lab: $(VENV)/lab     ## the same in JupyterLab, at the first notebook
	@JUPYTER_PATH=$(CURDIR)/nbica/viewer/jupyter:$$JUPYTER_PATH \
	  $(BIN)/jupyter lab notebooks/01_first_look.ipynb

test: $(VENV)/test   ## style, unit tests and strict notebooks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

# The oldest dependencies are in an environment of their own.
test-oldest: pyproject.toml ## all tests and notebooks with the oldest dependencies
	@test -d $(VENV)-oldest || $(PYTHON) -m venv $(VENV)-oldest
	@$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check packaging
	@$(VENV)-oldest/bin/python -m tests.oldest > $(VENV)-oldest/constraints.txt
	@$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c $(VENV)-oldest/constraints.txt -e '.[test]'
	@$(VENV)-oldest/bin/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

# Other kernels of BLAS and other numbers of threads round otherwise: no notebook may show it.
test-rounding: $(VENV)/test ## the notebooks as an old processor rounds, and with all threads
	@OPENBLAS_CORETYPE=Prescott OMP_NUM_THREADS=1 \
	  $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile notebooks $(ARGS)
	@$(BIN)/python -m pytest notebooks $(ARGS)

net: $(VENV)/test    ## break nbica line by line: does a notebook notice? (half an hour)
	@$(BIN)/python -m tests.mutants

bench: $(VENV)/bench ## time and memory side by side with nilearn (QUICK=1: fits alone, 5 minutes)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

docs: $(VENV)/docs   ## the site, in docs/_build/html: gallery, guides, API
	@$(SPHINX) -b html . docs/_build/html
	@echo "Open docs/_build/html/index.html"

docs-links: $(VENV)/docs ## ask all addresses in notebooks and guides whether they live (online)
	@$(SPHINX) -b linkcheck . docs/_build/linkcheck

notebooks: $(VENV)/test ## run all notebooks anew and save them in canonical form
	@$(BIN)/python notebooks/refresh.py

format: $(VENV)/test ## put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

check: $(VENV)/test  ## style only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

check-js: $(VENV)/base ## the viewers' JavaScript by TypeScript, which npm installs into build/js
	@$(BIN)/python -m tools.check_js

check-links: $(VENV)/test ## ask all addresses of the data sets whether they live (online; NAMES="adhd …")
	@$(BIN)/python -m tests.check_links $(NAMES)

binder-trial: $(VENV)/test ## build and use a Binder session here: 2 GB, one CPU (as root; PY312=PATH)
	@$(BIN)/python -m binder.trial $(if $(PY312),--python $(PY312)) $(ARGS)

clean:               ## remove the environment and everything computed here
	rm -rf $(VENV) demo build docs/_build docs/api/generated nbica.egg-info .pytest_cache .ruff_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "nbica needs Python 3.11 or newer, and none is on the path." \
	  "Install one, or say where it is: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Making an environment in $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)

# One stamp for each set of packages; a failed install leaves none.
$(VENV)/base: $(BIN)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/lab $(VENV)/test $(VENV)/bench $(VENV)/docs: $(VENV)/%: $(BIN)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@
