# The two commands that matter: make demo, make test.

GO      ?= go
MODULES := . internal/test/credentials cmd/rdsiam examples examples/provision examples/usewith otel dashboards
FUZZTIME ?= 20s

# What make bench measures, in how many rounds, and how often. What takes seconds a round
# has a number of its own.
BENCH          ?= .
BENCHTIME      ?= 100x
BENCHTIME_LONG ?= 5x
COUNT          ?= 1

# Where test-matrix keeps its servers.
RDSIAM_MATRIX ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rdsiam/matrix

# -race needs a C compiler.
RACE := $(shell command -v cc >/dev/null 2>&1 && [ "$$($(GO) env CGO_ENABLED)" = 1 ] && echo -race)

.PHONY: test test-matrix test-latest bench soak failover demo servers lint try-release fuzz generate

# Every test of every module. As root on Debian or Ubuntu, what is missing of the real
# servers is installed first; elsewhere the tests that need them are skipped and listed.
# REQUIRE_SERVERS=1 turns such skips into failures.
test: servers
	@$(if $(RACE),,echo "no C compiler: running without the race detector";)
	@status=0; for module in $(MODULES); do \
	    echo "== module $$module"; \
	    ( cd $$module && $(GO) test -json $(RACE) -timeout 15m ./... 2>&1 ) | $(GO) run ./internal/cmd/testsummary || status=1; \
	done; \
	if [ "$$(id -u)" != 0 ]; then echo "to run what was skipped for want of a server: sudo scripts/install-servers.sh && make test"; fi; \
	exit $$status

servers:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then bash scripts/install-servers.sh; fi

# Those of the command line that run on the servers of the matrix, or for more exit codes.
MATRIX_OF_CLI := ^(TestConnectMySQL|TestEndOfClient|TestPostgreSQL|TestMySQL|TestPostgreSQLClients|TestMySQLClients)$$

# The tests with real servers once more, on this machine's and on those of Debian unstable.
# As root on Debian these are put into RDSIAM_MATRIX first (600 MB), which is kept; elsewhere
# they are skipped and listed, or with REQUIRE_SERVERS=1 failures.
test-matrix: servers
	@sh scripts/install-matrix.sh "$(RDSIAM_MATRIX)" || [ $$? -gt 1 ]
	@status=0; export RDSIAM_MATRIX="$(RDSIAM_MATRIX)"; \
	$(GO) test -json $(RACE) -count=1 -timeout 15m \
	    ./internal/test/realserver ./internal/test/proof ./internal/test/failover ./internal/test/vectors/clients ./provision 2>&1 | $(GO) run ./internal/cmd/testsummary || status=1; \
	( cd cmd/rdsiam && $(GO) test -json $(RACE) -count=1 -timeout 15m -run '$(MATRIX_OF_CLI)' . ./internal/proxy 2>&1 ) | \
	    $(GO) run ./internal/cmd/testsummary || status=1; \
	exit $$status

# Every test that starts no server, with the newest versions of what the modules require, in
# a copy. With BASE=commit, or BASE=auto, what fails in the same way at the commit before the
# change is named and does not count. See internal/cmd/testlatest.
test-latest:
	@$(GO) run ./internal/cmd/testlatest $(if $(BASE),-base '$(BASE)')

# Every measurement of docs/performance.md but the fleet's and the proxy's, in the form
# that benchstat reads. What needs a real server that is missing is skipped;
# RDSIAM_MATRIX=folder brings in those of test-matrix.
bench:
	@$(GO) test -run '^$$' -bench '$(BENCH)' -skip 'Splice|Memory' -benchtime $(BENCHTIME) -count $(COUNT) -timeout 0 ./internal/test/bench
	@$(GO) test -run '^$$' -bench '$(BENCH)' -skip 'Token|Sign|OwnPart|Login|FirstUse' -benchtime $(BENCHTIME_LONG) -count $(COUNT) -timeout 0 ./internal/test/bench

# What fails on the worst day, in real time and against a control, in ten minutes at the
# most: docs/evidence.md.
soak: servers
	@$(GO) run ./internal/test/soak -document docs/evidence.md

# How long pools cannot write when their writer is killed, frozen, lost or demoted, on real
# replication, in six minutes: docs/operate.md.
failover: servers
	@$(GO) run ./internal/test/failover -document docs/operate.md

# The main job, shown: RDS-like servers, logins, an expiry, three refusals.
demo:
	@cd examples && $(GO) run ./demo

# Systems that code is checked for in make lint and not run on.
OTHER_SYSTEMS := windows darwin

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt differs:"; gofmt -l .; exit 1; }
	@for module in $(MODULES); do \
	    ( cd $$module && echo "lint: module $$module" && $(GO) vet ./... && \
	      $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./... && $(GO) mod tidy -diff ) || exit 1; \
	done
	@scripts/check-imports.sh
	@for module in $(MODULES); do for system in $(OTHER_SYSTEMS); do \
	    ( cd $$module && echo "vet for $$system: module $$module" && CGO_ENABLED=0 GOOS=$$system $(GO) vet ./... ) || exit 1; \
	done; done
	@for module in $(MODULES); do \
	    ( cd $$module && echo "golangci-lint: module $$module" && \
	      $(GO) run $(GOLANGCI) run -c '$(CURDIR)/.golangci.yml' ./... ) || exit 1; \
	done
	@scripts/vulnerabilities.sh

# The release procedure of CONTRIBUTING.md, with a folder as the module proxy.
try-release:
	@scripts/try-release.sh

# Every fuzz target for FUZZTIME.
fuzz:
	@FUZZTIME=$(FUZZTIME) GO=$(GO) scripts/fuzz.sh

# The embedded root certificates, of AWS's bundle in global-bundle.pem: see internal/cmd/rdsroots.
generate:
	$(GO) generate ./...
