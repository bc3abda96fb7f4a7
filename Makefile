# The commands of this project. `make help` lists them; `make local` and `make test` do their own set-up.
SHELL := /bin/bash
BIN := .venv/bin
PORT ?= 3000
export SAM_CLI_TELEMETRY := 0
# SAM and cfn-lint want a region and credentials, and never use them here.
OFFLINE := AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none
TOOLS := PATH="$(CURDIR)/.venv/bin:$(CURDIR)/.tools/bin:$$PATH"

# What a second DynamoDB can tell apart: not the faults that are made before a call reaches it.
ON_AN_ENGINE := tests/flows tests/attacks $(addprefix --ignore=tests/attacks/,test_faults.py test_transaction_faults.py test_refused_guesses.py)

.DEFAULT_GOAL := help
.PHONY: help setup local test branches check e2e fuzz model mutations bench moving screenshots translations sbom build deploy lock clean

help: ## list these commands
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## /  make \1\t/' | expand -t 18

setup:
	@scripts/setup

local: setup ## serve everything on this machine (PORT=3000, TLS=1 for https, LOG=1 for logs, MAIL=1 for notices)
	@PORT=$(PORT) $(BIN)/python -m local

test: setup ## unit, flow, function and attack tests, with coverage
	@$(BIN)/coverage erase
	@$(BIN)/python -m pytest -m "not e2e" -n auto --cov --cov-report=term --cov-fail-under=97

branches: setup ## the same with branch coverage, by Python's tracer: twice the time
	@$(BIN)/coverage erase
	@COVERAGE_CORE=ctrace $(BIN)/python -m pytest -m "not e2e" -n auto --cov --cov-branch --cov-report=term --cov-fail-under=95

check: setup ## types, lint, the template (checkov too), a build, and every expression on AWS's DynamoDB Local (Java, npm)
	@scripts/system-packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(OFFLINE) $(BIN)/sam validate --lint
	@scripts/tool checkov
	$(OFFLINE) $(BIN)/python -m tests.checkov
	@$(MAKE) --no-print-directory build
	@scripts/dynamodb-local
	DYNAMODB_LOCAL=1 SECONDSTEP_AWS_CLIENT=lean scripts/loopback-only $(BIN)/python -m pytest -n auto $(ON_AN_ENGINE)

e2e: setup ## the README's walks in a shell, the pages in Chromium, 32 clients at once (LOAD_SECONDS=60), a deployment
	@scripts/system-packages
	@scripts/tool ministack
	@scripts/tool runtime
	$(BIN)/python -m pytest -m e2e

fuzz: setup ## call what the served OpenAPI document describes, 400 times a route and caller (FUZZ_EXAMPLES; half an hour)
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-400} $(BIN)/python -m pytest -m e2e -n auto tests/fuzz

model: setup ## hold the service against the small model of tests/model for other sequences (MODEL_EXAMPLES=400)
	MODEL_EXAMPLES=$${MODEL_EXAMPLES:-400} $(BIN)/python -m pytest -n auto tests/model

bench: setup build ## calls, CPU, cold start, throughput, size and bill, held to the goals (BENCH="--clients lean"; Java, npm; 15 minutes)
	@scripts/dynamodb-local
	@scripts/tool runtime
	@$(BIN)/python -m tests.bench $(BENCH)

moving: setup ## move 10,000 subscribers in and out: seconds and peak memory (Java, npm; five minutes)
	@scripts/dynamodb-local
	@$(BIN)/python -m tests.bench.moving

screenshots: setup ## every page in every state, into screenshots/; the ones of the README into docs/
	@scripts/system-packages
	$(BIN)/python -m pytest -m e2e tests/browser/test_screenshots.py

translations: setup ## bring the pages' catalogues up to date with the templates, and compile them
	@$(BIN)/python -m tests.translations

sbom: setup ## write docs/sbom.cdx.json, the bill of materials of the layer, from its lock
	@$(BIN)/python -m tests.sbom

mutations: setup ## break one guard at a time; every time a test must turn red (10 minutes)
	@$(BIN)/python -m tests.mutations

build: setup ## build the deployment's artefacts into .aws-sam
	$(TOOLS) $(OFFLINE) $(BIN)/sam build --cached

deploy: build ## deploy into your own AWS account (asks for the parameters)
	$(BIN)/sam deploy --guided --capabilities CAPABILITY_IAM

lock: setup ## resolve the requirements anew, with hashes and without an index address
	@uv=$$(PATH="$$PATH:$(CURDIR)/.tools/bin" command -v uv); for name in layers/secondstep/requirements requirements-dev scripts/tools/ministack scripts/tools/checkov scripts/tools/runtime; do \
	  $$uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links $$name.in --output-file $$name.txt || exit 1; done

clean: ## remove what was built and installed
	rm -rf .venv .tools .aws-sam .mypy_cache .ruff_cache .coverage .hypothesis
