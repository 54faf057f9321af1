{{/*
The operator's pods, and the configuration file that they read.
*/}}

{{/* Labels by which the operator's own Service and policies select. */}}
{{- define "ray-operator.selector" -}}
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/part-of: rayworks
{{- end -}}

{{/* ray-operator.placement ROOT: as whom and where every pod of this chart runs; fields of a pod spec. */}}
{{- define "ray-operator.placement" -}}
{{- $security := include "ray.podSecurityContext" . | fromYaml -}}
{{- range $field := list "runAsUser" "runAsGroup" "fsGroup" -}}
{{- $id := dig $field nil $.Values.securityContext -}}
{{- if kindIs "invalid" $id }}{{ $_ := unset $security $field }}{{ else }}{{ $_ := set $security $field (int64 $id) }}{{ end -}}
{{- end -}}
{{- with .Values.nodeSelector -}}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{ end -}}
securityContext:
  {{- toYaml $security | nindent 2 }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* ray-operator.placed (list ROOT SPEC): a pod spec with these fields in it, as YAML. */}}
{{- define "ray-operator.placed" -}}
{{- $spec := index . 1 -}}
{{- range $field, $value := include "ray-operator.placement" (index . 0) | fromYaml }}{{ $_ := set $spec $field $value }}{{ end -}}
{{- toYaml $spec -}}
{{- end -}}

{{/* ray-operator.affinity ROOT: what the values say, and two operators apart; as YAML, empty for none. */}}
{{- define "ray-operator.affinity" -}}
{{- $affinity := deepCopy .Values.affinity -}}
{{- if and .Values.antiAffinity (gt (int .Values.replicas) 1) -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "ray-operator.selector" . | fromYaml)) -}}
{{- if eq .Values.antiAffinity "required" -}}
{{- $_ := set $affinity "podAntiAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term)) -}}
{{- else -}}
{{- $_ := set $affinity "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" $term))) -}}
{{- end -}}
{{- end -}}
{{- with $affinity }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* ray-operator.environment ROOT: what the operator reads from its environment alone, as a map in JSON. */}}
{{- define "ray-operator.environment" -}}
{{- $values := .Values -}}
{{- $env := dict
  "CLUSTER_DOMAIN" $values.clusterDomain
  "ENABLE_GCS_FT_REDIS_CLEANUP" $values.redisCleanup
  "ENABLE_INIT_CONTAINER_INJECTION" $values.initContainerInjection
  "ENABLE_LOGIN_SHELL" $values.loginShell
  "ENABLE_PROBES_INJECTION" $values.probesInjection
  "ENABLE_RAY_HEAD_CLUSTER_IP_SERVICE" $values.headServiceClusterIP
  "RAYCLUSTER_DEFAULT_REQUEUE_SECONDS_ENV" (int $values.requeueSeconds) -}}
{{- /* Otherwise it makes Routes on OpenShift, which makes them of Ingresses by itself. */}}
{{- if $values.allowIngress }}{{ $_ := set $env "USE_INGRESS_ON_OPENSHIFT" true }}{{ end -}}
{{- if $values.log.file.claim }}{{ $_ := set $env "POD_NAME" (dict "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name"))) }}{{ end -}}
{{- toJson $env -}}
{{- end -}}

{{/* ray-operator.configuration (list ROOT GLOBAL): the file for --config, beside which the operator reads no flags but
those of feature gates and log formats. It takes no notice of fields that it does not know. */}}
{{- define "ray-operator.configuration" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $global := index . 1 -}}
{{- $config := dict
  "apiVersion" "config.ray.io/v1alpha1"
  "kind" "Configuration"
  "burst" (int $values.client.burst)
  "enableLeaderElection" $values.leaderElection.enabled
  "enableMetrics" true
  "metricsAddr" ":8080"
  "probeAddr" ":8082"
  "qps" (int $values.client.qps)
  "reconcileConcurrency" (int $values.reconcileConcurrency) -}}
{{- with $values.watchNamespaces }}{{ $_ := set $config "watchNamespace" (join "," .) }}{{ end -}}
{{- with $global.operator.batchScheduler }}{{ $_ := set $config "batchScheduler" . }}{{ end -}}
{{- if $values.log.file.claim }}{{ $_ := set $config "logFile" "/var/log/ray-operator/operator.log" }}{{ end -}}
{{- with (include "ray.envList" $values.rayPods.env | fromJson).env }}{{ $_ := set $config "defaultContainerEnvs" . }}{{ end -}}
{{- range $kind := list "head" "worker" -}}
{{- $containers := list -}}
{{- range $name, $given := get $values.rayPods (printf "%sSidecars" $kind) -}}
{{- if $given }}{{ $containers = append $containers (include "ray.container" (list $root $global (printf "rayPods.%sSidecars" $kind) $name $given) | fromJson) }}{{ end -}}
{{- end -}}
{{- with $containers }}{{ $_ := set $config (printf "%sSidecarContainers" $kind) . }}{{ end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
