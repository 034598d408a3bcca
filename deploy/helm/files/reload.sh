# Fait relire ses clés et ses réglages au serveur du même pod quand Kubernetes a remplacé leurs fichiers.
# Un rechargement refusé est redit et réessayé : rien n'a changé, et le serveur garde ce qu'il avait.
seen=
while :; do
  now=$(find -L "$WATCHED" -type f -exec sha256sum {} + | sort | sha256sum)
  if [ "$now" != "$seen" ] && passerelle reload; then seen=$now; fi
  sleep "$PERIOD"
done
