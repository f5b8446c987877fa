# CloudMask Harness. `make` alone prints this help; every target creates .venv on first use.
PYTHON ?= python3
SYSTEM ?= local
ORG ?= my-organisation
VENV := .venv
BIN := $(VENV)/bin
CLOUDMASK := $(BIN)/cloudmask
EXTRA ?=
# a later `make setup` with another EXTRA installs that too
INSTALLED := $(VENV)/.installed$(if $(EXTRA),-with-$(EXTRA))
# of a release: make release VERSION=1.2.0
VERSION ?=
# more arguments for pytest: make test ARGS="-k energy"
ARGS ?=
# four at most: each may hold a TensorFlow of its own
AT_ONCE ?= -n logical --maxprocesses=4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup submit check report leaderboard test test-fast test-all lint docs notebooks bench release clean example-site

help: ## show this help
	@echo "CloudMask Harness: run, check and publish the MLCommons Science CloudMask benchmark"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo
	@echo "  SYSTEM=$(SYSTEM)  the recipe to run: local, a100, or one of your own"
	@echo "  ORG=$(ORG)  your organisation's folder under submissions/"
	@echo "  RESUME=1 continue an interrupted submit   REPLACE=1 set a finished one aside and start anew"
	@echo "  OUT=DIR  where leaderboard and example-site go   REPLAY=1 compute the work of each package again"
	@echo "  EXTRA=cuda install TensorFlow with its CUDA libraries; fetch: what downloads the official data; cuda,fetch: both"

setup: $(INSTALLED) ## create .venv and install (pinned by constraints.txt)

$(sort $(VENV)/.installed $(INSTALLED)): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 10) <= v <= (3, 13) or sys.exit("Python 3.10 to 3.13 is needed, this is %d.%d. Fix: make PYTHON=python3.12 ..." % v)'
	@echo "Installing into $(VENV) (once; TensorFlow is large: one to several minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.$(if $(EXTRA),[$(EXTRA)],)'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "Installing the test tools ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,dev,browser,docs,lesson]'
	@touch $@

submit: setup ## machine to checked package and report: make submit SYSTEM=local
	@$(CLOUDMASK) submit --system $(SYSTEM) --org $(ORG) $(if $(RESUME),--resume) $(if $(REPLACE),--replace)

check: setup ## judge a package, rule by rule: make check ORG=examples
	@$(CLOUDMASK) check submissions/$(ORG)

report: setup ## render the HTML report of a package again
	@$(CLOUDMASK) report submissions/$(ORG) --system $(SYSTEM)

leaderboard: setup ## build the leaderboard of all packages that pass
	@$(CLOUDMASK) leaderboard $(if $(OUT),--out $(OUT)) $(if $(REPLAY),--replay --data data)

example-site: setup ## build a leaderboard of the examples alone, to look around in
	@$(CLOUDMASK) leaderboard --org examples --out $(or $(OUT),build/example-site) \
	  --note "Examples: real but small runs of the maintainers, made to show this site. Nobody's best."

test: $(VENV)/.installed-test ## run the tests, but for nightly ones (about 20 minutes on two cores)
	@$(BIN)/python -m pytest $(AT_ONCE) $(ARGS)

test-fast: $(VENV)/.installed-test ## run the fast tests only (3 minutes on two cores)
	@$(BIN)/python -m pytest $(AT_ONCE) -m "not slow and not nightly and not bench" $(ARGS)

test-all: $(VENV)/.installed-test ## run all tests, with the nightly ones and ten times the fuzzing
	@HYPOTHESIS_PROFILE=deep FUZZ_FACTOR=10 $(BIN)/python -m pytest $(AT_ONCE) -m "not bench" $(ARGS)

lint: $(VENV)/.installed-test ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: $(VENV)/.installed-test ## write the generated pages under docs/ again, then build the site into build/site
	@$(BIN)/python -m tests.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "Site: build/site/index.html"

notebooks: $(VENV)/.installed-test ## make the lesson's notebooks in build/notebooks from its pages
	@$(BIN)/python -m tests.docs.notebooks

bench: $(VENV)/.installed-test ## run the benchmarks under tests/bench
	@$(BIN)/python -m pytest tests/bench -m bench --timeout=14400 -s $(ARGS)

release: $(VENV)/.installed-test ## version, date and digests everywhere, one commit and its tag: make release VERSION=1.2.0
	@$(BIN)/python -m tests.docs.release $(VERSION)

clean: ## remove .venv and caches; keeps data and submissions
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
