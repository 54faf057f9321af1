{{/*
The configuration of Ray Serve, and what of it and of the service would be refused or would fail later.
*/}}

{{/* ray-service.config (list VALUES GROUPS): Serve's configuration with its lists in place of our maps, as JSON. */}}
{{- define "ray-service.config" -}}
{{- $config := deepCopy (index . 0).serveConfig -}}
{{- $applications := list -}}
{{- $routes := dict -}}
{{- range $name, $application := $config.applications -}}
{{- if not (kindIs "invalid" $application) -}}
{{- $path := printf "serveConfig.applications.%s" $name -}}
{{- if not (regexMatch "^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*[:.][A-Za-z_][A-Za-z0-9_]*$" $application.import_path) -}}
{{- include "ray.fail" (list (printf "%s.import_path" $path) (printf "%q names no object of a module" $application.import_path) "write package.module:application") -}}
{{- end -}}
{{- $route := $application.route_prefix | default "/" -}}
{{- if not (hasPrefix "/" $route) -}}
{{- include "ray.fail" (list (printf "%s.route_prefix" $path) (printf "%q does not begin with a slash" $route) (printf "write /%s" $route)) -}}
{{- end -}}
{{- if and (ne $route "/") (hasSuffix "/" $route) -}}
{{- include "ray.fail" (list (printf "%s.route_prefix" $path) (printf "%q ends with a slash" $route) (printf "write %s" (trimSuffix "/" $route))) -}}
{{- end -}}
{{- if hasKey $routes $route -}}
{{- include "ray.fail" (list (printf "%s.route_prefix" $path) (printf "%s is the route of %s too" $route (get $routes $route)) "give each application a route_prefix of its own") -}}
{{- end -}}
{{- $_ := set $routes $route $name -}}
{{- $deployments := list -}}
{{- range $of, $deployment := $application.deployments -}}
{{- if not (kindIs "invalid" $deployment) -}}
{{- include "ray-service.validateDeployment" (list (printf "%s.deployments.%s" $path $of) $deployment (index $ 1)) -}}
{{- $deployments = append $deployments (set (deepCopy $deployment) "name" $of) -}}
{{- end -}}
{{- end -}}
{{- $entry := set (set (omit $application "deployments") "name" $name) "route_prefix" $route -}}
{{- if $deployments }}{{ $_ := set $entry "deployments" $deployments }}{{ end -}}
{{- $applications = append $applications $entry -}}
{{- end -}}
{{- end -}}
{{- if not $applications -}}
{{- include "ray.fail" (list "serveConfig.applications" "is empty" "name an application: {hello: {import_path: \"package.module:application\"}}") -}}
{{- end -}}
{{- $http := set (set ($config.http_options | default dict) "host" "0.0.0.0") "port" 8000 -}}
{{- set (set $config "http_options" $http) "applications" $applications | toPrettyJson -}}
{{- end -}}

{{/* ray-service.validateDeployment (list PATH DEPLOYMENT GROUPS). */}}
{{- define "ray-service.validateDeployment" -}}
{{- $path := index . 0 -}}
{{- $deployment := index . 1 -}}
{{- $groups := index . 2 -}}
{{- if and (hasKey $deployment "autoscaling_config") (hasKey $deployment "num_replicas") (ne (toString $deployment.num_replicas) "auto") -}}
{{- include "ray.fail" (list (printf "%s.num_replicas" $path) "does not go with autoscaling_config" "keep one of the two, or write num_replicas: auto") -}}
{{- end -}}
{{- if and (kindIs "string" $deployment.num_replicas) (ne $deployment.num_replicas "auto") -}}
{{- include "ray.fail" (list (printf "%s.num_replicas" $path) (printf "%q is neither a number nor auto" $deployment.num_replicas) "write a number, or auto") -}}
{{- end -}}
{{- with $deployment.autoscaling_config -}}
{{- $least := int (dig "min_replicas" 1 .) -}}
{{- $most := int (dig "max_replicas" (ternary 100 1 (eq (toString $deployment.num_replicas) "auto")) .) -}}
{{- $first := int (dig "initial_replicas" $least .) -}}
{{- if gt $least $most -}}
{{- include "ray.fail" (list (printf "%s.autoscaling_config.min_replicas" $path) (printf "%d is more than max_replicas, %d" $least $most) "correct the two") -}}
{{- end -}}
{{- if or (lt $first $least) (gt $first $most) -}}
{{- include "ray.fail" (list (printf "%s.autoscaling_config.initial_replicas" $path) (printf "%d is not between min_replicas %d and max_replicas %d" $first $least $most) "correct the three") -}}
{{- end -}}
{{- end -}}
{{- /* Where the replica's own options are in the code, only Serve knows them. */}}
{{- $options := $deployment.ray_actor_options | default dict -}}
{{- $cpus := float64 ($options.num_cpus | default 0) -}}
{{- $gpus := float64 ($options.num_gpus | default 0) -}}
{{- $fits := false -}}
{{- $said := list -}}
{{- range prepend $groups.workers $groups.head -}}
{{- if and (ge (float64 .numCpus) $cpus) (ge (float64 .accelerators) $gpus) }}{{ $fits = true }}{{ end -}}
{{- $said = append $said (printf "%s: %d CPUs, %d accelerators" .name (int .numCpus) (int .accelerators)) -}}
{{- end -}}
{{- if not $fits -}}
{{- include "ray.fail" (list (printf "%s.ray_actor_options" $path) (printf "a replica of %v CPUs and %v GPUs fits on no node (%s)" $cpus $gpus (join "; " $said)) "choose a larger size for a worker group, or ask for less") -}}
{{- end -}}
{{- end -}}

{{/* ray-service.validate (list ROOT GLOBAL GROUPS): rules for the service itself. */}}
{{- define "ray-service.validate" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- include "ray.validateName" (list $root.Release.Name 47 "RayService") -}}
{{- include "ray.validateCluster" . -}}
{{- $type := $values.headService.type -}}
{{- if ne $type "ClusterIP" -}}
{{- /* The head listens on Serve's port too. */}}
{{- range $name, $rule := include "ray.overlay" (list dict $values.networkPolicy.from) | fromJson -}}
{{- $outside := false -}}
{{- range $rule.peers }}{{ if hasKey . "ipBlock" }}{{ $outside = true }}{{ end }}{{ end -}}
{{- $open := empty $rule.ports -}}
{{- range $rule.ports }}{{ if eq (int .) 8000 }}{{ $open = true }}{{ end }}{{ end -}}
{{- if and $outside $open -}}
{{- include "ray.fail" (list (printf "networkPolicy.from.%s.ports" $name) (printf "lets the outside in to Serve's port 8000, which no token guards: headService.type is %s" $type) "name other ports, for example [8265], and show the endpoint by ingress") -}}
{{- end -}}
{{- end -}}
{{- if eq $values.upgradeStrategy "NewClusterWithIncrementalUpgrade" -}}
{{- include "ray.fail" (list "headService.type" (printf "%s is also what the operator gives to the Services of an incremental upgrade, by which Serve's port is reached without a token" $type) "use ClusterIP, or upgradeStrategy: NewCluster") -}}
{{- end -}}
{{- end -}}
{{- if and $values.haproxy (semverCompare "<2.60.0-0" (toString $values.rayVersion)) -}}
{{- include "ray.fail" (list "haproxy" (printf "Ray %s does not bring HAProxy" (toString $values.rayVersion)) "use Ray 2.60 or later, or leave it off") -}}
{{- end -}}
{{- if eq $values.upgradeStrategy "NewClusterWithIncrementalUpgrade" -}}
{{- if not (include "ray.gate" (list (index . 1) "RayServiceIncrementalUpgrade")) -}}
{{- include "ray.fail" (list "upgradeStrategy" "NewClusterWithIncrementalUpgrade needs the operator's feature gate RayServiceIncrementalUpgrade, which is off" "turn it on (global.ray.operator.featureGates), or use NewCluster") -}}
{{- end -}}
{{- if not $values.autoscaling.enabled -}}
{{- include "ray.fail" (list "autoscaling.enabled" "is off, and an incremental upgrade grows one cluster while the other shrinks" "turn it on, or use upgradeStrategy: NewCluster") -}}
{{- end -}}
{{- if not $values.incrementalUpgrade.gatewayClassName -}}
{{- include "ray.fail" (list "incrementalUpgrade.gatewayClassName" "is empty, and the operator moves the traffic by a Gateway" "name a GatewayClass of the cluster, or use upgradeStrategy: NewCluster") -}}
{{- end -}}
{{- if gt (int $values.incrementalUpgrade.stepSizePercent) (int $values.incrementalUpgrade.maxSurgePercent) -}}
{{- include "ray.fail" (list "incrementalUpgrade.stepSizePercent" (printf "%d is more than maxSurgePercent, %d" (int $values.incrementalUpgrade.stepSizePercent) (int $values.incrementalUpgrade.maxSurgePercent)) "lower it, or raise maxSurgePercent") -}}
{{- end -}}
{{- else if $values.incrementalUpgrade.gatewayClassName -}}
{{- include "ray.fail" (list "incrementalUpgrade.gatewayClassName" (printf "is not read with upgradeStrategy %s" $values.upgradeStrategy) "remove it, or use NewClusterWithIncrementalUpgrade") -}}
{{- end -}}
{{- end -}}

{{/* ray-service.env VALUES: variables of every Ray container as a map, in JSON. A controller that comes back with a new
head stops replicas that serve but have not answered it within 30 s, Ray's default: on a busy node that is short. */}}
{{- define "ray-service.env" -}}
{{- $env := dict "RAY_SERVE_SLOW_STARTUP_WARNING_S" "300" -}}
{{- if .haproxy }}{{ $_ := set $env "RAY_SERVE_ENABLE_HA_PROXY" "1" }}{{ end -}}
{{- $env | toJson -}}
{{- end -}}
