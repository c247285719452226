# Two commands on a fresh machine: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin

# Benchmarks check that answers are equal; `make benchmarks` runs them small, python -m benchmarks at any size.
.PHONY: demo test spark benchmarks campaign campaign-plants fuzz lint types imports docs check lock clean

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: .venv/ready
	$(BIN)/kaoji demo $(ARGS)

test: .venv/ready
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

# Apache Spark for the tests marked `spark` and for --engine spark; it is large, so it is not part of the set-up.
spark: .venv/spark
.venv/spark: .venv/ready requirements-spark.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock
	touch $@

benchmarks: .venv/ready
	$(BIN)/python -m pytest benchmarks --benchmark-disable $(ARGS)

# Kill consumers and views at every step (docs/explanation/campaigns.md): make campaign SEED=7 CRASHES=1000
campaign: .venv/ready
	$(BIN)/python -m tests.campaigns.crashes $(if $(SEED),--seed $(SEED)) $(if $(CRASHES),--crashes $(CRASHES)) $(ARGS)

# Plant bugs in copies of the product, and list which seed of the campaign finds each: ARGS="--plant no-fencing"
campaign-plants: .venv/ready
	$(BIN)/python -m tests.campaigns.plants $(if $(SEED),--seed $(SEED)) $(ARGS)

# Send mutated records through every way in: make fuzz SEED=7 RECORDS=1000000
fuzz: .venv/ready
	$(BIN)/python -m tests.campaigns.fuzz $(if $(SEED),--seed $(SEED)) $(if $(RECORDS),--records $(RECORDS)) $(ARGS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

imports: .venv/ready
	$(BIN)/lint-imports

docs: .venv/ready
	$(BIN)/python -m api.reference --check

check: test benchmarks lint types imports docs

lock:
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra traces --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra traces --extra spark --constraint requirements.lock --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements-spark.lock

clean:
	rm -rf .venv
