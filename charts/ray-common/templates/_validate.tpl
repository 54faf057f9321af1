{{/*
What a schema cannot say. The operator accepts a wrong object and reports the fault later: here it does not render.
Rules: KubeRay 1.6.2, controllers/ray/utils/validation.go.
*/}}

{{/* ray.name (list NAME MOST KIND): the custom resource's name must be a DNS-1035 label of at most MOST characters. */}}
{{- define "ray.validateName" -}}
{{- $name := index . 0 -}}
{{- if has $name (list "y" "n" "yes" "no" "on" "off" "true" "false" "null") -}}
{{- include "ray.fail" (list "release name" (printf "%q is no text in YAML" $name) "choose another release name") -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- include "ray.fail" (list "release name" (printf "%q must begin with a letter and hold only small letters, digits and dashes" $name) "choose another release name") -}}
{{- end -}}
{{- if gt (len $name) (int (index . 1)) -}}
{{- include "ray.fail" (list "release name" (printf "%q has %d characters; a %s here may have %d" $name (len $name) (index . 2) (int (index . 1))) "choose a shorter release name") -}}
{{- end -}}
{{- end -}}

{{/* ray.validateVersion (list PATH VERSION): what semverCompare can read. */}}
{{- define "ray.validateVersion" -}}
{{- if not (regexMatch "^(0|[1-9][0-9]{0,8})(\\.(0|[1-9][0-9]{0,8})){1,2}([-+][A-Za-z][0-9A-Za-z]*(\\.[A-Za-z][0-9A-Za-z]*)*)?$" (toString (index . 1))) -}}
{{- include "ray.fail" (list (index . 0) (printf "%q is no version" (toString (index . 1))) "write numbers with dots, for example 2.60.0, and after them nothing but for example -rc1") -}}
{{- end -}}
{{- end -}}

{{/* ray.validateCidrs (list PATH CIDRS): ranges of addresses, which the API server would refuse later. */}}
{{- define "ray.validateCidrs" -}}
{{- $path := index . 0 -}}
{{- $byte := "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])" -}}
{{- $four := printf "%s(\\.%s){3}/([12]?[0-9]|3[0-2])" $byte $byte -}}
{{- $six := "([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,5})?::([0-9a-f]{1,4})?/(12[0-8]|1[01][0-9]|[1-9]?[0-9])" -}}
{{- range $index, $cidr := index . 1 -}}
{{- if not (regexMatch (printf "^(%s|%s)$" $four $six) $cidr) -}}
{{- include "ray.fail" (list (printf "%s[%d]" $path $index) (printf "%q is no range of addresses" $cidr) "write for example 10.0.0.0/8 or 2001:db8::/32") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* ray.validateCron (list PATH EXPRESSION): a schedule as the CronJobs of Kubernetes and KubeRay's take it. */}}
{{- define "ray.validateCron" -}}
{{- $path := index . 0 -}}
{{- $cron := index . 1 -}}
{{- if not (regexMatch "^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$" $cron) -}}
{{- $months := "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec" -}}
{{- $days := "sun|mon|tue|wed|thu|fri|sat" -}}
{{- $names := list "minute" "hour" "day of the month" "month" "day of the week" -}}
{{- $ranges := list "[0-5]?[0-9]" "[01]?[0-9]|2[0-3]" "0?[1-9]|[12][0-9]|3[01]" (printf "0?[1-9]|1[0-2]|%s" $months) (printf "[0-6]|%s" $days) -}}
{{- $fields := regexSplit "\\s+" (trim $cron) -1 -}}
{{- if ne (len $fields) 5 -}}
{{- include "ray.fail" (list $path (printf "%q has %d fields" $cron (len $fields)) "write minute, hour, day of the month, month and day of the week, such as \"0 3 * * mon-fri\", or @daily") -}}
{{- end -}}
{{- range $index, $field := $fields -}}
{{- $one := printf "([*?]|(%s)(-(%s))?)(/[1-9][0-9]*)?" (index $ranges $index) (index $ranges $index) -}}
{{- if not (regexMatch (printf "(?i)^%s(,%s)*$" $one $one) $field) -}}
{{- include "ray.fail" (list $path (printf "%q is no %s" $field (index $names $index)) "write *, a value, a range such as 1-5, a list such as 1,15 or a step such as */10") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* ray.validateCluster (list ROOT GLOBAL GROUPS): everything about a cluster that is not about one group. */}}
{{- define "ray.validateCluster" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $global := index . 1 -}}
{{- $groups := index . 2 -}}
{{- include "ray.validateVersion" (list "rayVersion" $values.rayVersion) -}}
{{- if semverCompare "<2.53.0-0" (toString $values.rayVersion) -}}
{{- include "ray.fail" (list "rayVersion" (printf "Ray %s has neither /api/healthz, which the probes ask, nor token authentication for all of it" (toString $values.rayVersion)) "use Ray 2.53 or later") -}}
{{- end -}}
{{- if and $values.auth.existingSecret (ne $values.auth.mode "token") -}}
{{- include "ray.fail" (list "auth.existingSecret" "is set, but auth.mode is not token" "set auth.mode: token, or remove the Secret's name") -}}
{{- end -}}
{{- range $group := prepend $groups.workers $groups.head -}}
{{- range dig "container" "env" list $group.pod.override }}{{ include "ray.validateVariable" (list (printf "%s.override.container.env" $group.path) .name) }}{{ end -}}
{{- range $name := keys $group.env }}{{ include "ray.validateVariable" (list (printf "%s.env.%s" $group.path $name) $name) }}{{ end -}}
{{- end -}}
{{- range $name := keys ($values.env | default dict) }}{{ include "ray.validateVariable" (list (printf "env.%s" $name) $name) }}{{ end -}}
{{- if $values.gcsFaultTolerance.enabled -}}
{{- $redis := include "ray.redis" (list $values $global $root.Release.Name) | fromJson -}}
{{- $own := $values.gcsFaultTolerance.redis -}}
{{- if and $own.create (or $own.address $own.credentialsSecret $own.caSecret $own.username $own.tls) -}}
{{- include "ray.fail" (list "gcsFaultTolerance.redis.create" "makes a Redis of the release's own, and address, tls, username, credentialsSecret or caSecret describe another" "keep one of the two") -}}
{{- end -}}
{{- if not (or $own.create $own.address) -}}
{{- range list "tls" "username" "credentialsSecret" "caSecret" -}}
{{- if get $own . -}}
{{- include "ray.fail" (list (printf "gcsFaultTolerance.redis.%s" .) "is not read: without an address, all of global.ray.redis is taken" "give the address too, or remove it") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $redis.caSecret (not $redis.tls) -}}
{{- include "ray.fail" (list (ternary "gcsFaultTolerance.redis.caSecret" "global.ray.redis.caSecret" (ne $own.caSecret "")) (printf "is not read: %s is asked without TLS" $redis.address) "set tls: true beside it, or remove it") -}}
{{- end -}}
{{- include "ray.validateReach" (list $root $global "gcsFaultTolerance.redis.address" $redis.address false) -}}
{{- if not $redis.address -}}
{{- include "ray.fail" (list "gcsFaultTolerance.redis.address" "is empty" "give host:port of a Redis that outlives the cluster, here or in global.ray.redis.address; to try it out, gcsFaultTolerance.redis.create: true") -}}
{{- end -}}
{{- if gt (regexFind "[0-9]+$" $redis.address | int) 65535 -}}
{{- include "ray.fail" (list "gcsFaultTolerance.redis.address" (printf "%s: there is no such port" $redis.address) "write host:port, here or in global.ray.redis.address") -}}
{{- end -}}
{{- if $values.serviceAccount.create -}}
{{- include "ray.fail" (list "serviceAccount.create" "the operator's Redis clean-up runs after the release, and its service account with it, is gone" "create the account outside of this release and name it in serviceAccount.name") -}}
{{- end -}}
{{- end -}}
{{- if and $values.serviceAccount.create $values.serviceAccount.name -}}
{{- include "ray.fail" (list "serviceAccount.name" "names an existing account, and serviceAccount.create makes one" "keep one of the two") -}}
{{- end -}}
{{- if and $values.serviceAccount.head (not $values.autoscaling.enabled) -}}
{{- include "ray.fail" (list "serviceAccount.head" "is only used with autoscaling: otherwise the head runs as the workers do" "remove it, or set autoscaling.enabled: true") -}}
{{- end -}}
{{- $storage := include "ray.storage" (list $root $global) | fromJson -}}
{{- if $storage.claim -}}
{{- if or (has $storage.mountPath (list "/" "/tmp" "/dev" "/dev/shm" "/proc" "/sys" "/etc" "/usr" "/var")) (hasPrefix "/tmp/" $storage.mountPath) -}}
{{- include "ray.fail" (list "storage.mountPath" (printf "%s is needed by the system or by Ray" $storage.mountPath) "choose another path, for example /mnt/rayworks") -}}
{{- end -}}
{{- end -}}
{{- if and $values.keepLogs (not $storage.claim) -}}
{{- include "ray.fail" (list "keepLogs" "needs a claim to copy to, and storage.claim is empty" "name a claim (storage.claim or global.ray.storage.claim), or leave it off") -}}
{{- end -}}
{{- if and $values.networkPolicy.enabled $values.autoscaling.enabled (eq $global.network.egress "restricted") (not $global.network.apiServer.cidrs) -}}
{{- include "ray.fail" (list "global.ray.network.apiServer.cidrs" "is empty: with restricted egress the autoscaler could not reach the API server" "give its addresses (kubectl get endpointslices kubernetes)") -}}
{{- end -}}
{{- if and (ne $values.headService.type "ClusterIP") (ne $values.auth.mode "token") -}}
{{- include "ray.fail" (list "headService.type" (printf "%s opens the dashboard, where anybody could run code: auth.mode is %s" $values.headService.type $values.auth.mode) "set auth.mode: token, or use ClusterIP") -}}
{{- end -}}
{{- if and (ne $values.headService.type "ClusterIP") (not $values.networkPolicy.from) -}}
{{- include "ray.fail" (list "networkPolicy.from" (printf "is empty, and headService.type is %s: nobody outside would get in, or with the policy off everybody, also to the GCS" $values.headService.type) "name who may come in: {office: {peers: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [8265]}}") -}}
{{- end -}}
{{- include "ray.validateHeadService" $values.headService -}}
{{- with $values.ingress -}}
{{- if and .enabled (hasKey . "authentication") (not .authentication) -}}
{{- include "ray.fail" (list "ingress.authentication" "is empty: no token guards Serve's port, so the whole world could ask" "say who asks for credentials: ingress-controller (by ingress.annotations), application, or nobody if that is meant") -}}
{{- end -}}
{{- if and .enabled (eq (.authentication | default "") "ingress-controller") (not (or .annotations $global.ingress.annotations $global.ingress.gateway.name)) -}}
{{- include "ray.fail" (list "ingress.annotations" "is empty: by what would the ingress controller ask for credentials?" "give the annotations that your controller knows, here or in global.ray.ingress.annotations") -}}
{{- end -}}
{{- if and .enabled (not (hasKey . "authentication")) (ne $values.auth.mode "token") -}}
{{- include "ray.fail" (list "ingress.enabled" (printf "opens the dashboard, where anybody could run code: auth.mode is %s" $values.auth.mode) "set auth.mode: token, or leave the ingress off") -}}
{{- end -}}
{{- end -}}
{{- if $values.monitoring.podMonitor -}}
{{- if not $global.monitoring.apiGroup -}}
{{- include "ray.fail" (list "monitoring.podMonitor" "is true, and global.ray.monitoring.apiGroup names no API group of PodMonitors" "name it, for example monitoring.coreos.com, or leave podMonitor off") -}}
{{- end -}}
{{- if not $values.monitoring.enabled -}}
{{- include "ray.fail" (list "monitoring.podMonitor" "is true, and monitoring.enabled is false: the network policy would shut Prometheus out" "set monitoring.enabled: true, or leave podMonitor off") -}}
{{- end -}}
{{- end -}}
{{- include "ray.validateLogging" (list $values $global) -}}
{{- $tls := $values.tls -}}
{{- if $tls.enabled -}}
{{- if not (or $tls.caSecret $tls.issuer.name) -}}
{{- include "ray.fail" (list "tls.caSecret" "is empty, and so is tls.issuer.name: nobody would sign the certificates" "name a Secret with tls.crt and tls.key of an authority, or an issuer of cert-manager") -}}
{{- end -}}
{{- if and $tls.caSecret $tls.issuer.name -}}
{{- include "ray.fail" (list "tls.issuer.name" "names an issuer, and tls.caSecret an authority that is there" "keep one of the two") -}}
{{- end -}}
{{- else if or $tls.caSecret $tls.issuer.name -}}
{{- include "ray.fail" (list (ternary "tls.caSecret" "tls.issuer.name" (ne $tls.caSecret "")) "is not read while tls.enabled is false" "set tls.enabled: true, or remove it") -}}
{{- end -}}
{{- range $what := list "profiling" "resourceIsolation" -}}
{{- if and (get (get $values $what) "enabled") (ne $values.podSecurity "privileged") -}}
{{- include "ray.fail" (list (printf "%s.enabled" $what) (printf "a namespace of level %s refuses such pods" $values.podSecurity) "leave it off, or set podSecurity: privileged if the namespace is (label pod-security.kubernetes.io/enforce)") -}}
{{- end -}}
{{- end -}}
{{- $isolation := $values.resourceIsolation -}}
{{- if and (not $isolation.enabled) (or $isolation.cpu $isolation.memory) -}}
{{- include "ray.fail" (list "resourceIsolation.enabled" "is false, and resourceIsolation.cpu or memory is given" "set it to true, or remove them") -}}
{{- end -}}
{{- if and $values.packages (or (hasKey ($values.env | default dict) "PYTHONPATH")) -}}
{{- include "ray.fail" (list "env.PYTHONPATH" "is where packages are found" "remove it, or put the packages into an image") -}}
{{- end -}}
{{- include "ray.validateReach" (list $root $global "global.ray.mlflow.trackingUri" $global.mlflow.trackingUri true) -}}
{{- include "ray.validateReach" (list $root $global (ternary "storage.uri" "global.ray.storage.uri" (ne $values.storage.uri "")) $storage.uri true) -}}
{{- if and $values.packages (not (include "ray.leaves" (list $global $values true))) -}}
{{- include "ray.fail" (list "packages" "cannot be fetched: egress is restricted" "set networkPolicy.https: true, or let the pods reach an index (networkPolicy.to)") -}}
{{- end -}}
{{- range $direction := list "from" "to" -}}
{{- if and (get $values.networkPolicy $direction) (not $values.networkPolicy.enabled) -}}
{{- include "ray.fail" (list (printf "networkPolicy.%s" $direction) "is not read while networkPolicy.enabled is false" "set it to true, or remove the peers") -}}
{{- end -}}
{{- end -}}
{{- if and (ne $global.network.egress "restricted") (or $values.networkPolicy.https $values.networkPolicy.to) -}}
{{- include "ray.fail" (list (printf "networkPolicy.%s" (ternary "https" "to" $values.networkPolicy.https)) "is not read: egress is open in this environment" "remove it, or set global.ray.network.egress: restricted") -}}
{{- end -}}
{{- if $values.queue }}{{ include "ray.validateQueue" (list $global $values $groups 0) }}{{ end -}}
{{- end -}}

{{/* ray.validateHeadService VALUE: what the API server would not take of it, which only the operator's log would tell. */}}
{{- define "ray.validateHeadService" -}}
{{- $type := .type -}}
{{- include "ray.validatePodLabels" (list "headService.labels" .labels) -}}
{{- $taken := dict "6379 TCP" "gcs-server" "8265 TCP" "dashboard" "10001 TCP" "client" "8000 TCP" "serve" "8080 TCP" "metrics" "44217 TCP" "as-metrics" "44227 TCP" "dash-metrics" "9101 TCP" "serve-metrics" -}}
{{- $names := values $taken -}}
{{- range $name, $port := include "ray.overlay" (list dict .ports) | fromJson -}}
{{- $path := printf "headService.ports.%s" $name -}}
{{- if has $name $names -}}
{{- include "ray.fail" (list $path "the name is one of Ray's own ports" "choose another name") -}}
{{- end -}}
{{- $key := printf "%d %s" (int $port.port) ($port.protocol | default "TCP") -}}
{{- if hasKey $taken $key -}}
{{- include "ray.fail" (list (printf "%s.port" $path) (printf "%s is the port %s too" $key (get $taken $key)) "choose another") -}}
{{- end -}}
{{- $_ := set $taken $key $name -}}
{{- if and $port.nodePort (eq $type "ClusterIP") -}}
{{- include "ray.fail" (list (printf "%s.nodePort" $path) "is not read: headService.type is ClusterIP" "remove it, or use another type") -}}
{{- end -}}
{{- end -}}
{{- range $field := keys .spec -}}
{{- $types := list "ClusterIP" "NodePort" "LoadBalancer" -}}
{{- if eq $field "externalTrafficPolicy" -}}
{{- $types = list "NodePort" "LoadBalancer" -}}
{{- else if has $field (list "allocateLoadBalancerNodePorts" "healthCheckNodePort" "loadBalancerClass" "loadBalancerIP" "loadBalancerSourceRanges") -}}
{{- $types = list "LoadBalancer" -}}
{{- end -}}
{{- if not (has $type $types) -}}
{{- include "ray.fail" (list (printf "headService.spec.%s" $field) (printf "is not read: headService.type is %s" $type) (printf "remove it, or use %s" (join " or " $types))) -}}
{{- end -}}
{{- end -}}
{{- include "ray.validateCidrs" (list "headService.spec.loadBalancerSourceRanges" (.spec.loadBalancerSourceRanges | default list)) -}}
{{- end -}}

{{/* ray.leaves (list GLOBAL VALUES HTTPS): "true" where pods are let out of the Kubernetes cluster, if only to port 443
where HTTPS says that this is enough. To where, no template can see. */}}
{{- define "ray.leaves" -}}
{{- $network := (index . 0).network -}}
{{- $policy := (index . 1).networkPolicy -}}
{{- if or (not $policy.enabled) (ne $network.egress "restricted") $network.egressCidrs $policy.to (and (index . 2) $policy.https) }}true{{ end -}}
{{- end -}}

{{/* ray.validateReach (list ROOT GLOBAL PATH URI HTTPS): a way to what lies outside of the Kubernetes cluster. Only http
and redis name a host; the others a bucket, or a file. */}}
{{- define "ray.validateReach" -}}
{{- $root := index . 0 -}}
{{- $global := index . 1 -}}
{{- $uri := index . 3 -}}
{{- $inside := regexMatch "^(file|local|sqlite):" $uri -}}
{{- if regexMatch "^(http|redis)s?:" $uri }}{{ $inside = (include "ray.inCluster" (list $uri $root.Release.Namespace) | fromJson).namespace }}{{ end -}}
{{- $https := and (index . 4) (not (hasPrefix "http://" $uri)) -}}
{{- if and $uri (not $inside) (not (include "ray.leaves" (list $global $root.Values $https))) -}}
{{- include "ray.fail" (list (index . 2) (printf "%s lies outside of the Kubernetes cluster, and restricted egress lets nobody there" $uri) (printf "name it in networkPolicy.to or global.ray.network.egressCidrs%s" (ternary ", or set networkPolicy.https: true" "" $https))) -}}
{{- end -}}
{{- end -}}

{{/* ray.validatePodLabels (list PATH LABELS): labels of pods that are not the user's to set. */}}
{{- define "ray.validatePodLabels" -}}
{{- range $key := keys (index . 1) -}}
{{- if or (hasPrefix "ray.io/" $key) (has $key (list "app.kubernetes.io/name" "app.kubernetes.io/created-by" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/part-of")) -}}
{{- include "ray.fail" (list (index $ 0) (printf "%q is what Services and policies select by" $key) "choose another key") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* ray.validateVariable (list PATH NAME): variables that are not the user's to set. */}}
{{- define "ray.validateVariable" -}}
{{- $path := index . 0 -}}
{{- $name := index . 1 -}}
{{- if has $name (list "RAY_REDIS_ADDRESS" "REDIS_PASSWORD" "REDIS_USERNAME" "RAY_external_storage_namespace") -}}
{{- include "ray.fail" (list $path "is part of GCS fault tolerance" "use gcsFaultTolerance.redis") -}}
{{- else if has $name (list "RAY_AUTH_MODE" "RAY_AUTH_TOKEN" "RAY_AUTH_TOKEN_PATH" "RAY_ENABLE_K8S_TOKEN_AUTH") -}}
{{- include "ray.fail" (list $path "is set by the operator" "use auth.mode and auth.existingSecret") -}}
{{- else if eq $name "RAY_enable_autoscaler_v2" -}}
{{- include "ray.fail" (list $path "is set by the operator" "use autoscaling.version") -}}
{{- else if has $name (list "RAY_USE_TLS" "RAY_TLS_SERVER_CERT" "RAY_TLS_SERVER_KEY" "RAY_TLS_CA_CERT") -}}
{{- include "ray.fail" (list $path "is part of TLS between the nodes" "use tls") -}}
{{- else if has $name (list "RAY_CLUSTER_NAME" "RAY_CLUSTER_NAMESPACE" "RAY_CLOUD_INSTANCE_ID" "RAY_NODE_TYPE_NAME" "RAY_IP" "FQ_RAY_IP" "RAY_PORT" "RAY_ADDRESS" "KUBERAY_GEN_RAY_START_CMD" "RAY_USAGE_STATS_EXTRA_TAGS" "RAY_USAGE_STATS_KUBERAY_IN_USE") -}}
{{- include "ray.fail" (list $path "is set by the operator" "remove it") -}}
{{- end -}}
{{- end -}}

{{/* ray.validateQueue (list GLOBAL VALUES GROUPS EXTRA): what each scheduler takes; EXTRA pod sets beside head and groups. */}}
{{- define "ray.validateQueue" -}}
{{- $global := index . 0 -}}
{{- $values := index . 1 -}}
{{- $groups := index . 2 -}}
{{- $queue := $values.queue -}}
{{- if and $queue.gang (not (has $queue.scheduler (list "yunikorn" "scheduler-plugins"))) -}}
{{- include "ray.fail" (list "queue.gang" (printf "is not read: with %s a cluster begins as a whole by itself" $queue.scheduler) "leave it out") -}}
{{- end -}}
{{- if eq $queue.scheduler "scheduler-plugins" -}}
{{- if $queue.name -}}
{{- include "ray.fail" (list "queue.name" "scheduler-plugins has no queues" "remove it") -}}
{{- end -}}
{{- if not $queue.gang -}}
{{- include "ray.fail" (list "queue.gang" "is false, and with scheduler-plugins there is nothing else to ask for" "set it to true, or leave queue out") -}}
{{- end -}}
{{- if $values.autoscaling.enabled -}}
{{- include "ray.fail" (list "autoscaling.enabled" "the operator tells scheduler-plugins once how many pods there must be, and never again: with fewer of them, none would start" "turn it off, or leave queue out") -}}
{{- end -}}
{{- end -}}
{{- if not (or $queue.name $queue.gang) -}}
{{- if $queue.priorityClass -}}
{{- include "ray.fail" (list "queue.priorityClass" "is a priority in a queue, and queue.name is empty" "name a queue, or remove it") -}}
{{- end -}}
{{- if ne $queue.scheduler "kueue" -}}
{{- include "ray.fail" (list "queue.scheduler" (printf "is %s, and queue.name is empty" $queue.scheduler) "name a queue, or remove it") -}}
{{- end -}}
{{- else if eq $queue.scheduler "kueue" -}}
{{- include "ray.validateVersion" (list "queue.kueueVersion" $queue.kueueVersion) -}}
{{- $most := ternary 7 17 (semverCompare "<0.11.0-0" (toString $queue.kueueVersion)) -}}
{{- $most = sub $most (int (index . 3)) | int -}}
{{- if gt (len $groups.workers) $most -}}
{{- include "ray.fail" (list "workers" (printf "%d groups; Kueue %s admits %d here" (len $groups.workers) (toString $queue.kueueVersion) $most) "make fewer groups, or upgrade Kueue and set queue.kueueVersion") -}}
{{- end -}}
{{- if $values.autoscaling.enabled -}}
{{- include "ray.fail" (list "autoscaling.enabled" "Kueue admits clusters of a fixed size only" "turn it off, or remove queue.name") -}}
{{- end -}}
{{- else -}}
{{- if ne $queue.scheduler $global.operator.batchScheduler -}}
{{- include "ray.fail" (list "queue.scheduler" (printf "is %s, and the operator works with %s" $queue.scheduler ($global.operator.batchScheduler | default "none")) (printf "install the operator with global.ray.operator.batchScheduler: %s, and say so here" $queue.scheduler)) -}}
{{- end -}}
{{- if and $queue.priorityClass (ne $queue.scheduler "volcano") -}}
{{- include "ray.fail" (list "queue.priorityClass" (printf "%s takes none from the custom resource" $queue.scheduler) "use pods.priorityClassName") -}}
{{- end -}}
{{- end -}}
{{- end -}}
