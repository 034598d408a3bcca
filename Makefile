# Passerelle. `make help` liste les commandes.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)
PASSERELLE_PROFILE ?= embarque
export PASSERELLE_PROFILE

.PHONY: help setup run test gen fmt bench locks publish-contract clean

help: ## liste les commandes
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: ## installe ce qu'il faut pour servir
	@test -n "$(PYTHON)" || { echo "Python 3.11 ou 3.12 est nécessaire." >&2; exit 1; }
	@$(PYTHON) tools/setup.py run dashboard

run: setup ## lance le produit (profil embarque) sur http://127.0.0.1:8000/ ; HOST_PORT change le port
	@exec .venv/bin/python -m server serve

test: setup ## joue toutes les vérifications
	@$(PYTHON) tools/setup.py dev
	@.venv/bin/python -m tools.check

gen: setup ## reproduit gen/ depuis protos/
	@$(PYTHON) tools/setup.py dev
	@.venv/bin/python -m tools.gen

fmt: ## met en forme Python, protos et page
	.venv/bin/ruff check --fix --quiet server tests tools bench
	.venv/bin/ruff format server tests tools bench
	.venv/bin/buf format --write --path protos/passerelle
	cd dashboard && npm run --silent fmt

bench: setup ## mesure (une à deux heures) ; voir docs/mesures.md
	@$(PYTHON) tools/setup.py dev
	.venv/bin/python -m bench.chat_direct
	.venv/bin/python -m bench.data_path
	.venv/bin/python -m bench.speech

locks: ## recalcule locks/ depuis pyproject.toml (demande uv)
	@$(PYTHON) -m tools.locks

publish-contract: ## fige le contrat publié, à chaque version
	.venv/bin/buf build --path protos/passerelle/v1 -o protos/published.binpb

clean: ## retire tout ce qui se reconstruit
	rm -rf .venv .build dashboard/node_modules dashboard/dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
