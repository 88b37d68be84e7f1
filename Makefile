# Wraps commands and adds nothing: `make` alone lists them. PYTHON=python3.12 names another interpreter.
PYTHON ?= python3
VENV := .venv/bin/python
MODELS ?= default,recent

.DEFAULT_GOAL := help
.PHONY: help setup deploy status logs down test soak bench bench-scale bench-stats check doctor describe platform mlflow retrain replay grade selfcheck budgets lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv from the lock file
	@$(PYTHON) -m infra setup

deploy: ## Bring the whole system up, or restart what is out of date
	@$(PYTHON) -m infra up

status: ## Say what runs and what is happening (exit 1 if something is not healthy)
	@$(PYTHON) -m infra status

logs: ## Follow the logs; NAME=service for one process
	@$(PYTHON) -m infra logs $(NAME)

down: ## Stop everything, keep the data
	@$(PYTHON) -m infra down

test: setup ## Run all tests, two files at a time; ARGS="-k name" for some
	$(VENV) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

soak: setup ## Run the long campaigns (each at most 30 min); ONLY=name for one
	$(VENV) -m pytest -v --timeout 1800 $(ARGS) $(if $(ONLY),tests/soak/test_$(ONLY).py,tests/soak)

bench: setup ## Measure speed and size against their goals; ONLY=topic for one
	@$(VENV) tests/bench $(ONLY)

bench-scale: setup ## Measure models at 20 million events (10 min, 4 GB)
	@$(VENV) tests/bench/scale_models.py

bench-stats: setup ## Hold the statistics of experiments against known truth (minutes; docs/experiments.md)
	@$(VENV) tests/bench/stats.py

check: setup ## Lint, format, types, and which floor may import which
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	.venv/bin/lint-imports

budgets: setup ## Measure the README's budgets on a fresh clone
	@$(VENV) tests/bench/budgets.py

doctor: ## Say what is wrong with broker, tunnel, topic, lag, API, clock, disk, ports or secrets, and what mends it
	@$(VENV) -m stream doctor

describe: ## Write the data description of milestone 1 to var/data.html
	@$(VENV) -m stream catalog describe --html var/data.html

platform: setup ## Run the platform alone with its broker, for a class; CONFIG=platform.toml
	@$(VENV) -m infra.alone $(or $(CONFIG),docs/class/platform.toml)

mlflow: ## Show training runs and the model registry in a browser
	@$(PYTHON) -m infra mlflow

retrain: ## Train now and promote the winner; MODELS=default,recent
	@$(VENV) -m training train --model $(MODELS) --promote

replay: ## Send recorded lines to topics; FILE=recording TOPIC=topic or TEAMS=1-30, SPEED=60 ARGS=--resume
	@$(VENV) -m stream replay $(FILE) $(addprefix --topic ,$(TOPIC)) $(addprefix --teams ,$(TEAMS)) \
		--speed $(or $(SPEED),1) $(ARGS)

# Of the service at URL; that some request got no list is for the grade to say.
ASKED := var/requests.log
grade: ## Judge by the course's rules; SUBMITTED=2026-10-20T23:59, LOGS=dir for a class, URL=http://host:8082 to ask it first
	@mkdir -p var && rm -f $(if $(URL),$(ASKED))
	@$(if $(URL),$(VENV) -m serving request $(URL) --users $(or $(USERS),2100) --rate $(or $(RATE),50) --log $(ASKED) || [ -s $(ASKED) ])
	@$(VENV) -m evaluation grade $(addprefix --teams ,$(LOGS)) $(if $(URL),--log $(ASKED)) \
		$(addprefix --submitted ,$(SUBMITTED)) $(ARGS)

selfcheck: ## Look at milestone M=1 to 4 before it is submitted: checks, and projected points; SUBMITTED=time
	@$(VENV) -m evaluation selfcheck --milestone $(or $(M),1) $(addprefix --submitted ,$(SUBMITTED)) $(ARGS)

lock: ## Resolve pyproject.toml anew into requirements.lock (needs uv on PATH)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-strip-extras \
		--python-version 3.11 --all-extras pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--python-version 3.11 --group bench -o tests/bench/requirements.lock
