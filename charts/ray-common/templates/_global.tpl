{{/*
The contract global.ray: defaults for what an environment leaves out, and its schema in values.schema.json.
A library chart's values.yaml does not reach its parent, so the defaults are here.
*/}}
{{- define "ray.globalDefaults" -}}
images:
  registry: ""
  pullPolicy: IfNotPresent
  pullSecrets: []
  ray: {repository: rayproject/ray, tag: 2.60.0-py311}
  operator: {repository: quay.io/kuberay/operator, tag: v1.6.2}
  redis: {repository: redis, tag: 7.4.7-alpine}
  prometheus: {repository: prom/prometheus, tag: v3.13.5}
  alertmanager: {repository: prom/alertmanager, tag: v0.31.1}
  grafana: {repository: grafana/grafana, tag: 12.3.0}
  mlflow: {repository: ghcr.io/mlflow/mlflow, tag: v3.17.2-full}
  fluentBit: {repository: fluent/fluent-bit, tag: 4.2.0}
pools:
  head:
    sizes:
      small: {requests: {cpu: 500m, memory: 2Gi}, limits: {memory: 4Gi}, numCpus: 0}
      large: {requests: {cpu: "2", memory: 8Gi}, limits: {memory: 8Gi}, numCpus: 0}
  cpu:
    sizes:
      small: {requests: {cpu: "1", memory: 2Gi}, limits: {memory: 4Gi}, numCpus: 1}
      large: {requests: {cpu: "4", memory: 8Gi}, limits: {memory: 16Gi}, numCpus: 4}
  memory:
    sizes:
      small: {requests: {cpu: "1", memory: 8Gi}, limits: {memory: 8Gi}, numCpus: 1}
      large: {requests: {cpu: "4", memory: 32Gi}, limits: {memory: 32Gi}, numCpus: 4}
  gpu:
    accelerator: {resource: nvidia.com/gpu}
    sizes:
      small: {requests: {cpu: "4", memory: 16Gi}, limits: {memory: 16Gi}, numCpus: 4}
      large: {requests: {cpu: "8", memory: 32Gi}, limits: {memory: 32Gi}, numCpus: 8}
storage: {claim: "", mountPath: /mnt/rayworks, accessMode: ReadWriteMany, uri: ""}
identity: {serviceAccount: "", annotations: {}, podLabels: {}}
redis: {address: "", tls: false, username: "", credentialsSecret: "", caSecret: ""}
mlflow: {trackingUri: "", credentialsSecret: ""}
monitoring: {apiGroup: "", namespace: ray-system}
logging:
  destination: ""
  cloudwatch: {region: "", group: /ray}
  azure: {endpoint: "", rule: "", table: Ray_CL, credentialsSecret: ""}
  loki: {host: "", port: 3100, tls: false, tenant: "", credentialsSecret: ""}
network:
  apiServer: {cidrs: [], port: 443}
  dns: {namespace: kube-system, podLabels: {k8s-app: kube-dns}, cidrs: []}
  egress: open
  egressCidrs: []
  tokenEndpoints: []
ingress:
  className: ""
  gateway: {name: "", namespace: "", sectionName: ""}
  namespace: ""
  domain: ""
  tlsSecret: ""
  annotations: {}
operator: {version: 1.6.2, namespace: ray-system, featureGates: {}, batchScheduler: ""}
{{- end -}}

{{/* ray.global ROOT: global.ray over the defaults, as JSON. Pools are taken whole: an environment that names
any names all, and none of the defaults hides behind them. */}}
{{- define "ray.global" -}}
{{- $given := dig "ray" dict (.Values.global | default dict) | default dict -}}
{{- $global := include "ray.overlay" (list (include "ray.globalDefaults" . | fromYaml) $given) | fromJson -}}
{{- if $given.pools }}{{ $_ := set $global "pools" $given.pools }}{{ end -}}
{{- $network := $global.network -}}
{{- range $path, $cidrs := dict "apiServer.cidrs" $network.apiServer.cidrs "dns.cidrs" $network.dns.cidrs "egressCidrs" $network.egressCidrs "tokenEndpoints" $network.tokenEndpoints -}}
{{- include "ray.validateCidrs" (list (printf "global.ray.network.%s" $path) $cidrs) -}}
{{- end -}}
{{- include "ray.validateVersion" (list "global.ray.operator.version" $global.operator.version) -}}
{{- if semverCompare "<1.6.0-0" (toString $global.operator.version) -}}
{{- include "ray.fail" (list "global.ray.operator.version" (printf "KubeRay %s is older than what these charts are written for" (toString $global.operator.version)) "upgrade the operator to 1.6 first") -}}
{{- end -}}
{{- toJson $global -}}
{{- end -}}

{{/* ray.gate (list GLOBAL NAME): "true" when the operator's feature gate is on (KubeRay 1.6.2's defaults). */}}
{{- define "ray.gate" -}}
{{- $defaults := dict "RayClusterStatusConditions" true "RayJobDeletionPolicy" true "RayMultiHostIndexing" true "RayServiceIncrementalUpgrade" false "RayCronJob" false "AsyncJobInfoQuery" false -}}
{{- $gates := include "ray.overlay" (list $defaults ((index . 0).operator.featureGates | default dict)) | fromJson -}}
{{- if get $gates (index . 1) }}true{{ end -}}
{{- end -}}
