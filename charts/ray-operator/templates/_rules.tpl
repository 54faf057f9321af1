{{/*
What KubeRay 1.6.2 does with the API server. Its own ClusterRole also grants the proxy of pods and services, pod
and service status, Routes, Gateways and Ingresses: those only where they are used.
*/}}
{{- define "ray-operator.rules" -}}
{{- $root := index . 0 -}}
{{- $global := index . 1 -}}
- apiGroups: [ray.io]
  resources: [rayclusters]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [ray.io]
  resources: [rayjobs]
  verbs: [get, list, watch, update, delete{{ if include "ray.gate" (list $global "RayCronJob") }}, create{{ end }}]
- apiGroups: [ray.io]
  resources: [rayservices]
  verbs: [get, list, watch, update]
- apiGroups: [ray.io]
  resources: [rayclusters/status, rayjobs/status, rayservices/status]
  verbs: [get, update]
# Owner references with blockOwnerDeletion, where the API server checks them.
- apiGroups: [ray.io]
  resources: [rayclusters/finalizers, rayjobs/finalizers, rayservices/finalizers]
  verbs: [update]
{{- if include "ray.gate" (list $global "RayCronJob") }}
- apiGroups: [ray.io]
  resources: [raycronjobs]
  verbs: [get, list, watch]
- apiGroups: [ray.io]
  resources: [raycronjobs/status]
  verbs: [get, update]
- apiGroups: [ray.io]
  resources: [raycronjobs/finalizers]
  verbs: [update]
{{- end }}
# patch of pods and pods/resize: not for itself, but nobody may create a Role with more than they have, and the
# autoscaler's Role has these.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
- apiGroups: [""]
  resources: [pods/resize]
  verbs: [patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, update]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create]
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, list, watch, create]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles]
  verbs: [get, list, watch, create, update]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [get, list, watch, create]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
{{- if $root.Values.allowIngress }}
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch, create]
{{- end }}
{{- if include "ray.gate" (list $global "RayServiceIncrementalUpgrade") }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways, httproutes]
  verbs: [get, list, watch, create, update]
{{- end }}
{{- /* The others need nothing but labels of the pods. */}}
{{- if eq $global.operator.batchScheduler "volcano" }}
- apiGroups: [scheduling.volcano.sh]
  resources: [podgroups]
  verbs: [get, list, watch, create, update]
{{- else if eq $global.operator.batchScheduler "scheduler-plugins" }}
- apiGroups: [scheduling.x-k8s.io]
  resources: [podgroups]
  verbs: [get, list, watch, create]
{{- end }}
{{- end -}}

{{/* ray-operator.guardMetadata (list ROOT WEIGHT): a part of the hook that guards the uninstall. */}}
{{- define "ray-operator.guardMetadata" -}}
labels:
  {{- include "ray.labels" (index . 0) | nindent 2 }}
annotations:
  helm.sh/hook: pre-delete
  helm.sh/hook-weight: {{ index . 1 | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
