{{/*
RayJobSpec, what it is named after, and what of it the operator would refuse.
*/}}

{{/* ray-job.scaling (list ROOT GROUPS): {NUM_WORKERS, CPUS_PER_WORKER, USE_GPU} of the job, as JSON. */}}
{{- define "ray-job.scaling" -}}
{{- $scaling := (index . 0).Values.job.scaling -}}
{{- $workers := (index . 1).workers | default (list (index . 1).head) -}}
{{- $accelerators := 0 -}}
{{- range $workers }}{{ $accelerators = add $accelerators (mul (int .replicas) (int .numOfHosts) (int .accelerators)) | int }}{{ end -}}
{{- $useGpu := and $scaling.useGpu (gt $accelerators 0) -}}
{{- $number := 0 -}}
{{- $cpus := 0 -}}
{{- range $workers -}}
{{- $each := ternary (int .accelerators) 1 $useGpu -}}
{{- if gt $each 0 -}}
{{- $number = add $number (mul (int .replicas) (int .numOfHosts) $each) | int -}}
{{- $share := max 1 (div (int .numCpus) $each) | int -}}
{{- if or (eq $cpus 0) (lt $share $cpus) }}{{ $cpus = $share }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $cpus = int ($scaling.cpusPerWorker | default $cpus) -}}
{{- $number = int ($scaling.numWorkers | default (max 1 $number)) -}}
{{- /* Does it fit? Autoscaled groups count with their maxReplicas. */}}
{{- $places := 0 -}}
{{- $said := list -}}
{{- range $workers -}}
{{- $here := div (int .numCpus) $cpus | int -}}
{{- if $useGpu }}{{ $here = min $here (int .accelerators) | int }}{{ end -}}
{{- $places = add $places (mul (int .max) (int .numOfHosts) $here) | int -}}
{{- $said = append $said (printf "%s: %d × %d CPUs%s" .name (mul (int .max) (int .numOfHosts)) (int .numCpus) (ternary (printf ", %d accelerators" (int .accelerators)) "" $useGpu)) -}}
{{- end -}}
{{- if lt $places $number -}}
{{- include "ray.fail" (list "job.scaling" (printf "%d workers of %d CPUs each do not fit: there is room for %d (%s)" $number $cpus $places (join "; " $said)) "raise workers.<name>.replicas or size, or lower job.scaling.numWorkers or cpusPerWorker") -}}
{{- end -}}
{{- dict "NUM_WORKERS" (toString $number) "CPUS_PER_WORKER" (toString $cpus) "USE_GPU" (toString $useGpu) | toJson -}}
{{- end -}}

{{/* ray-job.parts ROOT: {global, groups, env, runtimeEnv}, validated, as JSON. */}}
{{- define "ray-job.parts" -}}
{{- $job := .Values.job -}}
{{- $global := include "ray.global" . | fromJson -}}
{{- $existing := get $job.clusterSelector "ray.io/cluster" | default "" -}}
{{- $groups := dict "head" dict "workers" list -}}
{{- $env := dict -}}
{{- $runtimeEnv := $job.runtimeEnv -}}
{{- if not $existing -}}
{{- $groups = include "ray.groups" (list $global .Values) | fromJson -}}
{{- include "ray.validateCluster" (list . $global $groups) -}}
{{- $env = include "ray-job.scaling" (list . $groups) | fromJson -}}
{{- else -}}
{{- range $name, $number := dict "NUM_WORKERS" $job.scaling.numWorkers "CPUS_PER_WORKER" $job.scaling.cpusPerWorker }}{{ if $number }}{{ $_ := set $env $name (toString (int $number)) }}{{ end }}{{ end -}}
{{- $_ := set $env "USE_GPU" (toString $job.scaling.useGpu) -}}
{{- $all := include "ray.env" (list . $global $env) | fromJson -}}
{{- $plain := dict -}}
{{- range $name, $value := omit $all "HOME" "MPLCONFIGDIR" "RAY_USAGE_STATS_ENABLED" -}}
{{- if kindIs "map" $value -}}
{{- if hasKey $.Values.env $name -}}
{{- include "ray.fail" (list (printf "env.%s" $name) "has valueFrom, which a job cannot bring to a cluster that runs already" "put it into the cluster's own env") -}}
{{- end -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $_ := set $plain $name (include "ray.string" $value) -}}
{{- end -}}
{{- end -}}
{{- $runtimeEnv = include "ray.overlay" (list (dict "env_vars" $plain) $job.runtimeEnv) | fromJson -}}
{{- end -}}
{{- include "ray-job.validate" (list . $global $groups $existing) -}}
{{- dict "global" $global "groups" $groups "env" $env "runtimeEnv" $runtimeEnv "existing" $existing | toJson -}}
{{- end -}}

{{/* ray-job.validate (list ROOT GLOBAL GROUPS EXISTING-CLUSTER): rules for the job itself. */}}
{{- define "ray-job.validate" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $job := $values.job -}}
{{- $global := index . 1 -}}
{{- $existing := index . 3 -}}
{{- $mode := $job.submissionMode -}}
{{- /* Of a RayJob's 47 characters a hash takes 9; a scheduled minute takes 13. */}}
{{- include "ray.validateName" (list $root.Release.Name (ternary 34 38 (ne $job.schedule.cron "")) "RayJob") -}}
{{- if eq $mode "SidecarMode" -}}
{{- include "ray.fail" (list "job.submissionMode" "SidecarMode does not work here: KubeRay 1.6 gives the sidecar no security context, so that restricted Pod Security refuses the head, and a job that ends before the cluster is ready stays Initializing for ever" "use K8sJobMode or HTTPMode") -}}
{{- end -}}
{{- if and (not (trim $job.entrypoint)) (ne $mode "InteractiveMode") -}}
{{- include "ray.fail" (list "job.entrypoint" "is empty" "give the command to run") -}}
{{- end -}}
{{- if and (eq $mode "InteractiveMode") (gt (int $job.backoffLimit) 0) -}}
{{- include "ray.fail" (list "job.backoffLimit" "does not go with InteractiveMode: nobody would submit again" "set it to 0") -}}
{{- end -}}
{{- if $job.suspend -}}
{{- if not $job.shutdownAfterJobFinishes -}}
{{- include "ray.fail" (list "job.suspend" "needs shutdownAfterJobFinishes" "set job.shutdownAfterJobFinishes: true") -}}
{{- end -}}
{{- if and $values.queue.name (eq $values.queue.scheduler "kueue") -}}
{{- include "ray.fail" (list "job.suspend" "belongs to Kueue when queue.name is set" "remove one of the two") -}}
{{- end -}}
{{- if $job.schedule.cron -}}
{{- include "ray.fail" (list "job.suspend" "would suspend each run of the schedule" "use job.schedule.suspend to pause the schedule") -}}
{{- end -}}
{{- end -}}
{{- if $existing -}}
{{- if $job.suspend -}}
{{- include "ray.fail" (list "job.suspend" "does not go with job.clusterSelector: the cluster is not the job's" "remove one of the two") -}}
{{- end -}}
{{- if gt (int $job.backoffLimit) 0 -}}
{{- include "ray.fail" (list "job.backoffLimit" "does not go with job.clusterSelector: a retry would need a new cluster" "set it to 0") -}}
{{- end -}}
{{- if $values.queue.name -}}
{{- include "ray.fail" (list "queue.name" "does not go with job.clusterSelector: queues admit clusters" "remove one of the two") -}}
{{- end -}}
{{- end -}}
{{- if $job.deletionRules -}}
{{- if not (include "ray.gate" (list $global "RayJobDeletionPolicy")) -}}
{{- include "ray.fail" (list "job.deletionRules" "needs the operator's feature gate RayJobDeletionPolicy, which is off" "turn it on (global.ray.operator.featureGates), or use shutdownAfterJobFinishes") -}}
{{- end -}}
{{- if $job.shutdownAfterJobFinishes -}}
{{- include "ray.fail" (list "job.deletionRules" "exclude shutdownAfterJobFinishes, which says the same" "set job.shutdownAfterJobFinishes: false and job.ttlSecondsAfterFinished: 0") -}}
{{- end -}}
{{- end -}}
{{- if and (not $job.shutdownAfterJobFinishes) (gt (int $job.ttlSecondsAfterFinished) 0) -}}
{{- include "ray.fail" (list "job.ttlSecondsAfterFinished" "needs shutdownAfterJobFinishes" "set it to 0, or job.shutdownAfterJobFinishes: true") -}}
{{- end -}}
{{- $times := dict -}}
{{- range $index, $rule := $job.deletionRules -}}
{{- $path := printf "job.deletionRules[%d]" $index -}}
{{- $when := $rule.condition -}}
{{- if eq (hasKey $when "jobStatus") (hasKey $when "jobDeploymentStatus") -}}
{{- include "ray.fail" (list (printf "%s.condition" $path) "needs either jobStatus or jobDeploymentStatus" "keep one of the two") -}}
{{- end -}}
{{- if and $existing (has $rule.policy (list "DeleteCluster" "DeleteWorkers")) -}}
{{- include "ray.fail" (list (printf "%s.policy" $path) "would delete a cluster that is not the job's" "use DeleteSelf or DeleteNone with job.clusterSelector") -}}
{{- end -}}
{{- if and $values.autoscaling.enabled (eq $rule.policy "DeleteWorkers") -}}
{{- include "ray.fail" (list (printf "%s.policy" $path) "DeleteWorkers does not go with autoscaling" "use DeleteCluster") -}}
{{- end -}}
{{- if and (eq $rule.policy "DeleteSelf") (not $job.rerunOnUpgrade) (not $job.schedule.cron) -}}
{{- include "ray.fail" (list (printf "%s.policy" $path) "DeleteSelf removes the RayJob, and the next helm upgrade would make it, and run it, again" "use DeleteCluster, or set job.rerunOnUpgrade: true if that is wanted") -}}
{{- end -}}
{{- $status := printf "%s%s" ($when.jobStatus | default "") ($when.jobDeploymentStatus | default "") -}}
{{- $key := printf "%s %s" $status $rule.policy -}}
{{- if hasKey $times $key -}}
{{- include "ray.fail" (list $path (printf "a second rule for %s when %s" $rule.policy $status) "keep one of the two") -}}
{{- end -}}
{{- $_ := set $times $key (int ($when.ttlSeconds | default 0)) -}}
{{- end -}}
{{- range $status := list "SUCCEEDED" "FAILED" "Failed" -}}
{{- $before := 0 -}}
{{- range $policy := list "DeleteWorkers" "DeleteCluster" "DeleteSelf" -}}
{{- $key := printf "%s %s" $status $policy -}}
{{- if hasKey $times $key -}}
{{- if lt (get $times $key) $before -}}
{{- include "ray.fail" (list "job.deletionRules" (printf "%s when %s comes before what it contains" $policy $status) "let ttlSeconds grow from DeleteWorkers over DeleteCluster to DeleteSelf") -}}
{{- end -}}
{{- $before = get $times $key -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $scheduler := $global.operator.batchScheduler -}}
{{- if and (eq $scheduler "kai-scheduler") (eq $mode "K8sJobMode") -}}
{{- include "ray.fail" (list "job.submissionMode" "an operator that works with KAI takes no jobs of mode K8sJobMode: KAI would wait for the submitter, which waits for the cluster" "use HTTPMode") -}}
{{- end -}}
{{- if eq $scheduler "scheduler-plugins" -}}
{{- include "ray.fail" (list "global.ray.operator.batchScheduler" "an operator that works with scheduler-plugins takes no RayJobs" "use another scheduler, or ray-cluster") -}}
{{- end -}}
{{- if and (eq $scheduler "volcano") $existing -}}
{{- include "ray.fail" (list "job.clusterSelector" "an operator that works with Volcano takes no jobs for a cluster that runs already" "submit to it with `ray job submit`, or let the job make its cluster") -}}
{{- end -}}
{{- if $values.queue.name -}}
{{- if and (eq $values.queue.scheduler "kueue") (not $job.shutdownAfterJobFinishes) -}}
{{- include "ray.fail" (list "job.shutdownAfterJobFinishes" "must be true in a queue: Kueue wants its quota back" "set it to true") -}}
{{- end -}}
{{- include "ray.validateQueue" (list $global $values (index . 2) (ternary 1 0 (eq $mode "K8sJobMode"))) -}}
{{- end -}}
{{- if $job.schedule.cron -}}
{{- if contains "TZ=" $job.schedule.cron -}}
{{- include "ray.fail" (list "job.schedule.cron" "names a time zone" "use job.schedule.timeZone") -}}
{{- end -}}
{{- include "ray.validateCron" (list "job.schedule.cron" $job.schedule.cron) -}}
{{- if $job.rerunOnUpgrade -}}
{{- include "ray.fail" (list "job.rerunOnUpgrade" "does not go with job.schedule: the schedule says when to run" "remove one of the two") -}}
{{- end -}}
{{- if eq $mode "InteractiveMode" -}}
{{- include "ray.fail" (list "job.schedule.cron" "does not go with InteractiveMode" "use K8sJobMode or HTTPMode") -}}
{{- end -}}
{{- if and (eq $job.schedule.controller "kubernetes") $values.networkPolicy.enabled (eq $global.network.egress "restricted") (not $global.network.apiServer.cidrs) -}}
{{- include "ray.fail" (list "global.ray.network.apiServer.cidrs" "is empty: with restricted egress the schedule could not reach the API server" "give its addresses (kubectl get endpointslices kubernetes)") -}}
{{- end -}}
{{- if eq $job.schedule.controller "kuberay" -}}
{{- if not (include "ray.gate" (list $global "RayCronJob")) -}}
{{- include "ray.fail" (list "job.schedule.controller" "kuberay needs the operator's feature gate RayCronJob, which is off" "turn it on (global.ray.operator.featureGates), or use kubernetes") -}}
{{- end -}}
{{- if $values.queue.name -}}
{{- include "ray.fail" (list "queue.name" "a RayCronJob passes no labels on to its jobs" "use job.schedule.controller: kubernetes") -}}
{{- end -}}
{{- if $job.schedule.timeZone -}}
{{- include "ray.fail" (list "job.schedule.timeZone" "a RayCronJob of KubeRay 1.6 knows none" "use job.schedule.controller: kubernetes") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* ray-job.name (list ROOT PARTS): release and a hash of what runs: image, command, environment, shape. The operator
disregards changes of a RayJob, so what runs differently is another RayJob; what only looks different (probes,
labels, a new version of this chart) does not run again. */}}
{{- define "ray-job.name" -}}
{{- $root := index . 0 -}}
{{- $parts := index . 1 -}}
{{- $values := $root.Values -}}
{{- $runs := dict "entrypoint" $values.job.entrypoint "runtimeEnv" $parts.runtimeEnv "env" $parts.env "own" $values.env "existing" $parts.existing "mode" $values.job.submissionMode -}}
{{- if not $parts.existing -}}
{{- $shape := list -}}
{{- range prepend $parts.groups.workers $parts.groups.head -}}
{{- $shape = append $shape (pick . "name" "image" "resources" "rayStartParams" "rayResources" "rayLabels" "replicas" "min" "max" "numOfHosts") -}}
{{- end -}}
{{- $_ := set $runs "shape" $shape -}}
{{- $_ := set $runs "ray" (toString $values.rayVersion) -}}
{{- $_ := set $runs "storage" (include "ray.storage" (list $root $parts.global) | fromJson) -}}
{{- end -}}
{{- if $values.job.rerunOnUpgrade }}{{ $_ := set $runs "revision" $root.Release.Revision }}{{ end -}}
{{- printf "%s-%s" $root.Release.Name (toJson $runs | sha256sum | trunc 8) -}}
{{- end -}}

{{/* ray-job.submission (list ROOT PARTS): request to Ray's job API, as JSON. */}}
{{- define "ray-job.submission" -}}
{{- $job := (index . 0).Values.job -}}
{{- $request := dict "entrypoint" (trim $job.entrypoint) -}}
{{- with (index . 1).runtimeEnv }}{{ $_ := set $request "runtime_env" . }}{{ end -}}
{{- with $job.metadata }}{{ $_ := set $request "metadata" . }}{{ end -}}
{{- toJson $request -}}
{{- end -}}

{{/* ray-job.spec (list ROOT PARTS): RayJobSpec. */}}
{{- define "ray-job.spec" -}}
{{- $root := index . 0 -}}
{{- $parts := index . 1 -}}
{{- $values := $root.Values -}}
{{- $job := $values.job -}}
{{- $global := $parts.global -}}
submissionMode: {{ $job.submissionMode }}
{{- with trim $job.entrypoint }}
entrypoint: {{ . | quote }}
{{- end }}
{{- with $parts.runtimeEnv }}
runtimeEnvYAML: {{ toYaml . | quote }}
{{- end }}
{{- with $job.metadata }}
metadata:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $job.preRunningDeadlineSeconds }}
preRunningDeadlineSeconds: {{ int . }}
{{- end }}
{{- with $job.activeDeadlineSeconds }}
activeDeadlineSeconds: {{ int . }}
{{- end }}
backoffLimit: {{ int $job.backoffLimit }}
ttlSecondsAfterFinished: {{ int $job.ttlSecondsAfterFinished }}
{{- if $job.shutdownAfterJobFinishes }}
shutdownAfterJobFinishes: true
{{- end }}
{{- with $job.deletionRules }}
deletionStrategy:
  deletionRules:
    {{- range . }}
    - policy: {{ .policy }}
      condition:
        {{- with .condition.jobStatus }}
        jobStatus: {{ . }}
        {{- end }}
        {{- with .condition.jobDeploymentStatus }}
        jobDeploymentStatus: {{ . }}
        {{- end }}
        ttlSeconds: {{ int (.condition.ttlSeconds | default 0) }}
    {{- end }}
{{- end }}
{{- if $job.suspend }}
suspend: true
{{- end }}
{{- if eq $job.submissionMode "K8sJobMode" }}
submitterConfig:
  backoffLimit: {{ int $job.submitter.backoffLimit }}
submitterPodTemplate:
  metadata:
    labels:
      {{- include "ray.podLabels" (list $root "submitter") | nindent 6 }}
  spec:
    automountServiceAccountToken: false
    containers:
      - name: ray-job-submitter
        command:
          - python
          - -c
          - |
            {{- $root.Files.Get "files/submit.py" | nindent 12 }}
        env:
          - name: HOME
            value: /tmp
          - name: RAYWORKS_SUBMISSION
            value: {{ include "ray-job.submission" (list $root $parts) | replace "$(" "$$(" | quote }}
        image: {{ include "ray.image" (list $global "ray" $values.image "job.submitter") | quote }}
        imagePullPolicy: {{ $values.image.pullPolicy | default $global.images.pullPolicy }}
        resources:
          {{- include "ray.resources" (list "job.submitter.resources" $job.submitter.resources) | fromJson | toYaml | nindent 10 }}
        securityContext:
          {{- include "ray.securityContext" $root | nindent 10 }}
    {{- include "ray.scriptPod" (list $root $global) | nindent 4 }}
{{- end }}
{{- if $parts.existing }}
clusterSelector:
  ray.io/cluster: {{ $parts.existing | quote }}
{{- else }}
rayClusterSpec:
  {{- include "ray.clusterSpec" (list $root $global $parts.groups $parts.env dict) | nindent 2 }}
{{- end }}
{{- end -}}
