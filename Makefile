# Bulkhead: `make` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR  := $(PREFIX)/bin
LIBDIR  := $(PREFIX)/lib
DATADIR := $(PREFIX)/share
CONFIG  := /etc/bulkhead

SWIFT         ?= swift
RELEASE_FLAGS := -c release --static-swift-stdlib
FORMATTED     := Package.swift $(wildcard Sources Tests) examples/voting-app/worker/Package.swift examples/voting-app/worker/Sources
# What scripts/install-deps put there because the host lacks it: Python's docker package, docker's client.
CLIENTS       := PATH="$(CURDIR)/.build/venv/bin:$$PATH:$(CURDIR)/.build/docker/usr/bin"

.PHONY: help deps build demo demo-browser demo-down demo-k8s demo-voting-k8s test compare-dockerfiles compare-compose test-crash test-crash-images test-crash-cluster conformance test-guest check lint fence tree compile format bench install uninstall clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the Debian packages that are missing (needs root only when something is missing)
	@scripts/install-deps

build: ## release programs in .build/release/, Swift runtime linked in
	@scripts/install-deps build
	$(SWIFT) build $(RELEASE_FLAGS) --product bulkhead
	$(SWIFT) build $(RELEASE_FLAGS) --product bulkheadd

demo: build ## prove what the platform is, then bring the voting app up, scale it, kill a part, and leave it running (root)
	@scripts/install-deps run demo
	@scripts/demo .build/release
	@scripts/demo-app .build/release

demo-browser: ## vote with headless Chromium at the running voting app, and see the result's page change
	@scripts/install-deps browser
	@python3 -B Tests/IntegrationTests/Python/browser.py http://127.0.0.1:$${VOTE_PORT:-8080}/ http://127.0.0.1:$${RESULT_PORT:-8081}/

demo-down: ## remove the voting app of `make demo` and `make demo-voting-k8s`, its engine, registry and cluster (root)
	@scripts/demo-app down

demo-k8s: build ## a service of six pods on the machine's own cluster, asked while pods are killed (root; two minutes)
	@scripts/install-deps run demo cluster
	@scripts/demo-k8s .build/release

demo-voting-k8s: build ## the voting app by kubectl on the machine's own cluster: votes, scaling, an update, and leave it running (root)
	@scripts/install-deps run demo cluster
	@scripts/demo-app .build/release kubernetes

test: deps ## build and run all tests (root: the kernel tests and the integration tests run too)
	$(SWIFT) build --build-tests
	$(CLIENTS) SWIFT="$(SWIFT)" scripts/test --skip-build --no-parallel

test-crash: deps ## kill -9 the engine 200 times at random moments of a mixed load (about a quarter of an hour)
	$(SWIFT) build --build-tests
	BULKHEAD_CRASH_ROUNDS=200 $(CLIENTS) SWIFT="$(SWIFT)" scripts/test --skip-build --no-parallel --filter CrashTests

compare-dockerfiles: deps ## build the corpus of Dockerfiles here and with docker.io and buildah, and compare the images (root; 4 minutes)
	$(SWIFT) build --product bulkhead
	$(SWIFT) build --product bulkheadd
	@$(CLIENTS) Tests/IntegrationTests/Dockerfiles/compare --programs .build/debug

compare-compose: deps ## run the corpus of compose files here and with Debian's docker-compose, and compare what they make (root; 4 minutes)
	$(SWIFT) build --product bulkhead
	$(SWIFT) build --product bulkheadd
	@$(CLIENTS) python3 -B Tests/IntegrationTests/Python/compose_compare.py --programs .build/debug

test-crash-images: deps ## kill -9 server and engine 100 times while images are pushed, pulled, built and collected (a quarter of an hour)
	$(SWIFT) build --build-tests
	BULKHEAD_CRASH_IMAGE_ROUNDS=100 $(CLIENTS) SWIFT="$(SWIFT)" scripts/test --skip-build --no-parallel --filter ScriptTests/crashImages

test-crash-cluster: deps ## kill -9 server, agent and engine 200 times while objects are written and pods come and go (half an hour)
	$(SWIFT) build --build-tests
	BULKHEAD_CRASH_CLUSTER_ROUNDS=200 $(CLIENTS) SWIFT="$(SWIFT)" scripts/test --skip-build --no-parallel --filter ScriptTests/crashCluster

conformance: deps ## run OCI's distribution conformance suite against a server: CONFORMANCE=path of its built program
	$(SWIFT) build --product bulkheadd
	@python3 -B Tests/IntegrationTests/Python/conformance.py .build/debug/bulkheadd "$(CONFORMANCE)"

test-guest: deps build ## the engine's main jobs on a host with cgroup v2 alone: a QEMU guest made from Debian packages
	Tests/Guest/guest test --programs .build/release

check: lint fence tree compile ## formatter, import fence, shape of the tree, compilation with warnings as errors

lint: ## the formatter's strict lint
	$(SWIFT) format lint --strict --configuration .swift-format --recursive $(FORMATTED)

fence: ## imports point down
	@scripts/install-deps check
	@scripts/import-fence --self-test
	@scripts/import-fence

tree: ## file lengths, dead files, duplicates, words
	@scripts/install-deps check
	@scripts/check-tree --self-test
	@scripts/check-tree

compile: ## programs and tests compile; Package.swift turns every warning into an error
	@scripts/install-deps build
	$(SWIFT) build --build-tests

format: ## format every Swift file in place
	$(SWIFT) format --in-place --configuration .swift-format --recursive $(FORMATTED)

bench: deps build ## measure against docker.io, podman, buildah and docker-registry from Debian (root; half an hour)
	@scripts/install-deps bench
	@$(CLIENTS) Benchmarks/run
	@$(CLIENTS) Benchmarks/images
	@$(CLIENTS) Benchmarks/networks
	@$(CLIENTS) Benchmarks/compose
	@$(CLIENTS) Benchmarks/cluster
	@$(CLIENTS) Benchmarks/pods
	@Benchmarks/services

install: ## install programs, units, group, policy and completions below PREFIX (after `make build`)
	@test -x .build/release/bulkheadd || { echo "install: run 'make build' first" >&2; exit 1; }
	@scripts/install-files "$(DESTDIR)" "$(BINDIR)" "$(LIBDIR)" "$(DATADIR)" "$(CONFIG)"

uninstall: ## remove what `make install` put there; state in /var/lib/bulkhead and the policy stay
	@scripts/install-files --remove "$(DESTDIR)" "$(BINDIR)" "$(LIBDIR)" "$(DATADIR)" "$(CONFIG)"

clean: ## remove what was built
	rm -rf .build
