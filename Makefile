# Every target needs nothing done before: `setup` leaves a .venv with everything in it.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

# Where the machine forbids it, every process that a test starts would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup run test check bench faults clean

help:
	@echo "make run     the gateway, with the built-in playground"
	@echo "make test    every test: unit, attacks, browser, faults (a short round)"
	@echo "make check   lint, types and the fast tests"
	@echo "make bench   the benchmarks of benchmarks/README.md"
	@echo "make faults  kill -9 at random moments and under load; eight processes that decide at once"

setup: $(STAMP)

$(STAMP): pyproject.toml requirements-dev.lock tools/setup.sh
	@sh tools/setup.sh $(VENV)
	@touch $(STAMP)

run: setup
	@exec $(BIN)/secondsig serve

test: setup
	@sh tools/test_needs.sh
	@$(BIN)/python -m tools.run_tests

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -n 2 -m "not slow and not browser"

bench: setup
	@$(BIN)/python -m benchmarks

faults: setup
	@$(BIN)/python -m tests.faults --rounds 200
	@$(BIN)/python -m tests.faults --open 50 --rounds 100
	@$(BIN)/python -m tests.faults --contend 1000

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
