{{/*
What a schema cannot say. ray-operator.validate (list ROOT GLOBAL).
*/}}
{{- define "ray-operator.validate" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $global := index . 1 -}}
{{- if and (gt (int $values.replicas) 1) (not $values.leaderElection.enabled) -}}
{{- include "ray.fail" (list "leaderElection.enabled" "is off with more than one replica: all would work at once" "turn it on, or set replicas: 1") -}}
{{- end -}}
{{- if ne $root.Release.Namespace $global.operator.namespace -}}
{{- include "ray.fail" (list "global.ray.operator.namespace" (printf "is %q, and this release goes to %q: the network policies of the clusters would shut the operator out" $global.operator.namespace $root.Release.Namespace) (printf "install with --namespace %s, or correct the value everywhere" $global.operator.namespace)) -}}
{{- end -}}
{{- if ne (toString $global.operator.version) $root.Chart.AppVersion -}}
{{- include "ray.fail" (list "global.ray.operator.version" (printf "is %s, and this chart installs KubeRay %s: the other charts would refuse, or allow, what is not so" (toString $global.operator.version) $root.Chart.AppVersion) (printf "set it to %s, or leave it out" $root.Chart.AppVersion)) -}}
{{- end -}}
{{- if $values.monitoring.serviceMonitor -}}
{{- if not $global.monitoring.apiGroup -}}
{{- include "ray.fail" (list "monitoring.serviceMonitor" "is true, and global.ray.monitoring.apiGroup names no API group of ServiceMonitors" "name it, for example monitoring.coreos.com, or leave serviceMonitor off") -}}
{{- end -}}
{{- if not $values.monitoring.enabled -}}
{{- include "ray.fail" (list "monitoring.serviceMonitor" "is true, and monitoring.enabled is false: the network policy would shut Prometheus out" "set monitoring.enabled: true, or leave serviceMonitor off") -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := $values.podLabels -}}
{{- if hasKey (include "ray-operator.selector" $root | fromYaml) $key -}}
{{- include "ray.fail" (list "podLabels" (printf "%q is what Services and policies select by" $key) "choose another key") -}}
{{- end -}}
{{- end -}}
{{- if and $values.antiAffinity $values.affinity.podAntiAffinity -}}
{{- include "ray.fail" (list "affinity.podAntiAffinity" (printf "is given, and antiAffinity is %q, which makes one" $values.antiAffinity) "set antiAffinity: \"\", or leave it out") -}}
{{- end -}}
{{- if and (ne $values.log.file.format "json") (not $values.log.file.claim) -}}
{{- include "ray.fail" (list "log.file.format" (printf "is %q, and there is no file" $values.log.file.format) "name a claim in log.file.claim, or leave it out; the format of the log itself is log.format") -}}
{{- end -}}
{{- range $name := keys $values.rayPods.env }}{{ include "ray.validateVariable" (list (printf "rayPods.env.%s" $name) $name) }}{{ end -}}
{{- range $kind := list "headSidecars" "workerSidecars" -}}
{{- range $name, $container := get $values.rayPods $kind -}}
{{- with $container -}}
{{- $path := printf "rayPods.%s.%s" $kind $name -}}
{{- $image := $container.image | default "" -}}
{{- if has $name (list "autoscaler" "packages" "ray-head" "ray-job-submitter" "ray-worker" "tls" "wait-gcs-ready") -}}
{{- include "ray.fail" (list $path "is the name of one of the pod's own containers" "choose another name") -}}
{{- end -}}
{{- if not (regexMatch "(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$" $image) -}}
{{- include "ray.fail" (list (printf "%s.image" $path) (printf "%q has neither tag nor digest" $image) "give one of the two: nothing here pulls :latest") -}}
{{- else if hasSuffix ":latest" $image -}}
{{- include "ray.fail" (list (printf "%s.image" $path) (printf "%q is another image tomorrow" $image) "name a version or a digest") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
