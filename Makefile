# make demo     install tlcp into .venv and run its demonstration, which leaves build/demo/
# make test     install tlcp with its tests and run them
# make bench    measure against Tongsuo and others: a table, build/benchmarks.json and .png
# make lint     style, types, layers, file sizes
# make assurance  the short form of every list of docs/assurance.md; their long forms, which
#               write that page: make adversary, fuzz, properties, limits, faults, timing, soak,
#               coverage, supply
# make dist     the source distribution and its bill of materials, into dist/
# make lock     pin the newest versions of what tests and tools need, with hashes
# make clean    remove what these made here (not GmSSL in ~/.gmssl_3.1.1_install)
#
# PYTHON=python3.12 make test     another interpreter (3.11 or newer)
# PYTEST="-k gmssl" make test     more options for pytest
# BENCH="--quick" make bench      options of python -m benchmarks

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
PYTEST ?=
BENCH ?=
VENV := .venv
BIN := $(VENV)/bin
# what of pip's talk is worth reading; errors go to stderr and are not filtered
BRIEF := sed -un -e 's/^Collecting \([^ ]*\).*/  \1/p' -e '/^Successfully/p'
PIP = $(BIN)/python -m pip --disable-pip-version-check install --progress-bar off
# what requirements/ pins, each file by its hash; then ourselves, built with what is there by then,
# so that nothing else is fetched
PINNED = $(PIP) --require-hashes -r requirements/$(1).txt | $(BRIEF); \
  $(PIP) --no-deps --no-build-isolation -e . | $(BRIEF)

NATIVE_FILES := $(wildcard src/tlcp/_native/*.c src/tlcp/_native/*.h)
BUILD_FILES := pyproject.toml setup.py $(NATIVE_FILES) $(wildcard requirements/*.txt)
PACKAGE_FILES := $(shell find src/tlcp -regex '.*[.]\(py\|js\|css\|html\)' -not -name _ffi.py)
# lines of a source file; *_table.h are written by a program and exempt
MAX_LINES := 600
GMSSL := $(HOME)/.gmssl_3.1.1_install/bin/gmssl

# the lists of python -m assurance
LISTS := adversary fuzz properties limits faults timing soak coverage supply

.PHONY: demo test bench lint clean dist lock assurance $(LISTS)

demo: $(VENV)/demo.stamp
	@$(BIN)/tlcp demo --out build/demo

test: $(VENV)/test.stamp
	@$(MAKE) --no-print-directory -s $(VENV)/gmssl.stamp
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST)

bench: $(VENV)/bench.stamp
	@$(MAKE) --no-print-directory -s $(VENV)/gmssl.stamp
	@$(BIN)/python -m benchmarks $(BENCH)

lint: $(VENV)/lint.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@wc -l $(PACKAGE_FILES) setup.py $(filter-out %_table.h,$(NATIVE_FILES)) \
	  | awk '$$2 != "total" && $$1 > $(MAX_LINES) { bad = 1; \
	      print $$2 ": " $$1 " lines, at most $(MAX_LINES) are allowed" } END { exit bad }'
	$(BIN)/python -m assurance.supply
	@echo "lint: all good"

assurance: $(VENV)/assurance.stamp
	@$(BIN)/python -m assurance

$(LISTS): $(VENV)/assurance.stamp
	@$(BIN)/python -m assurance $@ --long --keep

# the source distribution, the same bytes on every machine, and its bill of materials
dist: $(VENV)/lint.stamp
	@$(BIN)/python -m assurance.dist

# pin the newest versions that pyproject.toml allows
lock: $(VENV)/lint.stamp
	@for name in cli redis test gmssl bench lint assurance; do \
	  echo "requirements/$$name.txt"; \
	  $(BIN)/uv pip compile -q pyproject.toml --extra $$name --universal --python-version 3.11 \
	    --generate-hashes --upgrade --custom-compile-command "make lock" -o requirements/$$name.txt; \
	done

clean:
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf .import_linter_cache .cache
	rm -f src/tlcp/_native/*.so src/tlcp/_native/_ffi.py
	find src tests benchmarks assurance -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian's python3 comes without ensurepip: then pip of the system fills the environment.
$(VENV)/venv.stamp:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) is missing: apt-get install python3 python3-venv, or PYTHON=... make"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "tlcp needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V); set PYTHON=..."; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) -V)"
	@rm -rf $(VENV)
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	  $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -m venv --without-pip $(VENV); \
	  $(PYTHON) -m pip --python $(BIN)/python install -q --disable-pip-version-check pip; \
	else \
	  echo "$(PYTHON) can make no virtual environment: apt-get install python3-venv"; exit 1; \
	fi
	@touch $@

# The demonstration installs a copy, the tests the tree itself: the last one wins, so each makes
# the other out of date.
$(VENV)/demo.stamp: $(VENV)/venv.stamp $(BUILD_FILES) $(PACKAGE_FILES)
	@echo "installing tlcp"
	@$(PIP) '.[cli]' | $(BRIEF)
	@rm -f $(VENV)/test.stamp $(VENV)/lint.stamp $(VENV)/bench.stamp
	@touch $@

$(VENV)/test.stamp: $(VENV)/venv.stamp $(BUILD_FILES)
	@echo "installing tlcp and what its tests need"
	@$(call PINNED,test)
	@rm -f $(VENV)/demo.stamp
	@touch $@

$(VENV)/bench.stamp: $(VENV)/venv.stamp $(BUILD_FILES)
	@echo "installing tlcp and what its benchmarks need"
	@$(call PINNED,bench)
	@rm -f $(VENV)/demo.stamp
	@touch $@

$(VENV)/lint.stamp: $(VENV)/venv.stamp $(BUILD_FILES)
	@echo "installing tlcp and what lint needs"
	@$(call PINNED,lint)
	@rm -f $(VENV)/demo.stamp
	@touch $@

$(VENV)/assurance.stamp: $(VENV)/venv.stamp $(BUILD_FILES)
	@echo "installing tlcp and what its assurance needs"
	@$(call PINNED,assurance)
	@rm -f $(VENV)/demo.stamp
	@touch $@

# GmSSL 3.1.1 for the interop tests, compiled from the source in its Python wrapper. A wheel from
# pip's cache would come without the program.
$(VENV)/gmssl.stamp:
	if [ -x "$${TLCP_GMSSL:-$(GMSSL)}" ]; then \
	  touch $@; \
	elif command -v cmake >/dev/null; then \
	  echo "building GmSSL 3.1.1 into $(dir $(GMSSL)) for the interop tests"; \
	  if $(PIP) --no-cache-dir --no-binary easy_gmssl --no-build-isolation --require-hashes \
	      -r requirements/gmssl.txt | $(BRIEF); then touch $@; \
	  else echo "GmSSL 3.1.1 was not built: its tests will be skipped"; fi; \
	else \
	  echo "no cmake, so the tests with GmSSL 3.1.1 will be skipped: apt-get install cmake"; \
	fi
