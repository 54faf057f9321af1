variable "name" {
  description = "Name of the registry, unique in all of Azure."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9]{5,50}$", var.name))
    error_message = "name \"${var.name}\" is not 5 to 50 letters and digits, as names of registries are."
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
  description = "`Basic`, `Standard`, or `Premium`, which private access, own keys and the purge of untagged images need."
  type        = string
  default     = "Standard"

  validation {
    condition     = contains(["Basic", "Standard", "Premium"], var.sku)
    error_message = "sku \"${var.sku}\" is not known: choose Basic, Standard or Premium."
  }
}

variable "private" {
  description = "Let in nobody but through a private endpoint."
  type        = bool
  default     = false

  validation {
    condition     = !var.private || var.sku == "Premium"
    error_message = "private needs sku Premium, and sku is ${var.sku}."
  }
}

variable "pullers" {
  description = "Principals, by a name, that pull images: the cluster's nodes."
  type        = map(string)
  default     = {}
}

variable "pushers" {
  description = "Principals, by a name, that push images: the user or pipeline that builds them."
  type        = map(string)
  default     = {}
}

variable "own_key" {
  description = "Key of one's own: `key_id` without a version, and the identity that may use it, `identity_id` and `client_id`. Null means Microsoft's."
  type = object({
    key_id      = string
    identity_id = string
    client_id   = string
  })
  default = null

  validation {
    condition     = var.own_key == null || var.sku == "Premium"
    error_message = "own_key needs sku Premium, and sku is ${var.sku}."
  }
}
