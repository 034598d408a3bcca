#!/bin/sh
# Répète ce que fait le Dockerfile dans une racine Debian neuve, sans moteur de conteneur : rehearse.sh DOSSIER
#
# Il faut être root, avoir debootstrap, util-linux et un index de paquets, et avoir construit la page (make setup).
# Restent à voir ailleurs : l'image CUDA, les environnements des moteurs (plusieurs Go) et Docker lui-même.
set -eu

folder=${1:?dossier neuf attendu}
here=$(cd "$(dirname "$0")/.." && pwd)
app=$folder/opt/passerelle
inside() { chroot "$folder" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

echo "── racine Debian"
debootstrap --variant=minbase bookworm "$folder" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >/dev/null
cp /etc/resolv.conf "$folder/etc/"
echo "── system.sh"
install -d "$app/deploy/image" "$app/locks" "$app/dashboard"
cp "$here"/deploy/image/*.sh "$app/deploy/image/"
inside /opt/passerelle/deploy/image/system.sh >"$folder/system.log" 2>&1 || { tail -20 "$folder/system.log"; exit 1; }
if grep -i 'debconf: delaying' "$folder/system.log"; then exit 1; fi
echo "── environment.sh, verrou du serveur"
cp "$here/locks/serveur.txt" "$app/locks/"
[ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
inside /opt/passerelle/deploy/image/environment.sh /opt/passerelle/.venv /opt/passerelle/locks/serveur.txt >"$folder/pip.log" 2>&1 ||
  { tail -20 "$folder/pip.log"; exit 1; }
echo "── check.sh"
cp -r "$here/gen" "$here/envoy" "$here/server" "$here/deploy" "$here/passerelle" "$here/LICENSE" "$app/"
cp -r "$here/dashboard/dist" "$app/dashboard/"
chroot "$folder" env -i PATH=/usr/bin:/bin PYTHONPATH=/opt/passerelle:/opt/passerelle/gen/python \
  /opt/passerelle/deploy/image/check.sh /opt/passerelle

echo "── point d'entrée : premier processus, utilisateur 10001"
mount --bind /dev "$folder/dev"
trap 'umount "$folder/dev"' EXIT
# exec et non une fonction : le signal doit atteindre tini, premier processus de son espace.
unshare --pid --mount --fork --kill-child sh -c "
  mount -t proc proc '$folder/proc'
  exec chroot --userspec=10001:10001 '$folder' env -i PATH=/opt/passerelle:/usr/bin:/bin HOME=/models/.home USER=passerelle \
    PASSERELLE_PROFILE=dgx PASSERELLE_BIND=127.0.0.1 PASSERELLE_PORT=${REHEARSE_PORT:-18000} \
    PASSERELLE_RUN_BASE=/run/passerelle MODEL_CACHE_DIR=/models PASSERELLE_LOG_FORWARD=true \
    /usr/bin/tini -- /opt/passerelle/passerelle serve" >"$folder/serve.log" 2>&1 &
waited=$!
check() {
  chroot --userspec=10001:10001 "$folder" env -i PASSERELLE_RUN_BASE=/run/passerelle \
    /usr/bin/python3 /opt/passerelle/deploy/healthcheck.py
}
tries=0
until check >"$folder/health.log" 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 120 ] || { tail -20 "$folder/serve.log"; exit 1; }
  sleep 1
done
echo "HEALTHCHECK : $(cat "$folder/health.log")"
first=$(pgrep -P "$waited")
echo "premier processus : $(tr '\0' ' ' <"/proc/$first/cmdline"), utilisateur $(stat -c %u "/proc/$first")"
ps -o uid,pid,ppid,args --ppid "$first"
echo "── SIGTERM au premier processus, comme « docker stop »"
kill -TERM "$first"
code=0
wait "$waited" || code=$?
echo "code de sortie : $code ; dossiers de prises restants : $(find "$folder/run/passerelle" -mindepth 1 | wc -l)"
[ "$code" -eq 0 ]
