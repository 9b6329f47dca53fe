# Leat's targets; Meson and Ninja do the work.
# SPDX-License-Identifier: Apache-2.0
BUILD ?= build
T ?=
PYTHON ?= $(shell /usr/bin/python3 -c 'import numpy' 2>/dev/null && echo /usr/bin/python3 || echo python3)
NINJA = ninja -C $(BUILD) $(if $(V),-v,--quiet)
# Debian's ninja 1.11 knows --quiet; anything older prints its lines.

all: $(BUILD)/build.ninja
	@$(NINJA)

$(BUILD)/build.ninja:
	@meson setup $(BUILD) >/dev/null

check: all
	@BUILD=$(BUILD) T=$(T) PYTHON=$(PYTHON) $(PYTHON) tests/run.py $(BUILD)

demo: all
	@examples/census/demo.sh $(BUILD)

lint:
	@$(PYTHON) tools/lint.py

fmt:
	@git ls-files 'src/*.[ch]' 'include/*.h' 'tests/*.[ch]' | xargs clang-format -i
	@if [ -d web/board/node_modules ]; then cd web/board && npm run --silent fmt; fi

peers:
	@python3 -m venv $(BUILD)/peers && $(BUILD)/peers/bin/pip install -q -r bench/peers/requirements.txt
	@$(BUILD)/peers/bin/pip install -q --no-deps nvidia-pytriton==0.7.0 # Its numpy<2 is its client's; the server in it needs none.

bench: all
	@$(PYTHON) bench/run.py $(BUILD)

soak: all
	@T=$(T) $(PYTHON) tests/soak.py $(BUILD)
	@$(PYTHON) tests/soak_board.py $(BUILD)
	@$(PYTHON) tests/soak_flow.py $(BUILD)

fuzz:
	@T=$(T) fuzz/run.sh

verify: all
	@T=$(T) $(PYTHON) tools/verify.py $(BUILD)

interop: all
	@python3 tests/interop/run.py $(BUILD)

# The board's page: its sources in web/board/src, what is built and embedded in web/board/dist.
NODE_MODULES = web/board/node_modules/.package-lock.json

$(NODE_MODULES): web/board/package-lock.json
	@cd web/board && npm ci --silent --no-audit --no-fund --ignore-scripts && touch node_modules/.package-lock.json

web: $(NODE_MODULES)
	@cd web/board && npm run --silent build

e2e: all $(NODE_MODULES)
	@cd web/board && npm run --silent check
	@BUILD=$(BUILD) T="$(T)" node tests/e2e/run.mjs

install: all
	@meson install -C $(BUILD)

clean:
	@rm -rf $(BUILD) build-*

.PHONY: all check demo lint fmt peers bench soak fuzz verify interop web e2e install clean
