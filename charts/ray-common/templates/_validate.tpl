{{/*
What a schema cannot say. The operator accepts a wrong object and reports the fault later: here it does not render.
Rules: KubeRay 1.6.2, controllers/ray/utils/validation.go.
*/}}

{{/* ray.name (list NAME MOST KIND): the custom resource's name must be a DNS-1035 label of at most MOST characters. */}}
{{- define "ray.validateName" -}}
{{- $name := index . 0 -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- include "ray.fail" (list "release name" (printf "%q must begin with a letter and hold only small letters, digits and dashes" $name) "choose another release name") -}}
{{- end -}}
{{- if gt (len $name) (int (index . 1)) -}}
{{- include "ray.fail" (list "release name" (printf "%q has %d characters; a %s here may have %d" $name (len $name) (index . 2) (int (index . 1))) "choose a shorter release name") -}}
{{- end -}}
{{- end -}}

{{/* ray.validateCluster (list ROOT GLOBAL GROUPS): everything about a cluster that is not about one group. */}}
{{- define "ray.validateCluster" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $global := index . 1 -}}
{{- $groups := index . 2 -}}
{{- if semverCompare "<2.53.0-0" (toString $values.rayVersion) -}}
{{- include "ray.fail" (list "rayVersion" (printf "Ray %s has neither /api/healthz, which the probes ask, nor token authentication for all of it" (toString $values.rayVersion)) "use Ray 2.53 or later") -}}
{{- end -}}
{{- if and $values.auth.existingSecret (ne $values.auth.mode "token") -}}
{{- include "ray.fail" (list "auth.existingSecret" "is set, but auth.mode is not token" "set auth.mode: token, or remove the Secret's name") -}}
{{- end -}}
{{- range $name, $value := $values.env -}}
{{- if has $name (list "RAY_REDIS_ADDRESS" "REDIS_PASSWORD" "REDIS_USERNAME" "RAY_external_storage_namespace") -}}
{{- include "ray.fail" (list (printf "env.%s" $name) "is part of GCS fault tolerance" "use gcsFaultTolerance.redis") -}}
{{- else if has $name (list "RAY_AUTH_MODE" "RAY_AUTH_TOKEN" "RAY_ENABLE_K8S_TOKEN_AUTH") -}}
{{- include "ray.fail" (list (printf "env.%s" $name) "is set by the operator" "use auth.mode and auth.existingSecret") -}}
{{- else if eq $name "RAY_enable_autoscaler_v2" -}}
{{- include "ray.fail" (list (printf "env.%s" $name) "is set by the operator" "use autoscaling.version") -}}
{{- else if has $name (list "RAY_CLUSTER_NAME" "RAY_CLUSTER_NAMESPACE" "RAY_CLOUD_INSTANCE_ID" "RAY_NODE_TYPE_NAME" "RAY_IP" "FQ_RAY_IP" "RAY_PORT" "RAY_ADDRESS" "KUBERAY_GEN_RAY_START_CMD" "RAY_USAGE_STATS_EXTRA_TAGS" "RAY_USAGE_STATS_KUBERAY_IN_USE") -}}
{{- include "ray.fail" (list (printf "env.%s" $name) "is set by the operator" "remove it") -}}
{{- end -}}
{{- if and (kindIs "map" $value) (not $value.valueFrom) -}}
{{- include "ray.fail" (list (printf "env.%s" $name) "is a map without valueFrom" "write a string, or {valueFrom: {secretKeyRef: {name: …, key: …}}}") -}}
{{- end -}}
{{- end -}}
{{- if $values.gcsFaultTolerance.enabled -}}
{{- $redis := include "ray.redis" (list $values $global) | fromJson -}}
{{- if not $redis.address -}}
{{- include "ray.fail" (list "gcsFaultTolerance.redis.address" "is empty" "give host:port of a Redis that outlives the cluster, here or in global.ray.redis.address") -}}
{{- end -}}
{{- if $values.serviceAccount.create -}}
{{- include "ray.fail" (list "serviceAccount.create" "the operator's Redis clean-up runs after the release, and its service account with it, is gone" "create the account outside of this release and name it in serviceAccount.name") -}}
{{- end -}}
{{- end -}}
{{- if and $values.serviceAccount.create $values.serviceAccount.name -}}
{{- include "ray.fail" (list "serviceAccount.name" "names an existing account, and serviceAccount.create makes one" "keep one of the two") -}}
{{- end -}}
{{- if and $values.serviceAccount.head (not $values.autoscaling.enabled) -}}
{{- include "ray.fail" (list "serviceAccount.head" "is only used with autoscaling: otherwise the head runs as the workers do" "remove it, or set autoscaling.enabled: true") -}}
{{- end -}}
{{- $storage := include "ray.storage" (list $root $global) | fromJson -}}
{{- if $storage.claim -}}
{{- if or (has $storage.mountPath (list "/" "/tmp" "/dev" "/dev/shm" "/proc" "/sys" "/etc" "/usr" "/var")) (hasPrefix "/tmp/" $storage.mountPath) -}}
{{- include "ray.fail" (list "storage.mountPath" (printf "%s is needed by the system or by Ray" $storage.mountPath) "choose another path, for example /mnt/rayworks") -}}
{{- end -}}
{{- end -}}
{{- if and $values.networkPolicy.enabled $values.autoscaling.enabled (eq $global.network.egress "restricted") (not $global.network.apiServer.cidrs) -}}
{{- include "ray.fail" (list "global.ray.network.apiServer.cidrs" "is empty: with restricted egress the autoscaler could not reach the API server" "give its addresses (kubectl get endpointslices kubernetes)") -}}
{{- end -}}
{{- if $values.queue }}{{ include "ray.validateQueue" (list $values $groups 0) }}{{ end -}}
{{- end -}}

{{/* ray.validateQueue (list VALUES GROUPS EXTRA): Kueue's limits; EXTRA pod sets beside head and groups. */}}
{{- define "ray.validateQueue" -}}
{{- $values := index . 0 -}}
{{- $groups := index . 1 -}}
{{- if $values.queue.name -}}
{{- $most := ternary 7 17 (semverCompare "<0.11.0-0" (toString $values.queue.kueueVersion)) -}}
{{- $most = sub $most (int (index . 2)) | int -}}
{{- if gt (len $groups.workers) $most -}}
{{- include "ray.fail" (list "workers" (printf "%d groups; Kueue %s admits %d here" (len $groups.workers) (toString $values.queue.kueueVersion) $most) "make fewer groups, or upgrade Kueue and set queue.kueueVersion") -}}
{{- end -}}
{{- if $values.autoscaling.enabled -}}
{{- include "ray.fail" (list "autoscaling.enabled" "Kueue admits clusters of a fixed size only" "turn it off, or remove queue.name") -}}
{{- end -}}
{{- else if $values.queue.priorityClass -}}
{{- include "ray.fail" (list "queue.priorityClass" "is Kueue's, and queue.name is empty" "name a queue, or remove it") -}}
{{- end -}}
{{- end -}}
