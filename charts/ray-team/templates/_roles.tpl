{{/*
What each role adds to the one before it. Who may make Ray objects may run any program in the namespace, as any of its
accounts and with any of its Secrets: the namespace is the boundary, and not the role.
*/}}

{{- define "ray-team.reader" -}}
- apiGroups: [ray.io]
  resources: [rayclusters, raycronjobs, rayjobs, rayservices]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events, limitranges, persistentvolumeclaims, pods, pods/log, resourcequotas, services]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [ray-environment]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [cronjobs, jobs]
  verbs: [get, list, watch]
{{- if .Values.queue.name }}
- apiGroups: [kueue.x-k8s.io]
  resources: [localqueues, workloads]
  verbs: [get, list, watch]
{{- end }}
{{- end -}}

{{- define "ray-team.runner" -}}
- apiGroups: [ray.io]
  resources: [rayclusters, raycronjobs, rayjobs, rayservices]
  verbs: [create, update, patch, delete, deletecollection]
# get is what a port-forward over a web socket was before Kubernetes 1.35.
- apiGroups: [""]
  resources: [pods/portforward]
  verbs: [create, get]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ .Values.token.secretName | quote }}]
  verbs: [get]
{{- end -}}

{{/* Helm keeps its releases in Secrets, and grants what the charts' own Roles hold: that must be among these. */}}
{{- define "ray-team.deployer" -}}
{{- $all := "[get, list, watch, create, update, patch, delete, deletecollection]" -}}
- apiGroups: [""]
  resources: [configmaps, persistentvolumeclaims, pods, secrets, serviceaccounts, services]
  verbs: {{ $all }}
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: {{ $all }}
- apiGroups: [batch]
  resources: [cronjobs, jobs]
  verbs: {{ $all }}
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: {{ $all }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: {{ $all }}
- apiGroups: [cert-manager.io]
  resources: [certificates, issuers]
  verbs: {{ $all }}
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: {{ $all }}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings, roles]
  verbs: {{ $all }}
{{- with (include "ray.global" . | fromJson).monitoring.apiGroup }}
- apiGroups: [{{ . }}]
  resources: [podmonitors, servicemonitors]
  verbs: {{ $all }}
{{- end }}
{{- end -}}
