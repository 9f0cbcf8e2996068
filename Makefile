# Two commands on a fresh Debian machine with Swift: make demo, make test.
#
# What is missing is installed with apt where the user may (root, or sudo without a question);
# otherwise the one line to run is printed.

SHELL := /bin/bash
.DEFAULT_GOAL := help
SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=
LIBRARIES := librdkafka-dev libssl-dev libyaml-dev libzstd-dev libxxhash-dev libmicrohttpd-dev \
	pkg-config
# Strict settings stand in Package.swift; tests need to see inside modules, also when optimised.
RELEASE := -c release
TESTS := $(RELEASE) -Xswiftc -enable-testing --scratch-path .build/tests
PROGRAM := .build/release/diversion-monitor

.PHONY: help
help: ## Show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: demo
demo: build ## See it work: a broker in the process, sample data, alerts, a summary
	@$(PROGRAM) demo

.PHONY: build
build: libraries ## Build the program
	@$(SWIFT) build $(RELEASE) --product diversion-monitor

# With KAFKA_HOME (a folder with a script that starts a Kafka) tests on a real one run, too.
.PHONY: test
test: libraries java ## Build and run all tests; KAFKA_HOME or KAFKA_BOOTSTRAP adds a real Kafka
	@$(SWIFT) build $(TESTS) --build-tests
	@$(SWIFT) test $(TESTS) --skip-build

# Faults on a real Kafka (KAFKA_HOME), and a table of what was tried and compared.
.PHONY: chaos
chaos: libraries java ## Faults for 25 minutes: kills, freezes, crashes, cut networks, traffic
	@$(SWIFT) build $(TESTS) --build-tests
	@deploy/chaos.sh daily $(SWIFT) test $(TESTS) --skip-build

.PHONY: chaos-release
chaos-release: libraries java ## The same ten times, and two hours of traffic: nine hours, in pieces that can be resumed
	@$(SWIFT) build $(TESTS) --build-tests
	@$(SWIFT) build $(TESTS) --product simulate
	@deploy/chaos.sh release $(SWIFT) test $(TESTS) --skip-build

# In pieces: what was ended goes on where it was. A history that fails is shown by: simulate trace=SEED
SEEDS ?= 100000
FIRST ?= 1
.PHONY: simulate
simulate: libraries ## Live 100,000 simulated histories (SEEDS, FIRST), in pieces that can be resumed
	@$(SWIFT) build $(TESTS) --product simulate
	@.build/tests/release/simulate first=$(FIRST) count=$(SEEDS) state=.build/simulation-$(FIRST).txt

.PHONY: bench
bench: libraries ## Measure: events per second, memory
	@$(SWIFT) run $(RELEASE) benchmark

.PHONY: format
format: ## Format all Swift files
	@$(SWIFT) format --in-place --parallel --recursive Sources Tests Package.swift

.PHONY: lint
lint: ## Check the format of all Swift files
	@$(SWIFT) format lint --strict --parallel --recursive Sources Tests Package.swift

.PHONY: install
install: build ## Install to PREFIX (/usr/local): program, manual, completions, sample, defaults
	install -Dm755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/diversion-monitor
	mkdir -p $(DESTDIR)$(PREFIX)/share/diversion-monitor
	cp -R fixtures/sample topics deploy $(DESTDIR)$(PREFIX)/share/diversion-monitor/
	mkdir -p $(DESTDIR)$(PREFIX)/share/man/man1
	$(PROGRAM) manual > $(DESTDIR)$(PREFIX)/share/man/man1/diversion-monitor.1
	mkdir -p $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(PROGRAM) completions bash \
		> $(DESTDIR)$(PREFIX)/share/bash-completion/completions/diversion-monitor
	mkdir -p $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	$(PROGRAM) completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_diversion-monitor
	mkdir -p $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(PROGRAM) completions fish \
		> $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/diversion-monitor.fish

.PHONY: clean
clean: ## Remove everything that was built
	@rm -rf .build

# The packages of LIBRARIES that are missing, and what installs them.
.PHONY: libraries
libraries:
	@$(call ensure,$(LIBRARIES))
	@command -v $(SWIFT) > /dev/null || { \
		echo "Swift is missing: see https://www.swift.org/install/linux/"; exit 1; }

# Java only for a Kafka that the tests start themselves.
.PHONY: java
java:
	@if [ -n "$$KAFKA_HOME" ] && ! command -v java > /dev/null; then \
		$(call ensure,openjdk-17-jre-headless); \
	fi

# Installs the packages named that are missing, and says so.
define ensure
missing=(); \
for name in $(1); do \
	dpkg-query -W -f='$${db:Status-Status}' $$name 2> /dev/null | grep -qx installed \
		|| missing+=("$$name"); \
done; \
if [ $${#missing[@]} -gt 0 ]; then \
	line="apt-get install --yes --no-install-recommends $${missing[*]}"; \
	if [ "$$(id -u)" = 0 ]; then run=(); \
	elif sudo -n true 2> /dev/null; then run=(sudo); \
	else echo "Packages are missing. Run: sudo apt-get update && sudo $$line"; exit 1; fi; \
	echo "Installing $${missing[*]}"; \
	"$${run[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "$${run[@]}" $$line -qq; \
fi
endef
