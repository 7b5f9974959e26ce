# FSM. "make help" lists the targets.

# go.mod names the Go release that this needs; an older installed Go fetches it.
export GOTOOLCHAIN := auto
GO ?= go

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BUILD   := -trimpath -ldflags '-s -w -X fsm/internal/cli.Version=$(VERSION)'

# Fuzz targets, as package:name, and how long each one runs.
FUZZ_TIME ?= 20s
FUZZ := \
	internal/proxy/http1:FuzzRequestHead \
	internal/proxy/http1:FuzzResponseHead \
	internal/proxy/http1:FuzzChunks \
	internal/proxy/http1:FuzzPath \
	internal/proxy/hpack:FuzzDecode \
	internal/proxy/http2:FuzzServer \
	internal/proxy/http2:FuzzDowngrade \
	internal/proxy/http2:FuzzClient \
	internal/proxy/http2:FuzzUpgrade \
	internal/identity:FuzzParseID \
	internal/deliver:FuzzReceive \
	internal/deliver:FuzzHello \
	internal/proxy/listen:FuzzHello \
	internal/proxy/listen:FuzzProxyHeader \
	internal/proxy/route:FuzzTable \
	internal/resource:FuzzDecode \
	internal/translate:FuzzTranslate

CONTROLLER_GEN := sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help build run test alloc grpc bench images cluster-up cluster-load cluster-down cluster-test e2e conformance acceptance scale soak generate check-generate lint fuzz clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

build: ## bin/fsm and bin/fsm-proxy
	CGO_ENABLED=0 $(GO) build $(BUILD) -o bin/ ./cmd/...

run: build ## a gateway on 127.0.0.1:8000 with backends, to try things with
	bin/fsm demo

test: ## all tests, with the race detector where it does not change what is measured
	$(GO) test -race -timeout 20m ./...
	$(MAKE) --no-print-directory alloc

alloc: ## that forwarding allocates nothing, which the race detector would hide
	$(GO) test -run Alloc ./internal/proxy/...

grpc: ## the judges of gRPC, grpc-go's interop tests and Connect's conformance suite
	cd test/grpc && $(GO) vet . && $(GO) test -race -count=1 .

bench: build ## fsm-proxy beside nginx and HAProxy; BENCH='-list' shows what there is
	$(GO) run ./test/bench $(BENCH)

images: ## container images without a container engine, and what is in them, in bin/images
	cd build/images && $(GO) run . -root ../.. -out ../../bin/images -version $(VERSION)

test-images: ## images for the pods of tests, under the names that manifests call them by, in bin/images/test
	cd test/images && $(GO) run . -out ../../bin/images/test $(IMAGES)

check-images: ## tests of both kinds of images
	cd build/images && $(GO) vet ./... && $(GO) test ./...
	cd test/images && $(GO) vet ./... && $(GO) test ./...

cluster-up: ## a Kubernetes with two nodes in namespaces of this machine; needs root
	$(GO) run ./test/cluster/cmd up

cluster-load: ## lets its nodes pull the images that "make images" has built
	$(GO) run ./test/cluster/cmd load $$(find bin/images -name "*.tar")

cluster-down: ## ends it
	$(GO) run ./test/cluster/cmd down

cluster-test: ## that such a cluster is one, and leaves nothing behind; starts one of its own
	$(GO) run ./test/cluster/cmd build
	FSM_CLUSTER_REQUIRED=nodes $(GO) test -count=1 -v -timeout 20m -run TestLab ./test/cluster/lab

e2e: ## install, the documents, mistakes and what mends them, upgrade, uninstall, on the test cluster; E2E=-test.v
	test/e2e/run $(E2E)

conformance: ## the conformance suite of the Gateway API, on the test cluster or on that of KUBECONFIG; SUITE='-run-test=NAME'
	test/conformance/run $(SUITE)

acceptance: ## e2e and conformance, one after the other on one cluster
	test/cluster/with bash -c 'test/e2e/run $(E2E) && test/conformance/run $(SUITE)'

# How long the soak takes.
SOAK ?= 10m

scale: ## what many routes and changes under load cost in a cluster, into docs/scale.md; see there
	test/scale/run scale

soak: ## everything at once for SOAK=10m, and whether something grows
	test/scale/run soak $(SOAK)

# Like staticcheck, it has to be built with the Go release of this module.
generate: ## what follows from api: how objects are copied, and their definitions in the chart
	GOTOOLCHAIN=$$($(GO) env GOVERSION) $(GO) run $(CONTROLLER_GEN) \
		object:headerFile=api/generated.txt crd:allowDangerousTypes=true paths=./api/... output:crd:dir=charts/fsm/crds

check-generate: ## that make generate has nothing to do
	@sum() { cat charts/fsm/crds/*.yaml api/*/*/zz_generated.*.go | cksum; }; \
	before=$$(sum) && $(MAKE) --no-print-directory generate && \
	if [ "$$before" != "$$(sum)" ]; then echo "make generate had not been run since api was changed; see what it has done now"; exit 1; fi

# staticcheck has to be built with the Go release of this module to understand it.
lint: ## gofmt, go vet, staticcheck, and check-generate
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .); \
	if [ -n "$$unformatted" ]; then echo "gofmt these:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	GOTOOLCHAIN=$$($(GO) env GOVERSION) $(GO) run $(STATICCHECK) ./...
	@$(MAKE) --no-print-directory check-generate

fuzz: ## every fuzz target for FUZZ_TIME
	@for target in $(FUZZ); do \
		$(GO) test -run '^$$' -fuzz "^$${target#*:}$$" -fuzztime $(FUZZ_TIME) "./$${target%%:*}" || exit 1; \
	done

clean: ## what make build left
	rm -rf bin
