{{/*
What the server, its hook and its scheduled jobs share. In ray-platform several charts share a release; no other one
has their components: mlflow, mlflow-admin, mlflow-backup and mlflow-gc.
*/}}

{{/* mlflow.parts ROOT: what follows from the values, as JSON, once they are found to be right. */}}
{{- define "mlflow.parts" -}}
{{- $global := include "ray.global" . | fromJson -}}
{{- $values := .Values -}}
{{- $name := include "ray.fullname" . -}}
{{- $embedded := not $values.database.host -}}
{{- $volume := or $embedded (not $values.artifacts.uri) -}}
{{- $single := and $volume (eq $values.persistence.accessMode "ReadWriteOnce") -}}
{{- $host := "" -}}
{{- if $values.ingress.enabled -}}
{{- $host = $values.ingress.host -}}
{{- if and (not $host) $global.ingress.domain }}{{ $host = printf "%s.%s" $name $global.ingress.domain }}{{ end -}}
{{- end -}}
{{- $parts := dict "global" $global "name" $name "embedded" $embedded "volume" $volume "single" $single "host" $host -}}
{{- $_ := set $parts "claim" ($values.persistence.existingClaim | default $name) -}}
{{- $_ := set $parts "secret" ($values.auth.existingSecret | default (printf "%s-admin" $name)) -}}
{{- $_ := set $parts "account" ($values.serviceAccount.name | default $name) -}}
{{- $_ := set $parts "address" (printf "%s.%s.svc" $name .Release.Namespace) -}}
{{- $_ := set $parts "backups" (ternary "/backups" "/data/backups" (ne $values.backup.claim "")) -}}
{{- include "mlflow.validate" (list $values $parts) -}}
{{- $_ := set $parts "database" (include "mlflow.database" $values.database) -}}
{{- toJson $parts -}}
{{- end -}}

{{/* mlflow.database DATABASE: its address. User and password are in variables of the driver's own instead, and need
no escaping there. */}}
{{- define "mlflow.database" -}}
{{- if not .host -}}
sqlite:////data/mlflow.db
{{- else -}}
postgresql+psycopg2://{{ .host }}:{{ int .port }}/{{ .name }}?sslmode={{ .sslMode }}
{{- if hasPrefix "verify-" .sslMode }}&sslrootcert={{ ternary "/authority/ca.crt" "/etc/ssl/certs/ca-certificates.crt" (ne .caSecret "") }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "mlflow.validate" -}}
{{- $values := index . 0 -}}
{{- $parts := index . 1 -}}
{{- $database := $values.database -}}
{{- range $part := list "backup" "gc" -}}
{{- include "ray.validateCron" (list (printf "%s.schedule" $part) (get $values $part).schedule) -}}
{{- end -}}
{{- if gt (len $parts.name) 45 -}}
{{- include "ray.fail" (list "release name" (printf "makes the name %q, which has %d characters; a CronJob's may have 52, and 7 are added" $parts.name (len $parts.name)) "choose a shorter release name") -}}
{{- end -}}
{{- if $parts.embedded -}}
{{- if gt (int $values.replicas) 1 -}}
{{- include "ray.fail" (list "replicas" (printf "is %d, and SQLite is one pod's alone" (int $values.replicas)) "name a PostgreSQL server as database.host, or set replicas: 1") -}}
{{- end -}}
{{- range $key := list "existingSecret" "caSecret" -}}
{{- if get $database $key -}}
{{- include "ray.fail" (list (printf "database.%s" $key) (printf "is %q, and SQLite has no use for it" (get $database $key)) "name the PostgreSQL server as database.host too, or take it out") -}}
{{- end -}}
{{- end -}}
{{- if eq $values.persistence.accessMode "ReadWriteMany" -}}
{{- include "ray.fail" (list "persistence.accessMode" "is ReadWriteMany: shared file systems do not keep the locks that SQLite relies on" "use ReadWriteOnce, or name a PostgreSQL server as database.host") -}}
{{- end -}}
{{- else -}}
{{- if not $database.existingSecret -}}
{{- include "ray.fail" (list "database.existingSecret" "is empty, and PostgreSQL wants a user and a password" "name a Secret with the keys username and password") -}}
{{- end -}}
{{- if and $database.caSecret (not (hasPrefix "verify-" $database.sslMode)) -}}
{{- include "ray.fail" (list "database.caSecret" (printf "is %q, and sslMode %s verifies nothing" $database.caSecret $database.sslMode) "set database.sslMode: verify-full, or take it out") -}}
{{- end -}}
{{- range $key := list "claim" "restore" -}}
{{- if get $values.backup $key -}}
{{- include "ray.fail" (list (printf "backup.%s" $key) (printf "is %q, and backups are SQLite's alone" (get $values.backup $key)) "back PostgreSQL up and restore it where it runs, and take this out") -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int $values.replicas) 1) $parts.single -}}
{{- include "ray.fail" (list "replicas" (printf "is %d, and their artifacts lie on a volume that is ReadWriteOnce" (int $values.replicas)) "name an object store as artifacts.uri, set persistence.accessMode: ReadWriteMany, or set replicas: 1") -}}
{{- end -}}
{{- end -}}
{{- if and $values.artifacts.credentialsSecret (not $values.artifacts.uri) -}}
{{- include "ray.fail" (list "artifacts.credentialsSecret" (printf "is %q, and the artifacts lie on the volume" $values.artifacts.credentialsSecret) "name the object store as artifacts.uri, or take it out") -}}
{{- end -}}
{{- if and $values.persistence.existingClaim (not $parts.volume) -}}
{{- include "ray.fail" (list "persistence.existingClaim" (printf "is %q, and with PostgreSQL and an object store there is no volume" $values.persistence.existingClaim) "take it out") -}}
{{- end -}}
{{- if and $values.auth.existingSecret (not $values.auth.enabled) -}}
{{- include "ray.fail" (list "auth.existingSecret" (printf "is %q, and auth is off" $values.auth.existingSecret) "set auth.enabled: true, or take it out") -}}
{{- end -}}
{{- if $values.ingress.enabled -}}
{{- if not $values.auth.enabled -}}
{{- include "ray.fail" (list "ingress.enabled" "would show every run to whoever finds the address: auth is off" "set auth.enabled: true, or leave the ingress off") -}}
{{- end -}}
{{- if not $parts.host -}}
{{- include "ray.fail" (list "ingress.host" "is empty, and the environment has no domain" "give the host, or global.ray.ingress.domain") -}}
{{- end -}}
{{- $gateway := $parts.global.ingress.gateway -}}
{{- if and $gateway.name (not $gateway.sectionName) -}}
{{- include "ray.fail" (list "global.ray.ingress.gateway.sectionName" (printf "is empty: passwords would pass whatever listener Gateway %q has, without TLS too" $gateway.name) "name its listener for HTTPS") -}}
{{- end -}}
{{- end -}}
{{- $decided := dict "allowedHosts" (list "MLFLOW_SERVER_ALLOWED_HOSTS" "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE" "POD_IP") -}}
{{- $_ := set $decided "allowedOrigins" (list "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS") -}}
{{- $_ := set $decided "artifacts.uri" (list "MLFLOW_ARTIFACTS_DESTINATION") -}}
{{- $_ := set $decided "auth" (list "ADMIN_PASSWORD" "ADMIN_USERNAME" "MLFLOW_AUTH_ADMIN_USERNAME" "MLFLOW_AUTH_CONFIG_PATH" "MLFLOW_FLASK_SERVER_SECRET_KEY" "MLFLOW_TRACKING_PASSWORD" "MLFLOW_TRACKING_USERNAME") -}}
{{- $_ := set $decided "backup" (list "BACKUPS" "RESTORE") -}}
{{- $_ := set $decided "database" (list "MLFLOW_BACKEND_STORE_URI" "PGPASSWORD" "PGUSER") -}}
{{- $_ := set $decided "gc" (list "MLFLOW_TRACKING_URI") -}}
{{- range $where, $names := $decided -}}
{{- range $name := $names -}}
{{- if hasKey $values.env $name -}}
{{- include "ray.fail" (list (printf "env.%s" $name) "is what the chart itself sets" (printf "take it out: it follows from %s" $where)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $path, $labels := dict "podLabels" $values.podLabels "global.ray.identity.podLabels" $parts.global.identity.podLabels -}}
{{- range $key := keys $labels | sortAlpha -}}
{{- if has $key (list "app.kubernetes.io/component" "app.kubernetes.io/instance" "app.kubernetes.io/part-of") -}}
{{- include "ray.fail" (list $path (printf "%q is what the Service and the policies select by" $key) "choose another key") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq (include "ray.milli" (list "persistence.size" $values.persistence.size)) "0" -}}
{{- include "ray.fail" (list "persistence.size" "is nothing" "give for example 20Gi") -}}
{{- end -}}
{{- if and $values.monitoring.enabled $values.auth.enabled (not $parts.global.monitoring.apiGroup) -}}
{{- include "ray.fail" (list "monitoring.enabled" "needs global.ray.monitoring.apiGroup: found by its annotations, Prometheus cannot sign in" "name the API group of ServiceMonitor there, or set monitoring.enabled: false") -}}
{{- end -}}
{{- end -}}

{{/* mlflow.identityLabels (list ROOT PARTS): further labels of pods that reach the object store. */}}
{{- define "mlflow.identityLabels" -}}
{{- $root := index . 0 -}}
{{- $shared := ternary (index . 1).global.identity.podLabels dict (ne $root.Values.artifacts.uri "") -}}
{{- with include "ray.overlay" (list $shared $root.Values.podLabels) | fromJson -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{/* mlflow.env (list ROOT PARTS FURTHER): environment of what speaks to database and object store, as a list. */}}
{{- define "mlflow.env" -}}
{{- $values := (index . 0).Values -}}
{{- /* The root file system is read-only; nothing is reported to MLflow's makers. */}}
{{- $env := dict "HOME" "/tmp" "MLFLOW_DISABLE_TELEMETRY" "true" "MLFLOW_BACKEND_STORE_URI" (index . 1).database -}}
{{- $_ := set $env "MLFLOW_ARTIFACTS_DESTINATION" ($values.artifacts.uri | default "/data/artifacts") -}}
{{- with $values.database.existingSecret -}}
{{- $_ := set $env "PGUSER" (dict "valueFrom" (dict "secretKeyRef" (dict "name" . "key" "username"))) -}}
{{- $_ := set $env "PGPASSWORD" (dict "valueFrom" (dict "secretKeyRef" (dict "name" . "key" "password"))) -}}
{{- end -}}
{{- $env = include "ray.overlay" (list $env (index . 2)) | fromJson -}}
{{- (include "ray.envList" (include "ray.overlay" (list $env $values.env) | fromJson) | fromJson).env | toYaml -}}
{{- end -}}

{{/* mlflow.login (list PARTS USERNAME PASSWORD): variables of these names with the administrator's, as JSON. */}}
{{- define "mlflow.login" -}}
{{- $secret := (index . 0).secret -}}
{{- dict (index . 1) (dict "valueFrom" (dict "secretKeyRef" (dict "name" $secret "key" "username"))) (index . 2) (dict "valueFrom" (dict "secretKeyRef" (dict "name" $secret "key" "password"))) | toJson -}}
{{- end -}}

{{/* mlflow.envFrom ROOT: the object store's credentials. */}}
{{- define "mlflow.envFrom" -}}
{{- with .Values.artifacts.credentialsSecret -}}
envFrom:
  - secretRef: {name: {{ . | quote }}}
{{- end -}}
{{- end -}}

{{/* mlflow.mounts (list ROOT PARTS) and mlflow.volumes (list ROOT PARTS). */}}
{{- define "mlflow.mounts" -}}
{{- $values := (index . 0).Values -}}
{{- $parts := index . 1 -}}
- {name: tmp, mountPath: /tmp}
{{- if $parts.volume }}
- {name: data, mountPath: /data}
{{- end }}
{{- with $values.backup.claim }}
- {name: backups, mountPath: /backups}
{{- end }}
{{- with $values.database.caSecret }}
- {name: authority, mountPath: /authority, readOnly: true}
{{- end }}
{{- end -}}

{{- define "mlflow.volumes" -}}
{{- $values := (index . 0).Values -}}
{{- $parts := index . 1 -}}
- name: tmp
  emptyDir: {}
{{- if $parts.volume }}
- name: data
  persistentVolumeClaim:
    claimName: {{ $parts.claim | quote }}
{{- end }}
{{- with $values.backup.claim }}
- name: backups
  persistentVolumeClaim:
    claimName: {{ . | quote }}
{{- end }}
{{- with $values.database.caSecret }}
- name: authority
  secret:
    secretName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* mlflow.container (list ROOT PARTS PATH): the head of every container. */}}
{{- define "mlflow.container" -}}
{{- $global := (index . 1).global -}}
image: {{ include "ray.image" (list $global "mlflow" dict (index . 2)) | quote }}
imagePullPolicy: {{ $global.images.pullPolicy }}
securityContext:
  {{- include "ray.securityContext" (index . 0) | nindent 2 }}
{{- end -}}

{{/* mlflow.placement ROOT: where pods may run. */}}
{{- define "mlflow.placement" -}}
{{- $placement := dict -}}
{{- range $key := list "nodeSelector" "tolerations" -}}
{{- with get $.Values $key }}{{ $_ := set $placement $key . }}{{ end -}}
{{- end -}}
{{- with $placement }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* mlflow.cronJob (list ROOT PARTS WHAT SCHEDULE): all of a CronJob down to its containers. One that mounts the volume
runs beside the server: no other node can. */}}
{{- define "mlflow.cronJob" -}}
{{- $root := index . 0 -}}
{{- $parts := index . 1 -}}
{{- $what := index . 2 -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ $parts.name }}-{{ $what }}
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
spec:
  schedule: {{ index . 3 | quote }}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 1
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: 3600
      template:
        metadata:
          labels:
            {{- include "ray.podLabels" (list $root (printf "mlflow-%s" $what)) | nindent 12 }}
            {{- with include "mlflow.identityLabels" (list $root $parts) }}{{ . | nindent 12 }}{{ end }}
        spec:
          serviceAccountName: {{ $parts.account | quote }}
          automountServiceAccountToken: false
          {{- include "ray.scriptPod" (list $root $parts.global) | nindent 10 }}
          {{- with include "mlflow.placement" $root }}{{ . | nindent 10 }}{{ end }}
          {{- if $parts.single }}
          affinity:
            podAffinity:
              requiredDuringSchedulingIgnoredDuringExecution:
                - topologyKey: kubernetes.io/hostname
                  labelSelector:
                    matchLabels:
                      {{- include "ray.podLabels" (list $root "mlflow") | nindent 22 }}
          {{- end }}
          volumes:
            {{- include "mlflow.volumes" (list $root $parts) | nindent 12 }}
{{- end -}}

{{/* mlflow.authConfig (list ROOT PARTS): MLflow's configuration of users, which are kept beside the runs. */}}
{{- define "mlflow.authConfig" -}}
[mlflow]
default_permission = {{ (index . 0).Values.auth.defaultPermission }}
database_uri = {{ (index . 1).database }}
# To check a password takes a tenth of a second of a CPU and 32 MB.
auth_cache_ttl_seconds = 60
{{- end -}}

{{/* mlflow.ownPods ROOT: those that the network policy closes. */}}
{{- define "mlflow.ownPods" -}}
matchLabels:
  app.kubernetes.io/instance: {{ .Release.Name | quote }}
  app.kubernetes.io/part-of: rayworks
matchExpressions:
  - {key: app.kubernetes.io/component, operator: In, values: [mlflow, mlflow-backup, mlflow-gc]}
{{- end -}}

{{/* mlflow.hookMetadata (list ROOT WEIGHT): a part of the hook that makes the administrator's Secret. */}}
{{- define "mlflow.hookMetadata" -}}
labels:
  {{- include "ray.labels" (index . 0) | nindent 2 }}
annotations:
  helm.sh/hook: pre-install,pre-upgrade
  helm.sh/hook-weight: {{ index . 1 | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* mlflow.environment ROOT: what the environment of Ray clusters has to say about this server. */}}
{{- define "mlflow.environment" -}}
{{- $parts := include "mlflow.parts" . | fromJson -}}
global:
  ray:
    mlflow:
      trackingUri: http://{{ $parts.address }}:5000
      {{- if .Values.auth.enabled }}
      credentialsSecret: {{ $parts.secret | quote }}
      {{- end }}
{{- end -}}
