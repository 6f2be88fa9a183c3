# EchoNode: set-up, demonstration, tests.
#
# Needs Python 3.11 or later and make; `make help` lists what there is. PYTHON=... names another
# interpreter. pip's own environment variables and configuration (mirrors, find-links, proxies) are
# left to work; what is installed is fixed by the hashes in requirements*.lock.

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
BUILD := build

# Stamps: a second call finds them newer than what they were made from, and does nothing.
STAMP_VENV := $(VENV)/.stamp-venv
STAMP_INSTALL := $(VENV)/.stamp-install
STAMP_DEV := $(VENV)/.stamp-dev

# pip as root inside a virtual environment harms nothing, so its warning says nothing.
export PIP_ROOT_USER_ACTION := ignore
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP_INSTALL := $(BIN)/python -m pip install --quiet --require-hashes

# A run of the tests starts hundreds of processes: their modules are compiled once, whatever the
# environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo viewer console-screens unit coverage test postgres check containers containers-cluster long long-record format docs sbom advisories wheel bench faults faults-record fuzz lock clean

# In CI a peer that is missing is a failure; elsewhere its tests are skipped, and say so.
ifeq ($(CI),true)
export ECHONODE_REQUIRE_PEERS := 1
endif

# Unit tests compute: a worker for each of two cores. The others start whole processes and wait for
# them about as long as they compute: one worker more. A file stays on one worker (--dist loadfile),
# so that what it shares, an Orthanc say, is started once. In the folders' order the files that take
# minutes come first, and the last to run are of milliseconds.
WORKERS ?= 2
PEER_WORKERS ?= 3
# Each part of the run, in seconds. pytest-timeout ends one test; this ends what that cannot.
TEST_DEADLINE ?= 3000
# More for pytest: make test PYTEST_ARGS="-k commitment"
PYTEST_ARGS ?=

UNIT := tests/unit tests/test_architecture.py
UNIT_MARKS := not slow and not timing and not long and not full
# Each process gets neighbouring tests, which share what a module or a folder makes once.
SHARED := --dist worksteal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

install: $(STAMP_INSTALL) ## .venv with EchoNode in it; the command is .venv/bin/echonode

demo: $(STAMP_INSTALL) ## the main job end to end on this machine: probe, PACS, commitment, retrieval
	@$(BIN)/echonode demo $(if $(RECORDING),--recording "$(RECORDING)") $(if $(KEEP),--keep)

viewer: $(STAMP_INSTALL) ## fetch the OHIF viewer (50 MB) for web.viewer_port
	@$(BIN)/echonode viewer install --to $(VENV)/share/echonode/viewer

# Of the unit tests alone; it is measured, and no number is a target.
coverage: $(STAMP_DEV) ## which lines the unit tests run: a table, and build/coverage/index.html
	@mkdir -p $(BUILD)
	@COVERAGE_FILE=$(BUILD)/.coverage $(BIN)/python -m coverage run -m pytest -q tests/unit $(PYTEST_ARGS)
	@COVERAGE_FILE=$(BUILD)/.coverage $(BIN)/python -m coverage html -q -d $(BUILD)/coverage
	@COVERAGE_FILE=$(BUILD)/.coverage $(BIN)/python -m coverage report --sort=cover

# One example in five of Hypothesis (tests/support/examples.py), and no test that computes for longer
# than a tenth of a second or waits for longer than half of one; `make test` runs all of them, at
# their full numbers.
unit: $(STAMP_DEV) ## unit tests and the architecture's on all cores: a minute, no peers needed
	@ECHONODE_EXAMPLES=quick $(BIN)/python -m pytest -n auto $(SHARED) $(UNIT) -m "$(UNIT_MARKS)" $(PYTEST_ARGS)

# Unit tests first: what one of them finds is said in the first minutes.
test: $(STAMP_DEV) ## what each change must pass; the real peers are installed when root, and named when missing
	@timeout --foreground --signal=INT --kill-after=30 $(TEST_DEADLINE) \
	    $(BIN)/python -m pytest -n $(WORKERS) $(SHARED) $(UNIT) -m "$(UNIT_MARKS)" $(PYTEST_ARGS) || [ $$? -eq 5 ]
	@tools/real-peers.sh
	@timeout --foreground --signal=INT --kill-after=30 $(TEST_DEADLINE) \
	    env ECHONODE_FORKED_STARTS=1 \
	    $(BIN)/python -m pytest -n $(PEER_WORKERS) --dist loadfile --no-loadscope-reorder \
	    -m "not timing and not long and not full and not containers" $(foreach test,$(UNIT),--ignore=$(test)) $(PYTEST_ARGS) || [ $$? -eq 5 ]
	@timeout --foreground --signal=INT --kill-after=30 $(TEST_DEADLINE) \
	    $(BIN)/python -m pytest -n $(WORKERS) $(SHARED) $(UNIT) -m "slow and not timing and not long and not full" $(PYTEST_ARGS) || [ $$? -eq 5 ]
# What promises milliseconds is measured alone; only its files are read. 5: PYTEST_ARGS chose none.
	@timeout --foreground --signal=INT --kill-after=30 $(TEST_DEADLINE) \
	    $(BIN)/python -m pytest -m timing $$(grep -rl --include='*.py' 'mark\.timing' tests) $(PYTEST_ARGS) || [ $$? -eq 5 ]

check: $(STAMP_DEV) ## formatter, linter, type checker and phrases; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/phrases.py

containers: sbom ## build the image, bring docker-compose.yml up with a simulated probe, and test it
	@tools/containers.sh

containers-cluster: $(STAMP_DEV) ## the same of deploy/cluster/docker-compose.yml: two nodes, of which one is killed
	@ECHONODE_COMPOSITION=cluster tools/containers.sh

format: $(STAMP_DEV) ## let the formatter and the linter repair what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP_DEV) ## write the parts of docs/ that are made from the code
	@$(BIN)/python -m tools.reference

# CycloneDX, from requirements.lock; `docker build` puts it into the image where it was made before.
sbom: $(STAMP_DEV) ## write what the image holds, with licences, to build/echonode.cdx.json
	@$(BIN)/python tools/sbom.py $(BUILD)/echonode.cdx.json

advisories: $(STAMP_DEV) ## known vulnerabilities of the locked packages; says so where it cannot ask
	@$(BIN)/python tools/advisories.py || [ $$? -eq 3 ]

wheel: $(STAMP_DEV) ## the wheel of the commit, the same bytes on every machine, to build/dist
	@tools/wheel.sh

# The console's tests take them; no picture is taken by hand.
console-screens: $(STAMP_DEV) ## take the pictures in docs/console again
	@tools/real-peers.sh
	@ECHONODE_SCREENS=docs $(BIN)/python -m pytest -q -p no:cacheprovider tests/acceptance/console \
	    tests/integration/web/test_desk_pages.py $(PYTEST_ARGS)

bench: $(STAMP_DEV) ## measure against the real peers: table and build/bench.json; ONLY=substring
	@tools/real-peers.sh
	@mkdir -p $(BUILD)
	@$(BIN)/python -m tests.benchmarks --out $(BUILD)/bench.json $(if $(ONLY),--only "$(ONLY)")

postgres: $(STAMP_DEV) ## the store's tests with the index on a real PostgreSQL (minutes)
	@ECHONODE_TEST_INDEX=postgresql $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS) \
	    tests/unit/store tests/unit/maintenance tests/unit/query_retrieve tests/unit/commitment tests/unit/exam

# What takes too long for every change. Its results stand in docs/tests.md.
long: $(STAMP_DEV) ## the tests that take long (twenty minutes and more): run before a release
	@tools/real-peers.sh
	@mkdir -p $(BUILD)
	@$(BIN)/python -m pytest -n $(PEER_WORKERS) --dist loadfile -m "long and not full" \
	    --junitxml=$(BUILD)/long.xml $(PYTEST_ARGS) tests

long-record: $(STAMP_DEV) ## write the results in build/long.xml into docs/tests.md
	@$(BIN)/python tools/record-long.py $(BUILD)/long.xml docs/tests.md

faults: $(STAMP_DEV) ## the fault programme at full numbers (hours); ONLY=expression runs a part
	@tools/real-peers.sh
	@mkdir -p $(BUILD)
	@ECHONODE_FAULTS=full $(BIN)/python -m pytest -p tests.faults.record --timeout=0 $(if $(ONLY),-k "$(ONLY)") \
	    --record-faults=$(BUILD)/faults.json $(PYTEST_ARGS) tests/faults \
	    tests/integration/delivery/test_lines.py tests/integration/store/test_crash_points.py tests/integration/store/test_recycling_crash_points.py \
	    tests/acceptance/test_delivery.py tests/acceptance/test_orders.py \
	    tests/acceptance/test_hostile_values.py tests/acceptance/test_ohif.py tests/acceptance/test_small_machine.py \
	    tests/integration/web/test_live_full.py \
	    tests/integration/copies/test_import.py \
	    tests/integration/cluster tests/integration/store/test_faulty_object_storage.py

faults-record: $(STAMP_DEV) ## write the results in build/faults.json into docs/faults.md
	@$(BIN)/python tools/record-faults.py $(BUILD)/faults.json docs/faults.md

# A night; FUZZ_SECONDS is for all targets together.
FUZZ_SECONDS ?= 28800
fuzz: $(STAMP_DEV) ## fuzz all that reads bytes from outside (8 h); ONLY=target, FUZZ_SECONDS=n
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(if $(ONLY),--only "$(ONLY)")

lock: ## resolve the lock files again from pyproject.toml (maintainers)
	@tools/lock.sh

clean: ## remove what make made; ./var (the store) is never touched
	rm -rf $(VENV) $(BUILD) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP_VENV): tools/setup-venv.sh
	@PYTHON="$(PYTHON)" tools/setup-venv.sh $(VENV)
	@touch $@

# The build back end is locked as well, so nothing is installed that no hash vouches for.
$(STAMP_INSTALL): $(STAMP_VENV) requirements.lock requirements-build.lock pyproject.toml
	@echo "Installing EchoNode into $(VENV)"
	@$(PIP_INSTALL) -r requirements-build.lock -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# One of the test tools comes as source; the locked back end builds it, so that nothing else is fetched.
$(STAMP_DEV): $(STAMP_INSTALL) requirements-dev.lock
	@echo "Installing the test tools into $(VENV)"
	@$(PIP_INSTALL) --no-build-isolation --use-pep517 -r requirements-dev.lock
	@touch $@
