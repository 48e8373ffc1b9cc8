# Everything here is a name for `python3 scripts/dev.py ...`, which works the same without make.
PYTHON ?= python3
DEV = $(PYTHON) scripts/dev.py

.PHONY: run test check fmt shots cluster bench lock clean help

help: ## list these targets
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 10

run: ## set up, and start the control room with the sample livestream [HOST= PORT=]
	@$(DEV) run $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT)) $(ARGS)

test: ## set up, and run every check and test [ARGS=tests/engine]
	@$(DEV) test $(ARGS)

check: ## the checks of `make test` without the tests
	@$(DEV) check

fmt: ## format the Python code
	@$(DEV) fmt

shots: ## draw docs/img/ again
	@$(DEV) shots $(ARGS)

cluster: ## two web, two worker, two pump processes with their own PostgreSQL and Valkey, on this machine
	@$(DEV) cluster $(ARGS)

bench: ## measure on this machine, all or some [ARGS=ingest; ARGS=--help lists them]
	@$(DEV) bench $(ARGS)

lock: ## resolve the requirement files again
	@$(DEV) lock

clean: ## remove what set-up and tools made; data/ stays
	@$(DEV) clean
