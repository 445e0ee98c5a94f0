# What can be done here; `make` alone lists it. Everything is prepared on the way.

# The interpreter's package has wheels for some versions of Python; 3.11 is one of them.
PYTHON ?= $(or $(shell command -v python3.11),python3)
BIN := .venv/bin
READY := .venv/.ready
LIBRARY := build/lib/logging.py
STUBS := build/stubs/esp32/.ready build/stubs/rp2/.ready
I386 := build/i386/places.json
PAGE_JS := dashboard/mqtt.min.js
BASIC_FTP := tests/ftp/node_modules/.package-lock.json
ARGS ?=
JOBS ?= 4
MINUTES ?= 10
SEED ?=

.DEFAULT_GOAL := help
.PHONY: help run test test-ha test-picow picow-figures fuzz soak lint deps page dashboard \
	dashboard-figures docs bench bench-quick package wheel picture clean

help: ## list what make can do
	@echo 'make run ARGS="--ftp-port 2122" passes options on; so does make test ARGS="tests/sim -x".'
	@echo 'Most tests wait: make test runs JOBS=4 at a time.'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

run: $(READY) $(LIBRARY) $(I386) ## start a simulated board and say how to log in
	@host/how-to-log-in $(ARGS)
	@exec $(BIN)/outpost sim $(ARGS)

test: $(READY) $(LIBRARY) $(I386) $(STUBS) ## run all tests; as root on Debian it installs what they drive
	@host/system-packages
	@$(MAKE) --no-print-directory $(PAGE_JS) || echo 'NOT TESTED: the dashboard, for want of its libraries'
	@$(MAKE) --no-print-directory $(BASIC_FTP) || echo 'NOT TESTED: basic-ftp, which npm fetches'
	$(BIN)/pytest -n $(JOBS) --dist loadgroup $(ARGS)

test-ha: $(READY) $(LIBRARY) $(I386) build/ha/bin/hass ## run Home Assistant's own checks on what boards announce
	$(BIN)/pytest tests/homeassistant $(ARGS)

test-picow: $(READY) $(LIBRARY) $(I386) ## run Outpost on a Pico W's firmware, emulated; PICO_W=DIR; as root
	@host/system-packages picow
	$(BIN)/pytest tests/picow $(ARGS)

picow-figures: $(READY) $(LIBRARY) ## measure heap and speed there; PICO_W=DIR, ARGS=--write into docs/
	@host/system-packages picow
	PYTHONPATH=tests $(BIN)/python -m picow.figures $(ARGS)

fuzz: $(READY) $(LIBRARY) $(I386) ## look for what breaks it, with new seeds; MINUTES=10, SEED=N repeats a round
	$(BIN)/python tools/fuzz.py $(MINUTES) "$(SEED)"

soak: $(READY) $(LIBRARY) $(I386) ## a board's day in 20 minutes; as root; ARGS=--short, or --write into docs/
	@host/system-packages
	PYTHONPATH=tests:tools:. $(BIN)/python -m soak $(ARGS)

lint: $(READY) $(STUBS) ## check style, format, and that boards have what is asked of them
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright
	$(BIN)/python tools/ports.py

deps: $(READY) ## fetch what boards import, and a 32-bit MicroPython; MICROPYTHON_LIB=DIR names a checkout
	$(BIN)/python -m outpost.dependencies
	$(BIN)/python -m outpost.sim.i386

page: $(PAGE_JS) ## fetch mqtt.js and uPlot: dashboard/ is then whole, for any static web server

dashboard: $(READY) $(LIBRARY) $(I386) $(PAGE_JS) ## show the web page with a broker and three busy boards
	@exec $(BIN)/outpost dashboard --demo $(ARGS)

dashboard-figures: $(READY) $(LIBRARY) $(I386) $(PAGE_JS) ## measure the page with 100 boards in a real browser
	$(BIN)/python tools/page_load.py

docs: .venv/.docs ## build the site of these pages in build/site; a broken link fails
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/site
	@echo 'Open build/site/index.html'

bench: $(READY) $(LIBRARY) $(I386) ## measure speed and heap beside peers; ARGS="--help" tells its options
	$(BIN)/python -m bench $(ARGS)

bench-quick: $(READY) $(LIBRARY) $(I386) ## the same in under two minutes
	$(BIN)/python -m bench --quick $(ARGS)

package: $(READY) $(LIBRARY) ## build a release: for mip, for firmware, with map and checksums
	$(BIN)/python -m outpost.package

wheel: $(READY) $(LIBRARY) $(PAGE_JS) ## build what `pip install outpost` installs, in build/wheel
	rm -rf build/python build/wheel
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel .
	@ls build/wheel/*.whl

picture: $(READY) $(LIBRARY) $(I386) $(PAGE_JS) ## draw the pictures in docs anew; as root, for port 123
	$(BIN)/python tools/pictures/session.py
	$(BIN)/python tools/pictures/watch.py
	$(BIN)/python tools/pictures/push.py
	$(BIN)/python tools/pictures/dashboard.py

clean: ## remove what was built, simulated flash too; .venv stays
	rm -rf build dashboard/node_modules tests/ftp/node_modules $(PAGE_JS) dashboard/uPlot.* .pytest_cache .ruff_cache

$(READY): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	@touch $@

# Only the site wants these.
.venv/.docs: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

$(LIBRARY): | $(READY)
	$(BIN)/python -m outpost.dependencies

build/stubs/%/.ready: tools/stubs/%.txt | $(READY)
	rm -rf $(@D)
	$(BIN)/pip install --quiet --disable-pip-version-check --target $(@D) -r $<
	@touch $@

$(I386): | $(READY)
	$(BIN)/python -m outpost.sim.i386

# Home Assistant is large, and wants versions of its own.
build/ha/bin/hass: tests/homeassistant/requirements.txt
	$(PYTHON) -m venv build/ha
	build/ha/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(PAGE_JS): dashboard/package.json dashboard/package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing, which fetches mqtt.js and uPlot' >&2; exit 1; }
	cd dashboard && npm ci --loglevel=error && cp node_modules/mqtt/dist/mqtt.min.js \
		node_modules/uplot/dist/uPlot.iife.min.js node_modules/uplot/dist/uPlot.min.css .
	@touch $@

$(BASIC_FTP): tests/ftp/package-lock.json
	cd tests/ftp && npm ci --loglevel=error
	@touch $@
