# Everything a developer or a reader runs. `make` alone lists it.

SHELL := /bin/bash
PYTHON ?= $(shell for one in python3.11 python3.12 python3.13 python3; do \
	"$$one" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null \
		&& command -v "$$one" && break; done)
BIN := .venv/bin
WORKERS ?= 2
COVERAGE_FLOOR ?= 90
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help up test check bench dashboards settings site pictures requirements web clean
.PHONY: prove soak prove-overload prove-readers prove-idle prove-slow prove-providers prove-security prove-cluster prove-sentinel prove-takeover prove-durability prove-power-cut prove-shortage prove-restart prove-torn prove-ends prove-clocks prove-draining prove-model prove-workers prove-warehouse prove-statistics prove-restore

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The environment. Each stamp is written last, so that an interrupted installation is done again;
# so is one whose pins have changed.

.venv/venv.stamp:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with its venv module is needed (Debian:" \
		"apt-get install python3 python3-venv); or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making the environment in .venv with $(PYTHON)"
	@"$(PYTHON)" -m venv --clear .venv
	@touch $@

.venv/run.stamp: requirements/run.txt pyproject.toml | .venv/venv.stamp
	@echo "Installing what the product needs (the first time takes a minute)"
	@$(PIP) --require-hashes --requirement requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

.venv/dev.stamp: requirements/dev.txt .venv/run.stamp
	@echo "Installing what the tests and checks need"
	@$(PIP) --require-hashes --requirement requirements/dev.txt
	@touch $@

up: .venv/run.stamp ## Start everything on this machine and say where to go
	@exec $(BIN)/triage up

test: .venv/dev.stamp ## Run the tests, and hold their coverage above its floors
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -n $(WORKERS) $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --fail-under=100 --include='app/domain/*' --format=total > /dev/null \
		|| { $(BIN)/coverage report --include='app/domain/*' --show-missing; exit 1; }
	@$(BIN)/coverage report --fail-under=$(COVERAGE_FLOOR) --skip-covered --show-missing

check: .venv/dev.stamp ## Check style, types and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev.stamp ## Measure; the figures are printed and written to var/
	$(BIN)/python -m pytest -m slow tests/bench -s $(ARGS)

STORIES := app/playbooks/stories/legal_br

weights: .venv/dev.stamp ## Teach the legal playbook anew; the same stories give the same file
	OPENBLAS_NUM_THREADS=1 $(BIN)/triage playbook teach app/playbooks/legal_br.toml \
		$(STORIES).tuned.jsonl $(STORIES).taught.{1..12}.jsonl $(ARGS)

# Every test run takes these proofs with few rounds; here they take many, or as many as ROUNDS says.
prove = TRIAGE_PROOF_ROUNDS=$(or $(ROUNDS),$(1)) $(BIN)/python -m pytest -m '' --timeout 3600 $(2) $(ARGS)

prove-takeover: .venv/dev.stamp ## Kill whoever answers, two hundred times, and count the words
	$(call prove,140,tests/faults/test_takeover.py)

prove-durability: .venv/dev.stamp ## Kill Valkey under writers, and look for what was acknowledged
	$(call prove,20,tests/faults/test_durability.py tests/faults/test_expiry.py)

prove-power-cut: .venv/dev.stamp ## Cut the disk off under writers, thirty times, and look for what was acknowledged
	$(call prove,30,tests/faults/test_power_cut.py)

prove-shortage: .venv/dev.stamp ## Fill disk and memory under writers, ten times, and see what is still done
	$(call prove,10,tests/faults/test_disk_full.py)

prove-restart: .venv/dev.stamp ## Kill Valkey with a hundred thousand conversations, and time its return
	$(call prove,100000,tests/faults/test_restart.py)

prove-ends: .venv/dev.stamp ## Let a hundred thousand cases end in one second, and look at what others wait
	$(call prove,100000,tests/faults/test_many_ends.py)

prove-clocks: .venv/dev.stamp ## Set clocks an hour apart, kill thirty instances, and count the words
	$(call prove,30,tests/faults/test_clock.py)

prove-torn: .venv/dev.stamp ## Tear and damage Valkey's files in three hundred places each, and see what it does
	$(call prove,300,tests/faults/test_torn.py)

prove-sentinel: .venv/dev.stamp ## Kill primaries under writers, ten times, and let Sentinel name others
	$(call prove,10,tests/faults/test_sentinel.py)

prove-cluster: .venv/dev.stamp ## Kill primaries of a cluster under writers, and move its slots, twenty times
	$(call prove,20,tests/faults/test_cluster.py)

prove-draining: .venv/dev.stamp ## Stop and replace instances under load, and look for failures
	$(call prove,20,tests/faults/test_draining.py)

prove-model: .venv/dev.stamp ## Try random histories of kills and freezes against a model
	$(call prove,150,tests/faults/test_model.py)

prove-workers: .venv/dev.stamp ## Kill workers in the middle of analyses, two hundred times
	$(call prove,200,tests/faults/test_workers.py)

prove-warehouse: .venv/dev.stamp ## Kill workers while they drain, two hundred times, and count the facts
	$(call prove,200,tests/faults/test_warehouse.py)

prove-restore: .venv/dev.stamp ## Back up under writers, lose everything, and put it back
	$(call prove,20,tests/faults/test_restore.py)

prove-readers: .venv/dev.stamp ## Let five hundred readers never read, and look who is hurt
	$(call prove,500,tests/faults/test_readers.py)

prove-idle: .venv/dev.stamp ## Hold a thousand streams open for ten minutes
	$(call prove,1000,tests/faults/test_idle_streams.py)

prove-slow: .venv/dev.stamp ## Send two thousand requests that never end to a bare instance
	$(call prove,2000,tests/faults/test_slow_heads.py)

prove-overload: .venv/dev.stamp ## Let ten times as many people come as can be served, for ten seconds
	$(call prove,10,tests/faults/test_overload.py)

prove-providers: .venv/dev.stamp ## Let one in twenty calls at providers fail, in two thousand streams
	$(call prove,2000,tests/faults/test_provider_faults.py)

prove-security: .venv/dev.stamp ## Try to talk models into things, and look for secrets in all that is written
	$(call prove,100,tests/security)

soak: .venv/dev.stamp ## Let people come and go for MINUTES=30, and look whether anything grows
	$(call prove,$(or $(MINUTES),30),tests/faults/test_soak.py)

prove-statistics: .venv/dev.stamp ## Simulate experiments, twenty thousand of each kind, and count false wins
	$(call prove,20000,tests/analytics/test_simulate.py -s)

prove: .venv/dev.stamp ## Run every proof and the soak, some hours, and sum up what was tried and lost
	@$(BIN)/python -m tests.support.prove $(shell sed -n 's/^\(prove-[a-z-]*\|soak\):.*/\1/p' $(MAKEFILE_LIST))

dashboards: .venv/run.stamp ## Write the dashboards that Grafana shows, from dashboards/*.py
	@$(BIN)/python -m dashboards

site: .venv/dev.stamp ## Build the documents into a site, build/site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

settings: .venv/run.stamp ## Write the page about settings, from app/settings.py
	@$(BIN)/triage settings --markdown > docs/settings.md

pictures: .venv/dev.stamp ## Draw the page, the dashboards of a real installation, and reports, for the manual
	$(BIN)/python -m pytest -m slow tests/dashboards/test_pictures.py \
		tests/browser/test_report_pictures.py tests/browser/test_page_pictures.py -s $(ARGS)

requirements: .venv/dev.stamp ## Pin the dependencies anew, with hashes
	@$(PIP) uv
	@for set in run dev; do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
			--generate-hashes --no-header --no-annotate --no-emit-package triage \
			$$([ $$set = dev ] && echo --extra dev) \
			requirements/$$set.in pyproject.toml --output-file requirements/$$set.txt || exit 1; \
	done
	@echo "requirements/run.txt and requirements/dev.txt are new; look at the difference"

# The TypeScript client and the pages. What it builds is committed: running the product needs no Node.

app/web/node_modules/.stamp: app/web/package-lock.json
	@cd app/web && npm ci --no-progress
	@touch $@

web: .venv/run.stamp app/web/node_modules/.stamp ## Build the client and the pages, which needs Node 20
	@set -o pipefail; $(BIN)/triage openapi | (cd app/web && node build.mjs schema)
	@cd app/web && node build.mjs check && node build.mjs all

clean: ## Remove the environment and every cache; the data in var/ stays
	rm -rf .venv build dist *.egg-info .coverage .coverage.* \
		.mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis tests/dashboards/schema/node_modules \
		app/web/node_modules
	find app plugins jobs tests -name __pycache__ -prune -exec rm -rf {} +
