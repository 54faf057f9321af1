{{/*
Head and worker groups: what the user wrote, what the pool's size says, and the two made one.
*/}}

{{/* ray.group (list GLOBAL VALUES NAME GROUP): one group with everything resolved, as JSON:
  name, path, order, image, resources, numCpus, accelerators, resource (the accelerator's), spot, replicas, min,
  max, numOfHosts, idleTimeoutSeconds, rayResources, rayLabels, podLabels, rayStartParams, env, pod (its options, see
  ray.podOptions).
NAME "head" is the head. */}}
{{- define "ray.group" -}}
{{- $global := index . 0 -}}
{{- $values := index . 1 -}}
{{- $name := index . 2 -}}
{{- $isHead := eq $name "head" -}}
{{- $path := ternary "head" (printf "workers.%s" $name) $isHead -}}
{{- $group := include "ray.overlay" (list (dict "order" 0 "pool" (ternary "head" "cpu" $isHead) "size" "small" "accelerators" 0 "replicas" 1 "numOfHosts" 1 "resources" dict "rayResources" dict "rayLabels" dict "rayStartParams" dict) (index . 3)) | fromJson -}}
{{- $autoscaling := $values.autoscaling.enabled -}}

{{- /* Pool, or its fallback where the accelerator does not exist here. */}}
{{- $pools := $global.pools -}}
{{- $known := keys $pools | sortAlpha | join ", " -}}
{{- $pool := get $pools $group.pool -}}
{{- if not $pool -}}
{{- include "ray.fail" (list (printf "%s.pool" $path) (printf "this environment has no pool %q" $group.pool) (printf "choose one of: %s (global.ray.pools)" $known)) -}}
{{- end -}}
{{- $poolName := $group.pool -}}
{{- $resource := dig "accelerator" "resource" "none" $pool -}}
{{- $accelerators := int $group.accelerators -}}
{{- if and (eq $resource "none") $pool.fallback -}}
{{- $poolName = $pool.fallback -}}
{{- $pool = get $pools $poolName -}}
{{- if not $pool -}}
{{- include "ray.fail" (list (printf "global.ray.pools.%s.fallback" $group.pool) (printf "this environment has no pool %q" $poolName) (printf "choose one of: %s" $known)) -}}
{{- end -}}
{{- $resource = dig "accelerator" "resource" "none" $pool -}}
{{- $accelerators = 0 -}}
{{- end -}}
{{- if and (gt $accelerators 0) (eq $resource "none") -}}
{{- include "ray.fail" (list (printf "%s.accelerators" $path) (printf "pool %q has no accelerators" $poolName) "choose a pool that has them, give the pool a fallback, or ask for 0") -}}
{{- end -}}
{{- if and $isHead $pool.spot (not $values.gcsFaultTolerance.enabled) -}}
{{- include "ray.fail" (list "head.pool" (printf "pool %q is made of spot machines, and the cluster dies with its head" $poolName) "choose another pool, or turn gcsFaultTolerance on") -}}
{{- end -}}

{{- /* Size, and what the group says over it. */}}
{{- $size := get ($pool.sizes | default dict) $group.size -}}
{{- if not $size -}}
{{- include "ray.fail" (list (printf "%s.size" $path) (printf "pool %q has no size %q" $poolName $group.size) (printf "choose one of: %s (global.ray.pools.%s.sizes)" (keys ($pool.sizes | default dict) | sortAlpha | join ", ") $poolName)) -}}
{{- end -}}
{{- $resources := include "ray.overlay" (list (dict "requests" ($size.requests | default dict) "limits" ($size.limits | default dict)) $group.resources) | fromJson -}}
{{- if gt $accelerators 0 -}}
{{- $_ := set $resources.requests $resource $accelerators -}}
{{- $_ := set $resources.limits $resource $accelerators -}}
{{- end -}}
{{- $resources = include "ray.resources" (list (printf "%s.resources" $path) $resources) | fromJson -}}
{{- $memory := $resources.limits.memory -}}

{{- /* CPUs that Ray counts: rayStartParams, rayResources, the group's own cpu, the size's numCpus; in that order. */}}
{{- $params := dict -}}
{{- range $key, $value := $group.rayStartParams }}{{ $_ := set $params $key (include "ray.string" $value) }}{{ end -}}
{{- $rayResources := dict -}}
{{- range $key, $value := $group.rayResources -}}
{{- $_ := include "ray.quantity" (list (printf "%s.rayResources.%s" $path $key) $value) -}}
{{- $_ := set $rayResources $key (include "ray.string" $value) -}}
{{- end -}}
{{- $ownCpu := dig "limits" "cpu" (dig "requests" "cpu" "" $group.resources) $group.resources -}}
{{- $cpus := int $size.numCpus -}}
{{- if hasKey $params "num-cpus" -}}
{{- $cpus = int (get $params "num-cpus") -}}
{{- else if hasKey $rayResources "CPU" -}}
{{- $cpus = div (include "ray.milli" (list (printf "%s.rayResources.CPU" $path) (get $rayResources "CPU")) | int64) 1000 | int -}}
{{- else if $ownCpu -}}
{{- $cpus = max 1 (div (include "ray.milli" (list (printf "%s.resources" $path) $ownCpu) | int64) 1000) | int -}}
{{- end -}}
{{- if $rayResources -}}
{{- range list "num-cpus" "num-gpus" "memory" "resources" -}}
{{- if hasKey $params . -}}
{{- include "ray.fail" (list (printf "%s.rayStartParams.%s" $path .) "conflicts with rayResources, which says the same" "keep one of the two") -}}
{{- end -}}
{{- end -}}
{{- if not (hasKey $rayResources "CPU") }}{{ $_ := set $rayResources "CPU" (toString $cpus) }}{{ end -}}
{{- if and (hasSuffix "/gpu" $resource) (not (hasKey $rayResources "GPU")) }}{{ $_ := set $rayResources "GPU" (toString $accelerators) }}{{ end -}}
{{- else -}}
{{- $_ := set $params "num-cpus" (toString $cpus) -}}
{{- if and (hasSuffix "/gpu" $resource) (not (hasKey $params "num-gpus")) }}{{ $_ := set $params "num-gpus" (toString $accelerators) }}{{ end -}}
{{- end -}}

{{- if $values.resourceIsolation.enabled -}}
{{- $_ := set $params "enable-resource-isolation" "true" -}}
{{- with $values.resourceIsolation.cpu }}{{ $_ := set $params "system-reserved-cpu" (divf (include "ray.milli" (list "resourceIsolation.cpu" .) | int64) 1000 | toString) }}{{ end -}}
{{- with $values.resourceIsolation.memory }}{{ $_ := set $params "system-reserved-memory" (div (include "ray.milli" (list "resourceIsolation.memory" .) | int64) 1000 | toString) }}{{ end -}}
{{- end -}}

{{- /* A fixed port, for the readiness probe of workers. */}}
{{- if not (or $isHead (hasKey $params "node-manager-port")) }}{{ $_ := set $params "node-manager-port" "6380" }}{{ end -}}

{{- /* Object store and /dev/shm, checked against the container's memory. */}}
{{- $limit := include "ray.milli" (list $path $memory) | int64 -}}
{{- $shm := $limit -}}
{{- if $values.shmSize -}}
{{- $shm = include "ray.milli" (list "shmSize" $values.shmSize) | int64 -}}
{{- if gt $shm $limit -}}
{{- include "ray.fail" (list "shmSize" (printf "%s is more than the memory limit of %s (%s)" (include "ray.quantity" (list "shmSize" $values.shmSize)) $path $memory) "lower it, or choose a larger size: /dev/shm counts as the container's memory") -}}
{{- end -}}
{{- end -}}
{{- if and $values.objectStoreMemory (not (hasKey $params "object-store-memory")) -}}
{{- $_ := set $params "object-store-memory" (div (include "ray.milli" (list "objectStoreMemory" $values.objectStoreMemory) | int64) 1000 | toString) -}}
{{- end -}}
{{- if hasKey $params "object-store-memory" -}}
{{- $store := mul (get $params "object-store-memory" | int64) 1000 -}}
{{- $said := ternary (printf "%s.rayStartParams.object-store-memory" $path) "objectStoreMemory" (hasKey $group.rayStartParams "object-store-memory") -}}
{{- if lt $store (mul 78643200 1000) -}}
{{- include "ray.fail" (list $said "is less than 75Mi, the least that Ray accepts" "raise it, or leave it out: Ray takes 30 % of the memory") -}}
{{- end -}}
{{- if gt $store $shm -}}
{{- include "ray.fail" (list $said (printf "does not fit into the /dev/shm of %s" $path) "lower it, or raise shmSize and the memory limit") -}}
{{- end -}}
{{- if gt $store (div (mul $limit 8) 10) -}}
{{- include "ray.fail" (list $said (printf "leaves less than a fifth of the memory limit of %s (%s) to the processes" $path $memory) "lower it, or choose a larger size") -}}
{{- end -}}
{{- end -}}

{{- /* Replicas. The CRD's own defaults are 0 and 2147483647: always written out. */}}
{{- $replicas := int $group.replicas -}}
{{- $min := $replicas -}}
{{- $max := $replicas -}}
{{- if $autoscaling -}}
{{- $min = 0 -}}
{{- if and (not $isHead) (not (hasKey $group "maxReplicas")) -}}
{{- include "ray.fail" (list (printf "%s.maxReplicas" $path) "is missing, and autoscaling needs an upper bound" "set it, and quota to match") -}}
{{- end -}}
{{- end -}}
{{- if hasKey $group "minReplicas" }}{{ $min = int $group.minReplicas }}{{ end -}}
{{- if hasKey $group "maxReplicas" }}{{ $max = int $group.maxReplicas }}{{ end -}}
{{- if and (not $isHead) (or (gt $min $replicas) (gt $replicas $max)) -}}
{{- include "ray.fail" (list (printf "%s.replicas" $path) (printf "%d is not between minReplicas %d and maxReplicas %d" $replicas $min $max) "correct the three; without autoscaling leave minReplicas and maxReplicas out") -}}
{{- end -}}
{{- if and (gt (int $group.numOfHosts) 1) (not (include "ray.gate" (list $global "RayMultiHostIndexing"))) -}}
{{- include "ray.fail" (list (printf "%s.numOfHosts" $path) "needs the operator's feature gate RayMultiHostIndexing, which is off" "turn the gate on (global.ray.operator.featureGates), or use 1") -}}
{{- end -}}
{{- if hasKey $group "idleTimeoutSeconds" -}}
{{- if not (and $autoscaling (eq $values.autoscaling.version "v2")) -}}
{{- include "ray.fail" (list (printf "%s.idleTimeoutSeconds" $path) "only the autoscaler v2 reads it" "set autoscaling.enabled: true and autoscaling.version: v2, or leave it out") -}}
{{- end -}}
{{- end -}}

{{- /* What the operator or Ray would refuse later. */}}
{{- range $key := list "labels" "block" "head" "redis-username" "redis-password" "address" "autoscaling-config" "dashboard-host" -}}
{{- if hasKey $params $key -}}
{{- include "ray.fail" (list (printf "%s.rayStartParams.%s" $path $key) "is not yours to set" (get (dict "labels" "use rayLabels" "redis-username" "use gcsFaultTolerance.redis" "redis-password" "use gcsFaultTolerance.redis") $key | default "leave it out: the operator sets it")) -}}
{{- end -}}
{{- end -}}
{{- $custom := get $params "resources" | default "" | trimAll "'\"` " -}}
{{- if $custom -}}
{{- $parsed := fromJson (get $params "resources" | trimAll "'` ") -}}
{{- if hasKey $parsed "Error" -}}
{{- include "ray.fail" (list (printf "%s.rayStartParams.resources" $path) "is not JSON" "write it as '{\"name\": 1}', or use rayResources") -}}
{{- end -}}
{{- range list "CPU" "GPU" "memory" "object_store_memory" -}}
{{- if hasKey $parsed . -}}
{{- include "ray.fail" (list (printf "%s.rayStartParams.resources" $path) (printf "holds %s, which `ray start` refuses there" .) "use num-cpus, num-gpus, memory or object-store-memory") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := $group.rayLabels -}}
{{- if hasPrefix "ray.io/" $key -}}
{{- include "ray.fail" (list (printf "%s.rayLabels" $path) (printf "%q: labels under ray.io/ are Ray's own" $key) "choose another prefix") -}}
{{- end -}}
{{- end -}}
{{- $pod := include "ray.podOptions" (list $global $values $pool $path $group) | fromJson -}}
{{- include "ray.validatePodLabels" (list (printf "%s.podLabels" $path) (merge (dict) $pod.podLabels $group.rayLabels)) -}}
{{- $rayLabels := dict -}}
{{- range $key, $value := $group.rayLabels }}{{ $_ := set $rayLabels $key (include "ray.string" $value) }}{{ end -}}

{{- $result := dict "name" $name "path" $path "order" (int $group.order) "pool" $poolName "size" $group.size "image" (include "ray.image" (list $global ($pool.image | default "ray") (include "ray.overlay" (list $values.image ($group.image | default dict)) | fromJson) $path)) "resources" $resources "memory" $memory "numCpus" $cpus "accelerators" $accelerators "spot" ($pool.spot | default false) "replicas" $replicas "min" $min "max" $max "numOfHosts" (int $group.numOfHosts) "rayResources" $rayResources "rayLabels" $rayLabels "rayStartParams" $params "env" ($group.env | default dict) "pod" $pod -}}
{{- if hasKey $group "idleTimeoutSeconds" }}{{ $_ := set $result "idleTimeoutSeconds" (int $group.idleTimeoutSeconds) }}{{ end -}}
{{- toJson $result -}}
{{- end -}}

{{/* ray.podOptions (list GLOBAL VALUES POOL PATH GROUP): what is not Ray's about the group's pods, as JSON: of the
environment's identity and pool, under `pods`, under the group's own. */}}
{{- define "ray.podOptions" -}}
{{- $global := index . 0 -}}
{{- $values := index . 1 -}}
{{- $pool := index . 2 -}}
{{- $path := index . 3 -}}
{{- $group := index . 4 -}}
{{- $options := dict "podLabels" $global.identity.podLabels "podAnnotations" dict "envFrom" dict "nodeSelector" ($pool.nodeSelector | default dict) "affinity" dict "topologySpread" dict "priorityClassName" "" "runtimeClassName" "" "volumes" dict "initContainers" dict "sidecars" dict "override" dict -}}
{{- $given := include "ray.overlay" (list $values.pods (pick $group "podLabels" "podAnnotations" "envFrom" "nodeSelector" "affinity" "topologySpread" "priorityClassName" "runtimeClassName" "volumes" "initContainers" "sidecars" "override")) | fromJson -}}
{{- $options = include "ray.overlay" (list $options $given) | fromJson -}}
{{- $_ := set $options "tolerations" (concat ($pool.tolerations | default list) ($values.pods.tolerations | default list) ($group.tolerations | default list) | uniq) -}}
{{- range list "priorityClassName" "runtimeClassName" }}{{ if not (get $options .) }}{{ $_ := set $options . (get $pool . | default "") }}{{ end }}{{ end -}}
{{- $labels := dict -}}
{{- range $key, $value := $options.podLabels }}{{ $_ := set $labels $key (include "ray.string" $value) }}{{ end -}}
{{- $_ := set $options "podLabels" $labels -}}

{{- $paths := dict "/tmp" "Ray's temporary files" "/dev/shm" "the object store" "/packages" "packages" "/etc/ray/tls" "tls" "/etc/ray/redis" "gcsFaultTolerance.redis.caSecret" -}}
{{- range $name, $volume := $options.volumes -}}
{{- $at := printf "%s.volumes.%s" $path $name -}}
{{- if has $name (list "tmp" "storage" "shared-mem" "ray-logs" "autoscaler-token" "ray-token" "ray-tls" "ray-authority" "redis-authority" "packages") -}}
{{- include "ray.fail" (list $at "the name is one of Ray's own volumes" "choose another name") -}}
{{- end -}}
{{- $mount := trimSuffix "/" $volume.mountPath -}}
{{- if or (hasKey $paths $mount) (has $mount (list "" "/dev" "/proc" "/sys" "/etc" "/usr" "/var")) -}}
{{- include "ray.fail" (list (printf "%s.mountPath" $at) (printf "%s is taken by %s" $volume.mountPath (get $paths $mount | default "the system")) "choose another path") -}}
{{- end -}}
{{- $_ := set $paths $mount (printf "volume %s" $name) -}}
{{- if and (hasKey $volume.source "hostPath") (ne $values.podSecurity "privileged") -}}
{{- include "ray.fail" (list (printf "%s.source.hostPath" $at) (printf "a namespace of level %s refuses such pods" $values.podSecurity) "use a claim, or set podSecurity: privileged if the namespace is") -}}
{{- end -}}
{{- end -}}
{{- range $kind := list "initContainers" "sidecars" -}}
{{- range $name, $container := get $options $kind -}}
{{- $at := printf "%s.%s.%s" $path $kind $name -}}
{{- if has $name (list "ray-head" "ray-worker" "autoscaler" "wait-gcs-ready" "packages" "tls" "log-shipper") -}}
{{- include "ray.fail" (list $at "the name is one of Ray's own containers" "choose another name") -}}
{{- end -}}
{{- if and (eq $kind "sidecars") (hasKey $options.initContainers $name) -}}
{{- include "ray.fail" (list $at "an init container has the name too" "choose another name") -}}
{{- end -}}
{{- $image := $container.image | default "" -}}
{{- if not (regexMatch "(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$" $image) -}}
{{- include "ray.fail" (list (printf "%s.image" $at) (printf "%q has neither tag nor digest" $image) "give one of the two: nothing here pulls :latest") -}}
{{- end -}}
{{- if hasSuffix ":latest" $image -}}
{{- include "ray.fail" (list (printf "%s.image" $at) (printf "%q is another image tomorrow" $image) "name a version or a digest") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $key := list "hostNetwork" "hostPID" "hostIPC" -}}
{{- if and (get ($options.override.pod | default dict) $key) (ne $values.podSecurity "privileged") -}}
{{- include "ray.fail" (list (printf "%s.override.pod.%s" $path $key) (printf "a namespace of level %s refuses such pods" $values.podSecurity) "leave it out, or set podSecurity: privileged if the namespace is") -}}
{{- end -}}
{{- end -}}
{{- if dig "container" "image" "" $options.override -}}
{{- include "ray.fail" (list (printf "%s.override.container.image" $path) "there is a value for it" (printf "use %s.image" $path)) -}}
{{- end -}}
{{- toJson $options -}}
{{- end -}}

{{/* ray.groups (list GLOBAL VALUES): {head, workers}, workers in the order of `order`, then name, as JSON.
The order matters: the autoscaler and RayService know a group by its place. */}}
{{- define "ray.groups" -}}
{{- $global := index . 0 -}}
{{- $values := index . 1 -}}
{{- $head := include "ray.group" (list $global $values "head" $values.head) | fromJson -}}
{{- $given := $values.workers | default (dict "default" dict) -}}
{{- $byPlace := dict -}}
{{- range $name, $group := $given -}}
{{- if and (not (kindIs "invalid" $group)) (ne (toString (get ($group | default dict) "enabled")) "false") -}}
{{- if has $name (list "head" "headgroup") -}}
{{- include "ray.fail" (list (printf "workers.%s" $name) "the name is the head's" "choose another name") -}}
{{- end -}}
{{- $resolved := include "ray.group" (list $global $values $name $group) | fromJson -}}
{{- $_ := set $byPlace (printf "%06d %s" (int $resolved.order) $name) $resolved -}}
{{- end -}}
{{- end -}}
{{- $workers := list -}}
{{- range $place := keys $byPlace | sortAlpha }}{{ $workers = append $workers (get $byPlace $place) }}{{ end -}}
{{- dict "head" $head "workers" $workers | toJson -}}
{{- end -}}
