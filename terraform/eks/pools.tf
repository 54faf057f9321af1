# Pools, once: as node groups or NodePools, as what the charts see of them, and as what others reckon with.

locals {
  machines = jsondecode(file("${path.module}/../sizes-aws.json"))

  gpu_taint  = { key = "nvidia.com/gpu", value = "present", effect = "NO_SCHEDULE" }
  spot_taint = { key = "rayworks.io/spot", value = "true", effect = "NO_SCHEDULE" }

  # By pool of global.ray, regular machines.
  pools = merge(
    {
      head   = merge(var.system_pool, { alternatives = [], zones = toset([]), mig = null, taints = [], spot = false })
      cpu    = merge(var.cpu_pool, { mig = null, taints = [], spot = var.spot })
      memory = merge(var.memory_pool, { mig = null, taints = [], spot = var.spot })
    },
    { for name, one in var.gpu_pools : name => merge(one, { taints = [local.gpu_taint], spot = var.spot }) },
    {
      for name, team in var.teams : name => merge(team.node_pool, {
        zones    = toset([])
        disk_gib = 200
        mig      = null
        taints = concat(
          try(local.machines[team.node_pool.size].gpus, 0) > 0 ? [local.gpu_taint] : [],
          [{ key = "rayworks.io/team", value = name, effect = "NO_SCHEDULE" }],
        )
      }) if team.node_pool != null
    },
  )
  regular = { for name, one in local.pools : name => merge(one, { pool = name, spot = false }) }
  spots   = { for name, one in local.pools : "spot-${name}" => merge(one, { pool = name, min = 0, taints = concat(one.taints, [local.spot_taint]) }) if one.spot }

  # Names of instance types that are not in the table, by pool.
  unknown = flatten([for name, one in local.pools : [for size in concat([one.size], one.alternatives) : "${size} (pool ${name})" if !contains(keys(local.machines), size)]])
  small   = [for name, one in local.pools : "${one.size} (pool ${name})" if try(local.machines[one.size].vcpus < 4 || local.machines[one.size].memory_gib < 16, false)]
  # Pods of the pool's sizes would not fit them.
  smaller = flatten([
    for name, one in local.pools : [
      for size in one.alternatives : "${size} in place of ${one.size} (pool ${name})"
      if try(local.machines[size].vcpus < local.machines[one.size].vcpus || local.machines[size].memory_gib < local.machines[one.size].memory_gib || local.machines[size].gpus != local.machines[one.size].gpus, false)
    ]
  ])
  amiss = [for name, one in local.pools : "pool ${name} has min ${one.min} and max ${one.max}" if !(one.min >= 0 && one.max >= max(one.min, 1) && one.max <= 450)]
  # Karpenter makes nodes for pods that wait, and keeps none without.
  kept = [for name, one in local.pools : "${name} (${one.min})" if var.node_provisioning == "auto" && name != "head" && one.min > 0]
  # Zones that there are no subnets in.
  elsewhere = concat(
    [for zone in [var.storage.lustre.zone] : "${zone} (storage.lustre)" if zone != "" && !contains(local.zones, zone)],
    flatten([for name, one in local.pools : [for zone in one.zones : "${zone} (pool ${name})" if !contains(local.zones, zone)]]),
  )

  # Of a machine, an eighth of the CPUs (one at least) and 15 % of the memory are for the kernel, kubelet and daemons.
  # What is left is the pool's size `large`; `small` is a GPU's share of it, and a quarter where there is none.
  parts = { "1" = 7, "2" = 3, "3" = 2, "4" = 1, "7" = 1 }
  gpus = {
    for name, one in local.pools : name =>
    try(local.machines[one.size].gpus, 0) * (one.mig == null ? var.gpu_sharing : try(local.parts[regex("^all-([0-9])g", one.mig)[0]], 1))
  }
  cpus     = { for name, one in local.pools : name => try(local.machines[one.size].vcpus - max(1, ceil(local.machines[one.size].vcpus / 8)), 1) }
  memories = { for name, one in local.pools : name => try(floor(local.machines[one.size].memory_gib * 0.85), 1) }
  shares = {
    for name, one in local.pools : name => {
      small = local.gpus[name] > 0 ? local.gpus[name] : min(4, local.cpus[name])
      large = 1
    }
  }
  sizes = {
    for name, shares in local.shares : name => {
      for size, share in shares : size => {
        requests = { cpu = tostring(floor(local.cpus[name] / share)), memory = "${floor(local.memories[name] / share)}Gi" }
        limits   = { memory = "${floor(local.memories[name] / share)}Gi" }
        numCpus  = floor(local.cpus[name] / share)
      }
    }
  }

  # A head runs no tasks, and shares its node with add-ons.
  head = {
    small = { cpu = 1, memory = 4 }
    large = { cpu = max(1, local.cpus["head"] - 1), memory = max(4, local.memories["head"] - 3) }
  }

  gpu_pool = { accelerator = { resource = "nvidia.com/gpu" }, image = "rayCuda" }

  # As global.ray has them.
  helm_pools = merge(
    {
      head = {
        nodeSelector = { "rayworks.io/pool" = "head" }
        sizes = {
          for size, one in local.head : size => {
            requests = { cpu = tostring(one.cpu), memory = "${one.memory}Gi" }
            limits   = { memory = "${one.memory}Gi" }
            numCpus  = 0
          }
        }
      }
    },
    {
      for name, one in local.pools : name => merge(
        {
          nodeSelector = { "rayworks.io/pool" = name }
          tolerations  = [for taint in one.taints : { key = taint.key, operator = "Exists", effect = "NoSchedule" }]
          sizes        = local.sizes[name]
        },
        { for key, value in local.gpu_pool : key => value if local.gpus[name] > 0 },
      ) if name != "head"
    },
    {
      for name, one in local.pools : "spot-${name}" => merge(
        {
          nodeSelector = { "rayworks.io/pool" = name }
          tolerations  = [for taint in concat(one.taints, [local.spot_taint]) : { key = taint.key, operator = "Exists", effect = "NoSchedule" }]
          sizes        = local.sizes[name]
          spot         = true
        },
        { for key, value in local.gpu_pool : key => value if local.gpus[name] > 0 },
      ) if name != "head"
    },
    # With no GPU to be had, what asks for one gets CPUs.
    contains(keys(var.gpu_pools), "gpu") ? {} : {
      for name in ["gpu", "spot-gpu"] : name => { accelerator = { resource = "none" }, fallback = "cpu" }
    },
  )

  gpu_nodes = anytrue([for gpus in local.gpus : gpus > 0])
  mig       = anytrue([for one in local.pools : one.mig != null])

  labels = {
    for name, one in merge(local.regular, local.spots) : name => merge(
      { "rayworks.io/pool" = one.pool },
      # What NVIDIA's charts look for.
      local.gpus[one.pool] > 0 ? { "nvidia.com/gpu.present" = "true" } : {},
      one.spot ? { "rayworks.io/spot" = "true" } : {},
      one.mig == null ? {} : { "nvidia.com/mig.config" = one.mig },
    )
  }
}

# Heads and add-ons are on nodes of a group in both variants: Karpenter itself must run somewhere.
module "node_groups" {
  source = "../modules/eks-node-groups"

  name = var.name
  # Nodes are not ready before they have a network.
  cluster_name       = module.first_addons.cluster_name
  kubernetes_version = var.kubernetes_version
  subnets            = module.network.private_subnets
  own_key            = local.key
  tags               = local.tags

  groups = {
    for name, one in merge(local.regular, local.spots) : name => {
      instance_types = concat([one.size], one.alternatives)
      min            = one.min
      # What is wrong with these says terraform_data.pools, and it alone.
      max      = max(one.min, one.max, 1)
      spot     = one.spot
      gpu      = local.gpus[one.pool] > 0
      disk_gib = one.disk_gib
      zones    = setintersection(one.zones, local.zones)
      labels   = local.labels[name]
      taints   = one.taints
    } if var.node_provisioning == "pools" || name == "head"
  }
}

# What no single variable can say about the pools.
resource "terraform_data" "pools" {
  input = keys(local.pools)

  lifecycle {
    precondition {
      condition     = length(local.unknown) == 0
      error_message = "Not in terraform/sizes-aws.json: ${join(", ", local.unknown)}. Choose a type that is, or add a line with its vCPUs, memory and GPUs."
    }

    precondition {
      condition     = length(local.small) == 0
      error_message = "Too small for Ray's pods beside the system's: ${join(", ", local.small)}. Choose a type of at least 4 vCPUs and 16 GiB."
    }

    precondition {
      condition     = length(local.smaller) == 0
      error_message = "alternatives have fewer CPUs, less memory or other numbers of GPUs, so that pods of the pool's sizes do not fit: ${join(", ", local.smaller)}. Choose larger ones."
    }

    precondition {
      condition     = length(local.amiss) == 0
      error_message = "Least and most nodes do not go together: ${join(", ", local.amiss)}. max is 1 to 450, as EKS has it, and not below min."
    }

    precondition {
      condition     = length(local.kept) == 0
      error_message = "Karpenter keeps no nodes that nobody waits for, and min is above 0: ${join(", ", local.kept)}. Set min = 0, or node_provisioning = \"pools\"."
    }

    precondition {
      condition     = length(local.elsewhere) == 0
      error_message = "In zones without a subnet: ${join(", ", local.elsewhere)}. There is ${join(", ", local.zones)}; network.zones chooses others."
    }
  }
}
