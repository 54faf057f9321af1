{{/*
What each type of storage is to its driver. `fields` are the chart's names and the driver's; `rest` is what the driver
also knows, for `parameters` and `attributes` (a driver refuses a name that it does not know, or ignores it). `mount` is
how it is mounted, by protocol where there are several; `own` are options that the driver or a field sets.
Modes and names are those in the drivers' sources: blob-csi-driver 1.28, azurefile-csi-driver 1.36, aws-fsx-csi-driver
1.9, aws-efs-csi-driver 3.4, mountpoint-s3-csi-driver 2.7, csi-driver-nfs 4.14, local-path-provisioner 0.0.30.
*/}}
{{- define "ray-storage.types" -}}
azureBlob:
  title: Azure Blob
  driver: blob.csi.azure.com
  modes: [ReadWriteMany, ReadWriteOnce, ReadOnlyMany]
  defaults: {protocol: fuse2}
  mount: {fuse2: fuse, fuse: fuse, nfs: nfs}
  options:
    # The pods' user, since blobfuse knows no fsGroup. What a node has looked for in vain is not remembered: another one
    # may write it in the meantime.
    fuse:
      - -o allow_other
      - -o uid=1000
      - -o gid=1000
      - -o umask=0007
      - -o negative_timeout=0
      - --file-cache-timeout-in-seconds=120
      - --use-attr-cache=true
      - --cancel-list-on-mount-seconds=10
      - --log-level=LOG_WARNING
      - --cache-size-mb=1000
  own: --container-name --config-file --passphrase --secure-config vers nfsvers minorversion sec nolock
  class:
    fields: {protocol: protocol, sku: skuName, account: storageAccount, container: containerName, containerNamePrefix: containerNamePrefix, resourceGroup: resourceGroup, subscriptionId: subscriptionID, location: location, server: server, hierarchicalNamespace: isHnsEnabled}
    rest: networkEndpointType storageEndpointSuffix accessTier allowBlobPublicAccess allowSharedKeyAccess requireInfraEncryption tags tagValueDelimiter matchTags useDataPlaneAPI softDeleteBlobs softDeleteContainers enableBlobVersioning storeAccountKey getLatestAccountKey secretName secretNamespace mountPermissions fsGroupChangePolicy vnetResourceGroup vnetName subnetName vnetLinkName publicNetworkAccess privateDNSZoneResourceGroup AzureStorageIdentityResourceID MSIEndpoint AzureStorageAADEndpoint tenantID
  volume:
    fields: {protocol: protocol, account: storageAccount, container: containerName, resourceGroup: resourceGroup, subscriptionId: subscriptionID, server: server}
    rest: storageEndpointSuffix getLatestAccountKey mountPermissions fsGroupChangePolicy AzureStorageAuthType AzureStorageSPNClientID AzureStorageSPNTenantID AzureStorageAADEndpoint AzureStorageIdentityResourceID MSIEndpoint tenantID keyVaultURL keyVaultSecretName keyVaultSecretVersion
azureFiles:
  title: Azure Files
  driver: file.csi.azure.com
  modes: [ReadWriteMany, ReadWriteOnce, ReadOnlyMany]
  defaults: {protocol: smb}
  mount: {smb: cifs, nfs: nfs}
  options:
    cifs: [dir_mode=0770, file_mode=0770, uid=1000, gid=1000, mfsymlinks, cache=strict, nosharesock, actimeo=30, nobrl]
    nfs: [noresvport, actimeo=30]
  own: vers nfsvers minorversion sec
  class:
    fields: {protocol: protocol, sku: skuName, account: storageAccount, share: shareName, resourceGroup: resourceGroup, subscriptionId: subscriptionID, location: location, server: server}
    rest: enableLargeFileShares networkEndpointType shareNamePrefix folderName createFolderIfNotExist shareAccessTier accountAccessTier disableDeleteRetentionPolicy allowBlobPublicAccess allowSharedKeyAccess allowCrossTenantReplication requireInfraEncryption storageEndpointSuffix tags tagValueDelimiter matchTags selectRandomMatchingAccount accountQuota createAccount provisionedIOPS provisionedBandwidth storeAccountKey getLatestAccountKey useSecretCache secretName secretNamespace useDataPlaneAPI enableMultichannel rootSquashType mountPermissions encryptInTransit fsGroupChangePolicy vnetResourceGroup vnetName subnetName vnetLinkName publicNetworkAccess privateDNSZoneResourceGroup tenantID
  volume:
    fields: {protocol: protocol, account: storageAccount, share: shareName, folder: folderName, resourceGroup: resourceGroup, subscriptionId: subscriptionID, server: server}
    rest: createFolderIfNotExist storageEndpointSuffix getLatestAccountKey mountPermissions fsGroupChangePolicy encryptInTransit tenantID
fsxLustre:
  title: FSx for Lustre
  driver: fsx.csi.aws.com
  modes: [ReadWriteMany, ReadWriteOnce]
  # What AWS takes for a new file system is 2.10, which current kernels no longer mount.
  defaults: {fileSystemTypeVersion: "2.15"}
  mount: lustre
  options:
    lustre: [flock]
  own: ""
  class:
    fields: {subnetId: subnetId, securityGroupIds: securityGroupIds, deploymentType: deploymentType, storageType: storageType, perUnitStorageThroughput: perUnitStorageThroughput, driveCacheType: driveCacheType, fileSystemTypeVersion: fileSystemTypeVersion, dataCompressionType: dataCompressionType, kmsKeyId: kmsKeyId, s3ImportPath: s3ImportPath, s3ExportPath: s3ExportPath, autoImportPolicy: autoImportPolicy}
    rest: automaticBackupRetentionDays dailyAutomaticBackupStartTime copyTagsToBackups weeklyMaintenanceStartTime extraTags efaEnabled metadataConfigurationMode metadataIops
  volume:
    fields: {dnsName: dnsname, mountName: mountname}
    rest: ""
efs:
  title: EFS
  driver: efs.csi.aws.com
  modes: [ReadWriteMany, ReadWriteOnce]
  defaults: {}
  mount: efs
  options: {}
  own: tls notls accesspoint fsap crossaccount mounttargetip awscredsuri
  class:
    fields: {fileSystemId: fileSystemId, basePath: basePath, subPathPattern: subPathPattern, ensureUniqueDirectory: ensureUniqueDirectory, directoryPerms: directoryPerms, uid: uid, gid: gid}
    rest: az enforceZoneAffinity enableTagging reuseAccessPoint
  volume:
    fields: {encryptInTransit: encryptInTransit}
    rest: mounttargetip crossaccount
s3:
  title: S3
  driver: s3.csi.aws.com
  modes: [ReadWriteMany, ReadOnlyMany]
  defaults: {}
  mount: s3
  options:
    s3: [allow-other, uid=1000, gid=1000]
  own: region prefix allow-delete allow-overwrite read-only cache foreground help version o ca-bundle
  volume:
    fields: {bucket: bucketName}
    rest: stsRegion cache cacheEmptyDirSizeLimit cacheEmptyDirMedium cacheEphemeralStorageClassName cacheEphemeralStorageResourceRequest mountpointContainerResourcesRequestsCpu mountpointContainerResourcesRequestsMemory mountpointContainerResourcesLimitsCpu mountpointContainerResourcesLimitsMemory mountpointEnv.HTTPS_PROXY mountpointEnv.NO_PROXY
nfs:
  title: NFS
  driver: nfs.csi.k8s.io
  modes: [ReadWriteMany, ReadWriteOnce, ReadOnlyMany]
  defaults: {}
  mount: nfs
  options:
    nfs: [nfsvers=4.1]
  own: ""
  class:
    fields: {server: server, share: share, subDir: subDir, mountPermissions: mountPermissions, onDelete: onDelete}
    rest: ""
  volume:
    fields: {}
    rest: ""
localPath:
  title: local path
  driver: rancher.io/local-path
  modes: [ReadWriteOnce]
  defaults: {}
  mount: none
  options: {}
  own: ""
  class:
    fields: {nodePath: nodePath, pathPattern: pathPattern}
    rest: ""
{{- end -}}

{{/* Names of mount options: mount(8), nfs(5), mount.cifs(8), mount.lustre(8), efs-utils, mount-s3, FUSE. A node only
finds out at the first mount, and the pod waits for ever. blobfuse2 has too many flags (`--…`) to list. */}}
{{- define "ray-storage.optionNames" -}}
all: ro rw atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime lazytime nolazytime dev nodev exec noexec suid nosuid sync async dirsync defaults _netdev
nfs: nfsvers vers minorversion soft hard softerr softreval nosoftreval intr nointr timeo retrans rsize wsize ac noac acregmin acregmax acdirmin acdirmax actimeo bg fg nconnect max_connect trunkdiscovery notrunkdiscovery rdirplus nordirplus retry sec sharecache nosharecache resvport noresvport lookupcache fsc nofsc sloppy proto tcp udp rdma port mountport mountproto mounthost mountvers namlen lock nolock cto nocto acl noacl local_lock clientaddr migration nomigration write xprtsec
cifs: uid forceuid noforceuid cruid gid forcegid noforcegid idsfromsid port netbiosname servern file_mode dir_mode ip addr domain dom workgroup domainauto iocharset setuids nosetuids perm noperm dynperm nodynperm cache strictsync nostrictsync handlecache nohandlecache handletimeout rwpidforward mapchars nomapchars mapposix intr nointr hard soft noacl cifsacl backupuid backupgid nocase ignorecase sec seal sign rdma resilienthandles noresilienthandles persistenthandles nopersistenthandles snapshot brl nobrl forcemandatorylock locallease nolease sfu mfsymlinks echo_interval serverino noserverino posix unix linux noposix nounix nolinux user_xattr nouser_xattr nodfs noautotune sharesock nosharesock noblocksend rsize wsize bsize rasize esize max_credits max_channels multichannel nomultichannel fsc multiuser actimeo acregmax acdirmax closetimeo posixpaths noposixpaths vers retrans tcpnodelay compress modefromsid
lustre: flock noflock localflock user_xattr nouser_xattr acl noacl lazystatfs nolazystatfs statfs_project nostatfs_project verbose noverbose user_fid2path nouser_fid2path always_ping noalways_ping checksum nochecksum lruresize nolruresize encrypt noencrypt exclude retry network skpath
efs: nfsvers vers soft hard timeo retrans rsize wsize ac noac acregmin acregmax acdirmin acdirmax actimeo bg fg nconnect rdirplus nordirplus retry sharecache nosharecache resvport noresvport lookupcache fsc nofsc port lock nolock cto nocto local_lock clientaddr az iam awsprofile jwtpath rolearn region ocsp noocsp verify netns tlsport cafile stunnel nodirects3read nos3readcache
s3: allow-other allow-root uid gid dir-mode file-mode endpoint-url force-path-style transfer-acceleration dual-stack requester-pays bucket-type no-sign-request profile storage-class incremental-upload auto-unmount maximum-throughput-gbps max-threads max-memory-target part-size read-part-size write-part-size expected-bucket-owner log-directory log-metrics debug debug-crt no-log metadata-ttl negative-metadata-ttl max-cache-size cache-xz sse sse-kms-key-id upload-checksums bind user-agent-prefix aws-max-attempts otlp-endpoint otlp-export-interval
fuse: allow_other allow_root attr_timeout entry_timeout negative_timeout uid gid umask ro rw nonempty default_permissions direct_io auto_cache kernel_cache max_read max_write max_background big_writes
{{- end -}}

{{/* Classes that a cluster brings along, and drivers, whose volumes one node at a time can write. */}}
{{- define "ray-storage.disks" -}}
classes: local-path gp2 gp3 ebs-sc default managed managed-csi managed-premium managed-csi-premium standard standard-rwo premium-rwo
drivers: rancher.io/local-path ebs.csi.aws.com ebs.csi.eks.amazonaws.com disk.csi.azure.com pd.csi.storage.gke.io kubernetes.io/aws-ebs kubernetes.io/azure-disk kubernetes.io/gce-pd
{{- end -}}
