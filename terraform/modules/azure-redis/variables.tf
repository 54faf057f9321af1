variable "name" {
  description = "Name of the Redis, unique in the region."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9](-?[a-zA-Z0-9])+$", var.name)) && length(var.name) <= 60
    error_message = "name \"${var.name}\" is not 2 to 60 letters, digits and single dashes within."
  }
}

variable "resource_group_name" {
  description = "Resource group of all of it."
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

variable "sku" {
  description = "Size of Azure Managed Redis. The state of a Ray cluster is some megabytes: the smallest holds hundreds."
  type        = string
  default     = "Balanced_B0"

  validation {
    condition     = can(regex("^Balanced_B(0|1|3|5|10|20)$", var.sku))
    error_message = "sku \"${var.sku}\" is not Balanced_B0, B1, B3, B5, B10 or B20: Ray takes no Redis of more than one shard, and larger ones have several."
  }
}

variable "high_availability" {
  description = "A second copy in another zone. Without it the state of the clusters is lost with a machine, at half the price."
  type        = bool
  default     = true
}

variable "own_key" {
  description = "Key of one's own: `version_id`, of a version, since Redis does not follow by itself, and `identity_id` of who may use it. Null means Microsoft's."
  type = object({
    version_id  = string
    identity_id = string
  })
  default = null
}
