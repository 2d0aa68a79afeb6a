BIN     := bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/certshim/certshim/cmd/certshim/app.Version=$(VERSION)
# Without gRPC's tracing pages the program has no template engine, and the linker can leave out
# what isn't called: 10 MB.
TAGS    := grpcnotrace
LINT    := $(BIN)/golangci-lint
LINT_VERSION := v2.15.0
# The race detector needs cgo and a C compiler; without one the tests run plain.
CC_FOUND := $(shell command -v $${CC:-gcc} 2>/dev/null || command -v cc 2>/dev/null)
RACE    := $(if $(CC_FOUND),-race,)
SHELL   := bash

.DEFAULT_GOAL := help
# Tests build programs, run those of bin/ and ask `go list`: Go's cache of results doesn't see that the answer is another.
# `make lint` vets, with what the linters have found of each package already.
TEST := go test -count=1 -vet=off

.PHONY: help build demo demo-external test test-unit test-differential test-e2e soak test-external controlplane certmanager external-issuers helm compat chromium lint fuzz bench recording generate verify image release clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/' | expand -t 20

build: ## bin/certshim, static
	CGO_ENABLED=0 go build -tags $(TAGS) -trimpath -ldflags "$(LDFLAGS)" -o $(BIN)/certshim ./cmd/certshim

demo: build controlplane certmanager ## the main job, for real: annotated objects to signed Secrets (KEEP=1 stays up)
	@echo "building the demonstration (seconds, or a minute the first time)"
	@cd test && go run ./demo $(if $(KEEP),-keep)

demo-external: build controlplane certmanager external-issuers ## the same with AWS Private CA and ACME, by the real programs (KEEP=1 stays up)
	@echo "building the demonstration (seconds, or a minute the first time)"
	@cd test && go run ./demo -external $(if $(KEEP),-keep)

test: ## all tests, with the race detector where a C compiler is found
	@echo "$(if $(RACE),tests run with the race detector ($(CC_FOUND)),no C compiler found: tests run WITHOUT the race detector)"
	@$(MAKE) --no-print-directory test-unit build controlplane certmanager helm
	@$(MAKE) --no-print-directory test-differential test-e2e test-external

test-unit: ## the pure rooms and the commands
	$(TEST) $(RACE) -timeout 20m ./...
	cd test/corpca && $(TEST) ./...

test-differential: build ## against cert-manager's own shim code
	cd test && ./differential/run.sh

test-e2e: build controlplane certmanager helm ## on the real control plane; the HTML report in Chromium
	@command -v chromium-headless-shell chromium google-chrome >/dev/null && test -f $(BIN)/axe.min.js || \
	  echo "no Chromium or no axe-core found: the HTML report is NOT tested in a browser (make chromium)"
	cd test && $(TEST) $(RACE) -timeout 40m -p 1 -parallel 4 $$(go list ./... | grep -vE '/(differential|external)')
	cd test/controlplane && CGO_ENABLED=0 $(TEST) -timeout 10m ./...
	cd release && $(TEST) -timeout 40m ./...

soak: build controlplane certmanager ## what takes hours: a day of 100,800 edits in simulated time; 10,000 random histories of a Certificate, each foreseen as the API server answers, and each field in every situation; a kind that comes and goes 100 times; the long form of the faults, and old bugs that they must see
	cd test && $(TEST) -timeout 2h -v ./simulated -run DayOfEdits -args -hours 24 -edits 4200 -sources 500 -seed 0
	cd test && $(TEST) -timeout 6h -v ./ownership -args -histories 10000 -one-in 1 -seed 0
	cd test && $(TEST) -timeout 1h -v ./e2e -run TestAKindThatFlaps -args -flaps 100
	cd test && for seed in 1 2 3; do $(TEST) -timeout 1h -v ./faults -args -full -seed $$seed || exit 1; done
	cd test && $(TEST) -timeout 1h -v ./faults -run OldBugs -args -bugs

test-external: build controlplane certmanager external-issuers ## with real external issuers: AWS Private CA, ACME
	cd test && $(TEST) $(RACE) -timeout 20m -p 1 -parallel 8 ./external/...

controlplane: ## bin/controlplane and bin/kubectl: a real etcd and kube-apiserver
	@test/controlplane/build.sh $(CURDIR)/$(BIN)

certmanager: ## bin/certmanager and its webhook: cert-manager's own controllers
	@test/certmanager/build.sh $(CURDIR)/$(BIN)

external-issuers: ## bin/aws-privateca-issuer, bin/pebble and its DNS server
	@test/external/build.sh $(CURDIR)/$(BIN)

helm: ## bin/helm and bin/helm-docs: what installs the chart, and what writes its README
	@test/build/tools.sh $(CURDIR)/$(BIN) test/helm "1230 helm" helm helm-docs

chromium: ## what the tests of the HTML report need: Chromium without a window, bin/axe.min.js
	@test/report/build.sh $(CURDIR)/$(BIN)

lint: $(LINT) ## golangci-lint, and the boundaries between the rooms
	$(LINT) run ./...
	cd test && ../$(LINT) run --config ../.golangci.yml ./...
	cd release && ../$(LINT) run --config ../.golangci.yml ./...
	go vet ./... && $(TEST) -run TestRooms .

$(LINT):
	GOBIN=$(CURDIR)/$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

# A number of inputs: Go before 1.27 may fail for nothing when a duration ends (go.dev/issue/75804).
FUZZTIME ?= 50000x
fuzz: ## every fuzz target with FUZZTIME inputs
	@for folder in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
	  for target in $$(go test -C $$folder -list '^Fuzz' | grep '^Fuzz'); do \
	    go test -C $$folder -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x || exit 1; done; done

recording: build controlplane ## certshim's metrics in the bench, by which the dashboard is tested
	cd test && go run ./bench -only dashboard -record alerts/testdata/bench.openmetrics.gz

bench: build controlplane certmanager ## speed and memory, beside the bare limit and cert-manager's shim
	go test -run '^$$' -bench . -benchmem ./...
	cd test && go run ./bench
	cd test && $(TEST) -run TestTwentyThousandCertificates -v -bench . -benchmem ./report

compat: build controlplane certmanager helm ## the tests that every version must pass, with the sets of older versions in test/compat/versions (COMPAT=v1.34.4:v1.19.2:v1.4.1 for one)
	cd test && go run ./compat $(COMPAT)

generate: helm ## what is generated: docs, deploy/, and the Go code of the plugin protocol
	go generate ./...
	cd test && go generate ./install ./compat

verify: generate ## fails if a generated file differs from the committed one
	git diff --exit-code -- README.md docs deploy plugins/api

# What deploy/ runs. For a cluster that pulls its images: make image IMAGE=registry.example.com/platform/certshim:dev
IMAGE ?= certshim:dev
image: ## a static image, non-root, called IMAGE (certshim:dev, as deploy/ has it)
	docker build --build-arg VERSION=$(VERSION) -t $(IMAGE) .

release: helm ## the files of a release of the commit that is checked out, into dist/ (VERSION=v1.2.3): the same bytes each time
	cd release && go run . -version "$(VERSION)" -helm ../$(BIN)/helm -into ../dist

clean: ## remove what was built
	rm -rf $(BIN)
