{{/*
What NOTES of several charts say.
*/}}

{{/* ray.notesGroups GROUPS: a line for each group. */}}
{{- define "ray.notesGroups" -}}
{{- range prepend .workers .head }}
  {{ printf "%-12s" .name }} {{ if ne .name "head" }}{{ int .replicas }}{{ if ne (int .min) (int .max) }} ({{ int .min }}–{{ int .max }}){{ end }} × {{ end }}{{ .pool }}/{{ .size }}: {{ int .numCpus }} CPUs{{ if gt (int .accelerators) 0 }}, {{ int .accelerators }} accelerators{{ end }}, {{ .memory }}
{{- end }}
{{- end -}}

{{/* ray.rolling SPEC: what of a RayClusterSpec its pods are made of, worker groups by name; as JSON. What is left out is
what the operator leaves out of the hash by which it makes pods anew, or a service's cluster. */}}
{{- define "ray.rolling" -}}
{{- $workers := dict -}}
{{- $order := list -}}
{{- range .workerGroupSpecs -}}
{{- $_ := set $workers .groupName (include "ray.rollingGroup" . | fromJson) -}}
{{- $order = append $order .groupName -}}
{{- end -}}
{{- $out := omit . "upgradeStrategy" "headGroupSpec" "workerGroupSpecs" -}}
{{- merge (dict "head" (include "ray.rollingGroup" .headGroupSpec | fromJson) "workers" $workers "order of workers" $order) $out | toJson -}}
{{- end -}}

{{- define "ray.rollingGroup" -}}
{{- $group := omit . "replicas" "minReplicas" "maxReplicas" "scaleStrategy" -}}
{{- $template := dict "metadata" .template.metadata "spec" (omit .template.spec "tolerations" "schedulingGates") -}}
{{- with .headService }}{{ $_ := set $group "headService" (omit . "status") }}{{ end -}}
{{- set $group "template" $template | toJson -}}
{{- end -}}

{{/* ray.changes (list PATH WAS IS): where two values differ, a line each. What is empty is as good as left out, and so is
the protocol that the API server writes into ports. */}}
{{- define "ray.changes" -}}
{{- $path := index . 0 -}}
{{- $was := index . 1 -}}
{{- $is := index . 2 -}}
{{- if and (kindIs "map" $was) (kindIs "map" $is) -}}
{{- range $key := concat (keys $was) (keys $is) | uniq | sortAlpha -}}
{{- include "ray.changes" (list (printf "%s.%s" $path $key | trimPrefix ".") (get $was $key) (get $is $key)) -}}
{{- end -}}
{{- else if and (kindIs "slice" $was) (kindIs "slice" $is) (eq (len $was) (len $is)) -}}
{{- range $index, $one := $was }}{{ include "ray.changes" (list (printf "%s[%d]" $path $index) $one (index $is $index)) }}{{ end -}}
{{- else if and (or $was $is) (ne (toJson $was) (toJson $is)) (not (and (eq (toString $was) "TCP") (not $is))) -}}
{{- $path }}
{{ end -}}
{{- end -}}

{{/* ray.clusterChanges (list WAS IS): where two RayClusterSpecs differ in what pods are made of, {paths}, as JSON. */}}
{{- define "ray.clusterChanges" -}}
{{- $was := include "ray.rolling" (index . 0) | fromJson -}}
{{- $is := include "ray.rolling" (index . 1) | fromJson -}}
{{- dict "paths" (include "ray.changes" (list "" $was $is) | splitList "\n" | compact) | toJson -}}
{{- end -}}

{{/* ray.notesRisks (list ROOT GLOBAL): what is weaker than it could be. */}}
{{- define "ray.notesRisks" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $global := index . 1 -}}
{{- $storage := include "ray.storage" (list $root $global) | fromJson -}}
{{- if not $storage.path }}
  ! No shared storage: what the program writes is gone with its pods.
    Set storage.claim or storage.uri, or global.ray.storage.
{{- else if and $storage.claim (eq $storage.accessMode "ReadWriteOnce") }}
  ! Claim {{ $storage.claim }} is ReadWriteOnce: all pods must fit on the head's node.
{{- end }}
{{- if ne $values.auth.mode "token" }}
  ! auth.mode is {{ $values.auth.mode }}: whoever reaches the dashboard's port runs code on the cluster.
{{- end }}
{{- if not $values.networkPolicy.enabled }}
  ! No NetworkPolicy: every pod of the Kubernetes cluster reaches these.
{{- end }}
{{- if not $values.gcsFaultTolerance.enabled }}
  ! When the head goes, all state and running work go with it (gcsFaultTolerance is off).
{{- end }}
{{- end -}}
