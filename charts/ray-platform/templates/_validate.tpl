{{/* ray-platform.validate ROOT: what a schema cannot say. */}}
{{- define "ray-platform.validate" -}}
{{- $names := dict -}}
{{- $above := "" -}}
{{- range $kind := list "head" "worker" "batch" -}}
{{- $class := get $.Values.priorityClasses $kind -}}
{{- if $class.name -}}
{{- if hasKey $names $class.name -}}
{{- include "ray.fail" (list (printf "priorityClasses.%s.name" $kind) (printf "%s is the name of %s too" $class.name (get $names $class.name)) "give each a name of its own, or leave one empty") -}}
{{- end -}}
{{- $_ := set $names $class.name $kind -}}
{{- if $above -}}
{{- $more := get (get $.Values.priorityClasses $above) "value" -}}
{{- if ge (int $class.value) (int $more) -}}
{{- include "ray.fail" (list (printf "priorityClasses.%s.value" $kind) (printf "%d is not below that of %s, %d" (int $class.value) $above (int $more)) "order the three: head above worker above batch") -}}
{{- end -}}
{{- end -}}
{{- $above = $kind -}}
{{- end -}}
{{- end -}}
{{- end -}}
