variable "cluster_id" {
  description = "Id of the cluster."
  type        = string
}

variable "node_provisioning" {
  description = "`pools`: node pools of AKS. `auto`: none, since node auto-provisioning makes the nodes; the outputs are the same."
  type        = string
  default     = "pools"

  validation {
    condition     = contains(["pools", "auto"], var.node_provisioning)
    error_message = "node_provisioning \"${var.node_provisioning}\" is not known: choose pools or auto."
  }
}

variable "subnet_id" {
  description = "Subnet of the nodes."
  type        = string
}

variable "tags" {
  description = "Tags of the node pools."
  type        = map(string)
  default     = {}
}

variable "host_encryption" {
  description = "Encrypt temporary disks and caches too; the subscription needs the feature EncryptionAtHost."
  type        = bool
  default     = false
}

variable "gpu_sharing" {
  description = "How many pods share a GPU, or a part of it, in turns (time slicing); the device plugin is to be told the same."
  type        = number
  default     = 1

  validation {
    condition     = var.gpu_sharing >= 1 && var.gpu_sharing <= 48 && floor(var.gpu_sharing) == var.gpu_sharing
    error_message = "gpu_sharing ${var.gpu_sharing} is not a whole number of 1 to 48 pods."
  }
}

variable "pools" {
  description = <<-EOT
    Pools by name. `size` is a VM size of terraform/sizes-azure.json, `min` and `max` how many nodes there are. Nodes have
    the label `rayworks.io/pool`. With `spot` there are spot machines beside the regular ones, as many at most and none at
    least, for pods that bear it. GPU nodes keep others out by the taint nvidia.com/gpu; `taints` adds more. `mig` cuts
    each GPU into parts.
  EOT
  type = map(object({
    size       = string
    min        = optional(number, 0)
    max        = number
    spot       = optional(bool, false)
    zones      = optional(set(string), [])
    os_disk_gb = optional(number, 256)
    mig        = optional(string)
    taints     = optional(list(string), [])
  }))

  validation {
    condition     = alltrue([for name in keys(var.pools) : can(regex("^[a-z][a-z0-9]{1,7}$", name)) && !startswith(name, "spot")])
    error_message = "Names of pools are 2 to 8 lower-case letters and digits, beginning with a letter and not with spot: ${join(", ", [for name in keys(var.pools) : name if !can(regex("^[a-z][a-z0-9]{1,7}$", name)) || startswith(name, "spot")])}."
  }

  validation {
    condition     = alltrue([for one in values(var.pools) : contains(keys(local.sizes), one.size)])
    error_message = "Not in terraform/sizes-azure.json: ${join(", ", [for name, one in var.pools : "${one.size} (pool ${name})" if !contains(keys(local.sizes), one.size)])}. Choose one that is, or add a line with its vCPUs, memory and GPUs."
  }

  validation {
    condition     = alltrue([for one in values(var.pools) : try(local.sizes[one.size].vcpus >= 4 && local.sizes[one.size].memory_gib >= 16, true)])
    error_message = "Too small for Ray's pods beside the system's: ${join(", ", [for name, one in var.pools : "${one.size} (pool ${name})" if !try(local.sizes[one.size].vcpus >= 4 && local.sizes[one.size].memory_gib >= 16, true)])}. Choose a size of at least 4 vCPUs and 16 GiB."
  }

  validation {
    condition     = alltrue([for one in values(var.pools) : try(local.sizes[one.size].retired, "") == ""])
    error_message = "No longer made: ${join(", ", [for name, one in var.pools : "${one.size} (pool ${name}), since ${local.sizes[one.size].retired}" if try(local.sizes[one.size].retired, "") != ""])}. Standard_NC8as_T4_v3 is the nearest for one small GPU, Standard_NC24ads_A100_v4 for a large one."
  }

  validation {
    condition     = alltrue([for one in values(var.pools) : one.min >= 0 && one.max >= max(one.min, 1) && one.max <= 1000])
    error_message = "Least and most nodes do not go together: ${join(", ", [for name, one in var.pools : "pool ${name} has min ${one.min} and max ${one.max}" if !(one.min >= 0 && one.max >= max(one.min, 1) && one.max <= 1000)])}. max is 1 to 1000, and not below min."
  }

  validation {
    condition     = alltrue([for one in values(var.pools) : one.mig == null ? true : contains(["MIG1g", "MIG2g", "MIG3g", "MIG4g", "MIG7g"], one.mig) && contains(["A100", "H100", "H200"], try(local.sizes[one.size].gpu, ""))])
    error_message = "mig cuts A100, H100 and H200 GPUs into MIG1g, MIG2g, MIG3g, MIG4g or MIG7g: ${join(", ", [for name, one in var.pools : "pool ${name} has ${one.mig} on ${one.size}" if one.mig != null])}."
  }
}
