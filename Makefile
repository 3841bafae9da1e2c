# make env       the environment .venv/, pinned by requirements/constraints.txt
# make demo      toy data, training, evaluation and pictures in work_dirs/demo/
# make test      the test suite, without the tests marked slow or gpu
# make env-ops   .venv-ops/: over .venv/, mmcv with compiled operators
# make test-ops  the tests that need these
# With another Python: make test PYTHON=python3.12. In another folder: VENV=...
VENV := .venv
PYTHON := $(shell cat $(VENV)/make_env.python 2>/dev/null) \
          python3.11 python3.12 python3.13 python3
OPS := $(VENV)-ops
FAST := not slow and not gpu
WORKERS := -n auto --maxprocesses 8 --dist worksteal
# what an import compiles is kept
unexport PYTHONDONTWRITEBYTECODE

.PHONY: env demo test env-ops test-ops

# the first Python that runs; `pyenv` has commands that do not
env:
	@for python in $(foreach name,$(PYTHON),$(name) \
	    $(wildcard $(HOME)/.pyenv/versions/*/bin/$(name))); do \
	  if "$$python" -c '' 2>/dev/null; then \
	    exec "$$python" requirements/make_env.py $(VENV); \
	  fi; \
	done; \
	echo 'make env: no Python found as $(PYTHON). What to do: install' \
	    'Python 3.11 or call make env PYTHON=/path/to/python3.11'; exit 1

env-ops: env
	@$(VENV)/bin/python requirements/make_ops_env.py $(OPS) $(VENV)

demo: env
	@$(VENV)/bin/python -u tools/demo.py --out-dir work_dirs/demo

test: env
	@$(VENV)/bin/python -u -m pytest $(WORKERS) -m '$(FAST)'

test-ops: env-ops
	@$(OPS)/bin/python -u -m pytest $(WORKERS) -m '$(FAST) and ops'
