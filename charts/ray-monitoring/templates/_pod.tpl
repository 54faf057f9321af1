{{/*
Configuration of the chart's own Prometheus, Alertmanager and Grafana.
*/}}

{{/* ray-monitoring.discovery (list NAMESPACES SELECTOR): pods by labels, as the API server selects them. */}}
{{- define "ray-monitoring.discovery" -}}
kubernetes_sd_configs:
  - role: pod
    selectors:
      - {role: pod, label: {{ index . 1 | quote }}}
    {{- with index . 0 }}
    namespaces:
      names:
        {{- toYaml . | nindent 8 }}
    {{- end }}
{{- end -}}

{{- define "ray-monitoring.podLabels" -}}
- {source_labels: [__meta_kubernetes_pod_phase], action: drop, regex: Succeeded|Failed}
- {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
- {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
{{- end -}}

{{/* ray-monitoring.prometheusConfig (list ROOT PARTS): labels are as those of the monitors, so that rules and dashboards
hold for both. */}}
{{- define "ray-monitoring.prometheusConfig" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $parts := index . 1 -}}
{{- $namespaces := $values.monitors.namespaces -}}
global:
  scrape_interval: {{ $values.monitors.interval }}
  evaluation_interval: {{ $values.monitors.interval }}
{{- if $values.rules.enabled }}
rule_files:
  - /etc/monitoring/rules.yaml
{{- end }}
{{- if $values.alertmanager.enabled }}
alerting:
  alertmanagers:
    - static_configs:
        - targets: [localhost:9093]
{{- end }}
scrape_configs:
  - job_name: ray
    {{- include "ray-monitoring.discovery" (list $namespaces "ray.io/node-type in (head,worker),!rayworks.io/monitor") | nindent 4 }}
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_container_port_name], action: keep, regex: metrics|as-metrics|dash-metrics|serve-metrics}
      {{- include "ray-monitoring.podLabels" . | nindent 6 }}
      - {source_labels: [__meta_kubernetes_pod_container_port_name], target_label: endpoint}
      - {source_labels: [__meta_kubernetes_pod_label_ray_io_cluster], target_label: ray_io_cluster}
      - {source_labels: [__meta_kubernetes_pod_label_ray_io_group], target_label: ray_io_group}
      - {source_labels: [__meta_kubernetes_pod_label_ray_io_node_type], target_label: job, replacement: ray-$1}
      - {source_labels: [endpoint], target_label: job, regex: serve-metrics, replacement: ray-serve}
  - job_name: ray-operator
    # The namespace of a job is that of the job, not of the operator.
    honor_labels: true
    {{- include "ray-monitoring.discovery" (list $namespaces "app.kubernetes.io/component=operator,app.kubernetes.io/part-of=rayworks,!rayworks.io/monitor") | nindent 4 }}
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_container_port_name], action: keep, regex: metrics}
      {{- include "ray-monitoring.podLabels" . | nindent 6 }}
  - job_name: annotated
    {{- include "ray-monitoring.discovery" (list $namespaces "!ray.io/node-type,app.kubernetes.io/component!=operator") | nindent 4 }}
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], action: keep, regex: "true"}
      {{- include "ray-monitoring.podLabels" . | nindent 6 }}
      - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scheme], target_label: __scheme__, regex: "(https?)"}
      - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path], target_label: __metrics_path__, regex: "(.+)"}
      - {source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port], target_label: __address__, regex: "(.+);([0-9]+)", replacement: "$1:$2"}
  - job_name: prometheus
    {{- if $parts.exposed }}
    basic_auth:
      username: {{ $values.prometheus.auth.username | quote }}
      password_file: /etc/prometheus-auth/password
    {{- end }}
    static_configs:
      - targets: [localhost:9090]
  {{- if $values.alertmanager.enabled }}
  - job_name: alertmanager
    static_configs:
      - targets: [localhost:9093]
  {{- end }}
{{- end -}}

{{/* ray-monitoring.alertmanagerConfig ROOT: secrets are files, a folder a receiver. */}}
{{- define "ray-monitoring.alertmanagerConfig" -}}
route:
  receiver: nobody
  group_by: [alertname, namespace]
  routes:
    {{- range $name, $receiver := .Values.receivers }}
    {{- if $receiver }}
    - receiver: {{ $name | quote }}
      continue: true
      {{- with $receiver.severities }}
      matchers: [{{ printf "severity=~%q" (join "|" .) | quote }}]
      {{- end }}
    {{- end }}
    {{- end }}
receivers:
  - name: nobody
  {{- range $name, $receiver := .Values.receivers }}
  {{- if $receiver }}
  {{- $secret := printf "/etc/receivers/%s" $name }}
  - name: {{ $name | quote }}
    {{- with $receiver.webhook }}
    webhook_configs:
      - {{ ternary "url" "url_file" (hasKey . "url") }}: {{ .url | default $secret | quote }}
    {{- end }}
    {{- with $receiver.slack }}
    slack_configs:
      - channel: {{ .channel | quote }}
        send_resolved: true
        api_url_file: {{ $secret }}
    {{- end }}
    {{- with $receiver.pagerduty }}
    pagerduty_configs:
      - routing_key_file: {{ $secret }}
    {{- end }}
    {{- with $receiver.email }}
    email_configs:
      - to: {{ .to | quote }}
        from: {{ .from | quote }}
        smarthost: {{ .smarthost | quote }}
        send_resolved: true
        {{- if .username }}
        auth_username: {{ .username | quote }}
        auth_password_file: {{ $secret }}
        {{- end }}
    {{- end }}
  {{- end }}
  {{- end }}
{{- end -}}

{{/* ray-monitoring.datasource (list VALUES PARTS): where Grafana asks. */}}
{{- define "ray-monitoring.datasource" -}}
{{- $values := index . 0 -}}
apiVersion: 1
datasources:
  - name: Prometheus
    uid: prometheus
    type: prometheus
    access: proxy
    isDefault: true
    editable: false
    url: {{ $values.grafana.prometheusUrl | default "http://localhost:9090" | quote }}
    jsonData:
      httpMethod: POST
      timeInterval: {{ $values.monitors.interval }}
    {{- if (index . 1).exposed }}
    basicAuth: true
    basicAuthUser: {{ $values.prometheus.auth.username | quote }}
    secureJsonData:
      basicAuthPassword: $__file{/etc/prometheus-auth/password}
    {{- end }}
{{- end -}}

{{/* ray-monitoring.retentionSize VALUES: four fifths of the volume, in Prometheus' megabytes. */}}
{{- define "ray-monitoring.retentionSize" -}}
{{- $milli := include "ray.milli" (list "prometheus.persistence.size" .prometheus.persistence.size) | int64 -}}
{{- div (mul (div $milli 1000) 8) (mul 10 1048576) }}MB
{{- end -}}

{{/* ray-monitoring.container (list PARTS NAME RESOURCES PATH): what every container has. */}}
{{- define "ray-monitoring.container" -}}
{{- $global := (index . 0).global -}}
name: {{ index . 1 }}
image: {{ include "ray.image" (list $global (index . 1) dict (printf "%s.enabled" (index . 1))) | quote }}
imagePullPolicy: {{ $global.images.pullPolicy }}
resources:
  {{- include "ray.resources" (list (printf "%s.resources" (index . 1)) (index . 2)) | fromJson | toYaml | nindent 2 }}
securityContext:
  {{- include "ray.securityContext" . | nindent 2 }}
{{- end -}}

{{/* ray-monitoring.configuration (list ROOT PARTS): files by name, with __ for a slash. */}}
{{- define "ray-monitoring.configuration" -}}
{{- $values := (index . 0).Values -}}
{{- $parts := index . 1 -}}
{{- if $parts.prometheus }}
prometheus.yaml: |
  {{- include "ray-monitoring.prometheusConfig" . | nindent 2 }}
{{- if $values.rules.enabled }}
rules.yaml: |
  {{- include "ray-monitoring.rules" (index . 0) | nindent 2 }}
{{- end }}
{{- end }}
{{- if $values.alertmanager.enabled }}
alertmanager.yaml: |
  {{- include "ray-monitoring.alertmanagerConfig" (index . 0) | nindent 2 }}
{{- end }}
{{- if $values.grafana.enabled }}
provisioning__datasources__datasources.yaml: |
  {{- include "ray-monitoring.datasource" (list $values $parts) | nindent 2 }}
{{- if $parts.dashboards }}
provisioning__dashboards__dashboards.yaml: |
  apiVersion: 1
  providers:
    - name: Ray
      folder: Ray
      type: file
      options: {path: /etc/dashboards}
{{- end }}
{{- end }}
{{- end -}}
