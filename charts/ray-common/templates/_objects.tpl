{{/*
What goes beside the custom resource: policy, disruption budgets, account, monitor.
*/}}

{{- define "ray.serviceAccount" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.serviceAccount.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "ray.ownServiceAccountName" $root }}
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
  {{- with include "ray.overlay" (list (index . 1).identity.annotations $root.Values.serviceAccount.annotations) | fromJson }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end -}}

{{/* ray.podDisruptionBudgets (list ROOT GROUPS). RayCluster has no scale subresource, so a percentage or
maxUnavailable would block every drain: an integer minAvailable, one replica less than promised. Never the head. */}}
{{- define "ray.podDisruptionBudgets" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.podDisruptionBudget.enabled }}
{{- range $group := (index . 1).workers }}
{{- if ge (int $group.min) 2 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ printf "%s-%s" $root.Release.Name $group.name | trunc 63 | trimSuffix "-" }}
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
spec:
  minAvailable: {{ mul (sub (int $group.min) 1) (int $group.numOfHosts) }}
  selector:
    matchLabels:
      {{- include "ray.podLabels" (list $root "worker") | nindent 6 }}
      ray.io/group: {{ $group.name }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* ray.networkPolicy (list ROOT GLOBAL). Closed to all but: the cluster's own pods, the namespace (dashboard, client,
serve), the operator (dashboard), Prometheus (metrics). Selects our labels, not the generated cluster name, so that
it also holds for the clusters that jobs make and for Redis clean-up pods. */}}
{{- define "ray.networkPolicy" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $global := index . 1 -}}
{{- $network := $global.network -}}
{{- if $values.networkPolicy.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $root.Release.Name }}
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
spec:
  podSelector:
    {{- include "ray.ownPods" $root | nindent 4 }}
  policyTypes:
    - Ingress
    {{- if eq $network.egress "restricted" }}
    - Egress
    {{- end }}
  ingress:
    - from:
        - podSelector:
            {{- include "ray.ownPods" $root | nindent 12 }}
    - from:
        - podSelector: {}
      ports:
        - {protocol: TCP, port: 8265}
        - {protocol: TCP, port: 10001}
        - {protocol: TCP, port: 8000}
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {{ $global.operator.namespace }}
      ports:
        - {protocol: TCP, port: 8265}
        {{- if and $values.serveConfig (not $values.excludeHead) }}
        # It asks the head's proxy before it sends requests there.
        - {protocol: TCP, port: 8000}
        {{- end }}
    {{- if $values.monitoring.enabled }}
    - from:
        - namespaceSelector:
            {{- if $global.monitoring.namespace }}
            matchLabels:
              kubernetes.io/metadata.name: {{ $global.monitoring.namespace }}
            {{- else }} {}
            {{- end }}
      ports:
        - {protocol: TCP, port: 8080}
    {{- end }}
  {{- if eq $network.egress "restricted" }}
  egress:
    - to:
        - podSelector:
            {{- include "ray.ownPods" $root | nindent 12 }}
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {{ $network.dns.namespace }}
          podSelector:
            matchLabels:
              {{- toYaml $network.dns.podLabels | nindent 14 }}
        {{- range $network.dns.cidrs }}
        - ipBlock: {cidr: {{ . }}}
        {{- end }}
      ports:
        - {protocol: UDP, port: 53}
        - {protocol: TCP, port: 53}
    {{- if $values.autoscaling.enabled }}
    - to:
        {{- range $network.apiServer.cidrs }}
        - ipBlock: {cidr: {{ . }}}
        {{- end }}
      ports:
        - {protocol: TCP, port: {{ int $network.apiServer.port }}}
    {{- end }}
    {{- if $values.gcsFaultTolerance.enabled }}
    {{- $redis := include "ray.redis" (list $values $global) | fromJson }}
    # A Redis in the namespace; one elsewhere belongs in global.ray.network.egressCidrs.
    - to:
        - podSelector: {}
      ports:
        - {protocol: TCP, port: {{ regexFind "[0-9]+$" $redis.address | default "6379" }}}
    {{- end }}
    {{- with $network.egressCidrs }}
    - to:
        {{- range . }}
        - ipBlock: {cidr: {{ . }}}
        {{- end }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "ray.ownPods" -}}
matchLabels:
  app.kubernetes.io/instance: {{ .Release.Name }}
  app.kubernetes.io/part-of: rayworks
matchExpressions:
  - {key: app.kubernetes.io/component, operator: In, values: [head, worker]}
{{- end -}}

{{/* ray.podMonitor (list ROOT GLOBAL): rendered by an explicit value, never by what the cluster happens to have. */}}
{{- define "ray.podMonitor" -}}
{{- $root := index . 0 -}}
{{- $group := (index . 1).monitoring.apiGroup -}}
{{- if and $root.Values.monitoring.enabled $group }}
apiVersion: {{ $group }}/v1
kind: PodMonitor
metadata:
  name: {{ $root.Release.Name }}
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
spec:
  selector:
    {{- include "ray.ownPods" $root | nindent 4 }}
  podMetricsEndpoints:
    - port: metrics
{{- end }}
{{- end -}}
