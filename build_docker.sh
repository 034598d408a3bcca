#!/usr/bin/env bash
# Construit l'image : ./build_docker.sh IMAGE:TAG [options de « docker build »]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/docker-common.sh
. "$root/deploy/docker-common.sh"

usage() {
  cat <<'END'
Usage : ./build_docker.sh IMAGE:TAG [options de « docker build »]

Le verrou CUDA suit le pilote trouvé : CUDA 13 dès le pilote 580, CUDA 12 avant. Pour le choisir :
  ./build_docker.sh IMAGE:TAG --build-arg PASSERELLE_CUDA=cuda12
END
}

case ${1-} in
  -h | --help)
    usage
    exit 0 ;;
  "")
    usage >&2
    exit 2 ;;
esac
image=$1
shift
require_image_name "$image"

given=
previous=
for argument in "$@"; do
  case "$previous $argument" in
    *"--build-arg PASSERELLE_CUDA="*) given=${argument#PASSERELLE_CUDA=} ;;
    *" --build-arg=PASSERELLE_CUDA="*) given=${argument#--build-arg=PASSERELLE_CUDA=} ;;
  esac
  previous=$argument
done
case $given in
  "" | cuda12 | cuda13) ;;
  *) die 2 "PASSERELLE_CUDA : « $given » inconnu (cuda12 ou cuda13 attendu)." ;;
esac

require_docker
cuda=$given
if [[ -z $cuda ]]; then
  driver=$(driver_major)
  if [[ -z $driver ]]; then
    cuda=cuda13
    warn "aucun pilote NVIDIA trouvé ici : l'image aura CUDA 13 (pilote $CUDA13_DRIVER au moins)." \
      "Pour une machine plus ancienne : --build-arg PASSERELLE_CUDA=cuda12."
  elif ((driver >= CUDA13_DRIVER)); then
    cuda=cuda13
    say "Pilote NVIDIA $driver : verrous cuda13."
  else
    cuda=cuda12
    say "Pilote NVIDIA $driver, avant $CUDA13_DRIVER : verrous cuda12."
    ((driver >= OLDEST_DRIVER)) ||
      warn "le pilote $driver précède CUDA 12.4 : mettez-le à jour ($OLDEST_DRIVER au moins) avant de servir."
  fi
  set -- --build-arg "PASSERELLE_CUDA=$cuda" "$@"
fi

# Ce que dira /version ; hors d'un dépôt, rien.
if commit=$(git -C "$root" rev-parse HEAD 2>/dev/null); then
  set -- --build-arg "PASSERELLE_BUILD=$commit" "$@"
fi
say "Construction de $image ($cuda)…"
DOCKER_BUILDKIT=1 docker build --tag "$image" "$@" "$root" ||
  die 1 "la construction a échoué ; la dernière étape affichée dit pourquoi. Un index de paquets injoignable est la" \
    "cause la plus fréquente : relancez, ce qui est fait est gardé."
say "Image prête : $image. Pour la lancer : ./run_docker.sh $image"
