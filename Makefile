# The front door. `make` alone lists what there is.
#
# Every target is a line that calls a Python package under scripts/; logic lives there.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

export CLOUD ?= local
export PYTHONPATH := scripts
export PYTHONUNBUFFERED := 1
# Set only when the user sets them: each command has a default of its own.
ifdef WORKLOAD
export WORKLOAD
endif
ifdef NAMESPACE
export NAMESPACE
endif
ifdef VALUES
export VALUES
endif

PYTHON ?= python3
TOOLS := $(PYTHON) -m tools
RUN := .venv/bin/python
DEV := .venv-dev/bin/python

# `make submit -- python x.py --flag`: what follows the target is the command, not targets.
ifeq (submit,$(firstword $(MAKECMDGOALS)))
COMMAND := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(foreach word,$(COMMAND),$(eval $(word):;@:))
endif

.PHONY: help
help:
	@echo "Rayworks: Ray on Kubernetes. make TARGET [CLOUD=local] [WORKLOAD=fashion-mnist|cluster]"
	@awk 'BEGIN {FS = ":.*## "} /^## / {printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Use it
.PHONY: deploy run diff values remove status logs dashboard submit destroy
deploy: ready-deploy ## Everything, from nothing to a finished workload
	@$(RUN) -m deploy up

run: ready-deploy ## One workload on the platform that is there
	@$(RUN) -m deploy run

diff: ready-deploy ## What `make run` would change of a workload that is there
	@$(RUN) -m deploy diff

values: ready-deploy ## The environment's values for a plain helm install -f (NAMESPACE= for a team's)
	@$(RUN) -m deploy values

remove: ready-deploy ## One workload away; the platform stays
	@$(RUN) -m deploy remove

status: ready-deploy ## Stages and workloads: what is done, what is missing
	@$(RUN) -m deploy status

logs: ready-deploy ## What the workload prints (FOLLOW=1 goes on until it ends)
	@$(RUN) -m deploy logs $(if $(FOLLOW),--follow)

dashboard: ready-deploy ## The Ray dashboard on a local port (PORT=8265)
	@$(RUN) -m deploy dashboard $(if $(PORT),--port $(PORT))

submit: ready-deploy ## Run a script on the standing cluster: make submit -- python x.py (DIR=.)
	@$(RUN) -m deploy submit $(if $(DIR),--dir $(DIR)) -- $(COMMAND)

destroy: ready-deploy ## Everything away, backwards, and a look at what is left
	@$(RUN) -m deploy destroy

## Local cluster
.PHONY: cluster cluster-down cluster-status
cluster: ready-deploy ## A real Kubernetes node in a box on this machine
	@$(RUN) -m local up

cluster-down: ready-deploy ## The box away, with its volumes; images stay in the cache
	@$(RUN) -m local down

cluster-status: ready-deploy ## Each component's health; the last lines of those that fail
	@$(RUN) -m local status

## Tools
.PHONY: tools ready-deploy ready-dev ready-all ready-cloud lock clean-cache
tools: ## Build all pinned command-line tools into .tools/bin
	@$(TOOLS) build

ready-deploy: # what a deployment needs; silent when it is there
	@$(TOOLS) ready deploy

ready-dev: # what the checks need
	@$(TOOLS) ready dev

ready-all: # both at once: compiled packages are shared while tools are built, and dropped after
	@$(TOOLS) ready deploy dev

ready-cloud: # what the checks of Terraform need besides: its programs, and a provider of 20 minutes
	@$(TOOLS) ready cloud

lock: ## Refresh the hash-locked Python requirements
	@$(TOOLS) lock

clean-cache: ## Empty the user-level cache of tools, downloads and image layers
	@$(TOOLS) clean-cache

## Work on it
.PHONY: check format sweep test test-full test-cloud test-gpu bench
check: ready-dev ## Lint, types, unit tests, charts: no cluster, ≤ 3 minutes
	@$(DEV) -m checks quick

format: ready-dev ## Format Python files and sort imports
	@$(DEV) -m ruff format . && $(DEV) -m ruff check --fix .

sweep: ready-dev ## Random values on all charts: refused in words, or by nobody (N=2000, SEED= for one again)
	@$(DEV) -m charts sweep --number $(or $(N),2000) $(if $(SEED),--seed $(SEED))

test: ready-all ## check, then the end-to-end run on a local cluster made for it
	@$(DEV) -m checks all

test-full: ready-all ready-cloud ## test, test-cloud, then every scenario and fault: about two hours
	@$(DEV) -m checks full

test-cloud: ready-dev ready-cloud ## Terraform of the clouds against the real providers, without an account: N minutes
	@$(DEV) -m checks cloud

test-gpu: ready-dev ## The trainings and the endpoint on this machine's GPU, some 5 minutes
	@$(DEV) -m checks gpu

bench: ready-all ## Ratios to the samples, plain torch and FastAPI, start-up times: about an hour; the last line is JSON
	@$(DEV) -m bench
