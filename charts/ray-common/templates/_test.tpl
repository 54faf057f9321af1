{{/*
`helm test`: a pod in the Ray image that satisfies restricted Pod Security, with one Python script.
*/}}

{{/* ray.testName ROOT: name of the pod and of its account; several charts of one release each have a test. */}}
{{- define "ray.testName" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}-test
{{- end -}}

{{- define "ray.testAnnotations" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* ray.testPod (list ROOT GLOBAL SCRIPT ENV ACCOUNT PLACEMENT): ENV is a list as in a pod, ACCOUNT empty for none,
PLACEMENT fields of a pod's spec that say where it runs, as YAML. */}}
{{- define "ray.testPod" -}}
{{- $root := index . 0 -}}
{{- $global := index . 1 -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "ray.testName" $root }}
  labels:
    {{- include "ray.podLabels" (list $root "test") | nindent 4 }}
  annotations:
    {{- include "ray.testAnnotations" "0" | nindent 4 }}
spec:
  {{- with index . 4 }}
  serviceAccountName: {{ . | quote }}
  {{- end }}
  automountServiceAccountToken: {{ ne (index . 4) "" }}
  {{- include "ray.scriptPod" (list $root $global) | nindent 2 }}
  {{- with index . 5 }}{{ . | nindent 2 }}{{ end }}
  containers:
    - name: test
      image: {{ include "ray.image" (list $global "ray" ($root.Values.image | default dict) "helm test") | quote }}
      imagePullPolicy: {{ $global.images.pullPolicy }}
      command:
        - python
        - -c
        - |
          {{- index . 2 | nindent 10 }}
      env:
        {{- index . 3 | toYaml | nindent 8 }}
      resources:
        requests: {cpu: 50m, memory: 64Mi}
        limits: {memory: 256Mi}
      securityContext:
        {{- include "ray.securityContext" $root | nindent 8 }}
{{- end -}}

{{/* ray.testAccount (list ROOT RULES): the account of a test that asks the API server. */}}
{{- define "ray.testAccount" -}}
{{- $root := index . 0 -}}
{{- range $kind := list "ServiceAccount" "Role" "RoleBinding" }}
---
apiVersion: {{ ternary "v1" "rbac.authorization.k8s.io/v1" (eq $kind "ServiceAccount") }}
kind: {{ $kind }}
metadata:
  name: {{ include "ray.testName" $root }}
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
  annotations:
    {{- include "ray.testAnnotations" "-1" | nindent 4 }}
{{- if eq $kind "ServiceAccount" }}
automountServiceAccountToken: false
{{- else if eq $kind "Role" }}
rules:
  {{- index $ 1 | toYaml | nindent 2 }}
{{- else }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "ray.testName" $root }}
subjects:
  - kind: ServiceAccount
    name: {{ include "ray.testName" $root }}
    namespace: {{ $root.Release.Namespace | quote }}
{{- end }}
{{- end }}
{{- end -}}
