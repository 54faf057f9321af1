output "cluster_name" {
  description = "Name of the cluster."
  value       = module.cluster.name
}

output "region" {
  description = "Region of everything."
  value       = var.region
}

output "get_credentials_command" {
  description = "Command that writes the cluster's kubeconfig to the file `$KUBECONFIG`."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${module.cluster.name} --alias ${module.cluster.name} --kubeconfig \"$KUBECONFIG\""
}

output "registry" {
  description = "Host of the container registry."
  value       = local.registry
  depends_on  = [module.registry]
}

output "storage_class" {
  description = "Storage class of volumes that several nodes write; the add-on shared-storage makes it. Empty where there is no file system."
  value       = local.lustre ? "rayworks-lustre" : local.efs ? "rayworks-efs" : ""
}

output "storage_uri" {
  description = "Where data, checkpoints and results lie: the bucket, and with Lustre the part of it that the file system shows."
  value       = local.lustre ? "s3://${module.storage.bucket}/export" : "s3://${module.storage.bucket}/ray"
}

output "identity" {
  description = "How Ray's pods take on their identity: `service_account`, its `annotations`, the `pod_labels`. By pod identity, which wants neither."
  value       = { service_account = "ray", annotations = {}, pod_labels = {} }
}

output "node_pools" {
  description = "Pools by name: `size`, its `vcpus`, `memory_gib`, `gpus` (as pods may ask for them) and `gpu`; `min`, `max`, `spot`; `pool`, whose label its nodes have; `sizes`, all that its nodes may be; their `labels` and `taints`."
  value = {
    for name, one in merge(local.regular, local.spots) : name => {
      size       = one.size
      vcpus      = local.machines[one.size].vcpus
      memory_gib = local.machines[one.size].memory_gib
      gpus       = local.gpus[one.pool]
      gpu        = local.machines[one.size].gpu
      min        = one.min
      max        = one.max
      spot       = one.spot
      pool       = one.pool
      sizes      = concat([one.size], one.alternatives)
      zones      = one.zones
      disk_gib   = one.disk_gib
      labels     = local.labels[name]
      taints     = [for taint in one.taints : { key = taint.key, value = taint.value, effect = "NoSchedule" }]
    }
  }
  depends_on = [terraform_data.pools]
}

output "tags" {
  description = "Tags of everything; `rayworks-deployment` finds what is left."
  value       = local.tags
}

output "dashboards" {
  description = "Addresses of dashboards, null where there is none."
  value = {
    grafana    = module.monitoring.grafana_url
    prometheus = module.monitoring.prometheus_endpoint
  }
}

output "add_ons" {
  description = "What each add-on of environments/eks/addons.yaml needs, by its name with underscores; null means that it is not wanted."
  value = {
    storage_classes = { key = one(local.key[*].arn) }
    shared_storage = local.lustre || local.efs ? {
      lustre = local.lustre ? {
        file_system_id = module.lustre[0].file_system_id
        dns_name       = module.lustre[0].dns_name
        mount_name     = module.lustre[0].mount_name
        capacity       = "${var.storage.lustre.capacity_gib}Gi"
      } : null
      efs        = module.storage.efs_id
      namespaces = local.namespaces
    } : null
    cluster_autoscaler = var.node_provisioning == "pools" ? {
      expander = var.spot ? "priority,least-waste" : "least-waste"
      # By parts of the Auto Scaling groups' names, which hold those of the node groups; the highest first.
      priorities = var.spot ? "10:\n  - .*\n20:\n  - eks-spot-.*\n" : null
    } : null
    karpenter = var.node_provisioning == "auto" ? {
      queue             = module.karpenter[0].queue
      node_role         = module.karpenter[0].node_role
      security_group_id = module.cluster.security_group_id
      key               = one(local.key[*].arn)
    } : null
    load_balancer_controller = { vpc_id = module.network.vpc_id }
    nvidia_device_plugin     = local.gpu_nodes && !local.mig ? { sharing = var.gpu_sharing } : null
    dcgm_exporter            = local.gpu_nodes && !local.mig
    gpu_operator             = local.mig
    fluent_bit               = var.monitoring.logs ? { group = module.monitoring.log_groups["containers"].name } : null
    kube_prometheus_stack    = { remote_write = module.monitoring.prometheus_endpoint == null ? [] : [{ url = "${module.monitoring.prometheus_endpoint}api/v1/remote_write", sigv4 = { region = var.region } }] }
    kueue                    = var.add_ons.kueue
    opencost                 = var.add_ons.opencost
    cert_manager             = var.add_ons.cert_manager || var.gateway != null ? { gateway = var.gateway != null } : null
    external_secrets         = var.add_ons.external_secrets
    redis = var.redis == null ? null : {
      secret           = "ray-redis"
      password_command = "aws secretsmanager get-secret-value --region ${var.region} --secret-id ${module.redis[0].secret} --query SecretString --output text"
    }
    gateway = var.gateway == null ? null : {
      email       = var.gateway.email
      host        = "*.${var.gateway.domain}"
      dns         = { zone_id = var.gateway.zone_id }
      subnets     = [for zone in local.zones : module.network.public_subnets[zone]]
      allocations = [for zone in local.zones : module.gateway[0].allocation_ids[zone]]
    }
    orchestration = var.orchestration == null ? null : { state_machine = module.orchestration[0].state_machine_arn }
    teams = {
      for name, one in module.team : name => merge(one.helm_values, var.teams[name].node_pool == null ? {} : {
        global = { ray = merge(one.helm_values.global.ray, { pools = { for pool in [name, "spot-${name}"] : pool => local.helm_pools[pool] } }) }
      })
    }
  }
}
