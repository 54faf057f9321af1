variable "account" {
  description = "Name of the storage account, unique in all of Azure."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.account))
    error_message = "account \"${var.account}\" is not 3 to 24 lower-case letters and digits, as names of storage accounts are."
  }
}

variable "resource_group_name" {
  description = "Resource group of the account."
  type        = string
}

variable "region" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of the account."
  type        = map(string)
  default     = {}
}

variable "containers" {
  description = "Containers to make."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.containers : can(regex("^[a-z0-9](-?[a-z0-9]){2,62}$", name))])
    error_message = "Not a container's name: ${join(", ", [for name in var.containers : name if !can(regex("^[a-z0-9](-?[a-z0-9]){2,62}$", name))])}. It has 3 to 63 lower-case letters, digits and single dashes within."
  }
}

variable "tier" {
  description = "`Standard`, or `Premium` for small files and many requests."
  type        = string
  default     = "Standard"

  validation {
    condition     = contains(["Standard", "Premium"], var.tier)
    error_message = "tier \"${var.tier}\" is not known: choose Standard or Premium."
  }
}

variable "replication" {
  description = "Copies: `LRS` in one data centre, `ZRS` in three zones; `GRS` and `GZRS` in a second region too, Standard only."
  type        = string
  default     = "ZRS"

  validation {
    condition     = contains(var.tier == "Premium" ? ["LRS", "ZRS"] : ["LRS", "ZRS", "GRS", "GZRS"], var.replication)
    error_message = "replication \"${var.replication}\" is not offered by tier ${var.tier}: choose ${var.tier == "Premium" ? "LRS or ZRS" : "LRS, ZRS, GRS or GZRS"}."
  }
}

variable "public_cidrs" {
  description = "Addresses that may reach the account from the internet; empty means private endpoints only."
  type        = set(string)
  default     = []
}

variable "retention_days" {
  description = "Days for which what was deleted can be brought back."
  type        = number
  default     = 7

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 365
    error_message = "retention_days ${var.retention_days} is not within 1 to 365."
  }
}

variable "writers" {
  description = "Principals, by a name, that read and write a container: `principal_id`, `container`."
  type = map(object({
    principal_id = string
    container    = string
  }))
  default = {}

  validation {
    condition     = alltrue([for one in values(var.writers) : contains(var.containers, one.container)])
    error_message = "writers name containers that are not made: ${join(", ", [for name, one in var.writers : "${one.container} (${name})" if !contains(var.containers, one.container)])}. There are: ${join(", ", var.containers)}."
  }
}

variable "controllers" {
  description = "Principals, by a name, that find and make containers: that of the blob CSI driver's controller."
  type        = map(string)
  default     = {}
}

variable "own_key" {
  description = "Key of one's own: `key_id` without a version, and `identity_id` of who may use it. Null means Microsoft's."
  type = object({
    key_id      = string
    identity_id = string
  })
  default = null
}
