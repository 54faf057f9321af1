{{/*
Small functions. Numbers read back from JSON are floats: print them with ray.string or int64.
*/}}

{{/* ray.fail (list PATH WHAT-IS-WRONG WAY-OUT): stop with the value's path and what to do. */}}
{{- define "ray.fail" -}}
{{- fail (printf "\n\n  %s: %s\n  -> %s\n" (index . 0) (index . 1) (index . 2)) -}}
{{- end -}}

{{/* ray.overlay (list BASE OVER): BASE with OVER on top, as JSON. Maps are merged by key, null removes a key.
Sprig's mergeOverwrite is not used: it ignores false, 0 and "" on top. */}}
{{- define "ray.overlay" -}}
{{- $out := deepCopy (index . 0) -}}
{{- range $key, $value := index . 1 -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $out $key -}}
{{- else if and (kindIs "map" $value) (kindIs "map" (get $out $key)) -}}
{{- $_ := set $out $key (include "ray.overlay" (list (get $out $key) $value) | fromJson) -}}
{{- else -}}
{{- $_ := set $out $key $value -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* ray.string VALUE: a scalar as Kubernetes wants it in a string field; 1000000 stays 1000000. */}}
{{- define "ray.string" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{/* ray.quantity (list PATH VALUE): a quantity in canonical form, as the operator writes it back
(0.5 is 500m, 1024Mi is 1Gi). Otherwise the operator owns the field after its first update and the next
helm upgrade conflicts with it. */}}
{{- define "ray.quantity" -}}
{{- $path := index . 0 -}}
{{- $text := include "ray.string" (index . 1) -}}
{{- if not (regexMatch "^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$" $text) -}}
{{- include "ray.fail" (list $path (printf "%q is not a quantity" $text) "write for example 500m, 2 or 4Gi") -}}
{{- end -}}
{{- $number := regexFind "^[0-9.]+" $text -}}
{{- $unit := regexFind "[A-Za-z]+$" $text -}}
{{- /* Thousandths of it are counted in 64 bits. */}}
{{- $factor := index (dict "m" 0.001 "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0) $unit -}}
{{- if gt (mulf (float64 $number) $factor) 9007199254740992.0 -}}
{{- include "ray.fail" (list $path (printf "%s is more than 8Pi, the most that can be counted" $text) "write less") -}}
{{- end -}}
{{- $units := list "m" "" "k" "M" "G" "T" "P" -}}
{{- $base := 1000 -}}
{{- if hasSuffix "i" $unit -}}
{{- $units = list "" "Ki" "Mi" "Gi" "Ti" "Pi" -}}
{{- $base = 1024 -}}
{{- end -}}
{{- $at := 0 -}}
{{- range $index, $one := $units }}{{ if eq $one $unit }}{{ $at = $index }}{{ end }}{{ end -}}
{{- $float := float64 $number -}}
{{- range until 6 -}}
{{- if and (ne (floor $float) $float) (gt $at 0) -}}
{{- $float = mulf $float (float64 $base) -}}
{{- $at = sub $at 1 | int -}}
{{- end -}}
{{- end -}}
{{- if ne (floor $float) $float -}}
{{- include "ray.fail" (list $path (printf "%q has too many decimals" $text) "use a smaller unit, for example 1536Mi for 1.5Gi") -}}
{{- end -}}
{{- $count := int64 $float -}}
{{- range until 6 -}}
{{- if and (gt $count 0) (eq (mod $count $base) 0) (lt (int $at) (sub (len $units) 1 | int)) -}}
{{- $count = div $count $base -}}
{{- $at = add $at 1 | int -}}
{{- end -}}
{{- end -}}
{{- $count -}}{{- index $units (int $at) -}}
{{- end -}}

{{/* ray.milli (list PATH VALUE): a quantity in thousandths, for comparing. */}}
{{- define "ray.milli" -}}
{{- $text := include "ray.quantity" . -}}
{{- $count := int64 (regexFind "^[0-9]+" $text) -}}
{{- $unit := regexFind "[A-Za-z]+$" $text -}}
{{- if eq $unit "m" -}}
{{- $count -}}
{{- else -}}
{{- $count = mul $count 1000 -}}
{{- $base := ternary 1024 1000 (hasSuffix "i" $unit) -}}
{{- $power := dict "" 0 "k" 1 "M" 2 "G" 3 "T" 4 "P" 5 "Ki" 1 "Mi" 2 "Gi" 3 "Ti" 4 "Pi" 5 -}}
{{- range until (int (get $power $unit)) }}{{ $count = mul $count $base }}{{ end -}}
{{- $count -}}
{{- end -}}
{{- end -}}

{{/* ray.resources (list PATH RESOURCES): requests and limits in canonical form, as JSON. */}}
{{- define "ray.resources" -}}
{{- $path := index . 0 -}}
{{- $out := dict -}}
{{- range $kind, $amounts := index . 1 -}}
{{- $canonical := dict -}}
{{- range $name, $amount := $amounts -}}
{{- $_ := set $canonical $name (include "ray.quantity" (list (printf "%s.%s.%s" $path $kind $name) $amount)) -}}
{{- end -}}
{{- $_ := set $out $kind $canonical -}}
{{- end -}}
{{- $limits := $out.limits | default dict -}}
{{- range $name, $amount := $out.requests -}}
{{- $at := printf "%s.requests.%s" $path $name -}}
{{- $limit := get $limits $name -}}
{{- if and $limit (gt (include "ray.milli" (list $at $amount) | int64) (include "ray.milli" (list $at $limit) | int64)) -}}
{{- include "ray.fail" (list $at (printf "%s is more than the limit, %s" $amount $limit) (printf "raise %s.limits.%s, or lower the request" $path $name)) -}}
{{- end -}}
{{- if and (contains "/" $name) (ne $amount (toString $limit)) -}}
{{- include "ray.fail" (list $at (printf "%s is not the limit, and a device is not shared" $amount) (printf "write the same in %s.limits.%s" $path $name)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $amount := $limits -}}
{{- if and (contains "/" $name) (not (regexMatch "^[0-9]+$" $amount)) -}}
{{- include "ray.fail" (list (printf "%s.limits.%s" $path $name) (printf "%s is no whole number" $amount) "devices are given as a whole") -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* ray.envList MAP: a map of environment variables as Kubernetes' list, sorted by name, in JSON under "env".
A value is a string, number, truth value, or {valueFrom: …}; null leaves the variable out. An empty string is
rendered without a value, as the operator writes it back. */}}
{{- define "ray.envList" -}}
{{- $list := list -}}
{{- range $name, $value := . -}}
{{- if kindIs "invalid" $value -}}
{{- else if kindIs "map" $value -}}
{{- $list = append $list (dict "name" $name "valueFrom" $value.valueFrom) -}}
{{- else if eq (toString $value) "" -}}
{{- $list = append $list (dict "name" $name) -}}
{{- else -}}
{{- $list = append $list (dict "name" $name "value" (include "ray.string" $value)) -}}
{{- end -}}
{{- end -}}
{{- dict "env" $list | toJson -}}
{{- end -}}

{{/* ray.image (list GLOBAL KEY OVERRIDE PATH): reference of one of global.ray.images. */}}
{{- define "ray.image" -}}
{{- $images := (index . 0).images -}}
{{- $key := index . 1 -}}
{{- $override := index . 2 | default dict -}}
{{- $path := index . 3 -}}
{{- $image := get $images $key -}}
{{- if not $image -}}
{{- include "ray.fail" (list (printf "global.ray.images.%s" $key) (printf "is missing, and %s needs it" $path) (printf "give repository and tag, or name another image there; known: %s" (keys (omit $images "registry" "pullPolicy" "pullSecrets") | sortAlpha | join ", "))) -}}
{{- end -}}
{{- $repository := $image.repository -}}
{{- if $images.registry }}{{ $repository = printf "%s/%s" $images.registry $repository }}{{ end -}}
{{- $tag := $image.tag | default "" -}}
{{- $digest := $image.digest | default "" -}}
{{- if $override.repository }}{{ $repository = $override.repository }}{{ end -}}
{{- if or $override.repository $override.tag $override.digest -}}
{{- $tag = $override.tag | default (ternary "" $tag (ne ($override.digest | default "") "")) -}}
{{- $digest = $override.digest | default "" -}}
{{- end -}}
{{- if and (not $tag) (not $digest) -}}
{{- include "ray.fail" (list (printf "global.ray.images.%s" $key) "has neither tag nor digest" "give one of the two: nothing here pulls :latest") -}}
{{- end -}}
{{- if and (eq (toString $tag) "latest") (not $digest) -}}
{{- include "ray.fail" (list (ternary "image.tag" (printf "global.ray.images.%s.tag" $key) (eq (toString $override.tag) "latest")) (printf "is latest, which is another image tomorrow; %s needs it" $path) "give a version, or a digest") -}}
{{- end -}}
{{- $repository -}}{{- if $tag }}:{{ include "ray.string" $tag }}{{ end -}}{{- if $digest }}@{{ $digest }}{{ end -}}
{{- end -}}

{{/* ray.fullname ROOT: name of the objects of a chart that may be a part of ray-platform, where several charts share a
release: the release's, where it holds the chart's name, else both. */}}
{{- define "ray.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- include "ray.validateName" (list $name 63 "name") -}}
{{- if gt (len $name) 50 -}}
{{- include "ray.fail" (list "release name" (printf "%q makes the name %q, which has %d characters; 50 leave room for what is added to it" .Release.Name $name (len $name)) "choose a shorter release name") -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* ray.labels ROOT: labels of an object of this release. Never in a pod template: helm.sh/chart would roll the
pods at every version of the chart. */}}
{{- define "ray.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: rayworks
{{- end -}}

{{/* ray.podLabels (list ROOT COMPONENT): labels that our own selectors use. Not app.kubernetes.io/name: the
operator's head service selects by its own value of it. */}}
{{- define "ray.podLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/part-of: rayworks
{{- end -}}

{{/* Security context of a pod and of a container under the restricted Pod Security Standard. */}}
{{- define "ray.podSecurityContext" -}}
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
runAsGroup: 1000
runAsNonRoot: true
runAsUser: 1000
seccompProfile:
  type: RuntimeDefault
{{- end -}}
{{- define "ray.securityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop:
    - ALL
readOnlyRootFilesystem: true
{{- end -}}

{{/* ray.placement WHERE: where a pod runs, as far as WHERE says it: fields of a pod's spec. For small pods it is what
the head's say, or the pool of heads, or nodes with taints would keep them waiting. */}}
{{- define "ray.placement" -}}
{{- $fields := dict -}}
{{- range $key := list "nodeSelector" "priorityClassName" "tolerations" }}{{ with get $ $key }}{{ $_ := set $fields $key . }}{{ end }}{{ end -}}
{{- with $fields }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* ray.scriptPod (list ROOT GLOBAL): the head of a pod spec that runs one small Python script in the Ray image. */}}
{{- define "ray.scriptPod" -}}
{{- $global := index . 1 -}}
restartPolicy: Never
enableServiceLinks: false
securityContext:
  {{- include "ray.podSecurityContext" . | nindent 2 }}
{{- with $global.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}
