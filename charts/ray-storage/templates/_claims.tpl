{{/*
Claims with their volumes, one for each namespace, and the plan: all that the chart makes.
*/}}

{{/* ray-storage.gi QUANTITY: in Gi, as a decimal number, for comparing. */}}
{{- define "ray-storage.gi" -}}
{{- $unit := get (dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624) (regexFind "[A-Za-z]*$" .) -}}
{{- printf "%.9f" (divf (mulf (float64 (regexFind "^[0-9.]+" .)) (float64 $unit)) 1073741824.0) -}}
{{- end -}}

{{/* ray-storage.size (list PATH SIZE CLASS): the size in canonical form, if the class (may be empty) offers it. */}}
{{- define "ray-storage.size" -}}
{{- $path := index . 0 -}}
{{- $size := include "ray.quantity" (list $path (index . 1)) -}}
{{- $class := index . 2 -}}
{{- $fields := $class.fields | default dict -}}
{{- $gi := include "ray-storage.gi" $size | float64 -}}
{{- if eq $gi 0.0 -}}
{{- include "ray.fail" (list $path (printf "%s is no size" $size) "write for example 100Gi") -}}
{{- end -}}
{{- if eq ($class.type | default "") "fsxLustre" -}}
{{- $small := list 1200.0 -}}
{{- $step := 2400.0 -}}
{{- $offered := "1200Gi, or a multiple of 2400Gi" -}}
{{- if eq $fields.deploymentType "SCRATCH_1" -}}
{{- $small = list 1200.0 2400.0 -}}
{{- $step = 3600.0 -}}
{{- $offered = "1200Gi, 2400Gi, or a multiple of 3600Gi" -}}
{{- else if eq ($fields.storageType | default "SSD") "HDD" -}}
{{- $small = list -}}
{{- $step = ternary 6000.0 1800.0 (eq (int $fields.perUnitStorageThroughput) 12) -}}
{{- $offered = printf "a multiple of %.0fGi" $step -}}
{{- end -}}
{{- if not (or (has $gi $small) (eq (mulf (floor (divf $gi $step)) $step) $gi)) -}}
{{- include "ray.fail" (list $path (printf "%s is no size of a %s file system: a larger one would be made, and billed" $size $fields.deploymentType) (printf "write %s" $offered)) -}}
{{- end -}}
{{- else if eq ($class.type | default "") "azureFiles" -}}
{{- $sku := $fields.sku | default (ternary "Premium_LRS" "" (eq $fields.protocol "nfs")) -}}
{{- $least := ternary 32.0 (ternary 100.0 0.0 (hasPrefix "Premium" $sku)) (contains "V2" $sku) -}}
{{- if lt $gi $least -}}
{{- include "ray.fail" (list $path (printf "%s is less than a %s share has: a larger one would be made, and billed" $size $sku) (printf "write %.0fGi or more" $least)) -}}
{{- end -}}
{{- else if and (eq ($class.type | default "") "azureBlob") (gt $gi 102400.0) -}}
{{- include "ray.fail" (list $path (printf "%s is more than the driver gives a container" $size) "write 100Ti or less; a container has no limit of its own") -}}
{{- end -}}
{{- $size -}}
{{- end -}}

{{/* ray-storage.volume (list PATH VOLUME NAMESPACE CLAIM MODE TYPES NAMES): a PersistentVolume, as JSON. */}}
{{- define "ray-storage.volume" -}}
{{- $path := index . 0 -}}
{{- $volume := index . 1 -}}
{{- $namespace := index . 2 -}}
{{- /* No namespace has a dot, so that no two names are alike. */ -}}
{{- $pv := printf "%s.%s" $namespace (index . 3) -}}
{{- $name := include "ray-storage.type" (list $path $volume "volume" (index . 5)) -}}
{{- $type := get (index . 5) $name -}}
{{- $where := printf "%s.%s" $path $name -}}
{{- $fields := include "ray.overlay" (list $type.defaults (get $volume $name)) | fromJson -}}
{{- $attributes := include "ray-storage.settings" (list $where $fields $type "volume" (printf "%s.attributes" $path) ($volume.attributes | default dict)) | fromJson -}}
{{- $options := (include "ray-storage.options" (list $path $type $fields $volume.mountOptions (index . 4) (index . 6)) | fromJson).options -}}
{{- $handle := $pv -}}
{{- $csi := dict "driver" $type.driver -}}
{{- $pod := false -}}
{{- $writable := ne (index . 4) "ReadOnlyMany" -}}
{{- if hasPrefix "azure" $name -}}
{{- $auth := include "ray-storage.azureAuth" (list $where $name $fields) | fromJson -}}
{{- $pod = $auth.pod -}}
{{- range $key, $value := $auth.settings -}}
{{- if hasKey $attributes $key -}}
{{- include "ray.fail" (list (printf "%s.attributes.%s" $path $key) (printf "is what %s.auth says" $where) "leave one of the two out") -}}
{{- end -}}
{{- $_ := set $attributes $key $value -}}
{{- end -}}
{{- with $fields.secretName -}}
{{- $_ := set $csi "nodeStageSecretRef" (dict "name" . "namespace" ($fields.secretNamespace | default $namespace)) -}}
{{- end -}}
{{- $handle = printf "%s_%s_%s" $fields.account ($fields.container | default $fields.share) $pv -}}
{{- else if eq $name "fsxLustre" -}}
{{- $handle = $fields.fileSystemId -}}
{{- if not (hasPrefix (printf "%s." $handle) $fields.dnsName) -}}
{{- include "ray.fail" (list (printf "%s.dnsName" $where) (printf "%s is not of %s" $fields.dnsName $handle) (printf "write %s.fsx.<region>.amazonaws.com" $handle)) -}}
{{- end -}}
{{- else if eq $name "efs" -}}
{{- if and $fields.accessPointId (eq ($attributes.encryptInTransit | default "true") "false") -}}
{{- include "ray.fail" (list (printf "%s.encryptInTransit" $where) "is false, and an access point is mounted by TLS only" "leave one of the two out") -}}
{{- end -}}
{{- $handle = printf "%s:%s:%s" $fields.fileSystemId ($fields.path | default "") ($fields.accessPointId | default "") | trimSuffix ":" | trimSuffix ":" -}}
{{- else if eq $name "s3" -}}
{{- if or (contains ".." $fields.bucket) (regexMatch "^[0-9.]+$" $fields.bucket) -}}
{{- include "ray.fail" (list (printf "%s.bucket" $where) (printf "%q cannot be a bucket's name" $fields.bucket) "write the name as in S3: no two dots in a row, no address") -}}
{{- end -}}
{{- with $fields.region }}{{ $options = append $options (printf "region=%s" .) }}{{ end -}}
{{- with $fields.prefix }}{{ $options = append $options (printf "prefix=%s" .) }}{{ end -}}
{{- if $fields.allowDelete }}{{ $options = append $options "allow-delete" }}{{ end -}}
{{- if $fields.allowOverwrite }}{{ $options = append $options "allow-overwrite" }}{{ end -}}
{{- if and (not $writable) (or $fields.allowDelete $fields.allowOverwrite) -}}
{{- include "ray.fail" (list (printf "%s.%s" $where (ternary "allowDelete" "allowOverwrite" (eq (toString $fields.allowDelete) "true"))) "does not go with accessMode ReadOnlyMany" "leave one of the two out") -}}
{{- end -}}
{{- if eq ($fields.identity | default "driver") "pod" -}}
{{- $pod = true -}}
{{- $_ := set $attributes "authenticationSource" "pod" -}}
{{- if and $fields.region (not $attributes.stsRegion) }}{{ $_ := set $attributes "stsRegion" $fields.region }}{{ end -}}
{{- else if $attributes.stsRegion -}}
{{- include "ray.fail" (list (printf "%s.attributes.stsRegion" $path) "is read with identity: pod only" "leave it out, or set identity: pod") -}}
{{- end -}}
{{- $writable = and $writable (eq (toString $fields.allowDelete) "true") -}}
{{- end -}}
{{- $source := dict -}}
{{- if eq $name "nfs" -}}
{{- /* In Kubernetes itself: no driver is needed. */ -}}
{{- $source = dict "nfs" (dict "server" $fields.server "path" $fields.path) -}}
{{- else -}}
{{- $_ := set $csi "volumeHandle" $handle -}}
{{- if $attributes }}{{ $_ := set $csi "volumeAttributes" $attributes }}{{ end -}}
{{- $source = dict "csi" $csi -}}
{{- end -}}
{{- dict
  "name" $pv
  "type" $name
  "mount" (include "ray-storage.mount" (list $type $fields))
  "pod" $pod
  "writable" $writable
  "source" $source
  "mountOptions" $options
| toJson -}}
{{- end -}}

{{/* ray-storage.disk (list PATH MODE CLASS): stop, since the class makes disks. */}}
{{- define "ray-storage.disk" -}}
{{- include "ray.fail" (list (printf "%s.accessMode" (index . 0)) (printf "is %s, and class %s makes disks, which one node at a time can write" (index . 1) (index . 2)) "write ReadWriteOnce, or name a class of shared storage") -}}
{{- end -}}

{{/* ray-storage.plan ROOT: {classes: {...}, claims: [...]}, as JSON. */}}
{{- define "ray-storage.plan" -}}
{{- $global := include "ray.global" . | fromJson -}}
{{- $types := include "ray-storage.types" . | fromYaml -}}
{{- $names := include "ray-storage.optionNames" . | fromYaml -}}
{{- $disks := include "ray-storage.disks" . | fromYaml -}}
{{- $classes := dict -}}
{{- range $name, $class := .Values.classes -}}
{{- if and (kindIs "map" $class) (ne (toString $class.enabled) "false") -}}
{{- $_ := set $classes $name (include "ray-storage.class" (list $name $class $types $names) | fromJson) -}}
{{- end -}}
{{- end -}}
{{- $claims := list -}}
{{- $handles := dict -}}
{{- range $name, $claim := .Values.claims -}}
{{- if and (kindIs "map" $claim) (ne (toString $claim.enabled) "false") -}}
{{- $path := printf "claims.%s" $name -}}
{{- $class := get $classes ($claim.className | default "") | default dict -}}
{{- $mode := $claim.accessMode | default $global.storage.accessMode -}}
{{- if and $claim.className $claim.volume -}}
{{- include "ray.fail" (list (printf "%s.className" $path) "does not go with volume: what is there already is of no class" "leave one of the two out; null takes out what an earlier file has") -}}
{{- end -}}
{{- if and $claim.className (not $class) (hasKey $.Values.classes $claim.className) -}}
{{- include "ray.fail" (list (printf "%s.className" $path) (printf "names %s, which is taken out of classes" $claim.className) "enable the class, or take out the claim too") -}}
{{- end -}}
{{- if and (eq $name $global.storage.claim) (ne $mode $global.storage.accessMode) -}}
{{- include "ray.fail" (list (printf "%s.accessMode" $path) (printf "is %s, and this is the claim of global.ray.storage, whose accessMode is %s: the other charts would place their pods by that" $mode $global.storage.accessMode) "make the two the same") -}}
{{- end -}}
{{- if and (not $claim.volume) (eq $mode "ReadOnlyMany") -}}
{{- include "ray.fail" (list (printf "%s.accessMode" $path) "is ReadOnlyMany, and the volume is to be made: nobody could put anything into it" "write ReadWriteMany, or give a volume") -}}
{{- end -}}
{{- if and (ne $mode "ReadWriteOnce") (not $class) (has ($claim.className | default "none") (splitList " " $disks.classes)) -}}
{{- include "ray-storage.disk" (list $path $mode $claim.className) -}}
{{- end -}}
{{- $size := include "ray-storage.size" (list (printf "%s.size" $path) $claim.size $class) -}}
{{- range $namespace := $claim.namespaces | default (list $.Release.Namespace) -}}
{{- $volume := dict -}}
{{- if $claim.volume -}}
{{- $volume = include "ray-storage.volume" (list (printf "%s.volume" $path) $claim.volume $namespace $name $mode $types $names) | fromJson -}}
{{- with $volume.source.csi -}}
{{- $key := printf "%s %s" $namespace .volumeHandle -}}
{{- if hasKey $handles $key -}}
{{- include "ray.fail" (list (printf "%s.volume" $path) (printf "is the volume of claims.%s too, in namespace %s: a pod with both would wait for ever" (get $handles $key) $namespace) "let the pods mount one claim, or give each a path of its own") -}}
{{- end -}}
{{- $_ := set $handles $key $name -}}
{{- end -}}
{{- end -}}
{{- $type := $class.type | default $volume.type | default "" -}}
{{- if and $type (not (has $mode (get $types $type).modes)) -}}
{{- include "ray.fail" (list (printf "%s.accessMode" $path) (printf "is %s, which %s does not have" $mode (get $types $type).title) (printf "write %s" (join " or " (get $types $type).modes))) -}}
{{- end -}}
{{- $step := "look" -}}
{{- if or (not $claim.volume) $volume.writable -}}
{{- $step = ternary "share" "alone" (eq $mode "ReadWriteMany") -}}
{{- end -}}
{{- $claims = append $claims (dict
  "path" $path
  "name" $name
  "namespace" $namespace
  "size" $size
  "mode" $mode
  "className" ($claim.className | default "")
  "class" $class
  "volume" $volume
  "type" $type
  "mount" ($class.mount | default $volume.mount | default "")
  "keep" (ne (toString $claim.keep) "false")
  "pod" (or $volume.pod $class.pod | default false)
  "step" $step
) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "classes" $classes "claims" $claims | toJson -}}
{{- end -}}
