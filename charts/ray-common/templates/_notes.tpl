{{/*
What NOTES of several charts say.
*/}}

{{/* ray.notesGroups GROUPS: a line for each group. */}}
{{- define "ray.notesGroups" -}}
{{- range prepend .workers .head }}
  {{ printf "%-12s" .name }} {{ if ne .name "head" }}{{ int .replicas }}{{ if ne (int .min) (int .max) }} ({{ int .min }}–{{ int .max }}){{ end }} × {{ end }}{{ .pool }}/{{ .size }}: {{ int .numCpus }} CPUs{{ if gt (int .accelerators) 0 }}, {{ int .accelerators }} accelerators{{ end }}, {{ .memory }}
{{- end }}
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
