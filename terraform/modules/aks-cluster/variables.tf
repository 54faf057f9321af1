variable "name" {
  description = "Name of the deployment; the cluster is `aks-<name>`."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of the cluster. AKS makes a second one for nodes and load balancers, `rg-<name>-nodes`."
  type        = string
}

variable "region" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of everything; AKS hands them on to what it makes itself."
  type        = map(string)
  default     = {}
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes; AKS takes its newest patch."
  type        = string
  default     = "1.35"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version \"${var.kubernetes_version}\" is not a minor version such as 1.35: patches are the upgrade channel's (az aks get-versions lists what there is)."
  }
}

variable "network" {
  description = <<-EOT
    Where the cluster lies: `virtual_network_id`; `nodes_subnet_id`; `apiserver_subnet_id`, of the API server's own
    addresses; `pod_cidr` and `service_cidr`, used inside the cluster only; `outbound`, as the network module has it.
  EOT
  type = object({
    virtual_network_id  = string
    nodes_subnet_id     = string
    apiserver_subnet_id = string
    pod_cidr            = optional(string, "10.244.0.0/16")
    service_cidr        = optional(string, "10.245.0.0/16")
    outbound            = optional(string, "loadBalancer")
  })
}

variable "api_server" {
  description = "Who reaches the API server: nobody from outside the network (`private`), or the `authorized_cidrs`."
  type = object({
    private          = optional(bool, false)
    authorized_cidrs = optional(set(string), [])
  })

  validation {
    condition     = var.api_server.private != (length(var.api_server.authorized_cidrs) > 0)
    error_message = "api_server has either authorized_cidrs or private = true: one of the two says who may come in."
  }
}

variable "node_provisioning" {
  description = "Where nodes come from: `pools`, node pools that the cluster autoscaler sizes; `auto`, node auto-provisioning (Karpenter, run by AKS)."
  type        = string
  default     = "pools"

  validation {
    condition     = contains(["pools", "auto"], var.node_provisioning)
    error_message = "node_provisioning \"${var.node_provisioning}\" is not known: choose pools or auto."
  }
}

variable "system_pool" {
  description = "Nodes of the cluster's own pods, which no others may use: VM size, least and most nodes. With node auto-provisioning there are always `min`."
  type = object({
    size = optional(string, "Standard_D4s_v5")
    min  = optional(number, 2)
    max  = optional(number, 3)
  })
  default = {}

  validation {
    condition     = var.system_pool.min >= 1 && var.system_pool.max >= var.system_pool.min
    error_message = "system_pool has min ${var.system_pool.min} and max ${var.system_pool.max}: at least one node, and no fewer at most than at least."
  }
}

variable "zones" {
  description = "Availability zones of the system nodes; empty where the region has none."
  type        = set(string)
  default     = ["1", "2", "3"]
}

variable "prefer_spot" {
  description = "The autoscaler asks node pools in the order of its priority ConfigMap, spot pools first."
  type        = bool
  default     = false
}

variable "administrators" {
  description = "Object ids of Entra groups whose members are administrators of the cluster."
  type        = set(string)
  default     = []
}

variable "deployers" {
  description = "Object ids, by a name, of those who install charts: the user or pipeline that runs Terraform."
  type        = map(string)
  default     = {}
}

variable "upgrades" {
  description = "Upgrade channel of Kubernetes, and when it and new node images are rolled out: weekday, UTC time, hours."
  type = object({
    channel = optional(string, "patch")
    day     = optional(string, "Sunday")
    time    = optional(string, "02:00")
    hours   = optional(number, 6)
  })
  default = {}

  validation {
    condition     = contains(["patch", "stable", "rapid", "node-image"], var.upgrades.channel)
    error_message = "upgrades.channel \"${var.upgrades.channel}\" is not known: choose patch, stable, rapid or node-image."
  }

  validation {
    condition     = contains(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"], var.upgrades.day)
    error_message = "upgrades.day \"${var.upgrades.day}\" is not a weekday: write Sunday, for example."
  }

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.upgrades.time))
    error_message = "upgrades.time \"${var.upgrades.time}\" is not a time of the form 02:00."
  }

  validation {
    condition     = var.upgrades.hours >= 4 && var.upgrades.hours <= 24
    error_message = "upgrades.hours ${var.upgrades.hours} is not within 4 to 24, the windows that AKS allows."
  }
}

variable "log_analytics" {
  description = "Workspace for the logs of control plane and containers: `workspace_id`. Null means none."
  type = object({
    workspace_id = string
  })
  default = null
}

variable "managed_prometheus" {
  description = "Have AKS scrape metrics for Azure Monitor; the rules that say where to are the monitoring module's."
  type        = bool
  default     = false
}

variable "own_keys" {
  description = "Keys of one's own for the nodes' disks: `disk_encryption_set_id`; nodes encrypt temporary disks and caches too (feature EncryptionAtHost). Null means Microsoft's."
  type = object({
    disk_encryption_set_id = string
  })
  default = null
}
