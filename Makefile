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
# Those of a place count on the command line alone: a shell may have a NAME or DATA of its own.
PLACE := NAME VARS IMAGES ADDONS DATA FORCE YES
$(foreach word,$(PLACE),$(if $(filter command,$(word 1,$(origin $(word)))),\
  $(eval export RAYWORKS_$(word) := $$($(word)))))

PYTHON ?= python3
TOOLS := $(PYTHON) -m tools
RUN := .venv/bin/python
DEV := .venv-dev/bin/python

# `make submit -- python x.py --flag`: what follows the target is the command, not targets.
ifeq (submit,$(firstword $(MAKECMDGOALS)))
COMMAND := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(foreach word,$(COMMAND),$(eval $(word):;@:))
.PHONY: $(COMMAND)
endif

.PHONY: help
help:
	@echo "Rayworks: Ray on Kubernetes. make TARGET [CLOUD=local|kind|aks|eks|existing] [WORKLOAD=fashion-mnist|cluster]"
	@awk 'BEGIN {FS = ":.*## "} /^## / {printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Use it
.PHONY: deploy run diff values remove status logs dashboard ui submit destroy
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

status: ready-deploy ## Stages and workloads: what is done, what is missing (WATCH=1: nodes as they come and go)
	@$(RUN) -m deploy status $(if $(WATCH),--watch)

logs: ready-deploy ## What the workload prints (FOLLOW=1 goes on until it ends)
	@$(RUN) -m deploy logs $(if $(FOLLOW),--follow)

dashboard: ready-deploy ## The Ray dashboard on a local port (PORT=8265)
	@$(RUN) -m deploy dashboard $(if $(PORT),--port $(PORT))

ui: ready-deploy ## A web page with its login: UI=ray|grafana|prometheus|mlflow (PORT=)
	@$(RUN) -m deploy ui $(if $(UI),--ui $(UI)) $(if $(PORT),--port $(PORT))

submit: ready-deploy ## Run a script on the standing cluster: make submit -- python x.py (DIR=.)
	@$(RUN) -m deploy submit $(if $(DIR),--dir $(DIR)) -- $(COMMAND)

destroy: ready-deploy ## Everything away, backwards, and a look at what is left
	@$(RUN) -m deploy destroy

.PHONY: size
size: ready-deploy ## Machines for a model by a deadline: MODEL=7b TOKENS=1b DEADLINE=24 (TASK=train|adapt|infer)
	@$(RUN) -m deploy size --model "$(MODEL)" --tokens "$(TOKENS)" --deadline "$(DEADLINE)" $(if $(TASK),--task $(TASK))

## Local cluster
.PHONY: cluster cluster-down cluster-status
cluster: ready-deploy ## A real Kubernetes node in a box on this machine
	@$(RUN) -m local up

cluster-down: ready-deploy ## The box away, with its volumes; images stay in the cache
	@$(RUN) -m local down

cluster-status: ready-deploy ## Each component's health; the last lines of those that fail
	@$(RUN) -m local status

## Tools
.PHONY: tools ready-deploy ready-dev ready-all ready-cloud ready-release ready-docs lock clean-cache
tools: ## Build the pinned command-line tools of deployments and checks into .tools/bin
	@$(TOOLS) build deploy dev

ready-deploy: # what a deployment needs; silent when it is there
	@$(TOOLS) ready deploy

ready-dev: # what the checks need
	@$(TOOLS) ready dev

ready-all: ready-docs # both at once: compiled packages are shared while tools are built, and dropped after
	@$(TOOLS) ready deploy dev

ready-cloud: # what the checks of Terraform need besides: its programs, and a provider of 20 minutes
	@$(TOOLS) ready cloud

lock: ## Refresh the hash-locked Python requirements
	@$(TOOLS) lock

ready-release: ready-dev # what makes, signs and describes a release
	@$(TOOLS) ready release

ready-docs: # what makes the site
	@$(TOOLS) venv docs

clean-cache: ## Empty the user-level cache of tools, downloads and image layers
	@$(TOOLS) clean-cache

## Work on it
.PHONY: check versions format sweep test test-full test-cloud test-gpu bench bench-history docs docs-publish
check: ready-dev ready-docs ## Lint, types, unit tests, charts: no cluster, ≤ 3 minutes
	@$(DEV) -m checks quick

versions: ready-dev ## The README's table of versions, printed and written anew
	@$(DEV) -m versions table

format: ready-dev ## Format Python files and sort imports
	@$(DEV) -m ruff format . && $(DEV) -m ruff check --fix .

sweep: ready-dev ## Random values on all charts: refused in words, or by nobody (N=2000, SEED= for one again)
	@$(DEV) -m charts sweep --number $(or $(N),2000) $(if $(SEED),--seed $(SEED))

test: ready-all ## check, then the end-to-end run on a local cluster made for it
	@$(DEV) -m checks all

test-full: ready-all ready-cloud ready-release ## test, test-cloud, then every scenario and fault: about two hours
	@$(DEV) -m checks full

test-cloud: ready-dev ready-cloud ## Terraform of the clouds against the real providers, without an account: N minutes
	@$(DEV) -m checks cloud

test-gpu: ready-dev ## The trainings and the endpoint on this machine's GPU, some 5 minutes
	@$(DEV) -m checks gpu

bench: ready-all ## Ratios to the samples, plain torch and FastAPI, start-up times: about an hour; the last line is JSON
	@set -o pipefail; $(DEV) -m bench $(if $(BENCH_OUT),| tee /dev/stderr | tail -n 1 > $(BENCH_OUT))

bench-history: ready-dev ## Compare figures with those before, on the branch `benchmarks` (BENCH_OUT=bench.json)
	@$(DEV) -m release bench-history $(BENCH_OUT)

docs: ready-docs ## The site in dist/site; a broken link is an error (SERVE=1 shows it on a local port)
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs $(if $(SERVE),serve,build --strict)

docs-publish: ready-docs ## The site as VERSION (a branch, or v1.2.3), on the branch gh-pages
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mike deploy --push --update-aliases $(VERSION) $(if $(filter v%,$(VERSION)),latest)

## Release it
.PHONY: images images-compare images-push images-sbom images-publish charts-publish charts-index smoke release-notes release-dry-run
images: ready-dev ## All images for this machine's architecture, by Docker (TARGETS="ray operator")
	@$(DEV) -m release images $(TARGETS)

images-compare: ready-all ## Built twice on the local cluster: what differs, layers against images/budgets.yaml, times
	@$(DEV) -m release images-compare $(TARGETS)

images-push: ready-dev ## The same, into REGISTRY by digest and without a name
	@$(DEV) -m release images-push

images-sbom: ready-release ## Write down what is in the pushed images (TARGETS="ray operator")
	@$(DEV) -m release images-sbom $(TARGETS)

images-publish: ready-release ## Give the pushed images their names; describe and sign them
	@$(DEV) -m release images-publish

charts-publish: ready-release ## Charts whose versions REGISTRY has not: package, push, sign
	@$(DEV) -m release charts-publish

charts-index: ready-release ## A release for each published chart, and the index of `helm repo add`
	@$(DEV) -m release charts-index

smoke: ready-dev ## Platform, cluster and job on the current kubeconfig's cluster (CHARTS=oci://…)
	@$(DEV) -m release smoke $(if $(CHARTS),--charts $(CHARTS))

release-notes: ready-dev ## What was tested together, in dist/release.md (PUBLISH=yes: as a release on GitHub)
	@$(DEV) -m release notes $(if $(PUBLISH),--publish)

release-dry-run: $(if $(filter no,$(CLUSTER)),,ready-deploy) ready-release ## A release into a registry on this machine, installed from there (CLUSTER=no: charts alone)
	@$(DEV) -m release dry-run $(if $(filter no,$(CLUSTER)),--no-cluster)
