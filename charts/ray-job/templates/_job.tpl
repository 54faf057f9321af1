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
{{- /* Does it fit? Autoscaled groups count with their maxReplicas, and less what the command takes for itself, on the
      node where it leaves the most. */}}
{{- $command := include "ray-job.entrypointNodes" . | fromJson -}}
{{- $taken := ternary 0 -1 (and (has "head" $command.nodes) (not (empty (index . 1).workers))) -}}
{{- $places := 0 -}}
{{- $said := list -}}
{{- range $workers -}}
{{- $here := div (int .numCpus) $cpus | int -}}
{{- $beside := div (sub (mul (int .numCpus) 1000) (int64 $command.cpu)) (mul $cpus 1000) | int -}}
{{- if $useGpu -}}
{{- $here = min $here (int .accelerators) | int -}}
{{- $beside = min $beside (div (sub (mul (int .accelerators) 1000) (int64 $command.gpu)) 1000) | int -}}
{{- end -}}
{{- if and (has .name $command.nodes) (or (eq $taken -1) (lt (sub $here $beside) $taken)) }}{{ $taken = sub $here $beside | int }}{{ end -}}
{{- $places = add $places (mul (int .max) (int .numOfHosts) $here) | int -}}
{{- $said = append $said (printf "%s: %d × %d CPUs%s" .name (mul (int .max) (int .numOfHosts)) (int .numCpus) (ternary (printf ", %d accelerators" (int .accelerators)) "" $useGpu)) -}}
{{- end -}}
{{- if gt $taken 0 -}}
{{- $places = sub $places $taken | int -}}
{{- $said = append $said "less job.entrypointResources" -}}
{{- end -}}
{{- if lt $places $number -}}
{{- include "ray.fail" (list "job.scaling" (printf "%d workers of %d CPUs each do not fit: there is room for %d (%s)" $number $cpus $places (join "; " $said)) "raise workers.<name>.replicas or size, or lower job.scaling.numWorkers or cpusPerWorker") -}}
{{- end -}}
{{- dict "NUM_WORKERS" (toString $number) "CPUS_PER_WORKER" (toString $cpus) "USE_GPU" (toString $useGpu) | toJson -}}
{{- end -}}

{{/* ray-job.entrypointNodes (list ROOT GROUPS): where there is room for what the command asks for itself, as JSON:
{nodes, cpu, gpu}, names of groups and thousandths. What Ray finds on a node by itself (accelerator_type:A100) is not
looked for. */}}
{{- define "ray-job.entrypointNodes" -}}
{{- $asked := (index . 0).Values.job.entrypointResources -}}
{{- $path := "job.entrypointResources" -}}
{{- $nodes := list -}}
{{- $said := list -}}
{{- range prepend (index . 1).workers (index . 1).head -}}
{{- $params := .rayStartParams -}}
{{- $custom := get $params "resources" | default "{}" | trimAll "'` " | fromJson -}}
{{- $has := merge (dict) .rayResources $custom (dict "CPU" (int .numCpus) "GPU" (get $params "num-gpus" | default 0) "memory" (get $params "memory" | default .memory)) -}}
{{- $fits := or (eq .name "head") (gt (int .max) 0) -}}
{{- $here := list -}}
{{- range $name, $amount := $asked -}}
{{- if not (or (contains ":" $name) (has $name (list "TPU" "neuron_cores"))) -}}
{{- $room := get $has $name | default 0 -}}
{{- if gt (include "ray.milli" (list (printf "%s.%s" $path $name) $amount) | int64) (include "ray.milli" (list $path $room) | int64) }}{{ $fits = false }}{{ end -}}
{{- $here = append $here (printf "%s %s" $name (include "ray.string" $room)) -}}
{{- end -}}
{{- end -}}
{{- if $fits }}{{ $nodes = append $nodes .name }}{{ end -}}
{{- $said = append $said (printf "%s: %s" .name (join ", " $here)) -}}
{{- end -}}
{{- if not $nodes -}}
{{- include "ray.fail" (list $path (printf "%s fits on no node (%s)" (toJson $asked) (join "; " $said)) "ask for less, or choose a larger size for a worker group or the head") -}}
{{- end -}}
{{- $amounts := dict -}}
{{- range list "CPU" "GPU" }}{{ $_ := set $amounts . (include "ray.milli" (list (printf "%s.%s" $path .) (get $asked . | default 0)) | int64) }}{{ end -}}
{{- dict "nodes" $nodes "cpu" $amounts.CPU "gpu" $amounts.GPU | toJson -}}
{{- end -}}

{{/* ray-job.validateEntrypoint JOB: what of it Ray or the operator would not take. */}}
{{- define "ray-job.validateEntrypoint" -}}
{{- if and .entrypointResources (eq .submissionMode "InteractiveMode") -}}
{{- include "ray.fail" (list "job.entrypointResources" "is not read in InteractiveMode: who submits says what the command needs" "remove it") -}}
{{- end -}}
{{- if and (hasKey .entrypointResources "memory") (ne .submissionMode "K8sJobMode") -}}
{{- include "ray.fail" (list "job.entrypointResources.memory" (printf "KubeRay passes no memory on in %s" .submissionMode) "use K8sJobMode, or leave it out") -}}
{{- end -}}
{{- $gpus := include "ray.milli" (list "job.entrypointResources.GPU" (get .entrypointResources "GPU" | default 0)) | int64 -}}
{{- if and (gt $gpus 1000) (mod $gpus 1000) -}}
{{- include "ray.fail" (list "job.entrypointResources.GPU" (printf "%v: beyond one, Ray gives whole accelerators only" .entrypointResources.GPU) "write a whole number") -}}
{{- end -}}
{{- end -}}

{{/* ray-job.entrypoint JOB: what the command asks for itself, in the words of Ray's job API, as JSON. */}}
{{- define "ray-job.entrypoint" -}}
{{- $out := dict -}}
{{- $custom := dict -}}
{{- range $name, $amount := .entrypointResources -}}
{{- $milli := include "ray.milli" (list (printf "job.entrypointResources.%s" $name) $amount) | int64 -}}
{{- if eq $name "CPU" -}}
{{- $_ := set $out "entrypoint_num_cpus" (divf $milli 1000) -}}
{{- else if eq $name "GPU" -}}
{{- $_ := set $out "entrypoint_num_gpus" (divf $milli 1000) -}}
{{- else if eq $name "memory" -}}
{{- $_ := set $out "entrypoint_memory" (div $milli 1000) -}}
{{- else -}}
{{- $_ := set $custom $name (divf $milli 1000) -}}
{{- end -}}
{{- end -}}
{{- if $custom }}{{ $_ := set $out "entrypoint_resources" $custom }}{{ end -}}
{{- toJson $out -}}
{{- end -}}

{{/* ray-job.parts ROOT: {global, groups, env, runtimeEnv}, validated, as JSON. On a cluster that is there, of the groups only
where small pods would run. */}}
{{- define "ray-job.parts" -}}
{{- $job := .Values.job -}}
{{- $global := include "ray.global" . | fromJson -}}
{{- $existing := get $job.clusterSelector "ray.io/cluster" | default "" -}}
{{- $groups := dict "workers" list -}}
{{- $env := dict -}}
{{- $runtimeEnv := $job.runtimeEnv -}}
{{- include "ray-job.validateEntrypoint" $job -}}
{{- if not $existing -}}
{{- $groups = include "ray.groups" (list $global .Values) | fromJson -}}
{{- include "ray.validateCluster" (list . $global $groups) -}}
{{- $env = include "ray-job.scaling" (list . $groups) | fromJson -}}
{{- else -}}
{{- $_ := set $groups "head" (dict "pod" (include "ray.podOptions" (list $global .Values $global.pools.head "head" dict) | fromJson)) -}}
{{- range $name, $number := dict "NUM_WORKERS" $job.scaling.numWorkers "CPUS_PER_WORKER" $job.scaling.cpusPerWorker }}{{ if $number }}{{ $_ := set $env $name (toString (int $number)) }}{{ end }}{{ end -}}
{{- $_ := set $env "USE_GPU" (toString $job.scaling.useGpu) -}}
{{- $all := include "ray.env" (list . $global $env) | fromJson -}}
{{- $plain := dict -}}
{{- range $name, $value := omit $all "HOME" "MPLCONFIGDIR" "RAY_USAGE_STATS_ENABLED" -}}
{{- if kindIs "map" $value -}}
{{- if hasKey $.Values.env $name -}}
{{- include "ray.fail" (list (printf "env.%s" $name) "has valueFrom, which a job cannot bring to a cluster that runs already" "put it into the cluster's own env") -}}
{{- end -}}
{{- else -}}
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
{{- $submitter := $job.submitter -}}
{{- range $key := list "podLabels" "podAnnotations" "nodeSelector" "tolerations" "priorityClassName" "env" -}}
{{- if and (get $submitter $key) (ne $mode "K8sJobMode") -}}
{{- include "ray.fail" (list (printf "job.submitter.%s" $key) (printf "is not read: in %s there is no submitter" $mode) "remove it") -}}
{{- end -}}
{{- end -}}
{{- include "ray.validatePodLabels" (list "job.submitter.podLabels" $submitter.podLabels) -}}
{{- range $name := keys $submitter.env -}}
{{- $at := printf "job.submitter.env.%s" $name -}}
{{- include "ray.validateVariable" (list $at $name) -}}
{{- if has $name (list "RAYWORKS_SUBMISSION" "RAY_DASHBOARD_ADDRESS" "RAY_JOB_SUBMISSION_ID") -}}
{{- include "ray.fail" (list $at "tells the submitter what to submit, and where" "remove it") -}}
{{- end -}}
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
{{- range list "name" "gang" -}}
{{- if get $values.queue . -}}
{{- include "ray.fail" (list (printf "queue.%s" .) "does not go with job.clusterSelector: queues admit clusters" "remove one of the two") -}}
{{- end -}}
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
{{- range list "name" "gang" -}}
{{- if get $values.queue . -}}
{{- include "ray.fail" (list (printf "queue.%s" .) "a RayCronJob passes no labels on to its jobs" "use job.schedule.controller: kubernetes") -}}
{{- end -}}
{{- end -}}
{{- if $job.schedule.timeZone -}}
{{- include "ray.fail" (list "job.schedule.timeZone" "a RayCronJob of KubeRay 1.6 knows none" "use job.schedule.controller: kubernetes") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* ray-job.name (list ROOT PARTS): release and a hash of what runs: image, command, environment, shape, and what else
is in the pods. The operator disregards changes of a RayJob, so what runs differently is another RayJob; what only looks
different (probes, labels, placement, a new version of this chart) does not run again. What is empty is left out, so
that a new value of the chart changes no name. */}}
{{- define "ray-job.name" -}}
{{- $root := index . 0 -}}
{{- $parts := index . 1 -}}
{{- $values := $root.Values -}}
{{- $runs := dict "entrypoint" $values.job.entrypoint "runtimeEnv" $parts.runtimeEnv "env" $parts.env "own" $values.env "existing" $parts.existing "mode" $values.job.submissionMode -}}
{{- with $values.job.entrypointResources }}{{ $_ := set $runs "asks" . }}{{ end -}}
{{- if not $parts.existing -}}
{{- $shape := list -}}
{{- range prepend $parts.groups.workers $parts.groups.head -}}
{{- $group := pick . "name" "image" "resources" "rayStartParams" "rayResources" "rayLabels" "replicas" "min" "max" "numOfHosts" -}}
{{- $inside := merge (pick . "env") (pick .pod "envFrom" "runtimeClassName" "volumes" "initContainers" "sidecars" "override") -}}
{{- range $key, $value := $inside }}{{ if $value }}{{ $_ := set $group $key $value }}{{ end }}{{ end -}}
{{- $shape = append $shape $group -}}
{{- end -}}
{{- $_ := set $runs "shape" $shape -}}
{{- range $key := list "packages" "shmSize" }}{{ with get $values $key }}{{ $_ := set $runs $key . }}{{ end }}{{ end -}}
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
{{- merge $request (include "ray-job.entrypoint" $job | fromJson) | toJson -}}
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
{{- $asked := include "ray-job.entrypoint" $job | fromJson }}
{{- with $asked.entrypoint_num_cpus }}
entrypointNumCpus: {{ include "ray.string" . }}
{{- end }}
{{- with $asked.entrypoint_num_gpus }}
entrypointNumGpus: {{ include "ray.string" . }}
{{- end }}
{{- with $asked.entrypoint_resources }}
entrypointResources: {{ toJson . | quote }}
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
  {{- $submitter := $job.submitter }}
  metadata:
    labels:
      {{- include "ray.podLabels" (list $root "submitter") | nindent 6 }}
      {{- with $submitter.podLabels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with $submitter.podAnnotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    automountServiceAccountToken: false
    containers:
      - name: ray-job-submitter
        command:
          - python
          - -c
          - |
            {{- $root.Files.Get "files/submit.py" | nindent 12 }}
        {{- $env := dict "HOME" "/tmp" "RAYWORKS_SUBMISSION" (include "ray-job.submission" (list $root $parts) | replace "$(" "$$(") }}
        {{- include "ray.envList" (include "ray.overlay" (list $env $submitter.env) | fromJson) | fromJson | toYaml | nindent 8 }}
        image: {{ include "ray.image" (list $global "ray" $values.image "job.submitter") | quote }}
        imagePullPolicy: {{ $values.image.pullPolicy | default $global.images.pullPolicy }}
        resources:
          {{- include "ray.resources" (list "job.submitter.resources" $job.submitter.resources) | fromJson | toYaml | nindent 10 }}
        securityContext:
          {{- include "ray.securityContext" $root | nindent 10 }}
    {{- include "ray.scriptPod" (list $root $global) | nindent 4 }}
    {{- $head := $parts.groups.head.pod }}
    {{- $where := dict "nodeSelector" (include "ray.overlay" (list $head.nodeSelector $submitter.nodeSelector) | fromJson) "tolerations" (concat $head.tolerations $submitter.tolerations | uniq) "priorityClassName" ($submitter.priorityClassName | default $head.priorityClassName) }}
    {{- with include "ray.placement" $where }}{{ . | nindent 4 }}{{ end }}
{{- end }}
{{- if $parts.existing }}
clusterSelector:
  ray.io/cluster: {{ $parts.existing | quote }}
{{- else }}
rayClusterSpec:
  {{- include "ray.clusterSpec" (list $root $global $parts.groups $parts.env dict) | nindent 2 }}
{{- end }}
{{- end -}}
