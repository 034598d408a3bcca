# Passerelle. `make help` liste les commandes.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)
PASSERELLE_PROFILE ?= embarque
export PASSERELLE_PROFILE

# Le profil dgx a ses environnements à lui ; tout autre se contente de celui du profil embarqué.
SETUP = $(PYTHON) -m tools.setup
PARTS = $(if $(filter dgx,$(PASSERELLE_PROFILE)),dgx,run)

.PHONY: help python setup setup-dgx run check test test-peers test-engines gen fmt bench shots rehearse locks publish-contract clean

help: ## liste les commandes
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 ou 3.12 est nécessaire." >&2; exit 1; }

setup: python ## installe ce qu'il faut pour servir le profil choisi
	@$(SETUP) $(PARTS) dashboard

setup-dgx: python ## installe la production : un environnement par moteur (plusieurs Go)
	@$(SETUP) dgx dashboard

run: setup ## lance le produit sur http://127.0.0.1:8000/ ; HOST_PORT change le port, PASSERELLE_PROFILE=dgx le profil
	@exec .venv/bin/python -m server serve

check: python ## joue ce qui se rejoue à chaque changement (deux minutes) : mise en forme, règles, types, imports, essais rapides
	@$(SETUP) run dashboard dev
	@.venv/bin/python -m tools.check quick

test: python ## joue tout ce que le produit promet (un quart d'heure) : les mêmes, les appels, le produit de bout en bout
	@$(SETUP) run dashboard dev
	@.venv/bin/python -m tools.check

test-peers: python ## joue les clients du dehors, toutes les formes d'entrée et les longues charges, chacun devant un produit à lui
	@$(SETUP) run dashboard dev clients
	@.venv/bin/python -m tools.check peers

test-engines: python ## joue les essais des vrais moteurs, sur processeur ; ENGINES="vllm nemo pyannote"
	@$(PYTHON) -m tools.engine_suites $(ENGINES)

gen: python ## reproduit gen/ depuis protos/
	@$(SETUP) run dev
	@.venv/bin/python -m tools.gen

fmt: ## met en forme Python, protos et page
	.venv/bin/ruff check --fix --quiet server tests tools bench examples deploy clients
	.venv/bin/ruff format server tests tools bench examples deploy clients
	.venv/bin/buf format --write --path protos/passerelle
	cd dashboard && npm run --silent fmt

bench: python ## mesure (deux à trois heures) ; voir docs/mesures.md
	@$(SETUP) run dashboard dev
	.venv/bin/python -m bench.chat_direct
	.venv/bin/python -m bench.data_path
	.venv/bin/python -m bench.speech
	.venv/bin/python -m bench.live
	.venv/bin/python -m bench.faults
	.venv/bin/python -m bench.dashboard

shots: python ## reprend les images de docs/images/ (trois minutes ; Chromium, port 8000 libre)
	@$(SETUP) run dashboard dev
	.venv/bin/python -m tools.shots

rehearse: setup ## répète l'image dans une racine Debian neuve (root, debootstrap) : make rehearse DIR=/dossier/neuf
	@deploy/rehearse.sh "$(DIR)"

locks: python ## recalcule locks/ depuis pyproject.toml (demande uv)
	@$(PYTHON) -m tools.locks

publish-contract: ## fige le contrat publié, à chaque version
	.venv/bin/buf build --path protos/passerelle/v1 -o protos/published.binpb

clean: ## retire tout ce qui se reconstruit
	rm -rf .venv .envs .engines .build dashboard/node_modules dashboard/dist tests/peers/clients/node/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
