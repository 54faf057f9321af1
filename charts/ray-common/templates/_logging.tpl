{{/*
Ray's session logs, sent by Fluent Bit beside each Ray container: what is written to files in /tmp/ray goes with the pod.
Its configuration is its command line, so that there is no object beside the cluster that would have to live as long.
Options: Fluent Bit's manual, pages tail, record_modifier, stdout, cloudwatch_logs, azure_logs_ingestion and loki.
*/}}

{{/* ray.logShipper (list ROOT GLOBAL): the container; nothing where logs are sent nowhere. */}}
{{- define "ray.logShipper" -}}
{{- $root := index . 0 -}}
{{- $global := index . 1 -}}
{{- $values := $root.Values.logging -}}
{{- $logging := $global.logging -}}
{{- if and $values.enabled $logging.destination -}}
{{- $folder := "/tmp/ray/session_latest/logs/" -}}
{{- $paths := list -}}
{{- range $values.files }}{{ $paths = append $paths (printf "%s%s" $folder .) }}{{ end -}}
{{- $output := dict "stdout" (list "stdout" "format=json_lines") -}}
{{- with $logging.cloudwatch -}}
{{- $_ := set $output "cloudwatch" (list "cloudwatch_logs" (printf "region=%s" .region) (printf "log_group_name=%s" .group) "log_stream_name=${NAMESPACE}/${POD}" "auto_create_group=true") -}}
{{- end -}}
{{- with $logging.azure -}}
{{- $_ := set $output "azure" (list "azure_logs_ingestion" "tenant_id=${TENANT_ID}" "client_id=${CLIENT_ID}" "client_secret=${CLIENT_SECRET}" (printf "dce_url=%s" .endpoint) (printf "dcr_id=%s" .rule) (printf "table_name=%s" .table) "time_generated=true" "compress=true") -}}
{{- end -}}
{{- with $logging.loki -}}
{{- $loki := list "loki" (printf "host=%s" .host) (printf "port=%d" (int .port)) (printf "tls=%s" (ternary "on" "off" .tls)) "labels=job=ray,namespace=${NAMESPACE},cluster=${CLUSTER},pod=${POD}" "line_format=json" -}}
{{- if .tenant }}{{ $loki = append $loki (printf "tenant_id=%s" .tenant) }}{{ end -}}
{{- if .credentialsSecret }}{{ $loki = concat $loki (list "http_user=${USERNAME}" "http_passwd=${PASSWORD}") }}{{ end -}}
{{- $_ := set $output "loki" $loki -}}
{{- end -}}
{{- $output = get $output $logging.destination -}}
{{- $secrets := dict "TENANT_ID" "tenantId" "CLIENT_ID" "clientId" "CLIENT_SECRET" "clientSecret" -}}
{{- if eq $logging.destination "loki" }}{{ $secrets = dict "USERNAME" "username" "PASSWORD" "password" }}{{ end -}}
name: log-shipper
image: {{ include "ray.image" (list $global "fluentBit" nil "global.ray.logging.destination") | quote }}
imagePullPolicy: {{ $global.images.pullPolicy }}
command: [/fluent-bit/bin/fluent-bit]
args:
  - --flush=2
  - --input=tail
  - --prop=tag=ray
  - --prop=path={{ join "," $paths }}
  - --prop=path_key=file
  - --prop=read_from_head=true
  - --prop=refresh_interval=5
  - --prop=skip_long_lines=on
  - --prop=mem_buf_limit=16M
  - --filter=record_modifier
  - --prop=match=*
  - --prop=record=namespace ${NAMESPACE}
  - --prop=record=cluster ${CLUSTER}
  - --prop=record=pod ${POD}
  - --output={{ first $output }}
  - --prop=match=*
  {{- range rest $output }}
  - {{ printf "--prop=%s" . | quote }}
  {{- end }}
env:
  - name: CLUSTER
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: "metadata.labels['ray.io/cluster']"}}
  - name: NAMESPACE
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}
  - name: POD
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}
  {{- with (get $logging $logging.destination | default dict).credentialsSecret }}
  {{- $secret := . }}
  {{- range $name, $key := $secrets }}
  - name: {{ $name }}
    valueFrom: {secretKeyRef: {name: {{ $secret | quote }}, key: {{ $key }}}}
  {{- end }}
  {{- end }}
resources:
  {{- include "ray.resources" (list "logging.resources" $values.resources) | fromJson | toYaml | nindent 2 }}
securityContext:
  {{- include "ray.securityContext" $root | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp, readOnly: true}
{{- end -}}
{{- end -}}

{{/* ray.validateLogging (list VALUES GLOBAL): a destination that can be reached. */}}
{{- define "ray.validateLogging" -}}
{{- $values := index . 0 -}}
{{- $logging := (index . 1).logging -}}
{{- $destination := $logging.destination -}}
{{- if and $values.logging.enabled $destination -}}
{{- $needed := dict "cloudwatch" (list "region") "azure" (list "endpoint" "rule" "credentialsSecret") "loki" (list "host") -}}
{{- range get $needed $destination | default list -}}
{{- if not (get (get $logging $destination) .) -}}
{{- include "ray.fail" (list (printf "global.ray.logging.%s.%s" $destination .) (printf "is empty, and global.ray.logging.destination is %s" $destination) "give it, or choose another destination") -}}
{{- end -}}
{{- end -}}
{{- if and (ne $destination "stdout") (not (include "ray.leaves" (list (index . 1) $values (ne $destination "loki")))) -}}
{{- include "ray.fail" (list "logging.enabled" (printf "is true, and restricted egress would keep Fluent Bit from %s" $destination) (ternary "let it there (networkPolicy.to), or set logging.enabled: false" "set networkPolicy.https: true, or logging.enabled: false" (eq $destination "loki"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
