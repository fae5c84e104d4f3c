# Everything that is done to this repository, by hand or by CI. `make` alone lists the targets.
# Needs Go and make; the lint tools are pinned in tools/go.mod and built from source on first use.
# NAME/MODULE does one thing to one module: `make test/muxio`, `make race/drive-core`.

# Topological order: a module stands after every module that it imports (held by `make verify`).
MODULES := drive-core muxio muxio-rpc-service drive-service-definition \
	muxio-rpc-caller muxio-rpc-endpoint muxio-ws-client muxio-ws-server \
	drive-ws-client drive-ws-server drive-cli bench interop

GO         ?= go
FUZZTIME   ?= 20s
TESTFLAGS  ?= -shuffle=on -timeout=15m
BENCHFLAGS ?=
REF        ?= HEAD
PLATFORMS  := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
VETTED     := linux/arm64 darwin/arm64 windows/amd64

# A checkout owned by another user makes version stamping fail; nothing here needs the stamp.
export GO
export GOFLAGS := $(strip $(filter-out -buildvcs%,$(GOFLAGS)) -buildvcs=false)

BIN      := $(CURDIR)/.bin
LINT     := $(BIN)/golangci-lint
# What the linter remembers names files of the checkout that it saw first.
export GOLANGCI_LINT_CACHE := $(BIN)/lint-cache
TEST     := $(BIN)/gotest
PACKAGES  = $(MODULES:%=./%/...)

.DEFAULT_GOAL := help
.PHONY: help build programs vet test test32 race purego simd gen gen-check alone fuzz cross bench bench-simd benchcmp \
	bench-engine bench-rpc bench-service bench-originals bench-scale js autobahn powercut mutants interop interop-format fmt fmt-check lint verify \
	tidy tidy-check check tools clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## Compile every package of every module
	$(GO) build -o /dev/null $(PACKAGES)

programs: ## Build the programs drive and drive-ws-server into .bin/
	$(GO) build -trimpath -o $(BIN)/drive ./drive-cli
	$(GO) build -trimpath -o $(BIN)/drive-ws-server ./drive-ws-server

vet: ## Run go vet over every module, tests included
	$(GO) vet $(PACKAGES)
	$(GO) vet -tags interop ./drive-core ./interop
	$(GO) vet -tags autobahn ./muxio/wsconn

test: $(TEST) ## Run every test of every module
	$(TEST) $(TESTFLAGS) $(PACKAGES)

test32: $(TEST) ## Run the engine's tests as a program with 32-bit addresses (on amd64)
	@if [ "$$($(GO) env GOHOSTARCH)" != amd64 ]; then \
		echo '*** SKIPPED: programs with 32-bit addresses run on amd64 machines only ***'; \
	else \
		CGO_ENABLED=0 GOARCH=386 $(TEST) -short $(TESTFLAGS) ./drive-core; \
	fi

race: $(TEST) ## Run every test under the race detector (needs a C compiler)
	@if [ "$$($(GO) env CGO_ENABLED)" != 1 ]; then \
		echo '*** SKIPPED: the race detector needs cgo, and no C compiler was found ***'; \
	else \
		$(TEST) -race $(TESTFLAGS) $(PACKAGES); \
	fi

purego: $(TEST) ## Run the engine's tests without assembly
	$(TEST) -tags=purego $(TESTFLAGS) ./drive-core/...

# Not cached: go test does not see that a program reads its environment before main.
simd: $(TEST) ## Run tests of the engine that depend on SIMD once with each of its paths
	@for p in off avx2 avx512; do \
		echo "== DRIVE_SIMD=$$p"; \
		DRIVE_SIMD=$$p $(TEST) -count=1 $(TESTFLAGS) -run='Checksum|Golden|Damaged|ScanForward|Recover|Check' ./drive-core || exit 1; \
	done
	$(TEST) -count=1 $(TESTFLAGS) ./drive-core/internal/simd

gen: ## Generate the assembly of drive-core/internal/simd
	cd drive-core/internal/simd/_asm && GOWORK=off $(GO) run . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg simd

gen-check: ## Fail when the assembly is not what its generator writes
	@cd drive-core/internal/simd/_asm && new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && \
	GOWORK=off $(GO) run . -out "$$new/kernels_amd64.s" -stubs "$$new/kernels_amd64.go" -pkg simd && \
	for f in kernels_amd64.s kernels_amd64.go; do \
		sed 1d "$$new/$$f" >"$$new/new" && sed 1d "../$$f" | diff - "$$new/new" || exit 1; \
	done

js: ## Test muxio-js in Node and in Chromium, which is installed when it is missing (needs Node)
	@if command -v node >/dev/null; then \
		GO='$(GO)' sh muxio-js/test/run.sh; \
	else \
		echo '*** SKIPPED: muxio-js is tested in Node, and there is none ***'; \
	fi

autobahn: ## Try both ends of a WebSocket with the Autobahn suite (needs Python 2.7)
	@GO='$(GO)' sh tools/autobahn.sh

powercut: ## Take the power away from a drive on ext4 (Linux, root, /dev/fuse); installs what it needs
	@sh tools/powercut/prepare.sh && cd tools/powercut && GOWORK=off $(GO) test -count=1 -timeout=15m -v ./...

mutants: ## Spoil the engine, one safeguard at a time: some test must fail each time
	@GO='$(GO)' sh tools/mutants.sh

interop: ## Carry calls between ours and the original's clients and servers, which cargo and pip install
	@GO='$(GO)' sh tools/interop.sh

interop-format: ## Exchange drives with the original's program, which cargo installs
	@GO='$(GO)' sh tools/interop-format.sh

alone: $(TEST) ## Build, vet and test each module as its users get it, without the workspace
	@for m in $(MODULES); do \
		echo "== $$m, GOWORK=off"; \
		( cd $$m && export GOWORK=off && \
		  $(GO) build -o /dev/null ./... && $(GO) vet ./... && $(TEST) $(TESTFLAGS) ./... ) || exit 1; \
	done

fuzz: ## Run each fuzz target for FUZZTIME (20s)
	@FUZZTIME='$(FUZZTIME)' sh tools/fuzz.sh $(MODULES)

cross: ## Build for every platform that is promised, vet the tests for three of them
	@for p in $(PLATFORMS); do \
		echo "== build $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -o /dev/null $(PACKAGES) || exit 1; \
	done
	@for p in $(VETTED); do \
		echo "== vet $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) vet $(PACKAGES) || exit 1; \
	done

bench: bench-engine bench-rpc bench-service ## Compare with other systems; BENCHFLAGS go to each program

bench-simd: ## Measure the kernels of drive-core beside what they replace (the tables of docs/simd.md)
	@GO='$(GO)' sh tools/bench-simd.sh

bench-engine: ## Compare the engine with the original and with other stores: docs/benchmarks.md (some ten minutes)
	@if command -v cargo >/dev/null; then \
		CARGO_TARGET_DIR=$(BIN)/rust-engine cargo build --quiet --release --locked --manifest-path bench/rust-engine/Cargo.toml; \
	else \
		echo '*** SKIPPED: THE ORIGINAL IS NOT MEASURED, IT NEEDS CARGO, WHICH WAS NOT FOUND ***'; \
	fi
	$(GO) build -trimpath -o $(BIN)/enginebench ./bench/cmd/enginebench
	$(BIN)/enginebench report -o docs/benchmarks.md $(BENCHFLAGS)

bench-rpc: ## Compare calls with those of other systems: docs/rpc.md (some ten minutes)
	@if command -v cargo >/dev/null; then \
		CARGO_TARGET_DIR=$(BIN)/rust-rpc cargo build --quiet --release --locked --manifest-path bench/rust-rpc/Cargo.toml; \
	else \
		echo '*** SKIPPED: the original is not measured, it needs cargo ***'; \
	fi
	$(GO) run ./bench/cmd/rpcbench report -o docs/rpc.md $(BENCHFLAGS)

bench-service: programs ## Compare the service with the original and Redis: docs/service.md (some eight minutes)
	@GO='$(GO)' sh tools/bench-service.sh $(BENCHFLAGS)

bench-originals: programs ## Compare the original clients on both servers: docs/originals.md (some eight minutes)
	@GO='$(GO)' sh tools/bench-originals.sh $(BENCHFLAGS)

bench-scale: ## Measure 50 million keys and a sparse file of 64 GiB: docs/scaling.md (some three minutes, 6 GB of disk)
	$(GO) build -trimpath -o $(BIN)/scalebench ./bench/cmd/scalebench
	$(BIN)/scalebench report -o docs/scaling.md $(BENCHFLAGS)

benchcmp: $(BIN)/.tools ## Compare Go benchmarks with those of another commit: REF=main [MODULES=muxio]
	@set -e; old=$$(mktemp -d); trap 'git worktree remove --force "$$old"' EXIT; \
	git worktree add --quiet --detach "$$old" $(REF); \
	( cd "$$old" && $(GO) test -run='^$$' -bench=. -benchmem -count=6 $(PACKAGES) ) >$(BIN)/bench.old; \
	$(GO) test -run='^$$' -bench=. -benchmem -count=6 $(PACKAGES) >$(BIN)/bench.new; \
	$(BIN)/benchstat $(BIN)/bench.old $(BIN)/bench.new

fmt: $(BIN)/.tools ## Format every Go file
	$(LINT) fmt $(MODULES) tools

fmt-check: $(BIN)/.tools ## Fail when a Go file is not formatted
	$(LINT) fmt --diff $(MODULES) tools

lint: $(BIN)/.tools ## Run the linters over every module
	$(LINT) run $(PACKAGES)
	$(LINT) run --build-tags interop ./drive-core/... ./interop/...
	cd tools && GOWORK=off $(LINT) run ./...
	cd tools/powercut && GOWORK=off $(LINT) run ./...
	cd muxio-js/test/peer && GOWORK=off $(LINT) run ./...
	cd drive-core/internal/simd/_asm && GOWORK=off $(LINT) run ./...

verify: ## Check the rules of the repository itself: imports, go.mod files, documents
	GOWORK=off $(GO) test -C tools ./...
	GOWORK=off $(GO) run -C tools ./verify $(CURDIR)

tidy: ## Tidy the go.mod of every module
	@for m in $(MODULES) tools tools/powercut muxio-js/test/peer drive-core/internal/simd/_asm; do ( cd $$m && GOWORK=off $(GO) mod tidy ) || exit 1; done

tidy-check: ## Fail when a go.mod or go.sum is not tidy
	@bad=0; for m in $(MODULES) tools tools/powercut muxio-js/test/peer drive-core/internal/simd/_asm; do ( cd $$m && GOWORK=off $(GO) mod tidy -diff ) || { echo "$$m is not tidy"; bad=1; }; done; exit $$bad

check: fmt-check vet lint verify build test ## What a change must pass before it is handed in

tools: $(BIN)/.tools ## Build the pinned lint tools into .bin/ (two minutes, once)

$(TEST): $(wildcard tools/gotest/*.go)
	@mkdir -p $(BIN)
	@GOWORK=off $(GO) build -C tools -o $(BIN)/ ./gotest
	@touch $@

$(BIN)/.tools: tools/go.mod tools/go.sum
	@mkdir -p $(BIN)
	GOWORK=off $(GO) build -C tools -o $(BIN)/ tool
	@touch $@

clean: ## Remove what was built
	rm -rf $(BIN)

build/% vet/% test/% race/% alone/% fuzz/% cross/% lint/%:
	@$(MAKE) --no-print-directory $(@D) MODULES=$*
