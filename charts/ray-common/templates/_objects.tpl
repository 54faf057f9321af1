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
      ray.io/group: {{ $group.name | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* ray.toDns GLOBAL, ray.toApiServer GLOBAL, ray.toPods (list SELECTOR PORT): rules of restricted egress. */}}
{{- define "ray.toDns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .network.dns.namespace | quote }}
      podSelector:
        matchLabels:
          {{- toYaml .network.dns.podLabels | nindent 10 }}
    {{- range .network.dns.cidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}
{{- define "ray.toApiServer" -}}
- to:
    {{- range .network.apiServer.cidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports:
    - {protocol: TCP, port: {{ int .network.apiServer.port }}}
{{- end -}}
{{- define "ray.toPods" -}}
- to:
    - podSelector:
        {{- index . 0 | nindent 8 }}
  ports:
    - {protocol: TCP, port: {{ index . 1 }}}
{{- end -}}

{{/* ray.programPolicy (list ROOT GLOBAL NAME COMPONENTS RULES): with restricted egress, where the release's small pods
of some components may go beside DNS. A namespace that lets nobody out by default would keep them in. */}}
{{- define "ray.programPolicy" -}}
{{- $root := index . 0 -}}
{{- $global := index . 1 -}}
{{- if and $root.Values.networkPolicy.enabled (eq $global.network.egress "restricted") }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $root.Release.Name }}-{{ index . 2 }}
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
spec:
  podSelector:
    {{- include "ray.podsOf" (list $root (index . 3)) | nindent 4 }}
  policyTypes: [Egress]
  egress:
    {{- include "ray.toDns" $global | nindent 4 }}
    {{- index . 4 | nindent 4 }}
{{- end }}
{{- end -}}

{{/* ray.networkPolicy (list ROOT GLOBAL). Closed to all but: the cluster's own pods, the namespace (dashboard, client,
serve; each a switch), the operator (dashboard), the release's submitter and test, Prometheus (metrics), the ingress
controller (what is exposed), and further peers by value. Selects our labels, not the generated cluster name, so that it
also holds for the clusters that jobs make and for Redis clean-up pods. */}}
{{- define "ray.networkPolicy" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $policy := $values.networkPolicy -}}
{{- $global := index . 1 -}}
{{- $network := $global.network -}}
{{- $ports := dict "dashboard" 8265 "client" 10001 "serve" 8000 -}}
{{- $open := list -}}
{{- range list "dashboard" "client" "serve" }}{{ if get $policy . }}{{ $open = append $open (get $ports .) }}{{ end }}{{ end -}}
{{- if $policy.enabled }}
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
    {{- if $open }}
    - from:
        - podSelector: {}
      ports:
        {{- range $open }}
        - {protocol: TCP, port: {{ . }}}
        {{- end }}
    {{- end }}
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {{ $global.operator.namespace | quote }}
      ports:
        - {protocol: TCP, port: 8265}
        {{- if and $values.serveConfig (not $values.excludeHead) }}
        # It asks the head's proxy before it sends requests there.
        - {protocol: TCP, port: 8000}
        {{- end }}
    - from:
        - podSelector:
            {{- include "ray.podsOf" (list $root (list "submitter" "test")) | nindent 12 }}
      ports:
        - {protocol: TCP, port: {{ ternary 8000 8265 (hasKey $values "serveConfig") }}}
    {{- if $values.monitoring.enabled }}
    - from:
        - namespaceSelector:
            {{- if $global.monitoring.namespace }}
            matchLabels:
              kubernetes.io/metadata.name: {{ $global.monitoring.namespace | quote }}
            {{- else }} {}
            {{- end }}
      ports:
        - {protocol: TCP, port: 8080}
        - {protocol: TCP, port: 44217}
        - {protocol: TCP, port: 44227}
        {{- if or $values.haproxy (include "ray.haproxy" ($values.env | default dict)) }}
        - {protocol: TCP, port: 9101}
        {{- end }}
    {{- end }}
    {{- if dig "enabled" false ($values.ingress | default dict) }}
    - from:
        - namespaceSelector:
            {{- if $global.ingress.namespace }}
            matchLabels:
              kubernetes.io/metadata.name: {{ $global.ingress.namespace | quote }}
            {{- else }} {}
            {{- end }}
      ports:
        - {protocol: TCP, port: {{ ternary 8000 8265 (hasKey $values "serveConfig") }}}
    {{- end }}
    {{- range $name, $rule := $policy.from }}
    {{- if $rule }}
    - from:
        {{- toYaml $rule.peers | nindent 8 }}
      {{- with $rule.ports }}
      ports:
        {{- range . }}
        - {protocol: TCP, port: {{ int . }}}
        {{- end }}
      {{- end }}
    {{- end }}
    {{- end }}
  {{- if eq $network.egress "restricted" }}
  egress:
    - to:
        - podSelector:
            {{- include "ray.ownPods" $root | nindent 12 }}
    {{- include "ray.toDns" $global | nindent 4 }}
    {{- if $values.autoscaling.enabled }}
    {{- include "ray.toApiServer" $global | nindent 4 }}
    {{- end }}
    # Redis and MLflow in this Kubernetes cluster; those elsewhere belong in global.ray.network.egressCidrs or
    # networkPolicy.to.
    {{- if $values.gcsFaultTolerance.enabled }}
    {{- $redis := include "ray.redis" (list $values $global $root.Release.Name) | fromJson }}
    {{- with (include "ray.inCluster" (list $redis.address $root.Release.Namespace) | fromJson).namespace }}
    - to:
        {{- if eq . $root.Release.Namespace }}
        - podSelector: {}
        {{- else }}
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {{ . | quote }}
        {{- end }}
      ports:
        - {protocol: TCP, port: {{ regexFind "[0-9]+$" $redis.address }}}
    {{- end }}
    {{- end }}
    {{- $mlflow := include "ray.inCluster" (list $global.mlflow.trackingUri $root.Release.Namespace) | fromJson }}
    {{- if $mlflow.namespace }}
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {{ $mlflow.namespace | quote }}
          podSelector:
            matchLabels:
              app.kubernetes.io/component: mlflow
              app.kubernetes.io/part-of: rayworks
    {{- end }}
    {{- with $network.tokenEndpoints }}
    # Where the cloud's SDKs get their tokens.
    - to:
        {{- range . }}
        - ipBlock: {cidr: {{ . | quote }}}
        {{- end }}
      ports:
        - {protocol: TCP, port: 80}
    {{- end }}
    {{- if $policy.https }}
    - to:
        - ipBlock:
            cidr: 0.0.0.0/0
            except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
        - ipBlock:
            cidr: ::/0
            except: ["fc00::/7", "fe80::/10"]
      ports:
        - {protocol: TCP, port: 443}
    {{- end }}
    {{- with $network.egressCidrs }}
    - to:
        {{- range . }}
        - ipBlock: {cidr: {{ . | quote }}}
        {{- end }}
    {{- end }}
    {{- range $name, $rule := $policy.to }}
    {{- if $rule }}
    - to:
        {{- toYaml $rule.peers | nindent 8 }}
      {{- with $rule.ports }}
      ports:
        {{- range . }}
        - {protocol: TCP, port: {{ int . }}}
        {{- end }}
      {{- end }}
    {{- end }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* ray.inCluster (list URI NAMESPACE): {namespace} of a Service's address, seen from NAMESPACE; empty for a host outside
of the Kubernetes cluster. */}}
{{- define "ray.inCluster" -}}
{{- $host := regexReplaceAll "^[a-z+]+://([^/:@]*:[^/@]*@)?([^/:]+).*$" (index . 0) "${2}" -}}
{{- $namespace := "" -}}
{{- if regexMatch "^[a-z0-9-]+$" $host }}{{ $namespace = index . 1 }}{{ end -}}
{{- if regexMatch "^[a-z0-9-]+\\.[a-z0-9-]+(\\.svc(\\..+)?)?$" $host }}{{ $namespace = index (splitList "." $host) 1 }}{{ end -}}
{{- dict "namespace" $namespace | toJson -}}
{{- end -}}

{{/* ray.ingress (list ROOT GLOBAL SERVICE PORT): what `ingress` says, as an Ingress, or as an HTTPRoute where the
environment names a Gateway. */}}
{{- define "ray.ingress" -}}
{{- $root := index . 0 -}}
{{- $global := (index . 1).ingress -}}
{{- $ingress := $root.Values.ingress -}}
{{- if $ingress.enabled }}
{{- $host := $ingress.host -}}
{{- if and (not $host) $global.domain }}{{ $host = printf "%s.%s" $root.Release.Name $global.domain }}{{ end -}}
{{- if not $host -}}
{{- include "ray.fail" (list "ingress.host" "is empty, and the environment has no domain" "give the host, or global.ray.ingress.domain") -}}
{{- end -}}
{{- $annotations := include "ray.overlay" (list $global.annotations $ingress.annotations) | fromJson -}}
{{- $path := dig "path" "/" $ingress -}}
{{- if $global.gateway.name -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ $root.Release.Name }}
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  hostnames: [{{ $host | quote }}]
  parentRefs:
    - name: {{ $global.gateway.name | quote }}
      {{- with $global.gateway.namespace }}
      namespace: {{ . | quote }}
      {{- end }}
      {{- with $global.gateway.sectionName }}
      sectionName: {{ . | quote }}
      {{- end }}
  rules:
    - matches:
        - path: {type: PathPrefix, value: {{ $path | quote }}}
      backendRefs:
        - {name: {{ index . 2 }}, port: {{ index . 3 }}}
{{- else -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ $root.Release.Name }}
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $global.className }}
  ingressClassName: {{ . | quote }}
  {{- end }}
  rules:
    - host: {{ $host | quote }}
      http:
        paths:
          - path: {{ $path | quote }}
            pathType: Prefix
            backend:
              service:
                name: {{ index . 2 }}
                port: {number: {{ index . 3 }}}
  {{- with $global.tlsSecret }}
  tls:
    - hosts: [{{ $host | quote }}]
      secretName: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* ray.podsOf (list ROOT COMPONENTS): selector of the release's pods of some components. */}}
{{- define "ray.podsOf" -}}
matchLabels:
  app.kubernetes.io/instance: {{ (index . 0).Release.Name | quote }}
  app.kubernetes.io/part-of: rayworks
matchExpressions:
  - {key: app.kubernetes.io/component, operator: In, values: {{ toJson (index . 1) }}}
{{- end -}}
{{- define "ray.ownPods" -}}
{{- include "ray.podsOf" (list . (list "head" "worker")) -}}
{{- end -}}

{{/* ray.monitorLabel (list MONITORING KEY): the label by which the monitors of the chart ray-monitoring leave out what is
closed to Prometheus (`enabled` is false), or has a monitor of its own (KEY is true). */}}
{{- define "ray.monitorLabel" -}}
{{- if not (index . 0).enabled -}}
rayworks.io/monitor: none
{{- else if get (index . 0) (index . 1) -}}
rayworks.io/monitor: own
{{- end -}}
{{- end -}}

{{/* ray.haproxy ENV: "true" where Serve takes requests through HAProxy, which has a metrics port of its own. */}}
{{- define "ray.haproxy" -}}
{{- if eq (toString (get . "RAY_SERVE_ENABLE_HA_PROXY")) "1" }}true{{ end -}}
{{- end -}}

{{/* ray.podMonitor (list ROOT GLOBAL): rendered by an explicit value, never by what the cluster happens to have. */}}
{{- define "ray.podMonitor" -}}
{{- $root := index . 0 -}}
{{- $group := (index . 1).monitoring.apiGroup -}}
{{- if $root.Values.monitoring.podMonitor }}
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
    - port: as-metrics
    - port: dash-metrics
    {{- if or $root.Values.haproxy (include "ray.haproxy" ($root.Values.env | default dict)) }}
    - port: serve-metrics
    {{- end }}
  # The label by which Ray's dashboards know a cluster.
  podTargetLabels: [ray.io/cluster]
{{- end }}
{{- end -}}
