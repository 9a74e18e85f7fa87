# Stoker. `make` alone lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export GOTOOLCHAIN := local
GO ?= go
PYTHON ?= python3
PYSPARK_VERSION := 3.5.9
POSTGRES_VERSION := 16.10
TOOLS := $(CURDIR)/.tools
VENV := $(TOOLS)/venv
STATE := $(CURDIR)/.state
VERSION = $(shell .ci/version)
GO_NEEDED := $(shell sed -n 's/^go //p' dev/go.mod)
LINTERS := $(TOOLS)/bin/golangci-lint $(TOOLS)/bin/gofumpt $(TOOLS)/bin/workflowcheck
SOURCES := $(shell find . -name '*.go' -o -name '*.py' -path './driver/*' -o -name '*.py' -path './dev/*' | grep -v '^./\.tools')

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: run
run: build $(if $(filter yarn,$(CLUSTER)),hadoop-up) ## set everything up and run the sample jobs (ARGS=--once to exit afterwards, CLUSTER=yarn for a real Hadoop)
	@bin/stoker-dev --state $(STATE) $(if $(filter yarn,$(CLUSTER)),--hadoop $(STATE)/hadoop) $(ARGS)

.PHONY: build
build: pyspark bin/stoker bin/stoker-dev ## build bin/stoker and bin/stoker-dev, prepare PySpark

bin/stoker: $(SOURCES) go.mod go.sum | check-go
	@echo "building bin/stoker"
	@$(GO) build -ldflags "-X main.version=$(VERSION)" -o $@ ./cmd/stoker

bin/stoker-dev: $(SOURCES) go.mod dev/go.mod dev/go.sum | check-go
	@.ci/with-progress "building bin/stoker-dev (the first time takes minutes: it holds a Temporal server)" \
		$(GO) -C dev build -o ../bin/stoker-dev ./cmd/stoker-dev

.PHONY: pyspark
pyspark: $(VENV)/.pyspark-$(PYSPARK_VERSION)

$(VENV)/.pyspark-$(PYSPARK_VERSION): | check-python check-java
	@.ci/with-progress "installing PySpark $(PYSPARK_VERSION) into .tools/venv (318 MB, once)" .ci/install-pyspark $(PYTHON) $(VENV) $(PYSPARK_VERSION)
	@touch $@

.PHONY: postgres
postgres: $(TOOLS)/postgres/$(POSTGRES_VERSION) ## fetch the PostgreSQL that a test of the deployment runs

$(TOOLS)/postgres/$(POSTGRES_VERSION): | check-go check-java
	@.ci/with-progress "fetching PostgreSQL $(POSTGRES_VERSION) from Maven Central into .tools/postgres (14 MB, once)" \
		.ci/in dev $(GO) run ./cmd/postgres $(TOOLS)

# Where apt-get can't help, the test of the units says what to do.
.PHONY: systemd
systemd: ## fetch the systemd-analyze that a test of the units needs, unless there is one
	@command -v systemd-analyze >/dev/null || [ -e $(TOOLS)/systemd ] || \
		.ci/with-progress "fetching systemd-analyze into .tools/systemd (once)" .ci/fetch-systemd $(TOOLS)/systemd || true

.PHONY: check-go check-python check-java
check-go:
	@command -v $(GO) >/dev/null || { echo "Go is missing: install Go $(GO_NEEDED) or newer (https://go.dev/dl)"; exit 1; }
	@have=$$($(GO) env GOVERSION); [ "$$(printf '%s\n' go$(GO_NEEDED) $$have | sort -V | head -1)" = go$(GO_NEEDED) ] \
		|| { echo "Go is too old: $$have; install Go $(GO_NEEDED) or newer (https://go.dev/dl)"; exit 1; }
check-python:
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install Python 3.8 or newer with venv (Debian: apt-get install python3 python3-venv)"; exit 1; }
check-java:
	@[ -n "$$JAVA_HOME" ] || command -v java >/dev/null || { echo "Java is missing: install Java 17 (Debian: apt-get install openjdk-17-jre-headless)"; exit 1; }

# Tests run what the build made: stoker-dev, PySpark and the real driver.
export STOKER_BIN := $(CURDIR)/bin
export SPARK_LOCAL_IP := 127.0.0.1

.PHONY: test
test: build postgres systemd ## run the tests (twelve minutes on two cores; real Spark, kill -9 and all)
	@.ci/suite "Go, product" $(GO) test -short -timeout 20m ./...
	@.ci/suite "Python driver" $(VENV)/bin/python -m pytest -q -p no:cacheprovider driver/tests
	@.ci/suite "Go, development stack, end to end, faults" $(GO) -C dev test -short -timeout 40m -p 1 ./...
	@echo "all tests passed"

.PHONY: test-full
test-full: build postgres systemd ## run everything, with the race detector and the long fault tests
	@.ci/suite "Go, product" $(GO) test -race -count=1 -timeout 30m ./...
	@.ci/suite "Python driver" $(VENV)/bin/python -m pytest -q -p no:cacheprovider driver/tests
	@.ci/suite "Go, development stack, end to end, faults" $(GO) -C dev test -count=1 -timeout 60m -p 1 ./...
	@echo "all tests passed"

FUZZTIME ?= 30s
.PHONY: fuzz
fuzz: | check-go ## run every fuzz target for FUZZTIME (30s; a quarter of an hour in all)
	@GO=$(GO) .ci/fuzz $(FUZZTIME)

.PHONY: test-upgrade
test-upgrade: build ## upgrade workers of an earlier version under running jobs (FROM=a commit or tag)
	@[ -n "$(FROM)" ] || { echo "say what to upgrade from: make test-upgrade FROM=<commit or tag>"; exit 1; }
	@rm -rf $(STATE)/before && mkdir -p $(STATE)/before && git archive $(FROM) | tar -x -C $(STATE)/before
	@$(GO) -C $(STATE)/before build -o $(STATE)/before/bin/stoker ./cmd/stoker
	@STOKER_BEFORE=$(STATE)/before/bin/stoker $(GO) -C dev test -count=1 -v -run TestUpgradeUnderRunningJobs ./faults

.PHONY: bench bench-submit bench-hdfs bench-watching bench-large bench-api
bench: build bench-tool ## measure against bare spark-submit, writing docs/benchmarks.json (ten minutes on a quiet machine)
	$(BENCH)
bench-submit: build bench-tool hadoop-up ## measure submissions to YARN against spark-submit's, one by one and 200 at once
	$(BENCH) --command "make bench-submit" --only submit
	$(BENCH) --command "make bench-submit" --only burst
bench-hdfs: build bench-tool hadoop-up ## measure 2 GiB to HDFS and back against Hadoop's own client
	$(BENCH) --command "make bench-hdfs" --only hdfs --runs 3
bench-watching: build bench-tool ## measure watching 2,000 live jobs of a simulated ResourceManager
	$(BENCH) --command "make bench-watching" --only watching
bench-large: build bench-tool ## the same with 10,000
	$(BENCH) --command "make bench-large" --only watching --live 10000
bench-api: build bench-tool ## measure the API: submissions, lists, logs, and a thousand one-minute jobs
	for part in api tail minutes finished; do $(BENCH) --command "make bench-api" --only $$part || exit 1; done

BENCH = $(TOOLS)/bin/bench --out docs/benchmarks.json --hadoop $(STATE)/hadoop
.PHONY: bench-tool
bench-tool: | check-go
	@$(GO) -C dev build -o $(TOOLS)/bin/bench ./cmd/bench

.PHONY: hadoop-up
hadoop-up: | check-go check-java ## start a real one-machine Hadoop cluster, or find it, and print where it is as JSON
	@$(GO) -C dev build -o $(TOOLS)/bin/hadoop ./cmd/hadoop
	@$(TOOLS)/bin/hadoop up --state $(STATE)/hadoop --tools $(TOOLS)/hadoop $(HADOOP_ARGS)

.PHONY: hadoop-down
hadoop-down: | check-go ## stop it with all its containers; its data stays
	@$(GO) -C dev build -o $(TOOLS)/bin/hadoop ./cmd/hadoop
	@$(TOOLS)/bin/hadoop down --state $(STATE)/hadoop $(HADOOP_ARGS)

.PHONY: test-yarn
test-yarn: build yarn-tools ## run a representative part of what needs a real Hadoop (ten minutes on two cores)
	@.ci/yarn-tests $(STATE) -short

.PHONY: test-yarn-full
test-yarn-full: build yarn-tools ## run all of it, writing docs/test-yarn.json (an hour; YARN_SUITES="product cluster faults samples")
	@.ci/yarn-tests $(STATE)

.PHONY: yarn-tools
yarn-tools: | check-go check-java
	@$(GO) -C dev build -o $(TOOLS)/bin/ ./cmd/hadoop ./cmd/testrows

.PHONY: goldens
goldens: | check-go ## record the workflow histories that tests replay and that are not there yet; the others are frozen
	$(GO) -C dev run ./cmd/goldens $(CURDIR)/workflows/testdata/histories

.PHONY: docs
docs: | check-go ## regenerate docs/configuration.md, docs/cli.md, docs/api.md, the option table and stoker.example.yaml
	$(GO) test ./config ./cmd/stoker ./api -run TestReference -update

# Results that another checkout left in a shared cache name that checkout's files.
lint: export GOLANGCI_LINT_CACHE := $(TOOLS)/golangci-lint-cache
.PHONY: lint
lint: $(LINTERS) ## gofumpt, golangci-lint, workflowcheck
	@.ci/suite "gofumpt" .ci/formatted $(TOOLS)/bin/gofumpt
	@.ci/suite "golangci-lint, product" $(TOOLS)/bin/golangci-lint run ./...
	@.ci/suite "golangci-lint, dev" .ci/in dev $(TOOLS)/bin/golangci-lint run --config ../.golangci.yml ./...
	@.ci/suite "workflowcheck" $(TOOLS)/bin/workflowcheck -config .workflowcheck.yaml ./workflows/...

$(LINTERS): dev/tools/go.mod dev/tools/go.sum | check-go
	@.ci/with-progress "building the linters into .tools/bin (once, minutes)" .ci/in dev/tools $(GO) build -o $(TOOLS)/bin/ \
		github.com/golangci/golangci-lint/v2/cmd/golangci-lint mvdan.cc/gofumpt go.temporal.io/sdk/contrib/tools/workflowcheck
	@touch $(LINTERS)

.PHONY: clean
clean: ## stop the Hadoop cluster, remove the state of stoker-dev
	@[ ! -e $(STATE)/hadoop/cluster.json ] || $(MAKE) --no-print-directory hadoop-down
	@[ ! -e $(STATE)/hadoop-test/cluster.json ] || $(TOOLS)/bin/hadoop down --state $(STATE)/hadoop-test
	rm -rf $(STATE)
