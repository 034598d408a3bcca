#!/bin/sh
# Ce qu'une image doit tenir, vérifié à la fin de sa construction : check.sh DOSSIER [environnement de moteur]…
set -eu

root=$1
shift
python=$root/.venv/bin/python
cd "$root"
"$python" -m compileall -q server gen/python
"$python" - <<'END'
import importlib.util
import subprocess

from server.settings.config import load_config
from server.supervisor.envoy import envoy_binary

assert importlib.util.find_spec("torch") is None, "torch est dans l'environnement du serveur"
subprocess.run([envoy_binary(), "--version"], check=True)
load_config({"PASSERELLE_PROFILE": "dgx"})
END
test -f dashboard/dist/index.html
test -s gen/envoy.binpb
for family in "$@"; do
  "$root/.envs/$family/bin/python" -c 'import google.protobuf, orjson, torch; print(torch.__version__, torch.version.cuda)'
done
"$root/passerelle" --help >/dev/null
