{{/*
The one definition of a Ray cluster: RayClusterSpec for ray-cluster, ray-job and ray-service.
Rendered in the form in which the operator writes it back, so that it owns nothing after its own updates
and a server-side helm upgrade does not conflict: template labels, container resources, scaleStrategy and
canonical quantities always, no empty values.
*/}}

{{/* ray.storage (list ROOT GLOBAL): storage of this release, with `path`: what runs share; each has a folder there. */}}
{{- define "ray.storage" -}}
{{- $root := index . 0 -}}
{{- $own := dict -}}
{{- range $key, $value := $root.Values.storage }}{{ if $value }}{{ $_ := set $own $key $value }}{{ end }}{{ end -}}
{{- $storage := include "ray.overlay" (list (index . 1).storage $own) | fromJson -}}
{{- $path := "" -}}
{{- if $storage.uri -}}
{{- $path = trimSuffix "/" $storage.uri -}}
{{- else if $storage.claim -}}
{{- $path = trimSuffix "/" $storage.mountPath -}}
{{- end -}}
{{- $_ := set $storage "path" $path -}}
{{- toJson $storage -}}
{{- end -}}

{{/* ray.redis (list VALUES GLOBAL RELEASE-NAME): {address, tls, username, credentialsSecret, caSecret, authorities} with
the scheme of TLS in the address; the last is a file of those that Ray trusts: it knows none by itself. */}}
{{- define "ray.redis" -}}
{{- $own := (index . 0).gcsFaultTolerance.redis -}}
{{- $shared := (index . 1).redis -}}
{{- $chosen := ternary $own $shared (ne $own.address "") -}}
{{- if $own.create }}{{ $chosen = dict "address" (printf "%s-redis:6379" (index . 2)) "tls" false "username" "" "credentialsSecret" "" "caSecret" "" }}{{ end -}}
{{- $address := $chosen.address -}}
{{- if and $address (not (contains "://" $address)) -}}
{{- $address = printf "%s://%s" (ternary "rediss" "redis" $chosen.tls) $address -}}
{{- end -}}
{{- $authorities := ternary "/etc/ray/redis/ca.crt" "/etc/ssl/certs/ca-certificates.crt" (ne $chosen.caSecret "") -}}
{{- dict "address" $address "tls" (hasPrefix "rediss://" $address) "username" $chosen.username "credentialsSecret" $chosen.credentialsSecret "caSecret" $chosen.caSecret "authorities" $authorities | toJson -}}
{{- end -}}

{{/* ray.tlsEnv: what makes Ray's processes speak TLS to each other. */}}
{{- define "ray.tlsEnv" -}}
RAY_USE_TLS: "1"
RAY_TLS_SERVER_CERT: /etc/ray/tls/tls.crt
RAY_TLS_SERVER_KEY: /etc/ray/tls/tls.key
RAY_TLS_CA_CERT: /etc/ray/tls/ca.crt
{{- end -}}

{{/* ray.env (list ROOT GLOBAL EXTRA): environment of every Ray container as a map, in JSON. */}}
{{- define "ray.env" -}}
{{- $root := index . 0 -}}
{{- $global := index . 1 -}}
{{- $storage := include "ray.storage" (list $root $global) | fromJson -}}
{{- /* The root file system is read-only: what would write to the home directory writes to /tmp.
      Usage reports to Ray's makers are off until asked for. */}}
{{- $env := dict "HOME" "/tmp" "MPLCONFIGDIR" "/tmp/matplotlib" "RAY_USAGE_STATS_ENABLED" "0" "RUN_NAME" $root.Release.Name -}}
{{- if $storage.path }}{{ $_ := set $env "STORAGE_PATH" $storage.path }}{{ end -}}
{{- if $global.mlflow.trackingUri -}}
{{- $_ := set $env "MLFLOW_TRACKING_URI" $global.mlflow.trackingUri -}}
{{- with $global.mlflow.credentialsSecret -}}
{{- $_ := set $env "MLFLOW_TRACKING_USERNAME" (dict "valueFrom" (dict "secretKeyRef" (dict "name" . "key" "username"))) -}}
{{- $_ := set $env "MLFLOW_TRACKING_PASSWORD" (dict "valueFrom" (dict "secretKeyRef" (dict "name" . "key" "password"))) -}}
{{- end -}}
{{- end -}}
{{- if $root.Values.tls.enabled }}{{ $env = merge $env (include "ray.tlsEnv" . | fromYaml) }}{{ end -}}
{{- if $root.Values.packages }}{{ $_ := set $env "PYTHONPATH" "/packages" }}{{ end -}}
{{- include "ray.overlay" (list (include "ray.overlay" (list $env (index . 2)) | fromJson) ($root.Values.env | default dict)) -}}
{{- end -}}

{{/* ray.probe (list PROBE HANDLER): HANDLER asks, as in a pod. Zero seconds are left out: so does the operator. */}}
{{- define "ray.probe" -}}
{{- $probe := index . 0 -}}
failureThreshold: {{ int $probe.failureThreshold }}
{{ toYaml (index . 1) }}
{{- if gt (int $probe.initialDelaySeconds) 0 }}
initialDelaySeconds: {{ int $probe.initialDelaySeconds }}
{{- end }}
periodSeconds: {{ int $probe.periodSeconds }}
timeoutSeconds: {{ int $probe.timeoutSeconds }}
{{- end -}}

{{/* ray.podTemplate (list ROOT GLOBAL GROUP EXTRA-ENV): with the group's override on top. */}}
{{- define "ray.podTemplate" -}}
{{- $override := (index . 2).pod.override -}}
{{- $template := include "ray.plainPodTemplate" . | fromYaml -}}
{{- $spec := include "ray.overlay" (list $template.spec ($override.pod | default dict)) | fromJson -}}
{{- $container := include "ray.overlay" (list (first $spec.containers) ($override.container | default dict)) | fromJson -}}
{{- $_ := set $spec "containers" (prepend (rest $spec.containers) $container) -}}
{{- set $template "spec" $spec | toYaml -}}
{{- end -}}

{{/* ray.container (list ROOT GLOBAL PATH NAME CONTAINER): an init container or side-car of the user's, in JSON: as
secure as ours unless it says otherwise, with quantities in canonical form. */}}
{{- define "ray.container" -}}
{{- $root := index . 0 -}}
{{- $path := printf "%s.%s" (index . 2) (index . 3) -}}
{{- $base := dict "name" (index . 3) "imagePullPolicy" (index . 1).images.pullPolicy "resources" dict "securityContext" (include "ray.securityContext" $root | fromYaml) -}}
{{- $container := include "ray.overlay" (list $base (index . 4)) | fromJson -}}
{{- $_ := set $container "resources" (include "ray.overlay" (list $container.resources (include "ray.resources" (list (printf "%s.resources" $path) (pick $container.resources "requests" "limits")) | fromJson)) | fromJson) -}}
{{- toJson $container -}}
{{- end -}}

{{- define "ray.plainPodTemplate" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $global := index . 1 -}}
{{- $group := index . 2 -}}
{{- $isHead := eq $group.name "head" -}}
{{- $storage := include "ray.storage" (list $root $global) | fromJson -}}
{{- $pod := $group.pod -}}
{{- $env := include "ray.overlay" (list (include "ray.env" (list $root $global (index . 3)) | fromJson) $group.env) | fromJson -}}
{{- /* On SIGTERM Ray drains its node: Serve starts replicas elsewhere first, Train hears of it. A head takes all of its
      cluster with it, and nothing that it could wait for. */}}
{{- $drain := ternary 0 (max 0 (sub (int $values.terminationGracePeriodSeconds) 5) | int) $isHead -}}
{{- if not (hasKey $env "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S") }}{{ $_ := set $env "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S" (toString $drain) }}{{ end -}}
{{- if and $group.spot (not (hasKey $env "RAY_NODE_MARKET_TYPE")) }}{{ $_ := set $env "RAY_NODE_MARKET_TYPE" "spot" }}{{ end -}}
{{- $redis := dict "tls" false "caSecret" "" -}}
{{- if and $isHead $values.gcsFaultTolerance.enabled }}{{ $redis = include "ray.redis" (list $values $global $root.Release.Name) | fromJson }}{{ end -}}
{{- if and $redis.tls (not (hasKey $env "RAY_REDIS_CA_CERT")) }}{{ $_ := set $env "RAY_REDIS_CA_CERT" $redis.authorities }}{{ end -}}
{{- $autoscaled := and $isHead $values.autoscaling.enabled -}}
{{- /* The node's agent checks the raylet and, on the head, the GCS. A head is ready when it can take jobs; a worker
      when its raylet listens, which is all that tasks need, and a second or two before its agent answers; a worker of
      a service when its Serve proxy takes requests. */}}
{{- $alive := dict "httpGet" (dict "path" "/api/healthz" "port" 52365) -}}
{{- $ready := $alive -}}
{{- if not $isHead -}}
{{- $ready = dict "tcpSocket" (dict "port" (int (get $group.rayStartParams "node-manager-port"))) -}}
{{- if $values.serveConfig }}{{ $ready = dict "httpGet" (dict "path" "/-/healthz" "port" 8000) }}{{ end -}}
{{- end -}}
metadata:
  labels:
    {{- include "ray.podLabels" (list $root (ternary "head" "worker" $isHead)) | nindent 4 }}
    {{- with include "ray.monitorLabel" (list $values.monitoring "podMonitor") }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $pod.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $annotations := dict }}
  {{- /* The cluster's autoscaler would end all of a Ray cluster to save its head's node. */}}
  {{- if $isHead }}{{ $_ := set $annotations "cluster-autoscaler.kubernetes.io/safe-to-evict" "false" }}{{ end }}
  {{- if and $values.monitoring.enabled (not $global.monitoring.apiGroup) }}
  {{- $annotations = merge $annotations (dict "prometheus.io/path" "/metrics" "prometheus.io/port" "8080" "prometheus.io/scrape" "true") }}
  {{- end }}
  {{- with include "ray.overlay" (list $annotations $pod.podAnnotations) | fromJson }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- $affinity := $pod.affinity }}
  {{- if and $storage.claim (eq $storage.accessMode "ReadWriteOnce") (not $isHead) }}
  # The claim can be mounted on one node only: the workers go where the head is.
  {{- $beside := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "ray.podLabels" (list $root "head") | fromYaml)) }}
  {{- $required := append (dig "podAffinity" "requiredDuringSchedulingIgnoredDuringExecution" list $affinity) $beside }}
  {{- $affinity = include "ray.overlay" (list $affinity (dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" $required))) | fromJson }}
  {{- end }}
  {{- with $affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  automountServiceAccountToken: false
  containers:
    - name: {{ ternary "ray-head" "ray-worker" $isHead }}
      image: {{ $group.image | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy | default $global.images.pullPolicy }}
      {{- if not $isHead }}
      # Wait for the GCS in the same container: `ray start` takes some CPU seconds to find out that there is
      # none, and an init container costs the start of one more container. Two seconds for an answer, since
      # nobody answers at the address of a head that has been replaced, for two minutes.
      args:
        - 'until timeout 2 bash -c ": </dev/tcp/$FQ_RAY_IP/$RAY_PORT" 2>/dev/null; do sleep 0.2; done'
      {{- end }}
      {{- include "ray.envList" $env | fromJson | toYaml | nindent 6 }}
      {{- with $pod.envFrom }}
      envFrom:
        {{- range $name, $kind := . }}
        - {{ $kind }}Ref: {name: {{ $name | quote }}}
        {{- end }}
      {{- end }}
      {{- if $values.keepLogs }}
      lifecycle:
        preStop:
          exec:
            command:
              - bash
              - -c
              # The claim, also where STORAGE_PATH is an object store.
              - logs="{{ trimSuffix "/" $storage.mountPath }}/$RUN_NAME/logs/$HOSTNAME"; mkdir -p "$logs" && cp -rL /tmp/ray/session_latest/logs/. "$logs"
      {{- end }}
      livenessProbe:
        {{- include "ray.probe" (list $values.probes.liveness $alive) | nindent 8 }}
      ports:
        {{- if $isHead }}
        - {name: gcs-server, containerPort: 6379, protocol: TCP}
        - {name: dashboard, containerPort: 8265, protocol: TCP}
        - {name: client, containerPort: 10001, protocol: TCP}
        - {name: as-metrics, containerPort: 44217, protocol: TCP}
        - {name: dash-metrics, containerPort: 44227, protocol: TCP}
        {{- end }}
        - {name: serve, containerPort: 8000, protocol: TCP}
        - {name: metrics, containerPort: 8080, protocol: TCP}
        {{- if include "ray.haproxy" $env }}
        - {name: serve-metrics, containerPort: 9101, protocol: TCP}
        {{- end }}
      readinessProbe:
        {{- include "ray.probe" (list $values.probes.readiness $ready) | nindent 8 }}
      resources:
        {{- toYaml $group.resources | nindent 8 }}
      securityContext:
        {{- if $values.profiling.enabled }}
        # py-spy's file capability takes effect only without no_new_privs.
        allowPrivilegeEscalation: true
        capabilities:
          add: [SYS_PTRACE]
          drop: [ALL]
        readOnlyRootFilesystem: true
        {{- else }}
        {{- include "ray.securityContext" $root | nindent 8 }}
        {{- end }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if $storage.claim }}
        - {name: storage, mountPath: {{ $storage.mountPath | quote }}}
        {{- end }}
        {{- if $values.tls.enabled }}
        - {name: ray-tls, mountPath: /etc/ray/tls, readOnly: true}
        {{- end }}
        {{- if $redis.caSecret }}
        - {name: redis-authority, mountPath: /etc/ray/redis, readOnly: true}
        {{- end }}
        {{- if $values.packages }}
        - {name: packages, mountPath: /packages, readOnly: true}
        {{- end }}
        {{- range $name, $volume := $pod.volumes }}
        - name: {{ $name | quote }}
          {{- toYaml (omit $volume "source") | nindent 10 }}
        {{- end }}
    {{- with include "ray.logShipper" (list $root $global) }}
    - {{- . | nindent 6 }}
    {{- end }}
    {{- range $name, $container := $pod.sidecars }}
    -
      {{- include "ray.container" (list $root $global (printf "%s.sidecars" $group.path) $name $container) | fromJson | toYaml | nindent 6 }}
    {{- end }}
  enableServiceLinks: false
  {{- with $global.images.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- if or $values.tls.enabled $values.packages $pod.initContainers }}
  initContainers:
    {{- if $values.tls.enabled }}
    - name: tls
      image: {{ $group.image | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy | default $global.images.pullPolicy }}
      command:
        - python
        - -c
        - |
          {{- include "ray.tlsScript" . | nindent 10 }}
      env:
        - name: POD_IP
          valueFrom: {fieldRef: {apiVersion: v1, fieldPath: status.podIP}}
        - name: CLUSTER
          valueFrom: {fieldRef: {apiVersion: v1, fieldPath: "metadata.labels['ray.io/cluster']"}}
        - name: NAMESPACE
          valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}
      resources:
        requests: {cpu: 50m, memory: 64Mi}
        limits: {memory: 128Mi}
      securityContext:
        {{- include "ray.securityContext" $root | nindent 8 }}
      volumeMounts:
        - {name: ray-authority, mountPath: /authority, readOnly: true}
        - {name: ray-tls, mountPath: /etc/ray/tls}
    {{- end }}
    {{- if $values.packages }}
    - name: packages
      image: {{ $group.image | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy | default $global.images.pullPolicy }}
      command:
        - bash
        - -c
        - |
          set -eu
          if command -v uv >/dev/null; then install="uv pip install"; else install="python -m pip install"; fi
          exec $install --no-cache-dir --target /packages "$@"
        - packages
        {{- range $name, $version := $values.packages }}
        - {{ printf "%s%s" $name $version | quote }}
        {{- end }}
      {{- include "ray.envList" (pick $env "HOME" "HTTP_PROXY" "HTTPS_PROXY" "NO_PROXY" "PIP_INDEX_URL" "UV_DEFAULT_INDEX" "SSL_CERT_FILE") | fromJson | toYaml | nindent 6 }}
      resources:
        requests: {cpu: 100m, memory: 256Mi}
        limits: {memory: 1Gi}
      securityContext:
        {{- include "ray.securityContext" $root | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: packages, mountPath: /packages}
    {{- end }}
    {{- range $name, $container := $pod.initContainers }}
    -
      {{- include "ray.container" (list $root $global (printf "%s.initContainers" $group.path) $name $container) | fromJson | toYaml | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- with $pod.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pod.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with $pod.runtimeClassName }}
  runtimeClassName: {{ . | quote }}
  {{- end }}
  securityContext:
    {{- include "ray.podSecurityContext" $root | nindent 4 }}
  {{- with include "ray.serviceAccountName" (list $root $global $isHead) }}
  serviceAccountName: {{ . | quote }}
  {{- end }}
  terminationGracePeriodSeconds: {{ int $values.terminationGracePeriodSeconds }}
  {{- with $pod.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pod.topologySpread }}
  topologySpreadConstraints:
    {{- range $key, $spread := . }}
    - topologyKey: {{ $key | quote }}
      maxSkew: {{ int ($spread.maxSkew | default 1) }}
      whenUnsatisfiable: {{ $spread.whenUnsatisfiable | default "ScheduleAnyway" }}
      labelSelector:
        matchLabels:
          {{- include "ray.podLabels" (list $root (ternary "head" "worker" $isHead)) | nindent 10 }}
          ray.io/group: {{ ternary "headgroup" $group.name $isHead | quote }}
    {{- end }}
  {{- end }}
  volumes:
    - name: tmp
      emptyDir: {}
    {{- if $values.shmSize }}
    # The operator mounts a volume of this name at /dev/shm, and makes one the size of the memory limit otherwise.
    - name: shared-mem
      emptyDir:
        medium: Memory
        sizeLimit: {{ include "ray.quantity" (list "shmSize" $values.shmSize) }}
    {{- end }}
    {{- if $storage.claim }}
    - name: storage
      persistentVolumeClaim:
        claimName: {{ $storage.claim | quote }}
    {{- end }}
    {{- if $values.tls.enabled }}
    - name: ray-authority
      secret:
        secretName: {{ $values.tls.caSecret | default (printf "%s-authority" $root.Release.Name) | quote }}
        defaultMode: 288
    - name: ray-tls
      emptyDir:
        medium: Memory
        sizeLimit: 1Mi
    {{- end }}
    {{- with $redis.caSecret }}
    - name: redis-authority
      secret:
        secretName: {{ . | quote }}
        defaultMode: 288
        items:
          - {key: ca.crt, path: ca.crt}
    {{- end }}
    {{- if $values.packages }}
    - name: packages
      emptyDir: {}
    {{- end }}
    {{- range $name, $volume := $pod.volumes }}
    - name: {{ $name | quote }}
      {{- toYaml $volume.source | nindent 6 }}
    {{- end }}
    {{- if $autoscaled }}
    # Mounted by the autoscaler container alone: whatever runs in the Ray container cannot speak to the API server.
    - name: autoscaler-token
      projected:
        sources:
          - serviceAccountToken: {expirationSeconds: 3607, path: token}
          - configMap:
              name: kube-root-ca.crt
              items: [{key: ca.crt, path: ca.crt}]
          - downwardAPI:
              items:
                - {path: namespace, fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}
    {{- end }}
{{- end -}}

{{/* ray.serviceAccountName (list ROOT GLOBAL IS-HEAD): empty means the namespace's default account, whose token is
not mounted. An autoscaled head may patch pods, so it never shares an account: without serviceAccount.head the
operator makes one. */}}
{{- define "ray.serviceAccountName" -}}
{{- $root := index . 0 -}}
{{- $account := $root.Values.serviceAccount -}}
{{- if and (index . 2) $root.Values.autoscaling.enabled -}}
{{- $account.head -}}
{{- else if $account.create -}}
{{- include "ray.ownServiceAccountName" $root -}}
{{- else -}}
{{- $account.name | default (index . 1).identity.serviceAccount -}}
{{- end -}}
{{- end -}}

{{/* ray.ownServiceAccountName ROOT: not the cluster's own name, which the operator gives to the account of an
autoscaled head. */}}
{{- define "ray.ownServiceAccountName" -}}
{{- $.Release.Name }}-ray
{{- end -}}

{{/* ray.clusterSpec (list ROOT GLOBAL GROUPS EXTRA-ENV LIVE): RayClusterSpec. LIVE maps a group's name to what the
autoscaler has made of it: {replicas, workersToDelete}. */}}
{{- define "ray.clusterSpec" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $global := index . 1 -}}
{{- $groups := index . 2 -}}
{{- $env := index . 3 -}}
{{- $live := index . 4 -}}
rayVersion: {{ toString $values.rayVersion | quote }}
authOptions:
  mode: {{ $values.auth.mode }}
  {{- with $values.auth.existingSecret }}
  secretName: {{ . | quote }}
  {{- end }}
{{- if $values.autoscaling.enabled }}
enableInTreeAutoscaling: true
autoscalerOptions:
  version: {{ $values.autoscaling.version }}
  upscalingMode: {{ $values.autoscaling.upscalingMode }}
  idleTimeoutSeconds: {{ int $values.autoscaling.idleTimeoutSeconds }}
  imagePullPolicy: {{ $values.image.pullPolicy | default $global.images.pullPolicy }}
  env:
    - {name: HOME, value: /tmp}
    {{- if $values.tls.enabled }}
    {{- (include "ray.envList" (include "ray.tlsEnv" $root | fromYaml) | fromJson).env | toYaml | nindent 4 }}
    {{- end }}
  resources:
    {{- include "ray.resources" (list "autoscaling.resources" $values.autoscaling.resources) | fromJson | toYaml | nindent 4 }}
  securityContext:
    {{- include "ray.securityContext" $root | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: autoscaler-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
    {{- if $values.tls.enabled }}
    - {name: ray-tls, mountPath: /etc/ray/tls, readOnly: true}
    {{- end }}
{{- end }}
{{- if $values.gcsFaultTolerance.enabled }}
{{- $redis := include "ray.redis" (list $values $global $root.Release.Name) | fromJson }}
gcsFaultToleranceOptions:
  redisAddress: {{ $redis.address | quote }}
  {{- with $redis.username }}
  redisUsername:
    value: {{ . | quote }}
  {{- end }}
  {{- with $redis.credentialsSecret }}
  redisPassword:
    valueFrom:
      secretKeyRef:
        name: {{ . | quote }}
        key: password
  {{- end }}
{{- end }}
{{- with $values.headService.annotations }}
headServiceAnnotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
headGroupSpec:
  {{- with include "ray.headService" $values.headService | fromJson }}
  headService:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "ray.groupSpec" $groups.head | nindent 2 }}
  serviceType: {{ $values.headService.type }}
  template:
    {{- include "ray.podTemplate" (list $root $global $groups.head $env) | nindent 4 }}
{{- if $groups.workers }}
workerGroupSpecs:
  {{- range $group := $groups.workers }}
  {{- $now := get $live $group.name | default dict }}
  - groupName: {{ $group.name | quote }}
    {{- if hasKey $group "idleTimeoutSeconds" }}
    idleTimeoutSeconds: {{ int $group.idleTimeoutSeconds }}
    {{- end }}
    maxReplicas: {{ int $group.max }}
    minReplicas: {{ int $group.min }}
    numOfHosts: {{ int $group.numOfHosts }}
    replicas: {{ max (int $group.min) (min (int $group.max) (int (dig "replicas" $group.replicas $now))) }}
    {{- with $now.workersToDelete }}
    scaleStrategy:
      workersToDelete:
        {{- toYaml . | nindent 8 }}
    {{- else }}
    scaleStrategy: {}
    {{- end }}
    {{- include "ray.groupSpec" $group | nindent 4 }}
    template:
      {{- include "ray.podTemplate" (list $root $global $group $env) | nindent 6 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* ray.headService VALUE: what the operator is to make the head's Service of, as JSON, empty for what it makes by itself;
in that, too, workers find the head by its pod's address, and before it is ready. It adds Ray's ports, selector and name. */}}
{{- define "ray.headService" -}}
{{- $service := dict -}}
{{- if or .labels .ports .spec -}}
{{- $spec := .spec -}}
{{- if eq .type "ClusterIP" }}{{ $spec = include "ray.overlay" (list (dict "clusterIP" "None" "publishNotReadyAddresses" true) .spec) | fromJson }}{{ end -}}
{{- $ports := list -}}
{{- range $name, $port := include "ray.overlay" (list dict .ports) | fromJson -}}
{{- $ports = append $ports (merge (dict "name" $name) $port (dict "protocol" "TCP" "targetPort" $port.port)) -}}
{{- end -}}
{{- with $ports }}{{ $spec = set (deepCopy $spec) "ports" . }}{{ end -}}
{{- $service = dict "spec" $spec -}}
{{- with .labels }}{{ $_ := set $service "metadata" (dict "labels" .) }}{{ end -}}
{{- end -}}
{{- toJson $service -}}
{{- end -}}

{{/* ray.groupSpec GROUP: the part that head and workers have in common. */}}
{{- define "ray.groupSpec" -}}
{{- with .rayLabels -}}
labels:
  {{- toYaml . | nindent 2 }}
{{ end -}}
{{- with .rayResources -}}
resources:
  {{- toYaml . | nindent 2 }}
{{ end -}}
rayStartParams:
  {{- toYaml .rayStartParams | nindent 2 }}
{{- end -}}

{{/* ray.crMetadata (list ROOT GLOBAL NAME): labels and annotations of the custom resource of that name. */}}
{{- define "ray.crMetadata" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $annotations := dict -}}
{{- if $values.gcsFaultTolerance.enabled -}}
{{- /* The release's own Redis goes with it: there is nothing to clean up, and nobody to ask. */}}
{{- $_ := set $annotations "ray.io/gcs-ft-deletion-timeout" (ternary "5" (toString (int $values.gcsFaultTolerance.deletionTimeoutSeconds)) $values.gcsFaultTolerance.redis.create) -}}
{{- end -}}
{{- with $values.initializingTimeoutSeconds }}{{ $_ := set $annotations "ray.io/initializing-timeout" (toString (int .)) }}{{ end -}}
labels:
  {{- include "ray.labels" $root | nindent 2 }}
  {{- with include "ray.queueLabels" (list $values (index . 2)) | fromJson }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* ray.queueLabels (list VALUES NAME): what each scheduler looks for on the custom resource of that name, as JSON. */}}
{{- define "ray.queueLabels" -}}
{{- $queue := (index . 0).queue | default dict -}}
{{- $labels := dict -}}
{{- /* Without it, all that runs in the namespace is one application to YuniKorn. */}}
{{- if eq ($queue.scheduler | default "") "yunikorn" }}{{ $_ := set $labels "yunikorn.apache.org/app-id" (index . 1) }}{{ end -}}
{{- if $queue.gang }}{{ $_ := set $labels "ray.io/gang-scheduling-enabled" "true" }}{{ end -}}
{{- if $queue.name -}}
{{- $keys := dict "kueue" "kueue.x-k8s.io/queue-name" "volcano" "volcano.sh/queue-name" "yunikorn" "yunikorn.apache.org/queue" "kai-scheduler" "kai.scheduler/queue" -}}
{{- $_ := set $labels (get $keys $queue.scheduler) $queue.name -}}
{{- end -}}
{{- if $queue.priorityClass -}}
{{- $_ := set $labels (ternary "ray.io/priority-class-name" "kueue.x-k8s.io/priority-class" (eq $queue.scheduler "volcano")) $queue.priorityClass -}}
{{- end -}}
{{- toJson $labels -}}
{{- end -}}

{{/* ray.tokenSecret (list CLUSTER-NAME VALUES): the Secret with the token, key auth_token; the operator's own is
named after the cluster, shortened from the left to 50 characters. */}}
{{- define "ray.tokenSecret" -}}
{{- $values := index . 1 -}}
{{- if $values.auth.existingSecret -}}
{{- $values.auth.existingSecret -}}
{{- else -}}
{{- $short := trunc -50 (index . 0) -}}
{{- if regexMatch "^[0-9-]" $short }}{{ $short = printf "r%s" (substr 1 -1 $short) }}{{ end -}}
{{- $short -}}
{{- end -}}
{{- end -}}
