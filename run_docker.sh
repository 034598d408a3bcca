#!/usr/bin/env bash
# Lance l'image sur les GPU donnés, tous par défaut, attend qu'elle soit prête et dit où la joindre : ./run_docker.sh IMAGE:TAG
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/docker-common.sh
. "$root/deploy/docker-common.sh"
# shellcheck source=deploy/docker-run.sh
. "$root/deploy/docker-run.sh"

usage() {
  cat <<'END'
Usage : ./run_docker.sh IMAGE:TAG

Variables (docs/conteneur.md les donne toutes) :
  HUGGINGFACE_TOKEN   jeton des dépôts à accès restreint
  OPENAI_KEYS         clés d'API, séparées par des virgules (accès libre sinon)
  ADMIN_KEYS          clés d'administration
  MODEL_CACHE_DIR     cache des modèles (./model_cache)
  PASSERELLE_STATE_DIR  journal et noyaux compilés (dans MODEL_CACHE_DIR)
  HOST_PORT           port publié (8000)
  HOST_BIND_ADDRESS   adresse publiée (toutes)
  ADVERTISED_HOSTS    hôtes à afficher, séparés par des virgules ou des espaces
  CONTAINER_NAME      nom du conteneur (passerelle)
  SHM_SIZE, TMP_SIZE  mémoire partagée, dossier temporaire (16g)
  PIDS_LIMIT          processus et fils d'exécution (32768)
  LOG_DRIVER          pilote de journaux de Docker (local, borné à 256 Mo)
  READ_ONLY_ROOT      racine en lecture seule (true)
  PASSERELLE_GPUS     seuls GPU à donner, par numéro ou UUID (tous) ; CUDA_VISIBLE_DEVICES de même
  READY_TIMEOUT       secondes d'attente du service (900)
END
}

case ${1-} in
  -h | --help)
    usage
    exit 0 ;;
esac
if [[ $# -ne 1 || -z $1 ]]; then
  usage >&2
  exit 2
fi

read_settings "$1"
require_docker
require_image
require_gpus
choose_gpus
require_free_name
prepare_folders
build_command
start_container
wait_until_ready
print_addresses
