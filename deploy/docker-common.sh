# shellcheck shell=bash disable=SC2034
# Ce que build_docker.sh et run_docker.sh partagent ; les constantes sont lues par ces scripts.

# Dernier pilote à ne servir que CUDA 12, plus un ; voir docs/conteneur.md.
readonly CUDA13_DRIVER=580
# Premier pilote à servir CUDA 12.4.
readonly OLDEST_DRIVER=550

say() { printf '%s\n' "$*"; }
warn() { printf 'Attention : %s\n' "$*" >&2; }

# Écrit le message et sort avec le code donné (2 : demande refusée, 1 : échec).
die() {
  local code=$1
  shift
  printf 'Erreur : %s\n' "$*" >&2
  exit "$code"
}

# Retire les blancs de tête et de queue.
trim() {
  local text=$1
  text=${text#"${text%%[![:space:]]*}"}
  printf '%s' "${text%"${text##*[![:space:]]}"}"
}

require_docker() {
  command -v docker >/dev/null ||
    die 1 "docker est introuvable : installez Docker 24 ou plus récent (https://docs.docker.com/engine/install/)," \
      "ou installez sans conteneur (docs/installation.md)."
  local answer
  answer=$(docker info --format '{{.ServerVersion}}' 2>&1) && return
  case $answer in
    *"permission denied"*)
      die 1 "vous n'avez pas le droit de parler à Docker : « sudo usermod -aG docker $(id -un) » puis rouvrez la" \
        "session, ou relancez par « sudo -E »." ;;
    *) die 1 "le service Docker ne répond pas : « sudo systemctl start docker ». Docker a dit : $answer" ;;
  esac
}

# Un nom d'image : dépôt, étiquette facultative, sans blanc ni tiret initial.
require_image_name() {
  [[ $1 =~ ^[a-z0-9][A-Za-z0-9._/:@-]*$ ]] ||
    die 2 "« $1 » n'est pas un nom d'image (exemple : passerelle:latest)."
}

# Version majeure du pilote NVIDIA de cette machine ; vide s'il n'y en a pas.
driver_major() {
  local version
  version=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null) || return 0
  version=$(trim "${version%%$'\n'*}")
  version=${version%%.*}
  [[ $version =~ ^[0-9]+$ ]] && printf '%s' "$version"
  return 0
}
