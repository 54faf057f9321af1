variable "team" {
  description = "Name of the team: of its container, of its identity, and by default of its namespace and node pool."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{2,7}$", var.team)) && !startswith(var.team, "spot")
    error_message = "team \"${var.team}\" is not 3 to 8 lower-case letters and digits, beginning with a letter and not with spot: a node pool is called after it."
  }
}

variable "name" {
  description = "Name of the deployment, part of the name of everything."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of the identity."
  type        = string
}

variable "region" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
  default     = {}
}

variable "cluster" {
  description = "The cluster: `id`, `issuer` (OIDC), `nodes_subnet_id`."
  type = object({
    id              = string
    issuer          = string
    nodes_subnet_id = string
  })
}

variable "storage_account_id" {
  description = "Storage account in which the team has a container of its own."
  type        = string
}

variable "namespaces" {
  description = "Namespaces whose Ray pods have the team's identity; empty means one called as the team is."
  type        = set(string)
  default     = []
}

variable "service_account" {
  description = "Service account of the Ray pods."
  type        = string
  default     = "ray"
}

variable "members" {
  description = "Object id of the Entra group of its members, who may fetch credentials; what they may do then, chart ray-team says. Null means none."
  type        = string
  default     = null
}

variable "node_pool" {
  description = "Nodes of its own: `size`, `min`, `max`, and `spot` machines beside them. The taint rayworks.io/team keeps other teams out. Null means the shared ones."
  type = object({
    size = string
    min  = optional(number, 0)
    max  = number
    spot = optional(bool, false)
  })
  default = null
}

variable "host_encryption" {
  description = "Encrypt temporary disks and caches of its nodes too."
  type        = bool
  default     = false
}

variable "gpu_sharing" {
  description = "How many pods share a GPU in turns, as in the whole cluster."
  type        = number
  default     = 1
}

variable "node_provisioning" {
  description = "`pools` or `auto`, as of the cluster."
  type        = string
  default     = "pools"
}
