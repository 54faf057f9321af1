/**
 * # aks-node-pools
 *
 * Node pools for Ray, and what the charts must know of them. Each takes the pods of one pool of `global.ray.pools`; sizes
 * of pods are derived from the machine, so that they fit.
 */

locals {
  sizes = jsondecode(file("${path.module}/../../sizes-azure.json"))

  gpu_taint = "nvidia.com/gpu"
  # Label and taint of spot nodes, which AKS sets by itself; unless they are named, each plan would take them away.
  spot_key = "kubernetes.azure.com/scalesetpriority"

  regular = { for name, one in var.pools : name => merge(one, { pool = name, spot = false }) }
  spot    = { for name, one in var.pools : "spot-${name}" => merge(one, { pool = name, spot = true, min = 0 }) if one.spot }

  # Of a machine, an eighth of the CPUs (one at least) and 15 % of the memory are for the kernel, kubelet and daemons.
  # What is left is the pool's size `large`; `small` is a GPU's share of it, and a quarter where there is none.
  parts = { MIG1g = 7, MIG2g = 3, MIG3g = 2, MIG4g = 1, MIG7g = 1 }
  machines = {
    for name, one in var.pools : name => {
      gpus   = local.sizes[one.size].gpus * (one.mig == null ? 1 : local.parts[one.mig]) * var.gpu_sharing
      cpu    = local.sizes[one.size].vcpus - max(1, ceil(local.sizes[one.size].vcpus / 8))
      memory = floor(local.sizes[one.size].memory_gib * 0.85)
    }
  }
  shares = {
    for name, one in local.machines : name => {
      small = one.gpus > 0 ? one.gpus : min(4, one.cpu)
      large = 1
    }
  }

  helm = {
    for name, one in var.pools : name => merge(
      {
        nodeSelector = { "rayworks.io/pool" = name }
        tolerations = concat(
          local.machines[name].gpus > 0 ? [{ key = local.gpu_taint, operator = "Exists", effect = "NoSchedule" }] : [],
          [for taint in one.taints : { key = split("=", taint)[0], operator = "Exists", effect = "NoSchedule" }],
        )
        sizes = {
          for size, share in local.shares[name] : size => {
            requests = { cpu = tostring(floor(local.machines[name].cpu / share)), memory = "${floor(local.machines[name].memory / share)}Gi" }
            limits   = { memory = "${floor(local.machines[name].memory / share)}Gi" }
            numCpus  = floor(local.machines[name].cpu / share)
          }
        }
      },
      { for key, value in { accelerator = { resource = local.gpu_taint }, image = "rayCuda" } : key => value if local.machines[name].gpus > 0 },
    )
  }
}

resource "azurerm_kubernetes_cluster_node_pool" "this" {
  #checkov:skip=CKV_AZURE_227: own_keys turns it on; the subscription needs a feature for it

  for_each = var.node_provisioning == "pools" ? merge(local.regular, local.spot) : {}

  name                        = replace(each.key, "-", "")
  temporary_name_for_rotation = "tmp${substr(sha256(each.key), 0, 8)}"
  kubernetes_cluster_id       = var.cluster_id
  mode                        = "User"
  vnet_subnet_id              = var.subnet_id
  tags                        = var.tags

  vm_size                 = each.value.size
  os_sku                  = "Ubuntu"
  os_disk_size_gb         = each.value.os_disk_gb
  host_encryption_enabled = var.host_encryption
  zones                   = length(each.value.zones) > 0 ? each.value.zones : null
  # Few pods fill such a machine, and AKS keeps 20 MB of it back for each that it may hold.
  max_pods = 50

  auto_scaling_enabled = true
  min_count            = each.value.min
  max_count            = each.value.max
  node_count           = each.value.min

  priority        = each.value.spot ? "Spot" : "Regular"
  eviction_policy = each.value.spot ? "Delete" : null
  spot_max_price  = each.value.spot ? -1 : null

  gpu_driver   = local.sizes[each.value.size].gpus > 0 ? "Install" : null
  gpu_instance = each.value.mig

  node_labels = merge(
    { "rayworks.io/pool" = each.value.pool },
    # What NVIDIA's charts look for.
    local.sizes[each.value.size].gpus > 0 ? { "nvidia.com/gpu.present" = "true" } : {},
    each.value.spot ? { (local.spot_key) = "spot" } : {},
  )
  node_taints = concat(
    local.sizes[each.value.size].gpus > 0 ? ["${local.gpu_taint}=present:NoSchedule"] : [],
    each.value.spot ? ["${local.spot_key}=spot:NoSchedule"] : [],
    each.value.taints,
  )

  # Spot machines may not surge.
  dynamic "upgrade_settings" {
    for_each = each.value.spot ? [] : [true]

    content {
      max_surge                = "10%"
      drain_timeout_in_minutes = 30
    }
  }

  lifecycle {
    # The autoscaler's.
    ignore_changes = [node_count]
  }
}
