# shellcheck shell=bash
# Les étapes de run_docker.sh, dans leur ordre. Tout réglage y entre par une variable d'environnement.

# L'utilisateur de l'image ; le Dockerfile le crée.
readonly IMAGE_UID=10001
readonly PORT=8000
readonly SHARED_DIR=/run/passerelle-files

read_settings() {
  image=$1
  require_image_name "$image"
  name=$(trim "${CONTAINER_NAME:-}")
  name=${name:-passerelle}
  [[ $name =~ ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$ ]] ||
    die 2 "CONTAINER_NAME : « $name » n'est pas un nom de conteneur (lettres, chiffres, « _ », « . » et « - »)."
  host_port=$(positive HOST_PORT 8000 65535)
  ready_timeout=$(positive READY_TIMEOUT 900 86400)
  pids=$(positive PIDS_LIMIT 32768 4194304)
  shm=$(size SHM_SIZE 16g)
  tmp=$(size TMP_SIZE 16g)
  log_driver=$(trim "${LOG_DRIVER:-}")
  [[ $log_driver =~ ^[a-z0-9._/:-]*$ ]] || die 2 "LOG_DRIVER : « $log_driver » n'est pas un pilote de journaux de Docker."
  read_only=$(trim "${READ_ONLY_ROOT:-}")
  read_only=${read_only:-true}
  [[ $read_only == true || $read_only == false ]] ||
    die 2 "READ_ONLY_ROOT : « $read_only » n'est pas un booléen (true ou false attendu)."
  bind=$(trim "${HOST_BIND_ADDRESS:-}")
  bind=${bind#[}
  bind=${bind%]}
  [[ ${bind,,} != localhost ]] || bind=127.0.0.1
  case $bind in
    "") ;;
    *:*) [[ $bind =~ ^[0-9a-fA-F:.]+$ ]] || refuse_bind ;;
    *)
      local octet='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
      [[ $bind =~ ^$octet\.$octet\.$octet\.$octet$ ]] || refuse_bind ;;
  esac
  cache=$(trim "${MODEL_CACHE_DIR:-}")
  cache=${cache:-./model_cache}
  state=$(trim "${PASSERELLE_STATE_DIR:-}")
  tls=$(trim "${PASSERELLE_TLS_CERT:-}")
  scheme=http
  [[ -z $tls ]] || scheme=https
  client_ca=$(trim "${PASSERELLE_TLS_CLIENT_CA:-}")
  read -r -a hosts <<<"$(tr ',\n\t' '   ' <<<"${ADVERTISED_HOSTS:-}")" || true
  local host
  for host in ${hosts[@]+"${hosts[@]}"}; do
    split_host "$host"
  done
}

refuse_bind() {
  die 2 "HOST_BIND_ADDRESS : « $bind » n'est pas une adresse IP de cette machine (« ip address » les liste ; vide :" \
    "toutes)."
}

# split_host ENTRÉE : le schéma, l'hôte et le port d'une adresse à annoncer, dans « part_scheme », « part_host » et
# « part_port ». Mêmes formes que server/settings/addresses.py, qui les vérifie de plus près.
split_host() {
  local entry=${1%/}
  part_scheme=$scheme part_port=$host_port
  if [[ $entry =~ ^([hH][tT][tT][pP][sS]?)://(.+)$ ]]; then
    part_scheme=${BASH_REMATCH[1],,} entry=${BASH_REMATCH[2]}
    part_port=80
    [[ $part_scheme == http ]] || part_port=443
  fi
  if [[ $entry =~ ^\[([0-9a-fA-F:.]*:[0-9a-fA-F:.]*)\](:([0-9]{1,5}))?$ ]]; then
    part_host=${BASH_REMATCH[1]} part_port=${BASH_REMATCH[3]:-$part_port}
  elif [[ $entry =~ ^[0-9a-fA-F.]*:[0-9a-fA-F.]*:[0-9a-fA-F:.]*$ ]]; then
    part_host=$entry
  elif [[ $entry =~ ^([A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?)(:([0-9]{1,5}))?$ ]]; then
    part_host=${BASH_REMATCH[1]} part_port=${BASH_REMATCH[4]:-$part_port}
  else
    die 2 "ADVERTISED_HOSTS : « $1 » n'est pas une adresse à annoncer (exemples : gpu.exemple, 10.0.0.5:9000," \
      "https://ia.exemple, [2001:db8::1]:8000)."
  fi
  ((10#$part_port >= 1 && 10#$part_port <= 65535)) ||
    die 2 "ADVERTISED_HOSTS : « $1 » : le port $part_port n'est pas un entier de 1 à 65535."
}

# size NOM DÉFAUT : la taille de cette variable.
size() {
  local value
  value=$(trim "${!1:-}")
  value=${value:-$2}
  [[ $value =~ ^[1-9][0-9]*[bkmgBKMG]?$ ]] || die 2 "$1 : « $value » n'est pas une taille (exemples : 16g, 512m)."
  printf '%s' "$value"
}

# positive NOM DÉFAUT MAXIMUM : l'entier de cette variable.
positive() {
  local value
  value=$(trim "${!1:-}")
  value=${value:-$2}
  if ! [[ $value =~ ^[0-9]{1,9}$ ]] || ((10#$value < 1 || 10#$value > $3)); then
    die 2 "$1 : « $value » n'est pas un entier de 1 à $3."
  fi
  printf '%d' "$((10#$value))"
}

require_image() {
  docker image inspect "$image" >/dev/null 2>&1 ||
    die 1 "l'image « $image » n'est pas sur cette machine : « ./build_docker.sh $image » la construit, et" \
      "« docker pull $image » la prend d'un registre."
}

require_gpus() {
  local driver
  driver=$(driver_major)
  [[ -n $driver ]] ||
    die 1 "aucun GPU utilisable : « nvidia-smi » est absent ou échoue. Installez ou réparez le pilote NVIDIA" \
      "($OLDEST_DRIVER au moins) ; toute inférence se fait sur GPU."
  ((driver >= OLDEST_DRIVER)) ||
    warn "le pilote NVIDIA $driver précède CUDA 12.4 : mettez-le à jour ($OLDEST_DRIVER au moins)."
}

# Les GPU que donnent CUDA_VISIBLE_DEVICES et PASSERELLE_GPUS, par leur UUID : un conteneur renumérote ceux qu'il reçoit,
# et un numéro peut changer quand la machine redémarre. Mêmes règles que server/control/gpu/allowed.py ; vide : tous.
choose_gpus() {
  local variable devices outer uuid
  gpus=()
  for variable in CUDA_VISIBLE_DEVICES PASSERELLE_GPUS; do
    [[ -v $variable ]] || continue
    devices=${devices-$(nvidia-smi --query-gpu=index,uuid,mig.mode.current --format=csv,noheader)}
    outer=("${gpus[@]}")
    list_gpus "$variable" "$devices"
    ((${#outer[@]})) || continue
    for uuid in "${gpus[@]}"; do
      [[ " ${outer[*]} " == *" $uuid "* ]] ||
        die 2 "$variable : le GPU $uuid n'est pas parmi ceux que donne CUDA_VISIBLE_DEVICES (${outer[*]})."
    done
  done
}

# list_gpus VARIABLE GPU-DE-LA-MACHINE : range dans « gpus » les UUID que cette liste nomme.
list_gpus() {
  local variable=$1 text entry index uuid mig exact
  local -a entries found
  text=$(trim "${!variable}")
  [[ -n $text && $text != -1 ]] ||
    die 1 "$variable ne laisse aucun GPU au conteneur ; toute inférence se fait sur GPU."
  mapfile -t entries <<<"${text//,/$'\n'}"
  gpus=()
  for entry in "${entries[@]}"; do
    entry=$(trim "$entry")
    [[ $entry != MIG-* ]] || die 2 "$variable : « $entry » est une partition MIG, que Passerelle n'emploie pas."
    found=() exact=
    while IFS=', ' read -r index uuid mig; do
      if [[ $entry == "$index" || $entry == "$uuid" ]]; then
        exact="$uuid $mig"
      elif [[ $entry == GPU-?* && $uuid == "$entry"* ]]; then
        found+=("$uuid $mig")
      fi
    done <<<"$2"
    [[ -z $exact ]] || found=("$exact")
    ((${#found[@]} <= 1)) || die 2 "$variable : « $entry » est le début de plusieurs UUID (${found[*]%% *})."
    ((${#found[@]} == 1)) ||
      die 2 "$variable : « $entry » n'est aucun GPU de cette machine (« nvidia-smi -L » les liste)."
    [[ ${found[0]} != *Enabled ]] ||
      die 2 "$variable : « $entry » est un GPU en mode MIG, que Passerelle n'emploie pas."
    uuid=${found[0]%% *}
    [[ " ${gpus[*]} " != *" $uuid "* ]] || die 2 "$variable : « $entry » nomme une seconde fois le GPU $uuid."
    gpus+=("$uuid")
  done
}

require_free_name() {
  local state
  state=$(docker container inspect --format '{{.State.Status}}' "$name" 2>/dev/null) || return 0
  case $state in
    running | restarting | paused)
      die 1 "le conteneur « $name » est déjà en marche : « docker rm -f $name » l'arrête et le retire," \
        "CONTAINER_NAME=autre HOST_PORT=9000 en lance un second." ;;
    *)
      say "Le conteneur « $name », arrêté, est remplacé ; le cache des modèles est gardé."
      docker rm "$name" >/dev/null || die 1 "le conteneur « $name » n'a pas pu être retiré : « docker rm -f $name »." ;;
  esac
}

# Les poids peuvent n'être que lus dès que l'état a son dossier ; sinon il est parmi eux.
prepare_folders() {
  cache_options=
  if [[ -z $state ]]; then
    make_folder MODEL_CACHE_DIR cache
    choose_user MODEL_CACHE_DIR "$cache"
    return
  fi
  make_folder PASSERELLE_STATE_DIR state
  choose_user PASSERELLE_STATE_DIR "$state"
  make_folder MODEL_CACHE_DIR cache
  [[ $fresh == no ]] || (($(id -u) != 0)) || chown "$user" "$cache"
  [[ -w $cache ]] || cache_options=,readonly
}

# make_folder VARIABLE NOM : le dossier que NOM contient, créé s'il manque (« fresh »), sous son chemin entier.
make_folder() {
  local -n folder=$2
  fresh=no
  [[ -e $folder ]] || fresh=yes
  mkdir -p -- "$folder" 2>/dev/null ||
    die 1 "$1 : « $folder » ne peut pas être créé ; donnez un dossier où vous pouvez écrire."
  folder=$(cd -- "$folder" && pwd -P) || die 1 "$1 : « $folder » ne peut pas être ouvert."
}

# Le conteneur ne tourne jamais en root : c'est l'appelant, sinon le possesseur du dossier, sinon l'utilisateur de l'image.
choose_user() {
  local owner
  if (($(id -u) != 0)); then
    [[ -w $2 ]] || die 1 "$1 : vous ne pouvez pas écrire dans « $2 » : « sudo chown -R $(id -un) '$2' »."
    user="$(id -u):$(id -g)"
    return
  fi
  [[ $fresh == no ]] || chown "$IMAGE_UID:$IMAGE_UID" "$2"
  owner=$(stat -c '%u:%g' -- "$2")
  [[ $owner != 0:* ]] ||
    die 1 "$1 : « $2 » est à root, et le conteneur n'est pas root : « chown -R $IMAGE_UID '$2' »."
  user=$owner
}

build_command() {
  local publish="$host_port:$PORT" variable grace given
  case $bind in
    "") ;;
    *:*) publish="[$bind]:$publish" ;;
    *) publish="$bind:$publish" ;;
  esac
  find_hosts
  # Les requêtes en cours, puis l'arrêt ordonné de chaque processus.
  grace=$(trim "${PASSERELLE_STOP_GRACE:-}")
  grace=${grace%%.*}
  [[ $grace =~ ^[0-9]{1,4}$ ]] || grace=30
  # « device=… » entre guillemets : docker lit cette option comme une ligne de CSV.
  given=$(IFS=,; printf '%s' "${gpus[*]}")
  command=(
    docker run --detach --name "$name" --restart unless-stopped --user "$user"
    --gpus "$([[ -n $given ]] && printf '"device=%s"' "$given" || printf all)" --shm-size "$shm"
    --ulimit memlock=-1 --ulimit stack=67108864 --ulimit nofile=1048576:1048576
    --cap-drop ALL --security-opt no-new-privileges:true --pids-limit "$pids"
    # exec : gcc et Triton y posent des bibliothèques que les moteurs chargent aussitôt ; Docker l'interdit par défaut.
    --tmpfs "/tmp:rw,exec,nosuid,nodev,mode=1777,size=$tmp"
    --stop-timeout "$((10#$grace + 60))" --publish "$publish"
  )
  [[ $read_only == false ]] || command+=(--read-only)
  # Celui de Docker peut garder un journal sans fin ; un autre, qu'on a choisi, a ses propres bornes.
  if [[ -z $log_driver ]]; then
    command+=(--log-driver local --log-opt max-size=64m --log-opt max-file=4)
  else
    command+=(--log-driver "$log_driver")
  fi
  bind_mount "$cache" /models "$cache_options"
  if [[ -n $state ]]; then
    bind_mount "$state" /state
    command+=(--env PASSERELLE_STATE_DIR=/state --env HOME=/state/.home)
  fi
  # Les prises, les journaux et la réserve des envois : sur le disque, car la réserve peut être grande.
  command+=(--mount "type=volume,source=$name-run,target=/run/passerelle")
  # Par leur nom seul : docker lit leur valeur dans l'environnement, aucune n'apparaît dans une liste de processus.
  for variable in HUGGINGFACE_TOKEN HF_TOKEN OPENAI_KEYS ADMIN_KEYS LAZY_LOAD_MODELS \
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy \
    HF_ENDPOINT HF_HUB_OFFLINE HF_HUB_DOWNLOAD_TIMEOUT; do
    pass "$variable"
  done
  for variable in SSL_CERT_FILE HUGGINGFACE_TOKEN_FILE HF_TOKEN_FILE OPENAI_KEYS_FILE ADMIN_KEYS_FILE; do
    share_file "$variable"
  done
  share_hub_cache
  for variable in $(compgen -e | grep '^PASSERELLE_' | sort); do
    case $variable in
      # Ce que l'image fixe, ou que ce script traduit.
      PASSERELLE_BIND | PASSERELLE_PORT | PASSERELLE_RUN_* | PASSERELLE_WEIGHTS_DIR | PASSERELLE_ENVS_DIR | \
        PASSERELLE_STATE_DIR) ;;
      # Ce qui ne sert qu'à construire, ou qu'à la ligne de commande.
      PASSERELLE_CUDA | PASSERELLE_ADDRESS | PASSERELLE_API_KEY | PASSERELLE_API_KEY_FILE) ;;
      # Les numéros de l'hôte n'y vaudraient rien ; les UUID, plus bas, gardent l'ordre de la liste.
      PASSERELLE_GPUS) ;;
      PASSERELLE_TLS_* | PASSERELLE_SETTINGS_FILE | PASSERELLE_JWT_JWKS_FILE | PASSERELLE_JWT_CA | PASSERELLE_KEYS_FILE) share_file "$variable" ;;
      PASSERELLE_PROFILE)
        case $PASSERELLE_PROFILE in
          *.toml) share_file "$variable" ;;
          *) pass "$variable" ;;
        esac ;;
      *) pass "$variable" ;;
    esac
  done
  # Un conteneur ignore le nom de sa machine.
  [[ -n $(trim "${PASSERELLE_ALLOWED_HOSTS:-}") ]] || command+=(--env "PASSERELLE_ALLOWED_HOSTS=$HOSTNAME")
  [[ -z $given ]] || command+=(--env "PASSERELLE_GPUS=$given")
  command+=(--env "HOST_PORT=$host_port" --env "ADVERTISED_HOSTS=${hosts[*]}" "$image")
}

# Transmet une variable par son nom, si elle a une valeur.
pass() {
  [[ -z $(trim "${!1:-}") ]] || command+=(--env "$1")
}

# bind_mount SOURCE CIBLE [options] ; la forme CSV admet espaces, virgules et deux-points.
bind_mount() {
  command+=(--mount "type=bind,\"source=${1//\"/\"\"}\",target=$2${3-}")
}

# Partage en lecture le dossier d'un fichier, pour qu'un renouvellement par renommage soit vu.
share_file() {
  local path target
  path=$(trim "${!1:-}")
  [[ -n $path ]] || return 0
  [[ -f $path && -r $path ]] || die 2 "$1 : « $path » n'est pas un fichier lisible."
  path=$(cd -- "$(dirname -- "$path")" && pwd)/$(basename -- "$path")
  target=$SHARED_DIR/${1,,}
  bind_mount "$(dirname -- "$path")" "$target" ,readonly
  command+=(--env "$1=$target/$(basename -- "$path")")
}

# Partage en lecture le cache du hub que d'autres outils remplissent, si l'on dit où il est.
share_hub_cache() {
  local path variable=HF_HUB_CACHE target=$SHARED_DIR/hf_hub_cache
  path=$(trim "${HF_HUB_CACHE:-}")
  if [[ -z $path ]]; then
    variable=HF_HOME
    path=$(trim "${HF_HOME:-}")
    [[ -n $path ]] || return 0
    path=$path/hub
    # HF_HOME tient aussi un jeton : son cache seul entre, et s'il y en a un.
    [[ -d $path ]] || return 0
  fi
  [[ -d $path && -r $path ]] || die 2 "$variable : « $path » n'est pas un dossier lisible."
  path=$(cd -- "$path" && pwd -P)
  bind_mount "$path" "$target" ,readonly
  command+=(--env "HF_HUB_CACHE=$target")
}

# Hôtes à annoncer : ceux qu'on a donnés, sinon l'adresse publiée, sinon la source de la route par défaut.
find_hosts() {
  local target source
  ((${#hosts[@]} == 0)) || return 0
  case $bind in
    "" | 0.0.0.0 | ::) ;;
    *)
      hosts=("$bind")
      return ;;
  esac
  for target in 192.0.2.1 2001:db8::1; do
    source=$(ip route get "$target" 2>/dev/null | sed -nE 's/.* src ([^ ]+).*/\1/p' | head -n 1) || true
    case $source in
      # Le réseau de Docker et la machine elle-même ne disent rien à personne d'autre.
      "" | 172.17.* | 127.* | ::1) ;;
      *)
        hosts=("$source")
        return ;;
    esac
  done
}

start_container() {
  local answer
  [[ -n $(trim "${HUGGINGFACE_TOKEN:-}${HF_TOKEN:-}${HUGGINGFACE_TOKEN_FILE:-}${HF_TOKEN_FILE:-}") ]] ||
    warn "HUGGINGFACE_TOKEN n'est pas donné : les modèles à accès restreint (pyannote) ne seront pas téléchargés." \
      "« export HUGGINGFACE_TOKEN=hf_… », après avoir accepté leurs conditions, puis relancez."
  [[ -n $(trim "${OPENAI_KEYS:-}${OPENAI_KEYS_FILE:-}") ]] || case $bind in
    127.* | ::1) ;;
    *) warn "OPENAI_KEYS n'est pas donné : tout le réseau peut se servir de ce serveur." ;;
  esac
  answer=$("${command[@]}" 2>&1) && return
  # Créé mais jamais démarré : il tiendrait le nom.
  docker rm -f "$name" >/dev/null 2>&1 || true
  case $answer in
    *"port is already allocated"* | *"address already in use"*)
      die 1 "le port $host_port est déjà pris : « HOST_PORT=9000 ./run_docker.sh $image », ou arrêtez ce qui l'écoute" \
        "(« ss -ltnp 'sport = :$host_port' »)." ;;
    *"cannot assign requested address"*)
      die 1 "HOST_BIND_ADDRESS : « $bind » n'est pas une adresse de cette machine (« ip address » les liste)." ;;
    *"could not select device driver"* | *nvidia-container* | *"runtime name: nvidia"* | *"nvidia.com/gpu"*)
      die 1 "Docker ne sait pas donner les GPU : installez nvidia-container-toolkit, puis « sudo nvidia-ctk runtime" \
        "configure --runtime=docker && sudo systemctl restart docker ». Docker a dit : $answer" ;;
    *) die 1 "le conteneur n'a pas démarré. Docker a dit : $answer" ;;
  esac
}

# Code de retour 0 quand le service est prêt ; écrit ce qui manque encore dans « reasons ».
probe() {
  local host=127.0.0.1 answer
  case $bind in
    "" | 0.0.0.0) ;;
    ::) host='[::1]' ;;
    *:*) host="[$bind]" ;;
    *) host=$bind ;;
  esac
  # Sans certificat de client, seule la sonde du conteneur peut répondre.
  if [[ -n $client_ca ]] || ! command -v curl >/dev/null; then
    [[ $(docker container inspect --format '{{.State.Health.Status}}' "$name" 2>/dev/null) == healthy ]]
    return
  fi
  answer=$(curl --silent --insecure --noproxy '*' --max-time 5 --write-out '\n%{http_code}' \
    "$scheme://$host:$host_port/readyz" 2>/dev/null) || true
  reasons=$(sed -nE 's/.*"reasons":\[([^]]*)\].*/\1/p' <<<"$answer" | tr -d '"')
  [[ ${answer##*$'\n'} == 200 ]]
}

wait_until_ready() {
  local begun=$SECONDS shown=- next=0 state reasons=
  say "Conteneur « $name » lancé. Attente du service (au plus $ready_timeout s)…"
  until probe; do
    state=$(docker container inspect --format '{{.State.Status}} {{.RestartCount}}' "$name" 2>/dev/null) || state=absent
    if [[ $state != "running 0" && $state != "created 0" ]]; then
      docker stop "$name" >/dev/null 2>&1 || true
      docker logs --tail 40 "$name" >&2 || true
      die 1 "le conteneur s'est arrêté au démarrage ; les lignes ci-dessus, fin de « docker logs $name », disent" \
        "pourquoi. Corrigez, puis relancez."
    fi
    if ((SECONDS - begun >= ready_timeout)); then
      docker logs --tail 20 "$name" >&2 || true
      die 1 "toujours pas prêt après $ready_timeout s (${reasons:-aucune réponse}). Le conteneur continue :" \
        "« docker logs -f $name » le suit, READY_TIMEOUT allonge l'attente, « docker rm -f $name » l'arrête."
    fi
    if [[ $reasons != "$shown" ]] || ((SECONDS >= next)); then
      shown=$reasons next=$((SECONDS + 10))
      say "  $((SECONDS - begun)) s : ${reasons:-démarrage}"
    fi
    sleep 1
  done
  say "Passerelle est prête en $((SECONDS - begun)) s."
}

print_addresses() {
  local host port
  if ((${#hosts[@]} == 0)); then
    warn "aucune adresse à annoncer (ni route par défaut, ni ADVERTISED_HOSTS) : « ADVERTISED_HOSTS=mon-serveur" \
      "./run_docker.sh $image » en donne une. Le port publié est $host_port."
    return
  fi
  case $bind in
    127.* | ::1) warn "HOST_BIND_ADDRESS vaut $bind : le service ne se joint que de cette machine." ;;
  esac
  say "Service joignable à :"
  for host in "${hosts[@]}"; do
    split_host "$host"
    # Une adresse IPv6 va entre crochets, qu'on les ait donnés ou non.
    [[ $part_host != *:* ]] || part_host="[$part_host]"
    port=:$part_port
    [[ $part_scheme$port != http:80 && $part_scheme$port != https:443 ]] || port=
    say "  $part_scheme://$part_host$port/"
    say "    API OpenAI     $part_scheme://$part_host$port/v1"
    say "    gRPC           $part_host:$part_port"
  done
  say "Journal : docker logs -f $name · arrêt : docker stop $name"
}
