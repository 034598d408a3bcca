{{- define "passerelle.name" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "passerelle.selector" -}}
app.kubernetes.io/name: passerelle
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "passerelle.labels" -}}
{{ include "passerelle.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "passerelle.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- define "passerelle.stopSeconds" -}}
{{- with .Values.stop -}}
{{ add (int .graceSeconds) (int .drainSeconds) (int .preStopSeconds) (int .marginSeconds) }}
{{- end -}}
{{- end }}

{{/* Le chien de garde répare un processus figé sans perdre de modèle : Kubernetes ne tue le pod qu'après lui. */}}
{{- define "passerelle.livenessTimes" -}}
{{- $name := "PASSERELLE_WATCHDOG_SECONDS" -}}
{{- $watchdog := get .Values.env $name | default (get .Values.settings $name) | default 30 | float64 -}}
{{- $silent := mul .Values.probes.liveness.periodSeconds .Values.probes.liveness.failureThreshold -}}
{{- if lt (float64 $silent) (mulf 2 $watchdog) -}}
{{- fail (printf "probes.liveness tuerait un pod muet depuis %d s ; il en faut le double de %s (%v s) au moins." $silent $name $watchdog) -}}
{{- end -}}
{{- toYaml .Values.probes.liveness -}}
{{- end }}

{{/* Une valeur en texte : un grand entier, que Helm tient pour un réel, garde ses chiffres. */}}
{{- define "passerelle.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}
{{ printf "%.0f" . }}
{{- else -}}
{{ toString . }}
{{- end -}}
{{- end }}

{{/* Une sonde : par le port, sauf s'il lui faut un certificat de client, que kubelet n'a pas. */}}
{{- define "passerelle.probe" -}}
{{ if and .root.Values.tls.secret .root.Values.tls.clientCA -}}
exec:
  command: [/usr/bin/python3, /opt/passerelle/deploy/healthcheck.py, {{ .path }}]
{{- else -}}
httpGet:
  path: {{ .path }}
  port: http
  scheme: {{ ternary "HTTPS" "HTTP" (ne .root.Values.tls.secret "") }}
{{- end }}
{{ toYaml .times }}
{{- end }}

{{/* Les réglages du serveur ; le téléchargement des poids les vérifie tous aussi. */}}
{{- define "passerelle.env" -}}
- name: PASSERELLE_PROFILE
  value: {{ ternary "/etc/passerelle/settings/profile.toml" .Values.profile.name (ne .Values.profile.toml "") }}
- name: PASSERELLE_SETTINGS_FILE
  value: /etc/passerelle/settings/passerelle.env
- name: MODEL_CACHE_DIR
  value: /models
# Un dossier du serveur lui-même, qu'il ferme aux autres : la racine d'un volume est à root.
- name: PASSERELLE_STATE_DIR
  value: /state/passerelle
- name: HOME
  value: /state/home
{{- if .Values.hub.secret }}
- name: HUGGINGFACE_TOKEN_FILE
  value: /etc/passerelle/hub/{{ .Values.hub.key }}
{{- end }}
{{- range $name, $value := .Values.env }}
- name: {{ $name }}
  value: {{ include "passerelle.text" $value | quote }}
{{- end }}
- name: PASSERELLE_STOP_GRACE
  value: {{ .Values.stop.graceSeconds | toString | quote }}
- name: PASSERELLE_DRAIN_SECONDS
  value: {{ .Values.stop.drainSeconds | toString | quote }}
- name: HOST_PORT
  value: {{ .Values.service.port | toString | quote }}
- name: ADVERTISED_HOSTS
{{- if .Values.advertisedHosts }}
  value: {{ join "," .Values.advertisedHosts | quote }}
{{- else }}
  value: {{ printf "%s.%s.svc" (include "passerelle.name" .) .Release.Namespace }}
{{- end }}
- name: PASSERELLE_ALLOWED_HOSTS
  value: {{ printf "%[1]s,%[1]s.%[2]s,%[1]s.%[2]s.svc,%[1]s.%[2]s.svc.cluster.local" (include "passerelle.name" .) .Release.Namespace | quote }}
- name: PASSERELLE_REQUIRE_KEYS
  value: {{ .Values.keys.required | quote }}
{{- if .Values.keys.secret }}
{{- range $variable, $entry := dict "OPENAI_KEYS_FILE" .Values.keys.openai "ADMIN_KEYS_FILE" .Values.keys.admin "PASSERELLE_KEYS_FILE" .Values.keys.named }}
{{- if $entry }}
- name: {{ $variable }}
  value: /etc/passerelle/keys/{{ $entry }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.tls.secret }}
- name: PASSERELLE_TLS_CERT
  value: /etc/passerelle/tls/tls.crt
- name: PASSERELLE_TLS_KEY
  value: /etc/passerelle/tls/tls.key
{{- if .Values.tls.clientCA }}
- name: PASSERELLE_TLS_CLIENT_CA
  value: /etc/passerelle/tls/ca.crt
{{- end }}
{{- end }}
{{- end }}

{{- define "passerelle.containerSecurity" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
{{- end }}

{{- define "passerelle.claim" -}}
- metadata:
    name: {{ .name }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .from.storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ .from.size }}
{{- end }}

{{/* Les fichiers que ces réglages nomment : des volumes entiers, qu'une mise à jour atteint. */}}
{{- define "passerelle.files" -}}
- {name: settings, mountPath: /etc/passerelle/settings, readOnly: true}
{{- range $name, $secret := dict "keys" .Values.keys.secret "hub" .Values.hub.secret "tls" .Values.tls.secret }}
{{- if $secret }}
- {name: {{ $name }}, mountPath: /etc/passerelle/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}
