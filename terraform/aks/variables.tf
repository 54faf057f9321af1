variable "name" {
  description = "Name of the deployment, part of the name of everything that is made."
  type        = string
  default     = "rayworks"

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.name))
    error_message = "name \"${var.name}\" is not made of lower-case letters, digits and single dashes, beginning with a letter."
  }

  validation {
    condition     = length(var.name) >= 3 && length(var.name) <= 16
    error_message = "name \"${var.name}\" has ${length(var.name)} characters, and 3 to 16 are possible: the key vault is called kv<name> with 6 more, and Azure allows 24."
  }
}

variable "region" {
  description = "Azure region, as `az account list-locations --query [].name` writes it."
  type        = string
  default     = "westus3"

  validation {
    condition     = can(regex("^[a-z]+[0-9]?$", var.region))
    error_message = "region \"${var.region}\" is not in the form of Azure's tools, such as westus3 for \"West US 3\": az account list-locations --query '[].name' lists them."
  }

  validation {
    condition     = var.region != "qatarcentral"
    error_message = "region \"qatarcentral\" does not offer API servers with an address in one's own network (API Server VNet Integration): choose another."
  }
}

variable "tags" {
  description = "Tags of everything, beside `rayworks-deployment`."
  type        = map(string)
  default     = {}
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes."
  type        = string
  default     = "1.35"
}

variable "network" {
  description = <<-EOT
    Address ranges: `address_space` of the virtual network, `pods` and `services` within the cluster; none may overlap
    another, or a network that this one is peered with. `outbound`: `loadBalancer` or `userAssignedNATGateway`.
  EOT
  type = object({
    address_space = optional(string, "10.20.0.0/16")
    pods          = optional(string, "10.244.0.0/16")
    services      = optional(string, "10.245.0.0/16")
    outbound      = optional(string, "loadBalancer")
  })
  default = {}

  validation {
    condition     = alltrue([for cidr in [var.network.address_space, var.network.pods, var.network.services] : can(cidrnetmask(cidr))])
    error_message = "network has ranges that are no IPv4 networks: ${join(", ", [for cidr in [var.network.address_space, var.network.pods, var.network.services] : cidr if !can(cidrnetmask(cidr))])}. Write 10.20.0.0/16, for example."
  }

  validation {
    # Two ranges overlap when they are one at the shorter of their prefixes.
    condition = alltrue([
      for pair in [
        [var.network.address_space, var.network.pods],
        [var.network.address_space, var.network.services],
        [var.network.pods, var.network.services],
      ] :
      try(
        length(distinct([for cidr in pair : cidrhost("${split("/", cidr)[0]}/${min([for one in pair : tonumber(split("/", one)[1])]...)}", 0)])) == 2,
        true,
      )
    ])
    error_message = "network has ranges that overlap: address_space ${var.network.address_space}, pods ${var.network.pods}, services ${var.network.services}. Give each a range of its own."
  }
}

variable "private_cluster" {
  description = "Let the API server be reached from within the virtual network only; from outside by `az aks command invoke`."
  type        = bool
  default     = false
}

variable "authorized_cidrs" {
  description = "Addresses that may reach the API server, unless it is private, and the key vault from the internet."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.authorized_cidrs : can(cidrnetmask(cidr)) && !startswith(cidr, "0.0.0.0/")])
    error_message = "authorized_cidrs has what is no IPv4 network, or is all of the internet: ${join(", ", [for cidr in var.authorized_cidrs : cidr if !can(cidrnetmask(cidr)) || startswith(cidr, "0.0.0.0/")])}. Write 203.0.113.7/32 for one address."
  }

  validation {
    condition     = var.private_cluster || length(var.authorized_cidrs) > 0
    error_message = "authorized_cidrs is empty and private_cluster is false, so that nobody could reach the API server: name the addresses that may, such as your own (curl -4 https://icanhazip.com), or set private_cluster = true."
  }
}

variable "administrators" {
  description = "Object ids of Entra groups whose members are administrators of the cluster and of Grafana."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.administrators : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])
    error_message = "administrators are object ids of Entra groups: ${join(", ", [for id in var.administrators : id if !can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])} is none (az ad group show --group NAME --query id)."
  }
}

variable "node_provisioning" {
  description = "Where nodes come from: `pools`, node pools that the cluster autoscaler sizes; `auto`, node auto-provisioning."
  type        = string
  default     = "pools"

  validation {
    condition     = contains(["pools", "auto"], var.node_provisioning)
    error_message = "node_provisioning \"${var.node_provisioning}\" is not known: choose pools or auto."
  }
}

variable "zones" {
  description = "Availability zones of system and CPU nodes; empty where the region has none. GPU pools name their own."
  type        = set(string)
  default     = ["1", "2", "3"]

  validation {
    condition     = alltrue([for zone in var.zones : contains(["1", "2", "3"], zone)])
    error_message = "zones are 1, 2 and 3, not ${join(", ", [for zone in var.zones : zone if !contains(["1", "2", "3"], zone)])}."
  }
}

variable "system_pool" {
  description = "Nodes of the cluster's own pods: VM size, least and most. With node auto-provisioning there are always `min`."
  type = object({
    size = optional(string, "Standard_D4s_v5")
    min  = optional(number, 2)
    max  = optional(number, 3)
  })
  default = {}
}

variable "cpu_pool" {
  description = "Nodes of heads, CPU workers and add-ons: VM size, least and most. At least one, for the operator and the add-ons."
  type = object({
    size       = optional(string, "Standard_D16s_v5")
    min        = optional(number, 1)
    max        = optional(number, 10)
    os_disk_gb = optional(number, 256)
  })
  default = {}

  validation {
    condition     = var.cpu_pool.min >= 1 || var.node_provisioning == "auto"
    error_message = "cpu_pool has min ${var.cpu_pool.min}: at least one node runs the operator and the add-ons, which the system nodes do not take."
  }
}

variable "memory_pool" {
  description = "Nodes of workers that need much memory."
  type = object({
    size       = optional(string, "Standard_E16s_v5")
    min        = optional(number, 0)
    max        = optional(number, 4)
    os_disk_gb = optional(number, 256)
  })
  default = {}
}

variable "gpu_pools" {
  description = <<-EOT
    GPU nodes by pool: VM size, least and most nodes, zones that have the size, `mig` to cut each GPU (MIG1g … MIG7g). The
    pool `gpu` is what workloads name; without it they use CPUs. From zero on, so that nothing is paid for while nothing
    runs.
  EOT
  type = map(object({
    size       = string
    min        = optional(number, 0)
    max        = optional(number, 2)
    zones      = optional(set(string), [])
    os_disk_gb = optional(number, 256)
    mig        = optional(string)
  }))
  default = { gpu = { size = "Standard_NC24ads_A100_v4", max = 3 } }

  validation {
    condition     = alltrue([for one in values(var.gpu_pools) : try(local.sizes[one.size].gpus > 0, true)])
    error_message = "gpu_pools has sizes without a GPU: ${join(", ", [for name, one in var.gpu_pools : "${one.size} (pool ${name})" if !try(local.sizes[one.size].gpus > 0, true)])}. Sizes with one are in terraform/sizes-azure.json, such as Standard_NC24ads_A100_v4."
  }

  validation {
    condition     = alltrue([for name in keys(var.gpu_pools) : can(regex("^[a-z][a-z0-9]{1,7}$", name)) && !contains(["head", "cpu", "memory", "system", "spot"], name)])
    error_message = "gpu_pools has names that are not 2 to 8 lower-case letters and digits, or are another pool's: ${join(", ", [for name in keys(var.gpu_pools) : name if !can(regex("^[a-z][a-z0-9]{1,7}$", name)) || contains(["head", "cpu", "memory", "system", "spot"], name)])}."
  }
}

variable "gpu_sharing" {
  description = "How many pods share a GPU in turns, without a wall between them (time slicing); 1 means none do."
  type        = number
  default     = 1

  validation {
    condition     = var.gpu_sharing >= 1 && var.gpu_sharing <= 48 && floor(var.gpu_sharing) == var.gpu_sharing
    error_message = "gpu_sharing ${var.gpu_sharing} is not a whole number of 1 to 48 pods."
  }
}

variable "spot" {
  description = "Have spot machines beside the regular ones, from zero on, for the pools spot-cpu, spot-memory and spot-<GPU pool>, which fall back to regular ones."
  type        = bool
  default     = false
}

variable "own_keys" {
  description = "Encrypt disks, storage, images and Redis with keys of one's own, in the key vault; nodes then encrypt temporary disks too, for which the subscription needs the feature Microsoft.Compute/EncryptionAtHost. Needs the registry's sku Premium."
  type        = bool
  default     = false

  validation {
    condition     = !var.own_keys || var.registry.sku == "Premium"
    error_message = "own_keys needs registry.sku Premium, and it is ${var.registry.sku}: only that takes a key."
  }

  validation {
    condition     = !var.own_keys || length(var.authorized_cidrs) > 0
    error_message = "own_keys is true and authorized_cidrs is empty: keys are made by the vault's own API, which only those addresses reach. Name the one that Terraform runs at."
  }
}

variable "registry" {
  description = "Container registry: `sku`; `private`, to let in nobody but through a private endpoint (then build images within the network)."
  type = object({
    sku     = optional(string, "Standard")
    private = optional(bool, false)
  })
  default = {}
}

variable "storage" {
  description = "Storage for data, checkpoints and results: `tier`, `replication`, `public_cidrs` that may reach it from the internet, `retention_days` of what is deleted."
  type = object({
    tier           = optional(string, "Standard")
    replication    = optional(string, "ZRS")
    public_cidrs   = optional(set(string), [])
    retention_days = optional(number, 7)
  })
  default = {}
}

variable "service_accounts" {
  description = "Service accounts that take on Ray's identity and so reach the storage, as `namespace/account`. Teams have identities of their own (`teams`)."
  type        = set(string)
  default     = ["ray/ray", "fashion-mnist/ray", "cluster/ray", "hello-service/ray", "digits/ray"]
}

variable "redis" {
  description = "Redis, with TLS, that keeps the state of Ray clusters whose head goes (GCS fault tolerance): `sku`, `high_availability`. Null means none."
  type = object({
    sku               = optional(string, "Balanced_B0")
    high_availability = optional(bool, true)
  })
  default = null
}

variable "monitoring" {
  description = "`logs` of containers and control plane in Log Analytics, kept `retention_days`, no more than `daily_gb` a day (-1: all); `prometheus` and `grafana`, managed; `viewers`, object ids of Entra groups that may look."
  type = object({
    logs           = optional(bool, true)
    retention_days = optional(number, 30)
    daily_gb       = optional(number, -1)
    prometheus     = optional(bool, true)
    grafana        = optional(bool, true)
    viewers        = optional(set(string), [])
  })
  default = {}

  validation {
    condition     = var.monitoring.retention_days >= 30 && var.monitoring.retention_days <= 730
    error_message = "monitoring.retention_days ${var.monitoring.retention_days} is not within 30 to 730, as Log Analytics keeps logs."
  }
}

variable "upgrades" {
  description = "Upgrade channel of Kubernetes, and the weekly window (UTC) in which it and new node images come."
  type = object({
    channel = optional(string, "patch")
    day     = optional(string, "Sunday")
    time    = optional(string, "02:00")
    hours   = optional(number, 6)
  })
  default = {}
}

variable "teams" {
  description = <<-EOT
    Teams by name, each with an identity and a container of its own: `namespaces` (default the name), `members`, the
    object id of their Entra group, and `node_pool`, nodes of their own.
  EOT
  type = map(object({
    namespaces = optional(set(string), [])
    members    = optional(string)
    node_pool = optional(object({
      size = string
      min  = optional(number, 0)
      max  = number
      spot = optional(bool, false)
    }))
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.teams) : !startswith(name, "spot")])
    error_message = "teams have names that begin as those of spot pools do: ${join(", ", [for name in keys(var.teams) : name if startswith(name, "spot")])}. Choose other names."
  }

  validation {
    condition     = length(setintersection(keys(var.teams), concat(["head", "cpu", "memory", "system", "ray"], keys(var.gpu_pools)))) == 0
    error_message = "teams are called as pools or the shared container are: ${join(", ", setintersection(keys(var.teams), concat(["head", "cpu", "memory", "system", "ray"], keys(var.gpu_pools))))}. Choose other names."
  }
}

variable "gateway" {
  description = "Have a public entrance for services, with TLS and a login: `email`, to whom the certificate authority writes; `dns_zone_id`, a zone of Azure DNS in which each service has a name, else they share a name in Azure's domain. Null means none."
  type = object({
    email       = string
    dns_zone_id = optional(string)
  })
  default = null

  validation {
    condition     = var.gateway == null ? true : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.gateway.email))
    error_message = "gateway.email is no address: Let's Encrypt, which signs the certificate, wants one."
  }
}

variable "add_ons" {
  description = "Optional add-ons of the cluster: `kueue`, queues made of the pools; `external_secrets`, the vault's secrets as Secrets; `cert_manager`, which a gateway brings along. Those for GPUs come with GPU pools."
  type = object({
    kueue            = optional(bool, true)
    external_secrets = optional(bool, true)
    cert_manager     = optional(bool, false)
  })
  default = {}
}
