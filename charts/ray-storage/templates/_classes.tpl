{{/*
Classes, and what they share with volumes: which type, the driver's settings, mount options, who may mount.
*/}}

{{/* ray-storage.type (list PATH BLOCK KIND): which type a class or a volume is of; KIND is class or volume. */}}
{{- define "ray-storage.type" -}}
{{- $path := index . 0 -}}
{{- $block := index . 1 -}}
{{- $kind := index . 2 -}}
{{- $known := list -}}
{{- $given := list -}}
{{- range $name, $type := include "ray-storage.types" . | fromYaml -}}
{{- if hasKey $type $kind }}{{ $known = append $known $name }}{{ end -}}
{{- if kindIs "map" (get $block $name) }}{{ $given = append $given $name }}{{ end -}}
{{- end -}}
{{- if not $given -}}
{{- include "ray.fail" (list $path "names no type of storage" (printf "give one of %s" (join ", " $known))) -}}
{{- else if gt (len $given) 1 -}}
{{- include "ray.fail" (list $path (printf "is %s at once" (join " and " $given)) (printf "keep one; %s: null takes out what an earlier file has" (index $given 0))) -}}
{{- end -}}
{{- index $given 0 -}}
{{- end -}}

{{/* ray-storage.mount (list TYPE FIELDS): how it is mounted. */}}
{{- define "ray-storage.mount" -}}
{{- $mount := (index . 0).mount -}}
{{- if kindIs "map" $mount }}{{ get $mount (index . 1).protocol }}{{ else }}{{ $mount }}{{ end -}}
{{- end -}}

{{/* ray-storage.settings (list PATH FIELDS TYPE KIND FREE-PATH FREE): parameters of a class or attributes of a volume by
the driver's names, as JSON: those of the fields, and the free ones. */}}
{{- define "ray-storage.settings" -}}
{{- $path := index . 0 -}}
{{- $fields := index . 1 -}}
{{- $type := index . 2 -}}
{{- $kind := index . 3 -}}
{{- $table := get $type $kind -}}
{{- $out := dict -}}
{{- $typed := dict -}}
{{- range $field, $name := $table.fields -}}
{{- $_ := set $typed $name $field -}}
{{- $value := get $fields $field -}}
{{- if kindIs "slice" $value -}}
{{- $_ := set $out $name (join "," $value) -}}
{{- else if and (hasKey $fields $field) (not (kindIs "invalid" $value)) -}}
{{- $_ := set $out $name (include "ray.string" $value) -}}
{{- end -}}
{{- end -}}
{{- $rest := splitList " " $table.rest -}}
{{- range $name, $value := index . 5 -}}
{{- $where := printf "%s.%s" (index $ 4) $name -}}
{{- if hasKey $typed $name -}}
{{- include "ray.fail" (list $where "has a field of its own" (printf "write it as %s.%s" $path (get $typed $name))) -}}
{{- else if not (or (has $name $rest) (and (eq $kind "class") (hasPrefix "csi.storage.k8s.io/" $name))) -}}
{{- include "ray.fail" (list $where (printf "is nothing that %s knows" $type.driver) (printf "beside the fields it knows, as they are spelt: %s" ($table.rest | default "nothing" | replace " " ", "))) -}}
{{- end -}}
{{- $_ := set $out $name (include "ray.string" $value) -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/* ray-storage.azureAuth (list PATH NAME FIELDS): who may mount, as JSON: `settings` by the driver's names, and whether
it is the pod's identity. */}}
{{- define "ray-storage.azureAuth" -}}
{{- $path := index . 0 -}}
{{- $blob := eq (index . 1) "azureBlob" -}}
{{- $fields := index . 2 -}}
{{- $settings := dict -}}
{{- $auth := $fields.auth | default "managedIdentity" -}}
{{- if and $fields.subscriptionId (not $fields.resourceGroup) -}}
{{- include "ray.fail" (list (printf "%s.resourceGroup" $path) "is empty, and subscriptionId is given: the driver wants both" "name the account's resource group") -}}
{{- end -}}
{{- if eq $fields.protocol "nfs" -}}
{{- $auth = "" -}}
{{- range $key := list "auth" "clientId" "secretName" "secretNamespace" -}}
{{- if hasKey $fields $key -}}
{{- include "ray.fail" (list (printf "%s.%s" $path $key) "means nothing with protocol nfs, which lets in by network alone" "leave it out, and let the account in from the nodes' subnet only") -}}
{{- end -}}
{{- end -}}
{{- else if eq $auth "key" -}}
{{- if $fields.clientId -}}
{{- include "ray.fail" (list (printf "%s.clientId" $path) "is not read with auth: key" "leave one of the two out") -}}
{{- end -}}
{{- if and $fields.secretNamespace (not $fields.secretName) -}}
{{- include "ray.fail" (list (printf "%s.secretNamespace" $path) "is given without secretName" "name the Secret, or leave it out") -}}
{{- end -}}
{{- else -}}
{{- range $key := list "secretName" "secretNamespace" -}}
{{- if hasKey $fields $key -}}
{{- include "ray.fail" (list (printf "%s.%s" $path $key) (printf "is not read with auth: %s" $auth) "leave it out, or set auth: key") -}}
{{- end -}}
{{- end -}}
{{- if and (not $fields.clientId) (or $blob (eq $auth "workloadIdentity")) -}}
{{- include "ray.fail" (list (printf "%s.clientId" $path) (printf "is empty, and auth is %s" $auth) "give the identity's client id (az identity show --query clientId), or auth: key") -}}
{{- end -}}
{{- if eq $auth "workloadIdentity" -}}
{{- $settings = dict "clientID" $fields.clientId "mountWithWorkloadIdentityToken" "true" -}}
{{- else if $blob -}}
{{- $settings = dict "AzureStorageAuthType" "MSI" "AzureStorageIdentityClientID" $fields.clientId -}}
{{- else -}}
{{- $settings = dict "mountWithManagedIdentity" "true" -}}
{{- with $fields.clientId }}{{ $_ := set $settings "clientID" . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- dict "settings" $settings "pod" (eq $auth "workloadIdentity") | toJson -}}
{{- end -}}

{{/* ray-storage.options (list PATH TYPE FIELDS GIVEN MODE): mount options, the type's own where none are given (nil), as
JSON under "options". */}}
{{- define "ray-storage.options" -}}
{{- $path := index . 0 -}}
{{- $type := index . 1 -}}
{{- $mount := include "ray-storage.mount" (list $type (index . 2)) -}}
{{- $mode := index . 4 -}}
{{- $options := get $type.options $mount | default list -}}
{{- if kindIs "slice" (index . 3) }}{{ $options = index . 3 }}{{ end -}}
{{- $names := include "ray-storage.optionNames" . | fromYaml -}}
{{- $known := splitList " " (get $names $mount | default "") -}}
{{- if not (has $mount (list "fuse" "s3")) }}{{ $known = concat $known (splitList " " $names.all) }}{{ end -}}
{{- $form := "^[a-z_][a-z0-9_]*(=[^\\s,]+)?$" -}}
{{- $example := "nconnect=4" -}}
{{- if eq $mount "fuse" -}}
{{- $form = "^(-o [a-z_]+|--[a-z][-a-z0-9]*)(=[^\\s,]+)?$" -}}
{{- $example = "-o attr_timeout=10 or --log-level=LOG_ERR" -}}
{{- else if eq $mount "s3" -}}
{{- $form = "^(--)?[a-z][-a-z0-9]*([= ]\\S+)?$" -}}
{{- $example = "metadata-ttl=60" -}}
{{- end -}}
{{- $seen := list -}}
{{- range $index, $option := $options -}}
{{- $where := printf "%s.mountOptions[%d]" $path $index -}}
{{- if eq $mount "none" -}}
{{- include "ray.fail" (list (printf "%s.mountOptions" $path) (printf "is not read: a %s is a folder of the node" $type.title) "leave it out") -}}
{{- end -}}
{{- if not (regexMatch $form $option) -}}
{{- include "ray.fail" (list $where (printf "%q is not of the form that %s takes" $option $type.driver) (printf "write each option by itself, for example %s" $example)) -}}
{{- end -}}
{{- $name := regexReplaceAll "[= ].*$" (trimPrefix "-o " $option) "" -}}
{{- if eq $mount "s3" }}{{ $name = trimPrefix "--" $name }}{{ end -}}
{{- if has $name (splitList " " $type.own) -}}
{{- include "ray.fail" (list $where (printf "%s is set by the driver, or by a field of %s" $name $type.title) "leave it out; the fields are in this chart's README") -}}
{{- else if not (or (has $name $known) (hasPrefix "--" $name)) -}}
{{- include "ray.fail" (list $where (printf "%s is no mount option of %s (%s)" $name $type.title $mount) (printf "known: %s" (without $known "" | sortAlpha | join ", "))) -}}
{{- else if and (eq $name "ro") (ne $mode "ReadOnlyMany") -}}
{{- include "ray.fail" (list $where (printf "is ro, and the access mode is %s" $mode) "leave it out, or set accessMode: ReadOnlyMany") -}}
{{- else if has $name $seen -}}
{{- include "ray.fail" (list $where (printf "%s is there twice" $name) "keep one") -}}
{{- end -}}
{{- $seen = append $seen $name -}}
{{- end -}}
{{- dict "options" $options | toJson -}}
{{- end -}}

{{/* ray-storage.class (list NAME CLASS): a StorageClass, as JSON. */}}
{{- define "ray-storage.class" -}}
{{- $path := printf "classes.%s" (index . 0) -}}
{{- $class := index . 1 -}}
{{- $name := include "ray-storage.type" (list $path $class "class") -}}
{{- $type := get (include "ray-storage.types" . | fromYaml) $name -}}
{{- $where := printf "%s.%s" $path $name -}}
{{- $fields := include "ray.overlay" (list $type.defaults (get $class $name)) | fromJson -}}
{{- $policy := $class.reclaimPolicy | default "Retain" -}}
{{- $settings := include "ray-storage.settings" (list $where $fields $type "class" (printf "%s.parameters" $path) ($class.parameters | default dict)) | fromJson -}}
{{- $pod := false -}}
{{- if hasPrefix "azure" $name -}}
{{- $auth := include "ray-storage.azureAuth" (list $where $name $fields) | fromJson -}}
{{- $pod = $auth.pod -}}
{{- $settings = merge $auth.settings $settings -}}
{{- if and $pod (eq $name "azureBlob") (not $fields.account) -}}
{{- include "ray.fail" (list (printf "%s.account" $where) "is empty, and auth is workloadIdentity: the driver does not look for an account then" "name the account") -}}
{{- end -}}
{{- if and $fields.account (eq ($settings.matchTags | default "") "true") -}}
{{- include "ray.fail" (list (printf "%s.parameters.matchTags" $path) "is for finding an account, and one is named" "leave one of the two out") -}}
{{- end -}}
{{- if and $fields.container $fields.containerNamePrefix -}}
{{- include "ray.fail" (list (printf "%s.containerNamePrefix" $where) "does not go with container" "leave one of the two out") -}}
{{- end -}}
{{- if and (eq $name "azureFiles") (eq $fields.protocol "nfs") (hasPrefix "Standard" ($fields.sku | default "")) -}}
{{- include "ray.fail" (list (printf "%s.sku" $where) (printf "is %s, and NFS shares are Premium ones" $fields.sku) "write Premium_LRS") -}}
{{- end -}}
{{- end -}}
{{- $key := get (dict "azureBlob" "container" "azureFiles" "share" "nfs" "subDir") $name | default "none" -}}
{{- with get $fields $key -}}
{{- if and (eq $policy "Delete") (not (contains "${pv.metadata.name}" .)) (not (and (contains "${pvc.metadata.name}" .) (contains "${pvc.metadata.namespace}" .))) -}}
{{- include "ray.fail" (list (printf "%s.reclaimPolicy" $path) (printf "is Delete, and several claims share the %s %q: the first to go would take the data of all" $key .) "keep Retain, or put ${pvc.metadata.namespace} and ${pvc.metadata.name} into the name") -}}
{{- end -}}
{{- end -}}
{{- if and $fields.onDelete (ne $policy "Delete") -}}
{{- include "ray.fail" (list (printf "%s.onDelete" $where) "is not read with reclaimPolicy Retain" "leave it out, or set reclaimPolicy: Delete") -}}
{{- end -}}
{{- if eq $name "fsxLustre" }}{{ include "ray-storage.fsx" (list $where $fields) }}{{ end -}}
{{- if eq $name "efs" -}}
{{- $settings = merge (dict "provisioningMode" "efs-ap") $settings (dict "directoryPerms" "770" "uid" "1000" "gid" "1000") -}}
{{- end -}}
{{- $binding := $class.volumeBindingMode | default (ternary "WaitForFirstConsumer" "Immediate" (eq $name "localPath")) -}}
{{- if and (eq $name "localPath") (ne $binding "WaitForFirstConsumer") -}}
{{- include "ray.fail" (list (printf "%s.volumeBindingMode" $path) "is Immediate: the provisioner would not know on which node" "leave it out") -}}
{{- end -}}
{{- $options := (include "ray-storage.options" (list $path $type $fields $class.mountOptions "ReadWriteMany") | fromJson).options -}}
{{- $annotations := dict -}}
{{- if eq $name "localPath" -}}
{{- /* Unlike a hostPath, a local volume is given to a pod's fsGroup. */ -}}
{{- $_ := set $annotations "defaultVolumeType" "local" -}}
{{- end -}}
{{- dict
  "name" (index . 0)
  "type" $name
  "fields" $fields
  "mount" (include "ray-storage.mount" (list $type $fields))
  "pod" $pod
  "annotations" $annotations
  "provisioner" $type.driver
  "parameters" $settings
  "reclaimPolicy" $policy
  "allowVolumeExpansion" (ne (toString $class.allowVolumeExpansion) "false")
  "volumeBindingMode" $binding
  "mountOptions" $options
| toJson -}}
{{- end -}}

{{/* ray-storage.fsx (list PATH FIELDS): what AWS would refuse when the file system is to be made. */}}
{{- define "ray-storage.fsx" -}}
{{- $path := index . 0 -}}
{{- $fields := index . 1 -}}
{{- $deployment := $fields.deploymentType -}}
{{- $storage := $fields.storageType | default "SSD" -}}
{{- $throughput := $fields.perUnitStorageThroughput | default 0 | int -}}
{{- if and (eq $storage "HDD") (ne $deployment "PERSISTENT_1") -}}
{{- include "ray.fail" (list (printf "%s.storageType" $path) (printf "is HDD, which %s does not have" $deployment) "leave it out, or take PERSISTENT_1") -}}
{{- end -}}
{{- if and (eq $storage "HDD") (not $fields.driveCacheType) -}}
{{- include "ray.fail" (list (printf "%s.driveCacheType" $path) "is missing, and HDD needs it" "write READ or NONE") -}}
{{- else if and $fields.driveCacheType (ne $storage "HDD") -}}
{{- include "ray.fail" (list (printf "%s.driveCacheType" $path) "is for HDD" "leave it out") -}}
{{- end -}}
{{- if hasPrefix "SCRATCH" $deployment -}}
{{- range $key := list "perUnitStorageThroughput" "kmsKeyId" -}}
{{- if hasKey $fields $key -}}
{{- include "ray.fail" (list (printf "%s.%s" $path $key) (printf "is for PERSISTENT file systems, and this one is %s" $deployment) "leave it out") -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- $offered := get (dict "PERSISTENT_1 SSD" (list 50 100 200) "PERSISTENT_1 HDD" (list 12 40) "PERSISTENT_2 SSD" (list 125 250 500 1000)) (printf "%s %s" $deployment $storage) -}}
{{- if not (has $throughput $offered) -}}
{{- include "ray.fail" (list (printf "%s.perUnitStorageThroughput" $path) (ternary "is missing" (printf "is %d MB/s for each TiB" $throughput) (eq $throughput 0)) (printf "%s with %s has %s" $deployment $storage (join ", " $offered))) -}}
{{- end -}}
{{- end -}}
{{- if eq $deployment "PERSISTENT_2" -}}
{{- if eq $fields.fileSystemTypeVersion "2.10" -}}
{{- include "ray.fail" (list (printf "%s.fileSystemTypeVersion" $path) "is 2.10, which PERSISTENT_2 does not have" "write 2.15") -}}
{{- end -}}
{{- range $key := list "s3ImportPath" "s3ExportPath" "autoImportPolicy" -}}
{{- if hasKey $fields $key -}}
{{- include "ray.fail" (list (printf "%s.%s" $path $key) "does not go with PERSISTENT_2" "leave it out, and link the bucket by a data repository association of the file system") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $key := list "s3ExportPath" "autoImportPolicy" -}}
{{- if and (hasKey $fields $key) (not $fields.s3ImportPath) -}}
{{- include "ray.fail" (list (printf "%s.%s" $path $key) "is given without s3ImportPath" "name the bucket in s3ImportPath") -}}
{{- end -}}
{{- end -}}
{{- if and $fields.s3ExportPath (ne (index (splitList "/" $fields.s3ExportPath) 2) (index (splitList "/" $fields.s3ImportPath) 2)) -}}
{{- include "ray.fail" (list (printf "%s.s3ExportPath" $path) (printf "%s is in another bucket than s3ImportPath, %s" $fields.s3ExportPath $fields.s3ImportPath) "take a prefix of the same bucket") -}}
{{- end -}}
{{- end -}}
