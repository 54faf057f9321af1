output "names" {
  description = "Name in AKS of each node pool, by the name here."
  value       = { for name, one in azurerm_kubernetes_cluster_node_pool.this : name => one.name }
}

output "machines" {
  description = "What each pool is made of: `size`, its `vcpus`, `memory_gib`, `gpus` and `gpu`; `min`, `max`, `spot`, `pool`."
  value = {
    for name, one in var.pools : name => {
      size       = one.size
      vcpus      = local.sizes[one.size].vcpus
      memory_gib = local.sizes[one.size].memory_gib
      gpus       = local.machines[name].gpus
      gpu        = local.sizes[one.size].gpu
      min        = one.min
      max        = one.max
      spot       = one.spot
      pool       = coalesce(one.pool, name)
    }
  }
}

output "helm_pools" {
  description = "The pools as `global.ray.pools` has them, with sizes that fit their machines."
  value = {
    for name, one in var.pools : name => merge(
      {
        nodeSelector = { "rayworks.io/pool" = coalesce(one.pool, name) }
        tolerations = concat(
          local.machines[name].gpus > 0 ? [{ key = local.gpu_taint, operator = "Exists", effect = "NoSchedule" }] : [],
          one.spot ? [{ key = "kubernetes.azure.com/scalesetpriority", operator = "Equal", value = "spot", effect = "NoSchedule" }] : [],
          [for taint in one.taints : { key = split("=", taint)[0], operator = "Exists", effect = "NoSchedule" }],
        )
        spot = one.spot
        sizes = {
          for size, share in local.shares[name] : size => {
            requests = { cpu = tostring(floor(local.machines[name].cpu / share)), memory = "${floor(local.machines[name].memory / share)}Gi" }
            limits   = { memory = "${floor(local.machines[name].memory / share)}Gi" }
            numCpus  = floor(local.machines[name].cpu / share)
          }
        }
      },
      local.machines[name].gpus > 0 ? { accelerator = { resource = "nvidia.com/gpu" }, image = "rayCuda" } : {},
    )
  }
}
