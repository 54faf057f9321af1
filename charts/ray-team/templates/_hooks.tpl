{{/*
What hooks have in common.
*/}}

{{/* ray-team.hook (list HOOK WEIGHT): annotations. */}}
{{- define "ray-team.hook" -}}
helm.sh/hook: {{ index . 0 }}
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* ray-team.hookAccount (list ROOT NAME HOOK RULES NAMESPACE): an account there, with rules in the team's namespace;
made before the pod of the same name, and gone after it. */}}
{{- define "ray-team.hookAccount" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $metadata := include "ray-team.metadata" (list $root $name (include "ray-team.hook" (list (index . 2) "-1") | fromYaml)) -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- set ($metadata | fromYaml) "namespace" (index . 4) | toYaml | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- $metadata | nindent 2 }}
rules:
  {{- index . 3 | toYaml | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- $metadata | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ index . 4 | quote }}
{{- end -}}
