output "machines" {
  description = "What pools are made of, spot ones too: `size`, its `vcpus`, `memory_gib`, `gpus` as Kubernetes counts them, and `gpu`; `min`, `max`, `spot`; `pool`, which their nodes are labelled with; `taints` beside the GPU's."
  value = {
    for name, one in merge(local.regular, local.spot) : name => {
      size       = one.size
      vcpus      = local.sizes[one.size].vcpus
      memory_gib = local.sizes[one.size].memory_gib
      gpus       = local.machines[one.pool].gpus
      gpu        = local.sizes[one.size].gpu
      min        = one.min
      max        = one.max
      spot       = one.spot
      pool       = one.pool
      taints     = one.taints
    }
  }
}

output "helm_pools" {
  description = "The pools as `global.ray.pools` has them, with sizes that fit their machines; `spot-<pool>` takes spot machines before regular ones."
  value = merge(
    local.helm,
    {
      for name, one in local.helm : "spot-${name}" => merge(one, {
        spot        = true
        tolerations = concat(one.tolerations, [{ key = local.spot_key, operator = "Exists", effect = "NoSchedule" }])
      })
    },
  )
}
