# The commands of a checkout. They need make and Python 3.11 or later; whatever else a target uses
# is first installed into .venv, from the pinned files in requirements/.

PYTHON ?= python3
# The number of processes that run the tests; they share the PostgreSQL servers of the run.
PROCESSES ?= 2
# Arguments for the tool, as in: make test ARGS="tests/unit -k email"
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
PINNED := $(PIP) install --no-deps --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --python $(BIN)/python --python-version 3.11 --universal \
	--generate-hashes --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
STUBS := src/customers/entrypoints/grpc/generated
# Adds the variables of .env, if it exists; those of the environment take precedence.
WITH_ENV = $(if $(wildcard .env),$(BIN)/dotenv --file .env run --no-override --)

.DEFAULT_GOAL := help
.PHONY: help install run migrate test check examples bench bench-segments mutants build clean lock \
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
	$(BIN)/pytest -n $(PROCESSES) $(ARGS)

check: .venv/.dev ## Checks format, style, types, import contracts, dependencies, proto, SQL, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/pip check
	$(BIN)/buf format --diff --exit-code proto
	$(BIN)/buf lint
	$(BIN)/buf breaking proto --against proto/released.json
	proto/generate.sh --check $(STUBS)
	PATH=$(BIN):$$PATH $(BIN)/python testkit/generate.py --check docs/openapi.json
	$(BIN)/python -m alembic upgrade head --sql > .venv/schema.sql
	$(BIN)/squawk .venv/schema.sql
	$(BIN)/hadolint Dockerfile
	tools/oasdiff/check docs/released/openapi.json docs/openapi.json

examples: .venv/.dev ## Runs the examples for consuming teams, with the toolchains it finds
	examples/run $(ARGS)

bench: .venv/.dev ## Measures operations against their targets, with 1,000,000 customers; needs wrk
	$(BIN)/python -m benchmarks $(ARGS)

bench-segments: .venv/.dev ## Compares the cost of segments: large and small tenants, with and without segments
	$(BIN)/python -m benchmarks.segments $(ARGS)

mutants: .venv/.dev ## Takes each field away from each place; a test must name it; takes an hour
	$(BIN)/python -m tools.field_mutants $(ARGS)

build: .venv/.run ## Builds wheels and sdists of the service and the test kit into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m build --no-isolation --outdir dist testkit

clean: ## Removes build results and caches; keeps .venv and data
	rm -rf dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests migrations -name __pycache__ -prune -exec rm -rf {} +

lock: .venv/.dev ## Pins the dependencies of pyproject.toml; UPGRADE=1 upgrades them
	$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	$(LOCK) --group build --constraint requirements/runtime.txt --output-file requirements/build.txt
	$(LOCK) pyproject.toml --group dev --constraint requirements/runtime.txt \
		--constraint requirements/build.txt --output-file requirements/dev.txt

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
count = $$(grep -h == $(1) | cut -d= -f1 | sort -u | grep -c .)
.venv/.run: requirements/runtime.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
		'The service needs Python 3.11 or later; $(PYTHON) is older: try make PYTHON=python3.12' >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo 'Creating .venv ...'; \
		$(PYTHON) -m venv --clear .venv; }
	@echo "Installing $(call count,requirements/runtime.txt requirements/build.txt) pinned packages ..."
	@$(PINNED) -r requirements/runtime.txt -r requirements/build.txt
	@echo 'Installing the service ...'
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt testkit/pyproject.toml
	@echo "Installing $(call count,requirements/dev.txt) pinned packages for tests and checks ..."
	@$(PINNED) -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable testkit
	@# Here buf.yaml finds the protos of Google's packages, independent of the Python version.
	@ln -sfn "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" .venv/protos
	@touch $@
