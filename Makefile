# Everything starts here; `make` alone lists it. No step needs another one done by hand first.

PYTHON   := .venv/bin/python
SCENARIO ?= all
SMOKE    ?=
ARGS     ?=
WORKERS  ?= 2
SECONDS  ?= 600
SEED     ?=

.DEFAULT_GOAL := help
.PHONY: help bootstrap up down status logs env test soak check bench lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: bootstrap  ## start Tomato with its services, and make one payment
	@$(PYTHON) -m deploy.local up

down: $(PYTHON)  ## stop all that `make up` started; what is stored stays
	@$(PYTHON) -m deploy.local down

status: $(PYTHON)  ## what runs, and where
	@$(PYTHON) -m deploy.local status

logs: $(PYTHON)  ## follow the logs of what runs
	@$(PYTHON) -m deploy.local logs

env: bootstrap  ## write .env for `docker compose up`
	@$(PYTHON) -m deploy.local env

test: bootstrap  ## all tests, on services of their own (ARGS="-k refund" for some; WORKERS=0: one process)
	$(PYTHON) -m pytest -n $(WORKERS) $(ARGS)

soak: bootstrap  ## everything goes wrong for ten minutes, and nothing may be lost (SECONDS=, SEED=)
	$(PYTHON) -m tests.faults.soak --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

check: bootstrap  ## formatting, lint, types, and the direction of imports
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m pyright
	.venv/bin/lint-imports

bench: bootstrap  ## measure (SCENARIO=…, SMOKE=1 for a short run)
	$(PYTHON) -m bench $(SCENARIO) $(if $(SMOKE),--smoke)

lock: bootstrap  ## renew requirements.lock from requirements*.in
	@command -v uv >/dev/null || $(PYTHON) -m pip install --quiet uv
	PATH="$$PATH:.venv/bin" uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" -o requirements.lock requirements-dev.in

clean: $(PYTHON)  ## stop everything of this checkout and remove what it stored
	@$(PYTHON) -m deploy.local clean

bootstrap:
	@deploy/bootstrap.sh

$(PYTHON):
	@echo "Nothing was started here yet: begin with \`make up\`." >&2; exit 1
