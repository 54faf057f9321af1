{{/*
A small Redis of the release's own, to try fault tolerance out. It has no password, so nobody but the cluster's own
pods may reach it, and no volume: what it holds is worth nothing without the cluster.
*/}}

{{/* ray.ownRedis (list ROOT GLOBAL). */}}
{{- define "ray.ownRedis" -}}
{{- $root := index . 0 -}}
{{- $global := index . 1 -}}
{{- $fault := $root.Values.gcsFaultTolerance -}}
{{- if and $fault.enabled $fault.redis.create }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $root.Release.Name }}-redis
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
spec:
  replicas: 1
  # Two at once would each have a half of the state.
  strategy:
    type: Recreate
  selector:
    matchLabels:
      {{- include "ray.podLabels" (list $root "redis") | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "ray.podLabels" (list $root "redis") | nindent 8 }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext:
        {{- include "ray.podSecurityContext" $root | nindent 8 }}
      {{- with $global.images.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . | quote }}
        {{- end }}
      {{- end }}
      containers:
        - name: redis
          image: {{ include "ray.image" (list $global "redis" dict "gcsFaultTolerance.redis.create") | quote }}
          imagePullPolicy: {{ $global.images.pullPolicy }}
          command: [redis-server, --save, "", --appendonly, "no", --protected-mode, "no", --dir, /tmp]
          ports:
            - {name: redis, containerPort: 6379, protocol: TCP}
          readinessProbe:
            tcpSocket: {port: redis}
            periodSeconds: 1
          resources:
            requests: {cpu: 50m, memory: 64Mi}
            limits: {memory: 256Mi}
          securityContext:
            {{- include "ray.securityContext" $root | nindent 12 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $root.Release.Name }}-redis
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
spec:
  type: ClusterIP
  selector:
    {{- include "ray.podLabels" (list $root "redis") | nindent 4 }}
  ports:
    - {name: redis, port: 6379, targetPort: redis, protocol: TCP}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $root.Release.Name }}-redis
  labels:
    {{- include "ray.labels" $root | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "ray.podLabels" (list $root "redis") | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector:
            {{- include "ray.ownPods" $root | nindent 12 }}
      ports:
        - {protocol: TCP, port: 6379}
{{- end }}
{{- end -}}
