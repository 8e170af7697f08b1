# Everything that a checkout can be asked for. It needs make and Python 3.11 or later, nothing else:
# what a target uses is installed into .venv first, from the pinned files in requirements/.

PYTHON ?= python3
# How many processes share the tests, and the PostgreSQL servers that are started for them.
PROCESSES ?= 2
# More for pytest, as in: make test ARGS="tests/unit -k email"
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
PINNED := $(PIP) install --no-deps --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --python $(BIN)/python --python-version 3.11 --universal \
	--generate-hashes --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
STUBS := src/customers/entrypoints/grpc/generated
# Puts the variables of .env, if there is one, behind those of the environment.
WITH_ENV = $(if $(wildcard .env),$(BIN)/dotenv --file .env run --no-override --)

.DEFAULT_GOAL := help
.PHONY: help install run migrate test check examples bench bench-segments build clean lock proto \
	openapi released

help: ## Shows these lines
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target does; do printf '  make %-14s %s\n' "$$target" "$$does"; done

install: .venv/.dev ## Installs the service and all its tools into .venv

run: .venv/.run ## Serves on http://127.0.0.1:8089, with what .env says; sets up .venv first
	@exec $(WITH_ENV) $(BIN)/customers serve

migrate: .venv/.run ## Brings the database that .env names to the newest schema
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

examples: .venv/.dev ## Runs the examples for consuming teams, with the toolchains that are there
	examples/run $(ARGS)

bench: .venv/.dev ## Measures every operation beside its limits, with 1,000,000 customers; needs wrk
	$(BIN)/python -m benchmarks $(ARGS)

bench-segments: .venv/.dev ## Compares what segments cost: large tenant to small, with to without
	$(BIN)/python -m benchmarks.segments $(ARGS)

build: .venv/.run ## Builds wheel and sdist, of the service and of the kit, into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m build --no-isolation --outdir dist testkit

clean: ## Removes what was built and cached; .venv and data stay
	rm -rf dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests migrations -name __pycache__ -prune -exec rm -rf {} +

lock: .venv/.dev ## Pins the dependencies of pyproject.toml; UPGRADE=1 takes newer versions
	$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	$(LOCK) --group build --constraint requirements/runtime.txt --output-file requirements/build.txt
	$(LOCK) pyproject.toml --group dev --constraint requirements/runtime.txt \
		--constraint requirements/build.txt --output-file requirements/dev.txt

proto: .venv/.dev ## Generates the gRPC code from proto/
	proto/generate.sh $(STUBS)

openapi: .venv/.dev ## Writes docs/openapi.json, docs/openapi.yaml and the kit's client from the code
	$(BIN)/customers openapi > docs/openapi.json
	$(BIN)/customers openapi --yaml > docs/openapi.yaml
	PATH=$(BIN):$$PATH $(BIN)/python testkit/generate.py docs/openapi.json

released: .venv/.dev ## Makes today's proto and OpenAPI document what later ones must not break
	$(BIN)/buf build proto --exclude-source-info -o proto/released.json
	cp docs/openapi.json docs/released/openapi.json

# Serving needs far less than testing, so that a newcomer's first answer comes soon.
.venv/.run: requirements/runtime.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
		'The service needs Python 3.11 or later, and $(PYTHON) is not: try make PYTHON=python3.12' >&2; exit 1; }
	@echo 'Installing the service into .venv; this happens once.'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(PINNED) -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt testkit/pyproject.toml
	@echo 'Installing the tools for tests and checks into .venv; this happens once.'
	@$(PINNED) -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable testkit
	@# buf.yaml finds the protos of Google's packages here, whatever Python's version is.
	@ln -sfn "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" .venv/protos
	@touch $@
