# make demo: compare controllers on the bundled network; make test: everything that must hold.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test clean

demo: .venv/demo.stamp
	@rm -rf results/demo
	$(BIN)/ampelwerk compare neudorf --controllers static,actuated,rolling_horizon --seeds 0-1 --end 600 --out results/demo

test: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.venv/bin/python:
	$(PYTHON) -c "import sys; sys.exit('Ampelwerk needs Python 3.11 or newer; name one: make PYTHON=python3.11' if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv .venv

.venv/demo.stamp: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@rm -rf .venv/first_run
	@$(BIN)/ampelwerk run neudorf --end 60 --out .venv/first_run >/dev/null
	@touch $@

.venv/dev.stamp: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

clean:
	rm -rf .venv results
