# SPDX-License-Identifier: GPL-2.0-or-later
# Short names for what meson, ninja and the scripts do; each target does its own set-up.
BUILD ?= build
PREFIX ?= /usr/local

all: $(BUILD)/handfast

# Installs what is lacking, once; afterwards it only looks.
setup-demo:
	@scripts/setup demo
setup-test:
	@scripts/setup test

# meson knows what changed; make does not have to.
$(BUILD)/handfast: FORCE
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --prefix=$(PREFIX) || \
		{ echo "make: something that building takes is lacking; scripts/setup build installs it" >&2; exit 1; }
	@ninja -C $(BUILD) handfast

demo: setup-demo
	@$(MAKE) --no-print-directory $(BUILD)/handfast
	@lab/demo

# Everything a change has to pass; ends with "N passed, N failed". SUITES names some of tests/suites.
test:
	@tests/run $(if $(WITHOUT),$(addprefix --without ,$(WITHOUT))) $(SUITES)

# The same at full counts, with the long runs; writes docs/reliability.md.
test-all:
	@tests/run --full --report docs/reliability.md $(SUITES)

# Every device by handfast and by QEMU; writes docs/devices.md. DEVICES names some of tests/lab/matrix.devices.
matrix: setup-test
	@$(MAKE) --no-print-directory $(BUILD)/handfast
	@tests=$$(tests/lab/matrix-tests $(DEVICES)) && FULL=1 MATRIX="$(DEVICES)" tests/lab/run --logs build/logs/matrix $$tests
	@$(if $(DEVICES),,tests/lab/matrix-report build/logs/matrix/matrix-*.log >build/devices.md && \
		mv build/devices.md docs/devices.md)

# Handfast beside QEMU: starts (ten minutes), then hot-plug (one to two hours). One of them: bench/run start|hotplug.
bench: setup-test
	@$(MAKE) --no-print-directory $(BUILD)/handfast
	@bench/run start
	@bench/run hotplug

lint: setup-test
	@scripts/lint

install: $(BUILD)/handfast
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(DESTDIR))

clean:
	rm -rf build build-*

FORCE:
.PHONY: all setup-demo setup-test demo test test-all matrix bench lint install clean FORCE
