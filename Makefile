# make run and make test do their own set-up into .venv; make setup is that part alone.
#   make run FILES="a.wav b.flac"     opens these files
#   make test ARGS="tests/core -k votes"     runs these tests, in two processes; ARGS="-n 0 …" runs them in one
#   make setup PYTHON=python3.12      makes .venv, or makes it again, with that Python
PYTHON ?=
FILES =
ARGS =
BENCHES = features inference training gui
VENV_PYTHON = .venv/bin/python

.PHONY: setup run test check bench clean

setup:
	@packaging/setup.sh $(PYTHON)

run: setup
	@$(VENV_PYTHON) -m mlee_gui $(FILES)

test: setup
	@packaging/test_tools.sh
	@$(VENV_PYTHON) -m pytest -n 2 $(ARGS)

check: setup
	@$(VENV_PYTHON) packaging/check.py

bench: setup
	@for name in $(BENCHES); do $(VENV_PYTHON) -m mlee_core.cli bench $$name || exit $$?; done

# Leaves .venv, which takes 5 GB to download again. To remove it: rm -r .venv
clean:
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
