# SPDX-License-Identifier: MIT
# A thin front of Meson. `make run` shows it at work, `make check` tests it.

BUILD = build
DESTDIR =
MESON_FLAGS =
FUZZ_SECONDS = 60
JOBS = $(shell nproc 2>/dev/null || echo 2)
# The folders a distribution uses: /sbin/init, /usr/lib/upstart/…
LAYOUT = --prefix=/usr --sbindir=/sbin --libexecdir=/usr/lib --sysconfdir=/etc --localstatedir=/var

# make bench-compare OLD NEW: the words behind it are commits, not targets.
ifeq (bench-compare,$(firstword $(MAKECMDGOALS)))
OLD = $(word 2,$(MAKECMDGOALS))
NEW = $(word 3,$(MAKECMDGOALS))
$(wordlist 2,3,$(MAKECMDGOALS)):
	@:
endif

.PHONY: all run check check-long check-daemons bench bench-boot bench-compare install deps analyze fuzz clean help

all: $(BUILD)/build.ninja
	@ninja --quiet -C $(BUILD) -j $(JOBS)

help:
	@echo "make run            install what is missing, build, and show Upstart at work"
	@echo "make check          unit, simulation and system tests, and one boot in QEMU where its kernel is cached"
	@echo "make check-long     the same for longer, and tests that boot machines"
	@echo "make check-daemons  real daemons of Debian, unpacked into a scratch root (part of check-long)"
	@echo "make bench          figures;  make bench-compare OLD NEW: of two commits, in turn"
	@echo "make bench-boot     time and memory of a boot, against other inits (root; half an hour)"
	@echo "make install DESTDIR=D"
	@echo "make deps           install all that building, testing and analysing needs"
	@echo "make analyze        compilers, linters, and the rules of the house"
	@echo "make fuzz           each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS)"

$(BUILD)/build.ninja:
	@tools/deps build
	@meson setup $(LAYOUT) $(MESON_FLAGS) $(BUILD) >/dev/null || { meson setup $(LAYOUT) $(MESON_FLAGS) $(BUILD); exit 1; }

# A whole installation below the build directory: what the demonstration and system tests run.
.PHONY: root
root: all
	@rm -rf $(BUILD)/root
	@DESTDIR=$(abspath $(BUILD))/root meson install -C $(BUILD) --no-rebuild --quiet

run:
	@tools/deps build
	@$(MAKE) --no-print-directory root
	@tools/run-demo $(BUILD)/root

check:
	@tools/deps build test || echo "Going on without; what can't be tested is skipped."
	@$(MAKE) --no-print-directory root
	@UPSTART_TEST_BOOT=once tools/run-tests -C $(BUILD) -j $(JOBS) unit sim bench-smoke system boot

check-long:
	@tools/deps build test boot long || echo "Going on without; what can't be tested is skipped."
	@$(MAKE) --no-print-directory root
	@UPSTART_TEST_LONG=1 tools/run-tests -C $(BUILD) -j $(JOBS) --timeout-factor 20 --file-timeout 7200 unit sim sim-long bench-smoke system boot daemons

check-daemons:
	@tools/deps build test || echo "Going on without; what can't be tested is skipped."
	@$(MAKE) --no-print-directory root
	@tools/run-tests -C $(BUILD) -j $(JOBS) --file-timeout 3600 daemons

bench: root
	@tools/bench $(BUILD)

bench-boot:
	@tools/deps build boot
	@$(MAKE) --no-print-directory root
	@bench/boot -C $(BUILD)

bench-compare:
	@tools/bench-compare $(BENCH_FLAGS) "$(OLD)" "$(NEW)"

install: all
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild --quiet

deps:
	@tools/deps all

analyze:
	@tools/deps build analysis || echo "Going on without; what can't be done is skipped."
	@tools/analyze

fuzz:
	@tools/deps build fuzz
	@tools/fuzz $(FUZZ_SECONDS)

clean:
	@rm -rf $(BUILD) build-analyze build-fuzz
