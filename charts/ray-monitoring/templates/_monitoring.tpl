{{/*
What the objects of this chart share.
*/}}

{{/* ray-monitoring.parts ROOT: what follows from the values, as JSON, once they are found to be right:
  global, name, group (API group), stack (it is the Prometheus operator's), prometheus (of our own), exposed (it is on the
  network), pod (there is one), dashboards (their names). */}}
{{- define "ray-monitoring.parts" -}}
{{- $global := include "ray.global" . | fromJson -}}
{{- $values := .Values -}}
{{- $group := $global.monitoring.apiGroup -}}
{{- $prometheus := eq $group "" -}}
{{- if not (kindIs "invalid" $values.prometheus.enabled) }}{{ $prometheus = $values.prometheus.enabled }}{{ end -}}
{{- $parts := dict "global" $global "name" (include "ray.fullname" .) "group" $group "stack" (eq $group "monitoring.coreos.com") "prometheus" $prometheus -}}
{{- $_ := set $parts "exposed" (and $prometheus (ne $values.prometheus.auth.existingSecret "")) -}}
{{- $_ := set $parts "pod" (or $prometheus $values.grafana.enabled) -}}
{{- $dashboards := list -}}
{{- range $name, $on := $values.dashboards.include }}{{ if and $on $values.dashboards.enabled }}{{ $dashboards = append $dashboards $name }}{{ end }}{{ end -}}
{{- $_ := set $parts "dashboards" $dashboards -}}
{{- include "ray-monitoring.validate" (list . $parts) -}}
{{- toJson $parts -}}
{{- end -}}

{{/* ray-monitoring.validate (list ROOT PARTS). */}}
{{- define "ray-monitoring.validate" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $parts := index . 1 -}}
{{- $global := $parts.global -}}
{{- if and $parts.prometheus $parts.group $values.monitors.enabled -}}
{{- include "ray.fail" (list "prometheus.enabled" (printf "is true, and the stack of %s has monitors for the same targets: all would be scraped twice" $parts.group) "leave it out, or set monitors.enabled: false") -}}
{{- end -}}
{{- if and $parts.prometheus (ne $global.monitoring.namespace "") (ne $global.monitoring.namespace $root.Release.Namespace) -}}
{{- include "ray.fail" (list "global.ray.monitoring.namespace" (printf "is %q, and this Prometheus goes to %q: the network policies of the clusters would shut it out" $global.monitoring.namespace $root.Release.Namespace) (printf "install with --namespace %s, or correct the value everywhere" $global.monitoring.namespace)) -}}
{{- end -}}
{{- if and $values.alertmanager.enabled (not $parts.prometheus) -}}
{{- include "ray.fail" (list "alertmanager.enabled" "is true, and only the chart's own Prometheus would send to it" "set prometheus.enabled: true, or leave it off") -}}
{{- end -}}
{{- if $values.grafana.enabled -}}
{{- if not $values.grafana.existingSecret -}}
{{- include "ray.fail" (list "grafana.existingSecret" "is empty, and Grafana's own password is known to all" "name a Secret with username and password: kubectl create secret generic grafana --from-literal=username=admin --from-literal=password=…") -}}
{{- end -}}
{{- if and $parts.prometheus $values.grafana.prometheusUrl -}}
{{- include "ray.fail" (list "grafana.prometheusUrl" "names a Prometheus, and Grafana asks the chart's own" "remove it, or set prometheus.enabled: false") -}}
{{- else if not (or $parts.prometheus $values.grafana.prometheusUrl) -}}
{{- include "ray.fail" (list "grafana.prometheusUrl" "is empty, and the chart's own Prometheus is off: Grafana would have nobody to ask" "give the address of the Prometheus of the stack in use") -}}
{{- end -}}
{{- else -}}
{{- range $key := list "existingSecret" "prometheusUrl" "rootUrl" -}}
{{- if get $values.grafana $key -}}
{{- include "ray.fail" (list (printf "grafana.%s" $key) "is not read while grafana.enabled is false" "set it to true, or remove this") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $values.prometheus.auth.existingSecret (not $parts.prometheus) -}}
{{- include "ray.fail" (list "prometheus.auth.existingSecret" "is not read: the chart's own Prometheus is off" "remove it, or set prometheus.enabled: true") -}}
{{- end -}}
{{- $persistence := $values.prometheus.persistence -}}
{{- if and $persistence.existingClaim (or $persistence.storageClass (not $persistence.enabled)) -}}
{{- include "ray.fail" (list "prometheus.persistence.existingClaim" (ternary "has a storage class of its own" "is not read while persistence.enabled is false" $persistence.enabled) (ternary "remove persistence.storageClass" "set it to true, or remove the claim" $persistence.enabled)) -}}
{{- end -}}
{{- if and $values.networkPolicy.enabled $parts.prometheus (eq $global.network.egress "restricted") (not $global.network.apiServer.cidrs) -}}
{{- include "ray.fail" (list "global.ray.network.apiServer.cidrs" "is empty: with restricted egress Prometheus could not ask the API server for its targets" "give its addresses (kubectl get endpointslices kubernetes)") -}}
{{- end -}}
{{- $told := or $values.alertmanager.enabled $parts.stack -}}
{{- range $name, $receiver := $values.receivers -}}
{{- if $receiver -}}
{{- $path := printf "receivers.%s" $name -}}
{{- if not $told -}}
{{- include "ray.fail" (list $path "has nobody to tell it: there is no Alertmanager that this chart configures" (ternary "Azure's managed Prometheus alerts by action groups: set them there, and remove the receiver" "set alertmanager.enabled: true, or remove the receiver" (eq $parts.group "azmonitoring.coreos.com"))) -}}
{{- end -}}
{{- $kinds := keys (omit $receiver "severities") | sortAlpha -}}
{{- if ne (len $kinds) 1 -}}
{{- include "ray.fail" (list $path (printf "says %s" (join " and " $kinds | default "not how")) "give one of webhook, slack, pagerduty, email; further ones under names of their own") -}}
{{- end -}}
{{- if hasKey $receiver "webhook" -}}
{{- if eq (hasKey $receiver.webhook "url") (hasKey $receiver.webhook "secret") -}}
{{- include "ray.fail" (list (printf "%s.webhook" $path) "has both a url and a Secret with one, or neither" "give one of the two") -}}
{{- end -}}
{{- end -}}
{{- with $receiver.email -}}
{{- if ne (hasKey . "username") (hasKey . "secret") -}}
{{- include "ray.fail" (list (printf "%s.email" $path) "has a user without a password, or a password without a user" "give username and secret, or neither") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $values.rules.testAlert (not (and $values.rules.enabled (or $parts.prometheus $parts.stack))) -}}
{{- include "ray.fail" (list "rules.testAlert" "is true, and this release has no rules" "set rules.enabled: true where there is a Prometheus operator or the chart's own Prometheus") -}}
{{- end -}}
{{- end -}}

{{/* ray-monitoring.rules ROOT: a rule file. */}}
{{- define "ray-monitoring.rules" -}}
{{- $values := .Values -}}
{{- $source := .Files.Get "files/rules.yaml" | fromYaml -}}
{{- $cost := $values.cost -}}
groups:
  - name: ray-records
    rules:
      {{- range $name, $expr := $source.records }}
      - record: {{ $name }}
        expr: |-
          {{- $expr | replace "$price_cpu" (toString $cost.cpu) | replace "$price_gpu" (toString $cost.gpu) | replace "$price_memory" (toString $cost.memoryGiB) | nindent 10 }}
      {{- end }}
  - name: ray-alerts
    rules:
      {{- range $name, $alert := $source.alerts }}
      {{- $own := get $values.alerts $name }}
      {{- if $own.enabled }}
      - alert: {{ $name }}
        expr: |-
          {{- $alert.expr | replace "$threshold" (toString $own.threshold) | nindent 10 }}
        for: {{ $own.for }}
        labels:
          severity: {{ $own.severity }}
        annotations:
          summary: {{ $alert.summary | toRawJson }}
          description: {{ $alert.description | toRawJson }}
          runbook_url: {{ printf "%s%s.md" $values.rules.runbooks $name | quote }}
      {{- end }}
      {{- end }}
      {{- if $values.rules.testAlert }}
      - alert: RayTestAlert
        expr: vector(1)
        labels:
          severity: critical
        annotations:
          summary: A test of the way that alerts take
          description: Turn it off with rules.testAlert, once it has arrived.
          runbook_url: {{ printf "%sRayTestAlert.md" $values.rules.runbooks | quote }}
      {{- end }}
{{- end -}}

{{/* ray-monitoring.selector ROOT: labels by which Service and policies select the pod. */}}
{{- define "ray-monitoring.selector" -}}
{{- include "ray.podLabels" (list . "monitoring") -}}
{{- end -}}

{{/* ray-monitoring.monitorMetadata (list ROOT NAME): of what the stack in use looks for by labels. */}}
{{- define "ray-monitoring.monitorMetadata" -}}
{{- $root := index . 0 -}}
metadata:
  name: {{ index . 1 }}
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
    {{- with $root.Values.monitors.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "ray-monitoring.namespaceSelector" -}}
namespaceSelector:
  {{- with .Values.monitors.namespaces }}
  matchNames:
    {{- toYaml . | nindent 4 }}
  {{- else }}
  any: true
  {{- end }}
{{- end -}}
