# make run     start the server from this checkout, on its defaults; make run PORT=9000 on that port
# make test    the tests that need nothing but python3, node and npm
# make fleet   a Redis and three hosts on this machine, to play with; needs redis-server
# make help    everything else

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
CLIENT := signaling_server/web/static/vendor/socket.io.esm.js

# Integration tests that wait for limits, penalties and certificates: not in `make test`.
SLOW := $(addprefix tests/integration/test_,limits.py tokens.py tls.py honest.py secrets.py)

.PHONY: help example run fleet setup test test-all slow lint bench soak recovery-tables deb release \
    clean needs

help:
	@echo 'run       start the server from this checkout (own virtual environment, defaults)'
	@echo 'fleet     a Redis and three hosts that share their rooms, on ports 8081 to 8083, or from PORT'
	@echo 'test      unit tests, scenarios, fuzz, integration, one WebRTC call in each order'
	@echo 'test-all  all tests, as root: also other Pythons, Debian 12, browser, faults, appliance'
	@echo 'lint      ruff, mypy, shellcheck'
	@echo 'bench     cost of a signal, time to start, memory'
	@echo 'soak      tests that take too long for every day: 10,000 models, long dropouts, Debian 11, servers in fleets'
	@echo 'recovery-tables  measure the tables of docs/recovery.md, as root, 80 minutes'
	@echo 'deb       the Debian package, into dist/'
	@echo 'release   VERSION=X.Y.Z: give the unreleased changes that version, and today'"'"'s date'
	@echo 'example   write etc/example.yaml from the schema of the configuration'
	@echo 'clean     remove what the other targets made'

run: $(VENV)/run.stamp $(CLIENT)
	@$(BIN)/hawkeye-signaling $(if $(PORT),--port $(PORT)) $(ARGS)

fleet: $(VENV)/dev.stamp $(CLIENT)
	@.ci/needs tests/fleet
	@$(BIN)/python -m tests.fleet $(PORT)

test: setup
	$(PYTEST) tests/unit tests/scenarios tests/contract tests/fuzz tests/integration $(SLOW:%=--ignore=%)

test-all: needs setup
	.ci/stages

# What tests need beside Debian's packages.
setup: $(VENV)/dev.stamp tests/js/node_modules $(CLIENT)

# The integration tests that `make test` leaves out.
slow: setup
	$(PYTEST) $(SLOW)

needs:
	.ci/needs

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	shellcheck $$(git ls-files '*.sh') .ci/needs .ci/pytest .ci/pythons .ci/run .ci/stages .ci/venv

bench: $(VENV)/dev.stamp
	$(BIN)/python tests/benchmarks/bench.py $(if $(ROWS),--rows $(ROWS)) $(if $(BASE),--base $(BASE))

soak: $(VENV)/dev.stamp tests/js/node_modules
	HYPOTHESIS_PROFILE=soak $(PYTEST) tests/fuzz
	$(PYTEST) -m soak -o faulthandler_timeout=2400 tests
	@.ci/needs tests/fleet
	$(PYTEST) tests/integration --fleet=1

# Skips the faults whose results are already in build/recovery.json.
recovery-tables: $(VENV)/dev.stamp tests/js/node_modules
	@mkdir -p build
	$(BIN)/python -m tests.faults measure build/recovery.json
	$(BIN)/python -m tests.faults fleet build/recovery.json
	$(BIN)/python -m tests.faults tables build/recovery.json

deb:
	packaging/build-deb.sh --output dist

# Then: look at the difference, commit it, tag the commit, make deb.
release:
	@$(PYTHON) packaging/changelog.py release '$(VERSION)' "$$(date -u +%F)"
	@echo 'now: git commit --all --message "Release $(VERSION)" && git tag v$(VERSION) && make deb'

example: $(VENV)/dev.stamp
	$(BIN)/python -c 'from signaling_server.core.config import write; print(write.example(), end="")' \
	    >etc/example.yaml

clean:
	rm -rf .venv* .cache build dist *.egg-info tests/js/node_modules .coverage* \
	    .hypothesis .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/run.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --editable '.[qr]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --editable '.[dev,fast]'
	@touch $@ $(VENV)/run.stamp

# Without npm only the call test page does not work: it says what is missing.
$(CLIENT): packaging/browser.lock
	@if command -v npm >/dev/null; then packaging/fetch-browser-client.sh && touch $@; fi

tests/js/node_modules: tests/js/package-lock.json
	npm ci --prefix tests/js --silent --no-audit --no-fund
	@touch $@
