# make env   the environment .venv/, pinned by requirements/constraints.txt
# make demo  toy data, training, evaluation and pictures in work_dirs/demo/
# make test  the test suite, without the tests marked slow or gpu
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV := .venv/bin/python

.PHONY: env demo test

env:
	@$(PYTHON) requirements/make_env.py

demo: env
	@$(VENV) -u tools/demo.py --out-dir work_dirs/demo

test: env
	@$(VENV) -u -m pytest -m 'not slow and not gpu'
