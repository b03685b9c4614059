# Two commands for a stranger: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt
# Read by each set-up step, so that a changed pin installs anew.
SETTINGS := pyproject.toml constraints.txt
# What the commands of README's table need.
USED_EXTRAS := torch,figures,video,train,separation,view,edits,examples

.PHONY: help setup run test check format docs docs-serve pictures faults forge bench reproduce clean

help:
	@echo "make run    set up, then train examples/digits.py under observation and write report.html"
	@echo "make test   set up, then run every check and every test"
	@echo "make setup  make .venv with .venv/bin/surefoot in it, and all that README's commands need"
	@echo "make check  lint, format, types, import contract, doctests, docs"
	@echo "make format rewrite the code in the house style"
	@echo "make docs   build the documentation site into site/; a broken link fails"
	@echo "make docs-serve  show the site while you write"
	@echo "make pictures  make README's first pictures anew"
	@echo "make faults score surefoot check on every faulty and healthy program of tests/faults"
	@echo "make forge  make thousands of training scripts, one fault in each, and score what is said (an hour; goes on where it stopped)"
	@echo "make bench  measure surefoot against plain runs and its peers (an hour or more; wants a quiet machine)"
	@echo "make reproduce  train the AutoClip study on recorded speech (two hours; goes on where it stopped)"
	@echo "make release-check  build, install in clean environments, try every command (TAG=v0.1.0 for a release)"
	@echo "make clean  remove .venv and all that was built"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python $(SETTINGS)
	$(INSTALL) --editable '.[$(USED_EXTRAS)]'
	@touch $@

$(VENV)/.installed-tests: $(VENV)/.installed
	$(INSTALL) --editable '.[all,test,check,docs,peers]'
	@touch $@

setup: $(VENV)/.installed

run: setup
	$(BIN)/surefoot run --autoclip --report report.html examples/digits.py
	@echo "  report       $(CURDIR)/report.html"
	@echo "  your turn    . $(VENV)/bin/activate, then: surefoot run YOUR_SCRIPT.py"

test: $(VENV)/.installed-tests check
	$(BIN)/python -m pytest --numprocesses=2 --dist=worksteal

check: $(VENV)/.installed-tests
	$(BIN)/ruff check src tests examples benchmarks forge docs/site docs/pictures.py
	$(BIN)/ruff format --check src tests examples benchmarks forge docs/site docs/pictures.py
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --doctest-modules src/surefoot --ignore=src/surefoot/capture/children/site --quiet -p no:cacheprovider

# The theme advertises what comes after MkDocs 1 in every build.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs
$(VENV)/.installed-docs: $(VENV)/.installed
	$(INSTALL) --editable '.[docs]'
	@touch $@

docs: $(VENV)/.installed-docs
	$(MKDOCS) build --strict

docs-serve: $(VENV)/.installed-docs
	$(MKDOCS) serve --livereload --watch src

# README's first pictures, when what they show has changed; wants headless Chromium.
pictures: $(VENV)/.installed-tests
	$(BIN)/python docs/pictures.py

# Every faulty, fixed and healthy program, scored; FAULTS names further folders with a faults.toml.
FAULTS ?= $(wildcard ../shared/faults)
faults: $(VENV)/.installed-tests
	$(BIN)/python benchmarks/faults.py tests/faults $(FAULTS) --markdown docs/faults.md

# CELLS scripts made from parts, one fault in most.
CELLS ?= 3000
forge: $(VENV)/.installed-tests
	$(BIN)/python -m forge score --cells $(CELLS) --markdown docs/forge.md

bench: $(VENV)/.installed-tests
	$(BIN)/python benchmarks/observe.py --markdown docs/overhead.md
	$(BIN)/python benchmarks/peers.py tests/faults $(FAULTS) --markdown docs/peers.md
	$(BIN)/python benchmarks/clipping.py
	$(BIN)/python benchmarks/store.py
	$(BIN)/python benchmarks/fit.py --write docs/training.md
	$(BIN)/python benchmarks/landscape.py --write docs/landscapes.md
	$(BIN)/python benchmarks/animation.py --write docs/animations.md
	$(BIN)/python benchmarks/lab.py --write docs/lab.md

# The AutoClip study in full. DATA names a folder of voices; without one those of Debian's packages are used:
# apt-get install asterisk-core-sounds-en-wav asterisk-core-sounds-it-wav
STUDY := $(BIN)/surefoot reproduce autoclip $(if $(DATA),--data $(DATA)) --out surefoot-recipes/autoclip
reproduce: $(VENV)/.installed-tests
	$(STUDY)/level-jitter --set level_jitter=8
	$(STUDY)/as-published --percentiles 10,50,100
	$(STUDY)/loss-scale --percentiles 10,100 --set level_jitter=8 --set loss_scale=1000
	$(STUDY)/whitened --percentiles 10,100 --steps 1000 --set objective=whitened
	$(STUDY)/clustering --percentiles 10,100 --seeds 1 --steps 1000 --set objective=clustering
	$(STUDY)/chimera --percentiles 10,100 --seeds 1 --steps 1000 --set objective=chimera
	$(STUDY)/300-units --percentiles 10,100 --seeds 1 --steps 1000 --set units=300
	$(BIN)/python -m surefoot.recipes.separation.pages surefoot-recipes/autoclip docs

# SUREFOOT_REPOSITORY=https://… gives the package its links, and TAG=v… asks that all names are of that release.
release-check: $(VENV)/.installed
	$(INSTALL) --editable '.[release]'
	$(BIN)/python release/check.py $(if $(TAG),--tag $(TAG))

format: $(VENV)/.installed-tests
	$(BIN)/ruff check --fix src tests examples benchmarks forge docs/site docs/pictures.py
	$(BIN)/ruff format src tests examples benchmarks forge docs/site docs/pictures.py

clean:
	rm -rf $(VENV) .forge .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist site
