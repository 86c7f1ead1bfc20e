# Two commands do all the set-up: `make demo` and `make test`. Needs Python 3.11, pip and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.8
BIN := .venv/bin
export XINQIAO_DATA ?= ../shared/data
DATA ?= city
SERVE ?= 1
SEED ?=
ONLY ?=

.PHONY: help setup peers spark demo test lint bench soak lock docs clean

help:
	@echo "make setup   the environment in .venv, exact hashed versions"
	@echo "make demo    DATA=city: the main job from files to ratings and the service; SERVE=0 without it; or DATA=cumcm2020c"
	@echo "make test    lint, types, layers, tests, doctests, coverage; SEED=n repeats an order"
	@echo "make spark   PySpark in .venv-spark, for features on Spark; needs Java 17 or newer"
	@echo "make lint    the static half of make test"
	@echo "make bench   ONLY=area: measure against peers, write benchmarks/results.json"
	@echo "make soak    long fault histories"
	@echo "make docs    rewrite generated pages and the README's figures"
	@echo "make lock    resolve requirements/*.in again"

setup: $(BIN)/.ready

$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Xinqiao needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(BIN)/.ready: $(BIN)/uv requirements/run.lock requirements/dev.lock
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/run.lock requirements/dev.lock
	@touch $@

peers: .venv-peers/.ready

.venv-peers/.ready: $(BIN)/.ready requirements/peers.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-peers
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv-peers/bin/python requirements/peers.lock
	@touch $@

spark: .venv-spark/.ready

.venv-spark/.ready: $(BIN)/.ready requirements/spark.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-spark
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv-spark/bin/python requirements/spark.lock
	@touch $@

demo: setup
	$(BIN)/python -m xinqiao demo --data $(DATA) $(if $(filter 0,$(SERVE)),--no-serve)

lint: setup
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/ruff check --no-cache .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

# The test on Spark runs where Java is; .ci/run brings one.
test: lint $(if $(shell command -v java),spark)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered $(if $(SEED),--randomly-seed=$(SEED))

soak: setup
	$(BIN)/python -m pytest -m soak -p no:randomly

bench: setup peers $(if $(shell command -v java),spark)
	$(BIN)/python -m benchmarks.run $(if $(ONLY),--only $(ONLY))

docs: setup
	$(BIN)/python -m xinqiao docs
	$(BIN)/python -m benchmarks.pages

lock: $(BIN)/uv
	for group in run dev peers spark; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links requirements/$$group.in -o requirements/$$group.lock; \
	done

clean:
	rm -rf .venv .venv-peers .venv-spark var .pytest_cache .ruff_cache .hypothesis .coverage
