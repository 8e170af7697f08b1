# The commands of a checkout. They need make and Python 3.11.4 or later; the packages that a target uses
# are first installed into .venv, from the pinned files in requirements/. Tests, checks and examples
# that need more, such as Go or a browser, are left out where it is missing; the last line says so.

PYTHON ?= python3
# The number of processes that run the tests; they share the PostgreSQL servers of the run. On two
# cores the third one uses the time in which others wait for processes and time-outs.
PROCESSES ?= 3
# Arguments for the tool, as in: make test ARGS="tests/unit -k email"
ARGS ?=

BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --system-certs --quiet --python $(BIN)/python --python-version 3.11.4 --universal \
	--generate-hashes --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
STUBS := src/customers/entrypoints/grpc/generated
# Adds the variables of .env, if it exists; those of the environment take precedence.
WITH_ENV = $(if $(wildcard .env),$(BIN)/dotenv --file .env run --no-override --)

# With it, each of the many processes of a run would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install run migrate test check examples bench compare bench-segments drill mutants build clean lock \
	proto openapi metrics-docs released

help: ## Shows this list
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target does; do printf '  make %-14s %s\n' "$$target" "$$does"; done

install: .venv/.dev ## Installs the service and all its tools into .venv

run: .venv/.run ## Serves on http://127.0.0.1:8089, with the settings of .env; sets up .venv first
	@exec $(WITH_ENV) sh -c \
		'echo "Starting on http://$${HOST:-127.0.0.1}:$${PORT:-8089} ..."; exec $(BIN)/customers serve'

migrate: .venv/.run ## Migrates the database of .env to the newest revision
	@exec $(WITH_ENV) $(BIN)/customers migrate

test: .venv/.dev ## Runs all tests; ARGS="tests/unit -k email" for some
	@tools/left-out test $(BIN)/pytest -n $(PROCESSES) $(ARGS)

check: ## Checks format, style, types, import contracts, dependencies, proto, OpenAPI, SQL, Dockerfile
	@tools/left-out check $(MAKE) --no-print-directory --keep-going --jobs=3 $(SYNC) \
		check-openapi check-types check-rest

# The slow checks run beside the others. The first one needs no .venv, and compiles its tool once.
.PHONY: check-openapi check-types check-rest
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=line)

check-openapi:
	tools/oasdiff/check docs/released/openapi.json docs/openapi.json

check-types: .venv/.dev
	$(BIN)/mypy

check-rest: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/uv pip check --quiet --python $(BIN)/python
	$(BIN)/buf format --diff --exit-code proto
	$(BIN)/buf lint
	$(BIN)/buf breaking proto --against proto/released.json
	proto/generate.sh --check $(STUBS)
	PATH=$(BIN):$$PATH $(BIN)/python testkit/generate.py --check docs/openapi.json
	$(BIN)/python -m alembic upgrade head --sql > .venv/schema.sql
	$(BIN)/squawk .venv/schema.sql
	$(BIN)/hadolint Dockerfile

examples: .venv/.dev ## Runs the examples for consuming teams, with the toolchains it finds
	@tools/left-out examples examples/run $(ARGS)

bench: .venv/.dev ## Measures operations with 1,000,000 customers, and access control; needs wrk
	$(BIN)/python -m benchmarks $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m benchmarks.access)

compare: .venv/.dev ## Compares the cost of each request with that of BEFORE=commit; needs wrk
	$(BIN)/python -m benchmarks.compare $(BEFORE) $(ARGS)

bench-segments: .venv/.dev ## Compares the cost of segments: large and small tenants, with and without segments
	$(BIN)/python -m benchmarks.segments $(ARGS)

drill: .venv/.dev ## Tries a migration, identity providers, and what one caller can do to the others; tests with more examples; takes an hour
	$(BIN)/python -m benchmarks.worst_bodies
	$(BIN)/python -m benchmarks.forged_cursors
	$(BIN)/python -m benchmarks.connections
	$(BIN)/python -m benchmarks.segment_walls
	$(BIN)/python -m benchmarks.bulkheads
	$(BIN)/python -m benchmarks.migration
	$(BIN)/pytest -n $(PROCESSES) --hypothesis-profile=thorough --timeout=3600 -m hypothesis
	$(BIN)/pytest -n $(PROCESSES) --hypothesis-profile=thorough tests/integration/test_schemathesis.py
	@tools/left-out drill $(BIN)/python -m benchmarks.identity_providers

mutants: .venv/.dev ## Takes each field away from each place; a test or mypy must name it; takes half an hour
	$(BIN)/python -m tools.field_mutants $(ARGS)

build: .venv/.run ## Builds wheels and sdists of the service and the test kit into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m build --no-isolation --outdir dist testkit

clean: ## Removes build results and caches; keeps .venv and data
	rm -rf dist .left-out .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests migrations -name __pycache__ -prune -exec rm -rf {} +

lock: .venv/.dev ## Pins the dependencies of pyproject.toml; UPGRADE=1 upgrades them
	$(LOCK) --group install --output-file requirements/install.txt
	$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	$(LOCK) --group build --constraint requirements/runtime.txt --output-file requirements/build.txt
	$(LOCK) pyproject.toml --extra embedded --group build --constraint requirements/runtime.txt \
		--constraint requirements/build.txt --output-file requirements/run.txt
	$(LOCK) pyproject.toml --extra embedded --group dev --constraint requirements/run.txt \
		--constraint requirements/install.txt --output-file requirements/dev.txt

proto: .venv/.dev ## Generates the gRPC code from proto/
	proto/generate.sh $(STUBS)

openapi: .venv/.dev ## Generates docs/openapi.json, docs/openapi.yaml and the test kit's client
	$(BIN)/customers openapi > .venv/openapi.json && mv .venv/openapi.json docs/openapi.json
	$(BIN)/customers openapi --yaml > .venv/openapi.yaml && mv .venv/openapi.yaml docs/openapi.yaml
	PATH=$(BIN):$$PATH $(BIN)/python testkit/generate.py docs/openapi.json

metrics-docs: .venv/.dev ## Generates docs/metrics.md
	$(BIN)/python -m customers.entrypoints.observability.metrics_page > .venv/metrics.md && \
		mv .venv/metrics.md docs/metrics.md

released: .venv/.dev ## Makes the current proto and OpenAPI document the baseline for breaking changes
	$(BIN)/buf build proto --exclude-source-info -o proto/released.json
	cp docs/openapi.json docs/released/openapi.json
	git rev-parse HEAD > docs/released/commit

# Serving needs far fewer packages than testing, so the first start is quick.
.venv/.run: requirements/install.txt requirements/run.txt pyproject.toml
	@PYTHON=$(PYTHON) tools/install requirements/run.txt .
	@touch $@

.venv/.dev: requirements/install.txt requirements/dev.txt pyproject.toml testkit/pyproject.toml
	@PYTHON=$(PYTHON) tools/install requirements/dev.txt . testkit
	@# Here buf.yaml finds the protos of Google's packages, independent of the Python version.
	@ln -sfn "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" .venv/protos
	@touch .venv/.run $@
