#!/bin/sh
# Un environnement Python rempli par un verrou, à ses empreintes et rien d'autre : environment.sh DOSSIER VERROU
set -eu

folder=$1
lock=$2
[ -f "$lock" ] || { echo "environment.sh : le verrou $lock n'existe pas." >&2; exit 1; }

python3 -m venv "$folder"
"$folder/bin/python" -m pip install --disable-pip-version-check --no-cache-dir --no-compile \
  --require-hashes --no-deps -r "$lock"
# Une fois ici plutôt qu'à chaque démarrage d'un utilisateur qui ne peut pas écrire là ; un gabarit illisible n'arrête rien.
"$folder/bin/python" -m compileall -q -j 0 "$folder/lib" || true
