{{/*
Names, and what a schema cannot say about the values.

The release and the team's namespace are two places: Helm keeps its record in a namespace that is there before the
team's is, and that the team does not see. So every object here names its namespace; only the hook that makes the
token runs beside the release.
*/}}

{{- define "ray-team.namespace" -}}
{{- .Values.namespace.name | default .Release.Name -}}
{{- end -}}

{{/* ray-team.account (list ROOT GLOBAL): account of the Ray pods; empty means the namespace's default. */}}
{{- define "ray-team.account" -}}
{{- $own := (index . 0).Values.serviceAccount -}}
{{- $own.name | default (index . 1).identity.serviceAccount | default (ternary "ray" "" $own.create) -}}
{{- end -}}

{{- define "ray-team.clusterQueue" -}}
{{- .Values.queue.clusterQueue.name | default .Release.Name -}}
{{- end -}}

{{/* ray-team.metadata (list ROOT NAME ANNOTATIONS): of an object in the team's namespace. */}}
{{- define "ray-team.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 | quote }}
namespace: {{ include "ray-team.namespace" $root | quote }}
labels:
  {{- include "ray.labels" $root | nindent 2 }}
{{- with index . 2 }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* ray-team.accelerators GLOBAL: resources of the environment's accelerators, in JSON under "names". */}}
{{- define "ray-team.accelerators" -}}
{{- $names := list -}}
{{- range $pool := .pools -}}
{{- $resource := dig "accelerator" "resource" "none" $pool -}}
{{- if ne $resource "none" }}{{ $names = append $names $resource }}{{ end -}}
{{- end -}}
{{- dict "names" ($names | uniq | sortAlpha) | toJson -}}
{{- end -}}

{{/* ray-team.amounts (list PATH MAP): quantities in canonical form without those that are null, as JSON. */}}
{{- define "ray-team.amounts" -}}
{{- $path := index . 0 -}}
{{- $out := dict -}}
{{- range $name, $amount := index . 1 -}}
{{- if not (kindIs "invalid" $amount) -}}
{{- $_ := set $out $name (include "ray.quantity" (list (printf "%s.%s" $path $name) $amount)) -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* ray-team.quota (list ROOT GLOBAL): the quota's lines, as JSON. */}}
{{- define "ray-team.quota" -}}
{{- $quota := (index . 0).Values.quota -}}
{{- $hard := dict -}}
{{- if $quota.enabled -}}
{{- range (include "ray-team.accelerators" (index . 1) | fromJson).names -}}
{{- $_ := set $hard (printf "requests.%s" .) (int $quota.accelerators) -}}
{{- end -}}
{{- $hard = include "ray-team.amounts" (list "quota.hard" (include "ray.overlay" (list $hard $quota.hard) | fromJson)) | fromJson -}}
{{- if not $hard -}}
{{- include "ray.fail" (list "quota.hard" "is empty: the quota would count nothing" "name what it counts, or set quota.enabled: false") -}}
{{- end -}}
{{- range $name, $amount := $hard -}}
{{- if and (not (regexMatch "(cpu|memory|ephemeral-storage|requests\\.storage)$" $name)) (regexMatch "m$" $amount) -}}
{{- include "ray.fail" (list (printf "quota.hard.%s" $name) (printf "%s is no whole number, and these are counted" $amount) "write a whole number") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $hard -}}
{{- end -}}

{{/* ray-team.limitRange ROOT: {defaultRequest, default, max}, as JSON; empty when there is none. */}}
{{- define "ray-team.limitRange" -}}
{{- $own := .Values.limitRange -}}
{{- $out := dict -}}
{{- if $own.enabled -}}
{{- range $kind := list "defaultRequest" "default" "max" -}}
{{- with include "ray-team.amounts" (list (printf "limitRange.%s" $kind) (get $own $kind)) | fromJson }}{{ $_ := set $out $kind . }}{{ end -}}
{{- end -}}
{{- if not $out -}}
{{- include "ray.fail" (list "limitRange" "says nothing" "name an amount, or set limitRange.enabled: false") -}}
{{- end -}}
{{- range $pair := list (list "default" "max") (list "defaultRequest" "default") (list "defaultRequest" "max") -}}
{{- $less := first $pair -}}
{{- $more := last $pair -}}
{{- range $name, $amount := get $out $less | default dict -}}
{{- $bound := get (get $out $more | default dict) $name -}}
{{- if $bound -}}
{{- if gt (include "ray.milli" (list $less $amount) | int64) (include "ray.milli" (list $more $bound) | int64) -}}
{{- include "ray.fail" (list (printf "limitRange.%s.%s" $less $name) (printf "%s is more than limitRange.%s.%s, %s" $amount $more $name $bound) "lower it, or raise the other") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* ray-team.validate (list ROOT GLOBAL). */}}
{{- define "ray-team.validate" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $global := index . 1 -}}
{{- include "ray-team.validateNamespace" . -}}
{{- include "ray-team.validateAmounts" . -}}
{{- range $role, $subjects := $values.roles -}}
{{- range concat ($subjects.groups | default list) ($subjects.users | default list) -}}
{{- if has . (list "system:authenticated" "system:unauthenticated" "system:anonymous" "system:serviceaccounts") -}}
{{- include "ray.fail" (list (printf "roles.%s" $role) (printf "%s is everybody, other teams too" .) "name this team's groups, users and accounts") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $values.serviceAccount.create (eq (include "ray-team.account" .) "default") -}}
{{- include "ray.fail" (list "serviceAccount.name" "default is made by Kubernetes, and pods of all kinds run as it" "choose another name, here or in global.ray.identity.serviceAccount") -}}
{{- end -}}
{{- if and $values.serviceAccount.annotations (not $values.serviceAccount.create) -}}
{{- include "ray.fail" (list "serviceAccount.annotations" "are of an account that is not made here" "set serviceAccount.create: true, or annotate the account where it is made") -}}
{{- end -}}
{{- if and $values.token.value (not $values.token.create) -}}
{{- include "ray.fail" (list "token.value" "is for a Secret that is not made here" "set token.create: true, or remove the value") -}}
{{- end -}}
{{- if and $values.networkPolicy.enabled (eq $global.network.egress "restricted") (not $global.network.apiServer.cidrs) -}}
{{- include "ray.fail" (list "global.ray.network.apiServer.cidrs" "is empty: with restricted egress neither the hook that makes the token nor helm test could reach the API server" "give its addresses (kubectl get endpointslices kubernetes)") -}}
{{- end -}}
{{- if and $values.storage.create (not $global.storage.claim) -}}
{{- include "ray.fail" (list "global.ray.storage.claim" "is empty, and storage.create makes the claim that it names" "name the claim, or set storage.create: false") -}}
{{- end -}}
{{- include "ray-team.validateQueue" . -}}
{{- end -}}

{{- define "ray-team.validateNamespace" -}}
{{- $root := index . 0 -}}
{{- $own := $root.Values.namespace -}}
{{- $name := include "ray-team.namespace" $root -}}
{{- if contains "." $name -}}
{{- include "ray.fail" (list "namespace.name" (printf "is empty, and no namespace can be called %q as the release is" $name) "name the namespace, or choose a release name without dots") -}}
{{- end -}}
{{- if or (eq $name "default") (hasPrefix "kube-" $name) (eq $name (index . 1).operator.namespace) -}}
{{- include "ray.fail" (list "namespace.name" (printf "%s is not a team's: its pods would fall under this team's policies and quota" $name) "choose another namespace") -}}
{{- end -}}
{{- if $own.create -}}
{{- if and (not $own.keep) (eq $name $root.Release.Namespace) -}}
{{- include "ray.fail" (list "namespace.keep" (printf "is off, and Helm's record of this release is in %s too: uninstalling would delete it under way" $name) "install to another namespace (-n ray-system), or keep it") -}}
{{- end -}}
{{- range $key, $value := $own.labels -}}
{{- if hasPrefix "pod-security.kubernetes.io/" $key -}}
{{- include "ray.fail" (list "namespace.labels" (printf "%s is set by namespace.podSecurity" $key) "use that") -}}
{{- end -}}
{{- end -}}
{{- else if or $own.labels (ne $own.podSecurity "restricted") -}}
{{- include "ray.fail" (list "namespace.create" "is off, so that neither namespace.labels nor namespace.podSecurity is read" "label the namespace where it is made, or turn it on and take it over (--take-ownership)") -}}
{{- end -}}
{{- end -}}

{{/* What quota, defaults and the environment's sizes do to each other. */}}
{{- define "ray-team.validateAmounts" -}}
{{- $root := index . 0 -}}
{{- $range := include "ray-team.limitRange" $root | fromJson -}}
{{- /* As the API server fills them in: a limit from the maximum, a request from the limit. */}}
{{- $limits := merge (dict) ($range.default | default dict) ($range.max | default dict) -}}
{{- $requests := merge (dict) ($range.defaultRequest | default dict) $limits -}}
{{- $quota := include "ray-team.quota" . | fromJson -}}
{{- range $kind, $given := dict "requests" $requests "limits" $limits -}}
{{- range $name := list "cpu" "memory" -}}
{{- $line := printf "%s.%s" $kind $name -}}
{{- if and (hasKey $quota $line) (not (hasKey $given $name)) -}}
{{- include "ray.fail" (list (printf "quota.hard.%s" $line) (printf "is counted, so that a container without %s of %s is refused, and those that KubeRay and others add may have none" $kind $name) (printf "set limitRange.%s.%s, or take the line out with null" (ternary "defaultRequest" "default" (eq $kind "requests")) $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $limit := $limits -}}
{{- $most := include "ray.milli" (list "limitRange" $limit) | int64 -}}
{{- range $poolName, $pool := (index $ 1).pools -}}
{{- range $sizeName, $size := $pool.sizes | default dict -}}
{{- $asked := get ($size.requests | default dict) $name -}}
{{- if and $asked (not (hasKey ($size.limits | default dict) $name)) -}}
{{- if gt (include "ray.milli" (list (printf "global.ray.pools.%s.sizes.%s.requests.%s" $poolName $sizeName $name) $asked) | int64) $most -}}
{{- include "ray.fail" (list (printf "limitRange.%s.%s" (ternary "default" "max" (hasKey ($range.default | default dict) $name)) $name) (printf "%s becomes the limit of containers that have none, and size %s of pool %s asks for %s: its pods would be refused" $limit $sizeName $poolName (toString $asked)) (printf "leave it out, or give the sizes of global.ray.pools a limit of %s" $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $root.Values.storage.create (hasKey $quota "requests.storage") -}}
{{- if gt (include "ray.milli" (list "storage.size" $root.Values.storage.size) | int64) (include "ray.milli" (list "quota" (get $quota "requests.storage")) | int64) -}}
{{- include "ray.fail" (list "storage.size" (printf "%s is more than quota.hard.requests.storage, %s" (toString $root.Values.storage.size) (get $quota "requests.storage")) "lower it, or raise the quota") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "ray-team.validateQueue" -}}
{{- $queue := (index . 0).Values.queue -}}
{{- $cluster := $queue.clusterQueue -}}
{{- $flavors := dict -}}
{{- range $name, $flavor := $cluster.flavors }}{{ if $flavor }}{{ $_ := set $flavors $name $flavor }}{{ end }}{{ end -}}
{{- if not $queue.name -}}
{{- if or $cluster.create $cluster.name $cluster.cohort $flavors -}}
{{- include "ray.fail" (list "queue.name" "is empty, so that queue.clusterQueue is not read" "name the LocalQueue, or take queue.clusterQueue out") -}}
{{- end -}}
{{- else if not $cluster.create -}}
{{- if or $cluster.cohort $flavors -}}
{{- include "ray.fail" (list "queue.clusterQueue.create" "is off, so that neither cohort nor flavors is read" "turn it on, or take them out") -}}
{{- end -}}
{{- else if not $flavors -}}
{{- include "ray.fail" (list "queue.clusterQueue.flavors" "is empty: the queue would admit nothing" "name a flavour and its quota: {default: {create: true, quota: {cpu: 32, memory: 128Gi}}}") -}}
{{- end -}}
{{- $counted := "" -}}
{{- range $name := keys $flavors | sortAlpha -}}
{{- $flavor := get $flavors $name -}}
{{- $path := printf "queue.clusterQueue.flavors.%s" $name -}}
{{- $mine := keys $flavor.quota | sortAlpha | join ", " -}}
{{- if and $counted (ne $mine $counted) -}}
{{- include "ray.fail" (list (printf "%s.quota" $path) (printf "counts %s, another flavour %s, and Kueue wants all alike" $mine $counted) "name the same resources in each; 0 for none") -}}
{{- end -}}
{{- $counted = $mine -}}
{{- range $resource, $limit := $flavor.borrowingLimit | default dict -}}
{{- if not $cluster.cohort -}}
{{- include "ray.fail" (list (printf "%s.borrowingLimit" $path) "there is nobody to borrow from without a cohort" "set queue.clusterQueue.cohort, or remove it") -}}
{{- end -}}
{{- if not (hasKey $flavor.quota $resource) -}}
{{- include "ray.fail" (list (printf "%s.borrowingLimit.%s" $path $resource) "is not in the flavour's quota" "name it there too; 0 for what is only borrowed") -}}
{{- end -}}
{{- end -}}
{{- if and $flavor.nodeLabels (not $flavor.create) -}}
{{- include "ray.fail" (list (printf "%s.nodeLabels" $path) "are of a ResourceFlavor that is not made here" "set create: true, or remove them") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* ray-team.environment (list ROOT GLOBAL): values of the environment, as they were given, and of the team. */}}
{{- define "ray-team.environment" -}}
{{- $root := index . 0 -}}
{{- $given := dig "ray" dict ($root.Values.global | default dict) | default dict -}}
{{- with include "ray-team.account" . -}}
{{- $given = include "ray.overlay" (list $given (dict "identity" (dict "serviceAccount" .))) | fromJson -}}
{{- end -}}
{{- dict "global" (dict "ray" $given) "auth" (dict "existingSecret" $root.Values.token.secretName) | toYaml -}}
{{- end -}}
