{{/*
What there is already in the cluster: an upgrade that the API server would refuse, and a claim that would stay Pending
for ever, is refused before anything is applied. Without a cluster (helm template) there is nothing to compare with.
*/}}

{{- define "ray-storage.cluster" -}}
{{- if .Values.liveChecks }}{{ if lookup "v1" "Namespace" "" "kube-system" }}true{{ end }}{{ end -}}
{{- end -}}

{{/* ray-storage.liveClass NAME: the class of that name, empty for the default one, as JSON; {} where there is none. */}}
{{- define "ray-storage.liveClass" -}}
{{- $found := dict -}}
{{- if . -}}
{{- $found = lookup "storage.k8s.io/v1" "StorageClass" "" . -}}
{{- else -}}
{{- range (lookup "storage.k8s.io/v1" "StorageClass" "" "").items -}}
{{- if eq (dig "metadata" "annotations" "storageclass.kubernetes.io/is-default-class" "" .) "true" }}{{ $found = . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* ray-storage.checkClass (list ROOT CLASS). */}}
{{- define "ray-storage.checkClass" -}}
{{- $class := index . 1 -}}
{{- if include "ray-storage.cluster" (index . 0) -}}
{{- with lookup "storage.k8s.io/v1" "StorageClass" "" $class.name -}}
{{- $live := . -}}
{{- range $key := list "provisioner" "parameters" "reclaimPolicy" "volumeBindingMode" -}}
{{- $was := get $live $key | default dict -}}
{{- $is := get $class $key -}}
{{- if ne (toJson $was) (toJson $is) -}}
{{- include "ray.fail" (list (printf "classes.%s" $class.name) (printf "changes %s of a class that is there, from %s to %s; Kubernetes lets nobody do that" $key (toJson $was) (toJson $is)) (printf "give the class another name, or make it anew (volumes and claims stay): kubectl delete storageclass %s" $class.name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* ray-storage.checkVolume (list ROOT CLAIM). */}}
{{- define "ray-storage.checkVolume" -}}
{{- $claim := index . 1 -}}
{{- $volume := $claim.volume -}}
{{- $where := printf "%s.volume" $claim.path -}}
{{- if include "ray-storage.cluster" (index . 0) -}}
{{- range $live := (lookup "v1" "PersistentVolume" "" "").items -}}
{{- if eq $live.metadata.name $volume.name -}}
{{- $fresh := printf "let the chart make it anew (the data stays where it is): kubectl delete pv %s, then upgrade again" $volume.name -}}
{{- $was := pick $live.spec "csi" "nfs" -}}
{{- if ne (toJson $was) (toJson $volume.source) -}}
{{- include "ray.fail" (list $where (printf "changes the source of volume %s, which is there, from %s to %s; Kubernetes lets nobody do that" $volume.name (toJson $was) (toJson $volume.source)) (printf "give the claim another name, or stop its pods, and kubectl -n %s delete pvc %s; then %s" $claim.namespace $claim.name $fresh)) -}}
{{- end -}}
{{- if has (dig "status" "phase" "" $live) (list "Released" "Failed") -}}
{{- include "ray.fail" (list $where (printf "is volume %s, which is %s: its claim was deleted, and no other one gets it" $volume.name $live.status.phase) $fresh) -}}
{{- end -}}
{{- else if and $volume.source.csi (eq (dig "spec" "csi" "driver" "" $live) $volume.source.csi.driver) (eq (dig "spec" "csi" "volumeHandle" "" $live) $volume.source.csi.volumeHandle) (eq (dig "spec" "claimRef" "namespace" "" $live) $claim.namespace) -}}
{{- include "ray.fail" (list $where (printf "is volume %s too, in namespace %s: a pod with both would wait for ever" $live.metadata.name $claim.namespace) (printf "mount claim %s, which has it" $live.spec.claimRef.name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* ray-storage.checkClaim (list ROOT CLAIM): the name of the class that the claim has or is to have. The cluster's
default one is named as well: what a later revision names, a rollback to this one could not take away. Empty for it
only where no cluster is at hand. */}}
{{- define "ray-storage.checkClaim" -}}
{{- $root := index . 0 -}}
{{- $claim := index . 1 -}}
{{- $path := $claim.path -}}
{{- $class := $claim.className -}}
{{- if include "ray-storage.cluster" $root -}}
{{- $live := lookup "v1" "PersistentVolumeClaim" $claim.namespace $claim.name -}}
{{- if $live -}}
{{- $fresh := printf "give the claim another name and copy the data, or delete this one first: kubectl -n %s delete pvc %s" $claim.namespace $claim.name -}}
{{- $spec := $live.spec -}}
{{- if and (not $claim.volume) (eq (get $spec "storageClassName" | toString) "") (hasKey $spec "storageClassName") -}}
{{- include "ray.fail" (list (printf "%s.volume" $path) (printf "is taken out, and the claim in namespace %s has volume %s; Kubernetes lets nobody change that" $claim.namespace ($spec.volumeName | default "none yet")) $fresh) -}}
{{- end -}}
{{- if not (or $class $claim.volume) }}{{ $class = $spec.storageClassName | default "" }}{{ end -}}
{{- if ne (toJson $spec.accessModes) (toJson (list $claim.mode)) -}}
{{- include "ray.fail" (list (printf "%s.accessMode" $path) (printf "is %s, and the claim in namespace %s has %s; Kubernetes lets nobody change that" $claim.mode $claim.namespace (join ", " $spec.accessModes)) $fresh) -}}
{{- end -}}
{{- if ne ($spec.storageClassName | default "") $class -}}
{{- include "ray.fail" (list (printf "%s.%s" $path (ternary "volume" "className" (ne (len $claim.volume) 0))) (printf "makes the class %q, and the claim in namespace %s has %q; Kubernetes lets nobody change that" $class $claim.namespace ($spec.storageClassName | default "")) $fresh) -}}
{{- end -}}
{{- if and $claim.volume $spec.volumeName (ne $spec.volumeName $claim.volume.name) -}}
{{- include "ray.fail" (list (printf "%s.volume" $path) (printf "is %s, and the claim in namespace %s has volume %s; Kubernetes lets nobody change that" $claim.volume.name $claim.namespace $spec.volumeName) $fresh) -}}
{{- end -}}
{{- $was := include "ray-storage.gi" (toString $spec.resources.requests.storage) | float64 -}}
{{- $is := include "ray-storage.gi" $claim.size | float64 -}}
{{- $got := include "ray-storage.gi" (dig "status" "capacity" "storage" "0" $live) | float64 -}}
{{- if lt $is $was -}}
{{- /* Less than was asked for is allowed while it is more than there is: an expansion that failed is taken back. */ -}}
{{- if or (eq $got 0.0) (le $is $got) -}}
{{- include "ray.fail" (list (printf "%s.size" $path) (printf "is %s, and the claim in namespace %s has %s; no volume shrinks" $claim.size $claim.namespace $spec.resources.requests.storage) (printf "write %s, or another claim" $spec.resources.requests.storage)) -}}
{{- end -}}
{{- else if gt $is $was -}}
{{- if ne (dig "status" "phase" "" $live) "Bound" -}}
{{- include "ray.fail" (list (printf "%s.size" $path) (printf "grows from %s, and the claim in namespace %s has no volume yet" $spec.resources.requests.storage $claim.namespace) (printf "upgrade again when it is bound, or kubectl -n %s delete pvc %s: there is no data in it" $claim.namespace $claim.name)) -}}
{{- else if $claim.volume -}}
{{- include "ray.fail" (list (printf "%s.size" $path) (printf "grows from %s; Kubernetes only lets claims grow that have a class" $spec.resources.requests.storage) (printf "leave it: the volume is as large as its storage, whatever is written here")) -}}
{{- else -}}
{{- $from := $claim.class | default (include "ray-storage.liveClass" $class | fromJson) -}}
{{- if not $from.allowVolumeExpansion -}}
{{- include "ray.fail" (list (printf "%s.size" $path) (printf "grows from %s, and class %q does not let volumes grow" $spec.resources.requests.storage $class) (printf "leave it, or let it: classes.<name>.allowVolumeExpansion, or kubectl patch storageclass %s -p '{\"allowVolumeExpansion\": true}'" $class)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- if and (ne $claim.namespace $root.Release.Namespace) (not (lookup "v1" "Namespace" "" $claim.namespace)) -}}
{{- include "ray.fail" (list (printf "%s.namespaces" $path) (printf "names %s, which is not there" $claim.namespace) "make the namespace first, or leave it out") -}}
{{- end -}}
{{- if not $claim.volume -}}
{{- with lookup "v1" "PersistentVolume" "" (printf "%s.%s" $claim.namespace $claim.name) -}}
{{- if eq (dig "status" "phase" "" .) "Available" -}}
{{- include "ray.fail" (list (printf "%s.className" $path) (printf "is to make a volume, and %s is there, reserved for this claim: it would get that one" .metadata.name) (printf "kubectl delete pv %s (the data stays where it is), or give it as volume" .metadata.name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not (or $claim.volume $claim.class) -}}
{{- $from := include "ray-storage.liveClass" $class | fromJson -}}
{{- if not $from -}}
{{- include "ray.fail" (list (printf "%s.className" $path) (ternary (printf "is %s, and the cluster has no such class: the claim would stay Pending" $class) "is empty, and the cluster has no default class: the claim would stay Pending" (ne $class "")) "name one of: kubectl get storageclass; or make one in classes") -}}
{{- else if and (ne $claim.mode "ReadWriteOnce") (has $from.provisioner (splitList " " (include "ray-storage.disks" . | fromYaml).drivers)) -}}
{{- include "ray-storage.disk" (list $path $claim.mode $from.metadata.name) -}}
{{- end -}}
{{- $class = $from.metadata.name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $class -}}
{{- end -}}
